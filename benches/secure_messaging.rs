//! Secure messaging against the bare cipher and MAC calls on the same bytes, in one line.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use egate::chip::{Command, SecureMessaging, SessionCipher, TripleDes};
use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Exchanges in one turn: three portraits' worth.
const EXCHANGES: usize = 300;
/// Turns; the quickest of each kind counts.
const TURNS: usize = 40;
/// Data of one answer, in bytes.
const DATA: usize = 224;

const ENCRYPTION: [u8; 16] = *b"\x97\x9E\xC1\x3B\x1C\xBF\xE9\xDC\xD0\x1A\xB0\xFE\xD3\x07\xEA\xE5";
const MAC: [u8; 16] = *b"\xF1\xCB\x1F\x1F\xB5\xAD\xF2\x08\x80\x6B\x89\xDC\x57\x9D\xC1\xF8";

fn main() {
    let answers = answers();
    let command = Command::new(0, 0xB0, 0, 0).expecting(DATA);
    let (mut whole, mut raw) = (Duration::MAX, Duration::MAX);
    for _ in 0..TURNS {
        let mut session = SecureMessaging::new(Box::new(cipher()), 0);
        let begin = Instant::now();
        for answer in &answers {
            black_box(session.protect(&command).unwrap().encode());
            black_box(session.unprotect(answer).unwrap());
        }
        whole = whole.min(begin.elapsed());

        let (mut inner, mut last) = (bare(&[0, 0, 0], &MAC, true), bare(&[0, 1, 0], &MAC, true));
        let mut opening = bare(&[0, 1, 0], &ENCRYPTION, false);
        // Counter, header and Le object; counter, cryptogram and status object: both padded.
        let (command_input, answer_input, cryptogram) = ([0x5A; 24], [0x5A; 256], [0x5A; DATA + 8]);
        let begin = Instant::now();
        for _ in &answers {
            mac(&mut inner, &mut last, &command_input);
            mac(&mut inner, &mut last, &answer_input);
            let mut plain = [0; DATA + 16];
            opening.decrypt_init(None, None, Some(&[0; 8])).unwrap();
            opening.cipher_update(&cryptogram, Some(&mut plain)).unwrap();
            black_box(plain);
        }
        raw = raw.min(begin.elapsed());
    }
    println!(
        "secure messaging 3DES, {EXCHANGES} answers of {DATA} bytes: {:.1} µs each, raw ciphers {:.1} µs, ratio {:.3}",
        each(whole),
        each(raw),
        whole.as_secs_f64() / raw.as_secs_f64()
    );
}

/// A context of OpenSSL with three halves of a key, nothing around it.
fn bare(order: &[usize; 3], key: &[u8; 16], encrypt: bool) -> CipherCtx {
    let cipher = Cipher::fetch(None, "DES-EDE3-CBC", None).unwrap();
    let key: Vec<u8> = order.iter().flat_map(|half| key.chunks(8).nth(*half).unwrap().to_vec()).collect();
    let mut context = CipherCtx::new().unwrap();
    match encrypt {
        true => context.encrypt_init(Some(&cipher), Some(&key), Some(&[0; 8])).unwrap(),
        false => context.decrypt_init(Some(&cipher), Some(&key), Some(&[0; 8])).unwrap(),
    }
    context.set_padding(false);
    context
}

fn mac(inner: &mut CipherCtx, last: &mut CipherCtx, input: &[u8]) {
    let (most, block) = input.split_at(input.len() - 8);
    let mut chain = [0; 256 + 8];
    inner.encrypt_init(None, None, Some(&[0; 8])).unwrap();
    let length = inner.cipher_update(most, Some(&mut chain)).unwrap();
    let mut out = [0; 16];
    last.encrypt_init(None, None, chain.get(length - 8..length)).unwrap();
    last.cipher_update(block, Some(&mut out)).unwrap();
    black_box(out);
}

fn each(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6 / EXCHANGES as f64
}

fn cipher() -> TripleDes {
    TripleDes::new(&ENCRYPTION, &MAC).unwrap()
}

/// What a chip answers, with the counters of a session that begins at zero.
fn answers() -> Vec<Vec<u8>> {
    let mut cipher = cipher();
    let padded = |mut bytes: Vec<u8>| {
        bytes.push(0x80);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    };
    (0..EXCHANGES)
        .map(|exchange| {
            let counter = 2 * exchange as u64 + 2;
            let cryptogram = cipher.encrypt(&[], &padded(vec![0xA5; DATA])).unwrap();
            let mut body = vec![0x87, 0x81, cryptogram.len() as u8 + 1, 1];
            body.extend(cryptogram);
            body.extend([0x99, 2, 0x90, 0]);
            let mac = cipher.mac(&padded([&counter.to_be_bytes()[..], &body].concat())).unwrap();
            body.extend([0x8E, 8]);
            body.extend(mac);
            body.extend([0x90, 0]);
            body
        })
        .collect()
}

//! Secure messaging against the bare cipher and MAC calls on the same bytes, in one line.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use egate::chip::{Aes, Command, SecureMessaging, SessionCipher, TripleDes};
use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Exchanges in one turn: three portraits' worth.
const EXCHANGES: usize = 300;
/// Turns; the quickest of each kind counts.
const TURNS: usize = 40;
/// Data of one answer, in bytes.
const DATA: usize = 216;

const ENCRYPTION: [u8; 16] = *b"\x97\x9E\xC1\x3B\x1C\xBF\xE9\xDC\xD0\x1A\xB0\xFE\xD3\x07\xEA\xE5";
const MAC: [u8; 16] = *b"\xF1\xCB\x1F\x1F\xB5\xAD\xF2\x08\x80\x6B\x89\xDC\x57\x9D\xC1\xF8";

fn main() {
    triple_des();
    aes();
}

/// Prints the quickest turn of each.
fn report(name: &str, whole: Duration, raw: Duration) {
    println!(
        "secure messaging {name}, {EXCHANGES} answers of {DATA} bytes: {:.1} µs each, raw ciphers {:.1} µs, ratio {:.3}",
        each(whole),
        each(raw),
        whole.as_secs_f64() / raw.as_secs_f64()
    );
}

/// Opens all answers in one session.
fn open_all(cipher: Box<dyn SessionCipher>, answers: &[Vec<u8>]) -> Duration {
    let command = Command::new(0, 0xB0, 0, 0).expecting(DATA);
    let mut session = SecureMessaging::new(cipher, 0);
    let begin = Instant::now();
    for answer in answers {
        black_box(session.protect(&command).unwrap().encode());
        black_box(session.unprotect(answer).unwrap());
    }
    begin.elapsed()
}

fn triple_des() {
    let answers = answers(&mut cipher());
    let (mut whole, mut raw) = (Duration::MAX, Duration::MAX);
    for _ in 0..TURNS {
        whole = whole.min(open_all(Box::new(cipher()), &answers));

        let (mut inner, mut last) = (bare(&[0, 0, 0], &MAC, true), bare(&[0, 1, 0], &MAC, true));
        let mut opening = bare(&[0, 1, 0], &ENCRYPTION, false);
        // Counter, header and Le object; counter, cryptogram and status object: both padded.
        let (command_input, answer_input, cryptogram) = ([0x5A; 24], [0x5A; 248], [0x5A; DATA + 8]);
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
    report("3DES", whole, raw);
}

fn aes() {
    let cipher = || Aes::new(&ENCRYPTION, &MAC).unwrap();
    let answers = answers(&mut cipher());
    let (mut whole, mut raw) = (Duration::MAX, Duration::MAX);
    let key = PKey::cmac(&openssl::symm::Cipher::aes_128_cbc(), &MAC).unwrap();
    for _ in 0..TURNS {
        whole = whole.min(open_all(Box::new(cipher()), &answers));

        let mut vector = CipherCtx::new().unwrap();
        vector.encrypt_init(Some(Cipher::aes_128_ecb()), Some(&ENCRYPTION), None).unwrap();
        let mut opening = CipherCtx::new().unwrap();
        opening.decrypt_init(Some(Cipher::aes_128_cbc()), Some(&ENCRYPTION), Some(&[0; 16])).unwrap();
        for context in [&mut vector, &mut opening] {
            context.set_padding(false);
        }
        // Counter, header and Le object; counter, cryptogram and status object: both padded.
        let (command_input, answer_input, cryptogram) = ([0x5A; 48], [0x5A; 256], [0x5A; DATA + 8]);
        let begin = Instant::now();
        for _ in &answers {
            let mut tag = [0; 16];
            Signer::new_without_digest(&key).unwrap().sign_oneshot(&mut tag, &command_input).unwrap();
            Signer::new_without_digest(&key).unwrap().sign_oneshot(&mut tag, &answer_input).unwrap();
            let (mut iv, mut plain) = ([0; 32], [0; DATA + 32]);
            vector.cipher_update(&[1; 16], Some(&mut iv)).unwrap();
            opening.decrypt_init(None, None, iv.get(..16)).unwrap();
            opening.cipher_update(&cryptogram, Some(&mut plain)).unwrap();
            black_box((plain, tag));
        }
        raw = raw.min(begin.elapsed());
    }
    report("AES-128", whole, raw);
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
fn answers(cipher: &mut dyn SessionCipher) -> Vec<Vec<u8>> {
    let block = cipher.block();
    let padded = |mut bytes: Vec<u8>| {
        bytes.push(0x80);
        bytes.resize(bytes.len().next_multiple_of(block), 0);
        bytes
    };
    (0..EXCHANGES)
        .map(|exchange| {
            let counter = (2 * exchange as u128 + 2).to_be_bytes();
            let counter = counter.get(16 - block..).unwrap();
            let cryptogram = cipher.encrypt(counter, &padded(vec![0xA5; DATA])).unwrap();
            let mut body = vec![0x87, 0x81, cryptogram.len() as u8 + 1, 1];
            body.extend(cryptogram);
            body.extend([0x99, 2, 0x90, 0]);
            let mac = cipher.mac(&padded([counter, &body].concat())).unwrap();
            body.extend([0x8E, 8]);
            body.extend(mac);
            body.extend([0x90, 0]);
            body
        })
        .collect()
}

//! Trust against the bare calls of the crypto library, on real lists and security objects that lie beside the
//! checkout: loading a master list against parsing its certificates, one passive authentication against
//! verifying the envelope and the signer's certificate, and a small store against a large one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

use egate::check::CheckResult;
use egate::trust::{Certificate, MasterList, TrustRules, TrustStore, authenticate};
use jiff::Timestamp;
use openssl::cms::{CMSOptions, CmsContentInfo};
use openssl::x509::X509;
use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

/// Turns; the quickest of each kind counts.
const TURNS: usize = 15;
/// Passive authentications in one turn.
const DOCUMENTS: usize = 20;

const VECTORS: &str = "../shared/vectors";
const LIST: &str = "master-lists/DE_ML_2025-06-25-09-31-57.ml";
const NOW: &str = "2026-01-15T12:00:00Z";

fn main() {
    if !Path::new(VECTORS).is_dir() {
        println!("SKIPPED: {VECTORS} is not there");
        return;
    }
    let now: Timestamp = NOW.parse().unwrap();
    let roots: Vec<Certificate> = fs::read_dir(format!("{VECTORS}/csca"))
        .unwrap()
        .map(|entry| Certificate::parse(&fs::read(entry.unwrap().path()).unwrap()).unwrap())
        .collect();
    let list = fs::read(format!("{VECTORS}/{LIST}")).unwrap();
    loading(&list, &roots, now);
    let german = store(&[list], &roots, now);
    let lists = fs::read_dir(format!("{VECTORS}/master-lists")).unwrap();
    let lists: Vec<Vec<u8>> = lists.map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
    let all = store(&lists, &roots, now);
    for name in ["AT", "AU", "DE", "FI", "SG-pss"] {
        let sod = fs::read(format!("{VECTORS}/sod/{name}.bin")).unwrap();
        authenticating(name, &sod, &german, now);
        looking_up(name, &sod, &german, &all, now);
    }
}

fn quickest(mut work: impl FnMut()) -> Duration {
    let turn = |work: &mut dyn FnMut()| {
        let begin = Instant::now();
        work();
        begin.elapsed()
    };
    (0..TURNS).map(|_| turn(&mut work)).min().unwrap()
}

/// From the bytes of the signed list to a store that answers, its signature verified, against parsing the
/// same certificates and nothing else.
fn loading(list: &[u8], roots: &[Certificate], now: Timestamp) {
    let parsed = MasterList::parse(list).unwrap();
    let ders: Vec<&[u8]> = parsed.certificates().iter().map(Certificate::der).collect();
    let bare = quickest(|| {
        for der in &ders {
            black_box(X509::from_der(der).unwrap());
        }
    });
    let whole = quickest(|| {
        let mut builder = TrustStore::builder();
        builder.add_master_list(list, roots).unwrap();
        black_box(builder.build(now));
    });
    println!("trust load of {} certificates: {}", ders.len(), ratio(whole, bare));
}

fn store(lists: &[Vec<u8>], roots: &[Certificate], now: Timestamp) -> TrustStore {
    // The lists are older than a gate would allow.
    let mut builder = TrustStore::builder().rules(TrustRules::ageless());
    for list in lists {
        // The list of 2024 was signed under an older root, which is in the list itself.
        let parsed = MasterList::parse(list).unwrap();
        let roots = [roots, parsed.certificates()].concat();
        builder.add_master_list(list, &roots).unwrap();
    }
    builder.build(now)
}

/// One passive authentication against verifying envelope and signer's certificate by bare calls, which are
/// given what ours must find: which certificate signed, and whose key signed that one.
fn authenticating(name: &str, sod: &[u8], store: &TrustStore, now: Timestamp) {
    let groups = BTreeMap::new();
    let found = authenticate(sod, &groups, store, now);
    assert_eq!(found.chain.result, CheckResult::Successful, "{name}");
    let signed = inside(sod);
    let signer = found.security_object.unwrap().signed().certificates()[0].der().to_vec();
    let country = fs::read(format!("{VECTORS}/{LIST}")).unwrap();
    let country = MasterList::parse(&country).unwrap();
    let certificate = Certificate::parse(&signer).unwrap();
    let mut issuers = country.certificates().iter();
    let issuer = issuers.find(|issuer| certificate.is_signed_by(issuer).unwrap_or(false)).unwrap();
    let key = X509::from_der(issuer.der()).unwrap().public_key().unwrap();
    let bare = quickest(|| {
        for _ in 0..DOCUMENTS {
            let mut envelope = CmsContentInfo::from_der(signed).unwrap();
            let options = CMSOptions::NO_SIGNER_CERT_VERIFY | CMSOptions::BINARY;
            let mut content = Vec::new();
            envelope.verify(None, None, None, Some(&mut content), options).unwrap();
            black_box(content);
            assert!(X509::from_der(&signer).unwrap().verify(&key).unwrap());
        }
    });
    let whole = quickest(|| {
        for _ in 0..DOCUMENTS {
            black_box(authenticate(sod, &groups, store, now));
        }
    });
    let each = |time: Duration| time / u32::try_from(DOCUMENTS).unwrap();
    println!("trust passive authentication {name}: {}", ratio(each(whole), each(bare)));
}

fn looking_up(name: &str, sod: &[u8], small: &TrustStore, large: &TrustStore, now: Timestamp) {
    let groups = BTreeMap::new();
    let time = |store: &TrustStore| {
        quickest(|| {
            for _ in 0..DOCUMENTS {
                black_box(authenticate(sod, &groups, store, now));
            }
        })
    };
    let (few, many) = (small.authorities(), large.authorities());
    println!("trust look-up {name}, {many} certificates against {few}: {}", ratio(time(large), time(small)));
}

/// What is inside tag 77.
fn inside(sod: &[u8]) -> &[u8] {
    let header = match sod[1] {
        0x82 => 4,
        0x81 => 3,
        _ => 2,
    };
    &sod[header..]
}

fn ratio(whole: Duration, bare: Duration) -> String {
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let ratio = whole.as_secs_f64() / bare.as_secs_f64();
    format!("{:.0} µs, bare {:.0} µs, ratio {ratio:.3}", micros(whole), micros(bare))
}

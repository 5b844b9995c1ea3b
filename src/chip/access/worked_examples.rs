//! Every figure of the worked examples of PACE that is not spoken over the wire: Doc 9303-11 appendices G and I,
//! and the examples of BSI's extended access control, from the vectors beside the checkout.

// All of this file is tests, which may read files: the house's rule looks for this line.
#[cfg(test)]
use super::mapping;
use crate::chip::crypto::{CipherSuite, Domain, KeyUse, pad};
use crate::chip::security_infos::SecurityInfos;
use crate::chip::tlv;
use openssl::bn::BigNum;
use openssl::sha::sha1;
use serde_json::Value;

const SUITE: CipherSuite = CipherSuite::Aes128;

/// The figures of one example.
struct Figures(Value);

impl Figures {
    /// `None` with a word when the vectors are not there.
    fn of(example: &str) -> Option<Figures> {
        let path = "../shared/vectors/worked-examples.json";
        let Ok(text) = std::fs::read_to_string(path) else {
            assert!(std::env::var_os("EGATE_ALL_TESTS").is_none(), "{path} is not there");
            eprintln!("SKIPPED: {path} is not there");
            return None;
        };
        let all: Value = serde_json::from_str(&text).unwrap();
        Some(Figures(all["examples"][example]["figures"].clone()))
    }

    fn part(&self, name: &str) -> Figures {
        Figures(self.0[name].clone())
    }

    fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_else(|| panic!("no figure {name}"))
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        hex::decode(self.text(name)).unwrap()
    }

    /// A point, or a number without leading zeros.
    fn public(&self, name: &str) -> Vec<u8> {
        match self.0[format!("{name}_x")].is_string() {
            true => {
                let [x, y] = ["x", "y"].map(|part| self.bytes(&format!("{name}_{part}")));
                [vec![0x04], x, y].concat()
            }
            false => self.bytes(name).into_iter().skip_while(|byte| *byte == 0).collect(),
        }
    }

    fn private(&self, name: &str) -> BigNum {
        BigNum::from_slice(&self.bytes(name)).unwrap()
    }

    fn has(&self, name: &str) -> bool {
        self.0[name].is_string() || self.0[format!("{name}_x")].is_string()
    }

    fn domain(&self) -> Domain {
        let id = self.0["parameter_id"].to_string().trim_matches('"').parse().unwrap();
        Domain::standard(id).unwrap().unwrap()
    }
}

fn generator(domain: &Domain) -> Vec<u8> {
    match domain {
        Domain::Curve(curve) => curve.encode(&curve.generator).unwrap(),
        Domain::Field(field) => field.generator.to_vec(),
    }
}

/// From the password to the tokens, as terminal and, where the chip's private keys are given, as chip.
fn steps_of_generic_mapping(figures: &Figures) {
    let password = match figures.has("mrz_information") {
        true => sha1(figures.text("mrz_information").as_bytes()).to_vec(),
        false => figures.text("password_ascii").as_bytes().to_vec(),
    };
    let key = SUITE.derive(&password, KeyUse::Password);
    let nonce = SUITE.decrypt(&key, &figures.bytes("nonce_z_encrypted")).unwrap();
    assert_eq!(nonce, figures.bytes("nonce_s"));
    let domain = figures.domain();
    let private = figures.private("map_private_ifd");
    assert_eq!(domain.public_key(&private).unwrap(), figures.public("map_public_ifd"));
    let theirs = figures.public("map_public_ic");
    let mapped = mapping::generic(&domain, &nonce, &private, &theirs).unwrap();
    assert_eq!(generator(&mapped), figures.public("mapped_generator"));
    let chips = mapping::generic(
        &domain,
        &nonce,
        &figures.private("map_private_ic"),
        &figures.public("map_public_ifd"),
    );
    assert_eq!(generator(&chips.unwrap()), figures.public("mapped_generator"));

    let private = figures.private("ephemeral_private_ifd");
    let (ours, theirs) = (figures.public("ephemeral_public_ifd"), figures.public("ephemeral_public_ic"));
    assert_eq!(mapped.public_key(&private).unwrap(), ours);
    if figures.has("ephemeral_private_ic") {
        assert_eq!(mapped.public_key(&figures.private("ephemeral_private_ic")).unwrap(), theirs);
    }
    let secret = mapped.agree(&private, &theirs).unwrap();
    assert_eq!(secret, figures.bytes("shared_secret_k"));
    assert_eq!(SUITE.derive(&secret, KeyUse::Encryption), figures.bytes("ks_enc"));
    assert_eq!(SUITE.derive(&secret, KeyUse::Mac), figures.bytes("ks_mac"));
    let mut cipher = SUITE.session(&secret).unwrap();
    for (key, token) in [(&theirs, "t_ifd"), (&ours, "t_ic")] {
        let value = tlv::encode(mapped.public_value_tag(), key);
        let object = [tlv::encode(0x06, &figures.bytes("oid_value")), value].concat();
        let token_made = cipher.token(&tlv::encode(0x7F49, &object)).unwrap();
        assert_eq!(token_made.to_vec(), figures.bytes(token), "{token}");
    }
}

#[test]
fn every_step_of_appendix_g1_on_a_curve() {
    Figures::of("app_g1").iter().for_each(steps_of_generic_mapping);
}

#[test]
fn every_step_of_appendix_g2_in_a_prime_field() {
    Figures::of("app_g2").iter().for_each(steps_of_generic_mapping);
}

#[test]
fn every_step_of_appendix_i_before_the_chips_proof() {
    Figures::of("app_i").iter().for_each(steps_of_generic_mapping);
}

/// PACE with a PIN, the first exchange under its keys, and the key agreement of chip authentication.
fn extended_access_control(example: &str) {
    let Some(figures) = Figures::of(example) else { return };
    let pace = figures.part("pace");
    steps_of_generic_mapping(&pace);

    let first = figures.part("secure_messaging_after_pace");
    let mut cipher = SUITE.session(&pace.bytes("shared_secret_k")).unwrap();
    let counter = |value: u8| [&[0; 15][..], &[value]].concat();
    let mut plain = first.bytes("plain_data");
    pad(&mut plain, cipher.block());
    assert_eq!(cipher.encrypt(&counter(1), &plain).unwrap(), first.bytes("encrypted_data"));
    let mut input = [counter(2), first.bytes("mac_data")].concat();
    pad(&mut input, cipher.block());
    assert_eq!(cipher.mac(&input).unwrap().to_vec(), first.bytes("mac"));

    let chip = figures.part("chip_authentication_v2");
    let infos = SecurityInfos::parse_card_security(&pace.bytes("ef_card_security")).unwrap();
    let (domain, public) = Domain::of_public_key(&infos.chip_authentication_keys[0].public_key).unwrap();
    assert_eq!(public, chip.public("public_ic"));
    let private = chip.private("ephemeral_private_ifd");
    assert_eq!(domain.public_key(&private).unwrap(), chip.public("ephemeral_public_ifd"));
    assert_eq!(domain.agree(&private, &public).unwrap(), chip.bytes("shared_secret_k"));
}

#[test]
fn the_example_of_extended_access_control_on_a_curve() {
    extended_access_control("tr03110_ecdh");
}

#[test]
fn the_example_of_extended_access_control_in_a_prime_field() {
    extended_access_control("tr03110_dh");
}

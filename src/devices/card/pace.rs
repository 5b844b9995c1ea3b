//! The card's side of PACE, Doc 9303-11 §4.4: generic, integrated and chip authentication mapping.

use super::attack::Attack;
use super::domain::{Domain, Element};
use super::keys::{AUTHENTICATION, ENCRYPTION, PASSWORD};
use super::mapping;
use super::objects::{object, value};
use super::secure_messaging::CardSession;
use super::security_infos::{Mapping, PaceOffer};
use super::status::{self, Status};
use openssl::bn::{BigNum, BigNumContext, BigNumRef};

/// Bytes drawn beyond a group's width, so that private keys are evenly spread.
const SPREAD: usize = 8;

/// Where random bytes come from.
pub(super) type Draw<'a> = &'a mut dyn FnMut(usize) -> Vec<u8>;

/// An answer, and the session that it opens.
pub(super) type Answered = (Vec<u8>, Option<CardSession>);

/// One run of the protocol. A refusal ends it.
pub(super) struct Pace {
    offer: PaceOffer,
    domain: Domain,
    /// What the password's key is derived from.
    password: Vec<u8>,
    /// Private key of chip authentication mapping, and whether the card pretends to have it.
    chip_key: Option<BigNum>,
    attacks: Vec<Attack>,
    step: Step,
}

/// What was done last.
enum Step {
    Chosen,
    Nonce(Vec<u8>),
    Mapped {
        generator: Element,
        /// The card's private key of the mapping, where it had one.
        private: Option<BigNum>,
    },
    Agreed {
        private: Option<BigNum>,
        secret: Vec<u8>,
        own: Vec<u8>,
        terminal: Vec<u8>,
    },
}

impl Pace {
    /// Begins as MSE:Set AT chose. The key is needed for chip authentication mapping only.
    pub(super) fn new(
        offer: PaceOffer,
        password: Vec<u8>,
        chip_key: Option<BigNum>,
        attacks: &[Attack],
    ) -> Option<Pace> {
        let domain = Domain::standardised(offer.parameters)?;
        if offer.mapping == Mapping::ChipAuthentication && chip_key.is_none() {
            return None;
        }
        Some(Pace { offer, domain, password, chip_key, attacks: attacks.to_vec(), step: Step::Chosen })
    }

    /// The next GENERAL AUTHENTICATE: content of its dynamic authentication data (tag 7C), and the
    /// answer's.
    pub(super) fn answer(&mut self, data: &[u8], draw: Draw) -> Result<Answered, Status> {
        let sent = |tag| value(data, tag).ok_or(status::WRONG_DATA);
        match std::mem::replace(&mut self.step, Step::Chosen) {
            Step::Chosen if data.is_empty() => Ok((self.give_nonce(draw), None)),
            Step::Chosen => Err(status::CONDITIONS),
            Step::Nonce(nonce) => Ok((self.map(&nonce, sent(0x81)?, draw)?, None)),
            Step::Mapped { generator, private } => {
                Ok((self.agree(&generator, private, sent(0x83)?, draw)?, None))
            }
            Step::Agreed { private, secret, own, terminal } => {
                self.confirm(private, &secret, &own, &terminal, sent(0x85)?)
            }
        }
    }

    /// Step 1: the nonce, encrypted with the password's key.
    fn give_nonce(&mut self, draw: Draw) -> Vec<u8> {
        let mut nonce = draw(mapping::nonce_bytes(self.offer.suite));
        let encrypted = self.offer.suite.derive(&self.password, PASSWORD).encrypt(&nonce);
        if self.attacks.contains(&Attack::WrongNonce) {
            nonce.iter_mut().for_each(|byte| *byte ^= 0xFF);
        }
        self.step = Step::Nonce(nonce);
        object(0x80, &encrypted)
    }

    /// Step 2: the generator of this run.
    fn map(&mut self, nonce: &[u8], sent: &[u8], draw: Draw) -> Result<Vec<u8>, Status> {
        if self.offer.mapping == Mapping::Integrated {
            let suite = self.offer.suite;
            if sent.len() != suite.key_bytes() {
                return Err(status::WRONG_DATA);
            }
            let generator = mapping::integrated(&self.domain, suite, nonce, sent).ok_or(status::FAILED)?;
            self.step = Step::Mapped { generator, private: None };
            return Ok(object(0x82, &[]));
        }
        let theirs = self.domain.decode(sent).ok_or(status::WRONG_DATA)?;
        let (private, public) = self.key_pair(None, draw).ok_or(status::FAILED)?;
        let generator = self
            .domain
            .times(&theirs, &private)
            .and_then(|shared| mapping::generic(&self.domain, nonce, &shared))
            .ok_or(status::FAILED)?;
        self.step = Step::Mapped { generator, private: Some(private) };
        let mirrored = self.attacks.contains(&Attack::MirroredMapping);
        Ok(object(0x82, if mirrored { sent } else { &public }))
    }

    /// Step 3: key agreement with that generator.
    fn agree(
        &mut self,
        generator: &Element,
        mapped: Option<BigNum>,
        sent: &[u8],
        draw: Draw,
    ) -> Result<Vec<u8>, Status> {
        let theirs = self.domain.decode(sent).ok_or(status::WRONG_DATA)?;
        let (private, public) = self.key_pair(Some(generator), draw).ok_or(status::FAILED)?;
        let own = if self.attacks.contains(&Attack::MirroredKey) { sent.to_vec() } else { public };
        let shared = self.domain.times(&theirs, &private);
        let secret = shared.and_then(|shared| self.domain.secret(&shared)).ok_or(status::FAILED)?;
        let answer = object(0x84, &own);
        self.step = Step::Agreed { private: mapped, secret, own, terminal: sent.to_vec() };
        Ok(answer)
    }

    /// Step 4: tokens over each other's public key, and the chip authentication data.
    fn confirm(
        &mut self,
        mapped: Option<BigNum>,
        secret: &[u8],
        own: &[u8],
        terminal: &[u8],
        sent: &[u8],
    ) -> Result<Answered, Status> {
        if self.attacks.contains(&Attack::MirroredKey) {
            return Ok((object(0x86, sent), None));
        }
        // A chip that does not know the password cannot judge the terminal's token, and goes on.
        let ignorant = self.attacks.contains(&Attack::WrongNonce);
        if !ignorant && sent != self.token(secret, own) {
            return Err(status::NOT_AUTHENTICATED);
        }
        let mut token = self.token(secret, terminal);
        if self.attacks.contains(&Attack::WrongToken) {
            token.iter_mut().for_each(|byte| *byte ^= 0x01);
        }
        let mut answer = object(0x86, &token);
        if self.offer.mapping == Mapping::ChipAuthentication {
            let data = mapped.and_then(|mapped| self.chip_authentication_data(&mapped, secret));
            answer.extend(object(0x8A, &data.ok_or(status::FAILED)?));
        }
        Ok((answer, Some(CardSession::new(self.offer.suite, secret))))
    }

    /// The MAC of a public key as data object 7F49, §4.4.3.4.
    fn token(&self, secret: &[u8], public_key: &[u8]) -> [u8; 8] {
        let tag = if self.domain.is_curve() { 0x86 } else { 0x84 };
        let content = [object(0x06, &self.offer.protocol), object(tag, public_key)].concat();
        let message = object(0x7F49, &content);
        let suite = self.offer.suite;
        let mut key = suite.derive(secret, AUTHENTICATION);
        match suite.block() {
            // The retail MAC wants padding, CMAC brings its own.
            8 => key.mac(&suite.pad(&message)),
            _ => key.mac(&message),
        }
    }

    /// CA_IC = SK_IC⁻¹ · SK_Map,IC, encrypted, §4.4.3.3.3 and §4.4.3.5.
    fn chip_authentication_data(&self, mapped: &BigNumRef, secret: &[u8]) -> Option<Vec<u8>> {
        let (order, mut context) = (self.domain.order()?, BigNumContext::new().ok()?);
        let [mut inverse, mut product] = [BigNum::new().ok()?, BigNum::new().ok()?];
        inverse.mod_inverse(self.chip_key.as_ref()?, &order, &mut context).ok()?;
        product.mod_mul(&inverse, mapped, &order, &mut context).ok()?;
        let plain = product.to_vec_padded(order.num_bytes()).ok()?;
        let suite = self.offer.suite;
        let mut key = suite.derive(secret, ENCRYPTION);
        let vector = key.encrypt(&vec![0xFF; suite.block()]);
        Some(key.encrypt_from(&vector, &suite.pad(&plain)))
    }

    /// A fresh key pair to a generator, the standard one where none is given; the public key encoded.
    fn key_pair(&self, generator: Option<&Element>, draw: Draw) -> Option<(BigNum, Vec<u8>)> {
        let private = self.domain.scalar(&draw(self.domain.width() + SPREAD))?;
        let public = match generator {
            Some(generator) => self.domain.times(generator, &private)?,
            None => self.domain.times(&self.domain.generator()?, &private)?,
        };
        let public = self.domain.encode(&public)?;
        Some((private, public))
    }
}

#[cfg(test)]
mod tests {
    use super::super::digest::Digest;
    use super::super::security_infos::pace_offers;
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        hex::decode(text).unwrap()
    }

    /// Figures of an appendix: EF.CardAccess, password, static key, what the card draws (nonce, private keys),
    /// and what goes to and fro.
    struct Example<'a> {
        card_access: &'a str,
        password: Vec<u8>,
        chip_key: Option<&'a str>,
        nonce: &'a str,
        private_keys: &'a [&'a str],
        exchanges: [(&'a str, &'a str); 4],
    }

    /// Plays an example to its end.
    fn holds(example: Example) {
        let offer = pace_offers(&bytes(example.card_access)).remove(0);
        let chip_key = example.chip_key.map(|key| BigNum::from_slice(&bytes(key)).unwrap());
        let mut pace = Pace::new(offer, example.password, chip_key, &[]).unwrap();
        // Private keys are drawn as a number below the order less one, to which one is added.
        let one_less = |key: &&str| {
            let mut number = BigNum::from_slice(&bytes(key)).unwrap();
            number.sub_word(1).unwrap();
            number.to_vec()
        };
        let mut draws = vec![bytes(example.nonce)];
        draws.extend(example.private_keys.iter().map(one_less));
        let mut draws = draws.into_iter();
        let mut session = None;
        for (sent, answer) in example.exchanges {
            let (given, opened) = pace.answer(&bytes(sent), &mut |_| draws.next().unwrap()).unwrap();
            assert_eq!(hex::encode_upper(given), answer);
            session = opened;
        }
        assert!(session.is_some() && draws.next().is_none());
    }

    #[test]
    fn answers_as_the_card_of_appendix_g1() {
        holds(Example {
            card_access: "31143012060A04007F0007020204020202010202010D",
            password: Digest::Sha1.of(b"T22000129364081251010318"),
            chip_key: None,
            nonce: "3F00C4D39D153F2B2A214A078D899B22",
            private_keys: &[
                "498FF49756F2DC1587840041839A85982BE7761D14715FB091EFA7BCE9058560",
                "107CF58696EF6155053340FD633392BA81909DF7B9706F226F32086C7AFF974A",
            ],
            exchanges: [
                ("", "801095A3A016522EE98D01E76CB6B98B42C3"),
                (
                    "8141047ACF3EFC982EC45565A4B155129EFBC74650DCBFA6362D896FC70262E0C2CC5E544552DCB6725218799115B55C9BAA6D9F6BC3A9618E70C25AF71777A9C4922D",
                    "824104824FBA91C9CBE26BEF53A0EBE7342A3BF178CEA9F45DE0B70AA601651FBA3F5730D8C879AAA9C9F73991E61B58F4D52EB87A0A0C709A49DC63719363CCD13C54",
                ),
                (
                    "8341042DB7A64C0355044EC9DF190514C625CBA2CEA48754887122F3A5EF0D5EDD301C3556F3B3B186DF10B857B58F6A7EB80F20BA5DC7BE1D43D9BF850149FBB36462",
                    "8441049E880F842905B8B3181F7AF7CAA9F0EFB743847F44A306D2D28C1D9EC65DF6DB7764B22277A2EDDC3C265A9F018F9CB852E111B768B326904B59A0193776F094",
                ),
                ("8508C2B0BD78D94BA866", "86083ABB9674BCE93C08"),
            ],
        });
    }

    #[test]
    fn answers_as_the_card_of_appendix_g2() {
        holds(Example {
            card_access: "31143012060A04007F00070202040102020102020100",
            password: Digest::Sha1.of(b"T22000129364081251010318"),
            chip_key: None,
            nonce: "FA5B7E3E49753A0DB9178B7B9BD898C8",
            private_keys: &[
                "66DDAFEAC1609CB5B963BB0CB3FF8B3E047F336C",
                "A5B780126B7C980E9FCEA1D4539DA1D27C342DFA",
            ],
            exchanges: [
                ("", "8010854D8DF5827FA6852D1A4FA701CDDDCA"),
                (
                    "81818023FB3749EA030D2A25B278D2A562047ADE3F01B74F17A15402CB7352CA7D2B3EB71C343DB13D1DEBCE9A3666DBCFC920B49174A602CB47965CAA73DC702489A44D41DB914DE9613DC5E98C94160551C0DF86274B9359BC0490D01B03AD54022DCB4F57FAD6322497D7A1E28D46710F461AFE710FBBBC5F8BA166F4311975EC6C",
                    "82818078879F57225AA8080D52ED0FC890A4B25336F699AA89A2D3A189654AF70729E623EA5738B26381E4DA19E004706FACE7B235C2DBF2F38748312F3C98C2DD4882A41947B324AA1259AC22579DB93F7085655AF30889DBB845D9E6783FE42C9F2449400306254C8AE8EE9DD812A804C0B66E8CAFC14F84D8258950A91B44126EE6",
                ),
                (
                    "838180907D89E2D425A178AA81AF4A7774EC8E388C115CAE67031E85EECE520BD911551B9AE4D04369F29A02626C86FBC6747CC7BC352645B6161A2A42D44EDA80A08FA8D61B76D3A154AD8A5A51786B0BC07147057871A922212C5F67F43173172236B7747D1671E6D692A3C7D40A0C3C5CE397545D015C175EB5130551EDBC2EE5D4",
                    "848180075693D9AE941877573E634B6E644F8E60AF17A0076B8B123D9201074D36152BD8B3A213F53820C42ADC79AB5D0AEEC3AEFB91394DA476BD97B9B14D0A65C1FC71A0E019CB08AF55E1F729005FBA7E3FA5DC41899238A250767A6D46DB974064386CD456743585F8E5D90CC8B4004B1F6D866C79CE0584E49687FF61BC29AEA1",
                ),
                ("8508B46DD9BD4D98381F", "8608917F37B5C0E6D8D1"),
            ],
        });
    }

    #[test]
    fn answers_as_the_card_of_appendix_h1() {
        holds(Example {
            card_access: "31143012060A04007F0007020204040202010202010D",
            password: b"123456".to_vec(),
            chip_key: None,
            nonce: "2923BE84E16CD6AE529049F1F1BBE9EB",
            private_keys: &["107CF58696EF6155053340FD633392BA81909DF7B9706F226F32086C7AFF974A"],
            exchanges: [
                ("", "8010143DC40C08C8E891FBED7DEDB92B64AD"),
                ("81105DD4CBFC96F5453B130D890A1CDBAE32", "8200"),
                (
                    "83410489CBA23FFE96AA18D824627C3E934E54A9FD0B87A95D1471DC1C0ABFDCD640D46755DE9B7B778280B6BEBD57439ADFEB0E21FD4ED6DF42578C13418A59B34C37",
                    "84410467F78E5F7F7686082B293E8D087E056916D0F74BC01A5F8957D0DE45691E51E8932B69A962B52A0985AD2C0A271EE6A13A8ADDDCD1A3A994B9DED257F4D22753",
                ),
                ("8508450F02B86F6A0909", "860875D4D96E8D5B0308"),
            ],
        });
    }

    #[test]
    fn answers_as_the_card_of_appendix_h2() {
        // The private key is longer than the order; its remainder gives the same public key.
        let order = BigNum::from_hex_str("F518AA8781A8DF278ABA4E7D64B7CB9D49462353").unwrap();
        let long = "020F018C7284B047FA7721A337EFB7ACB1440BB30C5252BD41C97C30C994BB78E9F0C5B32744D84017D21FFA6878396A6469CA283EF5C000DAF7D261A39AB8860ED4610AB5343390897AAB5A7787E4FAEFA0649C6A94FDF82D991E8E3FC332F5142729E7040A3F7D5A4D3CD75CBEE1F043C1CAD2DD484FEB4ED22B597D36688E";
        let mut private = BigNum::new().unwrap();
        private
            .nnmod(&BigNum::from_hex_str(long).unwrap(), &order, &mut BigNumContext::new().unwrap())
            .unwrap();
        holds(Example {
            card_access: "31143012060A04007F00070202040302020102020100",
            password: b"123456".to_vec(),
            chip_key: None,
            nonce: "FA5B7E3E49753A0DB9178B7B9BD898C8",
            private_keys: &[&hex::encode(private.to_vec())],
            exchanges: [
                ("", "80109ABB8864CA0FF1551E620D1EF4E13510"),
                ("8110B3A6DB3C870C3E99245E0D1C06B747DE", "8200"),
                (
                    "8381800F0CC62945A8029251FB7EF3C094E12EC68E4EF07F27CB9D9CD04C5C4250FAE0E4F8A951557E929AEB48E5C6DD47F2F5CD7C351A9BD2CD722C07EDE166770F08FFCB370262CF308DD7B07F2E0DA9CAAA1492344C852906919538C98A4BA4187E76CE9D87832386D319CE2E043C3343AEAE6EDBA1A9894DC5094D22F7FE1351D5",
                    "848180928D9A0F9DBA450F13FC859C6F290D1D36E42431138A4378500BEB4E0401854CFF111F71CB6DC1D0335807A11388CC8EAA87B07907AAD9FBA6B169AF6D8C26AF8DDDC39ADC3AD2E3FF882B84D23E9768E95A80E4746FB07A9767679FE92133B4D379935C771BD7FBED6C7BB4B1708B275EA75679524CDC9C6A91370CC662A2F3",
                ),
                ("850855D61977CBF5307E", "8608C2F04230187E1525"),
            ],
        });
    }

    /// Appendix I does not print the card's second private key, so that the last step begins with the printed
    /// secret; the static key is the one that its figures imply.
    #[test]
    fn computes_tokens_and_chip_authentication_data_of_appendix_i() {
        let offer = pace_offers(&bytes("31143012060A04007F0007020204060202010202010D")).remove(0);
        let static_key = "86C88A4579CE48135878E6348A734B5D47CE5BC1E54C0E8978687B49FDE2E2C2";
        let static_key = BigNum::from_hex_str(static_key).unwrap();
        let mut pace = Pace::new(offer, Vec::new(), Some(static_key), &[]).unwrap();
        let mapped = "9E56A6B59C95D06ECE5CD10F983BB2F4F1943528E577F23881D89D8C3BBEE0AA";
        let secret = bytes("67950559D0C06B4D4B86972D14460837461087F8419FDBC36AAF6CEAAC462832");
        let own = bytes(
            "0402AD566F3C6EC7F9324509AD50A51FA52030782A4968FCFEDF737DAEA993333111C3B9B4C2287789BD137E7F8AA882E2A3C633CCD6ECC2C63C57AD401A09C2E1",
        );
        let terminal = bytes(
            "04446C934084D9DAB863944F219520076C29EE3F7AE6722B11FF319EC1C7728F955483400BFF60BF0C5929270009277DC2A515E12575010AD9BA916CF1BF86FEFC",
        );
        let mapped = BigNum::from_hex_str(mapped).unwrap();
        let token = bytes("E86BD06018A1CD3B");
        let (answer, session) = pace.confirm(Some(mapped), &secret, &own, &terminal, &token).unwrap();
        assert_eq!(
            hex::encode_upper(answer),
            "86088596CF055C67C1A38A301EEA964DAAE372AC990E3EFDE6333353BFC89A6704D93DA8798CF77F5B7A54BD10CBA372B42BE0B9B5F28AA8DE2F4F92"
        );
        assert!(session.is_some());
    }

    #[test]
    fn a_wrong_token_and_a_step_out_of_order_are_refused() {
        let offer = pace_offers(&bytes("31143012060A04007F0007020204020202010202010D")).remove(0);
        let draw = &mut |length| vec![7; length];
        let mut pace = Pace::new(offer, b"123456".to_vec(), None, &[]).unwrap();
        assert_eq!(pace.answer(&object(0x81, &[4; 65]), draw).err(), Some(status::CONDITIONS));
        assert!(pace.answer(&[], draw).is_ok());
        assert_eq!(pace.answer(&object(0x81, &[4; 65]), draw).err(), Some(status::WRONG_DATA));
        let refused = pace.confirm(None, &[1; 32], &[4; 65], &[5; 65], &[0; 8]).err();
        assert_eq!(refused, Some(status::NOT_AUTHENTICATED));
    }
}

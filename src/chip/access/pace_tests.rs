//! The worked examples of Doc 9303-11, appendices G, H and I, spoken bit for bit over APDUs, and what PACE does
//! not put up with.
use super::*;
use crate::chip::mailbox::{Mailbox, Wish};
use crate::chip::random::ChipRandom;
use crate::chip::security_infos::SecurityInfos;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

/// Random bytes from which this private key comes: modulo the order less one, plus one.
fn random_for(private_key: &str, order: usize) -> Vec<u8> {
    let mut number = openssl::bn::BigNum::from_hex_str(private_key).unwrap();
    number.sub_word(1).unwrap();
    number.to_vec_padded((order + 8) as i32).unwrap()
}

/// A worked example.
struct Example {
    /// Last two arcs of the protocol, and number of the parameters.
    info: (u8, u8, u8),
    key: AccessKey,
    random: Vec<u8>,
    exchanges: Vec<(&'static str, String)>,
}

type Ended = (Step<Option<MappingData>>, Link, usize);

impl Example {
    fn offer(&self) -> Offer {
        let (kind, suite, parameter) = self.info;
        let entry = format!("31143012060A04007F00070202040{kind}0{suite}0201020201{parameter:02X}");
        Offer::best(&SecurityInfos::parse(&bytes(&entry)).unwrap()).unwrap()
    }

    /// Runs PACE against answers; ends with the first command that is not the example's.
    fn play(&self) -> Ended {
        let mailbox = Mailbox::default();
        let offer = self.offer();
        let mut random = RandomBytes::new(ChipRandom(self.random.clone()));
        let mut link = Link::new(mailbox.clone(), false);
        let mut spoken = 0;
        let result = {
            let mut protocol = pin!(establish(&mut link, &offer, &self.key, &mut random));
            loop {
                if let Poll::Ready(result) = protocol.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    break result;
                }
                let Some(Wish::Transmit(command)) = mailbox.take_wish() else { panic!("no command") };
                let (expected, answer) = &self.exchanges[spoken];
                assert_eq!(hex::encode_upper(command), *expected, "exchange {spoken}");
                mailbox.put_answer(Ok(bytes(answer)));
                spoken += 1;
            }
        };
        (result, link, spoken)
    }

    /// The same, in which an answer is another.
    fn with_answer(mut self, exchange: usize, answer: impl Into<String>) -> Example {
        self.exchanges[exchange].1 = answer.into();
        self
    }
}

fn exchanges(pairs: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    pairs.iter().map(|(command, answer)| (*command, (*answer).to_owned())).collect()
}

fn appendix_g1() -> Example {
    let random = [
        random_for("7F4EF07B9EA82FD78AD689B38D0BC78CF21F249D953BC46F4C6E19259C010F99", 32),
        random_for("A73FB703AC1436A18E0CFA5ABB3F7BEC7A070E7A6788486BEE230C4A22762595", 32),
    ];
    Example {
        info: (2, 2, 13),
        key: AccessKey::Mrz("T22000129364081251010318".into()),
        random: random.concat(),
        exchanges: exchanges(&[
            ("0022C1A40F800A04007F00070202040202830101", "9000"),
            ("10860000027C0000", "7C12801095A3A016522EE98D01E76CB6B98B42C39000"),
            (
                "10860000457C438141047ACF3EFC982EC45565A4B155129EFBC74650DCBFA6362D896FC70262E0C2CC5E544552DCB6725218799115B55C9BAA6D9F6BC3A9618E70C25AF71777A9C4922D00",
                "7C43824104824FBA91C9CBE26BEF53A0EBE7342A3BF178CEA9F45DE0B70AA601651FBA3F5730D8C879AAA9C9F73991E61B58F4D52EB87A0A0C709A49DC63719363CCD13C549000",
            ),
            (
                "10860000457C438341042DB7A64C0355044EC9DF190514C625CBA2CEA48754887122F3A5EF0D5EDD301C3556F3B3B186DF10B857B58F6A7EB80F20BA5DC7BE1D43D9BF850149FBB3646200",
                "7C438441049E880F842905B8B3181F7AF7CAA9F0EFB743847F44A306D2D28C1D9EC65DF6DB7764B22277A2EDDC3C265A9F018F9CB852E111B768B326904B59A0193776F0949000",
            ),
            ("008600000C7C0A8508C2B0BD78D94BA86600", "7C0A86083ABB9674BCE93C089000"),
        ]),
    }
}

fn appendix_g2() -> Example {
    let random = [
        random_for("5265030F751F4AD18B08AC565FC7AC952E41618D", 20),
        random_for("89CCD99B0E8D3B1F11E1296DCA68EC53411CF2CA", 20),
    ];
    Example {
        info: (1, 2, 0),
        key: AccessKey::Mrz("T22000129364081251010318".into()),
        random: random.concat(),
        exchanges: exchanges(&[
            ("0022C1A40F800A04007F00070202040102830101", "9000"),
            ("10860000027C0000", "7C128010854D8DF5827FA6852D1A4FA701CDDDCA9000"),
            (
                "10860000867C818381818023FB3749EA030D2A25B278D2A562047ADE3F01B74F17A15402CB7352CA7D2B3EB71C343DB13D1DEBCE9A3666DBCFC920B49174A602CB47965CAA73DC702489A44D41DB914DE9613DC5E98C94160551C0DF86274B9359BC0490D01B03AD54022DCB4F57FAD6322497D7A1E28D46710F461AFE710FBBBC5F8BA166F4311975EC6C00",
                "7C818382818078879F57225AA8080D52ED0FC890A4B25336F699AA89A2D3A189654AF70729E623EA5738B26381E4DA19E004706FACE7B235C2DBF2F38748312F3C98C2DD4882A41947B324AA1259AC22579DB93F7085655AF30889DBB845D9E6783FE42C9F2449400306254C8AE8EE9DD812A804C0B66E8CAFC14F84D8258950A91B44126EE69000",
            ),
            (
                "10860000867C8183838180907D89E2D425A178AA81AF4A7774EC8E388C115CAE67031E85EECE520BD911551B9AE4D04369F29A02626C86FBC6747CC7BC352645B6161A2A42D44EDA80A08FA8D61B76D3A154AD8A5A51786B0BC07147057871A922212C5F67F43173172236B7747D1671E6D692A3C7D40A0C3C5CE397545D015C175EB5130551EDBC2EE5D400",
                "7C8183848180075693D9AE941877573E634B6E644F8E60AF17A0076B8B123D9201074D36152BD8B3A213F53820C42ADC79AB5D0AEEC3AEFB91394DA476BD97B9B14D0A65C1FC71A0E019CB08AF55E1F729005FBA7E3FA5DC41899238A250767A6D46DB974064386CD456743585F8E5D90CC8B4004B1F6D866C79CE0584E49687FF61BC29AEA19000",
            ),
            ("008600000C7C0A8508B46DD9BD4D98381F00", "7C0A8608917F37B5C0E6D8D19000"),
        ]),
    }
}

fn appendix_h1() -> Example {
    let random = [
        bytes("5DD4CBFC96F5453B130D890A1CDBAE32"),
        random_for("A73FB703AC1436A18E0CFA5ABB3F7BEC7A070E7A6788486BEE230C4A22762595", 32),
    ];
    Example {
        info: (4, 2, 13),
        key: AccessKey::Can("123456".into()),
        random: random.concat(),
        exchanges: exchanges(&[
            // The example says another password by the same key.
            ("0022C1A40F800A04007F00070202040402830102", "9000"),
            ("10860000027C0000", "7C128010143DC40C08C8E891FBED7DEDB92B64AD9000"),
            ("10860000147C1281105DD4CBFC96F5453B130D890A1CDBAE3200", "7C0082009000"),
            (
                "10860000457C4383410489CBA23FFE96AA18D824627C3E934E54A9FD0B87A95D1471DC1C0ABFDCD640D46755DE9B7B778280B6BEBD57439ADFEB0E21FD4ED6DF42578C13418A59B34C3700",
                "7C4384410467F78E5F7F7686082B293E8D087E056916D0F74BC01A5F8957D0DE45691E51E8932B69A962B52A0985AD2C0A271EE6A13A8ADDDCD1A3A994B9DED257F4D227539000",
            ),
            ("008600000C7C0A8508450F02B86F6A090900", "7C0A860875D4D96E8D5B03089000"),
        ]),
    }
}

fn appendix_h2() -> Example {
    // The example's private key modulo the order of the group.
    let order = openssl::bn::BigNum::from_hex_str("F518AA8781A8DF278ABA4E7D64B7CB9D49462353").unwrap();
    let long = openssl::bn::BigNum::from_hex_str("4BD0E54740F9A028E6A515BFDAF967848C4F5F5FFF65AA0915947FFD1A0DF2FA6981271BC905F3551457B7E03AC3B8066DE4AA406C1171FB43DD939C4BA16175103BA3DEE16419AA248118F90CC36A3D6F4C373652E0C3CCE7F0F1D0C5425B3600F0F0D6A67F004C8BBA33F2B4733C7252445C1DFC4F1107203F71D2EFB28161").unwrap();
    let short = &long % &order;
    let random = [bytes("B3A6DB3C870C3E99245E0D1C06B747DE"), random_for(&short.to_hex_str().unwrap(), 20)];
    Example {
        info: (3, 2, 0),
        key: AccessKey::Can("123456".into()),
        random: random.concat(),
        exchanges: exchanges(&[
            ("0022C1A40F800A04007F00070202040302830102", "9000"),
            ("10860000027C0000", "7C1280109ABB8864CA0FF1551E620D1EF4E135109000"),
            ("10860000147C128110B3A6DB3C870C3E99245E0D1C06B747DE00", "9000"),
            (
                "10860000867C81838381800F0CC62945A8029251FB7EF3C094E12EC68E4EF07F27CB9D9CD04C5C4250FAE0E4F8A951557E929AEB48E5C6DD47F2F5CD7C351A9BD2CD722C07EDE166770F08FFCB370262CF308DD7B07F2E0DA9CAAA1492344C852906919538C98A4BA4187E76CE9D87832386D319CE2E043C3343AEAE6EDBA1A9894DC5094D22F7FE1351D500",
                "7C8183848180928D9A0F9DBA450F13FC859C6F290D1D36E42431138A4378500BEB4E0401854CFF111F71CB6DC1D0335807A11388CC8EAA87B07907AAD9FBA6B169AF6D8C26AF8DDDC39ADC3AD2E3FF882B84D23E9768E95A80E4746FB07A9767679FE92133B4D379935C771BD7FBED6C7BB4B1708B275EA75679524CDC9C6A91370CC662A2F39000",
            ),
            ("008600000C7C0A850855D61977CBF5307E00", "7C0A8608C2F04230187E15259000"),
        ]),
    }
}

fn appendix_i() -> Example {
    let random = [
        random_for("5D8BB87BD74D985A4B7D4325B9F7B976FE835122773400798914AA22738135CC", 32),
        random_for("76ECFDAA9841C323A3F5FC5E88B88DB3EFF7E35EBF57A7E6946CB630006C2120", 32),
    ];
    Example {
        info: (6, 2, 13),
        key: AccessKey::Mrz("C11T002JM496081222310314".into()),
        random: random.concat(),
        exchanges: exchanges(&[
            ("0022C1A40F800A04007F00070202040602830101", "9000"),
            ("10860000027C0000", "7C128010CB60E8E0D85B76A9BD304747C2AD42E29000"),
            (
                "10860000457C438141047F1D410ADB7DDB3B84BF1030800981A9105D7457B4A3ADE002384F3086C67EDE1AB889104A27DB6D842B019020FBF3CEACB0DC627F7BDCAC29969E19D0E553C100",
                "7C43824104A234236AA9B9621E8EFB73B5245C0E09D2576E5277183C1208BDD55280CAE8B304F365713A356E65A451E165ECC9AC0AC46E3771342C8FE5AEDD092685338E239000",
            ),
            (
                "10860000457C43834104446C934084D9DAB863944F219520076C29EE3F7AE6722B11FF319EC1C7728F955483400BFF60BF0C5929270009277DC2A515E12575010AD9BA916CF1BF86FEFC00",
                "7C4384410402AD566F3C6EC7F9324509AD50A51FA52030782A4968FCFEDF737DAEA993333111C3B9B4C2287789BD137E7F8AA882E2A3C633CCD6ECC2C63C57AD401A09C2E19000",
            ),
            (
                "008600000C7C0A8508E86BD06018A1CD3B00",
                "7C3C86088596CF055C67C1A38A301EEA964DAAE372AC990E3EFDE6333353BFC89A6704D93DA8798CF77F5B7A54BD10CBA372B42BE0B9B5F28AA8DE2F4F929000",
            ),
        ]),
    }
}

#[test]
fn speaks_every_example_of_the_appendices_bit_for_bit() {
    for (name, example) in [
        ("G.1", appendix_g1()),
        ("G.2", appendix_g2()),
        ("H.1", appendix_h1()),
        ("H.2", appendix_h2()),
        ("I", appendix_i()),
    ] {
        let (result, link, spoken) = example.play();
        assert!(result.unwrap().is_ok(), "{name}");
        assert_eq!(spoken, 5, "{name}");
        // AES has the shorter answers.
        assert_eq!(link.read_size(), 223, "{name}: protected by AES");
    }
}

#[test]
fn gets_the_chips_proof_of_appendix_i() {
    let (result, ..) = appendix_i().play();
    let data = result.unwrap().unwrap().unwrap();
    assert_eq!(
        hex::encode_upper(&data.factor),
        "85DC3FA93D0952BFA82F5FD189EE75BD82F11D1F0B8ED4BF5319AC9B53C426B3"
    );
    assert!(data.mapping_key.starts_with(&bytes("04A234236AA9B9621E8EFB73B5245C0E09")));
    assert_eq!(data.parameter_id, Some(13));
}

#[test]
fn a_proof_that_is_missing_or_broken_leaves_the_session_open() {
    for answer in ["7C0A86088596CF055C67C1A39000", "7C0F86088596CF055C67C1A38A030102039000"] {
        let (result, ..) = appendix_i().with_answer(4, answer).play();
        assert!(result.unwrap().unwrap().unwrap().factor.is_empty());
    }
}

#[test]
fn computes_every_step_between_of_appendix_g1() {
    let domain = Domain::standard(13).unwrap().unwrap();
    let suite = crate::chip::CipherSuite::Aes128;
    let password = sha1(b"T22000129364081251010318");
    assert_eq!(hex::encode_upper(password), "7E2D2A41C74EA0B38CD36F863939BFA8E9032AAD");
    let key = suite.derive(&password, KeyUse::Password);
    assert_eq!(hex::encode_upper(&key), "89DED1B26624EC1E634C1989302849DD");
    let nonce = suite.decrypt(&key, &bytes("95A3A016522EE98D01E76CB6B98B42C3")).unwrap();
    assert_eq!(hex::encode_upper(&nonce), "3F00C4D39D153F2B2A214A078D899B22");
    let private =
        openssl::bn::BigNum::from_hex_str("7F4EF07B9EA82FD78AD689B38D0BC78CF21F249D953BC46F4C6E19259C010F99")
            .unwrap();
    let theirs = bytes(
        "04824FBA91C9CBE26BEF53A0EBE7342A3BF178CEA9F45DE0B70AA601651FBA3F5730D8C879AAA9C9F73991E61B58F4D52EB87A0A0C709A49DC63719363CCD13C54",
    );
    let shared = domain.agree(&private, &theirs).unwrap();
    assert_eq!(hex::encode_upper(shared), "60332EF2450B5D247EF6D3868397D398852ED6E8CAF6FFEEF6BF85CA57057FD5");
    let mapped = mapping::generic(&domain, &nonce, &private, &theirs).unwrap();
    let Domain::Curve(curve) = &mapped else { panic!() };
    assert_eq!(
        hex::encode_upper(curve.encode(&curve.generator).unwrap()),
        "048CED63C91426D4F0EB1435E7CB1D74A46723A0AF21C89634F65A9AE87A9265E28C879506743F8611AC33645C5B985C80B5F09A0B83407C1B6A4D857AE76FE522"
    );
    let private =
        openssl::bn::BigNum::from_hex_str("A73FB703AC1436A18E0CFA5ABB3F7BEC7A070E7A6788486BEE230C4A22762595")
            .unwrap();
    let theirs = bytes(
        "049E880F842905B8B3181F7AF7CAA9F0EFB743847F44A306D2D28C1D9EC65DF6DB7764B22277A2EDDC3C265A9F018F9CB852E111B768B326904B59A0193776F094",
    );
    let secret = mapped.agree(&private, &theirs).unwrap();
    assert_eq!(
        hex::encode_upper(&secret),
        "28768D20701247DAE81804C9E780EDE582A9996DB4A315020B2733197DB84925"
    );
    assert_eq!(
        hex::encode_upper(suite.derive(&secret, KeyUse::Encryption)),
        "F5F0E35C0D7161EE6724EE513A0D9A7F"
    );
    assert_eq!(hex::encode_upper(suite.derive(&secret, KeyUse::Mac)), "FE251C7858B356B24514B3BD5F4297D1");
    assert_eq!(
        hex::encode_upper(public_key_object(&appendix_g1().offer(), &mapped, &theirs)),
        "7F494F060A04007F000702020402028641049E880F842905B8B3181F7AF7CAA9F0EFB743847F44A306D2D28C1D9EC65DF6DB7764B22277A2EDDC3C265A9F018F9CB852E111B768B326904B59A0193776F094"
    );
}

#[test]
fn a_wrong_password_is_judged_by_the_chip_and_said_so() {
    let (result, _, spoken) = appendix_g1().with_answer(4, "6300").play();
    assert_eq!((result.unwrap_err(), spoken), (ChipError::AccessDenied(0x6300), 5));
}

#[test]
fn a_refusal_before_the_password_is_judged_leaves_another_way() {
    for exchange in 0..4 {
        let (result, link, spoken) = appendix_g1().with_answer(exchange, "6A80").play();
        assert_eq!(result.unwrap().unwrap_err(), Status(0x6A80));
        assert_eq!((spoken, link.read_size()), (exchange + 1, 256), "and nothing is protected");
    }
}

#[test]
fn keys_that_are_ours_or_in_no_group_are_refused() {
    let our_mapping = "047ACF3EFC982EC45565A4B155129EFBC74650DCBFA6362D896FC70262E0C2CC5E544552DCB6725218799115B55C9BAA6D9F6BC3A9618E70C25AF71777A9C4922D";
    let our_key = "042DB7A64C0355044EC9DF190514C625CBA2CEA48754887122F3A5EF0D5EDD301C3556F3B3B186DF10B857B58F6A7EB80F20BA5DC7BE1D43D9BF850149FBB36462";
    let off_curve = our_key.replace("042D", "042E");
    for (exchange, answer) in [
        (2, format!("7C43824104{}9000", &our_mapping[2..])),
        (2, "7C0382010 09000".replace(' ', "")),
        (2, format!("7C438241{off_curve}9000")),
        (3, format!("7C438441{our_key}9000")),
        (3, format!("7C438441{off_curve}9000")),
        (3, "7C038401009000".into()),
        (3, "7C009000".into()),
        (4, "7C0A86083ABB9674BCE93C099000".into()),
        (4, "7C009000".into()),
        (1, "7C1180 0F95A3A016522EE98D01E76CB6B98B429000".replace(' ', "")),
        (1, "7C0280009000".into()),
    ] {
        let (result, ..) = appendix_g1().with_answer(exchange, answer.clone()).play();
        assert!(matches!(result, Err(ChipError::Protocol(_))), "{exchange} {answer}");
    }
    for answer in ["7C03840100", "7C03840101", "7C0384 0102"] {
        let answer = format!("{}9000", answer.replace(' ', ""));
        let (result, ..) = appendix_g2().with_answer(3, answer.clone()).play();
        assert!(
            matches!(result, Err(ChipError::Protocol(_))),
            "0, 1, and 2 which is not in the subgroup: {answer}"
        );
    }
}

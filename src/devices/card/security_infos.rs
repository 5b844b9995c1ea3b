//! What a chip reads in its own files about the protocols that it offers, Doc 9303-11 §9.2.
//!
//! Files come from the issuer, so that only what the card needs is looked at; what is not understood is no offer.

use super::keys::Suite;
use super::objects::{first, row};

/// Value of the object identifier id-PACE, 0.4.0.127.0.7.2.2.4.
const PACE: [u8; 8] = [0x04, 0x00, 0x7F, 0x00, 0x07, 0x02, 0x02, 0x04];
/// Value of id-CA, 0.4.0.127.0.7.2.2.3.
const CHIP_AUTHENTICATION: [u8; 8] = [0x04, 0x00, 0x7F, 0x00, 0x07, 0x02, 0x02, 0x03];

/// Tag of EF.DG14.
const DG14: u16 = 0x6E;

/// How PACE maps its nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mapping {
    Generic,
    Integrated,
    ChipAuthentication,
}

/// One kind of PACE that a chip offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PaceOffer {
    /// Value of the object identifier.
    pub(super) protocol: Vec<u8>,
    pub(super) mapping: Mapping,
    pub(super) suite: Suite,
    /// Number of the standardised domain parameters.
    pub(super) parameters: u8,
}

/// One kind of chip authentication that a chip offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChipAuthenticationOffer {
    /// Value of the object identifier.
    pub(super) protocol: Vec<u8>,
    pub(super) suite: Suite,
    /// Key that it is to be done with; `None` when there is but one.
    pub(super) key: Option<u64>,
}

/// What EF.CardAccess offers, in its order.
pub(super) fn pace_offers(card_access: &[u8]) -> Vec<PaceOffer> {
    let offer = |protocol: &[u8], numbers: &[u64]| {
        let [kind, suite] = *protocol.strip_prefix(&PACE)? else { return None };
        let mapping = match kind {
            1 | 2 => Mapping::Generic,
            3 | 4 => Mapping::Integrated,
            6 if suite > 1 => Mapping::ChipAuthentication,
            _ => return None,
        };
        let [2, parameters] = *numbers else { return None };
        let parameters = u8::try_from(parameters).ok()?;
        // Numbers 0 to 2 are prime fields, the others curves.
        let curve = matches!(kind, 2 | 4 | 6);
        let suite = Suite::of_number(suite)?;
        (curve == (parameters >= 8)).then(|| PaceOffer {
            protocol: protocol.to_vec(),
            mapping,
            suite,
            parameters,
        })
    };
    infos(card_access).iter().filter_map(|(protocol, numbers)| offer(protocol, numbers)).collect()
}

/// What EF.DG14 offers, in its order.
pub(super) fn chip_authentication_offers(data_group: &[u8]) -> Vec<ChipAuthenticationOffer> {
    let Some((group, _)) = first(data_group).filter(|(group, _)| group.tag == DG14) else {
        return Vec::new();
    };
    let offer = |protocol: &[u8], numbers: &[u64]| {
        let [1 | 2, suite] = *protocol.strip_prefix(&CHIP_AUTHENTICATION)? else { return None };
        let [_version, key @ ..] = numbers else { return None };
        let suite = Suite::of_number(suite)?;
        Some(ChipAuthenticationOffer { protocol: protocol.to_vec(), suite, key: key.first().copied() })
    };
    infos(group.value).iter().filter_map(|(protocol, numbers)| offer(protocol, numbers)).collect()
}

/// Whether an offer of chip authentication is for ECDH and not for DH.
pub(super) fn is_for_curves(protocol: &[u8]) -> bool {
    matches!(protocol, [.., 2, _])
}

/// Of each SecurityInfo whose fields are numbers: the value of its object identifier, and the numbers.
fn infos(set: &[u8]) -> Vec<(&[u8], Vec<u64>)> {
    let Some(members) = first(set).filter(|(set, _)| set.tag == 0x31).and_then(|(set, _)| row(set.value))
    else {
        return Vec::new();
    };
    members
        .into_iter()
        .filter(|member| member.tag == 0x30)
        .filter_map(|member| {
            let fields = row(member.value)?;
            let (protocol, fields) = fields.split_first()?;
            let numbers =
                fields.iter().map(|field| (field.tag == 0x02).then(|| number(field.value)).flatten());
            (protocol.tag == 0x06).then_some(())?;
            Some((protocol.value, numbers.collect::<Option<Vec<u64>>>()?))
        })
        .collect()
}

/// A number of at most 8 bytes, high byte first.
pub(super) fn number(bytes: &[u8]) -> Option<u64> {
    let significant = bytes.iter().skip_while(|byte| **byte == 0).count();
    (!bytes.is_empty() && significant <= 8)
        .then(|| bytes.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_card_access_of_appendices_g_and_i() {
        let offer = |file: &str| pace_offers(&hex::decode(file).unwrap());
        let [curve] = &offer("31143012060A04007F0007020204020202010202010D")[..] else { panic!() };
        assert_eq!((curve.mapping, curve.suite, curve.parameters), (Mapping::Generic, Suite::Aes128, 13));
        let [field] = &offer("31143012060A04007F00070202040102020102020100")[..] else { panic!() };
        assert_eq!((field.mapping, field.parameters), (Mapping::Generic, 0));
        let [cam] = &offer("31143012060A04007F0007020204060202010202010D")[..] else { panic!() };
        assert_eq!((cam.mapping, cam.suite), (Mapping::ChipAuthentication, Suite::Aes128));
    }

    #[test]
    fn what_is_not_understood_is_no_offer() {
        for file in [
            "",
            "31143012060A04007F00070202040202020102",
            // A curve's number for a prime field, version 1, mapping 5, CAM with 3DES.
            "31143012060A04007F0007020204010202010202010D",
            "31143012060A04007F0007020204020202010102010D",
            "31143012060A04007F0007020204050202010202010D",
            "31143012060A04007F0007020204060102010202010D",
        ] {
            assert_eq!(pace_offers(&hex::decode(file).unwrap()), [], "{file}");
        }
    }
}

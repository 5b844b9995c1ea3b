//! Which data groups EF.SOD lists, so that no others are asked for (Doc 9303-10 §4.6.2.3).
//!
//! A hint only, from bytes that are not verified here: [`crate::trust`] judges. A group that is not listed has
//! no hash and would be worth nothing. Where the object is in another form than DER, there is no hint.

use super::plan::FileId;
use super::security_infos::signed_content;
use super::tlv;
use std::collections::BTreeSet;

/// Most entries that are looked at: there are sixteen data groups.
const MAX_LISTED: usize = 32;
const SEQUENCE: u32 = 0x30;

/// Numbers of the data groups with a hash; `None` when they cannot be made out.
pub(super) fn listed_groups(sod: &[u8]) -> Option<BTreeSet<u8>> {
    let (file, _) = tlv::read(sod).ok().filter(|(file, _)| file.tag == FileId::Sod.tag())?;
    let (object, _) = tlv::read(signed_content(file.value).ok()?).ok()?;
    // Version, hash algorithm, hashes; the second sequence it is.
    let sequences = tlv::elements(object.value).filter_map(Result::ok).filter(|field| field.tag == SEQUENCE);
    let hashes = sequences.take(2).last()?;
    let number = |hash: tlv::Tlv<'_>| tlv::find(hash.value, 0x02).ok()?.first().copied();
    let groups: Option<BTreeSet<u8>> =
        tlv::elements(hashes.value).take(MAX_LISTED).map(|hash| number(hash.ok()?)).collect();
    groups.filter(|groups| !groups.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn lists_the_groups_of_a_specimen() {
        let file = Path::new("../shared/vectors/lds/bsi2008_mustermann/EF_SOD.bin");
        let Ok(sod) = std::fs::read(file) else {
            eprintln!("SKIPPED: {} is not there", file.display());
            return;
        };
        assert_eq!(listed_groups(&sod), Some(BTreeSet::from([1, 2, 3, 14])));
    }

    #[test]
    fn gives_no_hint_of_what_is_no_security_object() {
        for bytes in [&[][..], &[0x77, 0], &[0x77, 2, 0x30, 0], &[0x77, 4, 0x30, 0x80, 0, 0]] {
            assert_eq!(listed_groups(bytes), None);
        }
    }
}

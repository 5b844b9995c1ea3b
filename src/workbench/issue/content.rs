//! What the data groups of a document hold, as they are signed.

use super::chip::ChipPlan;
use super::defect::Defect;
use super::document::{DocumentOrder, IssuedDocument};
use crate::chip::files::{encode_dg1, encode_dg2_as, encode_dg11, encode_dg12, encode_dg13, encode_dg16};
use crate::chip::{FileId, Media, Portrait, tlv};
use anyhow::{Context, Result};
use std::collections::BTreeMap;

/// The data groups as they are signed.
pub(super) fn data_groups(
    plan: &ChipPlan,
    order: &DocumentOrder,
    lines: &[String],
    document: &IssuedDocument,
) -> Result<BTreeMap<u8, Vec<u8>>> {
    let mut portrait = portrait(&order.portrait)?;
    if order.defect == Defect::PortraitReplaced {
        portrait.bytes.extend(b"another portrait");
    }
    let mut groups =
        BTreeMap::from([(1, encode_dg1(lines)), (2, encode_dg2_as(plan.face_record, &[portrait]))]);
    if order.defect == Defect::DataGroupMalformed {
        groups.insert(2, tlv::encode(FileId::Dg(2).tag(), &tlv::encode(0x7F61, b"\x7F\x60\x82\xFF\xFF")));
    }
    groups.extend(plan.person.as_ref().map(|person| (11, encode_dg11(person))));
    groups.extend(plan.document.as_ref().map(|document| (12, encode_dg12(document))));
    groups.extend(plan.national.as_ref().map(|national| (13, encode_dg13(national.as_bytes()))));
    groups.extend(plan.dg14(&document.keys)?.map(|content| (14, content)));
    if let Some(key) = &document.keys.active_authentication {
        groups.insert(15, tlv::encode(FileId::Dg(15).tag(), &key.key.public_key_to_der()?));
    }
    if !plan.notify.is_empty() {
        groups.insert(16, encode_dg16(&plan.notify));
    }
    Ok(groups)
}

pub(super) fn portrait(bytes: &[u8]) -> Result<Portrait> {
    let media = Media::of(bytes).context("the portrait is neither JPEG nor JPEG 2000")?;
    Ok(Portrait { media, bytes: bytes.to_vec() })
}

/// The lines with the last digit of the second raised by one: the composite check digit, or in a visa the
/// last that there is.
pub(super) fn wrong_check_digit(lines: &[String]) -> Vec<String> {
    let mut lines = lines.to_vec();
    if let Some(line) = lines.get_mut(1)
        && let Some(at) = line.rfind(|character: char| character.is_ascii_digit())
    {
        let digit = line.as_bytes().get(at).map_or(0, |digit| (digit - b'0' + 1) % 10);
        line.replace_range(at..=at, &digit.to_string());
    }
    lines
}

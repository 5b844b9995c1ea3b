//! Selecting the application and reading whole files.
//!
//! A file is selected by its identifier, its first bytes say how long it is, the rest is read in pieces
//! as large as the chip gives. How large is found once, on the first piece that the chip refuses, and
//! remembered for the session. Nothing is read beyond the length that the file states, and nothing is
//! stored beyond [`MAX_FILE`].

use super::apdu::{Command, Status};
use super::link::Link;
use super::session::{ChipError, FileId};
use super::tlv;

/// Longest file that is read, in bytes. Portraits have about 20 kB, the largest groups with fingerprints below 100 kB.
pub const MAX_FILE: usize = 256 * 1024;

/// Sizes of reads to fall back to, in order: what chips in the field are known to need.
const READ_SIZES: [usize; 4] = [192, 128, 96, 64];
/// A limit below this is none of a chip.
const SMALLEST_LIMIT: usize = 64;
/// Bytes that hold every tag and length of a file.
const FILE_HEADER: usize = 6;
/// Last offset that READ BINARY can give in its parameters; the bit above means something else.
const LAST_SHORT_OFFSET: usize = 0x7FFF;
/// Identifier of the eMRTD application, Doc 9303-10 §3.
const APPLICATION: [u8; 7] = [0xA0, 0, 0, 2, 0x47, 0x10, 0x01];

/// Selects the travel document application.
pub(super) async fn select_application(link: &mut Link) -> Result<(), ChipError> {
    // Without Le: some chips refuse one where nothing is to be answered.
    let answer = link.transmit(&Command::new(0, 0xA4, 0x04, 0x0C).with_data(APPLICATION)).await?;
    match answer.status {
        Status::OK => Ok(()),
        other => Err(ChipError::NoApplication(other.0)),
    }
}

/// Reads a whole file. The inner error says why this file is not to be had; others still may be.
pub(super) async fn read_file(link: &mut Link, file: FileId) -> Result<Result<Vec<u8>, String>, ChipError> {
    let select = Command::new(0, 0xA4, 0x02, 0x0C).with_data(file.identifier().to_be_bytes());
    let answer = link.transmit(&select).await?;
    if answer.status != Status::OK {
        return Ok(Err(format!("SELECT answered {}", answer.status)));
    }
    let mut content = match read_piece(link, 0, FILE_HEADER).await? {
        Ok(piece) => piece,
        Err(status) => return Ok(Err(format!("READ BINARY answered {status}"))),
    };
    let length = match tlv::header(&content) {
        Ok(header) if header.tag == file.tag() => header.length + header.value_length,
        Ok(header) => return Ok(Err(format!("begins with tag {:X}, not {:X}", header.tag, file.tag()))),
        Err(error) => return Ok(Err(error.to_string())),
    };
    if length > MAX_FILE {
        return Ok(Err(format!("states {length} bytes, more than the bound of {MAX_FILE}")));
    }
    content.truncate(length);
    // Every turn adds at least one byte.
    while content.len() < length {
        match read_piece(link, content.len(), length - content.len()).await? {
            Ok(piece) if piece.is_empty() => {
                return Ok(Err(format!("ends after {} of {length} bytes", content.len())));
            }
            Ok(piece) => content.extend(piece),
            Err(status) => {
                return Ok(Err(format!("READ BINARY answered {status} after {} bytes", content.len())));
            }
        }
    }
    Ok(Ok(content))
}

/// Reads at most `wanted` bytes from `offset` in the selected file; fewer where the chip gives fewer.
async fn read_piece(
    link: &mut Link,
    offset: usize,
    wanted: usize,
) -> Result<Result<Vec<u8>, Status>, ChipError> {
    // Ends: each turn makes the read smaller, or returns.
    let mut size = wanted.min(link.read_size());
    loop {
        let (piece, status) = read_once(link, offset, size).await?;
        let smaller = match status {
            Status::OK | Status::END_OF_FILE if piece.len() <= size => return Ok(Ok(piece)),
            Status::OK | Status::END_OF_FILE => {
                return Err(ChipError::Protocol("more bytes read than asked for"));
            }
            other => match other.right_length() {
                Some(offered) => (offered < size).then_some(offered),
                None if refuses_length(other) => READ_SIZES.into_iter().find(|next| *next < size),
                None => None,
            },
        };
        match smaller {
            Some(smaller) => {
                // A shorter answer than that is a short file's, not the chip's limit.
                if smaller >= SMALLEST_LIMIT {
                    link.limit_read_size(smaller);
                }
                size = smaller;
            }
            None => return Ok(Err(status)),
        }
    }
}

/// Status words with which chips are known to refuse a length.
fn refuses_length(status: Status) -> bool {
    matches!(status.0, 0x6700 | 0x6F00)
}

async fn read_once(link: &mut Link, offset: usize, size: usize) -> Result<(Vec<u8>, Status), ChipError> {
    if offset <= LAST_SHORT_OFFSET {
        let [p1, p2] = (offset as u16).to_be_bytes();
        let answer = link.transmit(&Command::new(0, 0xB0, p1, p2).expecting(size)).await?;
        return Ok((answer.data, answer.status));
    }
    // Odd instruction: the offset goes in, and the bytes come, in a data object (ISO/IEC 7816-4 §11.3.3).
    let offset: Vec<u8> = offset.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    let room = if size > 0x7F { 3 } else { 2 };
    let content = size.saturating_sub(room).max(1);
    let command = Command::new(0, 0xB1, 0, 0).with_data(tlv::encode(0x54, &offset)).expecting(content + room);
    let answer = link.transmit(&command).await?;
    if answer.data.is_empty() {
        return Ok((Vec::new(), answer.status));
    }
    let content = tlv::find(&answer.data, 0x53)
        .map_err(|_| ChipError::Protocol("a read beyond 32,767 that answers no data object"))?;
    Ok((content.to_vec(), answer.status))
}

//! Selecting the application and reading whole files.
//!
//! A file is read by its short identifier, which needs no SELECT, from the beginning and as much at once as the
//! chip gives; its first bytes say how long it is, and the rest follows. Chips that refuse such reads are
//! read the plain way: SELECT, the header, then no byte beyond the end. What a chip refuses is refused
//! once and remembered for the session ([`super::link::Habits`]). Nothing is read beyond the length that
//! the file states, and nothing is stored beyond [`MAX_FILE`].

use super::apdu::{Command, Status};
use super::error::ChipError;
use super::link::Link;
use super::plan::FileId;
use super::tlv;

/// Longest file that is read, in bytes. Portraits have about 20 kB, the largest groups with fingerprints below 100 kB.
pub const MAX_FILE: usize = 256 * 1024;

/// Longest file that is a row of data objects, in bytes: such a file does not say how long it is.
const MAX_ROW: usize = 1_024;
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
/// Identifier of the master file.
const MASTER_FILE: [u8; 2] = [0x3F, 0x00];

/// Selects the travel document application.
pub(super) async fn select_application(link: &mut Link) -> Result<(), ChipError> {
    // Without Le: some chips refuse one where nothing is to be answered.
    let answer = link.transmit(&Command::new(0, 0xA4, 0x04, 0x0C).with_data(APPLICATION)).await?;
    match answer.status {
        Status::OK => Ok(()),
        other => Err(ChipError::NoApplication(other.0)),
    }
}

/// Selects the master file; whether the chip did so. Whatever it says, the session goes on: many are in it
/// already and refuse the command.
pub(super) async fn select_master_file(link: &mut Link) -> Result<bool, ChipError> {
    let answer = link.transmit(&Command::new(0, 0xA4, 0x00, 0x0C).with_data(MASTER_FILE)).await?;
    Ok(answer.status == Status::OK)
}

/// What came of a file: its bytes, or why there are none. Others still may be had.
pub(super) type FileResult = Result<Vec<u8>, String>;

/// Reads a whole file.
pub(super) async fn read_file(link: &mut Link, file: FileId) -> Result<FileResult, ChipError> {
    let first = match first_piece(link, file).await? {
        Ok(first) => first,
        Err(why) => return Ok(Err(why)),
    };
    match file {
        FileId::AtrInfo | FileId::Dir => read_row(link, first).await,
        _ => read_element(link, file, first).await,
    }
}

/// The first bytes of a file, and how many were asked for.
struct FirstPiece {
    bytes: Vec<u8>,
    asked: usize,
    /// A read of so many bytes was refused before.
    refused: Option<usize>,
}

/// Finds the file and reads from its beginning. The chip's habits are what comes out of it.
async fn first_piece(link: &mut Link, file: FileId) -> Result<Result<FirstPiece, String>, ChipError> {
    if link.habits.short_identifiers {
        match read_beginning(link, Place::Short(file.short_identifier())).await? {
            Ok(first) => return Ok(Ok(first)),
            // Most chips have not all of the master file's: that costs one exchange for each.
            Err(Status::NOT_FOUND) if file.in_master_file() => {
                return Ok(Err(format!("READ BINARY answered {}", Status::NOT_FOUND)));
            }
            Err(_) => {}
        }
    }
    let select = Command::new(0, 0xA4, 0x02, 0x0C).with_data(file.identifier().to_be_bytes());
    let answer = link.transmit(&select).await?;
    if answer.status != Status::OK {
        return Ok(Err(format!("SELECT answered {}", answer.status)));
    }
    let first = read_beginning(link, Place::Offset(0)).await?;
    if first.is_ok() {
        // The file is there: it was the short identifier that did not find it.
        link.habits.short_identifiers = false;
    }
    Ok(first.map_err(|status| format!("READ BINARY answered {status}")))
}

/// Reads as much as the chip gives at once, or only the header from a chip that reads not past the end.
async fn read_beginning(link: &mut Link, place: Place) -> Result<Result<FirstPiece, Status>, ChipError> {
    let mut refused = None;
    let mut asked = if link.habits.past_end { link.read_size() } else { FILE_HEADER };
    // Ends: each turn asks for less than the one before.
    loop {
        let (bytes, status) = read_once(link, place, asked).await?;
        if matches!(status, Status::OK | Status::END_OF_FILE) {
            return Ok(Ok(FirstPiece { bytes, asked, refused }));
        }
        let less = match status.right_length() {
            Some(offered) => offered,
            None if refuses_length(status) => FILE_HEADER,
            None => return Ok(Err(status)),
        };
        if less >= asked {
            return Ok(Err(status));
        }
        refused = refused.or(Some(asked));
        asked = less;
    }
}

/// A file that is one element.
async fn read_element(link: &mut Link, file: FileId, first: FirstPiece) -> Result<FileResult, ChipError> {
    let mut content = first.bytes;
    let length = match tlv::header(&content) {
        Ok(header) if header.tag == file.tag() => header.length + header.value_length,
        Ok(header) => return Ok(Err(format!("begins with tag {:X}, not {:X}", header.tag, file.tag()))),
        Err(error) => return Ok(Err(error.to_string())),
    };
    if length > MAX_FILE {
        return Ok(Err(format!("states {length} bytes, more than the bound of {MAX_FILE}")));
    }
    match first.refused {
        // It was not the size but the end of the file.
        Some(refused) if length < refused => link.habits.past_end = false,
        // `6Cxx` told the size that the chip gives.
        Some(_) if first.asked >= SMALLEST_LIMIT => link.limit_read_size(first.asked),
        _ => {}
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

/// A file that is a row of data objects, up to where the chip says that it ends.
async fn read_row(link: &mut Link, first: FirstPiece) -> Result<FileResult, ChipError> {
    let (mut content, mut asked) = (first.bytes, first.asked);
    // A whole piece may be followed by more; every turn adds one.
    while content.len().is_multiple_of(asked) && content.len() < MAX_ROW {
        asked = asked.max(link.short_read_size());
        let (piece, status) = read_once(link, Place::Offset(content.len()), asked).await?;
        if piece.is_empty() || !matches!(status, Status::OK | Status::END_OF_FILE) {
            break;
        }
        let whole = piece.len() == asked;
        content.extend(piece);
        if !whole {
            break;
        }
    }
    content.truncate(MAX_ROW);
    Ok(Ok(content))
}

/// Reads at most `wanted` bytes from `offset` in the current file; fewer where the chip gives fewer.
async fn read_piece(
    link: &mut Link,
    offset: usize,
    wanted: usize,
) -> Result<Result<Vec<u8>, Status>, ChipError> {
    // Ends: each turn makes the read smaller, or returns.
    let mut size = wanted.min(link.read_size());
    loop {
        let (piece, status) = read_once(link, Place::Offset(offset), size).await?;
        let smaller = match status {
            Status::OK | Status::END_OF_FILE => return Ok(Ok(piece)),
            other => match other.right_length() {
                Some(offered) => (offered < size).then_some(offered),
                None if refuses_length(other) => {
                    let sizes = [link.short_read_size()].into_iter().chain(READ_SIZES);
                    sizes.into_iter().find(|next| *next < size)
                }
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
    matches!(status.0, 0x6700 | 0x6F00 | 0x6B00)
}

/// Where a read begins.
#[derive(Clone, Copy)]
enum Place {
    /// At the beginning of the file with this short identifier, which becomes the current file.
    Short(u8),
    /// At this offset of the current file.
    Offset(usize),
}

async fn read_once(link: &mut Link, place: Place, size: usize) -> Result<(Vec<u8>, Status), ChipError> {
    const SHORT_IDENTIFIER: u8 = 0x80;
    let [p1, p2] = match place {
        Place::Short(identifier) => [SHORT_IDENTIFIER | identifier, 0],
        Place::Offset(offset) if offset > LAST_SHORT_OFFSET => return read_far(link, offset, size).await,
        Place::Offset(offset) => (offset as u16).to_be_bytes(),
    };
    let answer = link.transmit(&Command::new(0, 0xB0, p1, p2).expecting(size)).await?;
    if answer.data.len() > size {
        return Err(ChipError::Protocol("more bytes read than asked for"));
    }
    Ok((answer.data, answer.status))
}

/// Odd instruction: the offset goes in, and the bytes come, in a data object (ISO/IEC 7816-4 §11.3.3).
async fn read_far(link: &mut Link, offset: usize, size: usize) -> Result<(Vec<u8>, Status), ChipError> {
    let offset: Vec<u8> = offset.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    let room = match size {
        0..=0x81 => 2,
        0x82..=0x102 => 3,
        _ => 4,
    };
    let content = size.saturating_sub(room).max(1);
    let command = Command::new(0, 0xB1, 0, 0).with_data(tlv::encode(0x54, &offset)).expecting(content + room);
    let answer = link.transmit(&command).await?;
    if answer.data.is_empty() {
        return Ok((Vec::new(), answer.status));
    }
    let found = tlv::find(&answer.data, 0x53)
        .map_err(|_| ChipError::Protocol("a read beyond 32,767 that answers no data object"))?;
    if found.len() > size {
        return Err(ChipError::Protocol("more bytes read than asked for"));
    }
    Ok((found.to_vec(), answer.status))
}

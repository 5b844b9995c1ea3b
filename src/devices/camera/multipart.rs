//! The parts of a `multipart/x-mixed-replace` stream, as IP cameras send motion JPEG over HTTP.
//!
//! Pure and bounded: bytes go in as they arrive, pictures come out as they become whole. Clauses: RFC 2046 §5.1.1
//! for delimiters. Cameras differ from it in three ways that are taken as they come: the boundary in the header
//! has the two leading hyphens already; lines end in LF alone; a part says no length, so that the next
//! delimiter ends it.

use super::jpeg::PICTURE_MOST;

/// Bytes of one part's header at most.
const HEADER_MOST: usize = 4 << 10;
/// Bytes of a boundary at most, RFC 2046 §5.1.1, and the two hyphens.
const BOUNDARY_MOST: usize = 72;
/// Bytes passed over in search of a delimiter before the stream counts as none.
const SKIPPED_MOST: usize = PICTURE_MOST;

/// Why a stream cannot be read on. The connection is then made anew.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MultipartFault {
    /// The address gives something else: a page, a single picture, a film.
    #[error(
        "the answer is {0:?} and not multipart/x-mixed-replace: use the camera's address for motion JPEG"
    )]
    NotMultipart(String),
    /// The header names no boundary, or none that can be.
    #[error("the answer's content type has no boundary of 1 to {BOUNDARY_MOST} characters")]
    Boundary,
    /// A part's header does not end.
    #[error("a part's header is longer than {HEADER_MOST} bytes")]
    Header,
    /// A part is longer than any picture.
    #[error("a part is longer than {PICTURE_MOST} bytes")]
    Part,
    /// No delimiter comes.
    #[error("no delimiter within {SKIPPED_MOST} bytes")]
    Lost,
    /// The camera ended the stream.
    #[error("the camera ended the stream")]
    Ended,
}

/// What the parser is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaits {
    Delimiter {
        skipped: usize,
    },
    Header,
    Body {
        length: usize,
        picture: bool,
    },
    /// A body without a length; so many bytes were searched for the delimiter.
    BodyToDelimiter {
        searched: usize,
        picture: bool,
    },
}

/// The parser of one stream.
#[derive(Debug, Clone)]
pub struct Multipart {
    delimiter: Vec<u8>,
    held: Vec<u8>,
    awaits: Awaits,
}

impl Multipart {
    /// A parser for a stream with this `Content-Type`.
    ///
    /// # Errors
    /// When it is none of a motion JPEG stream.
    pub fn new(content_type: &str) -> Result<Self, MultipartFault> {
        let mut parts = content_type.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        if !["multipart/x-mixed-replace", "multipart/mixed"].contains(&kind.as_str()) {
            return Err(MultipartFault::NotMultipart(content_type.chars().take(80).collect()));
        }
        let boundary = parts
            .filter_map(|part| part.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))
            .map(|(_, value)| value.trim().trim_matches('"'))
            .filter(|value| (1..=BOUNDARY_MOST).contains(&value.len()))
            .ok_or(MultipartFault::Boundary)?;
        let delimiter = match boundary.strip_prefix("--") {
            Some(_) => boundary.to_owned(),
            None => format!("--{boundary}"),
        };
        let awaits = Awaits::Delimiter { skipped: 0 };
        Ok(Multipart { delimiter: delimiter.into_bytes(), held: Vec::new(), awaits })
    }

    /// Takes what arrived and gives the pictures that became whole by it, oldest first.
    ///
    /// # Errors
    /// When the stream cannot be read on.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, MultipartFault> {
        self.held.extend(bytes);
        let mut pictures = Vec::new();
        // Ends: every step takes bytes away or goes from a delimiter to its header.
        while let Some(step) = self.step()? {
            pictures.extend(step);
        }
        Ok(pictures)
    }

    /// One step: `None` when more bytes are needed, a picture when one became whole.
    fn step(&mut self) -> Result<Option<Option<Vec<u8>>>, MultipartFault> {
        match self.awaits {
            Awaits::Delimiter { skipped } => Ok(self.find_delimiter(skipped)?.then_some(None)),
            Awaits::Header => Ok(self.read_header()?.then_some(None)),
            Awaits::Body { length, picture } => {
                if self.held.len() < length {
                    return Ok(None);
                }
                Ok(Some(self.take_body(length, picture)))
            }
            Awaits::BodyToDelimiter { searched, picture } => {
                let from = searched.saturating_sub(self.delimiter.len());
                let found = position(self.held.get(from..).unwrap_or_default(), &self.delimiter);
                match found {
                    Some(place) => {
                        let end = text_end(self.held.get(..from + place).unwrap_or_default());
                        Ok(Some(self.take_body(end, picture)))
                    }
                    None if self.held.len() > PICTURE_MOST => Err(MultipartFault::Part),
                    None => {
                        self.awaits = Awaits::BodyToDelimiter { searched: self.held.len(), picture };
                        Ok(None)
                    }
                }
            }
        }
    }

    fn find_delimiter(&mut self, skipped: usize) -> Result<bool, MultipartFault> {
        let Some(place) = position(&self.held, &self.delimiter) else {
            // What may be the delimiter's beginning is kept.
            let gone = self.held.len().saturating_sub(self.delimiter.len());
            self.held.drain(..gone);
            let skipped = skipped + gone;
            self.awaits = Awaits::Delimiter { skipped };
            return if skipped > SKIPPED_MOST { Err(MultipartFault::Lost) } else { Ok(false) };
        };
        self.held.drain(..place);
        let behind = self.held.get(self.delimiter.len()..).unwrap_or_default();
        match behind {
            [b'-', b'-', ..] => Err(MultipartFault::Ended),
            [] | [b'-' | b'\r'] => Ok(false),
            [b'\r', b'\n', ..] | [b'\n', ..] => {
                let line_end = if behind.starts_with(b"\n") { 1 } else { 2 };
                self.held.drain(..self.delimiter.len() + line_end);
                self.awaits = Awaits::Header;
                Ok(true)
            }
            // The same characters inside something longer.
            _ => {
                self.held.drain(..self.delimiter.len());
                self.awaits = Awaits::Delimiter { skipped: skipped + self.delimiter.len() };
                Ok(true)
            }
        }
    }

    fn read_header(&mut self) -> Result<bool, MultipartFault> {
        let Some(end) = header_end(&self.held) else {
            return if self.held.len() > HEADER_MOST { Err(MultipartFault::Header) } else { Ok(false) };
        };
        if end > HEADER_MOST {
            return Err(MultipartFault::Header);
        }
        let header: Vec<u8> = self.held.drain(..end).collect();
        let header = String::from_utf8_lossy(&header).into_owned();
        let picture = field(&header, "content-type").is_none_or(|kind| {
            let kind = kind.to_ascii_lowercase();
            kind.starts_with("image/jpeg") || kind.starts_with("image/jpg")
        });
        let length = field(&header, "content-length").and_then(|value| value.parse().ok());
        self.awaits = match length {
            Some(length) if length > PICTURE_MOST => return Err(MultipartFault::Part),
            Some(length) => Awaits::Body { length, picture },
            None => Awaits::BodyToDelimiter { searched: 0, picture },
        };
        Ok(true)
    }

    fn take_body(&mut self, length: usize, picture: bool) -> Option<Vec<u8>> {
        let body: Vec<u8> = self.held.drain(..length.min(self.held.len())).collect();
        self.awaits = Awaits::Delimiter { skipped: 0 };
        (picture && !body.is_empty()).then_some(body)
    }
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// Behind the empty line that ends a header; a header may be that line alone.
fn header_end(bytes: &[u8]) -> Option<usize> {
    let mut line_start = 0;
    for (place, byte) in bytes.iter().enumerate() {
        if *byte == b'\n' {
            match bytes.get(line_start..place) {
                Some([] | [b'\r']) => return Some(place + 1),
                _ => line_start = place + 1,
            }
        }
    }
    None
}

/// The line end before a delimiter belongs to the delimiter.
fn text_end(body: &[u8]) -> usize {
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    body.strip_suffix(b"\r").unwrap_or(body).len()
}

fn field<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let fields = header.lines().filter_map(|line| line.split_once(':'));
    fields.into_iter().find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TYPE: &str = "multipart/x-mixed-replace; boundary=frame";

    fn stream(pictures: &[Vec<u8>], with_length: bool, line: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        for picture in pictures {
            bytes.extend(format!("--frame{line}Content-Type: image/jpeg{line}").bytes());
            if with_length {
                bytes.extend(format!("Content-Length: {}{line}", picture.len()).bytes());
            }
            bytes.extend(line.bytes());
            bytes.extend(picture);
            bytes.extend(line.bytes());
        }
        bytes.extend(format!("--frame{line}").bytes());
        bytes
    }

    #[test]
    fn a_boundary_that_has_its_hyphens_already_or_is_quoted_is_understood() {
        for kind in [
            "multipart/x-mixed-replace;boundary=--frame",
            "Multipart/X-Mixed-Replace; Boundary=\"frame\"",
            "multipart/x-mixed-replace; charset=x; boundary=frame",
        ] {
            let mut parser = Multipart::new(kind).unwrap();
            let pictures = vec![b"one".to_vec()];
            assert_eq!(parser.push(&stream(&pictures, true, "\r\n")).unwrap(), pictures, "{kind}");
        }
    }

    #[test]
    fn what_is_no_stream_is_named() {
        let page = Multipart::new("text/html; charset=utf-8").unwrap_err();
        assert!(page.to_string().contains("text/html") && page.to_string().contains("motion JPEG"));
        assert_eq!(Multipart::new("multipart/x-mixed-replace").unwrap_err(), MultipartFault::Boundary);
    }

    #[test]
    fn parts_that_are_no_pictures_are_passed_over() {
        let mut parser = Multipart::new(TYPE).unwrap();
        let text = b"--frame\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello\r\n";
        assert_eq!(parser.push(text).unwrap(), Vec::<Vec<u8>>::new());
        let pictures = vec![b"one".to_vec()];
        assert_eq!(parser.push(&stream(&pictures, true, "\r\n")).unwrap(), pictures);
    }

    #[test]
    fn a_wrong_length_costs_a_picture_and_not_the_stream() {
        let mut parser = Multipart::new(TYPE).unwrap();
        let lie = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 2\r\n\r\nlonger\r\n";
        assert_eq!(parser.push(lie).unwrap(), vec![b"lo".to_vec()]);
        let pictures = vec![b"one".to_vec()];
        assert_eq!(parser.push(&stream(&pictures, true, "\r\n")).unwrap(), pictures);
    }

    #[test]
    fn endless_headers_parts_and_noise_end_the_stream() {
        let endless = |start: &[u8], fill: &[u8]| {
            let mut parser = Multipart::new(TYPE).unwrap();
            let mut fault = parser.push(start).err();
            let mut pushed = 0;
            while fault.is_none() && pushed < 2 * PICTURE_MOST {
                fault = parser.push(fill).err();
                pushed += fill.len();
            }
            fault
        };
        assert_eq!(endless(b"--frame\r\n", &[b'a'; 999]), Some(MultipartFault::Header));
        assert_eq!(endless(b"--frame\r\n\r\n", &vec![0; 1 << 20]), Some(MultipartFault::Part));
        assert_eq!(endless(b"", &vec![0; 1 << 20]), Some(MultipartFault::Lost));
        assert_eq!(
            endless(b"--frame\r\nContent-Length: 99999999999\r\n\r\n", b"x"),
            Some(MultipartFault::Part)
        );
        assert_eq!(endless(b"--frame--\r\n", b"x"), Some(MultipartFault::Ended));
    }

    proptest! {
        #[test]
        fn every_picture_comes_out_however_the_stream_is_cut(
            pictures in proptest::collection::vec(proptest::collection::vec(1u8..10, 1..200), 0..5),
            cut in 1usize..60,
            with_length in any::<bool>(),
            crlf in any::<bool>(),
        ) {
            let mut parser = Multipart::new(TYPE).unwrap();
            let bytes = stream(&pictures, with_length, if crlf { "\r\n" } else { "\n" });
            let got: Vec<_> = bytes.chunks(cut).flat_map(|chunk| parser.push(chunk).unwrap()).collect();
            prop_assert_eq!(got, pictures);
        }

        #[test]
        fn any_bytes_neither_panic_nor_hang(
            pieces in proptest::collection::vec(prop_oneof![
                Just(b"--frame".to_vec()), Just(b"\r\n".to_vec()), Just(b"\n".to_vec()),
                Just(b"Content-Length: 7".to_vec()), Just(b"Content-Type: image/jpeg".to_vec()),
                proptest::collection::vec(any::<u8>(), 0..9),
            ], 0..60),
        ) {
            let mut parser = Multipart::new(TYPE).unwrap();
            for piece in pieces {
                if parser.push(&piece).is_err() {
                    break;
                }
            }
        }
    }
}

//! Finds frames in a stream of bytes.
//!
//! Pure and bounded. Any byte inside a frame's text that is no text means that the frame was cut off or damaged, and the
//! search begins again behind the frame's first byte.

use super::profile::{FrameCheck, FramingProfile, HeaderByte, ProfileFault, is_text, xor};

/// Lines in one frame; more are noise.
const LINES_MOST: usize = 4;
/// Whole shapes of a machine readable zone (lines, characters): such a frame needs no end byte.
const WHOLE: [(usize, usize); 3] = [(2, 44), (2, 36), (3, 30)];

/// Finds frames in a stream. Holds at most one frame's length of bytes.
#[derive(Debug, Clone)]
pub struct Deframer {
    profile: FramingProfile,
    held: Vec<u8>,
    damaged: u64,
}

/// What begins at the first held byte.
enum Begun {
    /// A whole frame of so many bytes.
    Frame(usize, Vec<String>),
    /// A frame whose rest is still to come.
    Incomplete,
    /// Nothing.
    Noise,
    /// A whole frame whose check byte is wrong.
    Damaged,
}

impl Deframer {
    /// Begins with nothing heard.
    ///
    /// # Errors
    /// When the profile cannot work.
    pub fn new(profile: FramingProfile) -> Result<Self, ProfileFault> {
        profile.examine()?;
        Ok(Deframer { profile, held: Vec::new(), damaged: 0 })
    }

    /// Takes what arrived and gives the frames that became whole by it, in order.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Vec<String>> {
        let mut frames = Vec::new();
        for byte in bytes {
            self.held.push(*byte);
            frames.extend(self.settle());
        }
        frames
    }

    /// The line was silent for the profile's time: what was begun is over. Gives a frame where only
    /// silence ends frames.
    pub fn silence(&mut self) -> Option<Vec<String>> {
        let held = std::mem::take(&mut self.held);
        if !self.profile.start.is_empty() {
            return None;
        }
        let lines = self.lines(&held);
        (!lines.is_empty() && lines.len() <= LINES_MOST).then_some(lines)
    }

    /// Whether a frame may have begun.
    pub fn pending(&self) -> bool {
        !self.held.is_empty()
    }

    /// Frames thrown away because their check byte was wrong.
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// After one more byte: drops what cannot begin a frame, gives the frame that became whole.
    fn settle(&mut self) -> Option<Vec<String>> {
        while !self.held.is_empty() {
            let begun = if self.profile.start.is_empty() { self.begun_bare() } else { self.begun_framed() };
            match begun {
                Begun::Incomplete => return None,
                Begun::Frame(length, lines) => {
                    self.held.drain(..length.min(self.held.len()));
                    if !lines.is_empty() && lines.len() <= LINES_MOST {
                        return Some(lines);
                    }
                }
                Begun::Noise => drop(self.held.remove(0)),
                Begun::Damaged => {
                    self.damaged = self.damaged.saturating_add(1);
                    self.held.remove(0);
                }
            }
        }
        None
    }

    fn begun_framed(&self) -> Begun {
        let of = &self.profile;
        if self.held.len() > of.length_most {
            return Begun::Noise;
        }
        let mut rest = Cursor { bytes: &self.held, place: 0 };
        for part in [Part::Fixed(&of.start), Part::Header(&of.header), Part::Fixed(&of.text_start)] {
            match rest.take(part) {
                Some(true) => {}
                Some(false) => return Begun::Noise,
                None => return Begun::Incomplete,
            }
        }
        let text_from = rest.place;
        let text = self.held.get(text_from..).unwrap_or_default();
        let Some(length) = text.iter().position(|byte| !is_text(*byte) && !of.line_ends.contains(byte))
        else {
            return Begun::Incomplete;
        };
        rest.place += length;
        match rest.take(Part::Fixed(&of.end)) {
            Some(true) => {}
            Some(false) => return Begun::Noise,
            None => return Begun::Incomplete,
        }
        let text = text.get(..length).unwrap_or_default();
        if of.check == FrameCheck::None {
            return Begun::Frame(rest.place, self.lines(text));
        }
        let checked = self.held.get(1..rest.place).unwrap_or_default();
        match self.held.get(rest.place) {
            None => Begun::Incomplete,
            Some(check) if *check == xor(checked) => Begun::Frame(rest.place + 1, self.lines(text)),
            Some(_) => Begun::Damaged,
        }
    }

    /// Without start bytes a frame is whole when its lines have the shape of a machine readable zone.
    fn begun_bare(&self) -> Begun {
        let of = &self.profile;
        if self.held.len() > of.length_most || self.held.first().is_some_and(|byte| !is_text(*byte)) {
            return Begun::Noise;
        }
        if !self.held.last().is_some_and(|byte| of.line_ends.contains(byte)) {
            return Begun::Incomplete;
        }
        let lines = self.lines(&self.held);
        let whole = WHOLE
            .into_iter()
            .any(|(count, length)| lines.len() == count && lines.iter().all(|line| line.len() == length));
        if whole { Begun::Frame(self.held.len(), lines) } else { Begun::Incomplete }
    }

    /// Lines without padding, control characters and blanks around them; empty ones are left out.
    fn lines(&self, text: &[u8]) -> Vec<String> {
        text.split(|byte| self.profile.line_ends.contains(byte))
            .map(|line| {
                let kept = line.iter().filter(|byte| is_text(**byte) && Some(**byte) != self.profile.padding);
                kept.map(|byte| char::from(*byte)).collect::<String>().trim().to_owned()
            })
            .filter(|line| !line.is_empty())
            .collect()
    }
}

enum Part<'a> {
    Fixed(&'a [u8]),
    Header(&'a [HeaderByte]),
}

struct Cursor<'a> {
    bytes: &'a [u8],
    place: usize,
}

impl Cursor<'_> {
    /// Whether the next bytes are this part; `None` when they may become it.
    fn take(&mut self, part: Part<'_>) -> Option<bool> {
        let fits = |place: usize, byte: u8| match part {
            Part::Fixed(wanted) => wanted.get(place) == Some(&byte),
            Part::Header(wanted) => match wanted.get(place) {
                Some(HeaderByte::Fixed(fixed)) => *fixed == byte,
                Some(HeaderByte::Varies(_)) => true,
                None => false,
            },
        };
        let length = match part {
            Part::Fixed(wanted) => wanted.len(),
            Part::Header(wanted) => wanted.len(),
        };
        for place in 0..length {
            if !fits(place, *self.bytes.get(self.place + place)?) {
                return Some(false);
            }
        }
        self.place += length;
        Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINES: [&str; 2] =
        ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"];

    fn profiles() -> [FramingProfile; 3] {
        [FramingProfile::plain(), FramingProfile::desko(0x1C, 0x1D), FramingProfile::rte()]
    }

    fn deframer(profile: &FramingProfile) -> Deframer {
        Deframer::new(profile.clone()).unwrap()
    }

    #[test]
    fn every_profile_reads_what_it_frames() {
        for profile in profiles() {
            assert_eq!(deframer(&profile).push(&profile.frame(&LINES)), vec![LINES.to_vec()]);
        }
    }

    #[test]
    fn padding_is_taken_off() {
        let profile = FramingProfile::rte();
        let frame = profile.frame(&["I<UTOD231458907<<<<<<<<<<<<<<<____", "_____"]);
        assert_eq!(deframer(&profile).push(&frame), vec![vec!["I<UTOD231458907<<<<<<<<<<<<<<<"]]);
    }

    #[test]
    fn a_frame_with_a_wrong_check_byte_is_thrown_away_and_the_next_one_is_read() {
        let profile = FramingProfile::rte();
        let mut damaged = profile.frame(&LINES);
        damaged[20] ^= 1;
        let mut deframer = deframer(&profile);
        assert!(deframer.push(&damaged).is_empty());
        assert_eq!(deframer.damaged(), 1);
        assert_eq!(deframer.push(&profile.frame(&LINES)), vec![LINES.to_vec()]);
    }

    #[test]
    fn a_frame_that_was_cut_off_does_not_swallow_the_next_one() {
        for profile in &profiles()[1..] {
            let frame = profile.frame(&LINES);
            let mut deframer = deframer(profile);
            assert!(deframer.push(&frame[..50]).is_empty());
            assert_eq!(deframer.push(&frame), vec![LINES.to_vec()]);
        }
    }

    #[test]
    fn silence_ends_bare_lines_of_no_known_shape_and_forgets_half_a_frame() {
        let plain = FramingProfile::plain();
        let mut deframer = deframer(&plain);
        assert!(deframer.push(b"P<UTOERIKSSON<<ANNA\rL898902C3\r").is_empty());
        assert_eq!(deframer.silence(), Some(vec!["P<UTOERIKSSON<<ANNA".to_owned(), "L898902C3".to_owned()]));
        let rte = FramingProfile::rte();
        let mut deframer = super::tests::deframer(&rte);
        assert!(deframer.push(&rte.frame(&LINES)[..50]).is_empty());
        assert_eq!(deframer.silence(), None);
        assert!(!deframer.pending());
    }

    #[test]
    fn a_profile_that_cannot_work_says_which_key() {
        let check = FramingProfile { check: FrameCheck::Xor, ..FramingProfile::plain() };
        assert_eq!(check.examine(), Err(ProfileFault::NeedsFrame("check")));
        let endless = FramingProfile { line_ends: Vec::new(), ..FramingProfile::plain() };
        assert_eq!(endless.examine(), Err(ProfileFault::NoLineEnd));
        let hasty = FramingProfile { idle_ms: 0, ..FramingProfile::plain() };
        assert_eq!(hasty.examine(), Err(ProfileFault::Idle));
    }

    proptest! {
        #[test]
        fn noise_around_and_pieces_do_not_lose_a_frame(
            which in 1usize..3,
            before in proptest::collection::vec(any::<u8>(), 0..200),
            cut in 1usize..40,
        ) {
            let profile = &profiles()[which];
            let mut deframer = deframer(profile);
            let noisy: Vec<u8> = before.into_iter().filter(|byte| !profile.start.contains(byte)).collect();
            prop_assert!(deframer.push(&noisy).is_empty());
            let frame = profile.frame(&LINES);
            let got: Vec<_> = frame.chunks(cut).flat_map(|piece| deframer.push(piece)).collect();
            prop_assert_eq!(got, vec![LINES.to_vec()]);
        }

        #[test]
        fn any_bytes_neither_panic_nor_grow_the_buffer(
            which in 0usize..3,
            bytes in proptest::collection::vec(prop_oneof![0u8..4, 0x0Du8..0x1E, any::<u8>()], 0..3_000),
        ) {
            let profile = &profiles()[which];
            let mut deframer = deframer(profile);
            for frame in deframer.push(&bytes) {
                prop_assert!((1..=LINES_MOST).contains(&frame.len()));
            }
            prop_assert!(deframer.held.len() <= profile.length_most);
            deframer.silence();
            prop_assert!(!deframer.pending());
        }
    }
}

//! The reader of printed lines, driven over a pseudo-terminal.

use crate::PATIENCE;
use egate::devices::MrzReader;
use egate::devices::mrz_reader::{FramingProfile, MrzReaderSettings, MrzSender, SerialMrzReader};
use std::os::unix::fs::symlink;
use std::time::Duration;

const LINES: [&str; 2] =
    ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"];

fn pair(profile: FramingProfile) -> (MrzSender, SerialMrzReader) {
    let sender = MrzSender::start(profile.clone()).unwrap();
    let settings = MrzReaderSettings { framing: profile, ..MrzReaderSettings::new(sender.port_name()) };
    (sender, SerialMrzReader::open(settings).unwrap())
}

#[test]
fn gives_frames_of_every_profile_amid_noise() {
    for profile in [FramingProfile::plain(), FramingProfile::desko(0x1C, 0x1D), FramingProfile::rte()] {
        let framed = !profile.start.is_empty();
        let (sender, mut reader) = pair(profile);
        if framed {
            sender.send_bytes(b"\xFF\xFEnoise\r\x03").unwrap();
        }
        sender.send(&LINES).unwrap();
        assert_eq!(reader.next_lines(PATIENCE).unwrap().unwrap(), LINES);
    }
}

#[test]
fn takes_a_frame_sent_twice_as_one_reading() {
    let (sender, mut reader) = pair(FramingProfile::rte());
    sender.send(&LINES).unwrap();
    sender.send(&LINES).unwrap();
    assert!(reader.next_lines(PATIENCE).unwrap().is_some());
    assert_eq!(reader.next_lines(Duration::from_millis(200)).unwrap(), None);
}

#[test]
fn forgets_what_was_sent_before_it_was_opened() {
    let sender = MrzSender::start(FramingProfile::plain()).unwrap();
    sender.send(&["I<UTOSTALE<<<<<<<<<<<<<<<<<<<<"; 3]).unwrap();
    let mut reader = SerialMrzReader::open(MrzReaderSettings::new(sender.port_name())).unwrap();
    sender.send(&LINES).unwrap();
    assert_eq!(reader.next_lines(PATIENCE).unwrap().unwrap(), LINES);
}

#[test]
fn gives_bare_lines_of_no_known_shape_after_silence() {
    let (sender, mut reader) = pair(FramingProfile::plain());
    sender.send(&["P<UTOERIKSSON", "L898902C3"]).unwrap();
    assert_eq!(reader.next_lines(PATIENCE).unwrap().unwrap(), ["P<UTOERIKSSON", "L898902C3"]);
}

#[test]
fn is_found_again_when_its_line_was_pulled_out() {
    let folder = tempfile::tempdir().unwrap();
    let port = folder.path().join("mrz");
    let first = MrzSender::start(FramingProfile::plain()).unwrap();
    symlink(first.port_name(), &port).unwrap();
    let mut reader = SerialMrzReader::open(MrzReaderSettings::new(port.to_str().unwrap())).unwrap();
    drop(first);
    assert!(reader.next_lines(PATIENCE).is_err());
    assert!(reader.next_lines(PATIENCE).is_err(), "there is nothing to open yet");
    let second = MrzSender::start(FramingProfile::plain()).unwrap();
    std::fs::remove_file(&port).unwrap();
    symlink(second.port_name(), &port).unwrap();
    assert_eq!(reader.next_lines(Duration::from_millis(1)).unwrap(), None);
    second.send(&LINES).unwrap();
    assert_eq!(reader.next_lines(PATIENCE).unwrap().unwrap(), LINES);
}

//! The log tells of each passage, and nothing of the traveller.

use crate::kit::{GIVEN_NAMES, Kit, NUMBER, PATIENCE, Plan, SURNAME};
use egate::passage::{Door, Ending, Prompt};
use egate::workbench::issue::Defect;
use std::io::Write;
use std::sync::{Arc, Mutex};
use tracing_subscriber::fmt::MakeWriter;

/// Where everything is written that anything in this process logs, at the finest level.
#[derive(Clone, Default)]
struct Book(Arc<Mutex<Vec<u8>>>);

impl Write for Book {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Book {
    type Writer = Book;

    fn make_writer(&self) -> Book {
        self.clone()
    }
}

#[test]
fn the_log_tells_every_step_by_number_and_nothing_of_the_traveller() {
    let book = Book::default();
    let log = tracing_subscriber::fmt().json().flatten_event(true).with_writer(book.clone());
    log.with_max_level(tracing::Level::TRACE).init();
    let mut kit = Kit::with(Plan { logged: true, ..Plan::default() });

    kit.arrive();
    kit.walk_in();
    kit.see("the open exit", |gate| gate.exit == Door::Open);
    kit.floor().leave_by_exit();
    let admitted = kit.outcome();
    assert_eq!(admitted.ending, Ending::Admitted);
    kit.leave();

    kit.open();
    let document = kit.issue(Defect::PrintedLinesDiffer);
    kit.floor().approach();
    kit.lay(&document);
    kit.shows(Prompt::SeeOfficer);
    kit.leave();
    let referred = kit.outcome();
    kit.lane.wait_delivered(PATIENCE).unwrap();
    kit.stop();

    let text = String::from_utf8(book.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("each line is one JSON object")).collect();
    let told = |field: &str, value: &str| {
        lines.iter().any(|line| line[field] == value && line["lane"] == "lane-1" && line["ms"].is_u64())
    };
    assert!(told("deed", "ReadChip") && told("deed", "OpenedExit") && told("step", "Capture"));
    let outcome = |passage: &str| {
        lines.iter().find(|line| line["passage"] == passage && line["ending"].is_string()).unwrap()
    };
    assert_eq!(outcome(&admitted.passage.0)["ending"], "admitted");
    assert_eq!(outcome(&referred.passage.0)["ending"], "referred");
    assert_eq!(outcome(&referred.passage.0)["reasons"], "[1503]");

    let upper = text.to_uppercase();
    let number = format!("{NUMBER}0001");
    for personal in [SURNAME, GIVEN_NAMES, number.as_str(), "7408122", "740812", "1974-08-12"] {
        assert!(!upper.contains(personal), "{personal} is in the log: {}", around(&upper, personal));
        let hexadecimal = hex::encode_upper(personal);
        assert!(!upper.contains(&hexadecimal), "{personal} is in the log in hexadecimal");
    }
}

fn around(text: &str, word: &str) -> String {
    let at = text.find(word).unwrap();
    text.chars().skip(at.saturating_sub(300)).take(600).collect()
}

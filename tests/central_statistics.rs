//! What statistics count, and what they do not show.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::central::{EPOCH, admitted, refer};
use common::postgres::Cluster;
use ed25519_dalek::SigningKey;
use egate::central::store::*;
use egate::check::{CheckId, Reason};
use egate::passage::{Ending, Step, StepTime};
use egate::record::{PassageRecord, SignedRecord};
use proptest::prelude::*;
use std::collections::BTreeMap;

const HOUR: Millis = 3_600_000;
/// 1 July 2026, midnight UTC.
const BEGIN: Millis = 1_782_864_000_000;
const DIMENSIONS: [Dimension; 7] = [
    Dimension::Port,
    Dimension::Lane,
    Dimension::Day,
    Dimension::Hour,
    Dimension::HourOfDay,
    Dimension::Document,
    Dimension::State,
];

/// A passage as a test says it.
#[derive(Debug, Clone)]
struct Said {
    lane: usize,
    hour: i64,
    state: usize,
    ending: usize,
    capture_ms: u64,
}

fn said() -> impl Strategy<Value = Said> {
    (0..3_usize, 0..30_i64, 0..3_usize, 0..3_usize, 0..9_000_u64)
        .prop_map(|(lane, hour, state, ending, capture_ms)| Said { lane, hour, state, ending, capture_ms })
}

const STATES: [&str; 3] = ["UTO", "D<<", "XYZ"];
const ENDINGS: [Ending; 3] = [Ending::Admitted, Ending::Referred, Ending::Withdrawn];

/// The passages as records, in the order of their lanes.
fn records(passages: &[Said]) -> Vec<VerifiedRecord> {
    let mut sequences = BTreeMap::new();
    let make = |said: &Said| {
        let lane = format!("lane-{}", said.lane);
        let sequence = sequences.entry(said.lane).and_modify(|n| *n += 1).or_insert(1_u64);
        let mut record = admitted(&lane, *sequence, &"0".repeat(64));
        match ENDINGS[said.ending] {
            Ending::Admitted => {}
            Ending::Referred => refer(&mut record, CheckId::FaceMatch, Reason::FaceMismatch),
            Ending::Withdrawn => {
                record.ending = Ending::Withdrawn;
                record.reasons = vec![Reason::TravellerLeft];
            }
        }
        let at = BEGIN + HOUR * said.hour + 60_000;
        record.started = jiff::Timestamp::from_millisecond(at).unwrap().to_string();
        record.document.as_mut().unwrap().issuing_state = STATES[said.state].to_owned();
        record.steps = vec![StepTime { step: Step::Capture, ms: said.capture_ms }];
        verified(record)
    };
    passages.iter().map(make).collect()
}

fn verified(record: PassageRecord) -> VerifiedRecord {
    let signed = SignedRecord::sign(&record, &SigningKey::from_bytes(&[9; 32])).unwrap();
    VerifiedRecord { signed, record }
}

/// Stores the records; each lane is known and stands at a port.
fn fill(store: &Store, records: &[VerifiedRecord]) {
    for lane in 0..3 {
        store.add_lane(&format!("lane-{lane}"), "aa", 1).unwrap();
        assert!(
            store.set_port(&format!("lane-{lane}"), if lane == 0 { "harbour" } else { "airport" }).unwrap()
        );
    }
    for record in records {
        store.append(std::slice::from_ref(record), BEGIN + 90 * HOUR).unwrap();
    }
}

fn count_all(store: &Store) {
    while store.settle(7).unwrap() == 7 {}
}

fn query(by: &[Dimension]) -> StatisticsQuery {
    StatisticsQuery { from: BEGIN, to: BEGIN + 48 * HOUR, by: by.to_vec(), only: Vec::new() }
}

fn stage(row: &StatisticsRow, of: Stage) -> Count {
    row.stages.iter().find(|(stage, _)| *stage == of).unwrap().1
}

/// All counts of a line, each under its name.
fn counts(row: &StatisticsRow) -> Vec<(String, Count)> {
    let mut found = vec![("passages".to_owned(), row.passages), ("again".to_owned(), row.again)];
    found.extend(row.stages.iter().map(|(of, n)| (format!("stage {of:?}"), *n)));
    found.extend(row.endings.iter().map(|(of, n)| (format!("ending {of:?}"), *n)));
    found.extend(row.reasons.iter().map(|(of, n)| (format!("reason {of:?}"), *n)));
    found.extend(row.decisions.iter().map(|(of, n)| (format!("decision {of:?}"), *n)));
    found
}

/// What a table must be, whatever was counted.
fn table_is_sound(table: &StatisticsTable, passages: usize) {
    let total: BTreeMap<String, Count> = counts(&table.total).into_iter().collect();
    if let Count::Shown(all) = total["passages"] {
        assert_eq!(all, passages as u64);
    }
    let mut sums: BTreeMap<String, (u64, usize)> = BTreeMap::new();
    for row in &table.rows {
        for (name, count) in counts(row) {
            let (sum, hidden) = sums.entry(name).or_default();
            match count {
                Count::Shown(n) => {
                    assert!(n == 0 || n >= SMALL, "{n} is shown");
                    *sum += n;
                }
                Count::Hidden => *hidden += 1,
            }
        }
    }
    for (name, (sum, hidden)) in sums {
        match (total[&name], hidden) {
            (Count::Shown(all), 0) => assert_eq!(sum, all, "{name}"),
            // The total says what the hidden ones are together: not one alone, and not a small number.
            (Count::Shown(all), hidden) => {
                let rest = all - sum;
                assert!(rest == 0 || (hidden >= 2 && rest >= SMALL), "{name}: {rest} in {hidden} hidden");
            }
            (Count::Hidden, _) => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sums_over_cells_are_the_totals_and_small_counts_are_not_given_away(
        passages in proptest::collection::vec(said(), 0..120),
        by in proptest::sample::subsequence(DIMENSIONS.to_vec(), 0..=3),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::sqlite(&folder.path().join("central.sqlite")).unwrap();
        let records = records(&passages);
        fill(&store, &records);
        count_all(&store);
        let table = store.statistics(&query(&by)).unwrap();
        table_is_sound(&table, passages.len());
        // Sent again and counted again: nothing changes.
        fill(&store, &records);
        count_all(&store);
        prop_assert_eq!(store.statistics(&query(&by)).unwrap(), table);
        // Exact sums, as the metrics have them.
        let totals = store.lane_totals().unwrap();
        let of = |ending: Ending| -> u64 {
            let endings = totals.iter().flat_map(|total| &total.endings);
            endings.filter(|(of, _)| *of == ending).map(|(_, n)| n).sum()
        };
        for (place, ending) in ENDINGS.into_iter().enumerate() {
            let said = passages.iter().filter(|said| said.ending == place).count();
            prop_assert_eq!(of(ending), said as u64);
        }
    }
}

/// Forty passages at the airport, six at the harbour, three of these from another state.
fn example() -> Vec<VerifiedRecord> {
    let at = |lane, state, ending| Said { lane, hour: 1, state, ending, capture_ms: 2_000 };
    let mut said = vec![at(1, 0, 0); 30];
    said.extend(vec![at(2, 0, 1); 10]);
    said.extend([at(0, 0, 0), at(0, 0, 0), at(0, 0, 0), at(0, 1, 0), at(0, 1, 0), at(0, 1, 0)]);
    records(&said)
}

fn counts_and_hides(open: &(dyn Fn() -> Store + Sync)) {
    let store = open();
    fill(&store, &example());
    // Several processes count at once; each record counts once.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| count_all(&open()));
        }
    });
    count_all(&store);
    let by_port = store.statistics(&query(&[Dimension::Port])).unwrap();
    let ports: Vec<&str> = by_port.rows.iter().map(|row| row.key[0].as_str()).collect();
    assert_eq!(ports, ["airport", "harbour"]);
    let airport = &by_port.rows[0];
    assert_eq!((airport.passages, airport.stages.len()), (Count::Shown(40), 7));
    assert_eq!(stage(airport, Stage::Admitted), Count::Shown(30));
    assert_eq!(stage(airport, Stage::Matched), Count::Shown(30));
    assert_eq!(airport.reasons, [(Reason::FaceMismatch, Count::Shown(10))]);
    let capture = airport.times.iter().find(|time| time.name == "capture").unwrap();
    assert!(capture.median_ms.abs_diff(2_000) < 90 && capture.p95_ms.unwrap().abs_diff(2_000) < 90);
    assert_eq!(by_port.total.passages, Count::Shown(46));
    let by_state = store.statistics(&query(&[Dimension::Port, Dimension::State])).unwrap();
    let shown: Vec<_> = by_state.rows.iter().map(|row| (row.key.join(" "), row.passages)).collect();
    // Three of one state and three of the other, at the harbour. The airport's forty would give one of
    // these away to whoever asks for the states alone.
    let hidden = |key: &str| (key.to_owned(), Count::Hidden);
    assert_eq!(shown, ["airport UTO", "harbour D", "harbour UTO"].map(hidden));
    assert!(by_state.rows[1].times.is_empty() && stage(&by_state.rows[1], Stage::Placed) == Count::Hidden);
    let mut only = query(&[Dimension::State]);
    only.only = vec![(Dimension::Port, "harbour".to_owned())];
    let harbour = store.statistics(&only).unwrap();
    assert_eq!(harbour.rows.iter().map(|row| row.passages).collect::<Vec<_>>(), [Count::Hidden; 2]);
    assert_eq!(harbour.total.passages, Count::Shown(6));
    let days = store.statistics(&query(&[Dimension::Day])).unwrap();
    assert_eq!(days.rows[0].key, ["2026-07-01T00:00:00Z"]);
}

#[test]
fn each_record_counts_once_and_small_cells_are_hidden_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("central.sqlite");
    counts_and_hides(&|| Store::sqlite(&path).unwrap());
}

#[test]
fn each_record_counts_once_and_small_cells_are_hidden_on_postgres() {
    let Some(mut cluster) = Cluster::start() else { return };
    let settings = cluster.database();
    counts_and_hides(&|| Store::postgres(&settings).unwrap());
}

fn decide(store: &Store, sequence: u64, decision: Decision) {
    let key = RecordKey { lane: "lane-2".to_owned(), epoch: EPOCH.to_owned(), sequence };
    store.judge(&key, 1, "a", Judgement::Same, BEGIN + 90 * HOUR).unwrap();
    let at = BEGIN + 90 * HOUR + 30_000;
    let decided = Decided {
        decision,
        officer: "a".to_owned(),
        at,
        note: String::new(),
        reason: None,
        overridden: Vec::new(),
    };
    assert!(matches!(store.decide(&key, 2, &decided).unwrap(), CaseChange::Made(_)));
    assert!(matches!(store.decide(&key, 2, &decided).unwrap(), CaseChange::Conflict(_)));
}

#[test]
fn decisions_count_once_whether_the_case_was_counted_before_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::sqlite(&folder.path().join("central.sqlite")).unwrap();
    fill(&store, &example());
    (1..=3).for_each(|sequence| decide(&store, sequence, Decision::Admit));
    count_all(&store);
    (4..=8).for_each(|sequence| decide(&store, sequence, Decision::Admit));
    (9..=10).for_each(|sequence| decide(&store, sequence, Decision::Refuse));
    count_all(&store);
    let lane = store.lane_totals().unwrap().pop().unwrap();
    assert_eq!(lane.decisions, [(Decision::Admit, 8), (Decision::Refuse, 2)]);
    assert_eq!(
        lane.times.iter().find(|time| time.0 == "decision"),
        Some(&("decision".to_owned(), 10, 300_000))
    );
    let table = store.statistics(&query(&[])).unwrap();
    // Two were refused: neither they nor the rest of the ten referred are told.
    assert_eq!(table.total.decisions, [(Decision::Admit, Count::Hidden), (Decision::Refuse, Count::Hidden)]);
}

#[test]
fn the_second_outcome_of_a_passage_is_no_second_passage() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::sqlite(&folder.path().join("central.sqlite")).unwrap();
    let mut second = admitted("lane-0", 2, &"0".repeat(64));
    refer(&mut second, CheckId::SinglePerson, Reason::TravellerTimeout);
    second.passage = format!("lane-0/{EPOCH}/1");
    fill(&store, &[verified(admitted("lane-0", 1, &"0".repeat(64))), verified(second)]);
    // Counted one by one, so that the job must look the first up.
    while store.settle(1).unwrap() == 1 {}
    let total = store.lane_totals().unwrap().pop().unwrap();
    assert_eq!(total.stages[0], (Stage::Placed, 1));
    assert_eq!(total.endings, [(Ending::Admitted, 1)]);
    assert_eq!(total.reasons, [(Reason::TravellerTimeout, 1)]);
}

#[test]
fn what_a_chip_fills_in_makes_no_cells_of_its_own_beyond_letters() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::sqlite(&folder.path().join("central.sqlite")).unwrap();
    let mut record = admitted("lane-0", 1, &"0".repeat(64));
    let document = record.document.as_mut().unwrap();
    document.issuing_state = "<script>alert(1)</script>ABCDEF".to_owned();
    document.document_code = "=1+1\n".to_owned();
    record.started = "9999-01-01T00:00:00Z".to_owned();
    fill(&store, &[verified(record)]);
    count_all(&store);
    let wide = StatisticsQuery { from: 0, to: Millis::MAX, by: DIMENSIONS.to_vec(), only: Vec::new() };
    let table = store.statistics(&wide).unwrap();
    let hour = "2026-07-04T18:00:00Z";
    assert_eq!(table.rows[0].key, ["harbour", "lane-0", "2026-07-04T00:00:00Z", hour, "18", "-", "ABC"]);
}

//! A short soak run: every kind of trouble once or more, and after it all is as it must be.

use crate::kit::{cast, faculties, var};
use egate::workbench::issue::TestCountry;
use egate::workbench::soak::{SoakArgs, soak};
use jiff::Timestamp;

#[test]
fn passages_with_random_faults_end_are_recorded_and_delivered_once() {
    let folder = tempfile::tempdir().unwrap();
    let country = TestCountry::new("UTO", "UT", Timestamp::now()).unwrap();
    let cast = cast(&faculties(&country.trust_bundle().unwrap()));
    let args = SoakArgs { passages: 24, lanes: 2, faults: true, seed: 3, json: false, var: var() };
    let report = soak(&args, folder.path(), country, &cast).unwrap();
    println!("{report}");
    // Memory of so short a run says nothing.
    assert!(report.wrong.is_empty(), "{report}");
    assert_eq!(report.stored, report.arrived);
    assert!(report.stored >= u64::from(args.passages), "an outcome for each passage");
    assert!(report.exit_openings > 0);
}

//! The lane's own snapshot of central's lists, where the profile lets it answer in place of central.

use crate::desk::{Desk, ID, document_checks, examined, idle, lines};
use egate::check::{Check, CheckId, Reason};
use egate::passage::{Door, Ending, Event, LookupFindings, Moment, Passage};
use egate::policy::{Condition, PassageId, Profile, Response};
use std::collections::BTreeSet;
use std::sync::Arc;

fn away() -> Event {
    Event::Conditions(BTreeSet::from([Condition::CentralUnreachable]))
}

/// In the cabin of a lane without central, whose profile asks for this response.
fn without_central(response: Response) -> Desk {
    let mut profile = Profile::default();
    profile.degraded.insert(Condition::CentralUnreachable, response);
    let mut desk = Desk::unaware();
    let started = "2026-01-05T10:00:00Z".parse().unwrap();
    desk.passage = Passage::new(PassageId(ID.into()), Arc::new(profile), started, Moment(desk.now));
    desk.hear(away());
    desk.hear(Event::Gate(idle()));
    desk.hear(lines());
    desk.hear(examined(document_checks()));
    if desk.state() == "entering" {
        desk.gate(|g| g.entry = Door::Open);
        desk.gate(|g| g.cabin = Some(1));
        desk.gate(|g| g.entry = Door::Locked);
    }
    desk
}

fn answer(checks: [Check; 3]) -> Event {
    Event::LookedUp(LookupFindings { checks: checks.to_vec() })
}

fn clear() -> [Check; 3] {
    let [document, person, permission] = LookupFindings::CHECKS;
    let permission = Check::not_supported(permission, Reason::NoListInForce);
    [Check::successful(document), Check::successful(person), permission]
}

#[test]
fn a_traveller_whom_the_snapshot_clears_is_admitted_where_the_profile_lets_it() {
    let mut desk = without_central(Response::Snapshot);
    desk.hear(answer(clear()));
    desk.film();
    assert_eq!(desk.last(), (Ending::Admitted, &[][..]));
}

#[test]
fn where_the_profile_says_refer_no_snapshot_helps() {
    let desk = without_central(Response::Refer);
    assert_eq!(desk.last(), (Ending::Referred, &[Reason::LookupUnavailable][..]));
}

#[test]
fn a_hit_in_the_snapshot_or_none_that_is_new_enough_refers() {
    let [document, person, permission] = clear();
    let hit = Check::failed(CheckId::DocumentLookup, Reason::DocumentReported);
    let unknown = LookupFindings::CHECKS.map(|id| Check::undetermined(id, Reason::LookupUnavailable));
    let rules = Check::undetermined(CheckId::TravelPermission, Reason::LookupUnavailable);
    for (checks, reason) in [
        ([hit, person.clone(), permission], Reason::DocumentReported),
        (unknown, Reason::LookupUnavailable),
        ([document, person, rules], Reason::LookupUnavailable),
    ] {
        let mut desk = without_central(Response::Snapshot);
        desk.hear(answer(checks));
        desk.film();
        assert_eq!(desk.last(), (Ending::Referred, &[reason][..]));
        assert_eq!(desk.exits_opened(), 0);
    }
    let mut silent = without_central(Response::Snapshot);
    silent.film();
    silent.wait(Profile::default().limits.lookup_ms);
    assert_eq!(silent.last(), (Ending::Referred, &[Reason::LookupLate][..]));
}

#[test]
fn only_central_has_a_snapshot_and_its_age_has_a_bound() {
    let text = include_str!("../../config/profile.toml");
    let with = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        Profile::parse(&text.replace(from, to), "profile.toml").map_err(|error| error.to_string())
    };
    let allowed = with("central_unreachable = \"refer\"", "central_unreachable = \"snapshot\"").unwrap();
    assert_eq!(allowed.response(Condition::CentralUnreachable), Response::Snapshot);
    for (from, to, key) in [
        ("certificate_expiring = \"warn\"", "certificate_expiring = \"snapshot\"", "certificate_expiring"),
        ("trust_store_old = \"refer\"", "trust_store_old = \"snapshot\"", "trust_store_old"),
        ("central_unreachable = \"refer\"", "central_unreachable = \"warn\"", "central_unreachable"),
        ("hours_most = 12", "hours_most = 0", "hours_most"),
        ("hours_most = 12", "hours_most = 169", "hours_most"),
    ] {
        let said = with(from, to).unwrap_err();
        assert!(said.contains(key), "{said}");
    }
}

//! Every page, for each role, in light and dark, from tablet to wall: kept as pictures to be looked at, and without a
//! fault that axe-core finds.

use super::common::browser::Browser;
use super::common::central::{Chain, World, batch, refer};
use super::kit::*;
use egate::central::lookup::FileForm;
use egate::central::store::{
    AlarmKind, Decided, Decision, DecisionReason, Judgement, ListKind, RecordKey, Role,
};
use egate::central::{Keeper, NewCommand, Proposal};
use egate::check::{Check, CheckId, Reason};
use egate::passage::{Ending, LaneCommand};
use egate::policy::Condition;
use egate::record::LaneState;
use serde_json::json;

const SIZES: [(&str, u32, u32); 4] =
    [("phone", 390, 844), ("tablet", 768, 1024), ("desk", 1440, 900), ("wall", 3840, 2160)];

/// Lanes as they say that they are, and an alarm.
async fn lanes_say(world: &World) {
    for lane in ["lane-1", "lane-2"] {
        world.client(lane).health().await.unwrap();
    }
    let (store, now) = (world.central.store(), jiff::Timestamp::now().as_millisecond());
    let say = |lane: &str, state: LaneState| {
        store.add_lane(lane, "aa", now).unwrap();
        store.lane_is(lane, &state, now).unwrap();
    };
    let idle = || LaneState { state: "ready".into(), ..LaneState::default() };
    let used = |state: &str| LaneState {
        state: state.into(),
        began: Some(now - 9_000),
        passage: "p".into(),
        ..idle()
    };
    say("lane-1", LaneState { state: "referred".into(), ..used("") });
    say("lane-2", used("capturing"));
    say("lane-3", idle());
    say("lane-4", LaneState { out_of_service: true, ..idle() });
    say(
        "lane-5",
        LaneState {
            amiss: vec![Condition::CentralUnreachable, Condition::TrustStoreOld],
            waiting: 41,
            ..idle()
        },
    );
    store.add_lane("lane-6", "aa", now).unwrap();
    store.revoke_lane("lane-6", now).unwrap();
    store.alarm("lane-2", AlarmKind::Gap, "lane-2/00/8", "3 missing before this one", now).unwrap();
}

async fn cases(world: &World) {
    let mut chain = Chain::new(world, "lane-1");
    let client = world.client("lane-1");
    for _ in 0..9 {
        let record = chain.next(|record| {
            if record.position.sequence % 6 == 5 {
                record.ending = Ending::Withdrawn;
                record.reasons = vec![Reason::TravellerLeft];
            }
        });
        client.post_records(&batch(&[&record])).await.unwrap();
    }
    chain
        .send_case(world, |record| {
            record.checks[6] = Check::undetermined(CheckId::SignerRevocation, Reason::RevocationUnknown);
            record.checks[2] = Check::not_supported(CheckId::ChipAuthenticity, Reason::ChipAuthenticationNotOffered);
            record.checks.retain(|check| check.id != CheckId::TravelPermission);
            record.checks[16] = Check::failed(CheckId::Morph, Reason::MorphSuspected);
            let told = "sought/17: likeness 93.1 %, surname and date of birth agree, given names differ in one letter";
            let hit = Check::failed(CheckId::PersonLookup, Reason::PersonListed).with_detail(told);
            *record.checks.iter_mut().find(|check| check.id == CheckId::PersonLookup).unwrap() = hit;
            record.reasons.push(Reason::PersonListed);
        })
        .await;
    chain
        .send_case(world, |record| {
            record.checks[15] = Check::successful(CheckId::FaceMatch);
            record.similarity_ppm = Some(512_000);
            refer(record, CheckId::Liveness, Reason::PresentationAttack);
        })
        .await;
}

/// A list in force, and a generation that waits for a second person.
async fn lists(world: &World) {
    let office = &world.central.office;
    let keeper = |name: &str| Keeper { name: name.to_owned(), password: PASSWORD.to_owned() };
    let propose = |text: &str| Proposal {
        list: "stolen".to_owned(),
        kind: ListKind::Documents,
        form: FileForm::Csv,
        bytes: text.as_bytes().to_vec(),
    };
    let head = "reference,issuing_state,number,kind\n";
    let first = format!("{head}1,UTO,AAA111111,stolen\n2,UTO,BBB222222,lost\n");
    office.propose_list(keeper("supervisor-b"), propose(&first)).await.unwrap();
    office.approve_list(keeper("supervisor-a"), "stolen", 1).await.unwrap();
    let second = format!("{head}2,UTO,BBB222222,stolen\n3,UTO,CCC333333,revoked\n");
    office.propose_list(keeper("supervisor-b"), propose(&second)).await.unwrap();
}

/// A day of another lane, enough for statistics to tell of it.
async fn a_day(world: &World) {
    let mut chain = Chain::new(world, "lane-2");
    let (client, store) = (world.client("lane-2"), world.central.store());
    let now = jiff::Timestamp::now();
    for number in 0..160_i64 {
        let record = chain.next(|record| {
            record.started = (now - jiff::SignedDuration::from_mins(number * number / 20)).to_string();
            match number % 9 {
                1 | 4 => refer(record, CheckId::FaceMatch, Reason::FaceMismatch),
                7 => refer(record, CheckId::DocumentExpiry, Reason::DocumentExpired),
                5 => {
                    record.ending = Ending::Withdrawn;
                    record.reasons = vec![Reason::TravellerLeft];
                }
                _ => {}
            }
        });
        client.post_records(&batch(&[&record])).await.unwrap();
        let key = RecordKey { lane: "lane-2".to_owned(), ..key(chain.sequence) };
        if matches!(number % 9, 1 | 4 | 7) {
            let at = now.as_millisecond() + 20_000 + number * 500;
            store.judge(&key, 1, "officer-b", Judgement::Same, at - 9_000).unwrap();
            let decision =
                [Decision::Admit, Decision::Refuse, Decision::SecondLine][(number % 9 / 3) as usize];
            let decided = Decided {
                decision,
                officer: "officer-b".to_owned(),
                at,
                note: "he has shaved".to_owned(),
                reason: Some(DecisionReason::Other),
                overridden: if number == 1 { vec![CheckId::FaceMatch] } else { Vec::new() },
            };
            store.decide(&key, 2, &decided).unwrap();
        }
    }
}

#[tokio::test]
async fn every_page_is_accessible_in_light_and_dark_and_fits_from_tablet_to_wall() {
    let Some(browser) = Browser::start().await else { return };
    browser.viewport(1440, 900).await;
    let world = World::start().await;
    lanes_say(&world).await;
    let link = world.central.office.create_user("officer-a", Role::Officer).await.unwrap();
    browser.client.goto(&link).await.unwrap();
    save(&browser, "set-up").await;
    set_up(&world, &browser, "officer-a", Role::Officer).await;
    save(&browser, "lanes-quiet").await;
    cases(&world).await;

    browser.until("document.querySelectorAll('.cards [data-row]').length === 2", PATIENCE).await;
    for (page, name) in [
        ("/lanes", "lanes"),
        ("/cases", "cases"),
        ("/passages", "passages"),
        ("/lanes/lane-1", "lane"),
        ("/sessions", "sessions"),
        ("/nowhere", "not-found"),
    ] {
        open(&world, &browser, page).await;
        if name != "not-found" {
            live(&browser).await;
        }
        save(&browser, name).await;
    }
    press(&browser, "").await;

    // The case: before the own judgement, after it, laid over each other, and decided.
    open(&world, &browser, &path(10)).await;
    pictures_are_there(&browser).await;
    let sizes = "[...document.querySelectorAll('.pane')].map(p => p.clientWidth + p.clientHeight)";
    let difference = browser.value(&format!("Math.abs({sizes}.reduce((a, b) => a - b))")).await;
    assert!(difference.as_f64().unwrap() <= 2.0, "both faces have the same size: {difference}");
    save(&browser, "case-judge").await;
    press(&browser, "1").await;
    browser.until("document.querySelector('[data-decision]')", PATIENCE).await;
    pictures_are_there(&browser).await;
    press(&browser, "a").await;
    save(&browser, "case-decide").await;
    // The README's picture: nobody's face is kept in the repository.
    let blur =
        "document.querySelectorAll('.pane img, .strip img').forEach(i => { i.style.filter = arguments[0]; })";
    browser.client.execute(blur, vec![json!("blur(28px)")]).await.unwrap();
    browser.save("readme-case").await;
    browser.client.execute(blur, vec![json!("")]).await.unwrap();
    press(&browser, "o").await;
    browser.until("document.querySelector('.pair.overlaid')", PATIENCE).await;
    save(&browser, "case-overlaid").await;
    press(&browser, "0").await;
    for (size, width, height) in SIZES {
        browser.viewport(width, height).await;
        save(&browser, &format!("case-{size}")).await;
        fits(&browser, &format!("case, {size}")).await;
    }
    for (size, width, height) in SIZES {
        browser.viewport(width, height).await;
        for page in ["lanes", "cases", "passages"] {
            open(&world, &browser, &format!("/{page}")).await;
            live(&browser).await;
            fits(&browser, &format!("{page}, {size}")).await;
            browser.save(&format!("console-{page}-{size}")).await;
        }
    }
    browser.viewport(1440, 900).await;
    // Liveness alarmed: every frame is shown, and the officer is told to look at all (FM UI-FI-OP).
    open(&world, &browser, &path(11)).await;
    pictures_are_there(&browser).await;
    assert_eq!(browser.value("document.querySelectorAll('.strip.all img').length").await, 3);
    assert!(text(&browser.client).await.contains("Liveness alarmed"));
    save(&browser, "case-liveness").await;
    press(&browser, "2").await;
    browser.until("document.querySelector('[data-decision]')", PATIENCE).await;
    press(&browser, "r").await;
    press(&browser, ENTER).await;
    browser.until("document.querySelector('.decided.refuse')", PATIENCE).await;
    pictures_are_there(&browser).await;
    save(&browser, "case-decided").await;
    press(&browser, "?").await;
    browser.until("document.querySelector('dialog.keys').open", PATIENCE).await;
    save(&browser, "keys").await;
    press(&browser, "\u{e00c}").await;

    // The supervisor's pages.
    set_up(&world, &browser, "supervisor-b", Role::Supervisor).await;
    set_up(&world, &browser, "supervisor-a", Role::Supervisor).await;
    lists(&world).await;
    a_day(&world).await;
    let order = NewCommand {
        lane: "lane-1".to_owned(),
        passage: None,
        command: LaneCommand::OutOfService,
        by: String::new(),
        reason: "the floor is wet".to_owned(),
    };
    let keeper = Keeper { name: "supervisor-b".to_owned(), password: PASSWORD.to_owned() };
    world.central.office.give_command(keeper, order).await.unwrap();
    for (page, name) in [
        ("/work", "work"),
        ("/statistics?by=hour&days=1", "statistics"),
        ("/lists", "lists"),
        ("/lists/stolen/2", "list"),
        ("/users", "users"),
        ("/audit", "audit"),
        ("/lanes", "lanes-supervisor"),
        ("/lanes/lane-1", "lane-supervisor"),
    ] {
        open(&world, &browser, page).await;
        live(&browser).await;
        fits(&browser, name).await;
        save(&browser, name).await;
        for (size, width, height) in SIZES {
            browser.viewport(width, height).await;
            fits(&browser, &format!("{name}, {size}")).await;
            if ["statistics", "work"].contains(&name) {
                browser.save(&format!("console-{name}-{size}")).await;
            }
        }
        browser.viewport(1440, 900).await;
    }
    // What would change is shown, and a second person brings it into force.
    open(&world, &browser, "/lists/stolen/2").await;
    let page = text(&browser.client).await;
    for change in ["goes", "changes", "comes", "CCC333333"] {
        assert!(page.contains(change), "{change}: {page}");
    }
    click(&browser.client, "button[value=approve]").await;
    browser.until("location.pathname === '/lists'", PATIENCE).await;
    let generations = world.central.store().list_generations().unwrap();
    assert_eq!(
        generations.iter().filter(|known| known.active).map(|known| known.number).collect::<Vec<_>>(),
        [2]
    );

    set_up(&world, &browser, "engineer-a", Role::Engineer).await;
    save(&browser, "lanes-engineer").await;
    assert!(browser.value("document.querySelector('.queue')").await.is_null(), "engineers see no traveller");
    browser.stop().await;
}

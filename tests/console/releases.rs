//! Releases at the console: seen, approved by a second person by keyboard alone, widened, halted; and by whom not.

use super::common::browser::Browser;
use super::common::central::World;
use super::kit::*;
use super::security::Http;
use egate::central::store::{ReleaseState, Role};
use egate::central::{Keeper, NewRelease};
use egate::record::{ReleaseStage, RunningRelease, TriedRelease};
use reqwest::StatusCode;

const PROFILE: &str = include_str!("../../config/profile.toml");
const SETTINGS: &str = "# Nights are quiet.\ngate.buzzer_ms = 300\nscreen.language = \"de\"\n";
const HOSTILE: &str = "<script>document.title='taken'</script>";

fn keeper(name: &str) -> Keeper {
    Keeper { name: name.to_owned(), password: PASSWORD.to_owned() }
}

async fn propose(world: &World, by: &str, note: &str) -> u64 {
    let files = [("profile.toml", PROFILE), ("settings.toml", SETTINGS)];
    let files = files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())).to_vec();
    let new = NewRelease { note: note.to_owned(), files, models: None };
    world.central.office.propose_release(keeper(by), new).await.unwrap()
}

fn state(world: &World, generation: u64) -> (ReleaseState, ReleaseStage) {
    let releases = world.central.store().releases().unwrap();
    let release = releases.into_iter().find(|release| release.generation == generation).unwrap();
    (release.state, release.stage)
}

/// The lane says what it runs.
async fn runs(world: &World, lane: &str, generation: u64, failed: Option<(u64, &str)>) {
    let tried = failed.map(|(generation, why)| TriedRelease { generation, failure: Some(why.to_owned()) });
    let running = RunningRelease { generation, sha256: "00".repeat(32), tried };
    world.client(lane).put_running(&running).await.unwrap();
}

/// Types into the field of this name, in place of what stands there.
async fn fill(browser: &Browser, name: &str, words: &str) {
    let field = css(&browser.client, &format!("[name={name}]")).await;
    field.clear().await.unwrap();
    field.send_keys(words).await.unwrap();
}

#[tokio::test]
async fn a_second_person_approves_by_keyboard_widens_and_halts_and_lanes_that_differ_are_marked() {
    let Some(browser) = Browser::start().await else { return };
    browser.viewport(1440, 900).await;
    let world = World::start().await;
    for (lane, port) in [("lane-1", "harbour"), ("lane-2", "airport")] {
        world.client(lane).health().await.unwrap();
        world.central.office.set_port(lane, port).await.unwrap();
    }
    set_up(&world, &browser, "supervisor-a", Role::Supervisor).await;
    set_up(&world, &browser, "engineer-a", Role::Engineer).await;
    let first = propose(&world, "engineer-a", HOSTILE).await;

    // Who proposed it sees it, and cannot approve it.
    open(&world, &browser, "/releases").await;
    live(&browser).await;
    save(&browser, "releases-proposed").await;
    open(&world, &browser, &format!("/releases/{first}")).await;
    let page = text(&browser.client).await;
    assert!(page.contains("another person must approve it") && page.contains(HOSTILE), "{page}");
    assert!(browser.value("document.querySelector('[name=percent]')").await.is_null());
    assert!(page.contains("buzzer_ms = 300"), "what is approved is shown: {page}");

    // The second person, by keyboard: to the release, into the form, and said yes to.
    click(&browser.client, ".bar form button").await;
    sign_in(&browser, "supervisor-a", PASSWORD).await;
    css(&browser.client, ".who").await;
    open(&world, &browser, "/releases").await;
    press(&browser, "j").await;
    press(&browser, ENTER).await;
    browser.until(&format!("location.pathname === '/releases/{first}'"), PATIENCE).await;
    save(&browser, "release-approve").await;
    fill(&browser, "ports", "nowhere").await;
    press(&browser, ENTER).await;
    agree(&browser).await;
    browser.until("document.querySelector('[role=alert]')", PATIENCE).await;
    assert!(text(&browser.client).await.contains("no lane stands at port nowhere"));
    assert_eq!(state(&world, first).0, ReleaseState::Proposed);
    fill(&browser, "ports", "harbour").await;
    press(&browser, ENTER).await;
    agree(&browser).await;
    browser.until("document.body.innerText.includes('rolled out')", PATIENCE).await;
    let harbour = ReleaseStage { ports: vec!["harbour".to_owned()], ..ReleaseStage::default() };
    assert_eq!(state(&world, first), (ReleaseState::Rolling, harbour));

    // One lane runs it, the board and the page say so without being loaded again; then it is widened.
    runs(&world, "lane-1", first, None).await;
    open(&world, &browser, "/lanes").await;
    live(&browser).await;
    assert!(!text(&browser.client).await.contains("not release"));
    fill_stage_all(&world, &browser, first).await;
    assert_eq!(state(&world, first).1.percent, 100);
    open(&world, &browser, "/lanes").await;
    browser.until("document.body.innerText.includes('not said whether it runs release 1')", PATIENCE).await;
    runs(&world, "lane-2", 0, Some((first, "self-test: the profile does not read"))).await;
    browser.until("document.body.innerText.includes('left release 1')", PATIENCE).await;
    save(&browser, "lanes-releases").await;

    // A lane failed: nobody takes it any more, and the page says why.
    assert_eq!(state(&world, first).0, ReleaseState::Halted);
    open(&world, &browser, "/releases").await;
    live(&browser).await;
    let page = text(&browser.client).await;
    assert!(page.contains("lane-2: self-test: the profile does not read"), "{page}");
    for (size, width, height) in [("tablet", 768, 1024), ("desk", 1440, 900), ("wall", 3840, 2160)] {
        browser.viewport(width, height).await;
        fits(&browser, &format!("releases, {size}")).await;
        save(&browser, &format!("releases-{size}")).await;
    }
    browser.viewport(1440, 900).await;
    open(&world, &browser, &format!("/releases/{first}")).await;
    assert!(browser.value("document.querySelector('[name=percent]')").await.is_null(), "halted is halted");
    save(&browser, "release-halted").await;

    // The next one is withdrawn by who might have approved it.
    let second = propose(&world, "engineer-a", "quieter nights").await;
    open(&world, &browser, &format!("/releases/{second}")).await;
    fill(&browser, "reason", "wait for the new cameras").await;
    press(&browser, ENTER).await;
    agree(&browser).await;
    browser.until("document.body.innerText.includes('Withdrawn: wait for the new cameras')", PATIENCE).await;
    browser.viewport(768, 1024).await;
    fits(&browser, "release, tablet").await;
    save(&browser, "release-tablet").await;
    assert_ne!(browser.value("document.title").await, "taken");
    browser.stop().await;
}

/// Says yes to the question, which may come a moment after the key.
async fn agree(browser: &Browser) {
    let begun = std::time::Instant::now();
    while let Err(error) = browser.client.accept_alert().await {
        assert!(begun.elapsed() < PATIENCE, "{error}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

async fn fill_stage_all(world: &World, browser: &Browser, generation: u64) {
    open(world, browser, &format!("/releases/{generation}")).await;
    assert_eq!(browser.value("document.querySelector('[name=ports]').value").await, "harbour");
    fill(browser, "percent", "100").await;
    press(browser, ENTER).await;
    agree(browser).await;
    browser.until("document.body.innerText.includes('all lanes')", PATIENCE).await;
}

#[tokio::test]
async fn releases_are_moved_by_who_may_with_the_form_token_and_never_by_one_person_alone() {
    let world = World::start().await;
    world.client("lane-1").health().await.unwrap();
    let http = Http::new(&world);
    let (engineer, engineer_csrf) = http.session(&world, "engineer-a", Role::Engineer).await;
    let (supervisor, csrf) = http.session(&world, "supervisor-a", Role::Supervisor).await;
    let (auditor, auditor_csrf) = http.session(&world, "auditor-a", Role::Auditor).await;
    let (officer, officer_csrf) = http.session(&world, "officer-a", Role::Officer).await;
    let generation = propose(&world, "engineer-a", "stricter").await;
    let (page, roll) = (format!("/releases/{generation}"), format!("/releases/{generation}/roll"));
    let halt = format!("/releases/{generation}/halt");
    for path in ["/releases", &page] {
        assert_eq!(http.get(path, "").await.status(), StatusCode::SEE_OTHER);
        assert_eq!(http.get(path, &officer).await.status(), StatusCode::FORBIDDEN);
        let seen = http.get(path, &auditor).await;
        assert_eq!(seen.status(), StatusCode::OK);
        assert!(!seen.text().await.unwrap().contains("name=\"percent\""), "an auditor changes nothing");
    }
    assert_eq!(http.get("/releases/99", &auditor).await.status(), StatusCode::NOT_FOUND);
    let all = |csrf: &str| format!("csrf={csrf}&lanes=&ports=&percent=100");
    let why = |csrf: &str| format!("csrf={csrf}&reason=no");
    for (cookie, csrf) in [(&auditor, &auditor_csrf), (&officer, &officer_csrf)] {
        assert_eq!(http.status(&roll, cookie, &all(csrf)).await, StatusCode::FORBIDDEN);
        assert_eq!(http.status(&halt, cookie, &why(csrf)).await, StatusCode::FORBIDDEN);
    }
    for wrong in ["", "0", engineer_csrf.as_str()] {
        assert_eq!(http.status(&roll, &supervisor, &all(wrong)).await, StatusCode::BAD_REQUEST);
        assert_eq!(http.status(&halt, &supervisor, &why(wrong)).await, StatusCode::BAD_REQUEST);
    }
    // Who proposed it does not approve it.
    assert_eq!(http.status(&roll, &engineer, &all(&engineer_csrf)).await, StatusCode::UNPROCESSABLE_ENTITY);
    for stage in ["lanes=&ports=&percent=101", "lanes=&ports=&percent=0", "lanes=..%2Fx&ports=&percent=0"] {
        let form = format!("csrf={csrf}&{stage}");
        assert_eq!(http.status(&roll, &supervisor, &form).await, StatusCode::UNPROCESSABLE_ENTITY, "{stage}");
    }
    let silent = format!("csrf={csrf}&reason=+");
    assert_eq!(http.status(&halt, &supervisor, &silent).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(state(&world, generation).0, ReleaseState::Proposed);
    assert_eq!(http.status(&roll, &supervisor, &all(&csrf)).await, StatusCode::SEE_OTHER);
    assert_eq!(state(&world, generation), (ReleaseState::Rolling, ReleaseStage::all()));
    // From then on one of them suffices, to widen and to halt.
    assert_eq!(http.status(&halt, &engineer, &why(&engineer_csrf)).await, StatusCode::SEE_OTHER);
    assert_eq!(http.status(&roll, &supervisor, &all(&csrf)).await, StatusCode::UNPROCESSABLE_ENTITY);
    let store = world.central.store();
    let acts: Vec<_> =
        store.audit_lines(40).unwrap().into_iter().map(|line| (line.act, line.actor)).collect();
    for (act, actor) in [
        ("release.propose", "engineer-a"),
        ("release.rolling", "supervisor-a"),
        ("release.halted", "engineer-a"),
    ] {
        assert_eq!(
            acts.iter().filter(|known| **known == (act.to_owned(), actor.to_owned())).count(),
            1,
            "{act}"
        );
    }
    assert_eq!(store.audit_break().unwrap(), None);
}

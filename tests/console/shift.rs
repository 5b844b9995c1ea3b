//! An officer's shift: sign in, alarm, case, own judgement, decision, override, escalation, two officers at once, lost
//! connection; then what the supervisor sees of it.

use super::common::browser::Browser;
use super::common::central::{Chain, World, batch, refer};
use super::kit::*;
use egate::central::store::{AlarmKind, Decision, DecisionReason, Role};
use egate::check::{Check, CheckId, Reason};
use serde_json::json;

/// Waits until the page has this text.
async fn says(browser: &Browser, words: &str) {
    browser.until(&format!("document.body.innerText.includes({})", json!(words)), PATIENCE).await;
}

#[tokio::test]
async fn a_shift_from_sign_in_to_lost_connection() {
    let (Some(one), Some(two)) = (Browser::start().await, Browser::start().await) else { return };
    one.viewport(1440, 900).await;
    // A case is escalated after a while that a test can wait for, and a hold does not lapse meanwhile.
    let world = World::start_with(|settings| settings.console.cases.take_within_s = 3).await;
    let mut chain = Chain::new(&world, "lane-1");
    let client = world.client("lane-1");

    // Sign in: the link, the password, and later name and password.
    set_up(&world, &one, "officer-a", Role::Officer).await;
    click(&one.client, ".bar form button").await;
    sign_in(&one, "officer-a", PASSWORD).await;
    one.until("location.pathname === '/lanes'", PATIENCE).await;
    live(&one).await;
    click(&one.client, "[data-sound]").await;
    one.until("document.querySelector('[data-sound]').textContent.trim() === 'Sound on'", PATIENCE).await;

    // A passage that nothing is wrong with, then the alarm: a sound and a count, without a touch.
    client.post_records(&batch(&[&chain.next(|_| {})])).await.unwrap();
    chain.send_case(&world, |_| {}).await;
    one.until("document.title === '(1) Lanes · egate' && document.body.dataset.sounded === '1'", PATIENCE)
        .await;
    one.until("document.querySelectorAll('.cards [data-row]').length === 1", PATIENCE).await;
    for page in ["/passages", "/cases"] {
        open(&world, &one, page).await;
        let page = text(&one.client).await;
        assert!(page.contains("Compare the faces.") && !page.contains("does not match"), "{page}");
    }

    // The case by keyboard; who opens it has it.
    press(&one, "j").await;
    press(&one, ENTER).await;
    pictures_are_there(&one).await;
    says(&one, "in your hands").await;
    let page = text(&one.client).await;
    assert!(
        !["0.083", "Similarity", "does not match"].iter().any(|told| page.contains(told))
            && page.contains("told after your judgement"),
        "scores or the verdict before the own judgement: {page}"
    );

    // Another officer sees who has it, and cannot judge it.
    set_up(&world, &two, "officer-b", Role::Officer).await;
    open(&world, &two, &path(2)).await;
    says(&two, "officer-a has had this case in hand").await;
    assert_eq!(two.value("document.querySelectorAll('[data-key]').length").await, 0);

    // A decision in three keys: other person, refuse, record.
    press(&one, "2").await;
    one.until("document.querySelector('[data-decision]')", PATIENCE).await;
    let page = text(&one.client).await;
    for told in ["0.083", "strangers would score as high", "does not match"] {
        assert!(page.contains(told), "{told}: {page}");
    }
    press(&one, "r").await;
    press(&one, ENTER).await;
    one.until("document.querySelector('.decided.refuse')", PATIENCE).await;
    let decided = world.central.store().passage(&key(2)).unwrap().unwrap().case.unwrap().decided.unwrap();
    assert_eq!((decided.decision, decided.reason), (Decision::Refuse, Some(DecisionReason::OtherPerson)));
    assert!(decided.overridden.is_empty());

    // An override: the form is not even sent without reason and note, and the supervisor is alarmed.
    chain.send_case(&world, |_| {}).await;
    open(&world, &one, &path(3)).await;
    pictures_are_there(&one).await;
    press(&one, "1").await;
    one.until("document.querySelector('[data-decision]')", PATIENCE).await;
    says(&one, "To admit overrides: Face against portrait").await;
    press(&one, "a").await;
    press(&one, ENTER).await;
    one.until("document.activeElement.id === 'reason'", PATIENCE).await;
    click(&one.client, "#reason option[value=same_person]").await;
    click(&one.client, "[data-decision] button.primary").await;
    one.until("document.activeElement.id === 'note'", PATIENCE).await;
    css(&one.client, "#note").await.send_keys("he has shaved").await.unwrap();
    click(&one.client, "[data-decision] button.primary").await;
    one.until("document.querySelector('.decided.admit')", PATIENCE).await;
    says(&one, "Against: Face against portrait").await;
    let alarms = world.central.store().alarms(10).unwrap();
    let overrides: Vec<_> = alarms.iter().filter(|alarm| alarm.kind == AlarmKind::Override).collect();
    assert!(overrides.len() == 1 && overrides[0].text.contains("he has shaved"), "{alarms:?}");

    // Nobody answers: escalated, and at the head of the queue.
    open(&world, &one, "/cases").await;
    live(&one).await;
    chain
        .send_case(&world, |record| {
            record.checks[15] = Check::successful(CheckId::FaceMatch);
            refer(record, CheckId::DocumentExpiry, Reason::DocumentExpired);
        })
        .await;
    one.until("document.querySelector('tbody .tag.open')?.textContent === 'escalated'", PATIENCE).await;

    // Two officers at once: the second takes it over, asked whether that is meant; what the first sends is refused.
    open(&world, &one, &path(4)).await;
    css(&one.client, "button[value=same]").await;
    open(&world, &two, &path(4)).await;
    click(&two.client, ".held button").await;
    two.client.accept_alert().await.unwrap();
    says(&two, "in your hands").await;
    click(&one.client, "button[value=same]").await;
    css(&one.client, "[role=alert]").await;
    says(&one, "officer-b has had this case in hand").await;
    one.save("console-held").await;
    press(&two, "3").await;
    two.until("document.querySelector('[data-decision]')", PATIENCE).await;
    press(&two, "s").await;
    press(&two, ENTER).await;
    two.until("document.querySelector('.decided.second-line')", PATIENCE).await;
    let case = world.central.store().passage(&key(4)).unwrap().unwrap().case.unwrap();
    assert_eq!(case.decided.unwrap().officer, "officer-b");
    assert!(case.escalated.is_some());
    assert!(
        world.central.store().alarms(10).unwrap().iter().all(|alarm| alarm.kind != AlarmKind::Unanswered)
    );

    // The connection is lost; what came meanwhile is there once it is back.
    open(&world, &one, "/cases").await;
    live(&one).await;
    let world = world.restart().await;
    says(&one, "Connection lost").await;
    chain.send_case(&world, |_| {}).await;
    live(&one).await;
    one.until(
        "document.querySelectorAll('tbody tr').length === 1 && document.title.startsWith('(1)')",
        PATIENCE,
    )
    .await;

    // The supervisor sees the override, sees to it, and finds all of it in the trail.
    set_up(&world, &two, "supervisor-a", Role::Supervisor).await;
    says(&two, "Admitted against a failed check").await;
    two.client
        .execute(
            "document.querySelector('form[action=\"/alarms/seen\"] [value=override]').form.requestSubmit()",
            vec![],
        )
        .await
        .unwrap();
    two.until("!document.body.innerText.includes('Admitted against a failed check')", PATIENCE).await;
    open(&world, &two, "/work").await;
    says(&two, "he has shaved").await;
    open(&world, &two, "/audit?act=case.").await;
    says(&two, "The chain is whole.").await;
    let page = text(&two.client).await;
    for act in ["case.take", "case.judge", "case.decide", "case.escalate"] {
        assert!(page.contains(act), "{act}: {page}");
    }
    one.stop().await;
    two.stop().await;
}

//! Signing in, and texts that would be scripts.

use super::common::browser::Browser;
use super::common::central::{Chain, World};
use super::kit::*;
use egate::central::store::Role;

#[tokio::test]
async fn a_name_of_script_is_shown_and_never_run() {
    let Some(browser) = Browser::start().await else { return };
    let world = World::start().await;
    let mut chain = Chain::new(&world, "lane-1");
    let hostile = "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\">";
    chain
        .send_case(&world, |record| {
            let document = record.document.as_mut().unwrap();
            for field in [
                &mut document.surname,
                &mut document.given_names,
                &mut document.document_number,
                &mut document.issuing_state,
                &mut document.nationality,
                &mut document.date_of_birth,
                &mut document.document_code,
            ] {
                *field = hostile.to_owned();
            }
            record.profile = hostile.to_owned();
            record.started = format!("\"><script>{}</script>", "1".repeat(20));
            record.checks[4].detail = Some(hostile.to_owned());
        })
        .await;
    set_up(&world, &browser, "officer-a", Role::Officer).await;
    for page in ["/passages", "/cases", "/lanes/lane-1", &path(1)] {
        browser.client.goto(&format!("{}{page}", world.central.office.console_url())).await.unwrap();
        browser.until("document.querySelector('[data-link]').textContent === 'Live'", PATIENCE).await;
        assert!(
            browser.value("document.body.textContent").await.as_str().unwrap().contains("onerror"),
            "{page}"
        );
        assert_eq!(browser.value("document.scripts.length").await, 1, "{page}");
        assert_eq!(browser.value("document.querySelectorAll('[onerror]').length").await, 0, "{page}");
        assert_ne!(browser.value("document.title").await, "run", "{page}");
    }
    // A note is hostile text too.
    css(&browser.client, "button[value=same]").await.click().await.unwrap();
    css(&browser.client, "[data-decision] input[value=refuse]").await.click().await.unwrap();
    click(&browser.client, "#reason option[value=other_person]").await;
    css(&browser.client, "#note").await.send_keys(hostile).await.unwrap();
    css(&browser.client, "[data-decision] button").await.click().await.unwrap();
    css(&browser.client, ".decided").await;
    assert_eq!(browser.value("document.scripts.length").await, 1);
    assert_eq!(browser.value("document.querySelector('blockquote').textContent").await, hostile);
    browser.stop().await;
}

#[tokio::test]
async fn wrong_passwords_lock_the_account_for_a_while() {
    let Some(browser) = Browser::start().await else { return };
    let world = World::start().await;
    set_up(&world, &browser, "officer-a", Role::Officer).await;
    css(&browser.client, ".bar form button").await.click().await.unwrap();
    browser.until("location.pathname === '/sign-in'", PATIENCE).await;
    save(&browser, "sign-in").await;
    let sign_in = async |name: &str, password: &str| sign_in(&browser, name, password).await;
    // The right one goes in.
    sign_in("officer-a", PASSWORD).await;
    css(&browser.client, ".who").await;
    css(&browser.client, ".bar form button").await.click().await.unwrap();
    for n in 0..6 {
        browser.until("document.querySelector('#name')?.value === ''", PATIENCE).await;
        // After five wrong ones, the right one is refused as well.
        let (name, password) = if n == 5 { ("officer-a", PASSWORD) } else { ("officer-a", "wrong") };
        sign_in(name, password).await;
        css(&browser.client, "[role=alert]").await;
    }
    browser.save("console-sign-in-refused").await;
    let user = world.central.store().user("officer-a").unwrap().unwrap();
    assert_eq!(user.failures, 5);
    browser.stop().await;
}

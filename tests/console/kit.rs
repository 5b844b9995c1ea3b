//! What the console's tests share: a browser that signs in, presses keys and keeps pictures.

use super::common::browser::Browser;
use super::common::central::{EPOCH, World};
use egate::central::store::{RecordKey, Role};
use fantoccini::elements::Element;
use fantoccini::{Client, Locator};
use std::time::Duration;

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const PASSWORD: &str = "four words put together";
pub(crate) const ENTER: &str = "\u{e007}";

/// Keeps the page in light and in dark, and looks for faults of accessibility in both.
pub(crate) async fn save(browser: &Browser, name: &str) {
    for scheme in ["light", "dark"] {
        browser.prefer(scheme).await;
        browser.save(&format!("console-{name}-{scheme}")).await;
        browser.accessible(&format!("{name}, {scheme}")).await;
    }
    browser.prefer("light").await;
}

/// Nothing is wider than the page.
pub(crate) async fn fits(browser: &Browser, what: &str) {
    let wide = browser.value("document.documentElement.scrollWidth - innerWidth").await;
    assert!(wide.as_i64().unwrap() <= 0, "{what} is {wide} pixels too wide");
}

pub(crate) async fn css(client: &Client, selector: &str) -> Element {
    client.wait().at_most(PATIENCE).for_element(Locator::Css(selector)).await.unwrap()
}

pub(crate) async fn click(client: &Client, selector: &str) {
    css(client, selector).await.click().await.unwrap();
}

pub(crate) async fn text(client: &Client) -> String {
    css(client, "body").await.text().await.unwrap()
}

pub(crate) async fn open(world: &World, browser: &Browser, page: &str) {
    browser.client.goto(&format!("{}{page}", world.central.office.console_url())).await.unwrap();
}

/// Uses the one-time link of a new user; ends on the start page, signed in.
pub(crate) async fn set_up(world: &World, browser: &Browser, name: &str, role: Role) {
    let link = world.central.office.create_user(name, role).await.unwrap();
    browser.client.goto(&link).await.unwrap();
    for field in ["#password", "#again"] {
        css(&browser.client, field).await.send_keys(PASSWORD).await.unwrap();
    }
    click(&browser.client, "button.primary").await;
    css(&browser.client, ".who").await;
}

pub(crate) async fn sign_in(browser: &Browser, name: &str, password: &str) {
    css(&browser.client, "#name").await.send_keys(name).await.unwrap();
    css(&browser.client, "#password").await.send_keys(password).await.unwrap();
    click(&browser.client, "button.primary").await;
}

/// Presses a key where the focus is. The page may put a new element in the focused one's place just then.
pub(crate) async fn press(browser: &Browser, key: &str) {
    for _ in 0..50 {
        let focused = browser.client.active_element().await.unwrap();
        match focused.send_keys(key).await {
            Err(error) if error.is_stale_element_reference() => {}
            done => return done.unwrap(),
        }
    }
    panic!("the focus never stays where it is");
}

pub(crate) async fn pictures_are_there(browser: &Browser) {
    browser.until("[...document.images].every(i => i.complete && i.naturalWidth > 0)", PATIENCE).await;
}

pub(crate) async fn live(browser: &Browser) {
    browser.until("document.querySelector('[data-link]').textContent === 'Live'", PATIENCE).await;
}

pub(crate) fn key(sequence: u64) -> RecordKey {
    RecordKey { lane: "lane-1".to_owned(), epoch: EPOCH.to_owned(), sequence }
}

pub(crate) fn path(sequence: u64) -> String {
    format!("/passages/{}", key(sequence))
}

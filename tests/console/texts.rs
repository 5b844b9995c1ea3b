//! Whatever is written into a field or an address: the answer is a page, and never trouble of central's own. On both
//! databases, for not every database can hold every text.

use super::common::central::{Chain, World};
use super::common::postgres::Cluster;
use super::kit::path;
use super::security::Http;
use egate::central::store::{ListKind, Role};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use reqwest::{StatusCode, header};

/// Requests of each engine.
const CASES: u32 = 160;

/// Each form with fields that would be fine; the text takes the place of one of them.
const FORMS: [(&str, &[(&str, &str)]); 12] = [
    ("/sign-in", &[("name", "officer-a"), ("password", "wrong")]),
    ("/set-up/TEXT", &[("password", "four words put together"), ("again", "four words put together")]),
    ("/users", &[("name", "new"), ("role", "officer")]),
    ("/users/bar", &[("name", "nobody")]),
    ("/sessions/revoke", &[("id", "00")]),
    ("/alarms/seen", &[("lane", "lane-1"), ("kind", "gap"), ("subject", "x")]),
    ("/lanes/lane-1/commands", &[("command", "release_to_officer"), ("passage", "p"), ("reason", "ill")]),
    ("/lanes/TEXT/commands", &[("command", "out_of_service"), ("reason", "wet floor")]),
    ("/lists/l/1/decision", &[("review", "reject")]),
    ("CASE/judgement", &[("version", "1"), ("judgement", "same")]),
    ("CASE/decision", &[("version", "2"), ("decision", "refuse"), ("reason", "other"), ("note", "so")]),
    ("/passages/TEXT/TEXT/1/take", &[]),
];

/// Addresses in which a text can stand.
const ADDRESSES: [&str; 11] = [
    "/lanes/TEXT",
    "/passages/TEXT/TEXT/1",
    "/passages/lane-1/00/TEXT",
    "/passages/TEXT/00/1/pictures/0",
    "/lists/TEXT/1",
    "/set-up/TEXT",
    "/audit?actor=TEXT&act=TEXT&subject=TEXT",
    "/audit?from=TEXT&to=TEXT&before=1",
    "/statistics?by=TEXT&days=7",
    "/passages?ending=TEXT",
    "/TEXT?TEXT=TEXT",
];

/// Texts that people, programs and enemies write.
fn texts() -> impl Strategy<Value = String> {
    let odd = [
        "",
        "\0",
        "a\0b",
        "\u{1b}[2J",
        "\u{85}",
        "\u{202e}",
        "<script>",
        "'; DROP TABLE users; --",
        "%",
        "_%!",
    ];
    let numbers = ["-1", "18446744073709551615", "9999999999999999999999", "9999-12-31", "NaN"];
    prop_oneof![
        prop::sample::select(odd.map(str::to_owned).to_vec()),
        prop::sample::select(numbers.map(str::to_owned).to_vec()),
        any::<String>(),
        prop::collection::vec(prop::char::range('\0', '\u{a0}'), 0..40).prop_map(String::from_iter),
        (1_000..30_000_usize).prop_map(|length| "é".repeat(length)),
    ]
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// Addresses have room for less than forms.
fn address(pattern: &str, text: &str) -> String {
    let short: String = text.chars().take(300).collect();
    // An empty step of a path is another path.
    let short = if short.is_empty() { "-".to_owned() } else { encoded(&short) };
    pattern.replace("CASE", &path(1)).replace("TEXT", &short)
}

async fn no_text_makes_trouble(world: World, engine: &str) {
    let mut chain = Chain::new(&world, "lane-1");
    chain.send_case(&world, |_| {}).await;
    let store = world.central.store();
    let filled = tokio::task::spawn_blocking(move || {
        store.begin_list("l", ListKind::Rules, "00", "anna", 1).unwrap();
        store.end_list("l", 1, 0, "anna", 1).unwrap();
    });
    filled.await.unwrap();
    let http = Http::new(&world);
    let (cookie, csrf) = http.session(&world, "supervisor-a", Role::Supervisor).await;
    let runtime = tokio::runtime::Handle::current();
    let asked = tokio::task::spawn_blocking(move || {
        let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
        let places = (0..FORMS.len() + ADDRESSES.len(), any::<prop::sample::Index>(), any::<bool>(), texts());
        let mut runner = TestRunner::new(config);
        runner
            .run(&places, |(place, field, raw, text)| {
                let written = |text: &str| if raw { text.replace(['&', '%'], "") } else { encoded(text) };
                let status = match FORMS.get(place) {
                    Some((form, fields)) => {
                        let chosen = (!fields.is_empty()).then(|| field.index(fields.len()));
                        let value = |(at, (name, fine)): (usize, &(&str, &str))| {
                            let value = if chosen == Some(at) { written(&text) } else { encoded(fine) };
                            format!("&{name}={value}")
                        };
                        let body: String = fields.iter().enumerate().map(value).collect();
                        let sent = format!("csrf={csrf}{body}");
                        runtime.block_on(http.status(&address(form, &text), &cookie, &sent))
                    }
                    None => {
                        let page = address(ADDRESSES[place - FORMS.len()], &text);
                        runtime.block_on(http.get(&page, &cookie)).status()
                    }
                };
                prop_assert!(status.as_u16() < 500, "{status}");
                Ok(())
            })
            .map_err(|error| error.to_string())
    });
    asked.await.unwrap().unwrap_or_else(|error| panic!("{engine}: {error}"));
    // The zero byte is named, wherever it stands.
    let http = Http::new(&world);
    let (cookie, csrf) = http.session(&world, "officer-a", Role::Officer).await;
    let decision = format!("{}/decision", path(1));
    let form = format!("csrf={csrf}&version=1&decision=refuse&reason=other_person&note=a%00b");
    let request = http.http.post(format!("{}{decision}", http.base)).header(header::COOKIE, &cookie);
    let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
    let answers = [
        request.send().await.unwrap(),
        http.post("/sign-in", "", "name=%00&password=x").await,
        http.get("/lanes/%00", &cookie).await,
        http.get("/passages?ending=%00", &cookie).await,
    ];
    for answer in answers {
        let (at, status) = (answer.url().clone(), answer.status());
        assert_eq!(status, StatusCode::BAD_REQUEST, "{engine}: {at}");
        let page = answer.text().await.unwrap();
        assert!(
            page.contains("A character cannot be kept") && page.contains("Nothing was stored"),
            "{at}: {page}"
        );
    }
    world.central.stop().await.unwrap();
}

#[tokio::test]
async fn no_text_in_a_form_or_address_makes_trouble_of_centrals_own() {
    no_text_makes_trouble(World::start().await, "SQLite").await;
    let Some(mut cluster) = Cluster::start() else { return };
    no_text_makes_trouble(World::start_on(Some(cluster.database())).await, "PostgreSQL").await;
}

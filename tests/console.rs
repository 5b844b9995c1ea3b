//! The officers' console in a real browser: an officer's way from the one-time link to a decision, and
//! what must not work. Screenshots are kept in `target/screenshots`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::browser::Browser;
use common::central::{Chain, World, batch};
use egate::central::store::{Decision, Role};
use egate::check::{Check, CheckId, Reason};
use egate::passage::Ending;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, Locator};
use reqwest::{Method, StatusCode, Url, header};
use serde_json::json;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);
const PASSWORD: &str = "four words put together";

/// What the browser is told by its developer protocol: light or dark.
#[derive(Debug)]
struct ColourScheme(&'static str);

impl WebDriverCompatibleCommand for ColourScheme {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, <Url as std::str::FromStr>::Err> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        let features = json!([{ "name": "prefers-color-scheme", "value": self.0 }]);
        let body = json!({ "cmd": "Emulation.setEmulatedMedia", "params": { "features": features } });
        (Method::POST, Some(body.to_string()))
    }
}

/// Keeps the page in light and in dark.
async fn save(browser: &Browser, name: &str) {
    for scheme in ["light", "dark"] {
        browser.client.issue_cmd(ColourScheme(scheme)).await.unwrap();
        browser.save(&format!("console-{name}-{scheme}")).await;
    }
    browser.client.issue_cmd(ColourScheme("light")).await.unwrap();
}

async fn css(client: &Client, selector: &str) -> fantoccini::elements::Element {
    client.wait().at_most(PATIENCE).for_element(Locator::Css(selector)).await.unwrap()
}

async fn text(client: &Client) -> String {
    css(client, "body").await.text().await.unwrap()
}

/// Uses the one-time link of a new user; ends on the start page, signed in.
async fn set_up(world: &World, browser: &Browser, name: &str, role: Role) {
    let link = world.central.office.create_user(name, role).await.unwrap();
    browser.client.goto(&link).await.unwrap();
    for field in ["#password", "#again"] {
        css(&browser.client, field).await.send_keys(PASSWORD).await.unwrap();
    }
    css(&browser.client, "button.primary").await.click().await.unwrap();
    css(&browser.client, ".who").await;
}

async fn press(browser: &Browser, key: &str) {
    browser.client.active_element().await.unwrap().send_keys(key).await.unwrap();
}

fn path(sequence: u64) -> String {
    format!("/passages/lane-1/{}/{sequence}", common::central::EPOCH)
}

#[tokio::test]
async fn an_officer_signs_in_looks_judges_and_decides_by_keyboard() {
    let Some(browser) = Browser::start().await else { return };
    browser.viewport(1440, 900).await;
    let world = World::start().await;
    let mut chain = Chain::new(&world, "lane-1");
    let client = world.client("lane-1");

    let link = world.central.office.create_user("officer-a", Role::Officer).await.unwrap();
    browser.client.goto(&link).await.unwrap();
    save(&browser, "set-up").await;
    set_up(&world, &browser, "officer-a", Role::Officer).await;

    // The list fills by itself.
    browser.until("document.querySelector('.empty')", PATIENCE).await;
    for _ in 0..14 {
        let record = chain.next(|record| {
            if record.position.sequence % 6 == 5 {
                record.ending = Ending::Withdrawn;
                record.reasons = vec![Reason::TravellerLeft];
            }
        });
        client.post_records(&batch(&[&record])).await.unwrap();
    }
    chain
        .send_case(&world, |record| {
            record.checks[6] = Check::undetermined(CheckId::SignerRevocation, Reason::RevocationUnknown);
            record.checks[2] =
                Check::not_supported(CheckId::ChipAuthenticity, Reason::ChipAuthenticationNotOffered);
            record.checks.retain(|check| check.id != CheckId::PersonLookup);
        })
        .await;
    browser.until("document.querySelectorAll('[data-row]').length === 15", PATIENCE).await;
    browser.until("document.title === '(1) Passages · egate'", PATIENCE).await;
    browser.until("document.querySelector('[data-link]').textContent === 'Live'", PATIENCE).await;
    save(&browser, "passages").await;

    // The queue, and the case by keyboard.
    press(&browser, "g").await;
    press(&browser, "c").await;
    browser.until("location.pathname === '/cases' && document.querySelector('[data-row]')", PATIENCE).await;
    save(&browser, "cases").await;
    press(&browser, "j").await;
    press(&browser, "\u{e007}").await;
    browser.until("document.querySelectorAll('.pane img').length === 2", PATIENCE).await;
    assert_eq!(browser.value("document.querySelectorAll('.strip img').length").await, 3);
    browser.until("[...document.images].every(i => i.complete && i.naturalWidth > 0)", PATIENCE).await;
    let page = text(&browser.client).await;
    assert!(page.contains("The face does not match the portrait."), "{page}");
    assert!(
        !page.contains("0.083") && !page.contains("Similarity"),
        "scores before the own judgement: {page}"
    );
    let words = ["successful", "failed", "undetermined", "not supported", "not made"];
    assert!(words.iter().all(|word| page.contains(word)), "{page}");
    let sizes = "[...document.querySelectorAll('.pane')].map(p => p.clientWidth + p.clientHeight)";
    let difference = browser.value(&format!("Math.abs({sizes}.reduce((a, b) => a - b))")).await;
    assert!(difference.as_f64().unwrap() <= 2.0, "both faces have the same size: {difference}");
    save(&browser, "case-judge").await;

    press(&browser, "2").await;
    browser.until("document.querySelector('[data-decision]')", PATIENCE).await;
    let page = text(&browser.client).await;
    assert!(page.contains("Not the same person") && page.contains("0.083"), "{page}");
    browser.until("[...document.images].every(i => i.complete && i.naturalWidth > 0)", PATIENCE).await;
    save(&browser, "case-decide").await;
    // The README's picture: nobody's face is kept in the repository.
    let blur =
        "document.querySelectorAll('.pane img, .strip img').forEach(i => { i.style.filter = arguments[0]; })";
    browser.client.execute(blur, vec![json!("blur(28px)")]).await.unwrap();
    browser.save("readme-case").await;
    browser.client.execute(blur, vec![json!("")]).await.unwrap();

    // To admit against a failed check, a note is needed; the browser does not even send the form.
    press(&browser, "a").await;
    press(&browser, "\u{e007}").await;
    browser.until("document.activeElement.id === 'note'", PATIENCE).await;
    browser.client.execute("document.activeElement.blur()", vec![]).await.unwrap();
    press(&browser, "r").await;
    press(&browser, "\u{e007}").await;
    browser.until("document.querySelector('.decided.refuse')", PATIENCE).await;
    assert!(text(&browser.client).await.contains("Refused\nby officer-a at "));
    browser.until("[...document.images].every(i => i.complete && i.naturalWidth > 0)", PATIENCE).await;
    save(&browser, "case-decided").await;
    browser.viewport(820, 1180).await;
    save(&browser, "case-tablet").await;
    browser.viewport(2560, 1440).await;
    save(&browser, "case-wall").await;
    browser.viewport(1440, 900).await;

    let trail = world.central.store().audit_lines(100).unwrap();
    let acts: Vec<&str> = trail.iter().map(|line| line.act.as_str()).collect();
    for act in ["passage.view", "picture.view", "case.judge", "case.decide", "session.begin"] {
        assert!(acts.contains(&act), "{act} is in {acts:?}");
    }
    assert_eq!(world.central.store().audit_break().unwrap(), None);

    set_up(&world, &browser, "supervisor-a", Role::Supervisor).await;
    for page in ["audit", "lanes"] {
        browser.client.goto(&format!("{}/{page}", world.central.office.console_url())).await.unwrap();
        css(&browser.client, "table").await;
        save(&browser, page).await;
    }
    browser.stop().await;
}

#[tokio::test]
async fn two_officers_cannot_decide_one_case() {
    let (Some(one), Some(two)) = (Browser::start().await, Browser::start().await) else { return };
    let world = World::start().await;
    let mut chain = Chain::new(&world, "lane-1");
    chain.send_case(&world, |_| {}).await;
    let address = format!("{}{}", world.central.office.console_url(), path(1));
    set_up(&world, &one, "officer-a", Role::Officer).await;
    set_up(&world, &two, "officer-b", Role::Officer).await;

    for browser in [&one, &two] {
        browser.client.goto(&address).await.unwrap();
        css(&browser.client, "button[value=same]").await;
    }
    css(&one.client, "button[value=different]").await.click().await.unwrap();
    css(&one.client, "[data-decision]").await;
    // The other officer's page is of an older version.
    css(&two.client, "button[value=same]").await.click().await.unwrap();
    css(&two.client, "[role=alert]").await;
    let page = text(&two.client).await;
    assert!(page.contains("Another officer has worked on this case"), "{page}");
    assert!(page.contains("officer-a has looked at this case already") && !page.contains("0.083"), "{page}");
    // They judge by themselves; now the first officer's page is of an older version.
    css(&two.client, "button[value=cannot_tell]").await.click().await.unwrap();
    css(&two.client, "[data-decision] input[value=second_line]").await.click().await.unwrap();
    css(&two.client, "#note").await.send_keys("glare on the camera").await.unwrap();
    css(&two.client, "[data-decision] button").await.click().await.unwrap();
    css(&two.client, ".decided.second-line").await;

    css(&one.client, "[data-decision] input[value=admit]").await.click().await.unwrap();
    css(&one.client, "#note").await.send_keys("known to me").await.unwrap();
    css(&one.client, "[data-decision] button").await.click().await.unwrap();
    css(&one.client, "[role=alert]").await;
    let page = text(&one.client).await;
    assert!(page.contains("Another officer has decided this case"), "{page}");
    assert!(page.contains("by officer-b") && page.contains("glare on the camera"), "{page}");
    one.save("console-conflict").await;

    let (open, count) = world.central.store().open_cases(10).unwrap();
    assert!(open.is_empty() && count == 0);
    let stored = world.central.store().passages(&Default::default()).unwrap();
    assert!(stored.is_empty(), "a limit of 0 lists nothing");
    let key = egate::central::store::RecordKey {
        lane: "lane-1".to_owned(),
        epoch: common::central::EPOCH.to_owned(),
        sequence: 1,
    };
    let decided = world.central.store().passage(&key).unwrap().unwrap().case.unwrap().decided.unwrap();
    assert_eq!((decided.officer.as_str(), decided.decision), ("officer-b", Decision::SecondLine));
    one.stop().await;
    two.stop().await;
}

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
    for page in ["/passages", "/cases", &path(1)] {
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
    css(&browser.client, "#note").await.send_keys(hostile).await.unwrap();
    css(&browser.client, "[data-decision] input[value=refuse]").await.click().await.unwrap();
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
    let sign_in = async |name: &str, password: &str| {
        css(&browser.client, "#name").await.send_keys(name).await.unwrap();
        css(&browser.client, "#password").await.send_keys(password).await.unwrap();
        css(&browser.client, "button.primary").await.click().await.unwrap();
    };
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

/// A browser's request, without a browser.
struct Http {
    http: reqwest::Client,
    base: String,
}

impl Http {
    fn new(world: &World) -> Http {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tls_backend_preconfigured(no_tls())
            .build()
            .unwrap();
        Http { http, base: world.central.office.console_url() }
    }

    async fn get(&self, path: &str, cookie: &str) -> reqwest::Response {
        self.http.get(format!("{}{path}", self.base)).header(header::COOKIE, cookie).send().await.unwrap()
    }

    async fn post(&self, path: &str, cookie: &str, form: &str) -> reqwest::Response {
        let request = self.http.post(format!("{}{path}", self.base)).header(header::COOKIE, cookie);
        let form = form.to_owned();
        request
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await
            .unwrap()
    }

    /// The cookie of a new user's session, and the session's form token.
    async fn session(&self, world: &World, name: &str, role: Role) -> (String, String) {
        let link = world.central.office.create_user(name, role).await.unwrap();
        let path = link.strip_prefix(&self.base).unwrap();
        let form = "password=four+words+put+together&again=four+words+put+together";
        let answer = self.post(path, "", form).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
        assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
        // The link works once.
        assert_eq!(self.get(path, "").await.status(), StatusCode::NOT_FOUND);
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let page = self.get("/lanes", &cookie).await.text().await.unwrap();
        let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        (cookie, csrf)
    }
}

fn no_tls() -> rustls::ClientConfig {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

#[tokio::test]
async fn without_session_role_or_form_token_nothing_is_shown_or_done() {
    let world = World::start().await;
    let mut chain = Chain::new(&world, "lane-1");
    chain.send_case(&world, |_| {}).await;
    let http = Http::new(&world);
    let picture = format!("{}/pictures/0", path(1));
    for page in ["/", "/passages", "/cases", "/lanes", "/audit", "/events", &path(1), &picture] {
        for cookie in ["", "egate=", "egate=0000"] {
            let answer = http.get(page, cookie).await;
            assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{page}");
            assert_eq!(answer.headers()[header::LOCATION], "/sign-in", "{page}");
        }
    }
    let (engineer, engineer_csrf) = http.session(&world, "engineer-a", Role::Engineer).await;
    for page in ["/passages", "/cases", "/audit", &path(1), &picture] {
        assert_eq!(http.get(page, &engineer).await.status(), StatusCode::FORBIDDEN, "{page}");
    }
    let (auditor, auditor_csrf) = http.session(&world, "auditor-a", Role::Auditor).await;
    let judgement = format!("{}/judgement", path(1));
    for (cookie, csrf) in [(&engineer, &engineer_csrf), (&auditor, &auditor_csrf)] {
        let form = format!("csrf={csrf}&version=1&judgement=same");
        assert_eq!(http.post(&judgement, cookie, &form).await.status(), StatusCode::FORBIDDEN);
    }
    let (officer, csrf) = http.session(&world, "officer-a", Role::Officer).await;
    for wrong in ["", "0", auditor_csrf.as_str()] {
        let form = format!("csrf={wrong}&version=1&judgement=same");
        assert_eq!(http.post(&judgement, &officer, &form).await.status(), StatusCode::BAD_REQUEST);
    }
    // A decision before the own judgement, or without the note that an override needs.
    let decision = format!("{}/decision", path(1));
    let decide = format!("csrf={csrf}&version=1&decision=refuse&note=");
    assert_eq!(http.post(&decision, &officer, &decide).await.status(), StatusCode::CONFLICT);
    let form = format!("csrf={csrf}&version=1&judgement=same");
    assert_eq!(http.post(&judgement, &officer, &form).await.status(), StatusCode::SEE_OTHER);
    let form = format!("csrf={csrf}&version=2&decision=admit&note=+");
    assert_eq!(http.post(&decision, &officer, &form).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(world.central.store().open_cases(10).unwrap().1, 1);
    // Signed out, the cookie is worth nothing.
    let form = format!("csrf={csrf}");
    assert_eq!(http.post("/sign-out", &officer, &form).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(http.get("/cases", &officer).await.status(), StatusCode::SEE_OTHER);
    // A renewed user loses the sessions from before.
    world.central.office.create_user("auditor-a", Role::Auditor).await.unwrap();
    assert_eq!(http.get("/cases", &auditor).await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn over_https_the_cookie_is_secure_and_browsers_stay_on_https() {
    let world = World::start().await;
    let identity = world.settings.identity.clone();
    let mut settings = world.settings.clone();
    settings.data = world.folder.path().join("other");
    settings.lanes.listen = "127.0.0.1:0".parse().unwrap();
    settings.console.listen = "0.0.0.0:0".parse().unwrap();
    settings.console.certificate = Some(identity.join("central.pem"));
    settings.console.key = Some(identity.join("central.key.pem"));
    let central = egate::central::Central::start(settings).await.unwrap();
    let link = central.office.first_user_link().await.unwrap().unwrap();
    assert!(link.starts_with("https://"), "{link}");

    let authority = std::fs::read(identity.join("authority.pem")).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    use rustls::pki_types::pem::PemObject;
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(&authority).unwrap()).unwrap();
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let redirects = reqwest::redirect::Policy::none();
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(redirects)
        .tls_backend_preconfigured(tls)
        .build()
        .unwrap();
    let link = link.replace("0.0.0.0", "localhost");
    let request = http.post(&link).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let form = "password=four+words+put+together&again=four+words+put+together";
    let answer = request.body(form).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("__Host-egate=") && cookie.ends_with("; Secure"), "{cookie}");
    assert!(answer.headers().contains_key(header::STRICT_TRANSPORT_SECURITY));
    assert_eq!(central.office.first_user_link().await.unwrap(), None);
    central.stop().await.unwrap();
}

#[tokio::test]
async fn forms_from_other_sites_and_large_forms_are_refused_and_every_page_is_protected() {
    let world = World::start().await;
    let http = Http::new(&world);
    let request = http.http.post(format!("{}/sign-in", http.base)).header("sec-fetch-site", "cross-site");
    assert_eq!(request.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    let large = format!("name=a&password={}", "p".repeat(20_000));
    assert_eq!(http.post("/sign-in", "", &large).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    for page in ["/sign-in", "/nowhere", "/static/console.js", "/cases"] {
        let answer = http.get(page, "").await;
        let headers = answer.headers();
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{page}: {policy}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{page}");
    }
}

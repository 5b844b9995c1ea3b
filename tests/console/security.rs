//! What must not work: without a session, with another's, with a role that may not, from another site.

use super::common::central::{Chain, World};
use super::kit::path;
use egate::central::store::{AlarmKind, Role};
use reqwest::{StatusCode, header};

/// A browser's request, without a browser.
pub(super) struct Http {
    pub(super) http: reqwest::Client,
    pub(super) base: String,
}

impl Http {
    pub(super) fn new(world: &World) -> Http {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tls_backend_preconfigured(no_tls())
            .build()
            .unwrap();
        Http { http, base: world.central.office.console_url() }
    }

    /// The status of a form sent with a session.
    pub(super) async fn status(&self, path: &str, cookie: &str, form: &str) -> StatusCode {
        self.post(path, cookie, form).await.status()
    }

    pub(super) async fn get(&self, path: &str, cookie: &str) -> reqwest::Response {
        self.http.get(format!("{}{path}", self.base)).header(header::COOKIE, cookie).send().await.unwrap()
    }

    pub(super) async fn post(&self, path: &str, cookie: &str, form: &str) -> reqwest::Response {
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
    pub(super) async fn session(&self, world: &World, name: &str, role: Role) -> (String, String) {
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
    let pages = [
        "/",
        "/passages",
        "/cases",
        "/lanes",
        "/lanes/lane-1",
        "/audit",
        "/work",
        "/lists",
        "/releases",
        "/releases/1",
        "/users",
        "/sessions",
        "/events",
    ];
    for page in pages.into_iter().chain([path(1).as_str(), &picture]) {
        for cookie in ["", "egate=", "egate=0000"] {
            let answer = http.get(page, cookie).await;
            assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{page}");
            assert_eq!(answer.headers()[header::LOCATION], "/sign-in", "{page}");
        }
    }
    let (engineer, engineer_csrf) = http.session(&world, "engineer-a", Role::Engineer).await;
    for page in ["/passages", "/cases", "/audit", "/work", "/lists", "/users", &path(1), &picture] {
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
    let decide = format!("csrf={csrf}&version=1&decision=refuse&reason=other_person&note=");
    assert_eq!(http.post(&decision, &officer, &decide).await.status(), StatusCode::CONFLICT);
    // The page that said so put the case into the officer's hands, which raised its version.
    let form = format!("csrf={csrf}&version=2&judgement=same");
    assert_eq!(http.post(&judgement, &officer, &form).await.status(), StatusCode::SEE_OTHER);
    // A reason that does not fit the decision.
    let form = format!("csrf={csrf}&version=3&decision=refuse&reason=same_person&note=as+I+say");
    assert_eq!(http.post(&decision, &officer, &form).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let form = format!("csrf={csrf}&version=3&decision=admit&reason=same_person&note=+");
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

#[tokio::test]
async fn no_role_rises_above_itself() {
    let world = World::start().await;
    let mut chain = Chain::new(&world, "lane-1");
    chain.send_case(&world, |_| {}).await;
    world.central.store().alarm("lane-1", AlarmKind::Override, "x", "", 1).unwrap();
    world.central.store().alarm("lane-1", AlarmKind::Gap, "x", "", 1).unwrap();
    let http = Http::new(&world);
    let case = path(1);
    let judge = format!("{case}/judgement");
    let take = format!("{case}/take");
    let put_back = format!("{case}/put-back");
    let roles = [Role::Officer, Role::Engineer, Role::Auditor, Role::Supervisor];
    let mut sessions = Vec::new();
    for role in roles {
        sessions.push((role, http.session(&world, &format!("{role:?}"), role).await));
    }
    // Each page and act, and who may; the others are refused whatever they send.
    use Role::{Auditor, Engineer, Officer, Supervisor};
    let pages: [(&str, &[Role]); 11] = [
        ("/statistics?by=lane&days=30", &[Auditor, Supervisor]),
        ("/statistics.csv", &[Auditor, Supervisor]),
        ("/lanes", &[Officer, Engineer, Auditor, Supervisor]),
        ("/sessions", &[Officer, Engineer, Auditor, Supervisor]),
        ("/cases", &[Officer, Auditor, Supervisor]),
        ("/passages", &[Officer, Auditor, Supervisor]),
        (&case, &[Officer, Auditor, Supervisor]),
        ("/work", &[Auditor, Supervisor]),
        ("/audit", &[Auditor, Supervisor]),
        ("/lists", &[Supervisor]),
        ("/users", &[Supervisor]),
    ];
    for (page, who) in pages {
        for (role, (cookie, _)) in &sessions {
            let found = http.get(page, cookie).await.status();
            let wanted = if who.contains(role) { StatusCode::OK } else { StatusCode::FORBIDDEN };
            assert_eq!(found, wanted, "{page} for {role:?}");
        }
    }
    let acts: [(&str, &str, &[Role]); 9] = [
        (&judge, "version=1&judgement=same", &[Officer, Supervisor]),
        (&take, "", &[Officer, Supervisor]),
        (&put_back, "", &[Officer, Supervisor]),
        ("/lists/none/1/decision", "review=approve", &[Supervisor]),
        ("/users", "name=new&role=supervisor", &[Supervisor]),
        ("/users/bar", "name=Officer", &[Supervisor]),
        ("/alarms/seen", "lane=lane-1&kind=override&subject=x", &[Supervisor]),
        ("/alarms/seen", "lane=lane-1&kind=gap&subject=x", &[Engineer, Supervisor]),
        ("/lanes/lane-1/commands", "command=release_to_officer&reason=r&passage=p", &[Officer, Supervisor]),
    ];
    for (act, form, who) in acts {
        for (role, (cookie, csrf)) in sessions.iter().filter(|(role, _)| !who.contains(role)) {
            let found = http.status(act, cookie, &format!("csrf={csrf}&{form}")).await;
            assert_eq!(found, StatusCode::FORBIDDEN, "{act} for {role:?}");
        }
        // Who may is not believed with another's token.
        let (_, (cookie, _)) = sessions.iter().find(|(role, _)| who.contains(role)).unwrap();
        let (_, (_, foreign)) = sessions.iter().find(|(role, _)| !who.contains(role)).unwrap();
        let found = http.status(act, cookie, &format!("csrf={foreign}&{form}")).await;
        assert_eq!(found, StatusCode::BAD_REQUEST, "{act}");
    }
    // What was refused left no trace but views.
    let store = world.central.store();
    assert!(store.user("new").unwrap().is_none() && store.commands(None, 9).unwrap().is_empty());
    assert!(store.alarms(9).unwrap().iter().all(|alarm| alarm.seen.is_none()));
    assert_eq!(store.passage(&super::kit::key(1)).unwrap().unwrap().case.unwrap().judged, None);
    // An alarm about officers is shown to those above them alone.
    for (role, (cookie, _)) in &sessions {
        let page = http.get("/lanes", cookie).await.text().await.unwrap();
        let above = matches!(role, Role::Supervisor | Role::Auditor);
        assert_eq!(page.contains("Admitted against a failed check"), above, "{role:?}");
        assert!(page.contains("Records are missing"), "{role:?}");
    }
}

#[tokio::test]
async fn a_stolen_cookie_ends_the_session_and_alarms_the_supervisor() {
    let world = World::start().await;
    let http = Http::new(&world);
    let (cookie, _) = http.session(&world, "officer-a", Role::Officer).await;
    assert_eq!(http.get("/cases", &cookie).await.status(), StatusCode::OK);
    let stolen = http.http.get(format!("{}/cases", http.base)).header(header::COOKIE, &cookie);
    let answer = stolen.header(header::USER_AGENT, "another browser").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(
        http.get("/cases", &cookie).await.status(),
        StatusCode::SEE_OTHER,
        "the thief's victim signs in anew"
    );
    let alarms = world.central.store().alarms(9).unwrap();
    assert!(
        alarms.iter().any(|a| a.kind == AlarmKind::SessionTheft && a.subject == "officer-a"),
        "{alarms:?}"
    );
}

#[tokio::test]
async fn sessions_are_ended_by_their_owner_or_a_supervisor_and_by_nobody_else() {
    let world = World::start().await;
    let http = Http::new(&world);
    let store = world.central.store();
    let (officer, csrf) = http.session(&world, "officer-a", Role::Officer).await;
    let (other, other_csrf) = http.session(&world, "officer-b", Role::Officer).await;
    let id = |user: &str| store.sessions(Some(user), 0, 0, 9).unwrap()[0].token_sha256.clone();
    let form = format!("csrf={csrf}&id={}", id("officer-b"));
    assert_eq!(http.status("/sessions/revoke", &officer, &form).await, StatusCode::FORBIDDEN);
    assert_eq!(http.get("/cases", &other).await.status(), StatusCode::OK);
    let form = format!("csrf={other_csrf}&id={}", id("officer-b"));
    assert_eq!(http.status("/sessions/revoke", &other, &form).await, StatusCode::SEE_OTHER);
    assert_eq!(http.get("/cases", &other).await.status(), StatusCode::SEE_OTHER);
    // The number of a session that pages show opens nothing.
    let cookie = format!("egate={}", id("officer-a"));
    assert_eq!(http.get("/cases", &cookie).await.status(), StatusCode::SEE_OTHER);
    // A supervisor ends any, and bars a user: the password is worth nothing then; never themself.
    let (supervisor, csrf) = http.session(&world, "supervisor-a", Role::Supervisor).await;
    let form = format!("csrf={csrf}&id={}", id("officer-a"));
    assert_eq!(http.status("/sessions/revoke", &supervisor, &form).await, StatusCode::SEE_OTHER);
    assert_eq!(http.get("/cases", &officer).await.status(), StatusCode::SEE_OTHER);
    let sign_in = "name=officer-a&password=four+words+put+together";
    assert_eq!(http.status("/sign-in", "", sign_in).await, StatusCode::SEE_OTHER);
    let bar = |name: &str| format!("csrf={csrf}&name={name}");
    assert_eq!(http.status("/users/bar", &supervisor, &bar("officer-a")).await, StatusCode::SEE_OTHER);
    assert_eq!(http.status("/sign-in", "", sign_in).await, StatusCode::UNAUTHORIZED);
    assert_eq!(http.status("/users/bar", &supervisor, &bar("supervisor-a")).await, StatusCode::CONFLICT);
    assert_eq!(http.status("/users/bar", &supervisor, &bar("nobody")).await, StatusCode::NOT_FOUND);
    // The link for a new password is shown once, and in no list.
    let form = format!("csrf={csrf}&name=officer-c&role=officer");
    let page = http.post("/users", &supervisor, &form).await.text().await.unwrap();
    let link = page.split("/set-up/").nth(1).unwrap().split('<').next().unwrap().to_owned();
    assert!(!http.get("/users", &supervisor).await.text().await.unwrap().contains(&link));
    assert_eq!(http.get(&format!("/set-up/{link}"), "").await.status(), StatusCode::OK);
    assert_eq!(http.get(&format!("/set-up/{}", "0".repeat(64)), "").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_order_to_a_lane_needs_a_reason_and_stands_in_the_trail() {
    let world = World::start().await;
    let http = Http::new(&world);
    world.central.store().add_lane("lane-1", "aa", 1).unwrap();
    let (officer, csrf) = http.session(&world, "officer-a", Role::Officer).await;
    let send = async |form: &str| {
        http.status("/lanes/lane-1/commands", &officer, &format!("csrf={csrf}&{form}")).await
    };
    assert_eq!(send("command=out_of_service&reason=+").await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        send("command=release_to_officer&reason=ill").await,
        StatusCode::UNPROCESSABLE_ENTITY,
        "of no passage"
    );
    assert_eq!(
        send("command=open_exit&reason=please").await,
        StatusCode::UNPROCESSABLE_ENTITY,
        "there is no such"
    );
    assert!(world.central.store().commands(None, 9).unwrap().is_empty());
    assert_eq!(send("command=out_of_service&reason=wet+floor").await, StatusCode::SEE_OTHER);
    let given = world.central.store().commands(Some("lane-1"), 9).unwrap();
    assert_eq!((given.len(), given[0].by.as_str(), given[0].reason.as_str()), (1, "officer-a", "wet floor"));
    let trail = world.central.store().audit_lines(50).unwrap();
    assert!(
        trail.iter().any(|line| line.actor == "officer-a" && line.detail.contains("wet floor")),
        "{trail:?}"
    );
    assert!(http.get("/lanes/lane-1", &officer).await.text().await.unwrap().contains("wet floor"));
}

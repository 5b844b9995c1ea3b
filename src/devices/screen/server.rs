//! The page's routes and their state.
//!
//! | route | what it gives |
//! |---|---|
//! | `GET /` | the page; `/screen.css`, `/screen.js`, `/texts.json` belong to it |
//! | `GET /events` | server-sent events: the whole state at every change and at every beat |
//! | `GET /live.jpg?after=N` | the live view's newest picture when its number (`x-frame`) is not N; 204 when none came |
//! | `POST /officer` | the traveller wants an officer |
//!
//! Only loopback addresses are served, and only requests that name a loopback host: the live view shows a face.

use super::texts;
use crate::devices::Screen;
use crate::passage::Prompt;
use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::{Stream, stream};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;

/// The state is said again after this long; the page misses it after two seconds.
const BEAT: Duration = Duration::from_millis(500);
/// A request for a live picture waits this long for a new one.
const LIVE_PATIENCE: Duration = Duration::from_millis(500);
/// Pages that may listen at once: the gate's display, a service display, a test.
const PAGES_MOST: usize = 8;
/// Only the page itself sends this header, so that no other page can call an officer.
const FROM_PAGE: HeaderName = HeaderName::from_static("x-egate-screen");
/// Number of a live picture.
const FRAME_NUMBER: HeaderName = HeaderName::from_static("x-frame");
/// Nothing from elsewhere, nothing inline.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The traveller's screen in the lane's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScreenSettings {
    /// Address of the page, loopback only; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Language of the empty gate, and of travellers whose document suggests no other: `en`, `fr`, `de`, `es`,
    /// `pt`, `pl`, `tr`, `uk`, `ar`, `hi`, `zh`, `ja`.
    pub language: String,
    /// Speak each instruction, where the browser has a voice for the language.
    pub voice: bool,
}

impl Default for ScreenSettings {
    fn default() -> Self {
        ScreenSettings {
            listen: SocketAddr::from(([127, 0, 0, 1], 8480)),
            language: "en".to_owned(),
            voice: true,
        }
    }
}

/// The running page. Clones show on the same page; when the last is dropped, the page is gone.
#[derive(Clone)]
pub struct ScreenServer {
    inside: Arc<Inside>,
}

struct Inside {
    shown: watch::Sender<Shown>,
    live: watch::Sender<Live>,
    officer: watch::Receiver<u64>,
    task: JoinHandle<()>,
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shown {
    prompt: Prompt,
    live: bool,
    /// Language that the traveller's document suggests.
    language: Option<&'static str>,
}

/// The live view's newest picture and its number.
#[derive(Debug, Clone, Default)]
struct Live {
    number: u64,
    jpeg: Option<Arc<Vec<u8>>>,
}

impl ScreenServer {
    /// Serves the page on this loopback address with English first, showing [`Prompt::Closed`]. Gives the
    /// address that was taken. Needs a tokio runtime with IO and time.
    ///
    /// # Errors
    /// When the address is taken or not a loopback address.
    pub async fn start(listen: SocketAddr) -> io::Result<(ScreenServer, SocketAddr)> {
        ScreenServer::open(ScreenSettings { listen, ..ScreenSettings::default() }).await
    }

    /// As [`ScreenServer::start`], by settings.
    ///
    /// # Errors
    /// When the address is taken or not a loopback address, or the language is not known.
    pub async fn open(settings: ScreenSettings) -> io::Result<(ScreenServer, SocketAddr)> {
        let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidInput, what);
        if !settings.listen.ip().is_loopback() {
            return Err(invalid(format!(
                "the screen is served on loopback only, not on {}",
                settings.listen
            )));
        }
        let languages = texts::languages().map_err(|error| invalid(error.to_string()))?;
        if !languages.iter().any(|language| language.code == settings.language) {
            return Err(invalid(format!("the screen knows no language {:?}", settings.language)));
        }
        let listener = TcpListener::bind(settings.listen).await?;
        let address = listener.local_addr()?;
        let (shown, hear_shown) =
            watch::channel(Shown { prompt: Prompt::Closed, live: false, language: None });
        let (live, hear_live) = watch::channel(Live::default());
        let (call, officer) = watch::channel(0);
        let page = Page {
            shown: hear_shown,
            live: hear_live,
            call: Arc::new(call),
            texts: texts::json(&languages, &settings.language, settings.voice).into(),
            places: Arc::new(Semaphore::new(PAGES_MOST)),
        };
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes(page)).await {
                tracing::error!(%error, "the traveller's screen is not served any more");
            }
        });
        Ok((ScreenServer { inside: Arc::new(Inside { shown, live, officer, task }) }, address))
    }

    /// How often "call an officer" was touched since the start; changes at every touch.
    pub fn officer_calls(&self) -> watch::Receiver<u64> {
        self.inside.officer.clone()
    }
}

impl Screen for ScreenServer {
    fn show(&self, prompt: Prompt) {
        self.inside.shown.send_if_modified(|shown| {
            // Nobody's document lies there: the next traveller is met in the lane's own language.
            let language = shown.language.filter(|_| prompt != Prompt::PlaceDocument);
            let next = Shown { prompt, language, ..*shown };
            std::mem::replace(shown, next) != next
        });
    }

    fn meet(&self, issuing_state: &str) {
        let language = texts::first_guess(issuing_state);
        self.inside
            .shown
            .send_if_modified(|shown| std::mem::replace(&mut shown.language, language) != language);
    }

    fn live_view(&self, jpeg: Option<Vec<u8>>) {
        let live = jpeg.is_some();
        self.inside.live.send_modify(|now| {
            *now = Live { number: now.number.wrapping_add(1), jpeg: jpeg.map(Arc::new) };
        });
        self.inside.shown.send_if_modified(|shown| std::mem::replace(&mut shown.live, live) != live);
    }
}

#[derive(Clone)]
struct Page {
    shown: watch::Receiver<Shown>,
    live: watch::Receiver<Live>,
    call: Arc<watch::Sender<u64>>,
    texts: Arc<str>,
    places: Arc<Semaphore>,
}

fn routes(page: Page) -> Router {
    let file = |kind: &'static str, content: &'static str| {
        get(move || async move { ([(header::CONTENT_TYPE, kind)], content) })
    };
    Router::new()
        .route("/", file("text/html; charset=utf-8", include_str!("page/screen.html")))
        .route("/screen.css", file("text/css; charset=utf-8", include_str!("page/screen.css")))
        .route("/screen.js", file("text/javascript; charset=utf-8", include_str!("page/screen.js")))
        .route("/icon.svg", file("image/svg+xml", include_str!("page/icon.svg")))
        .route("/texts.json", get(give_texts))
        .route("/events", get(events))
        .route("/live.jpg", get(live_picture))
        .route("/officer", post(call_officer))
        .layer(from_fn(guard))
        .with_state(page)
}

async fn give_texts(State(page): State<Page>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], page.texts.to_string())
}

async fn events(
    State(page): State<Page>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, StatusCode> {
    let place = Arc::clone(&page.places).try_acquire_owned().map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(Sse::new(beats(page.shown, place)))
}

/// The state now, then at every change, and at every beat when nothing changes.
fn beats(
    mut shown: watch::Receiver<Shown>,
    place: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> {
    shown.mark_changed();
    stream::unfold((shown, place), |(mut shown, place)| async move {
        match tokio::time::timeout(BEAT, shown.changed()).await {
            Ok(Err(_)) => None,
            Ok(Ok(())) | Err(_) => {
                let now = *shown.borrow_and_update();
                let data = serde_json::json!({
                    "prompt": texts::key(now.prompt),
                    "live": now.live,
                    "language": now.language,
                });
                let event = Event::default().event("state").data(data.to_string());
                Some((Ok(event.retry(BEAT)), (shown, place)))
            }
        }
    })
}

#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
}

async fn live_picture(State(page): State<Page>, Query(After { after }): Query<After>) -> Response {
    let mut live = page.live;
    let newer = live.wait_for(|now| now.number != after && now.jpeg.is_some());
    let now = match tokio::time::timeout(LIVE_PATIENCE, newer).await {
        Ok(Ok(now)) => now.clone(),
        Ok(Err(_)) | Err(_) => return StatusCode::NO_CONTENT.into_response(),
    };
    let jpeg = now.jpeg.map(|jpeg| jpeg.to_vec()).unwrap_or_default();
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"));
    ([kind, (FRAME_NUMBER, HeaderValue::from(now.number))], jpeg).into_response()
}

async fn call_officer(State(page): State<Page>, headers: HeaderMap) -> StatusCode {
    if !headers.contains_key(FROM_PAGE) {
        return StatusCode::FORBIDDEN;
    }
    page.call.send_modify(|calls| *calls = calls.saturating_add(1));
    StatusCode::NO_CONTENT
}

/// Refuses requests that name another host, and sets what the browser may do with the answers.
async fn guard(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !is_loopback(host) {
        return StatusCode::MISDIRECTED_REQUEST.into_response();
    }
    let mut response = next.run(request).await;
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn is_loopback(host: &str) -> bool {
    let name = match host.parse::<SocketAddr>() {
        Ok(address) => return address.ip().is_loopback(),
        Err(_) => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_hosts_are_served() {
        for host in ["127.0.0.1:8480", "127.0.0.1", "localhost:1", "[::1]:8480"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["", "10.0.0.1:8480", "localhost.example:80", "127.0.0.1.example", "example:127"] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[tokio::test]
    async fn addresses_that_others_can_reach_and_unknown_languages_are_refused() {
        assert!(ScreenServer::start(SocketAddr::from(([0, 0, 0, 0], 0))).await.is_err());
        let settings = ScreenSettings { language: "tlh".to_owned(), ..ScreenSettings::default() };
        assert!(ScreenServer::open(settings).await.is_err());
    }
}

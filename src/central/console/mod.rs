//! The officers' console: pages made here, small scripts, nothing from third parties.
//!
//! Every page but sign-in and set-up needs a session; every act needs the session's CSRF token; every
//! view of a traveller and every act is in the audit trail before it is shown or done. Texts are escaped
//! by the templates; the content security policy allows no inline script and no other origin.

mod board;
mod case;
mod case_view;
mod error;
mod figures;
mod limits;
mod lists;
mod live;
mod orders;
mod pages;
mod plot;
mod queue;
mod releases;
mod rows;
mod session;
mod sign_in;
mod texts;
mod told;
mod trail;
mod tree;
mod users;
mod view;
mod words;
mod work;

use super::serve::Shared;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use std::sync::Arc;

pub use limits::CaseLimits;
pub(super) use limits::escalate;
pub(super) use sign_in::{invite, user_by_password};

/// The officers' side of central.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(pages::home))
        .route("/sign-in", get(sign_in::page).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/set-up/{token}", get(sign_in::set_up_page).post(sign_in::set_up))
        .route("/passages", get(pages::passages))
        .route("/cases", get(queue::page))
        .route("/lanes", get(board::page))
        .route("/lanes/{lane}", get(board::lane))
        .route("/lanes/{lane}/commands", post(orders::give))
        .route("/alarms/seen", post(board::see_alarm))
        .route("/audit", get(trail::page))
        .route("/lists", get(lists::page))
        .route("/lists/{list}/{generation}", get(lists::review))
        .route("/lists/{list}/{generation}/decision", post(lists::decide))
        .route("/releases", get(releases::page))
        .route("/releases/{generation}", get(releases::review))
        .route("/releases/{generation}/roll", post(releases::roll))
        .route("/releases/{generation}/halt", post(releases::halt))
        .route("/users", get(users::page).post(users::invite))
        .route("/users/bar", post(users::bar))
        .route("/sessions", get(users::own))
        .route("/sessions/revoke", post(users::revoke))
        .route("/work", get(work::page))
        .route("/statistics", get(figures::page))
        .route("/statistics.csv", get(figures::csv))
        .route("/passages/{lane}/{epoch}/{sequence}", get(case::page))
        .route("/passages/{lane}/{epoch}/{sequence}/take", post(case::take))
        .route("/passages/{lane}/{epoch}/{sequence}/put-back", post(case::put_back))
        .route("/passages/{lane}/{epoch}/{sequence}/judgement", post(case::judge))
        .route("/passages/{lane}/{epoch}/{sequence}/decision", post(case::decide))
        .route("/passages/{lane}/{epoch}/{sequence}/pictures/{number}", get(case::picture))
        .route("/events", get(live::events))
        .route("/static/console.css", get(async || asset("text/css", include_str!("static/console.css"))))
        .route(
            "/static/console.js",
            get(async || asset("text/javascript", include_str!("static/console.js"))),
        )
        .route("/static/icon.svg", get(async || asset("image/svg+xml", include_str!("static/icon.svg"))))
        .route("/health", get(async || StatusCode::NO_CONTENT))
        .fallback(error::not_found)
        .layer(middleware::from_fn(texts::check))
        .layer(DefaultBodyLimit::max(texts::FORM_MOST))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), guard))
        .with_state(shared)
}

/// Refuses forms sent from other sites, and puts the protective headers on every answer.
async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let site = request.headers().get("sec-fetch-site").map(HeaderValue::as_bytes);
    let foreign = !matches!(site, None | Some(b"same-origin" | b"none"));
    let mut response = if foreign && !request.method().is_safe() {
        StatusCode::FORBIDDEN.into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    if shared.console_secure {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    response
}

const HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
];

/// A file that is part of the program.
fn asset(media: &'static str, content: &'static str) -> Response {
    let cache = "max-age=300";
    ([(header::CONTENT_TYPE, media), (header::CACHE_CONTROL, cache)], content).into_response()
}

//! Pages that say what went wrong.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};

/// Why there is no page.
#[derive(Debug)]
pub(super) enum PageError {
    /// Sign in first.
    NoSession,
    /// The session's role may not.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// The form is not one of ours.
    BadForm,
    /// The form is larger than any of ours.
    LargeForm,
    /// A text of the request holds a character that none may hold.
    OddText,
    /// Central's own trouble.
    Trouble(anyhow::Error),
}

impl From<anyhow::Error> for PageError {
    fn from(error: anyhow::Error) -> Self {
        PageError::Trouble(error)
    }
}

impl From<askama::Error> for PageError {
    fn from(error: askama::Error) -> Self {
        PageError::Trouble(error.into())
    }
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage {
    title: &'static str,
    text: &'static str,
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let (status, title, text) = match self {
            PageError::NoSession => return Redirect::to("/sign-in").into_response(),
            PageError::Forbidden => {
                (StatusCode::FORBIDDEN, "Not for your role", "Ask a supervisor if you need this page.")
            }
            PageError::NotFound => {
                (StatusCode::NOT_FOUND, "Not found", "There is nothing at this address (any more).")
            }
            PageError::BadForm => (
                StatusCode::BAD_REQUEST,
                "This form cannot be used any more",
                "Go back, load the page again and repeat what you did. Nothing was stored.",
            ),
            PageError::LargeForm => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "This is too long",
                "Go back, shorten what you wrote and send it again. Nothing was stored.",
            ),
            PageError::OddText => (
                StatusCode::BAD_REQUEST,
                "A character cannot be kept",
                "A field or the address holds a control character, which no text may hold. Go back, write the \
                 text anew instead of pasting it, and send it again. Nothing was stored.",
            ),
            PageError::Trouble(error) => {
                tracing::error!("a page failed: {error:#}");
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "Central cannot do this now",
                    "Nothing was stored. Try again; if it stays so, call an engineer.",
                )
            }
        };
        match (MessagePage { title, text }).render() {
            Ok(page) => (status, Html(page)).into_response(),
            Err(_) => (status, text).into_response(),
        }
    }
}

pub(super) async fn not_found() -> PageError {
    PageError::NotFound
}

/// A page, or why there is none.
pub(super) type Page = Result<Response, PageError>;

/// The template as a page.
pub(super) fn page(template: &impl Template) -> Page {
    Ok(Html(template.render()?).into_response())
}

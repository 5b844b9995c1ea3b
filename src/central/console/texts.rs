//! Every text of a request, before any page or act sees it: what stands in its path, its question and its form. So no
//! form needs a check of its own, and none can be forgotten.

use super::error::{Page, PageError};
use crate::central::text::unfit;
use axum::body::{Body, Bytes};
use axum::extract::{Form, FromRequest, Query, RawPathParams, Request};
use axum::http::Method;
use axum::middleware::Next;
use axum::{RequestExt, body};

/// Largest form, bytes.
pub(super) const FORM_MOST: usize = 16 << 10;

/// Names and values.
type Pairs = Vec<(String, String)>;

/// Lets a request go on when all its texts are such as can be kept; says so on a page when not.
pub(super) async fn check(mut request: Request, next: Next) -> Page {
    // Where there are no such parts, or they do not read, the page's own extractors say so.
    if let Ok(parts) = request.extract_parts::<RawPathParams>().await {
        fit(parts.iter().map(|(_, value)| value))?;
    }
    if let Ok(Query(pairs)) = request.extract_parts::<Query<Pairs>>().await {
        fit_pairs(&pairs)?;
    }
    if request.method() == Method::POST {
        request = checked_form(request).await?;
    }
    Ok(next.run(request).await)
}

/// Reads the form, checks it, and puts it back.
async fn checked_form(request: Request) -> Result<Request, PageError> {
    let (parts, whole) = request.into_parts();
    let bytes: Bytes = body::to_bytes(whole, FORM_MOST).await.map_err(|_| PageError::LargeForm)?;
    let copy = Request::from_parts(parts.clone(), Body::from(bytes.clone()));
    let Form(pairs) = Form::<Pairs>::from_request(copy, &()).await.map_err(|_| PageError::BadForm)?;
    fit_pairs(&pairs)?;
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

fn fit_pairs(pairs: &Pairs) -> Result<(), PageError> {
    fit(pairs.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]))
}

fn fit<'t>(mut texts: impl Iterator<Item = &'t str>) -> Result<(), PageError> {
    if texts.any(|text| unfit(text).is_some()) { Err(PageError::OddText) } else { Ok(()) }
}

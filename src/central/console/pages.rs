//! The list of passages, and where officers start.

use super::error::{Page, page};
use super::rows::PassageRow;
use super::session::Signed;
use super::view::Frame;
use crate::central::serve::Shared;
use crate::central::store::PassageFilter;
use crate::passage::Ending;
use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;
use std::sync::Arc;

/// Passages on one page.
const PASSAGES_MOST: usize = 200;

pub(super) async fn home(_signed: Signed) -> Page {
    Ok(Redirect::to("/lanes").into_response())
}

#[derive(Deserialize)]
pub(super) struct PassagesQuery {
    #[serde(default)]
    ending: Option<Ending>,
}

#[derive(Template)]
#[template(path = "passages.html")]
struct PassagesPage {
    frame: Frame,
    rows: Vec<PassageRow>,
    tabs: [Tab; 4],
}

/// One way to filter the list.
struct Tab {
    title: &'static str,
    address: &'static str,
    count: u64,
    chosen: bool,
}

pub(super) async fn passages(
    State(shared): State<Arc<Shared>>,
    signed: Signed,
    Query(query): Query<PassagesQuery>,
) -> Page {
    signed.may(|role| role.sees_travellers())?;
    let filter = PassageFilter { ending: query.ending, most: PASSAGES_MOST };
    let (frame, found, counts) = shared
        .blocking(move |shared| {
            let store = &*shared.store;
            signed.looks(shared, "passages", "")?;
            Ok((Frame::load(shared, signed, "passages")?, store.passages(&filter)?, store.endings()?))
        })
        .await?;
    let [admitted, referred, withdrawn] = counts;
    let tab = |title, address, count, ending| Tab { title, address, count, chosen: query.ending == ending };
    let all = admitted.saturating_add(referred).saturating_add(withdrawn);
    let tabs = [
        tab("All", "/passages", all, None),
        tab("Admitted", "/passages?ending=admitted", admitted, Some(Ending::Admitted)),
        tab("Referred", "/passages?ending=referred", referred, Some(Ending::Referred)),
        tab("Withdrawn", "/passages?ending=withdrawn", withdrawn, Some(Ending::Withdrawn)),
    ];
    page(&PassagesPage { frame, rows: found.iter().map(PassageRow::new).collect(), tabs })
}

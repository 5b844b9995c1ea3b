//! Releases to lanes: what each brings, how far it is rolled out, which lane runs what; and the acts of a person who
//! approves one that another proposed, widens its stage, or halts it. Proposing stays at the command line, where the
//! files are.

use super::error::{Page, PageError, page as show};
use super::session::Signed;
use super::view::Frame;
use super::words::When;
use crate::central::distribution::{halt as halt_release, roll as roll_release};
use crate::central::serve::Shared;
use crate::central::store::{LaneAim, Release, ReleaseState};
use crate::record::{PROFILE_FILE, ReleaseManifest, ReleaseStage, SETTINGS_FILE, TRUST_PREFIX};
use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Longest text of a file that is shown whole, bytes.
const SHOWN_MOST: u64 = 64 << 10;
/// Files that are named on the page of a release.
const FILES_MOST: usize = 200;

/// A release, as shown.
struct ReleaseRow {
    generation: u64,
    note: String,
    brings: String,
    proposed_by: String,
    proposed_at: When,
    approved_by: Option<String>,
    state: &'static str,
    light: &'static str,
    stage: String,
    why: Option<String>,
    /// Lanes that run it.
    lanes: usize,
    waits: bool,
    halted: bool,
    /// Halted before anybody approved it.
    withdrawn: bool,
}

impl ReleaseRow {
    fn new(release: &Release, manifest: &ReleaseManifest, aims: &[LaneAim]) -> ReleaseRow {
        let withdrawn = release.state == ReleaseState::Halted && release.approved.is_none();
        let (state, light) = match release.state {
            ReleaseState::Proposed => ("waits for a second person", "yellow"),
            ReleaseState::Rolling => ("rolled out", "green"),
            ReleaseState::Halted if withdrawn => ("withdrawn", "grey"),
            ReleaseState::Halted => ("halted", "red"),
        };
        let run = |aim: &&LaneAim| {
            aim.runs.as_ref().is_some_and(|runs| runs.running.generation == release.generation)
        };
        ReleaseRow {
            generation: release.generation,
            note: manifest.note.clone(),
            brings: brings(manifest),
            proposed_by: release.proposed.0.clone(),
            proposed_at: When::at(release.proposed.1),
            approved_by: release.approved.as_ref().map(|(by, _)| by.clone()),
            state,
            light,
            stage: stage_words(&release.stage),
            why: release.why.clone(),
            lanes: aims.iter().filter(run).count(),
            waits: release.state == ReleaseState::Proposed,
            halted: release.state == ReleaseState::Halted,
            withdrawn,
        }
    }
}

fn brings(manifest: &ReleaseManifest) -> String {
    let named = [(PROFILE_FILE, "profile"), (SETTINGS_FILE, "settings")];
    let named = named.into_iter().filter(|(file, _)| manifest.files.contains_key(*file));
    let mut words: Vec<String> = named.map(|(_, word)| word.to_owned()).collect();
    match manifest.files.keys().filter(|name| name.starts_with(TRUST_PREFIX)).count() {
        0 => {}
        1 => words.push("1 file of trust".to_owned()),
        many => words.push(format!("{many} files of trust")),
    }
    words.join(", ")
}

fn stage_words(stage: &ReleaseStage) -> String {
    if stage.percent == 100 {
        return "all lanes".to_owned();
    }
    let mut words = Vec::new();
    if !stage.lanes.is_empty() {
        words.push(stage.lanes.join(", "));
    }
    words.extend(stage.ports.iter().map(|port| format!("port {port}")));
    if stage.percent > 0 {
        words.push(format!("{} % of all", stage.percent));
    }
    if words.is_empty() { "no lane yet".to_owned() } else { words.join("; ") }
}

/// What a lane runs, as shown.
struct AimRow {
    lane: String,
    port: Option<String>,
    runs: Option<u64>,
    since: Option<When>,
    should: u64,
    state: String,
    light: &'static str,
    failure: Option<String>,
}

impl AimRow {
    fn new(aim: LaneAim) -> AimRow {
        let (state, light) = match aim.amiss() {
            None if aim.runs.is_none() => ("has not said what it runs".to_owned(), "grey"),
            None => ("as it should".to_owned(), "green"),
            Some(amiss) => (amiss, "yellow"),
        };
        let tried = aim.runs.as_ref().and_then(|runs| runs.running.tried.clone());
        let failure = tried.and_then(|t| Some(format!("release {}: {}", t.generation, t.failure?)));
        AimRow {
            runs: aim.runs.as_ref().map(|runs| runs.running.generation),
            since: aim.runs.as_ref().map(|runs| When::at(runs.since)),
            light: if failure.is_some() { "red" } else { light },
            lane: aim.lane,
            port: aim.port,
            should: aim.should,
            state,
            failure,
        }
    }
}

#[derive(Template)]
#[template(path = "releases.html")]
struct ReleasesPage {
    frame: Frame,
    rows: Vec<ReleaseRow>,
    aims: Vec<AimRow>,
}

pub(super) async fn page(State(shared): State<Arc<Shared>>, signed: Signed) -> Page {
    signed.may(|role| role.sees_releases())?;
    let page = shared
        .blocking(move |shared| {
            signed.looks(shared, "releases", "")?;
            let aims = shared.store.lane_aims()?;
            let row = |release: &Release| {
                let manifest = release.signed.verify(&shared.answers.verifying_key())?;
                Ok::<_, anyhow::Error>(ReleaseRow::new(release, &manifest, &aims))
            };
            let rows = shared.store.releases()?.iter().map(row).collect::<Result<_, _>>()?;
            let mut aims: Vec<AimRow> = aims.into_iter().map(AimRow::new).collect();
            // What wants somebody's eyes stands first.
            aims.sort_by_key(|aim| match aim.light {
                "red" => 0,
                "yellow" => 1,
                _ => 2,
            });
            Ok(ReleasesPage { frame: Frame::load(shared, signed, "releases")?, rows, aims })
        })
        .await?;
    show(&page)
}

/// A file of a release, as shown.
struct FileRow {
    name: String,
    size: u64,
    sha256: String,
    /// Its text, for those that a person can read.
    text: Option<String>,
}

#[derive(Template)]
#[template(path = "release.html")]
struct ReleasePage {
    frame: Frame,
    row: ReleaseRow,
    files: Vec<FileRow>,
    more_files: usize,
    models: Option<String>,
    sha256: String,
    /// The stage as it is, in the form's words.
    lanes: String,
    ports: String,
    percent: u8,
    known_ports: String,
    /// Whether this person may act here at all.
    acts: bool,
    /// Whether this person may roll it out: another proposed it, or it was approved before.
    second: bool,
    problem: Option<String>,
}

pub(super) async fn review(
    State(shared): State<Arc<Shared>>,
    signed: Signed,
    Path(generation): Path<u64>,
) -> Page {
    signed.may(|role| role.sees_releases())?;
    review_page(&shared, signed, generation, None).await
}

async fn review_page(shared: &Arc<Shared>, signed: Signed, generation: u64, problem: Option<String>) -> Page {
    let page = shared
        .blocking(move |shared| {
            let mut found = shared.store.releases()?.into_iter();
            let Some(release) = found.find(|release| release.generation == generation) else {
                return Ok(None);
            };
            signed.looks(shared, "release", &generation.to_string())?;
            let manifest = release.signed.verify(&shared.answers.verifying_key())?;
            let ports: BTreeSet<String> = shared.store.ports()?.into_values().collect();
            Ok(Some(ReleasePage {
                row: ReleaseRow::new(&release, &manifest, &shared.store.lane_aims()?),
                files: files(shared, &manifest)?,
                more_files: manifest.files.len().saturating_sub(FILES_MOST),
                models: manifest.models,
                lanes: release.stage.lanes.join(" "),
                ports: release.stage.ports.join(" "),
                percent: release.stage.percent,
                known_ports: ports.into_iter().collect::<Vec<_>>().join(", "),
                acts: signed.role().makes_releases(),
                second: release.state == ReleaseState::Rolling || release.proposed.0 != signed.user(),
                sha256: release.sha256,
                problem,
                frame: Frame::load(shared, signed, "releases")?,
            }))
        })
        .await?;
    show(&page.ok_or(PageError::NotFound)?)
}

/// What a person reads comes first, with its text.
fn files(shared: &Shared, manifest: &ReleaseManifest) -> anyhow::Result<Vec<FileRow>> {
    let readable = |name: &str| [PROFILE_FILE, SETTINGS_FILE].contains(&name) || name.ends_with(".toml");
    let mut files = Vec::new();
    for (name, file) in manifest.files.iter().take(FILES_MOST) {
        let text = match readable(name) && file.size <= SHOWN_MOST {
            true => shared.store.content(&file.sha256)?.and_then(|bytes| String::from_utf8(bytes).ok()),
            false => None,
        };
        files.push(FileRow { name: name.clone(), size: file.size, sha256: file.sha256.clone(), text });
    }
    files.sort_by_key(|file| (file.text.is_none(), file.name != SETTINGS_FILE));
    Ok(files)
}

#[derive(Deserialize)]
pub(super) struct RollForm {
    csrf: String,
    lanes: String,
    ports: String,
    percent: u8,
}

pub(super) async fn roll(
    State(shared): State<Arc<Shared>>,
    signed: Signed,
    Path(generation): Path<u64>,
    Form(form): Form<RollForm>,
) -> Page {
    signed.may(|role| role.makes_releases())?;
    signed.csrf(&form.csrf)?;
    let words = |text: &str| text.split([',', ' ']).filter(|w| !w.is_empty()).map(str::to_owned).collect();
    let stage = ReleaseStage { lanes: words(&form.lanes), ports: words(&form.ports), percent: form.percent };
    let by = signed.user().to_owned();
    let done = shared.blocking(move |shared| Ok(roll_release(shared, &by, generation, &stage))).await?;
    answer(&shared, signed, generation, done).await
}

#[derive(Deserialize)]
pub(super) struct HaltForm {
    csrf: String,
    reason: String,
}

pub(super) async fn halt(
    State(shared): State<Arc<Shared>>,
    signed: Signed,
    Path(generation): Path<u64>,
    Form(form): Form<HaltForm>,
) -> Page {
    signed.may(|role| role.makes_releases())?;
    signed.csrf(&form.csrf)?;
    let by = signed.user().to_owned();
    let done = shared.blocking(move |shared| Ok(halt_release(shared, &by, generation, &form.reason))).await?;
    answer(&shared, signed, generation, done).await
}

async fn answer(
    shared: &Arc<Shared>,
    signed: Signed,
    generation: u64,
    done: anyhow::Result<()>,
) -> Result<Response, PageError> {
    let Err(error) = done else {
        return Ok(Redirect::to(&format!("/releases/{generation}")).into_response());
    };
    let problem = format!("Nothing was changed: {error}.");
    let page = review_page(shared, signed, generation, Some(problem)).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_told_in_words() {
        let stage = |lanes: &[&str], ports: &[&str], percent| ReleaseStage {
            lanes: lanes.iter().map(ToString::to_string).collect(),
            ports: ports.iter().map(ToString::to_string).collect(),
            percent,
        };
        for (stage, words) in [
            (stage(&[], &[], 0), "no lane yet"),
            (stage(&["lane-1", "lane-2"], &["fra"], 20), "lane-1, lane-2; port fra; 20 % of all"),
            (stage(&["lane-1"], &[], 100), "all lanes"),
        ] {
            assert_eq!(stage_words(&stage), words);
        }
    }
}

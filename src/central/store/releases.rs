//! Releases to lanes, how far each is rolled out, and what each lane runs.

use super::alarms::{self, AlarmKind};
use super::sql::{Row, storable, unword, values, word};
use super::{AuditEntry, Millis, Store, StoreError, audit};
use crate::record::{ReleaseManifest, ReleaseStage, RunningRelease, Signed, TriedRelease};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Releases that are looked at, newest first.
const RELEASES_MOST: usize = 100;

/// Where a release stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseState {
    /// Waits for a second person.
    Proposed,
    /// Offered to the lanes of its stage.
    Rolling,
    /// Offered to nobody any more: a lane failed, or a person stopped it.
    Halted,
}

/// A release with where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    /// From 1, rising.
    pub generation: u64,
    /// As it travels.
    pub signed: Signed<ReleaseManifest>,
    /// SHA-256 of the manifest in canonical form, hexadecimal.
    pub sha256: String,
    /// Who proposed it, when.
    pub proposed: (String, Millis),
    /// Who approved it, when.
    pub approved: Option<(String, Millis)>,
    /// Where it stands.
    pub state: ReleaseState,
    /// For which lanes.
    pub stage: ReleaseStage,
    /// Why it was halted.
    pub why: Option<String>,
}

/// What a lane runs, as it said last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneRelease {
    /// The lane.
    pub lane: String,
    /// What it runs.
    pub running: RunningRelease,
    /// Since when, as central knows it: the first time that it said so.
    pub since: Millis,
}

/// What a lane runs against what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneAim {
    /// The lane; none that was revoked.
    pub lane: String,
    /// The port at which it stands.
    pub port: Option<String>,
    /// What it runs; `None` before it said so for the first time.
    pub runs: Option<LaneRelease>,
    /// The generation that is rolled out to it; 0 for none.
    pub should: u64,
}

impl LaneAim {
    /// What is not as it should be, in words; `None` for a lane that runs what it should.
    pub fn amiss(&self) -> Option<String> {
        let should = self.should;
        let Some(runs) = &self.runs else {
            return (should > 0).then(|| format!("has not said whether it runs release {should}"));
        };
        let tried = runs.running.tried.as_ref();
        let failed =
            tried.filter(|tried| tried.failure.is_some() && tried.generation > runs.running.generation);
        match (runs.running.generation, failed) {
            (runs, Some(failed)) => Some(format!("left release {}, runs {}", failed.generation, named(runs))),
            (runs, None) if runs == should => None,
            (runs, None) if runs > should => Some(format!("runs release {runs}, which was halted")),
            (runs, None) => Some(format!("runs {}, not release {should} yet", named(runs))),
        }
    }
}

fn named(generation: u64) -> String {
    if generation == 0 { "its own settings alone".to_owned() } else { format!("release {generation}") }
}

const RELEASES: &str =
    "SELECT generation, canonical, signature, sha256, proposed_by, proposed_at, approved_by,
     approved_at, state, stage, why FROM releases";

impl Store {
    /// The generation of the next release.
    pub fn next_release(&self) -> Result<u64, StoreError> {
        self.read(|sql| sql.counted("SELECT coalesce(max(generation), 0) + 1 FROM releases", values![]))
    }

    /// Keeps a proposed release whose contents are stored. `false` when its generation is taken.
    pub fn propose_release(&self, new: &Release) -> Result<bool, StoreError> {
        let subject = format!("release {}", new.generation);
        let (state, stage) = (word(&new.state)?, stage_text(&new.stage)?);
        self.write(|sql| {
            let text =
                "INSERT INTO releases (generation, canonical, signature, sha256, proposed_by, proposed_at,
                 state, stage) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
            let (by, at) = (&new.proposed.0, new.proposed.1);
            let added = sql.execute(
                text,
                values![
                    new.generation,
                    &new.signed.canonical,
                    &new.signed.signature,
                    &new.sha256,
                    by,
                    at,
                    &state,
                    &stage
                ],
            )?;
            if added == 1 {
                let act =
                    AuditEntry { actor: by, act: "release.propose", subject: &subject, detail: &new.sha256 };
                audit::append(sql, act, at)?;
            }
            Ok(added == 1)
        })
    }

    /// Changes state and stage of a release, in the name of a person; the first time they bring it from proposed to
    /// rolling they are who approved it. `false` when it is not in the state `from`.
    pub fn move_release(
        &self,
        generation: u64,
        from: ReleaseState,
        (to, stage, why): (ReleaseState, &ReleaseStage, Option<&str>),
        by: &str,
        now: Millis,
    ) -> Result<bool, StoreError> {
        let (from_word, to_word, stage) = (word(&from)?, word(&to)?, stage_text(stage)?);
        let approves = from == ReleaseState::Proposed && to == ReleaseState::Rolling;
        let (subject, act) = (format!("release {generation}"), format!("release.{to_word}"));
        let detail = format!("{stage}{}", why.map(|why| format!(": {why}")).unwrap_or_default());
        self.write(|sql| {
            let text =
                "UPDATE releases SET state = $3, stage = $4, why = $5 WHERE generation = $1 AND state = $2";
            if sql.execute(text, values![generation, &from_word, &to_word, &stage, why])? == 0 {
                return Ok(false);
            }
            if approves {
                let text = "UPDATE releases SET approved_by = $2, approved_at = $3 WHERE generation = $1";
                sql.execute(text, values![generation, by, now])?;
            }
            audit::append(sql, AuditEntry { actor: by, act: &act, subject: &subject, detail: &detail }, now)?;
            Ok(true)
        })
    }

    /// The newest releases, newest first.
    pub fn releases(&self) -> Result<Vec<Release>, StoreError> {
        self.read(|sql| {
            let text = format!("{RELEASES} ORDER BY generation DESC LIMIT $1");
            sql.query(&text, values![RELEASES_MOST])?.into_iter().map(release_of).collect()
        })
    }

    /// The release that a lane is to run: the newest that is rolled out to it.
    pub fn release_for(&self, lane: &str) -> Result<Option<Release>, StoreError> {
        let port = self.read(|sql| {
            let row = sql.first("SELECT port FROM lanes WHERE name = $1", values![lane])?;
            row.map(|mut row| row.optional_text()).transpose()
        })?;
        Ok(newest_for(&self.releases()?, lane, port.flatten().as_deref()).cloned())
    }

    /// A lane says what it runs. One that failed halts the release for all that do not run it yet, with an alarm.
    /// Gives whether that is anything new.
    pub fn lane_runs(&self, lane: &str, running: &RunningRelease, now: Millis) -> Result<bool, StoreError> {
        let tried = running.tried.as_ref();
        let failure = tried.and_then(|tried| tried.failure.as_deref()).map(storable);
        let (sha256, tried) = (storable(&running.sha256), tried.map(|tried| tried.generation));
        self.write(|sql| {
            let text =
                format!("SELECT generation, tried, failure FROM lane_releases WHERE lane = $1{}", sql.hold());
            let before = sql.first(&text, values![lane])?;
            let before = before
                .map(|mut row| {
                    Ok::<_, StoreError>((row.count()?, row.optional_number()?, row.optional_text()?))
                })
                .transpose()?;
            let said = (running.generation, tried.and_then(|t| i64::try_from(t).ok()), failure.clone());
            sql.execute(
                "INSERT INTO lane_releases (lane, generation, sha256, tried, failure, at)
                 VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (lane) DO UPDATE SET generation = $2, sha256 = $3, tried = $4, failure = $5,
                     at = CASE WHEN lane_releases.sha256 = $3 THEN lane_releases.at ELSE $6 END",
                values![lane, running.generation, &sha256, tried, failure.as_ref(), now],
            )?;
            if before.as_ref() == Some(&said) {
                return Ok(false);
            }
            let actor = format!("lane:{lane}");
            let Some((tried, failure)) = tried.zip(failure.as_ref()) else {
                let subject = format!("release {}", running.generation);
                let act =
                    AuditEntry { actor: &actor, act: "release.run", subject: &subject, detail: &sha256 };
                audit::append(sql, act, now)?;
                return Ok(true);
            };
            let (subject, why) = (format!("release {tried}"), format!("{lane}: {failure}"));
            let text =
                "UPDATE releases SET state = 'halted', why = $2 WHERE generation = $1 AND state = 'rolling'";
            sql.execute(text, values![tried, &why])?;
            alarms::raise(sql, lane, AlarmKind::ReleaseFailed, &subject, failure, now)?;
            let act = AuditEntry { actor: &actor, act: "release.fail", subject: &subject, detail: failure };
            audit::append(sql, act, now)?;
            Ok(true)
        })
    }

    /// What each lane runs against what it should, by name.
    pub fn lane_aims(&self) -> Result<Vec<LaneAim>, StoreError> {
        let lanes = self.read(|sql| {
            let text = "SELECT name, port FROM lanes WHERE revoked IS NULL ORDER BY name";
            let rows = sql.query(text, values![])?.into_iter();
            rows.map(|mut row| Ok((row.text()?, row.optional_text()?)))
                .collect::<Result<Vec<_>, StoreError>>()
        })?;
        Ok(aims(&self.releases()?, lanes, self.lane_releases()?))
    }

    /// What each lane runs, by name.
    pub fn lane_releases(&self) -> Result<Vec<LaneRelease>, StoreError> {
        let text = "SELECT lane, generation, sha256, tried, failure, at FROM lane_releases ORDER BY lane";
        self.read(|sql| sql.query(text, values![])?.into_iter().map(lane_release_of).collect())
    }
}

/// The newest of these releases, newest first, that is rolled out to a lane at this port.
fn newest_for<'a>(releases: &'a [Release], lane: &str, port: Option<&str>) -> Option<&'a Release> {
    let reaches = |release: &&Release| {
        release.state == ReleaseState::Rolling && release.stage.includes(lane, port, release.generation)
    };
    releases.iter().find(reaches)
}

fn aims(
    releases: &[Release],
    lanes: impl IntoIterator<Item = (String, Option<String>)>,
    said: Vec<LaneRelease>,
) -> Vec<LaneAim> {
    let mut said: BTreeMap<String, LaneRelease> =
        said.into_iter().map(|said| (said.lane.clone(), said)).collect();
    let aim = |(lane, port): (String, Option<String>)| LaneAim {
        should: newest_for(releases, &lane, port.as_deref()).map_or(0, |release| release.generation),
        runs: said.remove(&lane),
        lane,
        port,
    };
    lanes.into_iter().map(aim).collect()
}

fn stage_text(stage: &ReleaseStage) -> Result<String, StoreError> {
    let text = serde_json::to_string(stage).map_err(|e| StoreError::Damaged(e.to_string()))?;
    Ok(storable(&text))
}

fn release_of(mut row: Row) -> Result<Release, StoreError> {
    let (generation, canonical, signature) = (row.count()?, row.text()?, row.text()?);
    let (sha256, proposed) = (row.text()?, (row.text()?, row.number()?));
    let approved = row.optional_text()?.zip(row.optional_number()?);
    let (state, stage) = (unword(&row.text()?)?, row.text()?);
    let damaged = |e| StoreError::Damaged(format!("stage of release {generation}: {e}"));
    let stage = serde_json::from_str(&stage).map_err(damaged)?;
    let (signed, why) = (Signed::from_parts(canonical, signature), row.optional_text()?);
    Ok(Release { generation, signed, sha256, proposed, approved, state, stage, why })
}

fn lane_release_of(mut row: Row) -> Result<LaneRelease, StoreError> {
    let (lane, generation, sha256) = (row.text()?, row.count()?, row.text()?);
    let (tried, failure) = (row.optional_number()?, row.optional_text()?);
    let tried = tried.and_then(|tried| u64::try_from(tried).ok());
    let tried = tried.map(|generation| TriedRelease { generation, failure });
    Ok(LaneRelease { lane, running: RunningRelease { generation, sha256, tried }, since: row.number()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(generation: u64, state: ReleaseState, ports: &[&str]) -> Release {
        Release {
            generation,
            signed: Signed::from_parts(String::new(), String::new()),
            sha256: String::new(),
            proposed: ("anna".into(), 1),
            approved: None,
            state,
            stage: ReleaseStage {
                ports: ports.iter().map(ToString::to_string).collect(),
                ..ReleaseStage::default()
            },
            why: None,
        }
    }

    fn runs(lane: &str, generation: u64, tried: Option<(u64, Option<&str>)>) -> LaneRelease {
        let tried = tried
            .map(|(generation, failure)| TriedRelease { generation, failure: failure.map(str::to_owned) });
        let running = RunningRelease { generation, sha256: String::new(), tried };
        LaneRelease { lane: lane.into(), running, since: 1 }
    }

    #[test]
    fn a_lane_that_runs_another_release_than_it_should_is_marked() {
        let releases = [
            release(4, ReleaseState::Proposed, &["fra"]),
            release(3, ReleaseState::Halted, &["fra"]),
            release(2, ReleaseState::Rolling, &["fra"]),
        ];
        let lanes = ["good", "late", "silent", "ahead", "failed", "elsewhere"];
        let at = |lane: &str| (lane.to_owned(), (lane != "elsewhere").then(|| "fra".to_owned()));
        let said = vec![
            runs("good", 2, Some((2, None))),
            runs("late", 0, None),
            runs("ahead", 3, Some((3, None))),
            runs("failed", 2, Some((3, Some("no")))),
            runs("elsewhere", 0, None),
        ];
        let aims = aims(&releases, lanes.map(at), said);
        let amiss: Vec<_> = aims.iter().map(|aim| aim.amiss().unwrap_or_default()).collect();
        assert_eq!(
            amiss,
            [
                "",
                "runs its own settings alone, not release 2 yet",
                "has not said whether it runs release 2",
                "runs release 3, which was halted",
                "left release 3, runs release 2",
                "",
            ]
        );
    }
}

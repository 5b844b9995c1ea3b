//! What the lanes saw, put together.

use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// What one lane saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pictures: Vec<Duration>,
    records: Vec<Duration>,
    passages: Vec<Duration>,
    bytes: u64,
    refused: u64,
    pub(super) busy: u64,
    last_error: Option<String>,
}

impl Seen {
    pub(super) fn picture(&mut self, took: Duration) {
        self.pictures.push(took);
    }

    pub(super) fn record(&mut self, took: Duration, passage: Duration, bytes: usize) {
        self.records.push(took);
        self.passages.push(passage);
        self.bytes += bytes as u64;
    }

    pub(super) fn refused(&mut self, error: String) {
        self.refused += 1;
        self.last_error = Some(error);
    }
}

/// Times of calls, milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Times {
    /// The median.
    pub p50: f64,
    /// Of a hundred, five took longer.
    pub p95: f64,
    /// Of a hundred, one took longer.
    pub p99: f64,
    /// The longest.
    pub most: f64,
}

impl Times {
    /// Of these; all zero when there are none.
    pub fn of(mut times: Vec<Duration>) -> Times {
        times.sort_unstable();
        let at = |part: f64| {
            let rank = (times.len() as f64 * part).ceil() as usize;
            times.get(rank.saturating_sub(1)).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
        };
        Times { p50: at(0.5), p95: at(0.95), p99: at(0.99), most: at(1.0) }
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "p50 {:7.1}  p95 {:7.1}  p99 {:7.1}  most {:7.1} ms",
            self.p50, self.p95, self.p99, self.most
        )
    }
}

/// How central bore it.
#[derive(Debug, Default, Serialize)]
pub struct LoadReport {
    /// Lanes that sent at once.
    pub lanes: usize,
    /// Records that central acknowledged.
    pub records: u64,
    /// Seconds from the first call to the last answer.
    pub seconds: f64,
    /// Records per second.
    pub records_per_second: f64,
    /// Bytes of records and pictures per second.
    pub bytes_per_second: f64,
    /// Passages that were not stored.
    pub refused: u64,
    /// Calls that central was too busy for at first.
    pub busy: u64,
    /// A whole passage: its pictures and its record.
    pub passage_ms: Times,
    /// One picture's call.
    pub picture_ms: Times,
    /// The record's call.
    pub record_ms: Times,
    /// The last refusal.
    pub last_error: Option<String>,
    #[serde(skip)]
    all: Seen,
}

impl LoadReport {
    pub(super) fn add(&mut self, seen: Seen) {
        self.all.pictures.extend(seen.pictures);
        self.all.records.extend(seen.records);
        self.all.passages.extend(seen.passages);
        self.all.bytes += seen.bytes;
        self.refused += seen.refused;
        self.busy += seen.busy;
        self.last_error = seen.last_error.or(self.last_error.take());
    }

    pub(super) fn conclude(&mut self, lanes: usize, took: Duration) {
        let all = std::mem::take(&mut self.all);
        self.lanes = lanes;
        self.seconds = took.as_secs_f64();
        self.records = all.records.len() as u64;
        self.records_per_second = self.records as f64 / self.seconds.max(f64::EPSILON);
        self.bytes_per_second = all.bytes as f64 / self.seconds.max(f64::EPSILON);
        self.passage_ms = Times::of(all.passages);
        self.picture_ms = Times::of(all.pictures);
        self.record_ms = Times::of(all.records);
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "lanes      {}", self.lanes)?;
        writeln!(f, "records    {} in {:.1} s", self.records, self.seconds)?;
        writeln!(
            f,
            "rate       {:.1} records/s, {:.1} MB/s",
            self.records_per_second,
            self.bytes_per_second / 1e6
        )?;
        writeln!(f, "passage    {}", self.passage_ms)?;
        writeln!(f, "picture    {}", self.picture_ms)?;
        writeln!(f, "record     {}", self.record_ms)?;
        writeln!(f, "busy       {} call(s) made again", self.busy)?;
        match &self.last_error {
            Some(error) => writeln!(f, "refused    {} passage(s), last: {error}", self.refused),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let times = Times::of((1..=200).rev().map(Duration::from_millis).collect());
        assert_eq!(times, Times { p50: 100.0, p95: 190.0, p99: 198.0, most: 200.0 });
        assert_eq!(Times::of(vec![Duration::from_millis(7)]).p99, 7.0);
        assert_eq!(Times::of(vec![]), Times::default());
    }
}

//! `egate central statistics`: a table of what was counted, as CSV or JSON.

use super::command::{DEFAULT_CONFIG, office, wait_for};
use super::statistics::to_csv;
use super::store::{Dimension, Millis, StatisticsQuery};
use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;
use std::io::Write;
use std::path::PathBuf;

/// `egate central statistics`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  egate central statistics --config central.toml --from 2026-07-01 --to 2026-07-31 \
                  --by port,day > july.csv\n\nCounts from 1 to 4, and what would give one away, are \
                  \"hidden\"; times are UTC."
)]
pub(super) struct StatisticsArgs {
    /// The service's settings
    #[arg(long, default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// First day (YYYY-MM-DD, UTC), or a time (RFC 3339)
    #[arg(long)]
    from: String,
    /// Last day, which is in; or a time, which is not
    #[arg(long)]
    to: String,
    /// By what the table is divided
    #[arg(long, value_enum, value_delimiter = ',')]
    by: Vec<Dimension>,
    /// Only cells with this value, as DIMENSION=VALUE; may be given several times
    #[arg(long, value_parser = restriction)]
    only: Vec<(Dimension, String)>,
    /// JSON in place of CSV
    #[arg(long)]
    json: bool,
}

/// A day whole, or an exact time.
pub(super) fn time(text: &str, day_after: bool) -> anyhow::Result<Millis> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(time.as_millisecond());
    }
    let day: jiff::civil::Date =
        text.parse().with_context(|| format!("{text:?} is no day (YYYY-MM-DD) and no time (RFC 3339)"))?;
    let day = if day_after { day.tomorrow()? } else { day };
    Ok(day.to_zoned(TimeZone::UTC)?.timestamp().as_millisecond())
}

fn restriction(text: &str) -> Result<(Dimension, String), String> {
    let (dimension, value) = text.split_once('=').ok_or("write DIMENSION=VALUE")?;
    Ok((Dimension::from_str(dimension, false)?, value.to_owned()))
}

pub(super) fn run(args: &StatisticsArgs) -> anyhow::Result<bool> {
    let query = StatisticsQuery {
        from: time(&args.from, false)?,
        to: time(&args.to, true)?,
        by: args.by.clone(),
        only: args.only.clone(),
    };
    if query.from >= query.to {
        bail!("--from {} is not before --to {}", args.from, args.to);
    }
    let table = wait_for(office(&args.config)?.statistics(query, "command line"))?;
    let text = if args.json { serde_json::to_vec_pretty(&table)? } else { to_csv(&table)? };
    Ok(std::io::stdout().write_all(&text).map(|()| true)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_last_day_is_in_and_a_time_is_exact() {
        assert_eq!(time("1970-01-02", false).unwrap(), 86_400_000);
        assert_eq!(time("1970-01-02", true).unwrap(), 2 * 86_400_000);
        assert_eq!(time("1970-01-01T00:00:01Z", true).unwrap(), 1_000);
        assert!(time("yesterday", true).is_err());
        assert_eq!(restriction("port=harbour").unwrap(), (Dimension::Port, "harbour".to_owned()));
        assert!(restriction("port").is_err() && restriction("name=x").is_err());
    }
}

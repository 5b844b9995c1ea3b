//! `egate inspect chip`: reads the document on a reader, and shows every check as TR-03135-1 §5.2 lists it.

use super::paint::{branch, painted, tree, word};
use super::trusted;
use crate::check::{Check, CheckId, CheckResult};
use crate::chip::{AccessKey, ChipError, ChipRandom, ChipReading, ChipSession, Proof, ReadingPlan};
use crate::devices::chip_reader::read_chip;
use crate::devices::{Card, CardFault, ChipReader, PcscReader};
use crate::document::Mrz;
use crate::trust::{Evidence, Examination, Node, examine};
use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// Clauses whose checks compare with printed lines that were read by eye.
const OF_PRINTED_LINES: [&str; 2] = ["§5.5.4.1.1", "§5.7.2"];

/// Read a document on a chip reader and make every check.
///
/// Exit status 0 when everything that was checked is successful, 1 when not, or when there is no document.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  egate inspect chip --mrz 'P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<' \\\n      \
    'L898902C36UTO7408122F1204159ZE184226B<<<<<10' --trust masterlist.ml\n  \
    egate inspect chip --reader ACR --can 123456 --json"
)]
pub struct ChipArgs {
    /// Reader whose name contains this; the first there is without it
    #[arg(long, value_name = "NAME")]
    pub reader: Option<String>,
    /// The printed lines
    #[arg(long, value_name = "LINE", num_args = 1..=3, required_unless_present = "can")]
    pub mrz: Vec<String>,
    /// The card access number printed on the page; opens the chip by PACE in place of the lines
    #[arg(long, value_name = "NUMBER")]
    pub can: Option<String>,
    /// Master list, certificate, revocation list, or a folder of them
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub trust: Vec<PathBuf>,
    /// Optional data groups to read as well: 7, 11, 12, 13, 16
    #[arg(long, value_name = "N", num_args = 1.., value_parser = clap::value_parser!(u8).range(5..=16))]
    pub groups: Vec<u8>,
    /// Ask the chip for every proof that it offers, not only for the one that a gate needs
    #[arg(long)]
    pub every_proof: bool,
    /// Seconds to wait for a document
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub wait: u64,
    /// Day at which validity and revocation are looked at; today without it
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub at: Option<Date>,
    /// One JSON document instead of the tree
    #[arg(long)]
    pub json: bool,
}

/// What reading took.
struct Effort {
    exchanges: u32,
    password_attempts: u32,
    sent: usize,
    received: usize,
    elapsed: Duration,
}

/// Whether every check that was made is successful.
///
/// # Errors
/// When there is no reader or no document, a trust file is of no use, or the lines are none.
pub fn run(args: ChipArgs) -> Result<bool> {
    let now = match args.at {
        Some(day) => day.at(12, 0, 0, 0).to_zoned(TimeZone::UTC)?.timestamp(),
        None => Timestamp::now(),
    };
    let printed = match args.mrz.as_slice() {
        [] => None,
        lines => Some(Mrz::parse(lines)?),
    };
    let key = match (&args.can, &printed) {
        (Some(number), _) => AccessKey::Can(number.clone()),
        (None, Some(printed)) => AccessKey::Mrz(printed.key_information()),
        (None, None) => bail!("give the printed lines with --mrz or the card access number with --can"),
    };
    let store = trusted::store(&args.trust, now)?;
    let (reading, effort) = read(&args, key)?;
    let chip_zone = reading.as_ref().ok().and_then(|reading| reading.mrz().ok());
    let Some(zone) = printed.as_ref().or(chip_zone.as_ref()) else {
        let why = reading.err().map_or_else(|| "DG1 was not read".to_owned(), |error| error.to_string());
        bail!("{why}; without printed lines there is nothing to check");
    };
    let evidence = Evidence { printed: zone, chip: reading.as_ref(), store: &store, now };
    let mut examination = examine(&evidence);
    if printed.is_none() {
        without_printed_lines(&mut examination.tree);
    }
    match args.json {
        true => println!("{:#}", as_json(&reading, &effort, &examination)),
        false => show(&reading, &effort, &examination),
    }
    Ok(examination.tree.result == CheckResult::Successful)
}

/// Waits for a document and reads it.
fn read(args: &ChipArgs, key: AccessKey) -> Result<(Result<ChipReading, ChipError>, Effort)> {
    let mut reader = PcscReader::open(args.reader.as_deref());
    let card = reader.wait_for_card(Duration::from_secs(args.wait)).context("the chip reader")?;
    let card = card.with_context(|| format!("no document came within {} seconds", args.wait))?;
    let mut random = vec![0; ChipRandom::LENGTH];
    getrandom::fill(&mut random).context("drawing random numbers")?;
    let plan = ReadingPlan { every_proof: args.every_proof, ..ReadingPlan::default() };
    let mut session = ChipSession::new(key, plan.with_groups(&args.groups), ChipRandom(random));
    let mut card = Counting { card, sent: 0, received: 0 };
    let reading = read_chip(&mut card, &mut session);
    let effort = Effort {
        exchanges: session.exchanges(),
        password_attempts: session.password_attempts(),
        sent: card.sent,
        received: card.received,
        elapsed: session.elapsed(),
    };
    Ok((reading, effort))
}

/// A card whose bytes are counted.
struct Counting {
    card: Box<dyn Card>,
    sent: usize,
    received: usize,
}

impl Card for Counting {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, CardFault> {
        self.sent += command.len();
        let answer = self.card.transmit(command)?;
        self.received += answer.len();
        Ok(answer)
    }

    fn reset(&mut self) -> Result<(), CardFault> {
        self.card.reset()
    }
}

/// Where only the card access number is known, nothing was compared with the page (TR-03135-1 §5.7.2): the
/// chip's own lines stood in for the printed ones.
fn without_printed_lines(node: &mut Node) {
    if OF_PRINTED_LINES.contains(&node.clause) {
        let why = "the card access number opened the chip, the printed lines were not given";
        *node = Node::not_supported(node.name.clone(), node.clause, why);
        return;
    }
    if node.children.is_empty() {
        return;
    }
    node.children.iter_mut().for_each(without_printed_lines);
    let supported = node.children.iter().any(|child| child.result != CheckResult::NotSupported);
    if !supported && node.result == CheckResult::Successful {
        node.result = CheckResult::NotSupported;
    }
}

fn show(reading: &Result<ChipReading, ChipError>, effort: &Effort, examination: &Examination) {
    match reading {
        Ok(reading) => {
            println!("document of {}", holder(examination));
            branch("opened by", &reading.access);
            for (file, why) in &reading.missing {
                branch("not read", format!("{file}: {why}"));
            }
            let files = reading.files.iter().map(|(file, content)| format!("{file} {}", content.len()));
            branch("bytes", files.collect::<Vec<_>>().join(", "));
            for (name, proof) in proofs(reading) {
                branch(name, proof);
            }
            if let Ok(portrait) = reading.portrait() {
                let size = portrait.dimensions();
                let size = size.map_or_else(|e| e.to_string(), |(width, height)| format!("{width}×{height}"));
                branch("portrait", format!("{:?}, {size}, {} bytes", portrait.media, portrait.bytes.len()));
            }
        }
        Err(error) => branch("not read", error),
    }
    let seconds = effort.elapsed.as_secs_f64();
    let (exchanges, sent, received) = (effort.exchanges, effort.sent, effort.received);
    branch("reading", format!("{exchanges} exchanges, {sent} bytes out, {received} in, {seconds:.3} s"));
    tree(&examination.tree);
    println!("result: {}", painted(examination.tree.result));
}

/// State, number and name from DG1.
fn holder(examination: &Examination) -> String {
    let Some(zone) = &examination.chip_mrz else { return "an unknown holder".to_owned() };
    format!("{} {}, {} {}", zone.surname, zone.given_names, zone.issuing_state, zone.document_number)
}

/// What the chip was asked to prove, and how that went.
fn proofs(reading: &ChipReading) -> Vec<(&'static str, String)> {
    let proofs = &reading.proofs;
    let all = [
        ("mapping", &proofs.mapping),
        ("chip auth.", &proofs.chip_authentication),
        ("active auth.", &proofs.active_authentication),
    ];
    let told = |proof: &Proof| match proof {
        Proof::Shown { .. } => "shown".to_owned(),
        Proof::Refuted(why) => format!("refuted: {why}"),
        Proof::Impossible(why) => format!("impossible: {why}"),
    };
    all.into_iter().filter_map(|(name, proof)| Some((name, told(proof.as_ref()?)))).collect()
}

fn as_json(reading: &Result<ChipReading, ChipError>, effort: &Effort, examination: &Examination) -> Value {
    let reading = match reading {
        Ok(reading) => json!({
            "access": reading.access,
            "files": by_name(&reading.files, Vec::len),
            "missing": by_name(&reading.missing, String::clone),
            "proofs": proofs(reading).into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        }),
        Err(error) => json!({"error": error.to_string()}),
    };
    let check = |check: &Check| json!({"result": word(check.result), "detail": check.detail});
    let access = examination.checks.iter().find(|check| check.id == CheckId::ChipAccess);
    json!({
        "result": word(examination.tree.result),
        "chip_access": access.map(check),
        "reading": reading,
        "exchanges": effort.exchanges,
        "password_attempts": effort.password_attempts,
        "bytes_sent": effort.sent,
        "bytes_received": effort.received,
        "seconds": effort.elapsed.as_secs_f64(),
        "mrz": examination.chip_mrz.as_ref().map(|zone| &zone.lines),
        "signer": examination.signer,
        "findings": examination.findings,
        "tree": examination.tree,
    })
}

fn by_name<T, V: Into<Value>>(
    files: &std::collections::BTreeMap<crate::chip::FileId, T>,
    value: impl Fn(&T) -> V,
) -> serde_json::Map<String, Value> {
    files.iter().map(|(file, content)| (file.to_string(), value(content).into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_printed_lines_nothing_that_needs_them_is_successful() {
        let good = Check::successful(CheckId::MrzAgainstChip);
        let of = |clause| Node::of("check", clause, &good);
        let mut tree = Node::group(
            "document",
            "§5.2",
            vec![
                Node::group("optical checks", "§5.5", vec![of("§5.5.4.1.1")]),
                Node::group(
                    "combined checks",
                    "§5.7",
                    vec![of("§5.7.1"), of("§5.7.2").with_children(vec![of("§5.7.2")])],
                ),
            ],
        );
        without_printed_lines(&mut tree);
        let results: Vec<_> = tree.walk().iter().map(|node| (node.clause, node.result)).collect();
        use CheckResult::{NotSupported, Successful};
        assert_eq!(
            results,
            [
                ("§5.2", Successful),
                ("§5.5", NotSupported),
                ("§5.5.4.1.1", NotSupported),
                ("§5.7", Successful),
                ("§5.7.1", Successful),
                ("§5.7.2", NotSupported),
            ]
        );
    }
}

//! A set of morphs from a list of people, with bona fide portraits beside them.
//!
//! In: a CSV as for `egate evaluate match`. Out: a folder of portraits and `samples.csv` with the columns `portrait,
//! probe, label, half, subject, other`: what a gate would see, the chip's portrait and a live picture of whoever
//! holds the passport. Look-alikes are paired, since forgers pair look-alikes; both are of one half. All portraits,
//! bona fide and morphed, are shrunk and compressed in the same seeded way, so that no detector can learn the
//! making instead of the morph.

use super::super::evaluate::acquire::{self, Order, Seen, Way};
use super::super::evaluate::interval::Seeded;
use super::super::evaluate::samples::{Samples, escaped};
use super::blend::{self, Recipe};
use super::{Half, MakeArgs, points, save};
use crate::face::{FaceRules, ModelSet, compare};
use anyhow::{Context, Result, bail, ensure};
use image::RgbImage;
use image::imageops::{self, FilterType};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A partner is drawn from this many most alike people.
const LOOK_ALIKES: usize = 3;
/// Most partners for one person.
const PAIRS_MOST: usize = 20;
/// Shrunk to this part at least.
const SCALE_LEAST: f64 = 0.6;
/// Compressed with this quality at least, of 100.
const QUALITY_LEAST: usize = 55;
/// And at most.
const QUALITY_MOST: usize = 92;

/// One person of the list.
struct Person {
    name: String,
    half: Half,
    portrait: PathBuf,
    seen: Seen,
    probes: Vec<PathBuf>,
}

/// Makes the set.
pub(super) fn run(list: &Path, out: &Path, make: &MakeArgs) -> Result<()> {
    ensure!((1..=PAIRS_MOST).contains(&make.pairs), "--pairs must lie between 1 and {PAIRS_MOST}");
    let people = people(&Samples::read(list)?, make)?;
    let folder = out.join("portraits");
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let mut csv = String::from("portrait,probe,label,half,subject,other\n");
    for person in &people {
        let picture = acquire::open(&person.portrait)?;
        let name = format!("{}.jpg", file_name(&person.name));
        worn(&picture, &folder.join(&name), seed(make, &name))?;
        rows(&mut csv, &name, "bona_fide", person, &person.name);
    }
    let pairs = pairs(&people, make);
    let mut engine = ModelSet::under(&make.engine.var, 1)?;
    let bar = acquire::progress(pairs.len());
    for (a, b) in bar.wrap_iter(pairs.iter()) {
        let (first, second) = (acquire::open(&a.portrait)?, acquire::open(&b.portrait)?);
        let marked_a = points::marked(&mut engine, &first).with_context(|| a.name.clone())?;
        let marked_b = points::marked(&mut engine, &second).with_context(|| b.name.clone())?;
        for (label, spliced) in [("full", false), ("spliced", true)] {
            let recipe = Recipe { first: make.first, spliced };
            let Some(morph) = blend::morphed(&marked_a, &marked_b, recipe) else { continue };
            let name = format!("{}+{}-{label}.jpg", file_name(&a.name), file_name(&b.name));
            worn(&morph, &folder.join(&name), seed(make, &name))?;
            rows(&mut csv, &name, label, a, &b.name);
            rows(&mut csv, &name, label, b, &a.name);
        }
    }
    let file = out.join("samples.csv");
    std::fs::write(&file, csv).with_context(|| format!("{} cannot be written", file.display()))?;
    eprintln!(
        "egate: {} people, {} pairs, each full and spliced: {}",
        people.len(),
        pairs.len(),
        file.display()
    );
    Ok(())
}

/// Everybody with a usable reference and a probe.
fn people(samples: &Samples, make: &MakeArgs) -> Result<Vec<Person>> {
    let [subject, role, path] =
        [samples.column("subject")?, samples.column("role")?, samples.column("path")?];
    samples.all_there(path)?;
    let mut references: BTreeMap<&str, PathBuf> = BTreeMap::new();
    let mut probes: BTreeMap<&str, Vec<PathBuf>> = BTreeMap::new();
    for row in &samples.rows {
        // The set lies elsewhere than the list: its paths must hold from there.
        let picture = samples.picture(row, path).canonicalize()?;
        match row.get(role) {
            "reference" => drop(references.entry(row.get(subject)).or_insert(picture)),
            "probe" => probes.entry(row.get(subject)).or_default().push(picture),
            other => bail!("{}: role {other:?}, expected reference or probe", samples.place(row)),
        }
    }
    let order = |path: &PathBuf| Order { path: path.clone(), way: Way::Portrait, mirrored: false };
    let orders: Vec<Order> = references.values().map(order).collect();
    let acquired = acquire::acquire(&orders, &make.engine)?;
    let mut people = Vec::new();
    for ((name, portrait), seen) in references.into_iter().zip(acquired) {
        if let (Ok(seen), Some(probes)) = (seen, probes.remove(name)) {
            people.push(Person { name: name.to_owned(), half: Half::of(name), portrait, seen, probes });
        }
    }
    ensure!(people.len() > 1, "a morph needs two people, each with a reference and a probe");
    Ok(people)
}

/// Look-alikes within a half, each pair once. Two who would pass as each other without a morph make none.
fn pairs<'a>(people: &'a [Person], make: &MakeArgs) -> Vec<(&'a Person, &'a Person)> {
    let alike = FaceRules::default().match_threshold();
    let mut taken = BTreeSet::new();
    let mut pairs = Vec::new();
    for (place, person) in people.iter().enumerate() {
        let mut others: Vec<(f32, usize)> = people
            .iter()
            .enumerate()
            .filter(|(other, o)| *other != place && o.half == person.half)
            .map(|(other, o)| (compare(&person.seen.template, &o.seen.template), other))
            .filter(|(similarity, _)| *similarity < alike)
            .collect();
        others.sort_by(|a, b| b.0.total_cmp(&a.0));
        others.truncate(LOOK_ALIKES.max(make.pairs));
        let mut seeded = Seeded(seed(make, &person.name));
        for _ in 0..make.pairs.min(others.len()) {
            let (_, other) = others.swap_remove(seeded.below(others.len()));
            if taken.insert((place.min(other), place.max(other))) {
                pairs.extend(people.get(other).map(|other| (person, other)));
            }
        }
    }
    pairs
}

/// One row for each live picture of the holder.
fn rows(csv: &mut String, portrait: &str, label: &str, holder: &Person, other: &str) {
    for probe in &holder.probes {
        let fields = [
            &format!("portraits/{portrait}"),
            &*probe.to_string_lossy(),
            label,
            holder.half.name(),
            &holder.name,
            other,
        ];
        let line = fields.map(escaped).join(",");
        let _ = writeln!(csv, "{line}"); // a String takes everything
    }
}

/// Writes a portrait as a chip would have it: shrunk and compressed by chance.
fn worn(picture: &RgbImage, path: &Path, seed: u64) -> Result<()> {
    let mut seeded = Seeded(seed);
    let scale = SCALE_LEAST + (1.0 - SCALE_LEAST) * seeded.below(1000) as f64 / 999.0;
    let side = |length: u32| ((f64::from(length) * scale).round() as u32).max(1);
    let small =
        imageops::resize(picture, side(picture.width()), side(picture.height()), FilterType::CatmullRom);
    let quality = QUALITY_LEAST + seeded.below(QUALITY_MOST - QUALITY_LEAST + 1);
    save(path, &small, quality as u8)
}

/// Chance that depends on the seed and on what it is for, not on what else is in the list.
fn seed(make: &MakeArgs, what: &str) -> u64 {
    what.bytes().fold(make.seed, |sum, byte| Seeded(sum ^ u64::from(byte)).next())
}

/// A name that every file system takes.
fn file_name(subject: &str) -> String {
    let plain: String =
        subject.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    // Names that differ only in what was replaced must not meet in one file.
    if plain == subject { plain } else { format!("{plain}-{:08x}", Seeded(hash(subject)).next() as u32) }
}

fn hash(text: &str) -> u64 {
    text.bytes().fold(0, |sum, byte| Seeded(sum ^ u64::from(byte)).next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_keep_different_files() {
        let names = ["José", "Jos?", "Jos_", "a/b", "a_b"].map(file_name);
        let different: BTreeSet<&String> = names.iter().collect();
        assert_eq!(different.len(), names.len(), "{names:?}");
        assert!(names.iter().all(|name| !name.contains('/')));
    }

    #[test]
    fn halves_are_by_person_for_ever_and_of_like_size() {
        let training = (0..1000).filter(|n| Half::of(&format!("person {n}")) == Half::Training).count();
        assert!((430..570).contains(&training), "{training}");
        assert_eq!(Half::of("Erika Mustermann"), Half::of("Erika Mustermann"));
    }
}

//! Everybody who takes part in a comparison, and every reference against every probe.
//!
//! References go the way of the chip's portrait, probes that of a camera frame, and are compared as the gate
//! compares. A setting of [`Setting`] looks at the same pictures in another way.

use super::acquire::{self, Acquired, Order, Way};
use super::interval::Drawn;
use super::rates::{self, Score};
use super::samples::{Row, Samples};
use super::{EngineArgs, Failure};
use crate::face::{Manifest, Template, compare};
use anyhow::{Result, bail, ensure};
use std::collections::BTreeMap;

/// More comparisons than this do not fit into memory.
const COMPARISONS_MOST: usize = 60_000_000;
/// How two faces are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Setting {
    /// As at the gate: both embedders
    Gate,
    /// The manifest's first embedder alone
    First,
    /// The second embedder alone
    Second,
    /// As at the gate, each template the mean of the picture and its mirror image
    Mirrored,
}

/// What took part: people, and their pictures in which a face was found.
pub(super) struct Trial {
    /// How many references and probes there are of each person, by the person's number.
    pub(super) people: Vec<[u32; 2]>,
    pub(super) references: Vec<Sample>,
    pub(super) probes: Vec<Sample>,
    pub(super) failures: Vec<Failure>,
    /// References that the gate would refuse, since they show several faces of like size.
    pub(super) several: usize,
}

/// A picture that took part.
pub(super) struct Sample {
    pub(super) row: Row,
    pub(super) person: u32,
    pub(super) template: Template,
    /// Template of the mirror image, where a setting needs it.
    pub(super) mirrored: Option<Template>,
}

/// Similarities, each list from high to low; the samples are reference and probe.
pub(super) struct Scores {
    pub(super) mated: Vec<Score>,
    pub(super) non_mated: Vec<Score>,
}

impl Trial {
    /// Reads the roles, looks at the pictures, numbers the people.
    pub(super) fn acquire(samples: &Samples, mirrored: bool, engine: &EngineArgs) -> Result<Trial> {
        let [subject, role, path] =
            [samples.column("subject")?, samples.column("role")?, samples.column("path")?];
        samples.all_there(path)?;
        let mut orders = Vec::with_capacity(samples.rows.len());
        for row in &samples.rows {
            let way = match row.get(role) {
                "reference" => Way::Portrait,
                "probe" => Way::Frame,
                other => bail!("{}: role {other:?}, expected reference or probe", samples.place(row)),
            };
            orders.push(Order { path: samples.picture(row, path), way, mirrored: false });
        }
        let plain = acquire::acquire(&orders, engine)?;
        let turned: Vec<Option<Acquired>> = if mirrored {
            orders.iter_mut().for_each(|order| order.mirrored = true);
            acquire::acquire(&orders, engine)?.into_iter().map(Some).collect()
        } else {
            vec![None; orders.len()]
        };
        let mut numbers = BTreeMap::new();
        let mut trial =
            Trial { people: vec![], references: vec![], probes: vec![], failures: vec![], several: 0 };
        for (((row, order), acquired), turned) in samples.rows.iter().zip(&orders).zip(plain).zip(turned) {
            let count = numbers.len() as u32;
            let person = *numbers.entry(row.get(subject)).or_insert(count);
            match acquired {
                Ok(seen) => {
                    trial.several += usize::from(seen.several);
                    // A face that is found in one picture alone is compared by that one.
                    let mirrored = turned.and_then(Result::ok).map(|seen| seen.template);
                    let sample = Sample { row: row.clone(), person, template: seen.template, mirrored };
                    match order.way {
                        Way::Portrait => trial.references.push(sample),
                        Way::Frame => trial.probes.push(sample),
                    }
                }
                Err(why) => trial.failures.push(Failure::new(samples, row, path, why)),
            }
        }
        trial.people = vec![[0; 2]; numbers.len()];
        for (samples, side) in [(&trial.references, 0), (&trial.probes, 1)] {
            for sample in samples {
                let counts = trial.people.get_mut(sample.person as usize);
                if let Some(count) = counts.and_then(|counts| counts.get_mut(side)) {
                    *count += 1;
                }
            }
        }
        Ok(trial)
    }

    /// Every reference against every probe, on that many threads.
    pub(super) fn compare(&self, setting: Setting, threads: usize) -> Result<Scores> {
        let count = self.references.len().saturating_mul(self.probes.len());
        ensure!(
            count <= COMPARISONS_MOST,
            "{count} comparisons are more than the {COMPARISONS_MOST} that fit into memory: split the list by people"
        );
        let numbered: Vec<(u32, &Sample)> = (0..).zip(&self.references).collect();
        let share = numbered.len().div_ceil(threads.max(1)).max(1);
        let parts: Vec<Scores> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                numbered.chunks(share).map(|part| scope.spawn(|| self.compare_part(part, setting))).collect();
            threads.into_iter().map(|thread| thread.join().map_err(|_| ())).collect::<Result<_, _>>()
        })
        .map_err(|()| anyhow::anyhow!("a worker of the evaluation panicked"))?;
        let mut all = Scores { mated: Vec::new(), non_mated: Vec::with_capacity(count) };
        for part in parts {
            all.mated.extend(part.mated);
            all.non_mated.extend(part.non_mated);
        }
        ensure!(
            !all.mated.is_empty() && !all.non_mated.is_empty(),
            "there are {} mated and {} non-mated comparisons; both are needed",
            all.mated.len(),
            all.non_mated.len()
        );
        rates::descending(&mut all.mated);
        rates::descending(&mut all.non_mated);
        Ok(all)
    }

    fn compare_part(&self, references: &[(u32, &Sample)], setting: Setting) -> Scores {
        let mut scores = Scores { mated: Vec::new(), non_mated: Vec::new() };
        for &(r, reference) in references {
            for (p, probe) in (0..).zip(&self.probes) {
                let similarity = setting.similarity(reference, probe);
                let score = Score::new(similarity, [reference.person, probe.person], [r, p]);
                let mated = reference.person == probe.person;
                if mated { &mut scores.mated } else { &mut scores.non_mated }.push(score);
            }
        }
        scores
    }

    /// What all non-mated comparisons weigh when people were drawn, without walking over them: all that there are,
    /// less the mated ones.
    pub(super) fn non_mated_weight(&self, drawn: &Drawn) -> f64 {
        let (mut references, mut probes, mut mated) = (0.0, 0.0, 0.0);
        for (counts, person) in self.people.iter().zip(0..) {
            let [r, p] = counts.map(|count| f64::from(count) * drawn.times(person));
            references += r;
            probes += p;
            mated += r * p;
        }
        references * probes - mated
    }
}

impl Setting {
    fn similarity(self, a: &Sample, b: &Sample) -> f32 {
        match self {
            Setting::Gate => compare(&a.template, &b.template),
            Setting::First => part(a, b, 0),
            Setting::Second => part(a, b, 1),
            Setting::Mirrored => compare(&a.both(), &b.both()),
        }
    }

    /// Whether pictures must be looked at a second time, mirrored.
    pub(super) fn mirrors(self) -> bool {
        self == Setting::Mirrored
    }
}

impl Sample {
    /// The sum of both templates; `compare` divides by lengths.
    fn both(&self) -> Template {
        let mirrored = self.mirrored.iter().flat_map(|mirrored| &mirrored.values);
        let mut values = self.template.values.clone();
        values.iter_mut().zip(mirrored).for_each(|(value, other)| *value += other);
        Template { values }
    }
}

/// Similarity in the eyes of one embedder; no number where there is none of that place.
fn part(a: &Sample, b: &Sample, place: usize) -> f32 {
    let of = |sample: &Sample| {
        let parts = sample.template.parts(Manifest::shipped().ok()?)?;
        parts.get(place).map(|part| Template { values: part.to_vec() })
    };
    of(a).zip(of(b)).map_or(f32::NAN, |(a, b)| compare(&a, &b))
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::interval;
    use super::*;

    /// Everybody's direction in the plane, in degrees; a reference and as many probes as given, those off by theirs.
    pub(in super::super) fn trial(people: &[(f32, &[f32])]) -> Trial {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("samples.csv");
        std::fs::write(&file, "place\nleft\nright\n").unwrap();
        let rows = Samples::read(&file).unwrap().rows;
        let sample = |person: usize, degrees: f32| {
            let unit = vec![degrees.to_radians().cos(), degrees.to_radians().sin()];
            let template = Template { values: unit };
            Sample { row: rows[person % 2].clone(), person: person as u32, template, mirrored: None }
        };
        let mut made =
            Trial { people: vec![], references: vec![], probes: vec![], failures: vec![], several: 0 };
        for (person, (degrees, off)) in people.iter().enumerate() {
            made.people.push([1, off.len() as u32]);
            made.references.push(sample(person, *degrees));
            made.probes.extend(off.iter().map(|off| sample(person, degrees + off)));
        }
        made
    }

    /// A hundred people all round, the last probe of every tenth far off and between two others.
    pub(in super::super) fn hundred() -> Trial {
        let people: Vec<(f32, Vec<f32>)> =
            (0..100).map(|n| (n as f32 * 3.6, vec![0.5, if n % 10 == 0 { 41.8 } else { 1.0 }])).collect();
        let people: Vec<(f32, &[f32])> = people.iter().map(|(d, off)| (*d, off.as_slice())).collect();
        trial(&people)
    }

    #[test]
    fn the_result_does_not_depend_on_the_number_of_threads() {
        let trial = hundred();
        let (one, many) =
            (trial.compare(Setting::Gate, 1).unwrap(), trial.compare(Setting::Gate, 7).unwrap());
        assert_eq!(one.mated, many.mated);
        assert_eq!(one.non_mated, many.non_mated);
    }

    #[test]
    fn the_weight_of_all_non_mated_is_what_walking_over_them_gives() {
        let trial = hundred();
        let scores = trial.compare(Setting::Gate, 1).unwrap();
        for drawn in interval::resamples(100).take(5) {
            let walked: f64 = scores.non_mated.iter().map(|score| drawn.weight(score)).sum();
            assert_eq!(trial.non_mated_weight(&drawn), walked);
        }
    }

    #[test]
    fn without_mated_or_non_mated_comparisons_the_counts_are_said() {
        let alone = trial(&[(0.0, &[1.0])]).compare(Setting::Gate, 1).err().unwrap().to_string();
        assert!(alone.contains("1 mated and 0 non-mated"), "{alone}");
        let strangers =
            trial(&[(0.0, &[]), (90.0, &[])]).compare(Setting::Gate, 1).err().unwrap().to_string();
        assert!(strangers.contains("0 mated and 0 non-mated"), "{strangers}");
    }
}

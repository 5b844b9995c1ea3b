//! What came out of `egate evaluate liveness`, for programs and for people.

use super::liveness::{
    BONA_FIDE, Found, LivenessArgs, Rate, Scores, apcer, apcer_at, bpcer, frames_averaged, groups,
};
use super::plot::{Curve, Histogram, Plot};
use super::rates::{self, Score};
use super::sheet::Pair;
use super::table::{Table, between, grouped, percent};
use super::{named, told};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Bona fide error rates at which the attack error rates are told.
const BONA_FIDE_RATES: [(&str, f64); 3] = [("0.01", 0.01), ("0.02", 0.02), ("0.05", 0.05)];
/// Presentations of each side on the sheet of the worst.
const WORST: usize = 12;

pub(super) fn document(found: &Found, scores: &Scores, arguments: &LivenessArgs) -> Value {
    let rates = |of: &BTreeMap<&str, Rate>| -> Map<String, Value> {
        of.iter().map(|(kind, rate)| ((*kind).to_owned(), json!(rate.rate))).collect()
    };
    let intervals = |of: &BTreeMap<&str, Rate>| -> Map<String, Value> {
        of.iter().map(|(kind, rate)| ((*kind).to_owned(), json!(rate.interval))).collect()
    };
    let (mut at, mut at_intervals, mut at_thresholds) = (Map::new(), Map::new(), Map::new());
    for (name, rate) in BONA_FIDE_RATES {
        let (threshold, missed) = apcer_at(scores, rate);
        at.insert(name.into(), rates(&missed).into());
        at_intervals.insert(name.into(), intervals(&missed).into());
        at_thresholds.insert(name.into(), json!(threshold));
    }
    let (bpcer, apcer) = (bpcer(scores, found.threshold), apcer(scores, found.threshold));
    let count = |scores: &Scores| -> BTreeMap<String, usize> {
        scores.iter().map(|(label, list)| (label.clone(), list.len())).collect()
    };
    let [least, median, most] = frames_averaged(found);
    let mut document = json!({
        "threshold": found.threshold,
        "bpcer": bpcer.rate, "bpcer_ci95": bpcer.interval,
        "apcer": rates(&apcer), "apcer_ci95": intervals(&apcer),
        "apcer_at_bpcer": at, "apcer_at_bpcer_ci95": at_intervals, "threshold_at_bpcer": at_thresholds,
        "n": count(scores),
        "frames": {"pictures": found.presentations.iter().map(|p| p.frames).sum::<usize>(),
            "averaged": {"least": least, "median": median, "most": most}},
        "networks": found.networks,
        "no_face": found.no_face,
        "failures": named(&found.failures),
    });
    if let (Some(column), Some(fields)) = (&arguments.by, document.as_object_mut()) {
        let groups: Map<String, Value> = groups(found)
            .into_iter()
            .map(|(value, scores)| {
                let bpcer = super::liveness::bpcer(&scores, found.threshold);
                let bpcer = scores.contains_key(BONA_FIDE).then_some(bpcer.rate);
                let apcer = rates(&super::liveness::apcer(&scores, found.threshold));
                (value.to_owned(), json!({"n": count(&scores), "bpcer": bpcer, "apcer": apcer}))
            })
            .collect();
        fields.insert("by".into(), json!({"column": column, "groups": groups}));
    }
    document
}

pub(super) fn text(found: &Found, scores: &Scores, arguments: &LivenessArgs) -> String {
    let [least, median, most] = frames_averaged(found);
    let pictures: usize = found.presentations.iter().map(|p| p.frames).sum();
    let averaged = match (least, most) {
        (1, 1) => "single frames".to_owned(),
        _ => format!("means of {least} to {most} frames (median {median})"),
    };
    let mut text = format!(
        "{} presentations from {} pictures: {averaged}, looked at by {}\n{} pictures without a score\n{}\n",
        grouped(found.presentations.len()),
        grouped(pictures),
        found.networks.join(", "),
        found.failures.len(),
        told(&found.failures)
    );
    let living = bpcer(scores, found.threshold);
    let count = scores.get(BONA_FIDE).map_or(0, Vec::len);
    text += &format!("at the threshold {:.3}\n", found.threshold);
    let mut table = Table::new(["", "n", "error rate", "95 % interval"]);
    table.row([
        "bona fide (BPCER)".into(),
        grouped(count),
        percent(living.rate),
        between(Some(living.interval)),
    ]);
    for (kind, rate) in apcer(scores, found.threshold) {
        let count = scores.get(kind).map_or(0, Vec::len);
        table.row([
            format!("{kind} (APCER)"),
            grouped(count),
            percent(rate.rate),
            between(Some(rate.interval)),
        ]);
    }
    text += &format!("{table}\nattacks missed where living people are refused at\n");
    let mut table = Table::new(["BPCER", "threshold", "kind", "APCER", "95 % interval"]);
    for (name, rate) in BONA_FIDE_RATES {
        let (threshold, missed) = apcer_at(scores, rate);
        for (kind, rate) in missed {
            let interval = between(Some(rate.interval));
            table.row([
                name.into(),
                format!("{threshold:.3}"),
                kind.to_owned(),
                percent(rate.rate),
                interval,
            ]);
        }
    }
    text += &table.to_string();
    if let Some(column) = &arguments.by {
        text += &format!("\nby {column}\n{}", by_group(found));
    }
    text
}

fn by_group(found: &Found) -> Table {
    let mut table = Table::new(["", "label", "n", "error rate", "95 % interval"]);
    for (value, scores) in groups(found) {
        for (label, list) in &scores {
            let taken = rates::taken(list, found.threshold);
            let errors = if label == BONA_FIDE { taken } else { list.len() - taken };
            let rate = Rate::of(errors, list.len());
            let interval = between(Some(rate.interval));
            table.row([value.to_owned(), label.clone(), grouped(list.len()), percent(rate.rate), interval]);
        }
    }
    table
}

pub(super) fn plot(scores: &Scores, threshold: f32) -> Plot {
    let bona_fide = scores.get(BONA_FIDE).map_or(&[][..], Vec::as_slice);
    let attacks = || scores.iter().filter(|(label, _)| *label != BONA_FIDE);
    let histogram = |label: &str, list: &[Score]| Histogram {
        label: label.to_owned(),
        values: list.iter().map(|score| score.value).collect(),
    };
    let curves = attacks()
        .map(|(kind, list)| Curve { label: kind.clone(), points: rates::trade_off(list, bona_fide) });
    let mut histograms: Vec<Histogram> = attacks().map(|(kind, list)| histogram(kind, list)).collect();
    histograms.push(histogram("bona fide", bona_fide));
    Plot {
        title: "Liveness".into(),
        across: "living people refused (BPCER)",
        up: "attacks missed (APCER)",
        curves: curves.collect(),
        score: "attack score",
        histograms,
        thresholds: vec![("threshold".into(), threshold)],
    }
}

/// The attacks that look most alive, then the living people that look least.
pub(super) fn worst(found: &Found, scores: &Scores) -> Vec<Pair> {
    let mut attacks: Vec<Score> =
        scores.iter().filter(|(label, _)| *label != BONA_FIDE).flat_map(|(_, list)| list).copied().collect();
    rates::descending(&mut attacks);
    let living = scores.get(BONA_FIDE).map_or(&[][..], Vec::as_slice);
    let shown = |score: &Score, alike| {
        let presentation = found.presentations.get(score.samples[0] as usize);
        let picture = presentation.map(|p| p.picture.clone()).unwrap_or_default();
        Pair { left: picture.clone(), right: picture, score: score.value, alike }
    };
    let attacks = attacks.iter().rev().take(WORST).map(|score| shown(score, false));
    attacks.chain(living.iter().take(WORST).map(|score| shown(score, true))).collect()
}

//! Small counts are not shown, nor what would give them away.
//!
//! * A count from 1 to [`SMALL`] − 1 is hidden, and so is one that leaves so few of the whole that it is
//!   part of (98 of 100 say that there were 2 others).
//! * Parts of a whole ([`whole`]): where one is hidden, so much else is hidden that what is hidden adds up
//!   to at least [`SMALL`] and is of two parts at least.
//! * The same over the cells of a table: for each total that another question could give – over all cells,
//!   or over those that agree in some of the dimensions – what is hidden below it is of two cells at least
//!   and adds up to at least [`SMALL`].
//! * Of a cell with few passages nothing is shown.
//!
//! Who may ask for many different times can still compare the answers: statistics are for those who may
//! see records, and each export is in the audit trail.

use super::measure::Measure;
use std::collections::{BTreeMap, HashMap};

/// Smallest count that is shown.
pub const SMALL: u64 = 5;

/// A cell of a table: where it is in each dimension, and what was counted.
pub(super) struct Cell {
    pub(super) key: Vec<String>,
    pub(super) counts: BTreeMap<Measure, u64>,
}

impl Cell {
    pub(super) fn count(&self, measure: &Measure) -> u64 {
        self.counts.get(measure).copied().unwrap_or(0)
    }
}

/// For each measure, which cells are hidden.
pub(super) type Hidden = BTreeMap<Measure, Vec<bool>>;

/// What is to be hidden of a table of cells with so many dimensions.
pub(super) fn hidden(cells: &[Cell], dimensions: usize) -> Hidden {
    let slices = slices(cells, dimensions);
    let passages: Vec<u64> = cells.iter().map(|cell| cell.count(&Measure::Passages)).collect();
    let mut rows: Vec<bool> = passages.iter().map(|n| is_small(*n)).collect();
    while cover(&passages, &mut rows, &slices) {}

    let mut measures: Vec<&Measure> = cells.iter().flat_map(|cell| cell.counts.keys()).collect();
    measures.retain(|measure| shown_as_count(measure));
    measures.sort();
    measures.dedup();
    let mut hidden = Hidden::new();
    for measure in measures {
        let alone = |(row, cell): (&bool, &Cell)| *row || small_alone(cell, measure);
        hidden.insert(measure.clone(), rows.iter().zip(cells).map(alone).collect());
    }
    hidden.insert(Measure::Passages, rows);
    loop {
        let mut changed = false;
        for (measure, hides) in &mut hidden {
            let counts: Vec<u64> = cells.iter().map(|cell| cell.count(measure)).collect();
            changed |= cover(&counts, hides, &slices);
        }
        for (place, cell) in cells.iter().enumerate() {
            changed |= cover_parts(cell, place, &mut hidden);
        }
        if !changed {
            return hidden;
        }
    }
}

/// Durations are shown as medians, never as counts.
fn shown_as_count(measure: &Measure) -> bool {
    !matches!(measure, Measure::Passages | Measure::Time(..) | Measure::Sum(_))
}

fn is_small(count: u64) -> bool {
    (1..SMALL).contains(&count)
}

fn small_alone(cell: &Cell, measure: &Measure) -> bool {
    let (count, of) = (cell.count(measure), cell.count(&whole(measure)));
    is_small(count) || (count > 0 && is_small(of.saturating_sub(count)))
}

/// What a measure is a part of.
fn whole(measure: &Measure) -> Measure {
    match measure {
        Measure::Decision(_) => Measure::Ending("referred".to_owned()),
        _ => Measure::Passages,
    }
}

/// For each set of dimensions but the whole one, which slice each cell is in.
fn slices(cells: &[Cell], dimensions: usize) -> Vec<Vec<usize>> {
    let sets = 1_usize << dimensions.min(DIMENSIONS_MOST);
    let all = sets.saturating_sub(1).max(1);
    (0..all)
        .map(|set| {
            let mut known: HashMap<Vec<&str>, usize> = HashMap::new();
            cells
                .iter()
                .map(|cell| {
                    let of = cell.key.iter().enumerate().filter(|(place, _)| set & (1 << place) != 0);
                    let next = known.len();
                    *known.entry(of.map(|(_, word)| word.as_str()).collect()).or_insert(next)
                })
                .collect()
        })
        .collect()
}

/// Dimensions of a table at most.
pub(super) const DIMENSIONS_MOST: usize = 7;

/// Hides one more cell in each slice of which too little is hidden to hide it. Gives whether it did.
fn cover(counts: &[u64], hides: &mut [bool], slices: &[Vec<usize>]) -> bool {
    let mut changed = false;
    for slice in slices {
        let mut parts: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (place, of) in slice.iter().enumerate() {
            parts.entry(*of).or_default().push(place);
        }
        for places in parts.values() {
            if let Some(place) = next_to_hide(places, counts, hides)
                && let Some(hide) = hides.get_mut(place)
            {
                *hide = true;
                changed = true;
            }
        }
    }
    changed
}

/// The smallest count that must go, too, when what is hidden of a sum is too little.
fn next_to_hide(places: &[usize], counts: &[u64], hides: &[bool]) -> Option<usize> {
    let of = |place: &usize| (counts.get(*place).copied().unwrap_or(0), hides.get(*place).copied());
    let (mut hidden, mut sum) = (0, 0);
    let mut smallest: Option<(u64, usize)> = None;
    for place in places {
        match of(place) {
            (0, _) | (_, None) => {}
            (count, Some(true)) => {
                hidden += 1;
                sum += count;
            }
            (count, Some(false)) => {
                smallest = Some(smallest.map_or((count, *place), |best| best.min((count, *place))));
            }
        }
    }
    let enough = hidden == 0 || (hidden >= 2 && sum >= SMALL);
    if enough { None } else { smallest.map(|(_, place)| place) }
}

/// The same within one cell, over the parts of each whole.
fn cover_parts(cell: &Cell, place: usize, hidden: &mut Hidden) -> bool {
    let mut changed = false;
    for kind in [ending as fn(&Measure) -> bool, decision] {
        let parts: Vec<Measure> = hidden.keys().filter(|measure| kind(measure)).cloned().collect();
        let counts: Vec<u64> = parts.iter().map(|part| cell.count(part)).collect();
        let is_hidden = |part: &Measure| hidden.get(part).and_then(|h| h.get(place)).copied();
        let hides: Vec<bool> = parts.iter().map(|part| is_hidden(part).unwrap_or(false)).collect();
        let places: Vec<usize> = (0..parts.len()).collect();
        let next = next_to_hide(&places, &counts, &hides).and_then(|next| parts.get(next));
        if let Some(hide) = next.and_then(|part| hidden.get_mut(part)).and_then(|h| h.get_mut(place)) {
            *hide = true;
            changed = true;
        }
    }
    changed
}

fn ending(measure: &Measure) -> bool {
    matches!(measure, Measure::Ending(_))
}

fn decision(measure: &Measure) -> bool {
    matches!(measure, Measure::Decision(_))
}

//! Plots as SVG, made here: stacked bars and lines of a table that stands beside them, so that nothing is said by
//! the picture alone. Colours come from the style sheet, since the page's policy allows no inline style.

use askama::Template;

/// Width of a plot in its own units.
const WIDTH: f64 = 720.0;
/// Height of the bars in the same units.
const HEIGHT: f64 = 160.0;
/// Room for the scale at the left.
const LEFT: f64 = 40.0;
/// Labels below the bars that have room.
const LABELS_MOST: usize = 13;

/// What is counted, one number for each kind, in the order of the kinds.
pub(super) struct Column {
    /// Stands below the bar.
    pub(super) label: String,
    /// One for each kind.
    pub(super) counts: Vec<u64>,
}

/// Stacked bars.
#[derive(Template)]
#[template(path = "plot.html")]
pub(super) struct Bars {
    title: String,
    /// Names and styles of the kinds.
    kinds: Vec<(&'static str, &'static str)>,
    bars: Vec<Bar>,
    ticks: Vec<Tick>,
    width: f64,
    height: f64,
    left: f64,
}

struct Bar {
    label: Option<String>,
    middle: f64,
    parts: Vec<Part>,
    tip: String,
}

struct Part {
    class: &'static str,
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

struct Tick {
    y: f64,
    label: u64,
}

impl Bars {
    /// Bars of the columns; `kinds` are names and styles from the bottom up.
    pub(super) fn new(title: &str, kinds: &[(&'static str, &'static str)], columns: &[Column]) -> Bars {
        let sum = |column: &Column| column.counts.iter().fold(0u64, |sum, count| sum.saturating_add(*count));
        let top = ceiling(columns.iter().map(sum).max().unwrap_or(0));
        let scale = HEIGHT / top as f64;
        let step = (WIDTH - LEFT) / columns.len().max(1) as f64;
        let every = columns.len().div_ceil(LABELS_MOST).max(1);
        let bar = |(place, column): (usize, &Column)| {
            let x = LEFT + step * place as f64 + step * 0.15;
            let mut y = HEIGHT;
            let parts = column.counts.iter().zip(kinds).filter(|(count, _)| **count > 0).map(
                |(count, (_, class))| {
                    let height = *count as f64 * scale;
                    y -= height;
                    Part { class, x, y, width: step * 0.7, height }
                },
            );
            let parts = parts.collect();
            let told = column.counts.iter().zip(kinds).map(|(count, (name, _))| format!("{name} {count}"));
            let tip = format!("{}: {}", column.label, told.collect::<Vec<_>>().join(", "));
            let label = place.is_multiple_of(every).then(|| column.label.clone());
            Bar { label, middle: x + step * 0.35, parts, tip }
        };
        Bars {
            title: title.to_owned(),
            kinds: kinds.to_vec(),
            bars: columns.iter().enumerate().map(bar).collect(),
            ticks: [0, top / 2, top].map(|label| Tick { y: HEIGHT - label as f64 * scale, label }).into(),
            width: WIDTH,
            height: HEIGHT,
            left: LEFT,
        }
    }
}

/// The next round even number, so that the scale has a whole middle.
fn ceiling(most: u64) -> u64 {
    let unit = 10u64.saturating_pow(most.max(1).ilog10());
    [1, 2, 4, 6, 10].into_iter().map(|n| n * unit).find(|round| *round >= most).unwrap_or(most).max(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_fill_their_height_and_no_more() {
        let columns =
            [(0, 0), (3, 1), (7, 0)].map(|(a, b)| Column { label: "<b>".into(), counts: vec![a, b] });
        let plot = Bars::new("t", &[("a", "one"), ("b", "two")], &columns);
        assert_eq!(plot.bars.iter().map(|bar| bar.parts.len()).collect::<Vec<_>>(), [0, 2, 1]);
        for part in plot.bars.iter().flat_map(|bar| &bar.parts) {
            assert!(part.y >= 0.0 && part.y + part.height <= HEIGHT + 1e-6 && part.x + part.width <= WIDTH);
        }
        assert!(!plot.render().unwrap().contains("<b>"), "labels are escaped");
        assert!(Bars::new("t", &[], &[]).bars.is_empty());
    }

    #[test]
    fn scales_end_at_round_numbers() {
        assert_eq!([0, 1, 2, 3, 7, 10, 11, 99, 640].map(ceiling), [2, 2, 2, 4, 10, 10, 20, 100, 1000]);
    }
}

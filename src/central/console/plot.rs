//! Plots as SVG, made here: stacked bars with their numbers in a table below, and beams in the rows of a table, so
//! that nothing is said by the picture alone. Colours come from the style sheet, since the page's policy allows no
//! inline style.

use askama::Template;

/// Width of a plot in its own units.
const WIDTH: f64 = 420.0;
/// Height of the bars in the same units.
const HEIGHT: f64 = 110.0;
/// Room for the scale at the left.
const LEFT: f64 = 32.0;
/// Width of a letter below the bars on the smallest screen, and of the space between two labels.
const LETTER: f64 = 5.4;
const BETWEEN: f64 = 6.0;

/// What is counted, one number for each kind, in the order of the kinds.
pub(super) struct Column {
    /// Stands below the bar.
    pub(super) label: String,
    /// One for each kind; none where the count is not told, which is then not drawn either.
    pub(super) counts: Vec<Option<u64>>,
}

/// A bar in a row of a table whose number stands beside it: parts from the left, in hundredths of the row.
#[derive(Template)]
#[template(path = "beam.html")]
pub(super) struct Beam {
    parts: Vec<(&'static str, f64, f64)>,
}

impl Beam {
    /// One part after the other, each up to where it ends, of a row that is `most` long.
    pub(super) fn new(ends: &[(&'static str, u64)], most: u64) -> Beam {
        let mut from = 0.0;
        let part = |(class, end): &(&'static str, u64)| {
            let to = (*end as f64 * 100.0 / most.max(1) as f64).clamp(from, 100.0);
            let part = (*class, from, to - from);
            from = to;
            part
        };
        Beam { parts: ends.iter().map(part).collect() }
    }
}

/// Stacked bars.
#[derive(Template)]
#[template(path = "plot.html")]
pub(super) struct Bars {
    /// What is plotted.
    pub(super) title: String,
    /// Names and styles of the kinds.
    kinds: Vec<(&'static str, &'static str)>,
    /// The same in numbers: label and one text for each kind.
    numbers: Vec<(String, Vec<String>)>,
    bars: Vec<Bar>,
    /// Whether there is anything to be seen.
    drawn: bool,
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
        let sum = |column: &Column| {
            column.counts.iter().flatten().fold(0u64, |sum, count| sum.saturating_add(*count))
        };
        let top = ceiling(columns.iter().map(sum).max().unwrap_or(0));
        let scale = HEIGHT / top as f64;
        let step = (WIDTH - LEFT) / columns.len().max(1) as f64;
        // As many labels as have room.
        let longest = columns.iter().map(|column| column.label.chars().count()).max().unwrap_or(0);
        let every = ((longest as f64 * LETTER + BETWEEN) / step).ceil().max(1.0) as usize;
        let bar = |(place, column): (usize, &Column)| {
            let x = LEFT + step * place as f64 + step * 0.15;
            let mut y = HEIGHT;
            let drawn = column.counts.iter().zip(kinds).filter_map(|(count, kind)| Some(((*count)?, kind)));
            let parts = drawn.filter(|(count, _)| *count > 0).map(|(count, (_, class))| {
                let height = count as f64 * scale;
                y -= height;
                Part { class, x, y, width: step * 0.7, height }
            });
            let parts = parts.collect();
            let said = column.counts.iter().zip(kinds).map(|(n, (name, _))| format!("{name} {}", told(*n)));
            let tip = format!("{}: {}", column.label, said.collect::<Vec<_>>().join(", "));
            let label = place.is_multiple_of(every).then(|| column.label.clone());
            Bar { label, middle: x + step * 0.35, parts, tip }
        };
        let bars: Vec<Bar> = columns.iter().enumerate().map(bar).collect();
        Bars {
            drawn: bars.iter().any(|bar| !bar.parts.is_empty()),
            title: title.to_owned(),
            kinds: kinds.to_vec(),
            numbers: columns
                .iter()
                .map(|column| (column.label.clone(), column.counts.iter().copied().map(told).collect()))
                .collect(),
            bars,
            ticks: [0, top / 2, top].map(|label| Tick { y: HEIGHT - label as f64 * scale, label }).into(),
            width: WIDTH,
            height: HEIGHT,
            left: LEFT,
        }
    }
}

/// A count as shown; a dash where it is not told.
pub(super) fn told(count: Option<u64>) -> String {
    count.map_or_else(|| "—".to_owned(), |count| count.to_string())
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
        let columns = [(Some(0), None), (Some(3), Some(1)), (Some(7), None)]
            .map(|(a, b)| Column { label: "<b>".into(), counts: vec![a, b] });
        let plot = Bars::new("t", &[("a", "one"), ("b", "two")], &columns);
        assert_eq!(plot.bars.iter().map(|bar| bar.parts.len()).collect::<Vec<_>>(), [0, 2, 1]);
        for part in plot.bars.iter().flat_map(|bar| &bar.parts) {
            assert!(part.y >= 0.0 && part.y + part.height <= HEIGHT + 1e-6 && part.x + part.width <= WIDTH);
        }
        let drawn = plot.render().unwrap();
        assert!(!drawn.contains("<b>"), "labels are escaped");
        assert_eq!(drawn.matches("<td class=\"number\">—</td>").count(), 2, "what is hidden is said to be");
        assert!(Bars::new("t", &[], &[]).bars.is_empty());
    }

    #[test]
    fn beams_end_where_their_numbers_say_and_never_beyond_the_row() {
        let beam = Beam::new(&[("a", 20), ("b", 50), ("c", 40), ("d", 900)], 100);
        assert_eq!(beam.parts, [("a", 0.0, 20.0), ("b", 20.0, 30.0), ("c", 50.0, 0.0), ("d", 50.0, 50.0)]);
        assert_eq!(Beam::new(&[("a", 0)], 0).parts, [("a", 0.0, 0.0)]);
    }

    #[test]
    fn scales_end_at_round_numbers() {
        assert_eq!([0, 1, 2, 3, 7, 10, 11, 99, 640].map(ceiling), [2, 2, 2, 4, 10, 10, 20, 100, 1000]);
    }
}

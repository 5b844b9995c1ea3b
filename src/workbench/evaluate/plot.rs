//! Error rates as a picture: DET curve (ISO/IEC 19795-1 §9, both axes logarithmic) beside the histogram of scores.
//!
//! In: curves and scores. Out: SVG as text, readable without colour: curves are labelled, the histogram's parts
//! named with their counts.

use super::rates::Point;
use super::table::grouped;
use anyhow::{Result, anyhow};
use plotters::chart::SeriesLabelPosition;
use plotters::coord::Shift;
use plotters::prelude::*;

/// Width and height of the picture, SVG units.
const SIZE: (u32, u32) = (1240, 560);
/// Bars of a histogram.
const BARS: usize = 60;
/// Rates below this are drawn at it.
const RATE_LEAST: f64 = 1e-6;
/// Points of a curve nearer than this part of both rates are one point to the eye.
const NEAR: f64 = 0.003;
/// Told apart with the common colour vision deficiencies, too (Okabe and Ito).
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(120, 120, 120),
];

/// What is drawn.
pub(super) struct Plot {
    pub(super) title: String,
    /// Name of the rate of unwanted scores taken.
    pub(super) across: &'static str,
    /// Name of the rate of wanted scores missed.
    pub(super) up: &'static str,
    pub(super) curves: Vec<Curve>,
    /// Name of the score.
    pub(super) score: &'static str,
    pub(super) histograms: Vec<Histogram>,
    /// Lines in the histogram.
    pub(super) thresholds: Vec<(String, f32)>,
}

/// One trade-off curve.
pub(super) struct Curve {
    pub(super) label: String,
    pub(super) points: Vec<Point>,
}

/// Scores of one kind.
pub(super) struct Histogram {
    pub(super) label: String,
    pub(super) values: Vec<f32>,
}

impl Plot {
    /// The picture as SVG.
    pub(super) fn svg(&self) -> Result<String> {
        let mut text = String::new();
        self.draw(SVGBackend::with_string(&mut text, SIZE))
            .map_err(|e| anyhow!("the plot cannot be drawn: {e}"))?;
        Ok(text)
    }

    fn draw<B: DrawingBackend>(&self, backend: B) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let area = backend.into_drawing_area();
        area.fill(&WHITE)?;
        let area = area.titled(&self.title, ("sans-serif", 22))?;
        let (left, right) = area.split_horizontally(SIZE.0 / 2);
        self.curves(&left)?;
        self.histograms(&right)?;
        area.present()
    }

    fn curves<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let least = |of: fn(&Point) -> f64| {
            let all = self.curves.iter().flat_map(|curve| &curve.points).map(of).filter(|rate| *rate > 0.0);
            decade_below(all.fold(0.1, f64::min))
        };
        let (least_taken, least_missed) = (least(|point| point.taken), least(|point| point.missed));
        let mut chart = ChartBuilder::on(area)
            .margin(14)
            .x_label_area_size(46)
            .y_label_area_size(84)
            .build_cartesian_2d((least_taken..1.0).log_scale(), (least_missed..1.0).log_scale())?;
        chart
            .configure_mesh()
            .x_desc(self.across)
            .y_desc(self.up)
            .x_label_formatter(&|rate| tick(*rate))
            .y_label_formatter(&|rate| tick(*rate))
            .light_line_style(BLACK.mix(0.06))
            .bold_line_style(BLACK.mix(0.18))
            .label_style(("sans-serif", 13))
            .axis_desc_style(("sans-serif", 15))
            .draw()?;
        // Where no curve passes: poor detectors bend through the upper right.
        let half = |least: f64, rate: f64| rate > least.sqrt();
        let upper_right = |point: &Point| half(least_taken, point.taken) && half(least_missed, point.missed);
        let crowded = self.curves.iter().flat_map(|curve| &curve.points).any(upper_right);
        let legend = if crowded { SeriesLabelPosition::LowerLeft } else { SeriesLabelPosition::UpperRight };
        for (place, curve) in self.curves.iter().enumerate() {
            let colour = colour(place);
            let points = thinned(&curve.points, least_taken, least_missed);
            chart
                .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
                .label(curve.label.clone())
                .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], colour.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .position(legend)
            .background_style(WHITE.mix(0.85))
            .label_font(("sans-serif", 14))
            .draw()
    }

    fn histograms<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let finite = || self.histograms.iter().flat_map(|h| &h.values).copied().filter(|v| v.is_finite());
        let low = f64::from(finite().fold(f32::INFINITY, f32::min)).min(0.0);
        let high = f64::from(finite().fold(f32::NEG_INFINITY, f32::max)).max(low + 0.1);
        let step = (high - low) / BARS as f64;
        let shares: Vec<Vec<f64>> = self.histograms.iter().map(|h| shares(&h.values, low, step)).collect();
        let top = shares.iter().flatten().copied().fold(0.01, f64::max) * 1.35;
        let mut chart = ChartBuilder::on(area)
            .margin(14)
            .x_label_area_size(46)
            .y_label_area_size(64)
            .build_cartesian_2d(low..high, 0.0..top)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_desc(self.score)
            .y_desc("part of the scores")
            .x_label_formatter(&|value| format!("{value:.2}"))
            .y_label_formatter(&|share| format!("{:.0} %", share * 100.0))
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.12))
            .label_style(("sans-serif", 13))
            .axis_desc_style(("sans-serif", 15))
            .draw()?;
        for (place, (histogram, shares)) in self.histograms.iter().zip(&shares).enumerate() {
            let colour = colour(place);
            let bars = shares.iter().enumerate().filter(|(_, share)| **share > 0.0).map(|(bar, share)| {
                let left = low + bar as f64 * step;
                Rectangle::new([(left, 0.0), (left + step, *share)], colour.mix(0.5).filled())
            });
            chart
                .draw_series(bars)?
                .label(format!("{} ({})", histogram.label, grouped(histogram.values.len())))
                .legend(move |(x, y)| {
                    Rectangle::new([(x, y - 5), (x + 18, y + 5)], colour.mix(0.5).filled())
                });
        }
        for (place, (label, threshold)) in self.thresholds.iter().enumerate() {
            let at = f64::from(*threshold);
            if !(low..=high).contains(&at) {
                continue;
            }
            // Labels of neighbouring lines stand one below the other.
            let height = top * (0.97 - 0.05 * place as f64);
            let line = PathElement::new(vec![(at, 0.0), (at, height)], BLACK.mix(0.6));
            chart.draw_series(std::iter::once(line))?;
            let text = Text::new(format!(" {label}: {at:.3}"), (at, height), ("sans-serif", 13));
            chart.draw_series(std::iter::once(text))?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.85))
            .label_font(("sans-serif", 14))
            .draw()
    }
}

fn colour(place: usize) -> RGBColor {
    COLOURS.get(place % COLOURS.len()).copied().unwrap_or(BLACK)
}

/// A rate on an axis: "0.01 %", "10 %".
fn tick(rate: f64) -> String {
    format!("{} %", (rate * 1e8).round() / 1e6)
}

/// The power of ten at or below a rate.
fn decade_below(rate: f64) -> f64 {
    10f64.powf(rate.log10().floor()).max(RATE_LEAST)
}

/// A curve with what is below the axes moved onto them, and without points that the eye cannot tell apart.
fn thinned(points: &[Point], least_taken: f64, least_missed: f64) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    let last = points.len().saturating_sub(1);
    for (place, point) in points.iter().enumerate() {
        let (x, y) = (point.taken.max(least_taken), point.missed.max(least_missed));
        let near = |a: f64, b: f64| (a.ln() - b.ln()).abs() < NEAR;
        let same = kept.last().is_some_and(|(px, py)| near(*px, x) && near(*py, y));
        if !same || place == last {
            kept.push((x, y));
        }
    }
    kept
}

/// Part of the values in each bar; what is not finite is in none.
fn shares(values: &[f32], low: f64, step: f64) -> Vec<f64> {
    let mut bars = vec![0.0; BARS];
    for value in values.iter().filter(|value| value.is_finite()) {
        let bar = ((f64::from(*value) - low) / step).floor().max(0.0) as usize;
        if let Some(bar) = bars.get_mut(bar.min(BARS - 1)) {
            *bar += 1.0 / values.len() as f64;
        }
    }
    bars
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: Vec<Point>, values: Vec<f32>) -> Plot {
        Plot {
            title: "Comparison <of> two & more".into(),
            across: "false match rate",
            up: "false non-match rate",
            curves: vec![Curve { label: "gate".into(), points }],
            score: "similarity",
            histograms: vec![Histogram { label: "mated".into(), values }],
            thresholds: vec![("FMR 1e-4".into(), 0.4)],
        }
    }

    /// Tags open and close in turn, and nothing that marks a tag stands in the text.
    fn well_formed(svg: &str) -> bool {
        let mut open = Vec::new();
        for part in svg.split('<').skip(1) {
            let Some((tag, text)) = part.split_once('>') else { return false };
            let name: String = tag.chars().take_while(|c| !c.is_whitespace() && *c != '/').collect();
            let entities = text.split('&').skip(1).all(|rest| {
                ["lt;", "gt;", "amp;", "quot;", "apos;"].iter().any(|entity| rest.starts_with(entity))
            });
            if tag.starts_with(['?', '!']) || tag.ends_with('/') {
            } else if let Some(closed) = tag.strip_prefix('/') {
                if open.pop().as_deref() != Some(closed.trim()) {
                    return false;
                }
            } else {
                open.push(name);
            }
            if !entities {
                return false;
            }
        }
        open.is_empty()
    }

    #[test]
    fn the_picture_is_well_formed_and_has_its_labels() {
        let point = |taken, missed| Point { taken, missed };
        let points = vec![point(0.0, 1.0), point(0.0, 0.2), point(0.01, 0.05), point(1.0, 0.0)];
        let svg = plot(points, vec![0.1, 0.5, 0.9]).svg().unwrap();
        assert!(well_formed(&svg), "{svg}");
        for label in
            ["false match rate", "false non-match rate", "similarity", "gate", "mated (3)", "FMR 1e-4"]
        {
            assert!(svg.contains(label), "{label}");
        }
        assert!(svg.contains("Comparison &lt;of&gt; two &amp; more"));
    }

    #[test]
    fn nothing_at_all_and_what_is_not_finite_can_be_drawn() {
        for values in [vec![], vec![f32::NAN, f32::NEG_INFINITY], vec![0.5]] {
            assert!(well_formed(&plot(vec![], values).svg().unwrap()));
        }
    }

    #[test]
    fn a_curve_of_many_points_keeps_its_ends() {
        let n = 100_000;
        let points: Vec<Point> = (0..=n)
            .map(|k| Point { taken: k as f64 / n as f64, missed: 1.0 - k as f64 / n as f64 })
            .collect();
        let thin = thinned(&points, 1e-5, 1e-5);
        assert!(thin.len() < 6000, "{}", thin.len());
        assert_eq!(thin.first(), Some(&(1e-5, 1.0)));
        assert_eq!(thin.last(), Some(&(1.0, 1e-5)));
    }
}

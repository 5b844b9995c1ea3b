//! Results for people: aligned columns, rates in per cent with their intervals.

use super::interval::Interval;
use std::fmt;

/// Rows of equal length under a header; the first column is words, the others are numbers.
#[derive(Debug, Default)]
pub(in crate::workbench) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with its header.
    pub(in crate::workbench) fn new<const N: usize>(header: [&str; N]) -> Table {
        Table { rows: vec![header.map(str::to_owned).to_vec()] }
    }

    /// One more row.
    pub(in crate::workbench) fn row<const N: usize>(&mut self, fields: [String; N]) {
        self.rows.push(fields.to_vec());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |place: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(place))
                .map(|field| field.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::from("  ");
            for (place, (field, width)) in row.iter().zip(&widths).enumerate() {
                line += &if place == 0 { format!("{field:<width$}") } else { format!("   {field:>width$}") };
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// "1.68 %"; small rates keep two digits that count.
pub(in crate::workbench) fn percent(rate: f64) -> String {
    let in_hundred = rate * 100.0;
    let digits = if in_hundred == 0.0 || in_hundred >= 0.1 {
        2
    } else {
        // One in a million is .0001 %: as many digits as it takes, within reason.
        (1.0 - in_hundred.log10().floor()).clamp(2.0, 8.0) as usize
    };
    format!("{in_hundred:.digits$} %")
}

/// "0.85–2.55 %", or a dash where nothing can be said.
pub(in crate::workbench) fn between(interval: Option<Interval>) -> String {
    match interval {
        Some([low, high]) => format!("{:.2}–{:.2} %", low * 100.0, high * 100.0),
        None => "–".to_owned(),
    }
}

/// "955", "582,550".
pub(in crate::workbench) fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_words_left_numbers_right() {
        let mut table = Table::new(["kind", "n", "APCER"]);
        table.row(["print".into(), "200".into(), percent(0.015)]);
        table.row(["a mask".into(), "5".into(), percent(0.0)]);
        assert_eq!(
            table.to_string(),
            "  kind       n    APCER\n  print    200   1.50 %\n  a mask     5   0.00 %\n"
        );
    }

    #[test]
    fn rates_are_said_in_per_cent_with_digits_that_count() {
        let said: Vec<String> = [0.0, 1.0, 0.0168, 1e-4, 1.03e-6].map(percent).to_vec();
        assert_eq!(said, ["0.00 %", "100.00 %", "1.68 %", "0.010 %", "0.00010 %"]);
        assert_eq!(between(Some([0.0085, 0.0255])), "0.85–2.55 %");
        assert_eq!([999, 1000, 582_550].map(grouped), ["999", "1,000", "582,550"]);
    }
}

//! How a camera shall expose and see white, as far as it lets itself be told.
//!
//! Hints, no orders: a camera without the control films on, and the face room's quality checks say what came of
//! it. Control numbers and values: Linux media userspace API, "User Controls" and "Camera Control Reference".

use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Exposure times that can be asked for, microseconds.
const EXPOSURE_US: RangeInclusive<u32> = 100..=200_000;
/// Colour temperatures that can be asked for, kelvin.
const KELVIN: RangeInclusive<u32> = 2_000..=10_000;

/// What the camera is told when it is opened. Everything left out stays as the camera has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImagingHints {
    /// Exposure.
    pub exposure: Option<Exposure>,
    /// White balance.
    pub white_balance: Option<WhiteBalance>,
    /// Frequency of the mains whose lamps flicker.
    pub mains: Option<Mains>,
}

/// Exposure: `exposure = "auto"` or `exposure = { fixed_us = 10000 }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exposure {
    /// The camera sets it, but keeps the frame rate in the dark.
    Auto,
    /// This many microseconds, for gates with lamps of their own.
    #[serde(rename = "fixed_us")]
    Fixed(u32),
}

/// White balance: `white_balance = "auto"` or `white_balance = { kelvin = 4600 }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhiteBalance {
    /// The camera sets it.
    Auto,
    /// This colour temperature.
    Kelvin(u32),
}

/// Frequency of the mains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mains {
    /// 50 Hz.
    #[serde(rename = "50hz")]
    Hertz50,
    /// 60 Hz.
    #[serde(rename = "60hz")]
    Hertz60,
}

/// One control to set: its number, and values in order of preference, of which the first that the camera takes
/// counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// V4L2's number.
    pub id: u32,
    /// Values.
    pub values: Vec<i64>,
}

const POWER_LINE_FREQUENCY: u32 = 0x0098_0918;
const AUTO_WHITE_BALANCE: u32 = 0x0098_090C;
const WHITE_BALANCE_TEMPERATURE: u32 = 0x0098_091A;
const EXPOSURE_AUTO: u32 = 0x009A_0901;
const EXPOSURE_ABSOLUTE: u32 = 0x009A_0902;
const EXPOSURE_AUTO_PRIORITY: u32 = 0x009A_0903;

/// Values of [`EXPOSURE_AUTO`]: USB cameras know manual and aperture priority alone.
const EXPOSURE_IS_AUTO: i64 = 0;
const EXPOSURE_IS_MANUAL: i64 = 1;
const EXPOSURE_IS_APERTURE_PRIORITY: i64 = 3;

impl ImagingHints {
    /// The controls in the order in which they must be set: a value counts only once its automatic is off.
    pub fn controls(&self) -> Vec<Control> {
        let mut controls = Vec::new();
        let mut set = |id, values: &[i64]| controls.push(Control { id, values: values.to_vec() });
        match self.exposure {
            Some(Exposure::Auto) => {
                set(EXPOSURE_AUTO, &[EXPOSURE_IS_APERTURE_PRIORITY, EXPOSURE_IS_AUTO]);
                set(EXPOSURE_AUTO_PRIORITY, &[0]);
            }
            Some(Exposure::Fixed(microseconds)) => {
                set(EXPOSURE_AUTO, &[EXPOSURE_IS_MANUAL]);
                set(EXPOSURE_ABSOLUTE, &[i64::from(within(microseconds, EXPOSURE_US) / 100)]);
            }
            None => {}
        }
        match self.white_balance {
            Some(WhiteBalance::Auto) => set(AUTO_WHITE_BALANCE, &[1]),
            Some(WhiteBalance::Kelvin(kelvin)) => {
                set(AUTO_WHITE_BALANCE, &[0]);
                set(WHITE_BALANCE_TEMPERATURE, &[i64::from(within(kelvin, KELVIN))]);
            }
            None => {}
        }
        match self.mains {
            Some(Mains::Hertz50) => set(POWER_LINE_FREQUENCY, &[1]),
            Some(Mains::Hertz60) => set(POWER_LINE_FREQUENCY, &[2]),
            None => {}
        }
        controls
    }
}

fn within(value: u32, bounds: RangeInclusive<u32>) -> u32 {
    value.clamp(*bounds.start(), *bounds.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_automatic_is_switched_off_before_its_value_is_set() {
        let hints: ImagingHints = toml::from_str(
            "exposure = { fixed_us = 8000 }\nwhite_balance = { kelvin = 4600 }\nmains = \"50hz\"",
        )
        .unwrap();
        let told: Vec<(u32, Vec<i64>)> = hints.controls().into_iter().map(|c| (c.id, c.values)).collect();
        let wanted = [
            (0x009A_0901, vec![1]),
            (0x009A_0902, vec![80]),
            (0x0098_090C, vec![0]),
            (0x0098_091A, vec![4_600]),
            (0x0098_0918, vec![1]),
        ];
        assert_eq!(told, wanted);
    }

    #[test]
    fn automatic_exposure_keeps_the_frame_rate() {
        let hints: ImagingHints = toml::from_str("exposure = \"auto\"\nwhite_balance = \"auto\"").unwrap();
        assert_eq!(hints.controls()[1], Control { id: EXPOSURE_AUTO_PRIORITY, values: vec![0] });
    }

    #[test]
    fn nothing_said_is_nothing_told() {
        assert!(ImagingHints::default().controls().is_empty());
    }
}

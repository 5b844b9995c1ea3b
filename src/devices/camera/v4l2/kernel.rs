//! The system calls, and nothing else. Not yet run on a camera.

use super::{Buffer, CaptureDevice, Mode, PixelFormat};
use std::io;
use std::mem;
use std::time::Duration;
use v4l::buffer::{Flags, Type};
use v4l::control::{Control, Value};
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::FrameSizeEnum;
use v4l::io::mmap::Stream;
use v4l::io::traits::{CaptureStream, Stream as _};
use v4l::video::Capture;
use v4l::video::capture::Parameters;
use v4l::{Device, Format, FourCC, Fraction};

/// Buffers that the driver fills in turn; the newest is taken at once, so few are enough.
const BUFFERS: u32 = 3;
/// Modes of one camera at most.
const MODES_MOST: usize = 1_024;
/// Sizes that cameras with a continuous range of sizes are asked for.
const COMMON_SIZES: [(u32, u32); 4] = [(640, 480), (1280, 720), (1920, 1080), (2560, 1440)];

/// One open camera.
pub(super) struct KernelDevice {
    device: Device,
    stream: Option<Stream<'static>>,
}

impl KernelDevice {
    pub(super) fn open(path: &str) -> io::Result<Self> {
        let device = Device::with_path(path)?;
        let flags = device.query_caps()?.capabilities;
        let needed = v4l::capability::Flags::VIDEO_CAPTURE | v4l::capability::Flags::STREAMING;
        if !flags.contains(needed) {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "no camera that streams"));
        }
        Ok(KernelDevice { device, stream: None })
    }

    fn rates(&self, four: FourCC, width: u32, height: u32) -> Vec<f64> {
        // A camera that does not list its rates films at the one that it has.
        let Ok(intervals) = self.device.enum_frameintervals(four, width, height) else {
            return vec![RATE_UNSAID];
        };
        intervals
            .into_iter()
            .map(|interval| match interval.interval {
                FrameIntervalEnum::Discrete(interval) => rate(interval),
                FrameIntervalEnum::Stepwise(steps) => rate(steps.min),
            })
            .collect()
    }
}

/// Taken for the rate of a camera that does not say it: no reason to prefer or avoid it.
const RATE_UNSAID: f64 = 25.0;

fn rate(interval: Fraction) -> f64 {
    f64::from(interval.denominator) / f64::from(interval.numerator.max(1))
}

impl CaptureDevice for KernelDevice {
    fn modes(&mut self) -> io::Result<Vec<Mode>> {
        let mut modes = Vec::new();
        for described in self.device.enum_formats()? {
            let four = described.fourcc;
            let Some(format) = PixelFormat::from_four_characters(four.repr) else { continue };
            let sizes = self.device.enum_framesizes(four)?.into_iter().flat_map(|size| match size.size {
                FrameSizeEnum::Discrete(size) => vec![(size.width, size.height)],
                FrameSizeEnum::Stepwise(steps) => COMMON_SIZES
                    .into_iter()
                    .filter(|(width, height)| {
                        (steps.min_width..=steps.max_width).contains(width)
                            && (steps.min_height..=steps.max_height).contains(height)
                    })
                    .collect(),
            });
            for (width, height) in sizes {
                let rates = self.rates(four, width, height).into_iter();
                modes.extend(rates.map(|frames_per_second| Mode {
                    format,
                    width,
                    height,
                    frames_per_second,
                }));
            }
        }
        modes.truncate(MODES_MOST);
        Ok(modes)
    }

    fn set_mode(&mut self, mode: Mode) -> io::Result<(Mode, usize)> {
        let four = FourCC::new(&mode.format.four_characters());
        let set = self.device.set_format(&Format::new(mode.width, mode.height, four))?;
        let format = PixelFormat::from_four_characters(set.fourcc.repr)
            .ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, format!("went to {}", set.fourcc)))?;
        // Rates are wishes: a driver that cannot be told keeps its own.
        let wished = Parameters::with_fps(mode.frames_per_second.round().clamp(1.0, 240.0) as u32);
        let frames_per_second =
            self.device.set_params(&wished).map_or(mode.frames_per_second, |params| rate(params.interval));
        Ok((Mode { format, width: set.width, height: set.height, frames_per_second }, set.stride as usize))
    }

    fn set_control(&mut self, id: u32, value: i64) -> io::Result<()> {
        self.device.set_control(Control { id, value: Value::Integer(value) })
    }

    fn dequeue(&mut self, patience: Duration) -> io::Result<Option<Buffer>> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => none.insert(Stream::with_buffers(&self.device, Type::VideoCapture, BUFFERS)?),
        };
        stream.set_timeout(patience.clamp(Duration::from_millis(1), Duration::from_secs(60)));
        match stream.next() {
            Ok((bytes, about)) => {
                let filled = bytes.get(..about.bytesused as usize).unwrap_or(bytes);
                let damaged = about.flags.contains(Flags::ERROR);
                let age = if about.flags.contains(Flags::TIMESTAMP_MONOTONIC) {
                    since_boot().saturating_sub(about.timestamp.into())
                } else {
                    Duration::ZERO
                };
                Ok((!damaged).then(|| Buffer { bytes: filled.to_vec(), age }))
            }
            // The library has queued the buffer again by now only when one came: the stream is begun anew.
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                self.stop();
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

impl KernelDevice {
    /// Ends the stream. The library panics when a stream that it drops cannot be stopped, as one of a camera that
    /// was pulled out: such a stream is left to the end of the process.
    fn stop(&mut self) {
        if let Some(mut stream) = self.stream.take()
            && stream.stop().is_err()
        {
            mem::forget(stream);
        }
    }
}

impl Drop for KernelDevice {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The monotonic clock, in which drivers say when a buffer was filled.
fn since_boot() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::new(now.tv_sec.try_into().unwrap_or(0), now.tv_nsec.try_into().unwrap_or(0))
}

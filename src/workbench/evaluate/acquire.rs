//! From pictures to findings, by the engine of the gate, on all cores.
//!
//! Each worker owns an engine of its own, which it starts when it meets the first picture that the cache does not
//! know. A picture that cannot be decoded, that shows no face, or one that the engine refuses is a *failure to
//! acquire* (ISO/IEC 19795-1 §3): it is reported and left out of the rates. A runtime or model that fails is no
//! property of a picture and ends the evaluation.

use super::EngineArgs;
use super::cache::{self, Cache};
use crate::chip::{Media, Portrait};
use crate::face::{self, FaceEngine, FaceError, Template};
use anyhow::{Context, Result};
use image::RgbImage;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A picture's file is not larger.
const FILE_BYTES_MOST: u64 = 64 << 20;
/// Workers beyond this are not of use to one machine.
const WORKERS_MOST: usize = 256;

/// Which of the gate's two ways a picture goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::workbench) enum Way {
    /// The chip's portrait: [`FaceEngine::reference`]; one of several people by the most prominent, and marked.
    Portrait,
    /// A camera frame: [`FaceEngine::analyse`].
    Frame,
}

/// One picture to look at.
#[derive(Debug, Clone)]
pub(in crate::workbench) struct Order {
    pub(in crate::workbench) path: PathBuf,
    pub(in crate::workbench) way: Way,
    /// Left and right exchanged before the engine sees it.
    pub(in crate::workbench) mirrored: bool,
}

/// The face that was found in a picture.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(in crate::workbench) struct Seen {
    pub(in crate::workbench) template: Template,
    /// Five points, pixels of the picture.
    pub(in crate::workbench) landmarks: [[f32; 2]; 5],
    /// Attack score of a frame; `None` for a portrait.
    pub(in crate::workbench) attack: Option<f32>,
    /// The gate would refuse this portrait: it shows several faces of like size.
    pub(in crate::workbench) several: bool,
}

/// The face, or why there is none.
pub(in crate::workbench) type Acquired = Result<Seen, String>;

impl Order {
    /// Under which name the finding is cached beside the picture's hash.
    fn name(&self) -> &'static str {
        match (self.way, self.mirrored) {
            (Way::Portrait, false) => "portrait",
            (Way::Portrait, true) => "portrait-mirrored",
            (Way::Frame, false) => "frame",
            (Way::Frame, true) => "frame-mirrored",
        }
    }
}

/// Looks at all pictures; answers in the order of the orders.
pub(in crate::workbench) fn acquire(orders: &[Order], settings: &EngineArgs) -> Result<Vec<Acquired>> {
    let cache = settings.cache()?;
    let workers = settings.threads().min(orders.len()).clamp(1, WORKERS_MOST);
    let (next, bar) = (AtomicUsize::new(0), progress(orders.len()));
    let work = || -> Result<Vec<(usize, Acquired)>> {
        let mut engine = None;
        let mut done = Vec::new();
        while let Some((place, order)) = {
            let place = next.fetch_add(1, Ordering::Relaxed);
            orders.get(place).map(|order| (place, order))
        } {
            let acquired = one(order, &mut engine, cache.as_ref(), settings);
            if acquired.is_err() {
                // The others need not go on: the evaluation has failed.
                next.store(orders.len(), Ordering::Relaxed);
            }
            done.push((place, acquired?));
            bar.inc(1);
        }
        Ok(done)
    };
    let mut found = std::thread::scope(|scope| -> Result<Vec<(usize, Acquired)>> {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let mut all = Vec::with_capacity(orders.len());
        for thread in threads {
            let done = thread.join().map_err(|_| anyhow::anyhow!("a worker of the evaluation panicked"))?;
            all.extend(done?);
        }
        Ok(all)
    })?;
    bar.finish_and_clear();
    found.sort_by_key(|(place, _)| *place);
    Ok(found.into_iter().map(|(_, acquired)| acquired).collect())
}

fn one(
    order: &Order,
    engine: &mut Option<FaceEngine>,
    cache: Option<&Cache>,
    settings: &EngineArgs,
) -> Result<Acquired> {
    let bytes = match read(&order.path) {
        Ok(bytes) => bytes,
        Err(why) => return Ok(Err(why)),
    };
    let name = cache::name_of(&bytes);
    if let Some(found) = cache.and_then(|cache| cache.get(&name, order.name())) {
        return Ok(found);
    }
    let engine = match engine {
        Some(engine) => engine,
        None => engine.insert(settings.engine()?),
    };
    let found = match decode(&bytes) {
        Ok(picture) => {
            look(engine, order, &picture).with_context(|| format!("looking at {}", order.path.display()))?
        }
        Err(why) => Err(why),
    };
    if let Some(cache) = cache {
        cache.put(&name, order.name(), &found)?;
    }
    Ok(found)
}

/// What the engine finds. What it says about the picture is an answer, what it says about itself an error.
fn look(engine: &mut FaceEngine, order: &Order, picture: &RgbImage) -> Result<Acquired> {
    let mirrored;
    let picture = if order.mirrored {
        mirrored = image::imageops::flip_horizontal(picture);
        &mirrored
    } else {
        picture
    };
    let seen = match order.way {
        Way::Portrait => match portrait(engine, picture) {
            // Press photographs show bystanders, and their rates shall not be those of tidy ones alone.
            Err(FaceError::SeveralFaces(_)) => {
                frame(engine, picture).map(|seen| Seen { attack: None, several: true, ..seen })
            }
            other => other,
        },
        Way::Frame => frame(engine, picture),
    };
    match seen {
        Ok(seen) => Ok(Ok(seen)),
        Err(why @ (FaceError::NoFace | FaceError::ImageSize { .. } | FaceError::Output { .. })) => {
            Ok(Err(why.to_string()))
        }
        Err(broken) => Err(broken.into()),
    }
}

fn portrait(engine: &mut FaceEngine, picture: &RgbImage) -> Result<Seen, FaceError> {
    let found = engine.reference(picture)?;
    Ok(Seen { template: found.template, landmarks: found.landmarks, attack: None, several: false })
}

fn frame(engine: &mut FaceEngine, picture: &RgbImage) -> Result<Seen, FaceError> {
    let face = engine.analyse(0, picture)?.traveller.ok_or(FaceError::NoFace)?;
    Ok(Seen { template: face.template, landmarks: face.landmarks, attack: face.attack, several: false })
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let size = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
    if size > FILE_BYTES_MOST {
        return Err(format!("{size} bytes are more than the {FILE_BYTES_MOST} that are read"));
    }
    std::fs::read(path).map_err(|e| e.to_string())
}

/// A picture in RGB: a camera's JPEG or PNG, or a chip's JPEG 2000, each decoded as at the gate.
pub(in crate::workbench) fn decode(bytes: &[u8]) -> Result<RgbImage, String> {
    match Media::of(bytes) {
        Some(media @ Media::Jpeg2000) => {
            Portrait { media, bytes: bytes.to_vec() }.decode().map_err(|e| e.to_string())
        }
        _ => face::decode(bytes).map_err(|e| e.to_string()),
    }
}

/// Reads and decodes a picture that must be there.
pub(in crate::workbench) fn open(path: &Path) -> Result<RgbImage> {
    let picture = read(path).and_then(|bytes| decode(&bytes));
    picture.map_err(|why| anyhow::anyhow!("{} cannot be read: {why}", path.display()))
}

/// On standard error, and only where that is a terminal.
pub(in crate::workbench) fn progress(length: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} pictures, {eta} left");
    ProgressBar::new(length as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

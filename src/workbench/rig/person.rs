//! People before the camera, from pictures that set-up fetched.

use crate::devices::camera::StageFrame;
use crate::lane::{Faculties, Film};
use crate::workbench::scenes::{self, Scene, Sitter};
use anyhow::Context;
use image::RgbImage;
use std::path::Path;
use std::sync::{Arc, PoisonError};

/// Frames of an empty cabin: two that differ, so that the camera does not look frozen.
const EMPTY_FRAMES: usize = 2;

/// One picture with the place of its face.
pub struct Person {
    picture: RgbImage,
    face: [f32; 4],
}

impl Person {
    /// Loads a picture from the folder `pictures` under `var`.
    ///
    /// # Errors
    /// Names the picture that is missing or shows no face.
    pub fn load(var: &Path, name: &str, faculties: &Faculties) -> anyhow::Result<Person> {
        let path = var.join("pictures").join(name);
        let picture = image::open(&path)
            .with_context(|| format!("{} (fetched by `make setup`)", path.display()))?
            .into_rgb8();
        let mut engine = faculties.engine.lock().unwrap_or_else(PoisonError::into_inner);
        let face = engine.locate(&picture).with_context(|| format!("{}", path.display()))?;
        Ok(Person { picture, face })
    }

    /// The portrait that a chip would hold, JPEG.
    pub fn portrait(&self) -> Vec<u8> {
        scenes::portrait_jpeg(&self.sitter())
    }

    /// So many frames of a scene with this person, and in some scenes another one; the same for the same seed.
    ///
    /// # Errors
    /// When a frame cannot be encoded.
    pub fn film(
        &self,
        scene: Scene,
        other: Option<&Person>,
        count: usize,
        seed: u64,
    ) -> anyhow::Result<Arc<Vec<StageFrame>>> {
        let other = other.map(Person::sitter);
        staged(&scenes::frames(scene, &self.sitter(), other.as_ref(), count, seed))
    }

    fn sitter(&self) -> Sitter<'_> {
        Sitter { picture: &self.picture, face: self.face }
    }
}

/// What the camera sees between two travellers.
///
/// # Errors
/// When a frame cannot be encoded.
pub fn empty_cabin() -> anyhow::Result<Arc<Vec<StageFrame>>> {
    let nobody = Sitter { picture: &RgbImage::new(1, 1), face: [0.0, 0.0, 1.0, 1.0] };
    staged(&scenes::frames(Scene::Empty, &nobody, None, EMPTY_FRAMES, 0))
}

fn staged(frames: &[RgbImage]) -> anyhow::Result<Arc<Vec<StageFrame>>> {
    let compressed: Result<Vec<StageFrame>, image::ImageError> = frames
        .iter()
        .map(|frame| {
            let film = Film::from_jpeg(0, Film::compress(frame)?)?;
            Ok(StageFrame { jpeg: film.jpeg, picture: film.picture })
        })
        .collect();
    Ok(Arc::new(compressed?))
}

//! Who comes: the holder, a stranger, and nobody.

use super::person::{Person, empty_cabin};
use crate::devices::camera::StageFrame;
use crate::lane::Faculties;
use crate::workbench::scenes::Scene;
use std::path::Path;
use std::sync::Arc;

/// The same frames whenever they are painted.
const SEED: u64 = 1;

/// A film of each, and the portrait in the holder's chip.
#[derive(Clone)]
pub struct Cast {
    /// JPEG.
    pub portrait: Vec<u8>,
    /// The holder in the cabin.
    pub holder: Arc<Vec<StageFrame>>,
    /// Somebody else there.
    pub stranger: Arc<Vec<StageFrame>>,
    /// The empty cabin.
    pub nobody: Arc<Vec<StageFrame>>,
}

impl Cast {
    /// Paints so many frames of each from the pictures under `var`; takes a second for each frame in a build that is
    /// not optimised.
    ///
    /// # Errors
    /// Names the picture that is missing.
    pub fn paint(var: &Path, faculties: &Faculties, frames: usize) -> anyhow::Result<Cast> {
        let film =
            |picture: &str| Person::load(var, picture, faculties)?.film(Scene::Living, None, frames, SEED);
        Ok(Cast {
            portrait: Person::load(var, "obama.jpg", faculties)?.portrait(),
            holder: film("obama3.jpg")?,
            stranger: film("biden.jpg")?,
            nobody: empty_cabin()?,
        })
    }
}

//! The people of the demonstration: official portraits and a NASA picture, fetched at set-up.

use super::scenarios::Presented;
use crate::devices::camera::StageFrame;
use crate::lane::Faculties;
use crate::workbench::rig::Person;
use crate::workbench::scenes::Scene;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Frames of one scene; the camera shows them over and over.
const FRAMES: usize = 16;
/// The same frames whenever the demonstration runs.
const SEED: u64 = 1;

/// Everybody who comes.
pub(super) struct People {
    /// The holder's portrait for the chip, JPEG.
    pub portrait: Vec<u8>,
    holder: Person,
    /// The holder on the photograph and the screen that are held before the camera.
    pictured: Person,
    other: Person,
    /// Scenes that were painted already: painting takes seconds.
    painted: BTreeMap<Presented, Arc<Vec<StageFrame>>>,
}

impl People {
    /// Loads the pictures under `var`.
    ///
    /// # Errors
    /// Names the picture that is missing or shows no face.
    pub(super) fn load(var: &Path, faculties: &Faculties) -> anyhow::Result<People> {
        let enrolled = Person::load(var, "obama.jpg", faculties)?;
        Ok(People {
            portrait: enrolled.portrait(),
            holder: Person::load(var, "obama3.jpg", faculties)?,
            pictured: Person::load(var, "obama2.jpg", faculties)?,
            other: Person::load(var, "biden.jpg", faculties)?,
            painted: BTreeMap::new(),
        })
    }

    /// What the camera sees.
    ///
    /// # Errors
    /// When a frame cannot be encoded.
    pub(super) fn frames(&mut self, presented: Presented) -> anyhow::Result<Arc<Vec<StageFrame>>> {
        if let Some(frames) = self.painted.get(&presented) {
            return Ok(frames.clone());
        }
        let frames = self.paint(presented)?;
        self.painted.insert(presented, frames.clone());
        Ok(frames)
    }

    fn paint(&self, presented: Presented) -> anyhow::Result<Arc<Vec<StageFrame>>> {
        let (scene, person, second) = match presented {
            Presented::Holder => (Scene::Living, &self.holder, None),
            Presented::Other => (Scene::Living, &self.other, None),
            Presented::Print => (Scene::Print, &self.pictured, None),
            Presented::Screen => (Scene::Screen, &self.pictured, None),
            Presented::TwoPersons => (Scene::TwoPersons, &self.holder, Some(&self.other)),
        };
        person.film(scene, second, FRAMES, SEED)
    }
}

//! One person's evidence, from the first frame to the verdict.
//!
//! In: findings of frames, in order. Out: the frames that serve, all of the same person. Whoever is in view is
//! followed from frame to frame by place; a serving frame is taken only when it shows the person of all serving
//! frames before it. When it shows another one, the evidence starts anew with that person, and the change is
//! remembered for ever. When the person in view was lost sight of, nothing counts until a serving frame shows that
//! it is still the same.

use super::{FaceFinding, FrameFindings, Template, compare};
use std::collections::VecDeque;

/// Serving frames that are kept; older ones are forgotten first.
pub(super) const FRAMES_KEPT: usize = 64;

/// Boxes of following frames that share less than this part of their union may be two people's.
const OVERLAP_LEAST: f32 = 0.2;

/// Eyes that moved farther than this from one frame to the next, in eye distances, are blurred by it.
const MOTION_MOST: f32 = 1.0;

/// The person in view and what serves of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Track {
    /// Serving frames of the present person: number and face.
    serving: VecDeque<(u64, FaceFinding)>,
    /// Sum of the present person's templates: who they are, less any single frame's chance.
    person: Vec<f32>,
    /// The face of the last frame.
    last: Option<([f32; 4], [[f32; 2]; 5])>,
    /// Whether the face in view is known to be the present person's.
    in_sight: bool,
    changes: usize,
}

impl Track {
    /// Takes one more frame; `true` when it serves. Two templates from `same` similarity on are one person's.
    pub(super) fn follow(&mut self, findings: FrameFindings, same: f32) -> bool {
        let alone = findings.faces == 1;
        let Some(face) = findings.traveller else {
            (self.last, self.in_sight) = (None, false);
            return false;
        };
        let before = self.last.replace((face.bounds, face.landmarks));
        self.in_sight &= before.is_some_and(|(bounds, _)| overlap(bounds, face.bounds) >= OVERLAP_LEAST);
        let moved = before.is_some_and(|(_, landmarks)| motion(&landmarks, &face.landmarks) > MOTION_MOST);
        if !alone || moved || !serves(&face) {
            return false;
        }
        // Frames a moment apart are far more alike than a passport and its holder: the same threshold is mild.
        let known = Template { values: std::mem::take(&mut self.person) };
        let alike = compare(&known, &face.template) >= same;
        if !known.values.is_empty() && !alike {
            self.changes = self.changes.saturating_add(1);
            self.serving.clear();
            self.person.clone_from(&face.template.values);
        } else {
            self.person = sum(known.values, &face.template.values);
        }
        if self.serving.len() == FRAMES_KEPT {
            self.serving.pop_front();
        }
        self.serving.push_back((findings.sequence, face));
        self.in_sight = true;
        true
    }

    /// Serving frames of the present person.
    pub(super) fn serving(&self) -> impl ExactSizeIterator<Item = &(u64, FaceFinding)> {
        self.serving.iter()
    }

    /// Whether the face in view is known to be the one of the serving frames.
    pub(super) fn in_sight(&self) -> bool {
        self.in_sight
    }

    /// How often the person changed.
    pub(super) fn changes(&self) -> usize {
        self.changes
    }
}

/// Whether a face may be judged: no flaw, and every number finite.
fn serves(face: &FaceFinding) -> bool {
    let template = &face.template.values;
    face.quality.is_empty()
        && face.score.is_finite()
        && face.attack_score().is_some()
        && !template.is_empty()
        && template.iter().all(|v| v.is_finite())
}

fn sum(mut known: Vec<f32>, more: &[f32]) -> Vec<f32> {
    if known.is_empty() {
        return more.to_vec();
    }
    known.iter_mut().zip(more).for_each(|(value, other)| *value += other);
    known
}

/// Part that two boxes share of their union.
fn overlap([ax, ay, aw, ah]: [f32; 4], [bx, by, bw, bh]: [f32; 4]) -> f32 {
    let width = ((ax + aw).min(bx + bw) - ax.max(bx)).max(0.0);
    let height = ((ay + ah).min(by + bh) - ay.max(by)).max(0.0);
    let shared = width * height;
    shared / (aw * ah + bw * bh - shared).max(f32::EPSILON)
}

/// How far the middle between the eyes moved, in eye distances.
fn motion([ar, al, ..]: &[[f32; 2]; 5], [br, bl, ..]: &[[f32; 2]; 5]) -> f32 {
    let middle = |[rx, ry]: [f32; 2], [lx, ly]: [f32; 2]| [(rx + lx) / 2.0, (ry + ly) / 2.0];
    let ([ax, ay], [bx, by]) = (middle(*ar, *al), middle(*br, *bl));
    let apart = (br[0] - bl[0]).hypot(br[1] - bl[1]);
    (ax - bx).hypot(ay - by) / apart
}

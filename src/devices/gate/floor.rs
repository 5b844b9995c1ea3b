//! What a gate is made of, without its controller: two doors that take time, people who walk, buttons, and the wires
//! to the sensors.
//!
//! Pure: time enters as an argument. A door never shuts on somebody and stands still while the emergency stop is
//! pressed, whoever drives it: that is the drives' own doing.

use super::people::{Count, OpenDoors, People};
use super::registers::{Input, Inputs};
use serde::{Deserialize, Serialize};

/// A door that has not arrived after this many times its travel is stuck.
const STUCK_AFTER: f64 = 3.0;

/// How quick the simulated gate and its people are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FloorSettings {
    /// Milliseconds from locked to open, each door.
    pub door_ms: f64,
    /// Milliseconds from one zone to the next, each body.
    pub walk_ms: f64,
    /// How much faster than that doors and people move (watchdog and hold times stay real).
    pub speed: f64,
}

impl Default for FloorSettings {
    fn default() -> Self {
        FloorSettings { door_ms: 900.0, walk_ms: 1_100.0, speed: 1.0 }
    }
}

/// Which door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoorName {
    /// Entrance door.
    Entry,
    /// Exit door.
    Exit,
}

/// One leaf: 0 shut and locked, 1 fully open.
#[derive(Debug, Clone, Default)]
pub(super) struct Leaf {
    place: f64,
    open: bool,
    pub(super) stuck: bool,
    /// Milliseconds (of the doors' time) since it was where it is told to be.
    late: f64,
    /// Real milliseconds since it is told to be open.
    pub(super) held: f64,
    pub(super) openings: u32,
}

impl Leaf {
    pub(super) fn shut(&self) -> bool {
        self.place <= 0.0
    }

    pub(super) fn locked(&self) -> bool {
        self.shut() && !self.open
    }

    pub(super) fn fully_open(&self) -> bool {
        self.place >= 1.0
    }

    pub(super) fn set(&mut self, open: bool) {
        if open && !self.open {
            self.openings = self.openings.saturating_add(1);
        }
        if open != self.open {
            self.held = 0.0;
            self.late = 0.0;
        }
        self.open = open;
    }

    fn advance(&mut self, real_ms: f64, ms: f64, travel: f64, obstructed: bool) {
        self.held += real_ms;
        // A door that is told to shut while somebody stands in it opens again until the way is free.
        let goal = if self.open || (obstructed && self.place > 0.0) { 1.0 } else { 0.0 };
        if !self.stuck {
            let step = ms / travel.max(1.0);
            self.place += (goal - self.place).clamp(-step, step);
        }
        let arrived = self.place == goal;
        self.late = if arrived || obstructed { 0.0 } else { self.late + ms };
    }
}

/// Doors, people, buttons and wires.
#[derive(Debug, Clone)]
pub(super) struct Floor {
    settings: FloorSettings,
    pub(super) entry: Leaf,
    pub(super) exit: Leaf,
    pub(super) people: People,
    pub(super) count: Count,
    pub(super) emergency_stop: bool,
    pub(super) fire: bool,
    pub(super) object_left: bool,
    /// Inputs that read 0 whatever is so.
    broken: Inputs,
}

impl Floor {
    /// Doors locked, nobody there.
    pub(super) fn new(settings: FloorSettings) -> Self {
        Floor {
            settings,
            entry: Leaf::default(),
            exit: Leaf::default(),
            people: People::default(),
            count: Count::default(),
            emergency_stop: false,
            fire: false,
            object_left: false,
            broken: Inputs::default(),
        }
    }

    /// People walk, for real milliseconds.
    pub(super) fn walk(&mut self, real_ms: f64) {
        let doors = OpenDoors { entry: self.entry.fully_open(), exit: self.exit.fully_open() };
        self.people.advance(real_ms * self.settings.speed, self.settings.walk_ms, doors);
        self.count = self.people.count();
    }

    /// Doors move, for real milliseconds.
    pub(super) fn drive(&mut self, real_ms: f64) {
        if self.emergency_stop {
            return;
        }
        let (ms, travel) = (real_ms * self.settings.speed, self.settings.door_ms);
        self.entry.advance(real_ms, ms, travel, self.count.in_entry_doorway);
        self.exit.advance(real_ms, ms, travel, self.count.in_exit_doorway);
    }

    /// A door of this name.
    pub(super) fn door(&mut self, door: DoorName) -> &mut Leaf {
        match door {
            DoorName::Entry => &mut self.entry,
            DoorName::Exit => &mut self.exit,
        }
    }

    /// Whether this door should have arrived long ago.
    pub(super) fn is_stuck(&self, door: DoorName) -> bool {
        let leaf = match door {
            DoorName::Entry => &self.entry,
            DoorName::Exit => &self.exit,
        };
        leaf.late > STUCK_AFTER * self.settings.door_ms
    }

    /// Breaks or mends the wire of an input.
    pub(super) fn break_wire(&mut self, input: Input, broken: bool) {
        self.broken = self.broken.with(input, broken);
    }

    /// What comes in over the wires, given what only a controller knows (whether tailgating or a wrong way is
    /// latched).
    pub(super) fn inputs(&self, tailgating: bool, wrong_way: bool) -> Inputs {
        use Input::*;
        let count = &self.count;
        [
            (EntryShut, self.entry.shut()),
            (EntryLocked, self.entry.locked()),
            (EntryOpen, self.entry.fully_open()),
            (ExitShut, self.exit.shut()),
            (ExitLocked, self.exit.locked()),
            (ExitOpen, self.exit.fully_open()),
            (EntranceClear, count.entrance == 0),
            (CabinClear, count.cabin == 0),
            (ExitClear, count.exit == 0),
            (EntryCurtainClear, !count.in_entry_doorway),
            (ExitCurtainClear, !count.in_exit_doorway),
            (EmergencyStopClosed, !self.emergency_stop),
            (FireClosed, !self.fire),
            (HousingShut, true),
            (MainsPresent, true),
            (DrivesReady, true),
            (NoObjectLeft, !self.object_left),
            (KeyAutomatic, true),
            (NoTailgating, !tailgating),
            (NoWrongWay, !wrong_way),
        ]
        .into_iter()
        .fold(Inputs::default(), |all, (input, on)| all.with(input, on && !self.broken.has(input)))
    }
}

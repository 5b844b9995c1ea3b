//! The floor of a simulated gate as a test or a demonstration moves it.

use super::controller::CLOSE_BEHIND_MS;
use super::floor::{DoorName, Floor};
use super::people::Zone;
use super::registers::Input;
use super::simulator::{Inside, Shared};
use crate::passage::Door;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

/// People and trouble on the simulated gate's floor. Clones move the same floor.
///
/// People obey physics alone: they take time, and pass only doors that are open. Each call says what
/// somebody now wants to do; [`GateFloor::wait_until`] says when it has come to be.
#[derive(Clone)]
pub struct GateFloor {
    pub(super) shared: Arc<Shared>,
}

/// What an onlooker sees, and what the controller drives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FloorSnapshot {
    /// Entrance door.
    pub entry: Door,
    /// Exit door.
    pub exit: Door,
    /// Persons in the entrance zone.
    pub entrance: usize,
    /// Persons in the cabin.
    pub cabin: usize,
    /// Persons in the exit zone.
    pub beyond_exit: usize,
    /// Somebody is in a doorway.
    pub in_doorway: bool,
    /// The lamp above the gate is green.
    pub green: bool,
    /// The officer's beacon is on.
    pub beacon: bool,
    /// The buzzer sounds.
    pub buzzer: bool,
    /// The controller does as told: no watchdog, stop or fault.
    pub in_service: bool,
    /// How often the entrance was opened.
    pub entry_openings: u32,
    /// How often the exit was opened.
    pub exit_openings: u32,
    /// How often the watchdog tripped.
    pub watchdog_trips: u16,
}

impl GateFloor {
    /// A traveller comes to the entrance.
    pub fn approach(&self) {
        self.act(|floor| floor.people.appear(Zone::Outside, Zone::Entrance, 0.0));
    }

    /// Whoever is at the entrance walks into the cabin as soon as the door is open; a traveller comes if
    /// nobody is there.
    pub fn walk_in(&self) {
        self.act(|floor| {
            if floor.people.send(Zone::Cabin, |zone| zone <= Zone::Entrance) == 0 {
                floor.people.appear(Zone::Outside, Zone::Cabin, 0.0);
            }
        });
    }

    /// As [`GateFloor::walk_in`], with a second person close behind.
    pub fn two_walk_in(&self) {
        self.walk_in();
        self.act(|floor| floor.people.appear(Zone::Entrance, Zone::Cabin, CLOSE_BEHIND_MS));
    }

    /// Whoever is in the entrance's doorway or in the cabin turns back to the entrance.
    pub fn step_back(&self) {
        self.act(|floor| {
            floor.people.send(Zone::Entrance, |zone| zone <= Zone::Cabin);
        });
    }

    /// Whoever is in the cabin leaves by the exit as soon as it is open.
    pub fn leave_by_exit(&self) {
        self.act(|floor| {
            floor.people.send(Zone::Beyond, |zone| zone >= Zone::Cabin);
        });
    }

    /// Whoever is in entrance or cabin leaves by the way they came, through the cabin's entrance as soon as
    /// it is open.
    pub fn leave_by_entry(&self) {
        self.act(|floor| {
            floor.people.send(Zone::Outside, |zone| zone <= Zone::Cabin);
        });
    }

    /// Somebody comes by the exit into the cabin as soon as that door is open.
    pub fn enter_by_exit(&self) {
        self.act(|floor| floor.people.appear(Zone::Beyond, Zone::Cabin, 0.0));
    }

    /// Somebody leaves an object in the cabin, or takes it away.
    pub fn leave_object(&self, there: bool) {
        self.act(|floor| floor.object_left = there);
    }

    /// Presses or frees the emergency stop: doors stand where they are.
    pub fn press_emergency_stop(&self, pressed: bool) {
        self.act(|floor| floor.emergency_stop = pressed);
    }

    /// Fire alarm on or off.
    pub fn fire(&self, burning: bool) {
        self.act(|floor| floor.fire = burning);
    }

    /// Holds a door's leaf fast where it is, or lets it go.
    pub fn stick_door(&self, door: DoorName, stuck: bool) {
        self.act(|floor| floor.door(door).stuck = stuck);
    }

    /// Breaks the wire of an input, or mends it: a housing that was opened, mains or a drive that failed, a manual
    /// key that was turned, a contact that sticks all read the same.
    pub fn break_wire(&self, input: Input, broken: bool) {
        self.act(|floor| floor.break_wire(input, broken));
    }

    /// The controller's program stands still while its line goes on answering.
    pub fn freeze_controller(&self, frozen: bool) {
        self.lock().machine.freeze(frozen);
    }

    /// Cuts the bus: the controller hears nothing and says nothing.
    pub fn cut_bus(&self, cut: bool) {
        self.lock().cut = cut;
        self.shared.changed.notify_all();
    }

    /// What an onlooker sees now.
    pub fn snapshot(&self) -> FloorSnapshot {
        self.lock().machine.snapshot()
    }

    /// Waits until an onlooker sees that, at most `patience`; `false` when it did not come.
    pub fn wait_until(&self, seen: impl Fn(&FloorSnapshot) -> bool, patience: Duration) -> bool {
        let inside = self.lock();
        let waited = self
            .shared
            .changed
            .wait_timeout_while(inside, patience, |inside| !seen(&inside.machine.snapshot()));
        let (inside, _) = waited.unwrap_or_else(PoisonError::into_inner);
        seen(&inside.machine.snapshot())
    }

    fn act(&self, action: impl FnOnce(&mut Floor)) {
        action(self.lock().machine.floor());
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inside> {
        self.shared.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

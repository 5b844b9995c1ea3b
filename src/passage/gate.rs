//! The gate as the passage sees it: what it reports and what it can be told.

use crate::check::Reason;

/// A door, as its contacts report it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// Shut and locked.
    Locked,
    /// Fully open.
    Open,
    /// Neither, moving, or contacts that contradict each other.
    #[default]
    Unknown,
}

/// Everything that the gate's inputs say at one moment. The default is the worst: nothing known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct GateState {
    /// Entrance door.
    pub entry: Door,
    /// Exit door.
    pub exit: Door,
    /// Persons that the sensors count in the entrance zone, the cabin and the exit zone; `None` when
    /// the sensors do not say.
    pub entry_zone: Option<u8>,
    /// See `entry_zone`.
    pub cabin: Option<u8>,
    /// See `entry_zone`.
    pub exit_zone: Option<u8>,
    /// Emergency stop pressed.
    pub emergency_stop: bool,
    /// Fire release active.
    pub fire: bool,
    /// Somebody entered by the exit.
    pub wrong_way: bool,
    /// The controller reports a fault of its own.
    pub fault: bool,
    /// Something lies in the cabin: then nobody can say that it is empty, and `cabin` is never 0.
    #[serde(default)]
    pub object_left: bool,
}

impl GateState {
    /// Whether emergency stop or fire release hold the doors: the passage then gives no door command.
    pub fn emergency(&self) -> bool {
        self.emergency_stop || self.fire
    }

    /// What forbids any passage, whatever the doors do.
    pub fn hazard(&self) -> Option<Reason> {
        if self.emergency() {
            Some(Reason::EmergencyStop)
        } else if self.wrong_way {
            Some(Reason::WrongWay)
        } else if self.fault {
            Some(Reason::GateFault)
        } else {
            None
        }
    }

    /// Whether both doors are shut and locked.
    pub fn shut(&self) -> bool {
        self.entry == Door::Locked && self.exit == Door::Locked
    }

    /// Whether nobody is in the cabin or the entrance's doorway.
    pub fn empty(&self) -> bool {
        self.cabin == Some(0) && self.entry_zone == Some(0)
    }

    /// Why a traveller cannot be let into the cabin; `None` when it is shut, empty and sane.
    pub fn against_entering(&self) -> Option<Reason> {
        self.hazard().or(match self.cabin {
            None => Some(Reason::CabinUnobserved),
            Some(0) if self.shut() => None,
            Some(_) => Some(Reason::GateFault),
        })
    }

    /// Why the exit cannot be opened for the traveller in the cabin; `None` when exactly one person is
    /// in the shut cabin.
    pub fn against_leaving(&self) -> Option<Reason> {
        self.hazard().or_else(|| (!self.shut()).then_some(Reason::GateFault)).or(match self.cabin {
            Some(1) => None,
            // Nobody can have left a shut cabin: the sensors do not see the person that is in there.
            None | Some(0) => Some(Reason::CabinUnobserved),
            Some(_) => Some(Reason::SeveralPersons),
        })
    }
}

/// What the gate can be told, except to open the exit: for that see [`crate::passage::Effect::OpenExit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateCommand {
    /// Open the entrance.
    OpenEntry,
    /// Shut and lock the entrance.
    CloseEntry,
    /// Shut and lock the exit.
    CloseExit,
    /// Lamp above the gate: may be used.
    LampGreen,
    /// Lamp above the gate: busy.
    LampRed,
    /// Beacon for the officer on.
    BeaconOn,
    /// Beacon off.
    BeaconOff,
}

//! A traveller: somebody with a document who sees lamps, doors and the screen's instructions, and acts on
//! the simulated devices as a person would. Knows nothing of the lane's insides.

use super::scenarios::{Conduct, Scenario};
use crate::devices::CardSlot;
use crate::devices::camera::{Stage, StageFrame};
use crate::devices::card::SoftwarePassport;
use crate::devices::gate::{FloorSnapshot, GateFloor};
use crate::devices::mrz_reader::MrzSender;
use crate::passage::Door;
use anyhow::bail;
use std::sync::Arc;
use std::time::Duration;

/// How long a traveller waits for anything before something is wrong with the gate.
const PATIENCE: Duration = Duration::from_secs(60);

/// The parts of the gate that a person can touch.
pub(super) struct Surroundings {
    /// Where the document is laid.
    pub slot: CardSlot,
    /// The optical part of the reader.
    pub lines: MrzSender,
    /// Where one walks.
    pub floor: GateFloor,
    /// What the camera sees.
    pub stage: Stage,
}

/// What the traveller brings.
pub(super) struct Luggage {
    /// As printed.
    pub printed: Vec<String>,
    /// The chip.
    pub passport: SoftwarePassport,
    /// What the camera will see in the cabin.
    pub looks: Arc<Vec<StageFrame>>,
}

impl Surroundings {
    /// Goes the whole way; returns when the traveller is out of the gate and has the document back.
    ///
    /// # Errors
    /// When the gate leaves the traveller waiting without end.
    pub(super) fn travel(&mut self, scenario: &Scenario, luggage: Luggage) -> anyhow::Result<()> {
        self.wait("the green lamp", |gate| gate.green)?;
        self.stage.show(luggage.looks);
        self.floor.approach();
        self.slot.insert(luggage.passport);
        self.lines.send(&luggage.printed.iter().map(String::as_str).collect::<Vec<_>>())?;
        let came_out = match scenario.conduct {
            Conduct::WalksAway => self.walk_away(),
            Conduct::Straight => self.go_through(false),
            Conduct::Accompanied => self.go_through(true),
        };
        self.slot.remove();
        self.stage.dark();
        came_out
    }

    fn walk_away(&mut self) -> anyhow::Result<()> {
        self.wait("the open entrance", |gate| gate.entry == Door::Open || gate.beacon)?;
        self.slot.remove();
        self.floor.leave_by_entry();
        self.wait("the shut entrance", |gate| gate.entry == Door::Locked)
    }

    fn go_through(&mut self, accompanied: bool) -> anyhow::Result<()> {
        self.wait("an open entrance or an officer", |gate| gate.entry == Door::Open || gate.beacon)?;
        if self.floor.snapshot().entry != Door::Open {
            self.floor.leave_by_entry();
            return Ok(());
        }
        if accompanied {
            self.floor.two_walk_in();
        } else {
            self.floor.walk_in();
        }
        self.wait("an open exit or an officer", |gate| gate.exit == Door::Open || gate.beacon)?;
        if self.floor.snapshot().exit == Door::Open {
            self.floor.leave_by_exit();
        } else {
            self.wait("the entrance, to go back", |gate| gate.entry == Door::Open)?;
            self.floor.leave_by_entry();
        }
        self.wait("an empty cabin", |gate| gate.cabin == 0)
    }

    fn wait(&self, what: &str, seen: impl Fn(&FloorSnapshot) -> bool) -> anyhow::Result<()> {
        if !self.floor.wait_until(seen, PATIENCE) {
            bail!("the traveller waited {PATIENCE:?} for {what}");
        }
        Ok(())
    }
}

//! A traveller: somebody with a document who sees lamps, doors and the screen's instructions, and acts on
//! the simulated devices as a person would. Knows nothing of the lane's insides.

use super::scenarios::{Conduct, Scenario};
use crate::devices::CardSlot;
use crate::devices::camera::{Stage, StageFrame};
use crate::devices::card::SoftwarePassport;
use crate::devices::gate::{FloorSnapshot, GateFloor};
use crate::devices::mrz_reader::MrzSender;
use crate::passage::{Door, Prompt};
use crate::policy::Topology;
use anyhow::bail;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long a traveller waits for anything before something is wrong with the gate.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the traveller looks at the screen.
const GLANCE: Duration = Duration::from_millis(20);

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
    /// What it sees when nobody is there.
    pub nobody: Arc<Vec<StageFrame>>,
    /// What the screen says.
    pub prompts: watch::Receiver<Option<Prompt>>,
    /// How the gate is built.
    pub topology: Topology,
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
        self.floor.approach();
        let came_out = match self.topology {
            Topology::TwoStep => self.in_two_steps(scenario.conduct, luggage),
            Topology::OneStep => self.in_one_step(scenario.conduct, luggage),
        };
        self.slot.remove();
        self.floor.leave_object(false);
        self.stage.show(self.nobody.clone());
        came_out
    }

    /// The document before the shut entrance, the face in the cabin.
    fn in_two_steps(&mut self, conduct: Conduct, luggage: Luggage) -> anyhow::Result<()> {
        self.lay(luggage)?;
        self.wait("an open entrance or an officer", |gate| gate.entry == Door::Open || gate.beacon)?;
        if conduct != Conduct::Forgets {
            self.slot.remove();
        }
        if self.floor.snapshot().entry != Door::Open {
            self.floor.leave_by_entry();
            return Ok(());
        }
        if conduct == Conduct::WalksAway {
            self.floor.leave_by_entry();
            return self.wait("the shut entrance", |gate| gate.entry == Door::Locked);
        }
        self.walk_in(conduct);
        self.come_out(conduct)
    }

    /// Into the open cabin, document and face there.
    fn in_one_step(&mut self, conduct: Conduct, luggage: Luggage) -> anyhow::Result<()> {
        self.wait("an open entrance or an officer", |gate| gate.entry == Door::Open || gate.beacon)?;
        self.walk_in(conduct);
        self.wait("the shut cabin or an officer", |gate| {
            gate.beacon || (gate.entry == Door::Locked && gate.cabin == 1)
        })?;
        if !self.floor.snapshot().beacon {
            self.lay(luggage)?;
        }
        self.come_out(conduct)
    }

    fn lay(&mut self, luggage: Luggage) -> anyhow::Result<()> {
        self.stage.show(luggage.looks);
        self.slot.insert(luggage.passport);
        self.lines.send(&luggage.printed.iter().map(String::as_str).collect::<Vec<_>>())?;
        Ok(())
    }

    fn walk_in(&self, conduct: Conduct) {
        match conduct {
            Conduct::Accompanied => self.floor.two_walk_in(),
            _ => self.floor.walk_in(),
        }
    }

    /// By the exit when it opens, or back by the entrance when an officer was called.
    fn come_out(&mut self, conduct: Conduct) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let released = |gate: &FloorSnapshot| gate.exit == Door::Open || gate.beacon;
        while !self.floor.wait_until(released, GLANCE) {
            if conduct != Conduct::Forgets && *self.prompts.borrow() == Some(Prompt::TakeDocument) {
                self.slot.remove();
            }
            if Instant::now() > deadline {
                bail!("the traveller waited {PATIENCE:?} for an open exit or an officer");
            }
        }
        if self.floor.snapshot().exit == Door::Open {
            self.floor.leave_object(conduct == Conduct::LeavesObject);
            self.floor.leave_by_exit();
        } else {
            self.wait("the entrance, to go back", |gate| gate.entry == Door::Open)?;
            self.floor.leave_by_entry();
        }
        self.wait("an empty cabin", |gate| gate.cabin == 0)?;
        if conduct == Conduct::LeavesObject {
            self.wait("an officer who takes what was left", |gate| gate.beacon)?;
        }
        Ok(())
    }

    fn wait(&self, what: &str, seen: impl Fn(&FloorSnapshot) -> bool) -> anyhow::Result<()> {
        if !self.floor.wait_until(seen, PATIENCE) {
            bail!("the traveller waited {PATIENCE:?} for {what}");
        }
        Ok(())
    }
}

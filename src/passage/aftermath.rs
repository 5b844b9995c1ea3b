//! Referred or withdrawn: the exit stays shut, who is inside gets out by the entrance, and the gate is
//! made ready again, or left to an officer with the beacon on. Always ends, within
//! `referral_ms + enter_ms + 2·door_ms + durable_ms`.

use super::journey::Journey;
use super::{Door, Effect, Event, GateCommand, LaneCommand, Moment, Prompt, State};

#[derive(Debug)]
pub(super) struct Aftermath {
    referred: bool,
    /// The outcome's storage is awaited no longer than that.
    store_until: Moment,
    clearing: Clearing,
    /// Whether the traveller was told to fetch what lies in the cabin.
    object_told: bool,
}

/// How the cabin becomes empty and shut.
#[derive(Debug, Clone, Copy)]
enum Clearing {
    /// The officer has time to come.
    Waiting { until: Moment },
    /// The entrance is open, or opens as soon as the exit is locked, until the cabin is empty.
    Releasing { until: Moment },
    /// The doors are told to shut.
    Shutting { until: Moment, release_until: Moment },
    /// Shut and empty, or (not `clean`) handed to the officer as it is.
    Done { clean: bool },
}

impl Aftermath {
    pub(super) fn referred(now: Moment, journey: &mut Journey) -> Aftermath {
        journey.show(Prompt::SeeOfficer);
        journey.gate(GateCommand::LampRed);
        journey.gate(GateCommand::BeaconOn);
        Self::hold(journey);
        let limits = &journey.profile.limits;
        Aftermath {
            referred: true,
            store_until: now.after(limits.durable_ms),
            clearing: Clearing::Waiting { until: now.after(limits.referral_ms) },
            object_told: false,
        }
    }

    pub(super) fn withdrawn(now: Moment, journey: &mut Journey) -> State {
        // They may have left the document on the reader.
        journey.show(Prompt::TakeDocument);
        let store_until = now.after(journey.profile.limits.durable_ms);
        let clearing = Self::clear(now, now.after(journey.profile.limits.enter_ms), journey);
        Aftermath { referred: false, store_until, clearing, object_told: false }.or_ended(now, journey)
    }

    pub(super) fn name(&self) -> &'static str {
        if self.referred { "referred" } else { "withdrawn" }
    }

    pub(super) fn deadline(&self) -> Moment {
        match self.clearing {
            Clearing::Waiting { until }
            | Clearing::Releasing { until }
            | Clearing::Shutting { until, .. } => until,
            Clearing::Done { .. } => self.store_until,
        }
    }

    pub(super) fn on_event(mut self, event: Event, now: Moment, journey: &mut Journey) -> State {
        if let Event::Gate(_) = event {
            // What was told to a silent gate is lost: said again when it speaks.
            if let Clearing::Waiting { .. } = self.clearing {
                Self::hold(journey);
            }
            self.look(now, journey);
        }
        if let Event::Command(LaneCommand::ReleaseToOfficer | LaneCommand::ReopenEntry) = event {
            return self.released(now, journey);
        }
        self.or_ended(now, journey)
    }

    /// The officer is there: who is inside gets out at once. Who stands before the gate stays with the officer.
    pub(super) fn released(mut self, now: Moment, journey: &mut Journey) -> State {
        if journey.gate.is_some_and(|gate| !gate.empty()) {
            self.clearing = Self::clear(now, now.after(journey.profile.limits.enter_ms), journey);
        }
        self.or_ended(now, journey)
    }

    pub(super) fn on_deadline(mut self, now: Moment, journey: &mut Journey) -> State {
        self.clearing = match self.clearing {
            Clearing::Waiting { .. } => {
                let release_until = now.after(journey.profile.limits.enter_ms);
                Self::clear(now, release_until, journey)
            }
            // Somebody stays inside, or a door does not shut: the officer takes over.
            Clearing::Releasing { .. } | Clearing::Shutting { .. } => Clearing::Done { clean: false },
            done @ Clearing::Done { .. } => done,
        };
        self.or_ended(now, journey)
    }

    fn look(&mut self, now: Moment, journey: &mut Journey) {
        let Some(gate) = journey.gate else { return };
        let letting_out = !matches!(self.clearing, Clearing::Waiting { .. });
        if letting_out && gate.object_left && gate.cabin.is_none() && !self.object_told {
            self.object_told = true;
            journey.show(Prompt::TakeBelongings);
            journey.gate(GateCommand::BeaconOn);
        }
        match self.clearing {
            Clearing::Releasing { until } => self.clearing = Self::clear(now, until, journey),
            Clearing::Shutting { release_until, .. } if !gate.empty() => {
                self.clearing = Self::clear(now, release_until, journey);
            }
            Clearing::Shutting { .. } if gate.shut() => {
                self.clearing = Clearing::Done { clean: gate.hazard().is_none() };
            }
            _ => {}
        }
    }

    /// What is to be done next so that the cabin becomes empty and shut. Persons are let out until
    /// `release_until`.
    fn clear(now: Moment, release_until: Moment, journey: &mut Journey) -> Clearing {
        let Some(gate) = journey.gate.filter(|gate| !gate.emergency()) else {
            return Clearing::Done { clean: false };
        };
        if gate.empty() {
            if gate.shut() && !journey.entry_told_open {
                return Clearing::Done { clean: gate.hazard().is_none() };
            }
            journey.gate(GateCommand::CloseEntry);
            if gate.exit != Door::Locked {
                journey.gate(GateCommand::CloseExit);
            }
            let until = now.after(journey.profile.limits.door_ms);
            return Clearing::Shutting { until, release_until };
        }
        if now >= release_until {
            return Clearing::Done { clean: false };
        }
        // A door at a time: the entrance opens when the exit is locked.
        // The controller shuts the entrance by itself (hold time, watchdog), and a command may be lost.
        if gate.exit == Door::Locked && (!journey.entry_told_open || gate.entry == Door::Locked) {
            journey.gate(GateCommand::OpenEntry);
        }
        if gate.exit != Door::Locked {
            journey.gate(GateCommand::CloseExit);
        }
        Clearing::Releasing { until: release_until }
    }

    /// Shuts what can be shut at once: the exit, and the entrance when nobody is in it. An entrance that
    /// is open for people inside stays open, so that they can step back.
    fn hold(journey: &mut Journey) {
        let Some(gate) = journey.gate.filter(|gate| !gate.emergency()) else { return };
        if gate.exit != Door::Locked {
            journey.gate(GateCommand::CloseExit);
        }
        if gate.empty() && (gate.entry != Door::Locked || journey.entry_told_open) {
            journey.gate(GateCommand::CloseEntry);
        }
    }

    fn or_ended(self, now: Moment, journey: &mut Journey) -> State {
        let Clearing::Done { clean } = self.clearing else {
            return State::Aftermath(self);
        };
        if journey.stores_pending > 0 && now < self.store_until {
            return State::Aftermath(self);
        }
        journey.gate(if clean { GateCommand::BeaconOff } else { GateCommand::BeaconOn });
        journey.wish(Effect::Ended);
        State::Ended
    }
}

//! People as bodies that take time to move, for the simulated gate.
//!
//! Pure: time enters as an argument. A body stands in a zone or crosses from one to the next; it enters a
//! doorway only while that door is open, and while it is in it the door's light curtain is broken.

use std::cmp::Ordering;

/// Bodies on the floor at once; more do not fit.
pub(super) const BODIES_MOST: usize = 8;

/// Where a body can be. `Outside` and `Beyond` are off the floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Zone {
    Outside,
    Entrance,
    Cabin,
    Exit,
    Beyond,
}

impl Zone {
    fn step_towards(self, goal: Zone) -> Zone {
        use Zone::*;
        let line = [Outside, Entrance, Cabin, Exit, Beyond];
        let here = self as usize;
        let next = match goal.cmp(&self) {
            Ordering::Greater => here + 1,
            Ordering::Equal => here,
            Ordering::Less => here.saturating_sub(1),
        };
        line.get(next).copied().unwrap_or(self)
    }
}

/// The two doors, open or not, as far as people care.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenDoors {
    pub(super) entry: bool,
    pub(super) exit: bool,
}

#[derive(Debug, Clone)]
struct Body {
    at: Zone,
    goal: Zone,
    crossing: Option<Crossing>,
    /// Stands this long before the next step, milliseconds.
    pause: f64,
}

#[derive(Debug, Clone, Copy)]
struct Crossing {
    to: Zone,
    done: f64,
}

/// Everybody on the floor.
#[derive(Debug, Clone, Default)]
pub(super) struct People {
    bodies: Vec<Body>,
}

/// How many bodies are where, and which curtains they break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Count {
    pub(super) entrance: usize,
    pub(super) cabin: usize,
    pub(super) exit: usize,
    pub(super) in_entry_doorway: bool,
    pub(super) in_exit_doorway: bool,
    /// Somebody goes from the exit zone to the cabin.
    pub(super) wrong_way: bool,
}

impl People {
    /// One more body walks from `from` to `goal`, after standing for `pause` milliseconds.
    pub(super) fn appear(&mut self, from: Zone, goal: Zone, pause: f64) {
        if self.bodies.len() < BODIES_MOST {
            self.bodies.push(Body { at: from, goal, crossing: None, pause });
        }
    }

    /// Everybody whose present zone (or the one left behind while crossing) fits walks to `goal`; gives
    /// how many those are. Whoever is crossing away from the goal turns round.
    pub(super) fn send(&mut self, goal: Zone, who: impl Fn(Zone) -> bool) -> usize {
        let mut sent = 0;
        for body in self.bodies.iter_mut().filter(|body| who(body.at)) {
            sent += 1;
            body.goal = goal;
            let Some(crossing) = &mut body.crossing else { continue };
            let (from, to) = (body.at, crossing.to);
            if from.step_towards(goal) != to && goal != to {
                *crossing = Crossing { to: from, done: 1.0 - crossing.done };
                body.at = to;
            }
        }
        sent
    }

    /// Lets `ms` milliseconds pass, of which each crossing takes `walk`.
    pub(super) fn advance(&mut self, ms: f64, walk: f64, doors: OpenDoors) {
        for body in &mut self.bodies {
            if body.crossing.is_none() && body.at != body.goal {
                body.pause -= ms;
                let to = body.at.step_towards(body.goal);
                if body.pause <= 0.0 && passable(body.at, to, doors) {
                    body.crossing = Some(Crossing { to, done: 0.0 });
                }
            }
            let Some(crossing) = &mut body.crossing else { continue };
            crossing.done += ms / walk.max(1.0);
            if crossing.done >= 1.0 {
                body.at = crossing.to;
                body.crossing = None;
            }
        }
        self.bodies.retain(|body| {
            let off = matches!(body.at, Zone::Outside | Zone::Beyond);
            !(off && body.crossing.is_none() && body.goal == body.at)
        });
    }

    /// Who is where. In mid-crossing a body counts where it has the greater half of it.
    pub(super) fn count(&self) -> Count {
        let mut count = Count::default();
        for body in &self.bodies {
            let mut zone = body.at;
            if let Some(crossing) = body.crossing {
                match doorway(body.at, crossing.to) {
                    Some(Doorway::Entry) => count.in_entry_doorway = true,
                    Some(Doorway::Exit) => count.in_exit_doorway = true,
                    None => {}
                }
                count.wrong_way |= (body.at, crossing.to) == (Zone::Exit, Zone::Cabin);
                if crossing.done >= 0.5 {
                    zone = crossing.to;
                }
            }
            match zone {
                Zone::Entrance => count.entrance += 1,
                Zone::Cabin => count.cabin += 1,
                Zone::Exit => count.exit += 1,
                Zone::Outside | Zone::Beyond => {}
            }
        }
        count
    }
}

enum Doorway {
    Entry,
    Exit,
}

fn doorway(from: Zone, to: Zone) -> Option<Doorway> {
    match (from.min(to), from.max(to)) {
        (Zone::Entrance, Zone::Cabin) => Some(Doorway::Entry),
        (Zone::Cabin, Zone::Exit) => Some(Doorway::Exit),
        _ => None,
    }
}

fn passable(from: Zone, to: Zone, doors: OpenDoors) -> bool {
    match doorway(from, to) {
        Some(Doorway::Entry) => doors.entry,
        Some(Doorway::Exit) => doors.exit,
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHUT: OpenDoors = OpenDoors { entry: false, exit: false };
    const ENTRY: OpenDoors = OpenDoors { entry: true, exit: false };

    fn walked(people: &mut People, doors: OpenDoors) -> Count {
        for _ in 0..100 {
            people.advance(50.0, 1_000.0, doors);
        }
        people.count()
    }

    #[test]
    fn nobody_walks_through_a_shut_door() {
        let mut people = People::default();
        people.appear(Zone::Outside, Zone::Cabin, 0.0);
        let count = walked(&mut people, SHUT);
        assert_eq!((count.entrance, count.cabin), (1, 0));
        let count = walked(&mut people, ENTRY);
        assert_eq!((count.entrance, count.cabin), (0, 1));
    }

    #[test]
    fn a_body_in_the_doorway_breaks_the_curtain_and_can_turn_round() {
        let mut people = People::default();
        people.appear(Zone::Entrance, Zone::Cabin, 0.0);
        people.advance(700.0, 1_000.0, ENTRY);
        assert!(people.count().in_entry_doorway);
        assert_eq!(people.count().cabin, 1);
        assert_eq!(people.send(Zone::Entrance, |zone| zone <= Zone::Cabin), 1);
        let count = walked(&mut people, SHUT);
        assert_eq!((count.entrance, count.cabin, count.in_entry_doorway), (1, 0, false));
    }

    #[test]
    fn whoever_leaves_the_floor_is_forgotten() {
        let mut people = People::default();
        people.appear(Zone::Outside, Zone::Entrance, 0.0);
        walked(&mut people, SHUT);
        people.send(Zone::Outside, |_| true);
        walked(&mut people, SHUT);
        assert!(people.bodies.is_empty());
    }

    #[test]
    fn the_floor_holds_a_bounded_number_of_bodies() {
        let mut people = People::default();
        (0..100).for_each(|_| people.appear(Zone::Outside, Zone::Entrance, 0.0));
        assert_eq!(walked(&mut people, SHUT).entrance, BODIES_MOST);
    }
}

//! The controller in virtual time.

use super::*;
use crate::devices::gate::people::Zone;
use crate::passage::{Door, GateState};
use proptest::prelude::*;

fn controller() -> Controller {
    let mut controller = Controller::new(FloorSettings::default());
    controller.write_one(HOST_HEARTBEAT, 1).unwrap();
    controller
}

/// Time passes while the lane keeps its rhythm.
fn pass(controller: &mut Controller, ms: u32) {
    for _ in 0..ms / 10 {
        let next = controller.host_heartbeat.wrapping_add(1);
        controller.write_one(HOST_HEARTBEAT, next).unwrap();
        controller.pass(10.0);
    }
}

fn state(controller: &Controller) -> GateState {
    controller.block().gate_state()
}

#[test]
fn a_sequence_number_seen_before_does_nothing() {
    let mut controller = controller();
    controller.write_many(COMMAND_START, &[CommandCode::OpenEntry as u16, 7]).unwrap();
    controller.write_many(COMMAND_START, &[CommandCode::CloseEntry as u16, 7]).unwrap();
    pass(&mut controller, 2_000);
    assert_eq!(state(&controller).entry, Door::Open);
}

#[test]
fn command_and_sequence_are_taken_only_together() {
    let mut controller = controller();
    assert_eq!(controller.write_one(COMMAND_START, CommandCode::OpenExit as u16), Err(2));
    assert_eq!(controller.write_many(COMMAND_START, &[3]), Err(2));
    assert_eq!(controller.block().sequence, 0);
}

#[test]
fn a_door_does_not_shut_on_somebody() {
    let mut controller = controller();
    controller.write_many(COMMAND_START, &[CommandCode::OpenEntry as u16, 1]).unwrap();
    pass(&mut controller, 1_500);
    controller.floor.people.appear(Zone::Entrance, Zone::Cabin, 0.0);
    pass(&mut controller, 300);
    controller.write_many(COMMAND_START, &[CommandCode::CloseEntry as u16, 2]).unwrap();
    pass(&mut controller, 300);
    assert_eq!(state(&controller).entry, Door::Open);
    pass(&mut controller, 3_000);
    assert_eq!((state(&controller).entry, state(&controller).cabin), (Door::Locked, Some(1)));
}

#[test]
fn an_exit_left_open_shuts_after_its_hold_time() {
    let mut controller = controller();
    controller.write_many(SETTINGS_START, &[1_000, 3_000, 3_000, 0]).unwrap();
    controller.write_many(COMMAND_START, &[CommandCode::OpenExit as u16, 1]).unwrap();
    pass(&mut controller, 2_500);
    assert_eq!(state(&controller).exit, Door::Open);
    pass(&mut controller, 2_500);
    assert_eq!(state(&controller).exit, Door::Locked);
}

#[test]
fn a_stuck_door_is_a_fault_until_it_moves_again() {
    let mut controller = controller();
    controller.floor.exit.stuck = true;
    controller.write_many(COMMAND_START, &[CommandCode::OpenExit as u16, 1]).unwrap();
    pass(&mut controller, 5_000);
    assert!(state(&controller).fault);
    controller.floor.exit.stuck = false;
    pass(&mut controller, 5_000);
    assert!(!state(&controller).fault);
}

#[test]
fn an_emergency_stop_freezes_doors_and_refuses_to_open() {
    let mut controller = controller();
    controller.write_many(COMMAND_START, &[CommandCode::OpenEntry as u16, 1]).unwrap();
    pass(&mut controller, 300);
    controller.floor.emergency_stop = true;
    pass(&mut controller, 3_000);
    assert_eq!((state(&controller).entry, state(&controller).emergency_stop), (Door::Unknown, true));
    controller.write_many(COMMAND_START, &[CommandCode::OpenEntry as u16, 2]).unwrap();
    assert_eq!(controller.block().result, CommandResult::Stopped as u16);
}

#[test]
fn a_fire_opens_the_door_of_the_release_policy_alone() {
    for (policy, doors) in [
        (ReleasePolicy::StayShut, (Door::Locked, Door::Locked)),
        (ReleasePolicy::OpenEntry, (Door::Open, Door::Locked)),
        (ReleasePolicy::OpenExit, (Door::Locked, Door::Open)),
    ] {
        let mut controller = controller();
        controller.write_many(SETTINGS_START, &[1_000, 3_000, 3_000, policy as u16]).unwrap();
        controller.floor.fire = true;
        pass(&mut controller, 3_000);
        let state = state(&controller);
        assert_eq!((state.entry, state.exit), doors);
        assert!(state.fire);
    }
}

#[test]
fn whoever_comes_by_the_exit_is_noticed() {
    let mut controller = controller();
    controller.write_many(COMMAND_START, &[CommandCode::OpenExit as u16, 1]).unwrap();
    controller.floor.people.appear(Zone::Beyond, Zone::Cabin, 0.0);
    pass(&mut controller, 5_000);
    assert!(state(&controller).wrong_way);
}

/// Anything that may happen to a controller.
#[derive(Debug, Clone)]
enum Happening {
    Command(u16),
    Pass(u16),
    Silence(u16),
    Stop(bool),
    Fire(bool),
    Stick(bool, bool),
    Walk(bool),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (0..10u16).prop_map(Happening::Command),
        4 => (0..2_000u16).prop_map(Happening::Pass),
        1 => (0..4_000u16).prop_map(Happening::Silence),
        1 => any::<bool>().prop_map(Happening::Stop),
        1 => any::<bool>().prop_map(Happening::Fire),
        1 => any::<(bool, bool)>().prop_map(|(exit, stuck)| Happening::Stick(exit, stuck)),
        2 => any::<bool>().prop_map(Happening::Walk),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn both_doors_are_never_unlocked(happenings in proptest::collection::vec(happening(), 1..60)) {
        let mut controller = controller();
        for (number, happening) in happenings.into_iter().enumerate() {
            match happening {
                Happening::Command(code) => {
                    controller.write_many(COMMAND_START, &[code, number as u16 + 1]).unwrap();
                }
                Happening::Pass(ms) => pass(&mut controller, ms.into()),
                Happening::Silence(ms) => (0..ms / 10).for_each(|_| controller.pass(10.0)),
                Happening::Stop(on) => controller.floor.emergency_stop = on,
                Happening::Fire(on) => controller.floor.fire = on,
                Happening::Stick(exit, stuck) => {
                    controller.floor.door(if exit { DoorName::Exit } else { DoorName::Entry }).stuck = stuck;
                }
                Happening::Walk(inwards) => {
                    let goal = if inwards { Zone::Cabin } else { Zone::Beyond };
                    controller.floor.people.appear(Zone::Outside, goal, 0.0);
                }
            }
            prop_assert!(controller.floor.entry.locked() || controller.floor.exit.locked());
            prop_assert_eq!(controller.faults() & ControllerFault::Interlock as u16, 0);
        }
    }
}

//! The gate's driver and the controller, and both over the line.

use crate::PATIENCE;
use crate::modbus::serve;
use egate::check::{Check, CheckId};
use egate::devices::gate::registers::{BLOCK_LENGTH, Block, COILS, ControllerState, INPUTS, Input, Inputs};
use egate::devices::gate::{
    DoorName, FloorSettings, GateFloor, GateSettings, GateSimulator, ModbusGate, RelayBoardSettings,
};
use egate::devices::modbus::{self, Answer, Master, Request};
use egate::devices::serial::SerialSettings;
use egate::devices::{Gate, GateFault};
use egate::passage::{Door, GateCommand, GateState};
use egate::policy::{ExitToken, PassageId, Profile, Verdict, decide};
use serialport::{SerialPort, TTYPort};
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

fn simulator() -> GateSimulator {
    GateSimulator::start(FloorSettings { speed: 20.0, ..FloorSettings::default() }).unwrap()
}

fn gate() -> (GateSimulator, GateFloor, ModbusGate) {
    let simulator = simulator();
    let gate = ModbusGate::open(GateSettings::new(simulator.port_name())).unwrap();
    let floor = simulator.floor();
    (simulator, floor, gate)
}

/// Asks in the lane's rhythm until the state is as wished.
fn until(gate: &mut dyn Gate, wish: impl Fn(&GateState) -> bool) -> GateState {
    let begun = Instant::now();
    loop {
        let state = gate.state().unwrap();
        if wish(&state) {
            return state;
        }
        assert!(begun.elapsed() < PATIENCE, "still {state:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Leave to open the exit, as policy alone gives it.
fn token() -> ExitToken {
    let checks: Vec<Check> = CheckId::ALL.into_iter().map(Check::successful).collect();
    match decide(&Profile::default(), &PassageId("lane-1/test/1".to_owned()), &checks) {
        Verdict::Admit(token) => token,
        refused => panic!("{refused:?}"),
    }
}

/// A gate of every driver, with the floor behind it. The relay board's is told that an occupied zone is one person.
fn every_gate() -> [(&'static str, GateSimulator, Box<dyn Gate>); 2] {
    let (controller, board) = (simulator(), relay_board());
    let gates = [settings(&controller).open().unwrap(), relay_settings(&board).open().unwrap()];
    let [on_controller, on_board] = gates;
    [("controller", controller, on_controller), ("relay board", board, on_board)]
}

fn settings(simulator: &GateSimulator) -> GateSettings {
    GateSettings::new(simulator.port_name())
}

fn relay_board() -> GateSimulator {
    let quick = FloorSettings { speed: 20.0, ..FloorSettings::default() };
    GateSimulator::start_relay_board(quick, RelayBoardSettings::default()).unwrap()
}

fn relay_settings(board: &GateSimulator) -> GateSettings {
    let wiring = RelayBoardSettings { one_person: true, ..RelayBoardSettings::default() };
    GateSettings { relay_board: Some(wiring), ..settings(board) }
}

/// What every gate must keep to, whatever drives it.
mod every_gate {
    use super::*;

    #[test]
    fn lets_one_person_through_a_door_at_a_time() {
        for (which, simulator, mut gate) in every_gate() {
            let (gate, floor) = (gate.as_mut(), simulator.floor());
            let state = gate.state().unwrap();
            assert_eq!(
                (state.entry, state.exit, state.fault),
                (Door::Locked, Door::Locked, false),
                "{which}"
            );
            floor.approach();
            until(gate, |state| state.entry_zone == Some(1));
            floor.walk_in();
            assert_eq!(gate.state().unwrap().cabin, Some(0), "{which}: the door is shut");
            gate.command(GateCommand::OpenEntry).unwrap();
            until(gate, |state| state.cabin == Some(1) && state.entry_zone == Some(0));
            gate.command(GateCommand::CloseEntry).unwrap();
            until(gate, |state| state.shut());
            gate.open_exit(token()).unwrap();
            floor.leave_by_exit();
            until(gate, |state| state.cabin == Some(0) && state.exit_zone == Some(0));
            gate.command(GateCommand::CloseExit).unwrap();
            until(gate, |state| state.shut());
            let seen = floor.snapshot();
            assert_eq!((seen.entry_openings, seen.exit_openings), (1, 1), "{which}");
        }
    }

    #[test]
    fn refuses_to_open_one_door_while_the_other_is_not_locked() {
        for (which, simulator, mut gate) in every_gate() {
            gate.command(GateCommand::OpenEntry).unwrap();
            until(gate.as_mut(), |state| state.entry == Door::Open);
            let fault = gate.open_exit(token()).unwrap_err();
            assert!(
                matches!(&fault, GateFault::Refused(why) if why.contains("interlock")),
                "{which}: {fault}"
            );
            assert_eq!(simulator.floor().snapshot().exit_openings, 0, "{which}");
        }
    }

    #[test]
    fn shuts_its_doors_when_the_lane_is_silent() {
        for (which, simulator, mut gate) in every_gate() {
            let floor = simulator.floor();
            gate.open_exit(token()).unwrap();
            assert!(floor.wait_until(|seen| seen.exit == Door::Open, PATIENCE), "{which}");
            assert!(floor.wait_until(|seen| seen.exit == Door::Locked, PATIENCE), "{which}");
            assert_eq!(floor.snapshot().watchdog_trips, 1, "{which}");
            gate.state().unwrap();
        }
    }

    #[test]
    fn opens_nothing_while_the_emergency_stop_is_pressed() {
        for (which, simulator, mut gate) in every_gate() {
            let floor = simulator.floor();
            floor.press_emergency_stop(true);
            until(gate.as_mut(), |state| state.emergency_stop);
            assert!(matches!(gate.command(GateCommand::OpenEntry), Err(GateFault::Refused(_))), "{which}");
            floor.press_emergency_stop(false);
            until(gate.as_mut(), |state| !state.emergency_stop);
            gate.command(GateCommand::OpenEntry).unwrap();
        }
    }

    #[test]
    fn switches_lamps_and_beacon() {
        for (which, simulator, mut gate) in every_gate() {
            let floor = simulator.floor();
            for (command, green, beacon) in [
                (GateCommand::LampGreen, true, false),
                (GateCommand::BeaconOn, true, true),
                (GateCommand::LampRed, false, true),
                (GateCommand::BeaconOff, false, false),
            ] {
                gate.command(command).unwrap();
                let seen = floor.snapshot();
                assert_eq!((seen.green, seen.beacon), (green, beacon), "{which}: {command:?}");
            }
        }
    }

    #[test]
    fn that_is_cut_off_is_a_fault_within_its_time_and_comes_back() {
        for (which, simulator, mut gate) in every_gate() {
            let floor = simulator.floor();
            floor.cut_bus(true);
            let begun = Instant::now();
            assert!(matches!(gate.state(), Err(GateFault::Silent(_))), "{which}");
            assert!(matches!(gate.command(GateCommand::OpenEntry), Err(GateFault::Silent(_))), "{which}");
            assert!(begun.elapsed() < PATIENCE);
            floor.cut_bus(false);
            assert!(!gate.state().unwrap().fault, "{which}");
            gate.command(GateCommand::OpenEntry).unwrap();
            until(gate.as_mut(), |state| state.entry == Door::Open);
            assert_eq!(floor.snapshot().entry_openings, 1, "{which}");
        }
    }

    #[test]
    fn whose_line_was_pulled_out_is_a_broken_line_and_found_again() {
        for board in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let port = folder.path().join("gate");
            let start = || if board { relay_board() } else { simulator() };
            let first = start();
            symlink(first.port_name(), &port).unwrap();
            let line = SerialSettings::new(port.to_str().unwrap());
            let base = if board { relay_settings(&first) } else { settings(&first) };
            let mut gate = GateSettings { line, ..base }.open().unwrap();
            gate.state().unwrap();
            drop(first);
            assert!(matches!(gate.state(), Err(GateFault::Line(_))));
            let second = start();
            std::fs::remove_file(&port).unwrap();
            symlink(second.port_name(), &port).unwrap();
            let begun = Instant::now();
            while gate.state().is_err() {
                assert!(begun.elapsed() < PATIENCE, "never found again");
            }
            gate.command(GateCommand::OpenEntry).unwrap();
        }
    }
}

#[test]
fn a_relay_board_counts_no_persons_unless_told_to() {
    let board = relay_board();
    let wiring = RelayBoardSettings::default();
    let mut gate = GateSettings { relay_board: Some(wiring), ..settings(&board) }.open().unwrap();
    board.floor().approach();
    until(gate.as_mut(), |state| state.entry_zone.is_none());
    assert_eq!(gate.state().unwrap().cabin, Some(0));
}

#[test]
fn counts_two_who_walk_in_together_and_buzzes() {
    let (_simulator, floor, mut gate) = gate();
    floor.approach();
    until(&mut gate, |state| state.entry_zone == Some(1));
    gate.command(GateCommand::OpenEntry).unwrap();
    floor.two_walk_in();
    until(&mut gate, |state| state.cabin == Some(2));
    assert!(floor.snapshot().buzzer);
    floor.step_back();
    until(&mut gate, |state| state.cabin == Some(0) && state.entry_zone == Some(2));
}

#[test]
fn counts_one_who_turns_back() {
    let (_simulator, floor, mut gate) = gate();
    floor.walk_in();
    gate.command(GateCommand::OpenEntry).unwrap();
    until(&mut gate, |state| state.cabin == Some(1) && state.entry_zone == Some(0));
    floor.leave_by_entry();
    until(&mut gate, |state| state.cabin == Some(0) && state.entry_zone == Some(0));
}

#[test]
fn tells_of_one_who_comes_by_the_exit_until_the_cabin_is_empty_and_shut() {
    let (_simulator, floor, mut gate) = gate();
    floor.enter_by_exit();
    until(&mut gate, |state| state.exit_zone == Some(1));
    assert!(!gate.state().unwrap().wrong_way, "behind a shut door nobody is wrong");
    gate.open_exit(token()).unwrap();
    let state = until(&mut gate, |state| state.wrong_way && state.cabin == Some(1));
    assert_eq!(state.entry, Door::Locked);
    assert!(floor.snapshot().buzzer);
    gate.command(GateCommand::CloseExit).unwrap();
    let state = until(&mut gate, |state| state.exit == Door::Locked);
    assert!(state.wrong_way, "somebody is in the cabin who was not admitted");
    floor.leave_by_exit();
    gate.open_exit(token()).unwrap();
    until(&mut gate, |state| state.cabin == Some(0) && state.exit_zone == Some(0));
    gate.command(GateCommand::CloseExit).unwrap();
    until(&mut gate, |state| !state.wrong_way && state.shut());
}

#[test]
fn a_broken_wire_never_makes_a_gate_that_may_be_entered_or_left() {
    let (_simulator, floor, mut gate) = gate();
    for input in Input::ALL {
        floor.break_wire(input, true);
        let state = gate.state().unwrap();
        // Curtains end where the doors' drives are; a door's "open" contact shows when it opens.
        let seen_at_once =
            ![Input::EntryCurtainClear, Input::ExitCurtainClear, Input::EntryOpen, Input::ExitOpen]
                .contains(&input);
        let entrance_zone = [Input::EntranceClear, Input::ExitClear].contains(&input);
        if entrance_zone {
            assert!(state.entry_zone.is_none() || state.exit_zone.is_none(), "{input:?}");
        } else if seen_at_once && input != Input::NoTailgating {
            assert!(state.against_entering().is_some(), "{input:?}: {state:?}");
        }
        floor.break_wire(input, false);
        // A broken fire circuit opened the entrance, as the release policy says.
        gate.command(GateCommand::CloseEntry).unwrap();
        until(&mut gate, |state| state.against_entering().is_none());
    }
}

#[test]
fn the_officers_call_is_heard_once_and_falls_silent() {
    let simulator = simulator();
    let settings = GateSettings { buzzer_ms: 200, ..settings(&simulator) };
    let (mut gate, floor) = (settings.open().unwrap(), simulator.floor());
    gate.command(GateCommand::BeaconOn).unwrap();
    assert!(floor.snapshot().buzzer && floor.snapshot().beacon);
    let begun = Instant::now();
    while floor.snapshot().buzzer {
        gate.state().unwrap();
    }
    assert!(begun.elapsed() < Duration::from_secs(9), "the lane ends it before the controller must");
    gate.command(GateCommand::BeaconOn).unwrap();
    assert!(!floor.snapshot().buzzer, "it was heard");
    assert!(floor.snapshot().beacon);
}

#[test]
fn tells_of_stop_fire_stuck_doors_and_things_left() {
    let (_simulator, floor, mut gate) = gate();
    floor.press_emergency_stop(true);
    assert!(until(&mut gate, |state| state.emergency_stop).emergency_stop);
    assert!(matches!(gate.command(GateCommand::OpenEntry), Err(GateFault::Refused(_))));
    floor.press_emergency_stop(false);
    floor.fire(true);
    until(&mut gate, |state| state.fire && state.entry == Door::Open && state.exit == Door::Locked);
    floor.fire(false);
    gate.command(GateCommand::CloseEntry).unwrap();
    until(&mut gate, |state| !state.fire && state.entry == Door::Locked);
    floor.leave_object(true);
    until(&mut gate, |state| state.cabin.is_none());
    floor.leave_object(false);
    floor.stick_door(DoorName::Entry, true);
    gate.command(GateCommand::OpenEntry).unwrap();
    until(&mut gate, |state| state.fault);
    floor.stick_door(DoorName::Entry, false);
    until(&mut gate, |state| !state.fault && state.entry == Door::Open);
}

#[test]
fn that_stands_still_is_a_fault_though_its_line_answers() {
    let (_simulator, floor, mut gate) = gate();
    floor.freeze_controller(true);
    let begun = Instant::now();
    let fault = loop {
        match gate.state() {
            Ok(_) => assert!(begun.elapsed() < PATIENCE, "never noticed"),
            Err(fault) => break fault,
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(matches!(&fault, GateFault::Frozen(_)), "{fault}");
    floor.freeze_controller(false);
    std::thread::sleep(Duration::from_millis(50));
    gate.state().unwrap();
}

#[test]
fn with_another_register_map_or_none_is_refused() {
    let (mut slave, line) = TTYPort::pair().unwrap();
    let port = line.name().unwrap();
    let thread = std::thread::spawn(move || ModbusGate::open(GateSettings::new(port)).err());
    serve(&mut slave, |request| match request {
        Request::ReadInputRegisters { .. } => Answer::Registers(vec![9; BLOCK_LENGTH]),
        _ => Answer::Written,
    });
    let fault = thread.join().unwrap().unwrap();
    assert!(matches!(&fault, GateFault::Map(why) if why.to_string().contains("version 9")), "{fault}");
    assert!(ModbusGate::open(GateSettings::new("/dev/no-such-port")).is_err());
}

#[test]
fn a_block_that_echoes_an_earlier_heartbeat_is_not_the_present() {
    let (mut slave, line) = TTYPort::pair().unwrap();
    let port = line.name().unwrap();
    let asking = std::thread::spawn(move || ModbusGate::open(GateSettings::new(port)).err());
    let stale = Block {
        host_heartbeat: 4_711,
        inputs: Inputs(u32::MAX),
        state: ControllerState::InService as u16,
        ..Block::default()
    };
    serve(&mut slave, |request| match request {
        Request::ReadInputRegisters { .. } => Answer::Registers(stale.to_registers().to_vec()),
        _ => Answer::Written,
    });
    let fault = asking.join().unwrap().unwrap();
    assert!(matches!(&fault, GateFault::Silent(why) if why.contains("earlier question")), "{fault}");
}

#[test]
fn the_controller_serves_all_functions_of_the_map_and_refuses_the_rest() {
    let simulator = simulator();
    let port = SerialSettings::new(simulator.port_name()).open().unwrap();
    let mut master = Master::new(Box::new(port), 1);
    let mut ask = |request: Request| master.ask(&request, Duration::from_secs(5)).unwrap();
    let Answer::Bits(bits) = ask(Request::ReadDiscreteInputs { start: 0, count: INPUTS }) else { panic!() };
    assert!(bits[0] && bits[1] && !bits[2], "the entrance is shut and locked");
    assert_eq!(ask(Request::ReadDiscreteInputs { start: INPUTS, count: 1 }), Answer::Exception(2));
    assert_eq!(ask(Request::WriteRegister { address: 1, value: 500 }), Answer::Exception(2));
    let times = Request::WriteRegisters { start: 1, values: vec![700, 8_000, 9_000, 2] };
    assert_eq!(ask(times), Answer::Written);
    let read = ask(Request::ReadHoldingRegisters { start: 1, count: 4 });
    assert_eq!(read, Answer::Registers(vec![700, 8_000, 9_000, 2]));
    let never = Request::WriteRegisters { start: 1, values: vec![0, 8_000, 9_000, 2] };
    assert_eq!(ask(never), Answer::Exception(3), "no watchdog is no gate");
    assert_eq!(ask(Request::WriteRegister { address: 16, value: 3 }), Answer::Exception(2));
    assert_eq!(ask(Request::WriteRegister { address: 0, value: 1 }), Answer::Written);
    assert_eq!(ask(Request::WriteCoil { address: 2, value: modbus::COIL_ON }), Answer::Written);
    assert_eq!(ask(Request::WriteCoils { start: 0, values: vec![true, false] }), Answer::Written);
    let coils = ask(Request::ReadCoils { start: 0, count: COILS });
    assert_eq!(coils, Answer::Bits(vec![true, false, true, false]));
    assert_eq!(ask(Request::WriteCoil { address: COILS, value: modbus::COIL_ON }), Answer::Exception(2));
    assert_eq!(ask(Request::WriteCoil { address: 2, value: 7 }), Answer::Exception(3));
}

//! Drivers against what they drive, over pseudo-terminals: the gate's controller and the reader of printed
//! lines, with every trouble that a serial line can make.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use egate::devices::gate::registers::{BLOCK_LENGTH, Block, ControllerState, INPUTS, Inputs};
use egate::devices::gate::{DoorName, FloorSettings, GateFloor, GateSettings, GateSimulator, ModbusGate};
use egate::devices::modbus::{self, Answer, Heard, Master, ModbusFault, Request};
use egate::devices::mrz_reader::{FramingProfile, MrzReaderSettings, MrzSender, SerialMrzReader};
use egate::devices::serial::{Line, SerialSettings};
use egate::devices::{Gate, GateFault, MrzReader};
use egate::passage::{Door, GateCommand, GateState};
use proptest::prelude::*;
use serialport::{SerialPort, TTYPort};
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

/// For everything that comes soon; generous, because machines are slow.
const PATIENCE: Duration = Duration::from_secs(30);
const LINES: [&str; 2] =
    ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"];

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
fn until(gate: &mut ModbusGate, wish: impl Fn(&GateState) -> bool) -> GateState {
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

mod a_gate {
    use super::*;

    #[test]
    fn carries_out_every_command() {
        let (_simulator, floor, mut gate) = gate();
        let state = gate.state().unwrap();
        assert_eq!((state.entry, state.exit, state.fault), (Door::Locked, Door::Locked, false));
        gate.command(GateCommand::OpenEntry).unwrap();
        until(&mut gate, |state| state.entry == Door::Open);
        gate.command(GateCommand::CloseEntry).unwrap();
        until(&mut gate, |state| state.entry == Door::Locked);
        gate.command(GateCommand::CloseExit).unwrap();
        assert_eq!(gate.state().unwrap().exit, Door::Locked);
        gate.command(GateCommand::LampGreen).unwrap();
        assert!(floor.snapshot().green);
        gate.command(GateCommand::LampRed).unwrap();
        assert!(!floor.snapshot().green);
        gate.command(GateCommand::BeaconOn).unwrap();
        assert!(floor.snapshot().beacon);
        gate.command(GateCommand::BeaconOff).unwrap();
        assert!(!floor.snapshot().beacon);
    }

    #[test]
    fn counts_one_who_walks_in_and_turns_back() {
        let (_simulator, floor, mut gate) = gate();
        floor.approach();
        until(&mut gate, |state| state.entry_zone == Some(1));
        floor.walk_in();
        assert_eq!(gate.state().unwrap().cabin, Some(0), "the door is shut");
        gate.command(GateCommand::OpenEntry).unwrap();
        until(&mut gate, |state| state.cabin == Some(1) && state.entry_zone == Some(0));
        floor.leave_by_entry();
        until(&mut gate, |state| state.cabin == Some(0) && state.entry_zone == Some(0));
    }

    #[test]
    fn counts_two_who_walk_in_together() {
        let (_simulator, floor, mut gate) = gate();
        floor.approach();
        until(&mut gate, |state| state.entry_zone == Some(1));
        gate.command(GateCommand::OpenEntry).unwrap();
        floor.two_walk_in();
        until(&mut gate, |state| state.cabin == Some(2));
        floor.step_back();
        until(&mut gate, |state| state.cabin == Some(0) && state.entry_zone == Some(2));
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
    fn that_is_cut_off_is_a_fault_within_the_deadline_and_comes_back() {
        let (_simulator, floor, mut gate) = gate();
        floor.cut_bus(true);
        let begun = Instant::now();
        assert!(matches!(gate.state(), Err(GateFault::Silent(_))));
        assert!(matches!(gate.command(GateCommand::OpenEntry), Err(GateFault::Silent(_))));
        assert!(begun.elapsed() < PATIENCE);
        assert!(floor.wait_until(|seen| !seen.in_service, PATIENCE), "the watchdog trips");
        floor.cut_bus(false);
        assert!(!gate.state().unwrap().fault);
        gate.command(GateCommand::OpenEntry).unwrap();
        until(&mut gate, |state| state.entry == Door::Open);
        assert_eq!(floor.snapshot().entry_openings, 1);
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
        assert!(matches!(&fault, GateFault::Silent(why) if why.contains("stands still")), "{fault}");
        floor.freeze_controller(false);
        std::thread::sleep(Duration::from_millis(50));
        gate.state().unwrap();
    }

    #[test]
    fn whose_line_was_pulled_out_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let port = folder.path().join("gate");
        let first = simulator();
        symlink(first.port_name(), &port).unwrap();
        let mut gate = ModbusGate::open(GateSettings::new(port.to_str().unwrap())).unwrap();
        gate.state().unwrap();
        drop(first);
        assert!(matches!(gate.state(), Err(GateFault::Silent(_))));
        let second = simulator();
        std::fs::remove_file(&port).unwrap();
        symlink(second.port_name(), &port).unwrap();
        let begun = Instant::now();
        while gate.state().is_err() {
            assert!(begun.elapsed() < PATIENCE, "never found again");
        }
        gate.command(GateCommand::OpenEntry).unwrap();
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
        assert!(matches!(&fault, GateFault::Refused(why) if why.contains("version 9")), "{fault}");
        assert!(ModbusGate::open(GateSettings::new("/dev/no-such-port")).is_err());
    }
}

/// Answers until the other end stops asking for a second.
fn serve(slave: &mut TTYPort, answer: impl Fn(&Request) -> Answer) {
    while let Some(request) = hear(slave) {
        say(slave, &modbus::answer_bytes(1, &request, &answer(&request)));
    }
}

fn hear(slave: &mut TTYPort) -> Option<Request> {
    use std::io::Read;
    slave.set_timeout(Duration::from_secs(2)).unwrap();
    let mut heard = Vec::new();
    loop {
        let mut arriving = [0; 256];
        let count = slave.read(&mut arriving).ok()?;
        heard.extend(&arriving[..count]);
        match modbus::hear_request(&heard) {
            Heard::Request(_, request) => return Some(request),
            Heard::Incomplete => {}
            other => panic!("{other:?}"),
        }
    }
}

fn say(slave: &mut TTYPort, bytes: &[u8]) {
    use std::io::Write;
    slave.write_all(bytes).unwrap();
}

mod a_modbus_master {
    use super::*;

    const DEADLINE: Duration = Duration::from_millis(150);
    const READ: Request = Request::ReadInputRegisters { start: 0, count: 1 };

    /// A master and the slave's bare end.
    fn pair() -> (Master, TTYPort, TTYPort) {
        let (slave, line) = TTYPort::pair().unwrap();
        let port = SerialSettings::new(line.name().unwrap()).open().unwrap();
        (Master::new(Box::new(port), 1), slave, line)
    }

    fn registers(values: &[u16]) -> Vec<u8> {
        modbus::answer_bytes(1, &READ, &Answer::Registers(values.to_vec()))
    }

    /// Asks once, with the slave saying these bytes in answer.
    fn asked(master: &mut Master, slave: &mut TTYPort, bytes: &[u8]) -> Result<Answer, ModbusFault> {
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| master.ask(&READ, Duration::from_millis(600)));
            hear(slave).unwrap();
            say(slave, bytes);
            asking.join().unwrap()
        })
    }

    #[test]
    fn does_not_take_a_late_answer_for_the_next_one() {
        let (mut master, mut slave, _line) = pair();
        assert!(matches!(master.ask(&READ, DEADLINE), Err(ModbusFault::NoAnswer { heard: 0, .. })));
        hear(&mut slave).unwrap();
        say(&mut slave, &registers(&[0xDEAD]));
        let answer = asked(&mut master, &mut slave, &registers(&[0x0001])).unwrap();
        assert_eq!(answer, Answer::Registers(vec![1]));
    }

    #[test]
    fn skips_noise_and_answers_of_other_slaves_and_other_questions() {
        let (mut master, mut slave, _line) = pair();
        let mut bytes = vec![0xFF, 0x00, 1, 4];
        bytes.extend(modbus::answer_bytes(2, &READ, &Answer::Registers(vec![7])));
        bytes.extend(modbus::answer_bytes(1, &READ, &Answer::Registers(vec![7, 7])));
        bytes.extend(registers(&[5]));
        assert_eq!(asked(&mut master, &mut slave, &bytes).unwrap(), Answer::Registers(vec![5]));
    }

    #[test]
    fn takes_no_answer_with_a_wrong_check_sum() {
        let (mut master, mut slave, _line) = pair();
        let mut bytes = registers(&[5]);
        *bytes.last_mut().unwrap() ^= 1;
        let fault = asked(&mut master, &mut slave, &bytes).unwrap_err();
        assert!(matches!(fault, ModbusFault::NoAnswer { heard: 7, .. }), "{fault}");
    }

    #[test]
    fn hands_on_an_exception() {
        let (mut master, mut slave, _line) = pair();
        let bytes = modbus::exception_bytes(1, READ.function(), 2);
        assert_eq!(asked(&mut master, &mut slave, &bytes).unwrap(), Answer::Exception(2));
    }

    #[test]
    fn says_when_the_line_broke() {
        let (mut master, slave, line) = pair();
        drop((slave, line));
        assert!(matches!(master.ask(&READ, DEADLINE), Err(ModbusFault::Line(_))));
    }
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
}

mod a_reader_of_printed_lines {
    use super::*;

    fn pair(profile: FramingProfile) -> (MrzSender, SerialMrzReader) {
        let sender = MrzSender::start(profile.clone()).unwrap();
        let settings = MrzReaderSettings { framing: profile, ..MrzReaderSettings::new(sender.port_name()) };
        (sender, SerialMrzReader::open(settings).unwrap())
    }

    #[test]
    fn gives_frames_of_every_profile_amid_noise() {
        for profile in [FramingProfile::plain(), FramingProfile::desko(0x1C, 0x1D), FramingProfile::rte()] {
            let framed = !profile.start.is_empty();
            let (sender, mut reader) = pair(profile);
            if framed {
                sender.send_bytes(b"\xFF\xFEnoise\r\x03").unwrap();
            }
            sender.send(&LINES).unwrap();
            assert_eq!(reader.next_lines(PATIENCE).unwrap().unwrap(), LINES);
        }
    }

    #[test]
    fn takes_a_frame_sent_twice_as_one_reading() {
        let (sender, mut reader) = pair(FramingProfile::rte());
        sender.send(&LINES).unwrap();
        sender.send(&LINES).unwrap();
        assert!(reader.next_lines(PATIENCE).unwrap().is_some());
        assert_eq!(reader.next_lines(Duration::from_millis(200)).unwrap(), None);
    }

    #[test]
    fn forgets_what_was_sent_before_it_was_opened() {
        let sender = MrzSender::start(FramingProfile::plain()).unwrap();
        sender.send(&["I<UTOSTALE<<<<<<<<<<<<<<<<<<<<"; 3]).unwrap();
        let mut reader = SerialMrzReader::open(MrzReaderSettings::new(sender.port_name())).unwrap();
        sender.send(&LINES).unwrap();
        assert_eq!(reader.next_lines(PATIENCE).unwrap().unwrap(), LINES);
    }

    #[test]
    fn gives_bare_lines_of_no_known_shape_after_silence() {
        let (sender, mut reader) = pair(FramingProfile::plain());
        sender.send(&["P<UTOERIKSSON", "L898902C3"]).unwrap();
        assert_eq!(reader.next_lines(PATIENCE).unwrap().unwrap(), ["P<UTOERIKSSON", "L898902C3"]);
    }

    #[test]
    fn is_found_again_when_its_line_was_pulled_out() {
        let folder = tempfile::tempdir().unwrap();
        let port = folder.path().join("mrz");
        let first = MrzSender::start(FramingProfile::plain()).unwrap();
        symlink(first.port_name(), &port).unwrap();
        let mut reader = SerialMrzReader::open(MrzReaderSettings::new(port.to_str().unwrap())).unwrap();
        drop(first);
        assert!(reader.next_lines(PATIENCE).is_err());
        assert!(reader.next_lines(PATIENCE).is_err(), "there is nothing to open yet");
        let second = MrzSender::start(FramingProfile::plain()).unwrap();
        std::fs::remove_file(&port).unwrap();
        symlink(second.port_name(), &port).unwrap();
        assert_eq!(reader.next_lines(Duration::from_millis(1)).unwrap(), None);
        second.send(&LINES).unwrap();
        assert_eq!(reader.next_lines(PATIENCE).unwrap().unwrap(), LINES);
    }
}

fn request() -> impl Strategy<Value = Request> {
    let count = 1u16..=modbus::REGISTERS_MOST;
    prop_oneof![
        (any::<u16>(), 1u16..=modbus::BITS_MOST)
            .prop_map(|(start, count)| Request::ReadDiscreteInputs { start, count }),
        (any::<u16>(), count.clone())
            .prop_map(|(start, count)| Request::ReadHoldingRegisters { start, count }),
        (any::<u16>(), count).prop_map(|(start, count)| Request::ReadInputRegisters { start, count }),
        any::<(u16, u16)>().prop_map(|(address, value)| Request::WriteRegister { address, value }),
        (any::<u16>(), proptest::collection::vec(any::<u16>(), 1..=120))
            .prop_map(|(start, values)| Request::WriteRegisters { start, values }),
    ]
}

fn answer_to(request: &Request, seed: &[u16]) -> Answer {
    let value = |place: usize| seed[place % seed.len()];
    match request {
        Request::ReadDiscreteInputs { count, .. } => {
            Answer::Bits((0..usize::from(*count)).map(|place| value(place) & 1 == 1).collect())
        }
        Request::ReadHoldingRegisters { count, .. } | Request::ReadInputRegisters { count, .. } => {
            Answer::Registers((0..usize::from(*count)).map(value).collect())
        }
        _ => Answer::Written,
    }
}

proptest! {
    #[test]
    fn requests_and_answers_survive_the_line(
        unit in 1u8..=247, request in request(), seed in proptest::collection::vec(any::<u16>(), 1..9),
    ) {
        prop_assert_eq!(modbus::hear_request(&request.to_bytes(unit)), Heard::Request(unit, request.clone()));
        let answer = answer_to(&request, &seed);
        let bytes = modbus::answer_bytes(unit, &request, &answer);
        prop_assert!(bytes.len() <= modbus::FRAME_MOST);
        prop_assert_eq!(modbus::find_answer(unit, &request, &bytes), Some(answer));
    }

    #[test]
    fn one_flipped_bit_is_no_answer_and_no_request(request in request(), place in any::<prop::sample::Index>()) {
        let mut asked = request.to_bytes(1);
        let bit = place.index(asked.len() * 8);
        asked[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!matches!(modbus::hear_request(&asked), Heard::Request(..)));
        let mut bytes = modbus::answer_bytes(1, &request, &answer_to(&request, &[7]));
        let bit = place.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(modbus::find_answer(1, &request, &bytes), None);
    }

    #[test]
    fn any_bytes_are_heard_without_panic(
        request in request(), bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let _ = modbus::hear_request(&bytes);
        let _ = modbus::find_answer(1, &request, &bytes);
    }
}

#[test]
fn the_check_sum_is_the_published_one() {
    assert_eq!(modbus::crc16(b"123456789"), 0x4B37);
}

#[test]
fn a_line_with_a_bound_on_every_wait_gives_nothing_rather_than_waiting() {
    let (_slave, line) = TTYPort::pair().unwrap();
    let mut port = SerialSettings::new(line.name().unwrap()).open().unwrap();
    assert_eq!(port.receive(&mut [0; 8], Duration::from_millis(10)).unwrap(), 0);
}

mod the_examples_in_hardware {
    use super::*;
    use egate::devices::camera::CameraSettings;
    use egate::devices::screen::ScreenSettings;
    use egate::lane::ChipReaderSettings;
    use egate::policy::config::read_toml;

    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Devices {
        chip_reader: ChipReaderSettings,
        gate: GateSettings,
        mrz_reader: MrzReaderSettings,
        camera: CameraSettings,
        screen: ScreenSettings,
    }

    #[test]
    fn show_every_key_with_its_default() {
        let devices: Devices = toml::from_str(include_str!("../hardware/devices.toml")).unwrap();
        assert_eq!(devices.gate, GateSettings::new("/dev/egate/gate"));
        assert_eq!(devices.mrz_reader.framing, FramingProfile::plain());
        assert_eq!(devices.mrz_reader.repeat_ms, MrzReaderSettings::new("").repeat_ms);
        assert_eq!(devices.screen, ScreenSettings::default());
        assert_eq!(devices.chip_reader, ChipReaderSettings::default());
        assert!(devices.camera.repeat);
    }

    #[test]
    fn hold_the_framings_that_the_tests_have_tried() {
        let read = |text: &str| toml::from_str::<FramingProfile>(text).unwrap();
        assert_eq!(read(include_str!("../hardware/mrz-rte.toml")), FramingProfile::rte());
        assert_eq!(read(include_str!("../hardware/mrz-desko.toml")), FramingProfile::desko(0x1C, 0x1D));
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error =
            toml::from_str::<GateSettings>("unitt = 1\nline = { port = \"x\" }").unwrap_err().to_string();
        assert!(error.contains("unitt") && error.contains("unit"), "{error}");
        let camera = "kind = \"recorded\"\nfolder = \"frames\"\nrepeet = true";
        let error = read_toml::<CameraSettings>(camera, "lane.toml").unwrap_err().to_string();
        assert!(["line 3", "repeet", "`repeat`"].iter().all(|word| error.contains(word)), "{error}");
    }
}

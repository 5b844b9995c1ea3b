//! The Modbus master on a line that misbehaves, and its codec.

use egate::devices::modbus::{self, Answer, Heard, Master, ModbusFault, Request};
use egate::devices::serial::{Line, SerialSettings};
use proptest::prelude::*;
use serialport::{SerialPort, TTYPort};
use std::time::Duration;

/// Answers until the other end stops asking for a second.
pub(crate) fn serve(slave: &mut TTYPort, answer: impl Fn(&Request) -> Answer) {
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

fn request() -> impl Strategy<Value = Request> {
    let count = 1u16..=modbus::REGISTERS_MOST;
    prop_oneof![
        (any::<u16>(), 1u16..=modbus::BITS_MOST)
            .prop_map(|(start, count)| Request::ReadDiscreteInputs { start, count }),
        (any::<u16>(), count.clone())
            .prop_map(|(start, count)| Request::ReadHoldingRegisters { start, count }),
        (any::<u16>(), count).prop_map(|(start, count)| Request::ReadInputRegisters { start, count }),
        any::<(u16, u16)>().prop_map(|(address, value)| Request::WriteRegister { address, value }),
        any::<(u16, u16)>().prop_map(|(address, value)| Request::WriteCoil { address, value }),
        (any::<u16>(), 1u16..=modbus::BITS_MOST)
            .prop_map(|(start, count)| Request::ReadCoils { start, count }),
        (any::<u16>(), proptest::collection::vec(any::<bool>(), 1..=960))
            .prop_map(|(start, values)| Request::WriteCoils { start, values }),
        (any::<u16>(), proptest::collection::vec(any::<u16>(), 1..=120))
            .prop_map(|(start, values)| Request::WriteRegisters { start, values }),
    ]
}

fn answer_to(request: &Request, seed: &[u16]) -> Answer {
    let value = |place: usize| seed[place % seed.len()];
    match request {
        Request::ReadCoils { count, .. } | Request::ReadDiscreteInputs { count, .. } => {
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
fn requests_are_the_published_examples() {
    let bytes = |request: Request, unit| hex::encode(request.to_bytes(unit));
    // MODBUS Application Protocol V1.1b3, §6.1, §6.5 and §6.11, without address and check sum.
    let body = |request: Request| bytes(request, 1).get(2..).map(|rest| rest[..rest.len() - 4].to_owned());
    assert_eq!(body(Request::ReadCoils { start: 0x13, count: 0x13 }).unwrap(), "0100130013");
    assert_eq!(body(Request::WriteCoil { address: 0xAC, value: modbus::COIL_ON }).unwrap(), "0500acff00");
    let values = [1, 0, 1, 1, 0, 0, 1, 1, 1, 0].map(|bit| bit == 1).to_vec();
    assert_eq!(body(Request::WriteCoils { start: 0x13, values }).unwrap(), "0f0013000a02cd01");
    // A relay board's own: relay 0 on for 700 ms, with address and check sum.
    assert_eq!(bytes(Request::WriteCoil { address: 0x0200, value: 7 }, 1), "0105020000078db0");
}

#[test]
fn a_line_with_a_bound_on_every_wait_gives_nothing_rather_than_waiting() {
    let (_slave, line) = TTYPort::pair().unwrap();
    let mut port = SerialSettings::new(line.name().unwrap()).open().unwrap();
    assert_eq!(port.receive(&mut [0; 8], Duration::from_millis(10)).unwrap(), 0);
}

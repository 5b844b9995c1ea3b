//! One libFuzzer target: the parser that has the binary's name (`egate_fuzz::PARSERS`).
#![no_main]

use libfuzzer_sys::fuzz_target;

const NAME: &str = env!("CARGO_BIN_NAME");

fuzz_target!(
    init: egate_fuzz::plant(NAME),
    |bytes: &[u8]| egate_fuzz::feed(NAME, bytes)
);

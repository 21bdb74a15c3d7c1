//! Answers of the sign-in host: any bytes are read, and what a person is shown is harmless.

#![no_main]

use icps::icloud::Challenge;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let challenge = Challenge::read(bytes);
    assert!((4..=10).contains(&challenge.code_length));
    for phone in &challenge.phones {
        assert!(!phone.number.chars().chain(phone.mode.chars()).any(char::is_control));
        assert!(phone.number.chars().count() <= 202 && phone.mode.chars().count() <= 200);
    }
});

//! Random numbers and the opaque texts made of them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// `N` random bytes of the operating system.
#[allow(clippy::expect_used, reason = "without randomness of the system no answer would be honest")]
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

/// An opaque value of 192 bits, as tokens and nonces are.
pub(crate) fn token() -> String {
    URL_SAFE_NO_PAD.encode(bytes::<24>())
}

/// A random UUID (version 4) in lower case.
pub(crate) fn uuid() -> String {
    let mut b = bytes::<16>();
    b[6] = b[6] & 0x0f | 0x40;
    b[8] = b[8] & 0x3f | 0x80;
    let hex: String = b.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// A verification code: six digits, leading zeros included.
pub(crate) fn code() -> String {
    format!("{:06}", u32::from_be_bytes(bytes::<4>()) % 1_000_000)
}

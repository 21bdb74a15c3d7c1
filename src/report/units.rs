//! Numbers as people read them.

use std::time::Duration;

/// A number of bytes: `0 B`, `999 B`, `1.5 GiB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    let name = UNITS[unit];
    if tenths >= 1000 {
        format!("{} {name}", tenths / 10)
    } else {
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    }
}

/// A number with its thousands apart: `1,234,567`.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things: `1 file`, `1,234 files`.
pub fn count(things: u64, thing: &str) -> String {
    let plural = if things == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", number(things))
}

/// A span of time: `14 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (number, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (150 << 20, "150 MiB"),
            (3 << 40, "3.0 TiB"),
            (u64::MAX, "16383 PiB"),
        ] {
            assert_eq!(bytes(number), text);
        }
        assert_eq!([count(0, "file"), count(1, "file")], ["0 files", "1 file"]);
        assert_eq!([count(999, "file"), count(1_234_567, "file")], ["999 files", "1,234,567 files"]);
        for (seconds, text) in [(0, "0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (273_600, "3 d 4 h")] {
            assert_eq!(duration(Duration::from_secs(seconds)), text);
        }
    }
}

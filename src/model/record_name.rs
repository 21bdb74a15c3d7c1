//! The names of records in the photos database.

use std::fmt;

/// The longest record name that is accepted, in bytes; a directory `.<name>` must fit a file name.
const MAX_LEN: usize = 200;

/// The name of a record, unique in its zone: a UUID for assets and albums, a checksum in base64 for masters.
///
/// Only letters, digits and `- _ + / =` are accepted. A name is not by itself safe as a file name (masters
/// contain `/`); see [`RecordName::is_directory_safe`].
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordName(Box<str>);

/// A text that is no record name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a record name: {0:?}")]
pub struct BadRecordName(String);

impl RecordName {
    /// Accepts a record name, or refuses what contains anything but its alphabet.
    pub fn new(text: &str) -> Result<Self, BadRecordName> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'+' | b'/' | b'=');
        if text.is_empty() || text.len() > MAX_LEN || !text.bytes().all(allowed) {
            return Err(BadRecordName(text.chars().take(64).collect()));
        }
        Ok(Self(text.into()))
    }

    /// Whether `.<name>` may be a directory: an album's or folder's name, never one with a slash.
    pub fn is_directory_safe(&self) -> bool {
        !self.0.contains('/')
    }

    /// The name as the server spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordName({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_refused() {
        for text in ["", ".", "..", "a b", "a\0", "a\n", "ü", &"A".repeat(201)] {
            assert!(RecordName::new(text).is_err(), "{text:?}");
        }
        assert!(!RecordName::new("Abv+EeVEGAQ0o5/2szwFFOVX1ICw").unwrap().is_directory_safe());
        assert!(RecordName::new("2076BCB0-C481-4175-8F14-7A0E8EFAF02B").unwrap().is_directory_safe());
    }
}

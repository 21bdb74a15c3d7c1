//! The change feed of a zone: who changed when, and the tokens that name a point of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The sequence number before the first change; any number will do, as it is never zero at Apple's.
const FIRST: u64 = 0x4400;
/// What stands between the sequence and the zone's constant in every recorded token.
const MIDDLE: [u8; 8] = [0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

/// A record of a zone, by its place in the zone's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordKey {
    Master(u32),
    Asset(u32),
    Album(u32),
    /// An album and an asset.
    Relation(u32, u32),
    /// `CPLLibraryInfo`, which comes along with every change.
    Info,
    /// A record that was purged before the emulator's time.
    Ancient(u32),
}

/// The changes of a zone in order. An entry counts only while it is the last one of its record.
#[derive(Debug)]
pub(crate) struct Feed {
    constant: [u8; 16],
    entries: Vec<RecordKey>,
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadToken {
    /// Not of the form of a token.
    Format,
    /// Of another zone, another kind, or from the future.
    Unknown,
}

impl BadToken {
    /// The server's words (reported by clients).
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Format => "Invalid continuation format",
            Self::Unknown => "Unknown sync continuation type",
        }
    }
}

impl Feed {
    pub(crate) fn new(constant: [u8; 16]) -> Self {
        Self { constant, entries: Vec::new() }
    }

    /// Notes a change and returns its sequence number.
    pub(crate) fn push(&mut self, record: RecordKey) -> u64 {
        self.entries.push(record);
        self.last()
    }

    /// The sequence number of the last change.
    pub(crate) fn last(&self) -> u64 {
        FIRST + self.entries.len() as u64
    }

    /// The sequence number before all changes.
    pub(crate) fn start() -> u64 {
        FIRST
    }

    /// The record that was changed with a sequence number.
    pub(crate) fn record_at(&self, sequence: u64) -> Option<RecordKey> {
        let at = usize::try_from(sequence.checked_sub(FIRST + 1)?).ok()?;
        self.entries.get(at).copied()
    }

    /// The token of the present state.
    pub(crate) fn token(&self) -> String {
        self.token_at(self.last())
    }

    /// The token of the state after a change.
    pub(crate) fn token_at(&self, sequence: u64) -> String {
        encode_token(sequence, &self.constant)
    }

    /// The sequence number that a token names.
    pub(crate) fn read_token(&self, token: &str) -> Result<u64, BadToken> {
        decode_token(token, &self.constant, self.last())
    }
}

/// A token in the recorded form: 33 bytes in base64.
pub(crate) fn encode_token(sequence: u64, constant: &[u8; 16]) -> String {
    let mut bytes = vec![1];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(MIDDLE);
    bytes.extend(constant);
    STANDARD.encode(bytes)
}

/// Reads a token of the zone or database with the given constant.
pub(crate) fn decode_token(token: &str, constant: &[u8; 16], last: u64) -> Result<u64, BadToken> {
    let bytes = STANDARD.decode(token).map_err(|_| BadToken::Format)?;
    let bytes: [u8; 33] = bytes.try_into().map_err(|_| BadToken::Format)?;
    if bytes[0] != 1 || bytes[9..17] != MIDDLE {
        return Err(BadToken::Format);
    }
    let sequence = bytes[1..9].iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    if bytes[17..] != *constant || sequence > last {
        return Err(BadToken::Unknown);
    }
    Ok(sequence)
}

/// The change tag of a sequence number: short text in base 36, as recorded.
pub(crate) fn change_tag(mut sequence: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit(u32::try_from(sequence % 36).unwrap_or(0), 36).unwrap_or('0'));
        sequence /= 36;
        if sequence == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

/// The sequence number of a change tag.
pub(crate) fn read_change_tag(tag: &str) -> Option<u64> {
    u64::from_str_radix(tag, 36).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_point_and_no_other_zone_reads_it() {
        let mut feed = Feed::new([7; 16]);
        let before = feed.token();
        assert_eq!(before.len(), 44);
        assert_eq!(feed.push(RecordKey::Info), feed.last());
        assert_eq!(feed.read_token(&before), Ok(Feed::start()));
        assert_eq!(feed.record_at(feed.last()), Some(RecordKey::Info));
        assert_eq!(Feed::new([8; 16]).read_token(&before), Err(BadToken::Unknown));
        assert_eq!(Feed::new([7; 16]).read_token(&feed.token()), Err(BadToken::Unknown));
        assert_eq!(feed.read_token("nonsense"), Err(BadToken::Format));
    }

    #[test]
    fn change_tags_are_base_36() {
        assert_eq!(change_tag(0), "0");
        assert_eq!(change_tag(35), "z");
        assert_eq!(read_change_tag(&change_tag(0x4461)), Some(0x4461));
    }
}

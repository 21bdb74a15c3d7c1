//! One record of the database, whatever its type: the envelope and lenient access to its fields.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::json::Json;
use crate::model::{BadRecordName, RecordName};

/// Base64 as clients have met it: with and without padding.
const LENIENT_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// 1970 to 2099. What lies outside cannot be a modification by a server, and not every file system can hold it.
const MODIFIED: std::ops::RangeInclusive<i64> = 0..=4_102_444_799_000;
/// The years 1 to 9999. Dates of the years 1 and 1601 are reported, and worse may come.
const DATE: std::ops::RangeInclusive<i64> = -62_135_596_800_000..=253_402_300_799_000;

/// Which state of a record is the newer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Version {
    /// `modified.timestamp`, milliseconds since 1970 UTC.
    modified: i64,
    /// `recordChangeTag`, a counter in base 36; 0 if it is anything else.
    tag: u64,
}

/// A view of one record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a>(pub(super) &'a Json<'a>);

impl<'a> Record<'a> {
    /// The name as it stands, for messages: shortened, and without control characters.
    pub(super) fn label(self) -> String {
        self.0.get("recordName").text().map_or_else(|| "a record without a name".to_owned(), printable)
    }

    pub(super) fn name(self) -> Result<RecordName, BadRecordName> {
        RecordName::new(self.0.get("recordName").text().unwrap_or_default())
    }

    pub(super) fn record_type(self) -> Option<&'a str> {
        self.0.get("recordType").text()
    }

    /// Whether only the name is left of it.
    pub(super) fn is_tombstone(self) -> bool {
        self.0.get("deleted").flag()
    }

    /// The error that stands in place of the record.
    pub(super) fn error(self) -> Option<&'a str> {
        self.0.get("serverErrorCode").text()
    }

    /// The value of a field; null if it is absent.
    pub(super) fn field(self, name: &str) -> &'a Json<'a> {
        match self.0.get("fields").get(name) {
            wrapped @ Json::Object(_) => wrapped.get("value"),
            bare => bare,
        }
    }

    /// The record that a reference field names, or that stands there as plain text.
    pub(super) fn reference(self, name: &str) -> Option<&'a str> {
        let value = self.field(name);
        value.get("recordName").text().or_else(|| value.text())
    }

    /// Text that is base64 of UTF-8 unless the field's type says `STRING`; the value itself if it is neither.
    pub(super) fn decoded(self, name: &str) -> Option<String> {
        let text = self.field(name).text()?;
        let plain = self.0.get("fields").get(name).get("type").text() == Some("STRING");
        let decoded = if plain {
            None
        } else {
            LENIENT_BASE64.decode(text.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok())
        };
        Some(decoded.unwrap_or_else(|| text.to_owned()))
    }

    /// A date field, milliseconds since 1970 UTC, within the years 1 to 9999.
    pub(super) fn date(self, name: &str) -> Option<i64> {
        self.field(name).integer().map(|ms| ms.clamp(*DATE.start(), *DATE.end()))
    }

    /// When the server says it was last changed, milliseconds since 1970 UTC, within 1970 to 2099.
    pub(super) fn modified(self) -> i64 {
        let stamp = |member| self.0.get(member).get("timestamp").integer();
        let modified = stamp("modified").or_else(|| stamp("created")).unwrap_or_default();
        modified.clamp(*MODIFIED.start(), *MODIFIED.end())
    }

    pub(super) fn version(self) -> Version {
        let tag = self.0.get("recordChangeTag").text().and_then(|tag| u64::from_str_radix(tag, 36).ok());
        Version { modified: self.modified(), tag: tag.unwrap_or_default() }
    }
}

/// Text from the network for a message: shortened, and without control characters.
pub(super) fn printable(text: &str) -> String {
    text.chars().take(80).collect::<String>().escape_debug().to_string()
}

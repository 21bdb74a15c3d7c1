//! Finds where files can be downloaded right now. Download addresses live for an hour, so they are looked up
//! just before they are used, and never kept.

use std::collections::HashMap;

use super::database::Database;
use super::json::Json;
use super::query;
use super::read::NAMES_PER_LOOKUP;
use super::record::{Record, printable};
use super::resource::FAMILIES;
use super::zones::Library;
use crate::icloud::{Error, SecretUrl};
use crate::model::{Checksum, RecordName};

/// A file to find: the record that it stands on, and its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// See [`crate::model::Asset::record_of`].
    pub record: RecordName,
    /// The content that the plan knows.
    pub checksum: Checksum,
}

/// Where a file can be downloaded for about an hour.
#[derive(Debug, Clone)]
pub struct Location {
    pub(super) url: SecretUrl,
    /// Its size in bytes, as the record has it now.
    pub size: u64,
}

/// Why a file cannot be found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// The record is gone: it was deleted since the library was read.
    #[error("it was deleted in iCloud since the library was read")]
    Gone,
    /// The record has other files by now: it was edited since the library was read.
    #[error("it was changed in iCloud since the library was read")]
    Changed,
    /// The file is known, but cannot be downloaded for the time being.
    #[error("iCloud offers no download of it at the moment")]
    NotReady,
    /// The server answers with an error for this record, or with an address that is none of Apple's.
    #[error("iCloud refuses it: {0}")]
    Refused(String),
}

/// Finds files of one zone; the answers are in the order of the wishes. `libraries` are the zone's, usually
/// one; a record that one does not have is asked of the next.
pub(super) async fn locate<D: Database>(
    database: &D,
    libraries: &[&Library],
    wishes: &[Wish],
) -> Result<Vec<Result<Location, Missing>>, Error> {
    let mut found: Vec<_> = wishes.iter().map(|_| Err(Missing::Gone)).collect();
    for library in libraries {
        let open = |at: &usize| matches!(found[*at], Err(Missing::Gone));
        let mut by_record: HashMap<&RecordName, Vec<usize>> = HashMap::new();
        for at in (0..wishes.len()).filter(open) {
            by_record.entry(&wishes[at].record).or_default().push(at);
        }
        let mut names: Vec<_> = by_record.keys().copied().collect();
        names.sort_unstable();
        for names in names.chunks(NAMES_PER_LOOKUP) {
            let body = query::lookup(library, names, &FAMILIES.map(|family| family.content));
            let answer = database.call(library.area, "records/lookup", &body).await?;
            let json = Json::parse(&answer).map_err(|e| Error::protocol(format!("records/lookup: {e}")))?;
            for record in json.get("records").elements().iter().map(Record) {
                let asked = record.name().ok().and_then(|name| by_record.get(&name));
                for &at in asked.into_iter().flatten() {
                    found[at] = location(record, &wishes[at].checksum);
                }
            }
        }
    }
    Ok(found)
}

fn location(record: Record<'_>, wanted: &Checksum) -> Result<Location, Missing> {
    match record.error() {
        Some("NOT_FOUND" | "UNKNOWN_ITEM") => return Err(Missing::Gone),
        Some(code) => return Err(Missing::Refused(printable(code))),
        None if record.is_tombstone() => return Err(Missing::Gone),
        None => {}
    }
    let spelling = wanted.to_base64();
    let content = FAMILIES
        .iter()
        .map(|family| record.field(family.content))
        .find(|content| content.get("fileChecksum").text() == Some(&spelling))
        .ok_or(Missing::Changed)?;
    let size = content.get("size").integer().and_then(|size| u64::try_from(size).ok());
    match (content.get("downloadURL").text(), size) {
        (Some(url), Some(size)) if size > 0 => {
            let url = SecretUrl::new(url).map_err(|refused| Missing::Refused(refused.to_string()))?;
            Ok(Location { url, size })
        }
        _ => Err(Missing::NotReady),
    }
}

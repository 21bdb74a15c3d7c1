//! The zones of the database that hold photos, whether they are complete, and what they count.

use bytes::Bytes;
use serde_json::{Value, json};

use super::database::Database;
use super::json::Json;
use super::query;
use super::record::{Record, printable};
use crate::icloud::{Area, Error};
use crate::model::{Problem, Zone};

/// The personal library; there is exactly one.
const PRIMARY: &str = "PrimarySync";
/// The Shared Photo Library: in the private area of its owner, in the shared area of its members.
const SHARED_PREFIX: &str = "SharedSync-";

/// A zone that holds photos, and how it is addressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Library {
    pub(super) zone: Zone,
    pub(super) area: Area,
    /// The zone's name.
    pub(super) name: String,
    /// The `zoneID` of requests, as the server gave it.
    pub(super) id: Value,
}

impl Library {
    /// Asks about this zone and reads the answer as JSON with `read`.
    pub(super) async fn ask<D: Database, T>(
        &self,
        database: &D,
        call: &str,
        body: &Value,
        read: impl FnOnce(&Json<'_>) -> Result<T, String>,
    ) -> Result<T, Error> {
        let answer: Bytes = database.call(self.area, call, body).await?;
        let malformed =
            |what: &dyn std::fmt::Display| Error::protocol(format!("{call} in {}: {what}", self.name));
        let json = Json::parse(&answer).map_err(|e| malformed(&e))?;
        read(&json).map_err(|e| malformed(&e))
    }

    /// Fails with [`Error::Indexing`] unless the zone's index is complete: lists would not be.
    pub(super) async fn require_indexed<D: Database>(&self, database: &D) -> Result<(), Error> {
        let body = query::indexing_state(self);
        let (finished, progress) = self
            .ask(database, "records/query", &body, |json| {
                let record = json.get("records").elements().first().ok_or("no indexing state")?;
                if let Some(code) = Record(record).error() {
                    return Err(format!("the indexing state is {}", printable(code)));
                }
                let state = Record(record).field("state").text().ok_or("the indexing state is missing")?;
                let progress = Record(record).field("progress").integer().unwrap_or_default();
                Ok((state == "FINISHED", u8::try_from(progress.clamp(0, 100)).unwrap_or_default()))
            })
            .await?;
        if finished { Ok(()) } else { Err(Error::Indexing { zone: self.name.clone(), progress }) }
    }

    /// The counts of some indexes, in their order, and the zone's sync token. An index that is not answered
    /// counts 0: counts are estimates, and a list is read to its end whatever they say.
    pub(super) async fn counts<D: Database>(
        &self,
        database: &D,
        index_ids: &[String],
    ) -> Result<(Vec<u64>, Option<Box<str>>), Error> {
        let body = query::counts(self, index_ids);
        self.ask(database, "internal/records/query/batch", &body, |json| {
            let answer = json.get("batch").elements().first().ok_or("no counts")?;
            if let Some(code) = Record(answer).error() {
                return Err(format!("the count is {}", printable(code)));
            }
            let records = answer.get("records").elements();
            let count_of = |id: &String| {
                let record = records.iter().find(|record| record.get("recordName").text() == Some(id))?;
                u64::try_from(Record(record).field("itemCount").integer()?).ok()
            };
            let counts = index_ids.iter().map(|id| count_of(id).unwrap_or_default()).collect();
            Ok((counts, answer.get("syncToken").text().map(Into::into)))
        })
        .await
    }
}

/// The libraries of the account.
#[derive(Debug)]
pub(super) struct Libraries {
    /// The personal one first.
    pub(super) found: Vec<Library>,
    /// Why there may be one more: what others share could not be listed.
    pub(super) unlisted: Option<Problem>,
}

/// Finds the libraries of the account. Fails with [`Error::NotSetUp`] without a personal one. Trouble with what
/// others share shall not keep the personal one from its backup.
pub(super) async fn libraries<D: Database>(database: &D) -> Result<Libraries, Error> {
    let (mut found, mut unlisted) = (in_area(database, Area::Private).await?, None);
    match in_area(database, Area::Shared).await {
        // A shared library that stands in both areas is one library.
        Ok(shared) => {
            let new =
                shared.into_iter().filter(|library| found.iter().all(|known| known.name != library.name));
            let new: Vec<_> = new.collect();
            found.extend(new);
        }
        Err(error) if error.is_of_one_library() => {
            let subject = "libraries that others share".to_owned();
            unlisted = Some(Problem { subject, reason: error.to_string(), blocks_deletion: true });
        }
        Err(error) => return Err(error),
    }
    found.sort_by_key(|library| library.zone);
    match found.first() {
        Some(library) if library.zone == Zone::Primary => Ok(Libraries { found, unlisted }),
        _ => Err(Error::NotSetUp),
    }
}

async fn in_area<D: Database>(database: &D, area: Area) -> Result<Vec<Library>, Error> {
    let answer = database.call(area, "zones/list", &json!({})).await?;
    parse(area, &answer)
}

fn parse(area: Area, answer: &[u8]) -> Result<Vec<Library>, Error> {
    let malformed = |what: &str| Error::protocol(format!("zones/list: {what}"));
    let json = Json::parse(answer).map_err(|e| malformed(&e.to_string()))?;
    let Json::List(zones) = json.get("zones") else {
        return Err(malformed("no list of zones"));
    };
    if json.get("moreComing").flag() {
        // A zone that is left out looks deleted.
        return Err(malformed("the list of zones has a second page"));
    }
    Ok(zones.iter().filter_map(|zone| library(area, zone)).collect())
}

fn library(area: Area, zone: &Json<'_>) -> Option<Library> {
    let id = zone.get("zoneID");
    let name = id.get("zoneName").text()?;
    let kind = match (area, name) {
        (Area::Private, PRIMARY) => Zone::Primary,
        (_, name) if name.starts_with(SHARED_PREFIX) => Zone::Shared,
        _ => {
            tracing::debug!("ignoring the zone {}", printable(name));
            return None;
        }
    };
    if zone.get("deleted").flag() {
        tracing::debug!("ignoring the deleted zone {}", printable(name));
        return None;
    }
    let mut full = json!({"zoneName": name});
    for member in ["ownerRecordName", "zoneType"] {
        if let Some(text) = id.get(member).text() {
            full[member] = json!(text);
        }
    }
    Some(Library { zone: kind, area, name: printable(name), id: full })
}

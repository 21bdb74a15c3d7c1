//! `records/modify`: what a client may change.

use serde_json::{Value, json};

use super::error::Refusal;
use super::fields::Wanted;
use super::scribe::Scribe;
use super::{find_zone, wants_token};
use crate::library::Area;
use crate::library::feed::{RecordKey, read_change_tag};
use crate::library::zone::{Zone, ZoneKind};
use crate::{Request, State};

/// A change of one asset that the database understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Deleted(bool),
    Favorite(bool),
    Hidden(bool),
}

/// Answers a call to `records/modify`.
pub(crate) fn modify(state: &State, request: &Request, area: Area, body: &Value) -> Result<Value, Refusal> {
    let operations = body["operations"]
        .as_array()
        .ok_or_else(|| Refusal::bad_request("missing required field 'operations'"))?;
    let kind = find_zone(&state.library.read(), area, &body["zoneID"])?.kind;
    if kind == ZoneKind::Foreign {
        return Err(Refusal::bad_request("Index has invalid data"));
    }
    let atomic = body["atomic"].as_bool().unwrap_or(false);
    let wanted = Wanted::of(body);
    state.library.change(kind, |zone, _, now| {
        let checked: Vec<_> = operations.iter().map(|operation| check(state, zone, operation)).collect();
        let failed = checked.iter().any(Result::is_err);
        let records: Vec<Value> = operations
            .iter()
            .zip(checked)
            .map(|(operation, change)| match change {
                Err(refusal) => refused(&refusal, operation),
                Ok(_) if failed && atomic => refused(&Refusal::atomic(), operation),
                Ok((asset, changes)) => {
                    for change in changes {
                        apply(zone, asset, change, now);
                    }
                    written(zone, asset, &wanted)
                }
            })
            .collect();
        let mut answer = json!({"records": records});
        if wants_token(request) {
            answer["syncToken"] = zone.feed.token().into();
        }
        Ok(answer)
    })
}

fn refused(refusal: &Refusal, operation: &Value) -> Value {
    refusal.part("recordName", &operation["record"]["recordName"])
}

/// What an operation means, or why it cannot be done.
fn check(state: &State, zone: &Zone, operation: &Value) -> Result<(u32, Vec<Change>), Refusal> {
    let record = &operation["record"];
    let unknown = |what: &str| {
        state.record_unexpected(format!("Modify: {what}: {operation}"));
        Refusal::bad_request(what)
    };
    if !matches!(operation["operationType"].as_str(), Some("update" | "forceUpdate")) {
        return Err(unknown("operationType is not supported"));
    }
    if record["recordType"].as_str() != Some("CPLAsset") {
        return Err(unknown("records of this type are not changed"));
    }
    let found = record["recordName"].as_str().and_then(|name| zone.find(name));
    let Some(RecordKey::Asset(asset)) = found else { return Err(Refusal::not_found()) };
    if record["recordChangeTag"].as_str().is_some_and(|tag| is_stale(zone, asset, tag)) {
        return Err(Refusal::conflict());
    }
    let fields = record["fields"].as_object().ok_or_else(|| Refusal::bad_request("missing 'fields'"))?;
    let changes = fields.iter().map(|(name, field)| {
        let set = match &field["value"] {
            Value::Bool(set) => *set,
            value => value.as_i64() == Some(1),
        };
        match name.as_str() {
            "isDeleted" => Ok(Change::Deleted(set)),
            "isFavorite" => Ok(Change::Favorite(set)),
            "isHidden" => Ok(Change::Hidden(set)),
            _ => Err(unknown("this field is not changed")),
        }
    });
    Ok((asset, changes.collect::<Result<_, _>>()?))
}

/// Whether the record once had this tag and has another now.
///
/// Clients that send none, or a constant one that never was the record's, are let through: so do reports.
fn is_stale(zone: &Zone, asset: u32, tag: &str) -> bool {
    let key = RecordKey::Asset(asset);
    read_change_tag(tag)
        .is_some_and(|sequence| zone.feed.record_at(sequence) == Some(key) && zone.sequence(key) != sequence)
}

fn apply(zone: &mut Zone, asset: u32, change: Change, now: i64) {
    match change {
        Change::Deleted(true) => {
            zone.trash(asset, now);
        }
        Change::Deleted(false) => {
            zone.restore(asset, now);
        }
        Change::Favorite(favorite) => zone.set_favorite(asset, favorite, now),
        Change::Hidden(hidden) => zone.set_hidden(asset, hidden, now),
    }
}

/// The record after the change; recorded answers leave the zone out.
fn written(zone: &Zone, asset: u32, wanted: &Wanted) -> Value {
    let mut record = Scribe { zone, wanted, signer: None }.asset(asset);
    if let Some(record) = record.as_object_mut() {
        record.remove("zoneID");
    }
    record
}

//! `records/query`: which list is meant, and the queries that are no lists.

use serde_json::{Value, json};

use super::error::Refusal;
use super::filter::Filters;
use super::{Call, album_list, asset_list};
use crate::library::zone::{List, Zone, ZoneKind, at};
use crate::random;

/// The lists that a record type names by itself.
const LISTS: &[(&str, List)] = &[
    ("CPLAssetAndMasterByAssetDateWithoutHiddenOrDeleted", List::AssetDate),
    ("CPLAssetAndMasterByAddedDate", List::AddedDate),
    ("CPLAssetAndMasterHiddenByAssetDate", List::Hidden),
    ("CPLAssetAndMasterDeletedByExpungedDate", List::Deleted),
    ("CPLBurstStackAssetAndMasterByAssetDate", List::Burst),
];

/// The ids of their counts.
const COUNTS: &[(&str, List)] = &[
    ("CPLAssetByAssetDateWithoutHiddenOrDeleted", List::AssetDate),
    ("CPLAssetByAddedDate", List::AddedDate),
    ("CPLAssetHiddenByAssetDate", List::Hidden),
    ("CPLAssetDeletedByExpungedDate", List::Deleted),
    ("CPLAssetBurstStackAssetByAssetDate", List::Burst),
];

/// The smart albums: the name in a filter, the name in a count.
const SMART: &[(&str, &str, List)] = &[
    ("FAVORITE", "Favorite", List::Favorite),
    ("VIDEO", "Video", List::Video),
    ("LIVE", "Live", List::Live),
    ("PANORAMA", "Panorama", List::Panorama),
    ("TIMELAPSE", "Timelapse", List::TimeLapse),
    ("SLOMO", "Slomo", List::SlowMotion),
    ("SCREENSHOT", "Screenshot", List::Screenshot),
    ("DEPTH", "Depth", List::Depth),
    ("EXPOSURE", "Exposure", List::Exposure),
    ("ANIMATED", "Animated", List::Animated),
    ("SELFIE", "Selfie", List::Selfie),
];

const SMART_LIST: &str = "CPLAssetAndMasterInSmartAlbumByAssetDate";
const SMART_COUNT: &str = "CPLAssetInSmartAlbumByAssetDate:";
const MEMBER_COUNT: &str = "CPLContainerRelationNotDeletedByAssetDate:";

/// Answers one query, alone or of a batch.
pub(crate) fn query(call: &Call<'_>, body: &Value) -> Result<Value, Refusal> {
    let zone = call.zone(body)?;
    if zone.kind == ZoneKind::Foreign {
        return Err(Refusal::bad_request("Index has invalid data"));
    }
    let query = &body["query"];
    let filters = Filters::of(query).inspect_err(|refusal| call.unexpected(format!("{refusal:?}")))?;
    let kind = query["recordType"].as_str().unwrap_or_default();
    if let Some((_, list)) = LISTS.iter().find(|(name, _)| *name == kind) {
        return asset_list::page(call, zone, zone.list(*list), &filters, body);
    }
    match kind {
        SMART_LIST => asset_list::page(call, zone, zone.list(smart_list(zone, &filters)?), &filters, body),
        "CPLContainerRelationLiveByAssetDate" => asset_list::members(call, zone, &filters, body, false),
        "CPLContainerRelationLiveByPosition" => asset_list::members(call, zone, &filters, body, true),
        "CPLAlbumByPositionLive" => album_list::page(call, zone, &filters, body),
        "CheckIndexingState" => Ok(call.with_token(zone, indexing_state(call, zone))),
        "HyperionIndexCountLookup" => counts(call, zone, &filters),
        _ => {
            // Recorded types that simply cannot be listed are a client's mistake, too, but a known one.
            if !matches!(kind, "CPLMaster" | "CPLAsset") {
                call.unexpected(format!("records of type {kind:?}"));
            }
            Err(Refusal::bad_request(format!("Type is not marked indexable: {kind}")))
        }
    }
}

fn smart_list(zone: &Zone, filters: &Filters) -> Result<List, Refusal> {
    let name = filters.smart_album.as_deref().unwrap_or_default();
    let found = SMART.iter().find(|(filter, _, _)| *filter == name).map(|(_, _, list)| *list);
    let list = found.ok_or_else(|| Refusal::bad_request(format!("Unknown smart album '{name}'")))?;
    // Reported: shared libraries keep only their favourites as a list.
    Ok(if zone.kind == ZoneKind::Shared && list != List::Favorite { List::Selfie } else { list })
}

/// A record that is made for the answer and kept nowhere.
fn passing_record(call: &Call<'_>, zone: &Zone, name: &str, kind: &str, fields: &Value) -> Value {
    let written = json!({
        "timestamp": call.state.clock.milliseconds(),
        "userRecordName": "_10",
        "deviceID": "1",
    });
    json!({
        "recordName": name,
        "recordType": kind,
        "fields": fields,
        "pluginFields": {},
        "recordChangeTag": "0",
        "created": written,
        "modified": written,
        "deleted": false,
        "zoneID": super::scribe::zone_id(zone),
    })
}

fn indexing_state(call: &Call<'_>, zone: &Zone) -> Value {
    let (state, progress) = &zone.indexing;
    let fields = json!({
        "progress": {"value": progress, "type": "INT64"},
        "state": {"value": state, "type": "STRING"},
    });
    let name = format!("_{}", random::uuid());
    json!({"records": [passing_record(call, zone, &name, "CheckIndexingState", &fields)]})
}

fn counts(call: &Call<'_>, zone: &Zone, filters: &Filters) -> Result<Value, Refusal> {
    let mut records = Vec::new();
    for id in &filters.counts {
        let Some(count) = count(zone, id) else {
            call.unexpected(format!("a count of {id:?}"));
            return Err(Refusal::bad_request(format!("Unknown index '{id}'")));
        };
        let count = i64::try_from(count).unwrap_or(i64::MAX) + call.request.wrong_count().unwrap_or(0);
        let fields = json!({"itemCount": {"value": count.max(0), "type": "INT64"}});
        records.push(passing_record(call, zone, id, "IndexCountResult", &fields));
    }
    Ok(call.with_token(zone, json!({"records": records})))
}

fn count(zone: &Zone, id: &str) -> Option<usize> {
    if let Some((_, list)) = COUNTS.iter().find(|(name, _)| *name == id) {
        return Some(zone.list(*list).len());
    }
    if let Some(name) = id.strip_prefix(SMART_COUNT) {
        let (_, _, list) = SMART.iter().find(|(_, count, _)| *count == name)?;
        return Some(zone.list(*list).len());
    }
    if let Some(record) = id.strip_prefix(MEMBER_COUNT) {
        let album = zone.find_album(record).map(|index| &zone.albums[at(index)]);
        return Some(album.map_or(0, |album| album.by_date.len()));
    }
    (id == "CPLAlbumByPositionLive").then(|| zone.albums.iter().filter(|album| !album.deleted).count())
}

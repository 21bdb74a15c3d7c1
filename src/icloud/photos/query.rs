//! The questions: bodies of `records/query`, `records/lookup` and the counting batch.

use serde_json::{Value, json};

use super::Wanted;
use super::resource;
use super::zones::Library;
use crate::model::RecordName;

/// How a list of the database is asked for.
#[derive(Debug, Clone)]
pub(super) struct List<'a> {
    pub(super) library: &'a Library,
    /// The query's record type.
    pub(super) index: &'static str,
    /// The album or folder whose content is listed.
    pub(super) parent: Option<&'a RecordName>,
    /// The fields that the answer shall have; all if empty.
    pub(super) keys: &'a [&'static str],
    /// How many records an answer has for each rank.
    pub(super) records_per_rank: usize,
}

/// Answers have at most 200 records whatever is asked for, reported by clients.
const MOST_RECORDS: usize = 200;

impl List<'_> {
    /// How many ranks fit one answer.
    pub(super) fn ranks_per_page(&self) -> usize {
        MOST_RECORDS / self.records_per_rank
    }

    /// The page that begins at `start_rank`, with `ranks` ranks. Rank 0 is the newest, so that photos which
    /// arrive meanwhile repeat others instead of hiding them.
    pub(super) fn window(&self, start_rank: usize, ranks: usize) -> Value {
        let mut filters =
            vec![equals("startRank", "INT64", start_rank), equals("direction", "STRING", "ASCENDING")];
        filters.extend(self.parent.map(parent_filter));
        let mut body = json!({
            "query": {"recordType": self.index, "filterBy": filters},
            "resultsLimit": ranks.min(self.ranks_per_page()) * self.records_per_rank,
            "zoneID": self.library.id,
        });
        if !self.keys.is_empty() {
            body["desiredKeys"] = json!(self.keys);
        }
        body
    }
}

/// The children of a folder, or the top level, from the beginning or from a continuation marker.
pub(super) fn albums(library: &Library, folder: Option<&RecordName>, continuation: Option<&str>) -> Value {
    let mut body = json!({
        "query": {"recordType": "CPLAlbumByPositionLive"},
        "resultsLimit": MOST_RECORDS,
        "zoneID": library.id,
    });
    if let Some(folder) = folder {
        body["query"]["filterBy"] = json!([parent_filter(folder)]);
    }
    if let Some(marker) = continuation {
        body["continuationMarker"] = json!(marker);
    }
    body
}

/// Whether the zone's index is complete.
pub(super) fn indexing_state(library: &Library) -> Value {
    json!({"query": {"recordType": "CheckIndexingState"}, "zoneID": library.id})
}

/// How many entries the indexes of these names have.
pub(super) fn counts(library: &Library, index_ids: &[String]) -> Value {
    json!({"batch": [{
        "resultsLimit": index_ids.len(),
        "query": {
            "recordType": "HyperionIndexCountLookup",
            "filterBy": {
                "fieldName": "indexCountID",
                "fieldValue": {"type": "STRING_LIST", "value": index_ids},
                "comparator": "IN",
            },
        },
        "zoneWide": true,
        "zoneID": library.id,
    }]})
}

/// These records by name.
pub(super) fn lookup(library: &Library, records: &[&RecordName], keys: &[&str]) -> Value {
    let records: Vec<_> = records.iter().map(|name| json!({"recordName": name.as_str()})).collect();
    json!({"records": records, "desiredKeys": keys, "zoneID": library.id})
}

/// Moves assets to Recently Deleted, all of them or none; each with the change tag of the state that is meant.
pub(super) fn trash(library: &Library, assets: &[(&RecordName, &str)]) -> Value {
    let operation = |(name, tag): &(&RecordName, &str)| {
        json!({
            "operationType": "update",
            "record": {
                "recordName": name.as_str(),
                "recordType": "CPLAsset",
                "recordChangeTag": tag,
                "fields": {"isDeleted": {"value": 1}},
            },
        })
    };
    json!({
        "atomic": true,
        "desiredKeys": ["isDeleted"],
        "operations": assets.iter().map(operation).collect::<Vec<_>>(),
        "zoneID": library.id,
    })
}

/// The fields that assets and masters are read from, without those of files that are not wanted.
pub(super) fn asset_keys(wanted: Wanted) -> Vec<&'static str> {
    let mut keys = vec![
        "recordName",
        "recordType",
        "recordChangeTag",
        "masterRef",
        "assetDate",
        "isFavorite",
        "isHidden",
        "isDeleted",
        "isExpunged",
        "itemType",
        "dataClassType",
        "filenameEnc",
    ];
    let mut families = vec![resource::ORIGINAL, resource::EDITED_PICTURE, resource::EDITED_VIDEO];
    if wanted.live_photos {
        families.push(resource::LIVE_VIDEO);
    }
    if wanted.alternatives {
        families.push(resource::ALTERNATIVE);
    }
    keys.extend(families.iter().flat_map(|family| [family.content, family.file_type]));
    keys
}

fn parent_filter(parent: &RecordName) -> Value {
    equals("parentId", "STRING", parent.as_str())
}

fn equals(field: &str, value_type: &str, value: impl Into<Value>) -> Value {
    json!({
        "fieldName": field,
        "comparator": "EQUALS",
        "fieldValue": {"type": value_type, "value": value.into()},
    })
}

//! What clients may change.

use super::*;

fn delete(view: &AssetView, tag: Option<&Value>) -> Value {
    let mut record = json!({
        "recordName": view.record, "recordType": "CPLAsset", "fields": {"isDeleted": {"value": 1}}});
    if let Some(tag) = tag {
        record["recordChangeTag"] = tag.clone();
    }
    json!({"operationType": "update", "record": record})
}

fn modify(operations: &[Value]) -> Value {
    json!({
        "atomic": true, "desiredKeys": ["isDeleted"], "operations": operations,
        "zoneID": {"zoneName": "PrimarySync"}})
}

#[test]
fn deleting_marks_asset_and_master_for_thirty_days() {
    let state = state(&LibrarySpec::plain(5));
    let view = &visible(&state)[0];
    let answer = ok(&state, Kind::Modify, &modify(&[delete(view, None)]));
    let record = &answer["records"][0];
    assert_eq!(record["fields"], json!({"isDeleted": {"value": 1, "type": "INT64"}}));
    assert!(record.get("zoneID").is_none());
    let deleted_at = record["modified"]["timestamp"].as_i64().unwrap();
    assert_eq!(record["expirationTime"], (deleted_at + 40 * 86_400_000) / 1000);
    let names = json!([{"recordName": view.record}, {"recordName": view.master}]);
    let body = json!({"records": names, "zoneID": {"zoneName": "PrimarySync"}});
    for record in ok(&state, Kind::Lookup, &body)["records"].as_array().unwrap() {
        assert_eq!(record["fields"]["isDeleted"]["value"], 1);
        assert_eq!(record["fields"]["dateExpunged"]["value"], deleted_at + 30 * 86_400_000);
        assert!(record["expirationTime"].is_i64());
    }
    assert_eq!(count(&state, "CPLAssetByAssetDateWithoutHiddenOrDeleted"), 4);
    assert_eq!(count(&state, "CPLAssetDeletedByExpungedDate"), 1);
}

#[test]
fn a_stale_tag_is_a_conflict_and_spoils_all_of_an_atomic_call() {
    let state = state(&LibrarySpec::plain(5));
    let assets = visible(&state);
    let body = json!({"records": [{"recordName": assets[0].record}], "zoneID": {"zoneName": "PrimarySync"}});
    let tag = ok(&state, Kind::Lookup, &body)["records"][0]["recordChangeTag"].clone();
    state.library.set_favorite(assets[0].asset, true);
    let both = modify(&[delete(&assets[0], Some(&tag)), delete(&assets[1], None)]);
    let answer = ok(&state, Kind::Modify, &both);
    assert_eq!(answer["records"][0]["serverErrorCode"], "CONFLICT");
    assert_eq!(answer["records"][1]["serverErrorCode"], "ATOMIC_ERROR");
    assert_eq!(visible(&state).len(), 5);
    let constant = json!("21h2");
    ok(&state, Kind::Modify, &modify(&[delete(&assets[0], Some(&constant))]));
    assert_eq!(visible(&state).len(), 4, "a tag that was never the record's is let through");
}

#[test]
fn a_client_marks_favourites_and_hides() {
    let state = state(&LibrarySpec::plain(1));
    let view = &visible(&state)[0];
    let record = json!({"recordName": view.record, "recordType": "CPLAsset",
        "fields": {"isFavorite": {"value": 1}, "isHidden": {"value": 1}}});
    ok(&state, Kind::Modify, &modify(&[json!({"operationType": "update", "record": record})]));
    let view = state.library.asset(view.asset);
    assert!(view.favorite && view.hidden && !view.visible);
    let create = json!({"operationType": "create", "record": {"recordType": "CPLAlbum"}});
    let answer = ok(&state, Kind::Modify, &modify(&[create]));
    assert_eq!(answer["records"][0]["serverErrorCode"], "BAD_REQUEST");
    assert_eq!(state.unexpected().len(), 1);
}

/// Reports what a million photos cost. To be run by hand:
/// `cargo test --release -p icloud-emulator a_million -- --ignored --nocapture`
#[test]
#[ignore = "takes its time and a lot of memory"]
fn a_million_photos_are_served() {
    let memory = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        status
            .lines()
            .filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"))
            .collect::<String>()
    };
    let start = std::time::Instant::now();
    let state = state(&LibrarySpec::plain(1_000_000));
    println!("generated in {:?}; {}", start.elapsed(), memory());
    let start = std::time::Instant::now();
    let asset = state.library.add(ZoneKind::Primary, &NewAsset::new(Form::Jpeg));
    state.library.delete(asset);
    println!("added and deleted one in {:?}", start.elapsed());
    let mut asked =
        json!(["resOriginalRes", "resOriginalFileType", "filenameEnc", "itemType", "masterRef", "assetDate"]);
    for keys in ["few", "all"] {
        let (mut rank, mut seen) = (0, 0);
        let start = std::time::Instant::now();
        while rank < 100_000 {
            let mut body = list(VISIBLE, rank * 10, "ASCENDING", 200, &[]);
            body["desiredKeys"] = asked.clone();
            let (_, answer) = send(&state, &request(Kind::Query, "private", &body, &[]));
            seen += of_type(&answer, "CPLAsset").len();
            rank += 100;
        }
        println!("{keys} fields: {seen} assets listed in {:?}", start.elapsed());
        asked = Value::Null;
    }
    println!("{}", memory());
}

use std::collections::{BTreeMap, BTreeSet};

use http_body_util::BodyExt as _;
use hyper::{HeaderMap, Method};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::database;
use crate::faults::Effect;
use crate::kind::Kind;
use crate::library::{
    AssetView, Edit, Form, LibraryHandle, LibrarySpec, NewAsset, Rng as Numbers, SharedLibrary, ZoneKind,
};
use crate::{AccountOptions, Clock, Request, State};

const VISIBLE: &str = "CPLAssetAndMasterByAssetDateWithoutHiddenOrDeleted";

fn state(spec: &LibrarySpec) -> State {
    let clock = Clock::default();
    State::new(clock.clone(), LibraryHandle::new(spec, clock), AccountOptions::default(), None)
}

fn request(kind: Kind, area: &str, body: &Value, effects: &[Effect]) -> Request {
    Request {
        kind,
        method: Method::POST,
        host: "p61-ckdatabasews.icloud.com".into(),
        path: format!("/database/1/com.apple.photos.cloud/production/{area}/call"),
        query: vec![("getCurrentSyncToken".into(), "True".into())],
        headers: HeaderMap::new(),
        cookies: Vec::new(),
        body: body.to_string().into(),
        connection: 1,
        effects: effects.to_vec(),
    }
}

fn send(state: &State, request: &Request) -> (u16, Value) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let reply = database(state, request).await;
        let status = reply.status().as_u16();
        let body = reply.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    })
}

fn ask(state: &State, kind: Kind, body: &Value) -> (u16, Value) {
    send(state, &request(kind, "private", body, &[]))
}

fn ok(state: &State, kind: Kind, body: &Value) -> Value {
    let (status, answer) = ask(state, kind, body);
    assert_eq!(status, 200, "{answer}");
    answer
}

fn filter(name: &str, kind: &str, value: &Value) -> Value {
    json!({"fieldName": name, "comparator": "EQUALS", "fieldValue": {"type": kind, "value": value}})
}

fn list(kind: &str, rank: usize, direction: &str, limit: usize, more: &[Value]) -> Value {
    let mut filters =
        vec![filter("startRank", "INT64", &rank.into()), filter("direction", "STRING", &direction.into())];
    filters.extend_from_slice(more);
    json!({
        "query": {"recordType": kind, "filterBy": filters},
        "resultsLimit": limit,
        "zoneID": {"zoneName": "PrimarySync"},
    })
}

fn of_type<'a>(answer: &'a Value, kind: &str) -> Vec<&'a Value> {
    answer["records"].as_array().unwrap().iter().filter(|record| record["recordType"] == kind).collect()
}

fn names(answer: &Value, kind: &str) -> Vec<String> {
    of_type(answer, kind).iter().map(|record| record["recordName"].as_str().unwrap().to_owned()).collect()
}

fn visible(state: &State) -> Vec<AssetView> {
    let mut assets = state.library.visible_assets();
    assets.retain(|asset| asset.zone == ZoneKind::Primary);
    assets
}

fn count(state: &State, id: &str) -> i64 {
    let body = json!({"batch": [{
        "resultsLimit": 1,
        "query": {"recordType": "HyperionIndexCountLookup", "filterBy": {
            "fieldName": "indexCountID", "comparator": "IN",
            "fieldValue": {"type": "STRING_LIST", "value": [id]}}},
        "zoneWide": true,
        "zoneID": {"zoneName": "PrimarySync"},
    }]});
    let answer = ok(state, Kind::Batch, &body);
    assert_eq!(answer["batch"][0]["records"][0]["recordName"], id);
    answer["batch"][0]["records"][0]["fields"]["itemCount"]["value"].as_i64().unwrap()
}

// ---- lists --------------------------------------------------------------------------------------------

#[test]
fn a_page_holds_masters_first_and_each_once_and_no_more_than_200_records() {
    let state = state(&LibrarySpec { assets: 150, ..LibrarySpec::small() });
    state.library.duplicate(visible(&state)[0].asset);
    let answer = ok(&state, Kind::Query, &list(VISIBLE, 0, "ASCENDING", 5000, &[]));
    let records = answer["records"].as_array().unwrap();
    assert!(records.len() <= 200);
    let types: Vec<_> = records.iter().map(|record| record["recordType"].as_str().unwrap()).collect();
    let masters = types.iter().take_while(|kind| **kind == "CPLMaster").count();
    assert!(types[masters..].iter().all(|kind| *kind == "CPLAsset"));
    let names = names(&answer, "CPLMaster");
    assert_eq!(names.len(), names.iter().collect::<BTreeSet<_>>().len());
    let dates: Vec<_> = of_type(&answer, "CPLAsset")
        .iter()
        .map(|asset| asset["fields"]["assetDate"]["value"].as_i64().unwrap())
        .collect();
    assert_eq!(dates.len(), 100);
    assert!(dates.is_sorted_by(|a, b| a >= b), "newest first");
    assert!(answer["continuationMarker"].is_string());
}

#[test]
fn a_rank_past_the_end_gives_an_empty_page() {
    let state = state(&LibrarySpec::small());
    let answer = ok(&state, Kind::Query, &list(VISIBLE, 1000, "ASCENDING", 200, &[]));
    assert_eq!(answer["records"], json!([]));
    assert!(answer["syncToken"].is_string());
    assert_eq!(answer.as_object().unwrap().len(), 2);
}

#[test]
fn a_marker_goes_on_where_the_page_ended() {
    let state = state(&LibrarySpec::small());
    let mut seen = Vec::new();
    let mut body = list(VISIBLE, 0, "ASCENDING", 14, &[]);
    loop {
        let answer = ok(&state, Kind::Query, &body);
        seen.extend(names(&answer, "CPLAsset"));
        match answer.get("continuationMarker") {
            Some(marker) => body["continuationMarker"] = marker.clone(),
            None => break,
        }
    }
    assert_eq!(seen.len(), visible(&state).len());
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len());
}

#[test]
fn lists_and_their_counts_agree() {
    let state = state(&LibrarySpec::every_oddity(120));
    for (kind, id) in [
        (VISIBLE, "CPLAssetByAssetDateWithoutHiddenOrDeleted"),
        ("CPLAssetAndMasterByAddedDate", "CPLAssetByAddedDate"),
        ("CPLAssetAndMasterHiddenByAssetDate", "CPLAssetHiddenByAssetDate"),
        ("CPLAssetAndMasterDeletedByExpungedDate", "CPLAssetDeletedByExpungedDate"),
        ("CPLBurstStackAssetAndMasterByAssetDate", "CPLAssetBurstStackAssetByAssetDate"),
    ] {
        let answer = ok(&state, Kind::Query, &list(kind, 0, "ASCENDING", 200, &[]));
        let found = of_type(&answer, "CPLAsset").len();
        assert_eq!(i64::try_from(found).unwrap(), count(&state, id), "{kind}");
        assert!(found > 0, "{kind}");
    }
    for (filter_name, count_name) in
        [("FAVORITE", "Favorite"), ("LIVE", "Live"), ("SLOMO", "Slomo"), ("DEPTH", "Depth")]
    {
        let more = [filter("smartAlbum", "STRING", &filter_name.into())];
        let body = list("CPLAssetAndMasterInSmartAlbumByAssetDate", 0, "ASCENDING", 200, &more);
        let found = of_type(&ok(&state, Kind::Query, &body), "CPLAsset").len();
        let id = format!("CPLAssetInSmartAlbumByAssetDate:{count_name}");
        assert_eq!(i64::try_from(found).unwrap(), count(&state, &id), "{filter_name}");
    }
}

#[test]
fn only_the_wanted_fields_are_given() {
    let state = state(&LibrarySpec::small());
    let mut body = list(VISIBLE, 0, "ASCENDING", 2, &[]);
    body["desiredKeys"] = json!(["filenameEnc", "masterRef", "nonsense"]);
    let answer = ok(&state, Kind::Query, &body);
    let fields = |kind: &str| {
        let record = of_type(&answer, kind)[0];
        record["fields"].as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(fields("CPLMaster"), ["filenameEnc"]);
    assert_eq!(fields("CPLAsset"), ["masterRef"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn walking_all_windows_meets_every_visible_asset_once(
        seed: u64, limit in 2_usize..240, descending: bool, split: bool,
    ) {
        let state = state(&LibrarySpec::every_oddity(90).seeded(seed).sizes(64, 300));
        let expected: BTreeMap<String, String> =
            visible(&state).into_iter().map(|asset| (asset.record, asset.master)).collect();
        let effects = if split { vec![Effect::SplitPairs] } else { Vec::new() };
        let direction = if descending { "DESCENDING" } else { "ASCENDING" };
        let mut rank = if descending { expected.len() - 1 } else { 0 };
        let (mut assets, mut masters) = (Vec::new(), BTreeSet::new());
        loop {
            let body = list(VISIBLE, rank, direction, limit, &[]);
            let (_, answer) = send(&state, &request(Kind::Query, "private", &body, &effects));
            let page = names(&answer, "CPLAsset");
            masters.extend(names(&answer, "CPLMaster"));
            assets.extend(page.iter().cloned());
            let next = if descending { rank.checked_sub(page.len()) } else { Some(rank + page.len()) };
            match next {
                Some(next) if !page.is_empty() => rank = next,
                _ => break,
            }
        }
        prop_assert_eq!(assets.len(), expected.len());
        prop_assert_eq!(assets.iter().cloned().collect::<BTreeSet<_>>(), expected.keys().cloned().collect());
        if !split {
            prop_assert_eq!(masters, expected.values().cloned().collect());
        }
    }

    #[test]
    fn the_change_feed_leads_to_the_same_library_as_the_lists(seed: u64, changes in 0_usize..40) {
        let state = state(&LibrarySpec::every_oddity(40).seeded(seed).sizes(64, 300));
        let mut rng = Numbers::new(seed);
        let (mut known, mut token) = (BTreeMap::new(), None);
        for _ in 0..2 {
            token = Some(follow(&state, token, &mut known));
            for _ in 0..changes {
                state.library.mutate(&mut rng);
            }
        }
        follow(&state, token, &mut known);
        let live: BTreeSet<String> = known.iter().filter(|(_, live)| **live).map(|(name, _)| name.clone()).collect();
        let expected: BTreeSet<String> = state.library.assets().into_iter()
            .filter(|asset| asset.zone == ZoneKind::Primary && !asset.deleted)
            .map(|asset| asset.record)
            .collect();
        prop_assert_eq!(live, expected);
    }
}

/// Reads the change feed of `PrimarySync` to its end, noting which assets are live.
fn follow(state: &State, mut token: Option<Value>, known: &mut BTreeMap<String, bool>) -> Value {
    loop {
        let mut wish = json!({"zoneID": {"zoneName": "PrimarySync"}, "resultsLimit": 50});
        if let Some(token) = &token {
            wish["syncToken"] = token.clone();
        }
        let answer = ok(state, Kind::ZoneChanges, &json!({"zones": [wish]}));
        let zone = &answer["zones"][0];
        for record in zone["records"].as_array().unwrap() {
            let name = record["recordName"].as_str().unwrap().to_owned();
            let flag = |name: &str| record["fields"][name]["value"] == 1;
            if record["deleted"] == true {
                assert_eq!(record["recordType"], Value::Null);
                known.remove(&name);
            } else if record["recordType"] == "CPLAsset" {
                known.insert(name, !flag("isDeleted") && !flag("isExpunged"));
            }
        }
        token = Some(zone["syncToken"].clone());
        if zone["moreComing"] == false {
            return zone["syncToken"].clone();
        }
    }
}

// ---- albums -------------------------------------------------------------------------------------------

fn album_page(state: &State, parent: Option<&str>, marker: Option<&Value>) -> Value {
    let mut body = json!({
        "query": {"recordType": "CPLAlbumByPositionLive"},
        "resultsLimit": 3,
        "zoneID": {"zoneName": "PrimarySync"},
    });
    if let Some(parent) = parent {
        body["query"]["filterBy"] = json!([filter("parentId", "STRING", &parent.into())]);
    }
    if let Some(marker) = marker {
        body["continuationMarker"] = marker.clone();
    }
    ok(state, Kind::Query, &body)
}

fn walk(state: &State, parent: Option<&str>, found: &mut BTreeMap<String, Option<String>>) {
    let mut marker = None;
    loop {
        let answer = album_page(state, parent, marker.as_ref());
        for record in of_type(&answer, "CPLAlbum") {
            let name = record["recordName"].as_str().unwrap();
            if name.starts_with("----") || record["fields"]["albumType"]["value"] == 6 {
                continue;
            }
            assert_eq!(record["fields"]["parentId"]["value"].as_str(), parent);
            found.insert(name.to_owned(), parent.map(str::to_owned));
            if record["fields"]["albumType"]["value"] == 3 {
                walk(state, Some(name), found);
            }
        }
        marker = answer.get("continuationMarker").cloned();
        if marker.is_none() {
            return;
        }
    }
}

#[test]
fn the_album_tree_is_found_level_by_level() {
    let state = state(&LibrarySpec::every_oddity(60));
    let mut found = BTreeMap::new();
    walk(&state, None, &mut found);
    let expected: BTreeMap<_, _> =
        state.library.albums().into_iter().map(|album| (album.record, album.parent)).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_content_of_an_album_comes_in_threes() {
    let state = state(&LibrarySpec::small());
    for album in state.library.albums().into_iter().filter(|album| !album.folder) {
        let more = [filter("parentId", "STRING", &album.record.clone().into())];
        let (mut rank, mut members) = (0, Vec::new());
        loop {
            let body = list("CPLContainerRelationLiveByPosition", rank, "ASCENDING", 9, &more);
            let answer = ok(&state, Kind::Query, &body);
            let page = names(&answer, "CPLAsset");
            let relations: Vec<_> = page.iter().map(|asset| format!("{asset}-IN-{}", album.record)).collect();
            assert_eq!(names(&answer, "CPLContainerRelation"), relations);
            assert!(page.len() <= 3);
            if page.is_empty() {
                break;
            }
            rank += page.len();
            members.extend(page);
        }
        assert_eq!(members, album.members);
        let id = format!("CPLContainerRelationNotDeletedByAssetDate:{}", album.record);
        assert_eq!(count(&state, &id), i64::try_from(members.len()).unwrap());
    }
}

// ---- zones, tokens, errors ----------------------------------------------------------------------------

fn zone_names(state: &State, area: &str) -> Vec<String> {
    let (_, answer) = send(state, &request(Kind::Zones, area, &json!({}), &[]));
    let zones = answer["zones"].as_array().unwrap();
    zones
        .iter()
        .filter(|zone| zone["deleted"] != true)
        .map(|zone| zone["zoneID"]["zoneName"].as_str().unwrap().split('-').next().unwrap().to_owned())
        .collect()
}

#[test]
fn the_shared_library_is_where_its_owner_decides() {
    let mine = state(&LibrarySpec::small().shared(SharedLibrary::Owner(3)));
    assert_eq!(zone_names(&mine, "private"), ["PrimarySync", "SharedSync"]);
    assert_eq!(zone_names(&mine, "shared"), Vec::<String>::new());
    let theirs = state(&LibrarySpec::small().shared(SharedLibrary::Participant(3)));
    assert_eq!(zone_names(&theirs, "private"), ["PrimarySync"]);
    assert_eq!(zone_names(&theirs, "shared"), ["SharedSync"]);
}

#[test]
fn changes_of_the_database_name_the_zones_that_changed() {
    let state = state(&LibrarySpec::small().shared(SharedLibrary::Owner(3)));
    let all = ok(&state, Kind::DatabaseChanges, &json!({}));
    assert_eq!(all["zones"].as_array().unwrap().len(), 2);
    let since = json!({"syncToken": all["syncToken"]});
    assert_eq!(ok(&state, Kind::DatabaseChanges, &since)["zones"], json!([]));
    state.library.add(ZoneKind::Shared, &NewAsset::new(Form::Jpeg));
    let changed = ok(&state, Kind::DatabaseChanges, &since);
    assert_eq!(changed["zones"].as_array().unwrap().len(), 1);
    let (status, _) =
        ask(&state, Kind::DatabaseChanges, &json!({"syncToken": changed["zones"][0]["syncToken"]}));
    assert_eq!(status, 400, "a zone's token is none of the database");
}

#[test]
fn bad_tokens_and_zones_are_refused_by_zone() {
    let state = state(&LibrarySpec::small());
    let wish = |zone: &str, token: &str| json!({"zoneID": {"zoneName": zone}, "syncToken": token});
    let body =
        json!({"zones": [wish("PrimarySync", "nonsense"), wish("NoSuchZone", ""), wish("PrimarySync", "")]});
    let answer = ok(&state, Kind::ZoneChanges, &body);
    assert_eq!(answer["zones"][0]["serverErrorCode"], "BAD_REQUEST");
    assert_eq!(answer["zones"][1]["serverErrorCode"], "ZONE_NOT_FOUND");
    assert_eq!(answer["zones"][2]["records"], json!([]));
    assert_eq!(answer["zones"][2]["moreComing"], false);
    let query = ok(&state, Kind::Query, &list(VISIBLE, 0, "ASCENDING", 2, &[]));
    assert_eq!(answer["zones"][2]["syncToken"], query["syncToken"], "tokens are interchangeable");
}

#[test]
fn what_cannot_be_listed_is_refused_and_what_nobody_knows_is_noted() {
    let state = state(&LibrarySpec::every_oddity(20));
    let of = |kind: &str| json!({"query": {"recordType": kind}, "zoneID": {"zoneName": "PrimarySync"}});
    let (status, answer) = ask(&state, Kind::Query, &of("CPLMaster"));
    assert_eq!((status, answer["reason"].as_str()), (400, Some("Type is not marked indexable: CPLMaster")));
    assert!(state.unexpected().is_empty());
    assert_eq!(ask(&state, Kind::Query, &of("CPLNonsense")).0, 400);
    assert_eq!(state.unexpected().len(), 1);
    let zones = ok(&state, Kind::Zones, &json!({}));
    let foreign = zones["zones"]
        .as_array()
        .unwrap()
        .iter()
        .find(|zone| zone["zoneID"]["zoneName"].as_str().unwrap().starts_with("CMM-"));
    let body = json!({"query": {"recordType": "CheckIndexingState"}, "zoneID": foreign.unwrap()["zoneID"]});
    assert_eq!(ask(&state, Kind::Query, &body).1["reason"], "Index has invalid data");
    let body = json!({"query": {"recordType": VISIBLE}, "zoneID": {"zoneName": "PrimarySync", "ownerRecordName": "_x"}});
    assert_eq!(ask(&state, Kind::Query, &body).0, 404);
}

#[test]
fn the_indexing_state_is_what_the_test_says() {
    let state = state(&LibrarySpec::small());
    let body = json!({"query": {"recordType": "CheckIndexingState"}, "zoneID": {"zoneName": "PrimarySync"}});
    let fields = |state: &State| ok(state, Kind::Query, &body)["records"][0]["fields"].clone();
    assert_eq!(fields(&state)["state"]["value"], "FINISHED");
    state.library.set_indexing(ZoneKind::Primary, "RUNNING", 40);
    assert_eq!(
        (&fields(&state)["state"]["value"], &fields(&state)["progress"]["value"]),
        (&json!("RUNNING"), &json!(40))
    );
}

// ---- records ------------------------------------------------------------------------------------------

#[test]
fn records_have_the_recorded_shape() {
    let state = state(&LibrarySpec::plain(0));
    let new = NewAsset::new(Form::Live).named("Ü.HEIC").edited(Edit::Live).taken(-5);
    let view = state.library.asset(state.library.add(ZoneKind::Primary, &new));
    let answer = ok(&state, Kind::Query, &list(VISIBLE, 0, "ASCENDING", 2, &[]));
    let (master, asset) = (of_type(&answer, "CPLMaster")[0], of_type(&answer, "CPLAsset")[0]);
    for record in [master, asset] {
        let keys: Vec<_> = record.as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected = [
            "recordName",
            "recordType",
            "fields",
            "pluginFields",
            "recordChangeTag",
            "created",
            "modified",
            "deleted",
            "zoneID",
        ];
        expected.sort_unstable();
        assert_eq!(keys, expected);
        assert_eq!(record["zoneID"]["zoneType"], "REGULAR_CUSTOM_ZONE");
        assert_eq!(record["modified"]["deviceID"].as_str().unwrap().len(), 64);
    }
    let fields = &master["fields"];
    assert_eq!(master["recordName"], view.master);
    assert_eq!(fields["resOriginalFingerprint"]["value"], view.master);
    assert_eq!(fields["filenameEnc"], json!({"value": "w5wuSEVJQw==", "type": "ENCRYPTED_BYTES"}));
    assert_eq!(fields["itemType"]["value"], "public.heic");
    let resource = fields["resOriginalVidComplRes"]["value"].as_object().unwrap();
    let keys: Vec<_> = resource.keys().map(String::as_str).collect();
    assert_eq!(keys, ["downloadURL", "fileChecksum", "referenceChecksum", "size", "wrappingKey"]);
    let fields = &asset["fields"];
    assert_eq!(fields["masterRef"]["value"]["action"], "DELETE_SELF");
    assert_eq!(fields["assetDate"], json!({"value": -5, "type": "TIMESTAMP"}));
    assert_eq!(fields["assetSubtypeV2"]["value"], 2);
    assert_eq!(fields["adjustmentType"]["value"], "com.apple.photo");
    assert_eq!(fields["resVidFullFileType"]["value"], "com.apple.quicktime-movie");
    assert!(fields.get("isDeleted").is_none(), "absent on live assets");
    assert!(asset.get("expirationTime").is_none());
}

#[test]
fn slow_motion_is_an_adjustment_without_a_result() {
    let state = state(&LibrarySpec::plain(0));
    state.library.add(ZoneKind::Primary, &NewAsset::new(Form::SlowMotion));
    let answer = ok(&state, Kind::Query, &list(VISIBLE, 0, "ASCENDING", 2, &[]));
    let fields = &of_type(&answer, "CPLAsset")[0]["fields"];
    assert_eq!(fields["adjustmentType"]["value"], "com.apple.video.slomo");
    assert!(fields.get("resVidFullRes").is_none());
}

#[test]
fn lookups_answer_in_order_and_name_what_is_missing() {
    let state = state(&LibrarySpec::small());
    let assets = visible(&state);
    let purged = &assets[1];
    state.library.purge(purged.asset);
    let wanted =
        [assets[0].master.clone(), purged.record.clone(), assets[0].record.clone(), "nonsense".into()];
    let records: Vec<_> = wanted.iter().map(|name| json!({"recordName": name})).collect();
    let body = json!({"records": records, "zoneID": {"zoneName": "PrimarySync"}});
    let answer = ok(&state, Kind::Lookup, &body);
    let found = answer["records"].as_array().unwrap();
    assert!(found.iter().zip(&wanted).all(|(record, name)| record["recordName"] == **name));
    assert_eq!(found[0]["recordType"], "CPLMaster");
    assert_eq!(found[1]["serverErrorCode"], "NOT_FOUND");
    assert_eq!(found[2]["recordType"], "CPLAsset");
    assert_eq!(found[3]["serverErrorCode"], "NOT_FOUND");
}

#[test]
fn faults_spoil_pages() {
    let state = state(&LibrarySpec::small());
    let page = |effect: Effect| {
        let body = list(VISIBLE, 0, "ASCENDING", 20, &[]);
        send(&state, &request(Kind::Query, "private", &body, &[effect])).1
    };
    assert_eq!(of_type(&page(Effect::ShortPage(6)), "CPLAsset").len(), 3);
    assert_eq!(page(Effect::EmptyPage)["records"], json!([]));
    let without = page(Effect::MissingUrls);
    let resource = &of_type(&without, "CPLMaster")[0]["fields"]["resOriginalRes"]["value"];
    assert!(resource.get("downloadURL").is_none() && resource["size"].is_u64());
    let garbled = page(Effect::GarbledRecord);
    assert_eq!(of_type(&garbled, "CPLAsset")[0]["fields"]["assetDate"]["type"], "UNHEARD_OF");
    assert_eq!(of_type(&page(Effect::RepeatedRecords), "CPLAsset").len(), 20);
    let split = page(Effect::SplitPairs);
    assert!(of_type(&split, "CPLMaster").len() < of_type(&split, "CPLAsset").len());
}

// ---- changes by the client ----------------------------------------------------------------------------

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

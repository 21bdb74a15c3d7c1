//! Zones, tokens and refusals.

use super::*;

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

//! The shape of records, look-ups and faults.

use super::*;

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

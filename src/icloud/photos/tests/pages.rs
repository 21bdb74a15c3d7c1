//! Single records, in all the shapes that clients have met.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::fake::{ALL, album, asset, checksum, encoded, master, record, resource};
use crate::icloud::photos::Wanted;
use crate::icloud::photos::page::Page;
use crate::icloud::photos::pairing::{Paired, Pairing};
use crate::model::{Asset, Kind, Zone};

fn page(records: &[Value]) -> Page {
    Page::parse(json!({"records": records, "syncToken": "t"}).to_string().as_bytes()).unwrap()
}

fn paired(wanted: Wanted, records: &[Value]) -> Paired {
    let mut pairing = Pairing::new(Zone::Primary, wanted);
    pairing.add(page(records));
    pairing.finish()
}

fn one(asset: Value, master: Value) -> Asset {
    let mut paired = paired(ALL, &[master, asset]);
    assert_eq!(paired.problems, []);
    paired.assets.pop().unwrap()
}

fn set(record: &mut Value, field: &str, value: Value) {
    record["fields"][field] = value;
}

fn kinds(asset: &Asset) -> Vec<(Kind, &str)> {
    asset.files.iter().map(|file| (file.kind, file.extension.as_str())).collect()
}

#[test]
fn a_plain_photo_is_read() {
    let photo = one(asset("A", "photo"), master("photo"));
    assert_eq!(&*photo.name, "IMG_1.JPG");
    assert_eq!(photo.date, 1_500_000_000_000);
    assert_eq!(kinds(&photo), [(Kind::Original, "jpeg")]);
    assert_eq!(photo.files[0].checksum, checksum("photo"));
    assert_eq!((photo.files[0].size, photo.files[0].modified), (5, 2000));
}

#[test]
fn each_file_is_of_its_kind_and_carries_the_time_of_its_record() {
    let (mut asset, mut master) = (asset("A", "photo"), master("photo"));
    asset["modified"]["timestamp"] = json!(3000);
    set(&mut master, "resOriginalVidComplRes", resource("live"));
    set(&mut master, "resOriginalAltRes", resource("raw"));
    set(&mut master, "resOriginalAltFileType", json!({"value": "com.adobe.raw-image"}));
    set(&mut asset, "resJPEGFullRes", resource("edited"));
    set(&mut asset, "resJPEGFullFileType", json!({"value": "public.heic"}));
    set(&mut asset, "resVidFullRes", resource("edited live"));
    let photo = one(asset.clone(), master.clone());
    let expected = [
        (Kind::Original, "jpeg"),
        (Kind::Edited, "heic"),
        (Kind::LiveVideo, "mov"),
        (Kind::EditedLiveVideo, "mov"),
        (Kind::Alternative, "dng"),
    ];
    assert_eq!(kinds(&photo), expected);
    let times: Vec<_> = photo.files.iter().map(|file| file.modified).collect();
    assert_eq!(times, [2000, 3000, 2000, 3000, 2000]);

    let none = Wanted { live_photos: false, alternatives: false };
    let few = paired(none, &[asset, master]);
    assert_eq!(kinds(&few.assets[0]), [(Kind::Original, "jpeg"), (Kind::Edited, "heic")]);
}

#[test]
fn an_edited_video_is_the_edited_version_of_a_video() {
    for (class, item_type, expected) in [
        (json!({"value": 2}), "public.jpeg", Kind::Edited),
        (json!({"value": "2"}), "public.jpeg", Kind::Edited),
        (Value::Null, "com.apple.quicktime-movie", Kind::Edited),
        (Value::Null, "public.jpeg", Kind::EditedLiveVideo),
        (json!({"value": 1}), "com.apple.quicktime-movie", Kind::EditedLiveVideo),
    ] {
        let (mut asset, mut master) = (asset("A", "clip"), master("clip"));
        set(&mut master, "dataClassType", class.clone());
        set(&mut master, "itemType", json!({"value": item_type}));
        set(&mut asset, "resVidFullRes", resource("cut"));
        assert_eq!(one(asset, master).files[1].kind, expected, "{class} {item_type}");
    }
}

#[test]
fn slow_motion_has_an_adjustment_but_no_edited_version() {
    let mut asset = asset("A", "clip");
    set(&mut asset, "adjustmentType", json!({"value": "com.apple.video.slomo"}));
    assert_eq!(kinds(&one(asset, master("clip"))), [(Kind::Original, "jpeg")]);
}

#[test]
fn names_come_encoded_plain_broken_or_not_at_all() {
    let fallback = format!("{}.jpeg", checksum("photo").to_base64().replace(['/', '+'], "_"));
    for (field, expected) in [
        (encoded("Größe/1.JPG"), "Größe/1.JPG"),
        (json!({"value": "SU1HLkpQRw", "type": "ENCRYPTED_BYTES"}), "IMG.JPG"),
        (json!({"value": "SU1HLkpQRw==", "type": "STRING"}), "SU1HLkpQRw=="),
        (json!({"value": "IMG 7.JPG", "type": "ENCRYPTED_BYTES"}), "IMG 7.JPG"),
        (json!({"value": "/////w==", "type": "ENCRYPTED_BYTES"}), "/////w=="),
        (json!({"value": null, "type": "ENCRYPTED_BYTES"}), &*fallback),
        (json!({"value": "", "type": "STRING"}), &*fallback),
        (Value::Null, &*fallback),
    ] {
        let mut master = master("photo");
        set(&mut master, "filenameEnc", field.clone());
        assert_eq!(&*one(asset("A", "photo"), master).name, expected, "{field}");
    }
}

#[test]
fn the_extension_follows_the_type_then_the_item_then_the_name() {
    for (file_type, item_type, expected) in [
        (json!("public.png"), json!("public.heic"), "png"),
        (Value::Null, json!("public.heic"), "heic"),
        (json!("com.example.new"), Value::Null, "jpg"),
        (Value::Null, Value::Null, "jpg"),
    ] {
        let mut master = master("photo");
        set(&mut master, "resOriginalFileType", json!({"value": file_type}));
        set(&mut master, "itemType", json!({"value": item_type}));
        assert_eq!(kinds(&one(asset("A", "photo"), master))[0].1, expected, "{file_type} {item_type}");
    }
}

#[test]
fn numbers_come_as_text_and_absurd_dates_are_clamped() {
    let (mut asset, mut master) = (asset("A", "photo"), master("photo"));
    set(&mut asset, "assetDate", json!({"value": -99_999_999_999_999_999_i64}));
    set(&mut asset, "isFavorite", json!({"value": true}));
    master["fields"]["resOriginalRes"]["value"]["size"] = json!("12");
    master["modified"]["timestamp"] = json!(-62_135_769_600_000_i64);
    let photo = one(asset, master);
    assert_eq!(photo.date, -62_135_596_800_000);
    assert!(photo.favorite);
    assert_eq!((photo.files[0].size, photo.files[0].modified), (12, 0));
}

#[test]
fn hidden_and_deleted_assets_are_dropped_without_a_problem() {
    for field in ["isHidden", "isDeleted", "isExpunged"] {
        for value in [json!(1), json!(true), json!("1")] {
            let mut asset = asset("A", "photo");
            set(&mut asset, field, json!({"value": value}));
            let paired = paired(ALL, &[master("photo"), asset]);
            assert_eq!((paired.assets.len(), paired.listed, paired.problems.len()), (0, 0, 0), "{field}");
        }
    }
}

#[test]
fn what_is_still_being_uploaded_is_skipped_and_named_by_its_master() {
    for (content, pending) in [
        (Value::Null, true),
        (json!({"value": null}), true),
        (json!({"value": {"fileChecksum": checksum("photo").to_base64()}}), true),
        (json!({"value": {"fileChecksum": checksum("photo").to_base64(), "size": 0}}), true),
        (json!({"value": {"size": 5}}), true),
        (json!({"value": {"fileChecksum": "not base64!", "size": 5}}), false),
    ] {
        let mut master = master("photo");
        set(&mut master, "resOriginalRes", content.clone());
        let paired = paired(ALL, &[master, asset("A", "photo")]);
        assert_eq!((paired.assets.len(), paired.listed), (0, 1), "{content}");
        let blocks: Vec<_> = paired.problems.iter().map(|problem| problem.blocks_deletion).collect();
        assert_eq!(blocks, [!pending], "{content}");
        let contents = if pending { vec![checksum("photo")] } else { Vec::new() };
        assert_eq!(paired.pending, contents, "{content}");
    }
}

#[test]
fn an_upload_that_is_more_than_an_original_on_its_way_blocks_deletion() {
    let uploading = |master: &mut Value| set(master, "resOriginalRes", Value::Null);
    // Its master is not named after its content, so that nobody knows what may be on disk of it.
    let (mut nameless, mut other) = (master("photo"), asset("A", "photo"));
    uploading(&mut nameless);
    nameless["recordName"] = json!("X1");
    set(&mut other, "masterRef", json!({"value": {"recordName": "X1"}}));
    let found = paired(ALL, &[nameless, other]);
    assert!(found.problems[0].blocks_deletion && found.pending.is_empty());
    // Its rendering is on its way too, and an older one may be on disk.
    let (mut master, mut edited) = (master("photo"), asset("A", "photo"));
    uploading(&mut master);
    set(&mut edited, "resJPEGFullRes", json!({"value": {"fileChecksum": checksum("x").to_base64()}}));
    assert!(paired(ALL, &[master.clone(), edited.clone()]).problems[0].blocks_deletion);
    // What is there of it is known by its checksum.
    set(&mut edited, "resJPEGFullRes", super::fake::resource("edit"));
    let found = paired(ALL, &[master, edited]);
    assert!(!found.problems[0].blocks_deletion);
    assert_eq!(found.pending, [checksum("photo"), checksum("edit")]);
}

#[test]
fn an_edited_version_that_is_still_being_uploaded_does_not_hold_the_original_back() {
    let mut asset = asset("A", "photo");
    set(&mut asset, "resJPEGFullRes", json!({"value": {"fileChecksum": checksum("x").to_base64()}}));
    let paired = paired(ALL, &[master("photo"), asset]);
    assert_eq!(kinds(&paired.assets[0]), [(Kind::Original, "jpeg")]);
    assert!(paired.problems[0].blocks_deletion && paired.problems[0].subject.contains("IMG_1.JPG"));
}

#[test]
fn an_unreadable_record_is_named_and_its_neighbours_are_read() {
    let mut without_master = asset("B", "photo");
    set(&mut without_master, "masterRef", Value::Null);
    let mut without_type = asset("C", "photo");
    without_type["recordType"] = Value::Null;
    for (bad, subject) in [
        (without_master, "B"),
        (without_type, "C"),
        (asset("../../etc\n", "photo"), "../../etc\\n"),
        (json!({"recordName": "D", "serverErrorCode": "INTERNAL_ERROR"}), "D"),
        (json!({"recordType": "CPLAsset"}), "a record without a name"),
        (json!("text"), "a record without a name"),
        (record("CPLMaster", "", json!({})), ""),
    ] {
        let paired = paired(ALL, &[master("photo"), bad, asset("A", "photo")]);
        assert_eq!(paired.assets.len(), 1, "{subject}");
        assert_eq!(paired.problems.len(), 1, "{subject}");
        assert_eq!(paired.problems[0].subject, subject);
        assert!(paired.problems[0].blocks_deletion);
    }
}

#[test]
fn tombstones_and_unknown_types_are_ignored() {
    let tombstone = json!({"recordName": "T", "recordType": null, "deleted": true, "recordChangeTag": "1"});
    let paired = paired(ALL, &[tombstone, record("CPLMemory", "M", json!({}))]);
    assert!(paired.assets.is_empty() && paired.problems.is_empty());
}

#[test]
fn of_two_states_of_one_asset_the_newer_counts() {
    let (mut old, mut new) = (asset("A", "photo"), asset("A", "photo"));
    set(&mut new, "isFavorite", json!({"value": 1}));
    for (old_version, new_version) in [((1, "zz"), (2, "1")), ((1, "9"), (1, "10")), ((1, "1a"), (1, "1b"))] {
        (old["modified"]["timestamp"], old["recordChangeTag"]) = (json!(old_version.0), json!(old_version.1));
        (new["modified"]["timestamp"], new["recordChangeTag"]) = (json!(new_version.0), json!(new_version.1));
        for records in [[&old, &new], [&new, &old]] {
            let both: Vec<_> = records.into_iter().cloned().chain([master("photo")]).collect();
            let paired = paired(ALL, &both);
            assert_eq!((paired.assets.len(), paired.listed), (1, 1));
            assert!(paired.assets[0].favorite, "{old_version:?} {new_version:?}");
        }
    }
}

#[test]
fn albums_of_other_kinds_are_left_out() {
    let mut nameless = album("N", "", 0, None);
    nameless["fields"]["albumNameEnc"] = Value::Null;
    let mut kindless = album("K", "x", 0, None);
    kindless["fields"]["albumType"] = Value::Null;
    let page = page(&[
        album("A", "Herbst", 0, Some("----Root-Folder----")),
        album("S", "smart", 6, None),
        nameless,
        kindless,
        album("a/b", "x", 0, None),
    ]);
    let read: Vec<_> = page.albums.iter().map(|album| (album.record.as_str(), album.name.as_str())).collect();
    assert_eq!(read, [("A", "Herbst"), ("N", "")]);
    assert_eq!(page.albums[0].parent, None);
    let bad: Vec<_> = page.unreadable.iter().map(|record| record.subject.as_str()).collect();
    assert_eq!(bad, ["K", "a/b"]);
}

#[test]
fn what_is_no_answer_is_refused() {
    for bytes in ["", "{", "[]", "{}", r#"{"records": null}"#, "<html></html>", "\u{1}"] {
        assert!(Page::parse(bytes.as_bytes()).is_err(), "{bytes}");
    }
}

/// JSON of the right names and any values.
fn arbitrary_json() -> impl Strategy<Value = Value> {
    let keys = prop::sample::select(vec![
        "records",
        "recordName",
        "recordType",
        "fields",
        "value",
        "type",
        "modified",
        "timestamp",
        "masterRef",
        "filenameEnc",
        "resOriginalRes",
        "fileChecksum",
        "size",
        "albumType",
        "deleted",
        "serverErrorCode",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec!["CPLAsset", "CPLMaster", "CPLAlbum", "CPLContainerRelation", "STRING"])
            .prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((keys.clone(), inner), 0..8)
                .prop_map(|members| members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_json_is_read_or_refused(records in prop::collection::vec(arbitrary_json(), 0..6)) {
        let answer = json!({"records": records}).to_string();
        let mut pairing = Pairing::new(Zone::Primary, ALL);
        pairing.add(Page::parse(answer.as_bytes()).unwrap());
        pairing.finish();
    }
}

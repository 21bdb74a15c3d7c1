//! Lists, their windows and the change feed.

use super::*;

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

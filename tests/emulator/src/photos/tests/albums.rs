//! The album tree and what is in albums.

use super::*;

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

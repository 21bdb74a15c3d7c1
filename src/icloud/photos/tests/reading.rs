//! Whole libraries, read through the server's oddities.

use std::collections::HashSet;
use std::sync::Mutex;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::fake::{ALL, Fake, album, asset, checksum, master, name, record};
use crate::icloud::Error;
use crate::icloud::photos::ReadProgress;
use crate::icloud::photos::{read, zones};
use crate::model::{AlbumKind, RemoteLibrary, Zone};

async fn try_read(fake: &Fake) -> Result<RemoteLibrary, Error> {
    let libraries = zones::libraries(fake).await?;
    read::read(fake, &libraries, ALL, &|_| {}).await
}

fn read_all(fake: &Fake) -> RemoteLibrary {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(try_read(fake)).unwrap()
}

fn library(size: usize) -> Fake {
    let mut fake = Fake::default();
    for number in 0..size {
        fake.add(&format!("A{number:04}"), &format!("photo {number}"));
    }
    fake
}

fn names(remote: &RemoteLibrary) -> Vec<&str> {
    remote.assets.iter().map(|asset| asset.record.as_str()).collect()
}

#[test]
fn a_library_of_several_pages_is_read_without_a_problem() {
    let fake = library(345);
    let heard = Mutex::new(Vec::new());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let remote = runtime.block_on(async {
        let libraries = zones::libraries(&fake).await.unwrap();
        read::read(&fake, &libraries, ALL, &|progress| heard.lock().unwrap().push(progress)).await.unwrap()
    });
    assert_eq!(remote.assets.len(), 345);
    assert_eq!(remote.problems, []);
    assert_eq!((remote.zones[0].counted, remote.zones[0].listed), (345, 345));
    let end = ReadProgress::Assets { zone: Zone::Primary, listed: 345, counted: 345 };
    assert!(heard.into_inner().unwrap().contains(&end));
    // Four windows, and one page beyond.
    assert_eq!(*fake.lists.lock().unwrap(), 5);
}

#[test]
fn an_empty_library_is_read() {
    let remote = read_all(&Fake::default());
    assert!(remote.assets.is_empty() && remote.problems.is_empty());
}

#[test]
fn without_a_personal_library_the_reading_fails() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for zones in [
        json!([]),
        json!([{"zoneID": {"zoneName": "PrimarySync"}, "deleted": true}]),
        json!([{"zoneID": {"zoneName": "CMM-1"}}, {"zoneID": {"zoneName": "AppLibrarySync-x"}}, {}]),
    ] {
        let fake = Fake { zones: zones.clone(), ..Fake::default() };
        assert!(matches!(runtime.block_on(try_read(&fake)), Err(Error::NotSetUp)), "{zones}");
    }
}

#[test]
fn while_apple_indexes_nothing_is_read() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let fake = Fake { state: "RUNNING", ..library(3) };
    let Err(Error::Indexing { zone, progress }) = runtime.block_on(try_read(&fake)) else {
        panic!("it was read");
    };
    assert_eq!((zone.as_str(), progress), ("PrimarySync", 40));
}

#[test]
fn the_shared_library_is_read_too() {
    let mut fake = library(2);
    fake.shared = vec![(asset("S1", "photo 0"), checksum("photo 0").to_base64())];
    let remote = read_all(&fake);
    let zones: Vec<_> = remote.assets.iter().map(|asset| (asset.record.as_str(), asset.zone)).collect();
    assert_eq!(zones, [("A0000", Zone::Primary), ("A0001", Zone::Primary), ("S1", Zone::Shared)]);
    assert_eq!(remote.zones.len(), 2);
    assert_eq!(remote.problems, []);
}

#[test]
fn a_count_that_is_off_a_little_is_tolerated_and_one_that_is_off_by_much_is_not() {
    for (size, error, trusted) in
        [(50, 2, true), (50, 3, false), (150, -50, true), (400, -1, true), (0, 2, true), (300, 700, false)]
    {
        let fake = Fake { count_error: error, ..library(size) };
        let remote = read_all(&fake);
        assert_eq!(remote.assets.len(), size, "{size} {error}");
        assert_eq!(remote.incomplete().is_none(), trusted, "{size} {error}");
    }
}

#[test]
fn an_empty_page_in_the_middle_is_asked_again_and_a_hole_blocks_deletion() {
    let fake = Fake { empty_once: Mutex::new(HashSet::from([100, 300])), ..library(350) };
    let remote = read_all(&fake);
    assert_eq!((remote.assets.len(), remote.problems.len()), (350, 0));

    // One missing asset is within the tolerance, but not when a hole explains it.
    let fake = Fake { hole: 199..200, cap: 198, ..library(350) };
    let remote = read_all(&fake);
    assert_eq!(remote.assets.len(), 349);
    assert!(remote.incomplete().is_some());
}

#[test]
fn a_master_that_is_on_no_page_is_looked_up_and_one_that_is_nowhere_is_a_problem() {
    let mut fake = library(250);
    fake.unlisted = fake.masters.keys().cloned().collect();
    let remote = read_all(&fake);
    assert_eq!((remote.assets.len(), remote.problems.len()), (250, 0));
    assert_eq!(*fake.lookups.lock().unwrap(), [100, 100, 50]);

    fake.masters.remove(&checksum("photo 7").to_base64());
    let remote = read_all(&fake);
    assert_eq!(remote.assets.len(), 249);
    assert_eq!(remote.zones[0].listed, 250);
    assert!(remote.problems.iter().any(|p| p.subject == "A0007" && p.blocks_deletion));
}

#[test]
fn a_change_while_listing_blocks_deletion() {
    let mut fake = library(120);
    fake.masters.insert(checksum("new").to_base64(), master("new"));
    fake.arrivals.insert(1, (asset("NEW", "new"), checksum("new").to_base64()));
    let remote = read_all(&fake);
    assert!(remote.incomplete().unwrap().reason.contains("changed while"));
    // What the arrival pushed past the count is found.
    assert_eq!(names(&remote).into_iter().filter(|name| name.starts_with('A')).count(), 120);
}

#[test]
fn an_unreadable_record_blocks_deletion() {
    let mut fake = library(5);
    let mut bad = asset("BAD", "photo 1");
    bad["fields"]["masterRef"] = Value::Null;
    fake.add_records(bad, master("photo 1"));
    let remote = read_all(&fake);
    assert_eq!((remote.assets.len(), remote.zones[0].listed), (5, 6));
    assert_eq!(remote.incomplete().unwrap().subject, "BAD");
}

#[test]
fn albums_and_folders_are_read_with_their_members() {
    let mut fake = library(300);
    fake.albums = vec![
        album("F1", "Memories", 3, None),
        album("F2", "2022", 3, Some("F1")),
        album("AL1", "Winter", 0, Some("F2")),
        album("AL2", "Top", 0, Some("----Root-Folder----")),
        album("AL3", "Empty", 0, None),
    ];
    let many: Vec<_> = (0..200).map(|number| format!("A{number:04}")).collect();
    fake.members.insert("AL1".to_owned(), many);
    fake.members.insert("AL2".to_owned(), vec!["A0299".to_owned(), "HIDDEN".to_owned(), "A0001".to_owned()]);
    let remote = read_all(&fake);
    assert_eq!(remote.problems, []);
    let seen: Vec<_> = remote
        .albums
        .iter()
        .map(|album| (album.record.as_str(), album.parent.as_ref().map_or("", |p| p.as_str()), album.kind))
        .collect();
    let expected = [
        ("AL1", "F2", AlbumKind::Album),
        ("AL2", "", AlbumKind::Album),
        ("AL3", "", AlbumKind::Album),
        ("F1", "", AlbumKind::Folder),
        ("F2", "F1", AlbumKind::Folder),
    ];
    assert_eq!(seen, expected);
    let members = |at: usize| -> Vec<&str> {
        let members = remote.albums[at].members.as_ref().unwrap();
        members.iter().map(|&at| remote.assets[at as usize].record.as_str()).collect()
    };
    assert_eq!(members(0).len(), 200);
    assert_eq!(members(1), ["A0001", "A0299"]);
    assert!(members(2).is_empty());
}

#[test]
fn an_album_that_cannot_be_read_leaves_its_members_unknown() {
    let mut fake = library(3);
    fake.albums = vec![album("AL1", "Good", 0, None), album("AL2", "Bad", 0, None)];
    fake.members.insert("AL1".to_owned(), vec!["A0001".to_owned()]);
    fake.failing.insert("AL2".to_owned());
    let remote = read_all(&fake);
    assert_eq!(remote.albums[0].members, Some(vec![1]));
    assert_eq!(remote.albums[1].members, None);
    assert_eq!(remote.problems[0].subject, "album Bad (AL2)");
    assert!(remote.incomplete().is_none());
}

#[test]
fn a_folder_that_cannot_be_read_blocks_deletion() {
    let mut fake = library(3);
    fake.albums = vec![album("F1", "Bad", 3, None), album("AL1", "In it", 0, Some("F1"))];
    fake.failing.insert("F1".to_owned());
    let remote = read_all(&fake);
    assert_eq!(remote.incomplete().unwrap().subject, "folder Bad (F1)");
}

#[test]
fn circles_and_orphans_come_to_the_top_level() {
    let mut fake = library(0);
    // The server lists a folder among its own children, and an album below a folder that does not exist.
    fake.albums = vec![album("F1", "Snake", 3, None), album("AL1", "In it", 0, Some("F1"))];
    let mut snake = album("F1", "Snake", 3, Some("F1"));
    snake["modified"]["timestamp"] = json!(9000);
    fake.albums.push(snake);
    let remote = read_all(&fake);
    let parents: Vec<_> = remote.albums.iter().map(|album| album.parent.as_ref()).collect();
    assert_eq!(parents, [Some(&name("F1")), None]);
    assert_eq!(remote.problems.len(), 1);
    assert!(!remote.problems[0].blocks_deletion);
}

#[test]
fn an_album_that_was_deleted_meanwhile_is_left_out() {
    let mut fake = library(0);
    let mut gone = album("AL1", "Gone", 0, None);
    gone["fields"]["isDeleted"] = json!({"value": true});
    fake.albums = vec![gone, record("CPLAlbum", "----Project-Root-Folder----", json!({}))];
    let remote = read_all(&fake);
    assert!(remote.albums.is_empty() && remote.problems.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// However the server cuts the list into pages, every visible asset is read exactly once.
    #[test]
    fn each_visible_asset_is_read_exactly_once(
        contents in prop::collection::vec(0..40_u8, 0..260),
        hidden in prop::collection::hash_set(0..260_usize, 0..4),
        cap in 2..=200_usize,
        count_error in -300..40_i64,
        empty_once in prop::collection::hash_set((0..30_usize).prop_map(|n| n * 10), 0..6),
        unlisted in prop::collection::hash_set(0..40_u8, 0..5),
        arrivals in prop::collection::hash_set(0..12_usize, 0..4),
    ) {
        let mut fake = Fake { cap, count_error, ..Fake::default() };
        let mut expected = Vec::new();
        for (number, content) in contents.iter().enumerate() {
            let (name, content) = (format!("A{number:04}"), format!("photo {content}"));
            let mut asset = asset(&name, &content);
            if hidden.contains(&number) {
                asset["fields"]["isHidden"] = json!({"value": 1});
            } else {
                expected.push(name);
            }
            fake.add_records(asset, master(&content));
        }
        fake.unlisted = unlisted.iter().map(|n| checksum(&format!("photo {n}")).to_base64()).collect();
        // Beyond the count an empty page is the end, so only those before it can be healed.
        let counted = usize::try_from(i64::try_from(contents.len()).unwrap() + count_error).unwrap_or(0);
        fake.empty_once = Mutex::new(empty_once.into_iter().filter(|rank| *rank < counted).collect());
        fake.masters.insert(checksum("new").to_base64(), master("new"));
        for call in arrivals {
            fake.arrivals.insert(call, (asset(&format!("N{call}"), "new"), checksum("new").to_base64()));
        }

        let remote = read_all(&fake);
        let read = names(&remote);
        let distinct: HashSet<_> = read.iter().collect();
        prop_assert_eq!(distinct.len(), read.len());
        let old: Vec<_> = read.iter().filter(|name| name.starts_with('A')).map(ToString::to_string).collect();
        prop_assert_eq!(old, expected);
        prop_assert!(remote.assets.iter().all(|asset| !asset.files.is_empty()));
    }
}

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use tempfile::TempDir;

use super::super::testing::{Fixture, MODIFIED, hidden, key_of, record};
use crate::model::{AlbumState, FileKey, Link, LocalAlbum, LocalFile, LocalLibrary, Taken, Zone};

fn scan(fixture: &Fixture) -> LocalLibrary {
    fixture.library.scan().unwrap()
}

fn state(library: &LocalLibrary, n: u32) -> &AlbumState {
    &library.albums.iter().find(|album| album.record == record(n)).unwrap().state
}

#[test]
fn an_empty_library_is_empty() {
    assert_eq!(scan(&Fixture::new()), LocalLibrary::default());
}

#[test]
fn asset_files_are_found_with_size_and_time() {
    let fixture = Fixture::new();
    let mut expected: Vec<LocalFile> = Vec::new();
    for n in 0..5000_u32 {
        let mut key = key_of(&n.to_le_bytes());
        key.zone = if n % 3 == 0 { Zone::Shared } else { Zone::Primary };
        fs::write(fixture.path_of(&key), vec![0; n as usize % 7]).unwrap();
        fixture.library.store().touch(&key, MODIFIED + i64::from(n)).unwrap();
        expected.push(LocalFile { key, size: u64::from(n % 7), modified: MODIFIED + i64::from(n) });
    }
    let mut found = scan(&fixture);
    found.files.sort_unstable_by_key(|file| file.key);
    expected.sort_unstable_by_key(|file| file.key);
    assert_eq!(found.files, expected);
    assert!(found.strays.is_empty());
}

#[test]
fn what_is_no_asset_file_is_reported_or_meaningless() {
    let fixture = Fixture::new();
    let elsewhere = TempDir::new().unwrap();
    let photo = fixture.put(b"photo");
    let (directory, link) = (key_of(b"directory"), key_of(b"link"));
    fs::create_dir(fixture.path_of(&directory)).unwrap();
    fs::write(elsewhere.path().join("x"), "content").unwrap();
    symlink(elsewhere.path().join("x"), fixture.path_of(&link)).unwrap();
    for name in ["notes.txt", "IMG_0001.JPG", "Abv-EeVEGAQ0o5_2szwFFOVX1ICw", ".DS_Store", ".fuse_hidden0001"]
    {
        fs::write(fixture.path("_All-Photos").join(name), "").unwrap();
    }
    let found = scan(&fixture);
    assert_eq!(found.files.iter().map(|file| file.key).collect::<Vec<FileKey>>(), [photo]);
    let in_photos = |name: &str| PathBuf::from("_All-Photos").join(name);
    let mut strays = vec![
        in_photos("notes.txt"),
        in_photos("IMG_0001.JPG"),
        in_photos("Abv-EeVEGAQ0o5_2szwFFOVX1ICw"),
        in_photos(&directory.file_name()),
        in_photos(&link.file_name()),
    ];
    strays.sort_unstable();
    assert_eq!(found.strays, strays);
}

#[test]
fn albums_and_folders_are_read_as_they_were_written() {
    let fixture = Fixture::new();
    let albums = fixture.library.albums();
    let key = key_of(b"photo");
    for (path, name) in [(vec![1], "Folder"), (vec![1, 2], "Album"), (vec![3], "Empty")] {
        let path: Vec<_> = path.into_iter().map(record).collect();
        albums.create(&path).unwrap();
        albums.set_name(&path, &[], name).unwrap();
    }
    albums.link(&[record(1), record(2)], "a.jpeg", &key, MODIFIED).unwrap();
    let album = |n, parent: Option<u32>, name: &str, state| LocalAlbum {
        record: record(n),
        parent: parent.map(record),
        names: vec![name.to_owned()],
        state,
    };
    let link = Link { name: "a.jpeg".to_owned(), target: Some(key), modified: MODIFIED };
    assert_eq!(
        scan(&fixture),
        LocalLibrary {
            albums: vec![
                album(1, None, "Folder", AlbumState::Folder { foreign: false }),
                album(2, Some(1), "Album", AlbumState::Album { links: vec![link] }),
                album(3, None, "Empty", AlbumState::Album { links: Vec::new() }),
            ],
            ..LocalLibrary::default()
        }
    );
}

#[test]
fn a_plain_file_archives_an_album_but_not_a_folder() {
    let fixture = Fixture::new();
    for directory in [hidden(1), hidden(2), format!("{}/{}", hidden(2), hidden(3)), hidden(4)] {
        fs::create_dir(fixture.path(&directory)).unwrap();
    }
    for directory in [hidden(1), hidden(2)] {
        fs::write(fixture.path(&directory).join("mine.txt"), "").unwrap();
    }
    fs::write(fixture.path(&hidden(4)).join(".DS_Store"), "").unwrap();
    let found = scan(&fixture);
    assert_eq!(state(&found, 1), &AlbumState::Archived);
    assert_eq!(state(&found, 2), &AlbumState::Folder { foreign: true });
    assert_eq!(state(&found, 4), &AlbumState::Album { links: Vec::new() });
    assert_eq!(found.strays, [PathBuf::from(hidden(2)).join("mine.txt")]);
}

#[test]
fn names_are_told_from_what_merely_looks_like_one() {
    let fixture = Fixture::new();
    fs::create_dir(fixture.path(&hidden(1))).unwrap();
    fs::create_dir(fixture.path(&hidden(2))).unwrap();
    symlink(hidden(1), fixture.path("first")).unwrap();
    symlink(hidden(1), fixture.path("second")).unwrap();
    symlink(hidden(9), fixture.path("stale")).unwrap();
    symlink(format!("./{}", hidden(2)), fixture.path("by another path")).unwrap();
    let found = scan(&fixture);
    assert_eq!(found.albums[0].names, ["first", "second"]);
    assert!(found.albums[1].names.is_empty());
    assert_eq!(found.strays, [PathBuf::from("stale")]);
    assert_eq!(found.taken, [Taken { inside: None, name: "by another path".to_owned() }]);
}

#[test]
fn a_link_that_is_not_the_canonical_one_has_no_target() {
    let fixture = Fixture::new();
    fs::create_dir(fixture.path(&hidden(1))).unwrap();
    let name = key_of(b"").file_name();
    let absolute = fixture.path("_All-Photos").join(&name).display().to_string();
    for target in
        [&*absolute, &format!("../../_All-Photos/{name}"), &format!(".././_All-Photos/{name}"), "/etc/passwd"]
    {
        let link = fixture.path(&hidden(1)).join("link");
        symlink(target, &link).unwrap();
        match state(&scan(&fixture), 1) {
            AlbumState::Album { links } => assert_eq!(links[0].target, None, "{target}"),
            other => panic!("{other:?}"),
        }
        fs::remove_file(link).unwrap();
    }
}

#[test]
fn the_users_own_things_are_left_alone_and_keep_their_names() {
    let fixture = Fixture::new();
    fs::create_dir(fixture.path("From the archive")).unwrap();
    fs::write(fixture.path("From the archive/photo.jpeg"), "").unwrap();
    fs::create_dir_all(fixture.path("_Archive/anything/.git")).unwrap();
    fs::create_dir(fixture.path(".git")).unwrap();
    fs::write(fixture.path("notes.txt"), "").unwrap();
    fs::create_dir_all(fixture.path(&hidden(1)).join("mine")).unwrap();
    let found = scan(&fixture);
    assert_eq!(found.albums.len(), 1);
    let mut taken: Vec<_> =
        found.taken.iter().map(|taken| (taken.inside.clone(), taken.name.as_str())).collect();
    taken.sort_unstable();
    assert_eq!(taken, [(None, "From the archive"), (None, "notes.txt"), (Some(record(1)), "mine")]);
    assert_eq!(found.strays, [PathBuf::from(hidden(1)).join("mine")]);
}

#[test]
fn a_symlink_in_place_of_an_album_is_reported_and_not_followed() {
    let fixture = Fixture::new();
    let elsewhere = TempDir::new().unwrap();
    fs::create_dir(elsewhere.path().join(hidden(2))).unwrap();
    symlink(elsewhere.path(), fixture.path(&hidden(1))).unwrap();
    let found = scan(&fixture);
    assert!(found.albums.is_empty());
    assert_eq!(found.strays, [PathBuf::from(hidden(1))]);
}

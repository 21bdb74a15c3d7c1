use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};

use tempfile::TempDir;

use super::super::testing::{Fixture, MODIFIED, hidden, key_of, record, tree};
use super::*;

fn path(records: &[u32]) -> Vec<RecordName> {
    records.iter().map(|n| record(*n)).collect()
}

fn albums(fixture: &Fixture) -> &Albums {
    fixture.library.albums()
}

/// Creates an album or folder with a name.
fn make(fixture: &Fixture, records: &[u32], name: &str) {
    albums(fixture).create(&path(records)).unwrap();
    albums(fixture).set_name(&path(records), &[], name).unwrap();
}

/// What is at the root, without the layout.
fn visible(fixture: &Fixture) -> Vec<String> {
    let layout = [".icps", ".library.lock", "_All-Photos", "_Shared-Photos", "_Archive/.stash"];
    let mut found = tree(fixture.root());
    found.retain(|path| path != "_Archive" && !layout.iter().any(|own| path.starts_with(own)));
    found
}

#[test]
fn an_album_is_a_hidden_directory_with_a_name_and_links() {
    let fixture = Fixture::new();
    let key = key_of(b"photo");
    make(&fixture, &[1], "Trips");
    make(&fixture, &[1, 2], "Süden");
    albums(&fixture).link(&path(&[1, 2]), "IMG_1.jpeg", &key, MODIFIED).unwrap();
    assert_eq!(
        visible(&fixture),
        [
            hidden(1),
            format!("{}/{}", hidden(1), hidden(2)),
            format!("{}/{}/IMG_1.jpeg -> ../../_All-Photos/{}", hidden(1), hidden(2), key.file_name()),
            format!("{}/Süden -> {}", hidden(1), hidden(2)),
            format!("Trips -> {}", hidden(1)),
        ]
    );
    fixture.put(b"photo");
    let through_the_names = fixture.path("Trips/Süden/IMG_1.jpeg");
    assert_eq!(fs::read(&through_the_names).unwrap(), b"photo");
    let link = fs::symlink_metadata(&through_the_names).unwrap();
    assert_eq!(link.mtime() * 1000 + link.mtime_nsec() / 1_000_000, MODIFIED);
}

#[test]
fn everything_may_be_done_twice() {
    let fixture = Fixture::new();
    for _ in 0..2 {
        make(&fixture, &[1], "Trips");
        albums(&fixture).link(&path(&[1]), "a.jpeg", &key_of(b"a"), MODIFIED).unwrap();
    }
    for _ in 0..2 {
        albums(&fixture).unlink(&path(&[1]), "a.jpeg").unwrap();
    }
    for _ in 0..2 {
        albums(&fixture).remove(&path(&[1])).unwrap();
    }
    assert!(visible(&fixture).is_empty());
}

#[test]
fn two_albums_swap_their_names() {
    let fixture = Fixture::new();
    make(&fixture, &[1], "a");
    make(&fixture, &[2], "b");
    albums(&fixture).set_name(&path(&[1]), &["a".to_owned()], "b").unwrap();
    albums(&fixture).set_name(&path(&[2]), &["b".to_owned()], "a").unwrap();
    assert_eq!(fs::read_link(fixture.path("a")).unwrap().to_str(), Some(&*hidden(2)));
    assert_eq!(fs::read_link(fixture.path("b")).unwrap().to_str(), Some(&*hidden(1)));
}

#[test]
fn a_name_or_link_never_replaces_what_is_the_users() {
    let fixture = Fixture::new();
    make(&fixture, &[1], "a");
    fs::write(fixture.path("file"), "precious").unwrap();
    fs::create_dir(fixture.path("directory")).unwrap();
    symlink("/etc", fixture.path("symlink")).unwrap();
    symlink("_All-Photos", fixture.path("photos")).unwrap();
    let before = tree(fixture.root());
    for taken in ["file", "directory", "symlink", "photos"] {
        let error = albums(&fixture).set_name(&path(&[1]), &["a".to_owned()], taken).unwrap_err();
        assert!(matches!(&error, Error::Taken { path } if path.ends_with(taken)), "{error}");
    }
    let inside = fixture.path(&hidden(1)).join("IMG.jpeg");
    fs::create_dir(&inside).unwrap();
    assert!(matches!(
        albums(&fixture).link(&path(&[1]), "IMG.jpeg", &key_of(b""), 0),
        Err(Error::Taken { .. })
    ));
    assert!(matches!(albums(&fixture).unlink(&path(&[1]), "IMG.jpeg"), Err(Error::Taken { .. })));
    fs::remove_dir(inside).unwrap();
    assert_eq!(tree(fixture.root()), before);
}

#[test]
fn hostile_names_are_refused() {
    let fixture = Fixture::new();
    make(&fixture, &[1], "a");
    let before = tree(fixture.root());
    for name in
        ["", ".", "..", ".hidden", "a/b", "../a", "/a", "a\0b", "_All-Photos", "_Archive", &"a".repeat(256)]
    {
        let refused = albums(&fixture).set_name(&path(&[1]), &[], name);
        assert!(matches!(refused, Err(Error::UnsafeName { .. })), "{name:?}");
    }
    for name in ["", "..", "a/b", "../../escaped"] {
        assert!(albums(&fixture).link(&path(&[1]), name, &key_of(b""), 0).is_err(), "{name:?}");
        assert!(albums(&fixture).unlink(&path(&[1]), name).is_err(), "{name:?}");
    }
    let odd = [RecordName::new("icps").unwrap()];
    assert!(matches!(albums(&fixture).create(&odd), Err(Error::UnusualRecord { .. })));
    assert!(matches!(albums(&fixture).remove(&odd), Err(Error::UnusualRecord { .. })));
    assert_eq!(tree(fixture.root()), before);
}

#[test]
fn an_album_directory_that_leads_elsewhere_is_never_entered() {
    let fixture = Fixture::new();
    let elsewhere = TempDir::new().unwrap();
    fs::write(elsewhere.path().join("file"), "precious").unwrap();
    symlink("../_All-Photos/x", elsewhere.path().join("link")).unwrap();
    symlink(elsewhere.path(), fixture.path(&hidden(1))).unwrap();
    let before = (tree(fixture.root()), tree(elsewhere.path()));
    let album = path(&[1]);
    let attempts = [
        albums(&fixture).create(&album),
        albums(&fixture).create(&path(&[1, 2])),
        albums(&fixture).link(&album, "a.jpeg", &key_of(b""), 0),
        albums(&fixture).unlink(&album, "link"),
        albums(&fixture).remove(&album),
        albums(&fixture).move_to(&path(&[1, 2]), &path(&[2])),
        albums(&fixture).set_name(&path(&[1, 2]), &[], "name"),
    ];
    for (at, attempt) in attempts.into_iter().enumerate() {
        assert!(matches!(attempt, Err(Error::NotADirectory { .. })), "{at}: {attempt:?}");
    }
    assert_eq!((tree(fixture.root()), tree(elsewhere.path())), before);
}

#[test]
fn a_moved_album_keeps_its_links_valid_and_its_times() {
    let fixture = Fixture::new();
    let key = fixture.put(b"photo");
    make(&fixture, &[1], "Folder");
    make(&fixture, &[2], "Trips");
    make(&fixture, &[2, 3], "Süden");
    albums(&fixture).link(&path(&[2, 3]), "a.jpeg", &key, MODIFIED).unwrap();
    albums(&fixture).move_to(&path(&[2]), &path(&[1, 2])).unwrap();
    albums(&fixture).set_name(&path(&[1, 2]), &[], "Trips").unwrap();
    assert!(fs::symlink_metadata(fixture.path("Trips")).is_err());
    let moved = fixture.path("Folder/Trips/Süden/a.jpeg");
    assert_eq!(fs::read(&moved).unwrap(), b"photo");
    assert_eq!(
        fs::read_link(&moved).unwrap().to_str().unwrap(),
        format!("../../../_All-Photos/{}", key.file_name())
    );
    assert_eq!(fs::symlink_metadata(&moved).unwrap().mtime(), MODIFIED / 1000);
}

#[test]
fn a_move_onto_an_existing_album_changes_neither() {
    let fixture = Fixture::new();
    make(&fixture, &[1], "Folder");
    make(&fixture, &[2], "a");
    make(&fixture, &[1, 2], "b");
    let moved = albums(&fixture).move_to(&path(&[2]), &path(&[1, 2]));
    assert!(matches!(moved, Err(Error::Taken { .. })), "{moved:?}");
    assert!(fixture.path(&hidden(2)).is_dir() && fixture.path("Folder/b").is_dir());
}

#[test]
fn parent_and_child_change_places() {
    let fixture = Fixture::new();
    let key = fixture.put(b"photo");
    make(&fixture, &[1], "outer");
    make(&fixture, &[1, 2], "inner");
    make(&fixture, &[1, 2, 3], "album");
    albums(&fixture).link(&path(&[1, 2, 3]), "a.jpeg", &key, MODIFIED).unwrap();
    albums(&fixture).move_to(&path(&[1, 2]), &path(&[2])).unwrap();
    albums(&fixture).set_name(&path(&[2]), &[], "inner").unwrap();
    albums(&fixture).move_to(&path(&[1]), &path(&[2, 1])).unwrap();
    albums(&fixture).set_name(&path(&[2, 1]), &[], "outer").unwrap();
    assert_eq!(fs::read(fixture.path("inner/album/a.jpeg")).unwrap(), b"photo");
    assert!(fixture.path("inner/outer").is_dir());
    assert_eq!(visible(&fixture).len(), 7, "{:?}", visible(&fixture));
}

#[test]
fn what_the_other_program_left_in_its_stash_comes_back() {
    let fixture = Fixture::new();
    make(&fixture, &[3], "album");
    let stashed = [hidden(1), record(2).to_string(), hidden(3), "mine".to_owned()];
    for directory in &stashed {
        let directory = fixture.path("_Archive/.stash").join(directory);
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("mine.txt"), "precious").unwrap();
    }
    let fixture = fixture.reopen();
    for n in [1, 2] {
        assert_eq!(fs::read_to_string(fixture.path(&hidden(n)).join("mine.txt")).unwrap(), "precious");
    }
    assert_eq!(
        tree(&fixture.path("_Archive/.stash")).len(),
        4,
        "a second album of one record, and the user's"
    );
    assert!(tree(&fixture.path(&hidden(3))).is_empty());
}

#[test]
fn only_what_is_ours_is_removed() {
    let fixture = Fixture::new();
    make(&fixture, &[1], "album");
    make(&fixture, &[2], "other");
    albums(&fixture).link(&path(&[1]), "a.jpeg", &key_of(b"a"), MODIFIED).unwrap();
    symlink(hidden(1), fixture.path("second name")).unwrap();
    let mine = fixture.path("album/mine.txt");
    let odd = fixture.path("album/elsewhere");
    fs::write(&mine, "precious").unwrap();
    symlink("/etc", &odd).unwrap();
    fs::write(fixture.path("album/.DS_Store"), "").unwrap();
    let before = tree(fixture.root());
    match albums(&fixture).remove(&path(&[1])) {
        Err(Error::Kept { holds, .. }) => assert_eq!(holds, ["elsewhere", "mine.txt"]),
        other => panic!("{other:?}"),
    }
    assert_eq!(tree(fixture.root()), before);
    fs::remove_file(mine).unwrap();
    fs::remove_file(odd).unwrap();
    albums(&fixture).remove(&path(&[1])).unwrap();
    assert_eq!(visible(&fixture), [hidden(2), format!("other -> {}", hidden(2))]);
}

#[test]
fn a_folder_is_kept_while_it_holds_an_album() {
    let fixture = Fixture::new();
    make(&fixture, &[1], "Folder");
    make(&fixture, &[1, 2], "album");
    assert!(matches!(albums(&fixture).remove(&path(&[1])), Err(Error::Kept { .. })));
    albums(&fixture).remove(&path(&[1, 2])).unwrap();
    albums(&fixture).remove(&path(&[1])).unwrap();
    assert!(visible(&fixture).is_empty());
}

#[test]
fn a_retired_album_gets_a_free_name_in_the_archive() {
    let fixture = Fixture::new();
    for (n, expected) in [(1, "Trip"), (2, "Trip-1"), (3, "Trip-2")] {
        make(&fixture, &[n], "Trip");
        fs::write(fixture.path(&hidden(n)).join("mine.txt"), format!("{n}")).unwrap();
        assert_eq!(albums(&fixture).retire(&path(&[n]), "Trip").unwrap(), expected);
        assert_eq!(
            fs::read_to_string(fixture.path(&format!("_Archive/{expected}/mine.txt"))).unwrap(),
            format!("{n}")
        );
    }
    make(&fixture, &[4], "Trip");
    assert_eq!(albums(&fixture).retire(&path(&[4]), "../.stash").unwrap(), "_._.stash");
    assert!(visible(&fixture).iter().all(|path| path.starts_with("_Archive/")));
}

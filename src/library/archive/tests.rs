use std::fs;
use std::os::unix::fs::symlink;

use super::super::testing::{Fixture, MODIFIED, hidden, key_of, record, tree};
use super::*;
use crate::model::AlbumState;

/// An album "Trips/Süden" with two photos.
fn fixture() -> (Fixture, Vec<RecordName>) {
    let fixture = Fixture::new();
    let albums = fixture.library.albums();
    let album = vec![record(1), record(2)];
    for (path, name) in [(&album[..1], "Trips"), (&album[..], "Süden")] {
        albums.create(path).unwrap();
        albums.set_name(path, &[], name).unwrap();
    }
    for content in ["a", "b"] {
        let key = fixture.put(content.as_bytes());
        albums.link(&album, &format!("{content}.jpeg"), &key, MODIFIED).unwrap();
    }
    (fixture, album)
}

fn all(_: &Copied) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn an_album_is_found_by_its_names() {
    let (fixture, album) = fixture();
    let find = |path: &str| fixture.library.albums().find(&fixture.path(path));
    assert_eq!(find("Trips/Süden").unwrap(), album);
    assert_eq!(find("Trips").unwrap(), album[..1]);
    fs::create_dir(fixture.path("plain")).unwrap();
    for no_album in [
        "plain",
        "missing",
        "_All-Photos",
        "Trips/Süden/a.jpeg",
        &format!("Trips/{}", hidden(2)),
        "../..",
        "",
    ] {
        assert!(matches!(find(no_album), Err(Error::NotAnAlbum { .. })), "{no_album}");
    }
    assert!(matches!(fixture.library.albums().find(Path::new("/usr")), Err(Error::NotAnAlbum { .. })));
}

#[test]
fn an_archived_album_holds_files_of_its_own() {
    let (fixture, album) = fixture();
    let mut seen = 0;
    let count = |_: &Copied| {
        seen += 1;
        ControlFlow::Continue(())
    };
    assert_eq!(fixture.library.albums().links_to_archive(&album).unwrap(), 2);
    let copies = fixture.library.albums().archive(&album, count).unwrap().unwrap();
    assert_eq!((copies.len(), seen), (2, 2));
    assert!(copies.iter().all(|copy| copy.verified == Verified::Checksum && copy.size == 1));
    let a = fixture.path("Trips/Süden/a.jpeg");
    assert!(fs::symlink_metadata(&a).unwrap().is_file());
    let times =
        [&a, &fixture.path_of(&key_of(b"a"))].map(|path| fs::metadata(path).unwrap().modified().unwrap());
    assert_eq!(times[0], times[1]);
    assert!(tree(&fixture.path(".icps/staging")).is_empty());
    let library = fixture.library.scan().unwrap();
    assert_eq!(library.albums[1].state, AlbumState::Archived);
    let again = fixture.library.albums().archive(&album, all).unwrap_err();
    assert!(again.to_string().contains("archived already"), "{again}");
}

#[test]
fn what_cannot_be_archived_stays_as_it_is() {
    let (fixture, album) = fixture();
    let albums = fixture.library.albums();
    let refused = |expected: &str| {
        let before = tree(fixture.root());
        let error = albums.archive(&album, all).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(tree(fixture.root()), before);
    };
    let inside = fixture.path("Trips/Süden/odd");
    symlink("/etc/passwd", &inside).unwrap();
    refused("no link of ours");
    fs::remove_file(&inside).unwrap();
    fs::create_dir(&inside).unwrap();
    refused("odd in it is not ours");
    fs::remove_dir(&inside).unwrap();

    fs::write(fixture.path_of(&key_of(b"b")), "x").unwrap();
    refused("damaged");
    fs::remove_file(fixture.path_of(&key_of(b"b"))).unwrap();
    refused("does not exist");

    let folder = albums.archive(&album[..1], all).unwrap_err().to_string();
    assert!(folder.contains("is a folder"), "{folder}");
    for name in ["a.jpeg", "b.jpeg"] {
        albums.unlink(&album, name).unwrap();
    }
    refused("is empty");
}

#[test]
fn an_interrupted_archiving_leaves_the_album_as_it_was() {
    let (fixture, _) = fixture();
    // Copies were made, but nothing exchanged.
    let staged = fixture.path(".icps/staging").join(format!("{STAGED}{}", record(2)));
    fs::create_dir(&staged).unwrap();
    fs::write(staged.join("a.jpeg"), "a").unwrap();
    let before = tree(&fixture.path("Trips"));
    let fixture = fixture.reopen();
    assert_eq!(tree(&fixture.path("Trips")), before);
    assert!(!staged.exists());
}

#[test]
fn whoever_breaks_it_off_keeps_the_album() {
    let (fixture, album) = fixture();
    let before = tree(fixture.root());
    let stopped = fixture.library.albums().archive(&album, |_| ControlFlow::Break(())).unwrap();
    assert_eq!(stopped, None);
    assert_eq!(tree(fixture.root()), before);
}

#[test]
fn what_the_user_put_in_before_a_crash_is_not_lost() {
    let (fixture, _) = fixture();
    // The album was exchanged, and its links not cleared away yet.
    let staged = fixture.path(".icps/staging").join(format!("{STAGED}{}", record(2)));
    fs::create_dir(&staged).unwrap();
    symlink("../../_All-Photos/x.jpeg", staged.join("a.jpeg")).unwrap();
    fs::write(staged.join("mine.txt"), "precious").unwrap();
    let fixture = fixture.reopen();
    assert!(tree(&fixture.path(".icps/staging")).is_empty());
    assert_eq!(tree(&fixture.path("_Archive").join(staged.file_name().unwrap())), ["mine.txt"]);
}

#[test]
fn what_the_user_puts_in_meanwhile_is_not_lost() {
    let (fixture, album) = fixture();
    let inside = fixture.path("Trips/Süden");
    let meanwhile = |_: &Copied| {
        fs::write(inside.join("mine.txt"), "precious").unwrap();
        fs::remove_file(inside.join("a.jpeg")).unwrap_or_default();
        fs::write(inside.join("a.jpeg"), "also mine").unwrap();
        ControlFlow::Continue(())
    };
    fixture.library.albums().archive(&album, meanwhile).unwrap();
    assert_eq!(tree(&inside), ["a.jpeg", "a.jpeg-1", "b.jpeg", "mine.txt"]);
    assert_eq!(fs::read_to_string(inside.join("a.jpeg-1")).unwrap(), "also mine");
    assert_eq!(fs::read_to_string(inside.join("a.jpeg")).unwrap(), "a");
}

/// An album and its staged copies, for a file system that cannot exchange directories.
fn staged() -> (Fixture, Vec<RecordName>, String) {
    let (fixture, album) = fixture();
    let staged = format!("{STAGED}{}", record(2));
    fs::create_dir(fixture.path(".icps/staging").join(&staged)).unwrap();
    fs::write(fixture.path(".icps/staging").join(&staged).join("a.jpeg"), "a copy").unwrap();
    (fixture, album, staged)
}

#[test]
fn without_an_exchange_it_takes_two_steps() {
    let (fixture, album, staged) = staged();
    let layout = &fixture.library.albums().layout;
    replace(&layout.staging, &staged, &layout.album(&album[..1]).unwrap(), &hidden(2)).unwrap();
    assert_eq!(tree(&fixture.path("Trips/Süden")), ["a.jpeg"]);
    assert_eq!(tree(&layout.staging.path().join(staged)).len(), 2);
}

#[test]
fn an_album_between_the_two_steps_comes_back() {
    let (fixture, _, _) = staged();
    fs::rename(fixture.path("Trips").join(hidden(2)), fixture.path(".icps/staging").join(hidden(2))).unwrap();
    let fixture = fixture.reopen();
    assert_eq!(fs::read_to_string(fixture.path(&hidden(2)).join("a.jpeg")).unwrap(), "a");
    assert!(tree(&fixture.path(".icps/staging")).is_empty());
}

#[test]
fn links_that_were_left_after_both_steps_are_cleared_away() {
    let (fixture, _, staged) = staged();
    let staging = fixture.path(".icps/staging");
    let album = fixture.path("Trips").join(hidden(2));
    fs::rename(&album, staging.join(hidden(2))).unwrap();
    fs::rename(staging.join(staged), &album).unwrap();
    let fixture = fixture.reopen();
    assert_eq!(fs::read_to_string(album.join("a.jpeg")).unwrap(), "a copy");
    assert!(tree(&staging).is_empty());
    assert!(!fixture.path(&hidden(2)).exists());
}

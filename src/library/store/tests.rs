use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::process::Command;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use tempfile::TempDir;

use super::super::incoming::partial_name;
use super::super::testing::{Fixture, MODIFIED, key_of, tree};
use super::super::{Library, OpenOptions};
use super::*;
use crate::model::Extension;

const CONTENT: &[u8] = b"the bytes of a photo";

fn day(text: &str) -> Timestamp {
    format!("{text}T12:00:00Z").parse().unwrap()
}

fn names(fixture: &Fixture, directory: &str) -> Vec<String> {
    tree(&fixture.path(directory))
}

#[test]
fn a_download_has_its_name_only_once_it_is_verified() {
    let fixture = Fixture::new();
    let key = key_of(CONTENT);
    let mut incoming = fixture.library.store().incoming(&key, CONTENT.len() as u64).unwrap();
    incoming.write(&CONTENT[..5]).unwrap();
    incoming.write(&CONTENT[5..]).unwrap();
    assert!(names(&fixture, "_All-Photos").is_empty());
    assert_eq!(incoming.finish(MODIFIED).unwrap(), Verified::Checksum);
    assert_eq!(fs::read(fixture.path_of(&key)).unwrap(), CONTENT);
    let modified = fs::metadata(fixture.path_of(&key)).unwrap().modified().unwrap();
    assert_eq!(modified, SystemTime::UNIX_EPOCH + Duration::from_millis(MODIFIED.unsigned_abs()));
    assert!(names(&fixture, ".icps/partial").is_empty());
    fixture.library.store().settle().unwrap();
}

#[test]
fn times_before_1970_are_kept_to_the_millisecond() {
    let fixture = Fixture::new();
    let key = fixture.put(CONTENT);
    for modified in [-1, -1000, -1001, -2_000_000_000_500, 0, 1] {
        fixture.library.store().touch(&key, modified).unwrap();
        assert_eq!(fixture.library.scan().unwrap().files[0].modified, modified);
    }
}

#[test]
fn an_interrupted_download_continues_where_it_was() {
    let fixture = Fixture::new();
    let key = key_of(CONTENT);
    let size = CONTENT.len() as u64;
    let mut incoming = fixture.library.store().incoming(&key, size).unwrap();
    incoming.write(&CONTENT[..7]).unwrap();
    let error = incoming.finish(MODIFIED).unwrap_err();
    assert!(matches!(error, Error::Incomplete { have: 7, .. }), "{error}");

    let fixture = fixture.reopen();
    let mut incoming = fixture.library.store().incoming(&key, size).unwrap();
    assert_eq!(incoming.len(), 7);
    incoming.write(&CONTENT[7..]).unwrap();
    assert_eq!(incoming.finish(MODIFIED).unwrap(), Verified::Checksum);
}

#[test]
fn a_damaged_part_is_thrown_away() {
    let fixture = Fixture::new();
    let key = key_of(CONTENT);
    let size = CONTENT.len() as u64;
    let mut incoming = fixture.library.store().incoming(&key, size).unwrap();
    incoming.write(&vec![b'x'; CONTENT.len()]).unwrap();
    let error = incoming.finish(MODIFIED).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
    assert!(names(&fixture, "_All-Photos").is_empty());
    assert!(fixture.library.store().incoming(&key, size).unwrap().is_empty());
}

#[test]
fn more_than_announced_is_refused_before_it_fills_the_disk() {
    let fixture = Fixture::new();
    let key = key_of(CONTENT);
    let mut incoming = fixture.library.store().incoming(&key, 10).unwrap();
    assert!(matches!(incoming.write(CONTENT).unwrap_err(), Error::Damaged { .. }));
    assert!(incoming.is_empty());

    let mut larger = fixture.library.store().incoming(&key, 100).unwrap();
    larger.write(&[0; 50]).unwrap();
    drop(larger);
    assert!(
        fixture.library.store().incoming(&key, 20).unwrap().is_empty(),
        "a part longer than the file is none"
    );
}

#[test]
fn a_server_that_starts_again_is_followed() {
    let fixture = Fixture::new();
    let key = key_of(CONTENT);
    let mut incoming = fixture.library.store().incoming(&key, CONTENT.len() as u64).unwrap();
    incoming.write(&CONTENT[..7]).unwrap();
    incoming.restart().unwrap();
    incoming.write(CONTENT).unwrap();
    incoming.finish(MODIFIED).unwrap();
    assert_eq!(fs::read(fixture.path_of(&key)).unwrap(), CONTENT);
}

#[test]
fn a_checksum_of_an_unknown_kind_is_compared_by_size() {
    let fixture = Fixture::new();
    let key = FileKey { checksum: Checksum::from_file_stem(&"Ag".repeat(14)).unwrap(), ..key_of(CONTENT) };
    let mut incoming = fixture.library.store().incoming(&key, 3).unwrap();
    incoming.write(b"abc").unwrap();
    assert_eq!(incoming.finish(MODIFIED).unwrap(), Verified::SizeOnly);
    assert_eq!(fixture.library.store().verify(&key, Some(3)).unwrap(), Verified::SizeOnly);
    assert!(fixture.library.store().verify(&key, Some(4)).is_err());
}

#[test]
fn a_part_that_leads_elsewhere_is_not_written_through() {
    let fixture = Fixture::new();
    let key = key_of(CONTENT);
    let part = fixture.path(".icps/partial").join(partial_name(&key));
    let elsewhere = TempDir::new().unwrap();
    let victim = elsewhere.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    for attack in ["symlink", "hard link", "pipe"] {
        match attack {
            "symlink" => symlink(&victim, &part).unwrap(),
            "hard link" => fs::hard_link(&victim, &part).unwrap(),
            _ => nix::unistd::mkfifo(&part, nix::sys::stat::Mode::S_IRWXU).unwrap(),
        }
        let mut incoming = fixture.library.store().incoming(&key, CONTENT.len() as u64).unwrap();
        assert!(incoming.is_empty(), "{attack}");
        incoming.write(CONTENT).unwrap();
        incoming.finish(MODIFIED).unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious", "{attack}");
        assert_eq!(fs::metadata(&victim).unwrap().nlink(), 1, "{attack}");
    }
}

#[test]
fn a_file_is_replaced_in_one_step_and_so_is_a_symlink_in_its_place() {
    let fixture = Fixture::new();
    let key = key_of(CONTENT);
    let victim = fixture.path("victim");
    fs::write(&victim, "precious").unwrap();
    symlink(&victim, fixture.path_of(&key)).unwrap();
    fixture.put(CONTENT);
    assert!(fs::symlink_metadata(fixture.path_of(&key)).unwrap().is_file());
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    fs::write(fixture.path_of(&key), "short").unwrap();
    fixture.put(CONTENT);
    assert_eq!(fs::read(fixture.path_of(&key)).unwrap(), CONTENT);
}

#[test]
fn parts_of_files_that_nobody_wants_any_more_are_purged() {
    let fixture = Fixture::new();
    let store = fixture.library.store();
    let (kept, dropped) = (key_of(b"kept"), key_of(b"dropped"));
    for key in [&kept, &dropped] {
        store.incoming(key, 7).unwrap().write(b"x").unwrap();
    }
    assert_eq!(store.purge_partials(&HashSet::from([kept])).unwrap(), 1);
    assert_eq!(store.incoming(&kept, 7).unwrap().len(), 1);
    assert!(store.incoming(&dropped, 7).unwrap().is_empty());
}

#[test]
fn a_file_that_changes_the_library_is_renamed() {
    let fixture = Fixture::new();
    let from = fixture.put(CONTENT);
    let inode = fs::metadata(fixture.path_of(&from)).unwrap().ino();
    let to = FileKey { zone: Zone::Shared, extension: Extension::new("HEIC").unwrap(), ..from };
    fixture.library.store().relocate(&from, &to, 5_000).unwrap();
    let found = fs::metadata(fixture.path_of(&to)).unwrap();
    assert_eq!((found.ino(), found.mtime()), (inode, 5));
    assert!(!fixture.path_of(&from).exists());
    let again = fixture.library.store().relocate(&from, &to, 5_000).unwrap_err();
    assert!(matches!(again, Error::Missing { .. }), "{again}");
}

#[test]
fn what_is_discarded_can_be_taken_back() {
    let fixture = Fixture::new();
    let store = fixture.library.store();
    let key = fixture.put(CONTENT);
    let size = CONTENT.len() as u64;
    store.discard(&key, day("2026-11-22"), true).unwrap();
    assert!(!fixture.path_of(&key).exists());
    let in_trash = format!(".icps/trash/2026-11-22/_All-Photos/{}", key.file_name());
    assert!(fixture.path(&in_trash).is_file());
    store.settle().unwrap();
    assert_eq!(
        fixture.library.scan().unwrap().trash,
        [crate::model::LocalFile { key, size, modified: MODIFIED }]
    );

    assert!(store.restore(&key, size, 7_000).unwrap());
    assert_eq!(fs::read(fixture.path_of(&key)).unwrap(), CONTENT);
    assert_eq!(fs::metadata(fixture.path_of(&key)).unwrap().mtime(), 7);
    assert!(!store.restore(&key, size, 7_000).unwrap());
    store.discard(&key, day("2026-11-22"), false).unwrap();
    assert!(!fixture.path_of(&key).exists() && !fixture.path(&in_trash).exists());
}

#[test]
fn a_damaged_copy_in_the_trash_is_not_taken_back_but_an_older_sound_one_is() {
    let fixture = Fixture::new();
    let store = fixture.library.store();
    let key = fixture.put(CONTENT);
    store.discard(&key, day("2026-11-20"), true).unwrap();
    fixture.put(CONTENT);
    store.discard(&key, day("2026-11-22"), true).unwrap();
    let newer = fixture.path(".icps/trash/2026-11-22/_All-Photos").join(key.file_name());
    fs::write(&newer, vec![b'x'; CONTENT.len()]).unwrap();
    assert!(store.restore(&key, CONTENT.len() as u64, MODIFIED).unwrap());
    assert!(!newer.exists());
    assert_eq!(fs::read(fixture.path_of(&key)).unwrap(), CONTENT);
}

#[test]
fn the_trash_is_emptied_by_age_and_by_need_the_oldest_first() {
    let fixture = Fixture::new();
    let store = fixture.library.store();
    let days = ["2026-10-01", "2026-11-01", "2026-11-20"];
    for date in days {
        for n in 0..3 {
            let key = fixture.put(format!("{date} {n}").as_bytes());
            store.discard(&key, day(date), true).unwrap();
        }
    }
    fs::create_dir(fixture.path(".icps/trash/mine")).unwrap();
    let thirty_days = Duration::from_secs(30 * 86_400);
    assert_eq!(
        store.expire_trash(day("2026-10-31"), thirty_days).unwrap(),
        0,
        "thirty days are thirty whole days"
    );
    assert_eq!(store.expire_trash(day("2026-11-22"), thirty_days).unwrap(), 3);
    assert!(!fixture.path(".icps/trash/2026-10-01").exists());

    assert_eq!(store.shrink_trash(13).unwrap(), 24, "whole files, no more than needed");
    assert_eq!(fixture.library.scan().unwrap().trash.len(), 4);
    assert_eq!(store.shrink_trash(u64::MAX).unwrap(), 48);
    assert_eq!(names(&fixture, ".icps/trash"), ["mine"]);
    assert_eq!(store.expire_trash(day("2026-11-22"), Duration::MAX).unwrap(), 0);
}

#[test]
fn verification_tells_the_damaged_from_the_missing() {
    let fixture = Fixture::new();
    let store = fixture.library.store();
    let key = fixture.put(CONTENT);
    assert_eq!(store.verify(&key, None).unwrap(), Verified::Checksum);
    fs::write(fixture.path_of(&key), "other").unwrap();
    assert!(matches!(store.verify(&key, None), Err(Error::Damaged { .. })));
    fs::remove_file(fixture.path_of(&key)).unwrap();
    assert!(matches!(store.verify(&key, None), Err(Error::Missing { .. })));
}

#[test]
fn free_space_is_that_of_the_disk() {
    let fixture = Fixture::new();
    let free = fixture.library.store().free_space().unwrap();
    assert!(free > 0 && free < 1 << 60, "{free}");
}

/// Set for a copy of this test program whose files may not grow beyond a few kilobytes.
const CHILD: &str = "ICPS_TEST_SMALL_FILES_IN";

#[test]
fn a_part_survives_a_write_that_fails_half_way() {
    let content = vec![b'x'; 40_000];
    let key = key_of(&content);
    if let Some(root) = std::env::var_os(CHILD) {
        let library = Library::open(root.as_ref(), &OpenOptions::default()).unwrap();
        let mut incoming = library.store().incoming(&key, 40_000).unwrap();
        incoming.write(&content[..1000]).unwrap();
        let error = incoming.write(&content[1000..]).unwrap_err();
        assert!(matches!(error, Error::Io { action: "write", .. }), "{error}");
        assert_eq!(incoming.len(), 1000);
        return;
    }
    let directory = TempDir::new().unwrap();
    // Pipes have no size: what the copy prints must not fall under its own limit.
    let child = Command::new("sh")
        .args(["-c", r#"trap "" XFSZ; ulimit -f 8; exec "$0" --exact library::store::tests::a_part_survives_a_write_that_fails_half_way"#])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, directory.path())
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    let library = Library::open(directory.path(), &OpenOptions::default()).unwrap();
    let mut incoming = library.store().incoming(&key, 40_000).unwrap();
    assert_eq!(incoming.len(), 1000);
    incoming.write(&content[1000..]).unwrap();
    assert_eq!(incoming.finish(MODIFIED).unwrap(), Verified::Checksum);
}

#[test]
fn what_a_good_copy_replaces_can_go_to_the_trash() {
    let fixture = Fixture::new();
    let key = fixture.put(b"photo");
    let now = day("2026-05-05");
    for old in [Some("altered"), None] {
        match old {
            Some(text) => fs::write(fixture.path_of(&key), text).unwrap(),
            None => fs::remove_file(fixture.path_of(&key)).unwrap(),
        }
        let mut incoming = fixture.library.store().incoming(&key, 5).unwrap();
        incoming.write(b"photo").unwrap();
        assert_eq!(incoming.finish_keeping_old(MODIFIED, now).unwrap(), Verified::Checksum);
        assert_eq!(fs::read(fixture.path_of(&key)).unwrap(), b"photo");
        let trash = fixture.path(".icps/trash/2026-05-05/_All-Photos").join(key.file_name());
        assert_eq!(fs::read_to_string(trash).unwrap(), "altered");
        assert_eq!(names(&fixture, ".icps/partial"), [""; 0]);
    }
    fixture.library.store().settle().unwrap();
}

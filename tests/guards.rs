//! What must never happen to somebody's photos, whatever the server or the disk says.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;

use common::{Machine, picture};
use icloud_emulator::library::{Form, LibrarySpec, NewAsset, ZoneKind};
use icloud_emulator::{Effect, Fault, Kind, Selector, When};

fn delete(machine: &Machine, count: usize) {
    for asset in machine.emulator.library().visible_assets().into_iter().take(count) {
        machine.emulator.library().delete(asset.asset);
    }
}

#[test]
fn a_run_that_would_delete_too_much_deletes_nothing_and_asks() {
    let machine = Machine::new(LibrarySpec::plain(300));
    machine.sync().expect(0);
    let before = picture(&machine.library());
    delete(&machine, 150);
    machine.sync().expect(5).says("150");
    assert_eq!(picture(&machine.library()), before, "nothing is deleted before somebody decides");
    machine.run(&["sync", "--max-delete", "100%"]).expect(0);
    machine.assert_mirrored();
}

#[test]
fn deletions_within_the_limit_go_to_the_trash_and_come_back_without_a_download() {
    let machine = Machine::new(LibrarySpec::plain(300));
    machine.sync().expect(0);
    let victim = machine.emulator.library().visible_assets().remove(0);
    machine.emulator.library().delete(victim.asset);
    machine.sync().expect(0);
    machine.assert_mirrored();

    machine.emulator.library().restore(victim.asset);
    machine.emulator.reset_statistics();
    machine.sync().expect(0);
    machine.assert_mirrored();
    assert_eq!(machine.emulator.statistics().count(Kind::Content), 0, "taken from the trash");
}

#[test]
fn an_upload_that_is_stuck_holds_back_only_what_may_be_its_own() {
    let machine = Machine::new(LibrarySpec::plain(300));
    machine.sync().expect(0);
    let library = machine.emulator.library();
    let new = NewAsset { uploading: true, ..NewAsset::new(Form::Live) };
    let stuck = library.add(ZoneKind::Primary, &new);
    delete(&machine, 3);
    let run = machine.sync().expect(3).says("still being uploaded");
    assert!(run.stderr.contains("3 files deleted"), "{}", run.stderr);

    // One that is on disk was uploaded before: what the server says cannot be right.
    let known = library.visible_assets().into_iter().rfind(|asset| !asset.uploading).unwrap().asset;
    library.set_uploading(known, true);
    delete(&machine, 3);
    let before = picture(&machine.library());
    machine.run(&["sync", "--max-delete", "100%"]).expect(3).says("it is on disk");
    assert_eq!(picture(&machine.library()), before);

    library.set_uploading(known, false);
    library.set_uploading(stuck, false);
    machine.sync().expect(0);
    machine.assert_mirrored();
}

#[test]
fn an_empty_remote_library_never_empties_a_local_one() {
    let machine = Machine::new(LibrarySpec::plain(20));
    machine.sync().expect(0);
    let before = picture(&machine.library());
    delete(&machine, 20);
    machine.sync().expect(5);
    assert_eq!(picture(&machine.library()), before);
}

#[test]
fn a_listing_that_is_not_complete_deletes_nothing() {
    for (effect, on) in [
        (Effect::WrongCount(40), Kind::Batch),
        (Effect::EmptyPage, Kind::Query),
        (Effect::ShortPage(3), Kind::Query),
    ] {
        let machine = Machine::new(LibrarySpec::plain(250));
        machine.sync().expect(0);
        let before = picture(&machine.library());
        let described = format!("{effect:?}");
        let healed = matches!(effect, Effect::ShortPage(_));
        delete(&machine, 5);
        machine.emulator.faults().add(Fault { on: Selector::Kind(on), when: When::Always, what: effect });
        let run = machine.sync();
        if healed {
            run.expect(0);
            machine.assert_mirrored();
        } else {
            assert_ne!(run.code, Some(0), "{described}: {}", run.stderr);
            assert_eq!(picture(&machine.library()), before, "{described} led to deletions");
        }
        machine.emulator.faults().clear();
        machine.sync().expect(0);
        machine.assert_mirrored();
    }
}

#[test]
fn a_library_that_is_still_indexed_is_not_touched() {
    let machine = Machine::new(LibrarySpec::plain(30));
    machine.sync().expect(0);
    let before = picture(&machine.library());
    delete(&machine, 3);
    machine.emulator.library().set_indexing(ZoneKind::Primary, "RUNNING", 42);
    machine.sync().expect(75);
    assert_eq!(picture(&machine.library()), before);
}

#[test]
fn another_disk_under_the_path_is_recognised() {
    let machine = Machine::new(LibrarySpec::plain(30));
    machine.sync().expect(0);
    // The disk is not mounted: the path is an empty directory.
    fs::rename(machine.library(), machine.path("unmounted")).unwrap();
    fs::create_dir(machine.library()).unwrap();
    machine.sync().expect(5).says("--adopt-library");
    assert_eq!(fs::read_dir(machine.library()).unwrap().count(), 0, "nothing is written to a foreign place");
    // The disk is back.
    fs::remove_dir(machine.library()).unwrap();
    fs::rename(machine.path("unmounted"), machine.library()).unwrap();
    machine.sync().expect(0);
    machine.assert_mirrored();
}

#[test]
fn an_archived_album_and_the_users_own_files_are_left_alone() {
    let machine = Machine::new(LibrarySpec::small());
    machine.sync().expect(0);
    let albums = machine.emulator.library().albums();
    let album = albums.iter().find(|album| !album.folder && album.parent.is_none()).unwrap();
    let directory = machine.library().join(format!(".{}", album.record));
    fs::write(directory.join("mine.jpeg"), "my own").unwrap();
    fs::create_dir(machine.library().join("My scans")).unwrap();
    fs::write(machine.library().join("My scans/scan.jpeg"), "scan").unwrap();
    let before = picture(&machine.library());

    machine.sync().expect(0);
    assert_eq!(picture(&machine.library()), before);
    // Its album goes: the content moves to the archive, whole.
    let content: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    machine.emulator.library().delete_album(album.album);
    machine.sync().expect(0);
    let archived: Vec<_> = fs::read_dir(machine.library().join("_Archive"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name() != ".stash")
        .collect();
    assert_eq!(archived.len(), 1);
    assert_eq!(fs::read_dir(archived[0].path()).unwrap().count(), content.len());
    assert_eq!(fs::read_to_string(archived[0].path().join("mine.jpeg")).unwrap(), "my own");
    assert_eq!(fs::read_to_string(machine.library().join("My scans/scan.jpeg")).unwrap(), "scan");
}

#[test]
fn two_runs_on_one_library_are_kept_apart_by_the_kernel() {
    let machine = Machine::new(LibrarySpec::plain(200).sizes(20_000, 40_000));
    machine.emulator.faults().add(Fault {
        on: Selector::Kind(Kind::Content),
        when: When::Always,
        what: Effect::Slow(40_000),
    });
    let mut first = machine.start(&["sync"]);
    common::wait_for(&machine.library().join(".library.lock"));
    let pid = first.id().to_string();
    let second =
        machine.icps(&["sync"]).env("STATE_DIRECTORY", machine.path("other-state")).output().unwrap();
    common::Run::from(second).expect(75).says(&pid);
    first.kill().unwrap();
    first.wait().unwrap();
    machine.emulator.faults().clear();
    // The kernel has freed the lock with its holder.
    machine.sync().expect(0);
    machine.assert_mirrored();
}

#[test]
fn a_symlink_in_the_library_is_never_written_through() {
    let machine = Machine::new(LibrarySpec::plain(20));
    machine.sync().expect(0);
    let outside = machine.path("outside");
    fs::rename(machine.library().join("_All-Photos"), &outside).unwrap();
    std::os::unix::fs::symlink(&outside, machine.library().join("_All-Photos")).unwrap();
    let before = picture(&outside);
    delete(&machine, 3);
    let run = machine.sync();
    assert_ne!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(picture(&outside), before);
}

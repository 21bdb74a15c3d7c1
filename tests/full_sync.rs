//! The main job: a whole library is mirrored, byte for byte, and a second run has nothing to do.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use common::{Machine, Wanted, picture};
use icloud_emulator::Kind;
use icloud_emulator::library::{LibrarySpec, SharedLibrary};

#[test]
fn ten_thousand_assets_with_every_oddity_are_mirrored_and_a_second_run_changes_nothing() {
    let spec = LibrarySpec::every_oddity(10_000).seeded(7).shared(SharedLibrary::Participant(300));
    let machine = Machine::new(spec);
    machine.sync().expect(0);
    machine.assert_mirrored();

    let before = picture(&machine.library());
    machine.emulator.reset_statistics();
    machine.sync().expect(0).says("Nothing to do");
    assert_eq!(picture(&machine.library()), before);
    let seen = machine.emulator.statistics();
    assert_eq!(seen.count(Kind::Content), 0, "nothing is transferred twice");
    assert_eq!(seen.count(Kind::Init), 0, "the session of the first run is used");
    assert!(seen.total() < 400, "{} requests are one for every few assets", seen.total());
}

#[test]
fn an_owned_shared_library_is_mirrored_beside_the_personal_one() {
    let machine = Machine::new(LibrarySpec::small().seeded(3).shared(SharedLibrary::Owner(25)));
    machine.sync().expect(0);
    machine.assert_mirrored();
}

#[test]
fn what_is_not_wanted_is_neither_loaded_nor_linked() {
    let machine = Machine::new(LibrarySpec::every_oddity(300).seeded(5));
    machine.run(&["sync", "--skip-live-photos", "--skip-alternatives"]).expect(0);
    machine.assert_mirrored_as(Wanted { no_live_photos: true, no_alternatives: true });
    // Wanted after all: only what is missing comes.
    machine.sync().expect(0);
    machine.assert_mirrored();
}

/// Everything below a directory, with what a glance at each entry tells.
fn traces(directory: &Path, found: &mut BTreeMap<PathBuf, (u64, i64, i64)>) {
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        let about = fs::symlink_metadata(&path).unwrap();
        found.insert(path.clone(), (about.ino(), about.ctime(), about.ctime_nsec()));
        if about.is_dir() {
            traces(&path, found);
        }
    }
}

#[test]
fn a_dry_run_says_what_a_run_would_do_and_leaves_no_trace() {
    let machine = Machine::new(LibrarySpec::small());
    let dry = || machine.run(&["sync", "--dry-run"]);
    let run = dry().expect(0);
    assert!(run.stdout.contains("download"), "{}", run.stdout);
    assert!(!machine.library().exists(), "a library that does not exist is not begun");
    assert!(!machine.state().join("library.json").exists(), "nor remembered");
    assert_eq!(machine.emulator.statistics().count(Kind::Content), 0);

    machine.sync().expect(0);
    fs::remove_dir_all(machine.library().join("_Archive")).unwrap();
    for asset in machine.emulator.library().visible_assets().into_iter().take(4) {
        machine.emulator.library().delete(asset.asset);
    }
    let look = || {
        let mut found = BTreeMap::new();
        traces(&machine.library(), &mut found);
        found
    };
    let before = look();
    let run = dry().expect(0);
    assert!(run.stdout.contains("delete"), "{}", run.stdout);
    assert_eq!(look(), before);
}

#[test]
fn a_dry_run_needs_no_lock_but_the_right_disk() {
    let machine = Machine::new(LibrarySpec::small());
    machine.sync().expect(0);
    let lock = fs::File::create(machine.library().join(".library.lock")).unwrap();
    let lock = nix::fcntl::Flock::lock(lock, nix::fcntl::FlockArg::LockExclusive).unwrap();
    machine.sync().expect(75);
    machine.run(&["sync", "--dry-run"]).expect(0);
    drop(lock);

    fs::rename(machine.library(), machine.path("unmounted")).unwrap();
    machine.run(&["sync", "--dry-run"]).expect(5).says("--adopt-library");
    assert!(!machine.library().exists());
}

#[test]
fn an_empty_library_is_a_valid_library() {
    let machine = Machine::new(LibrarySpec::plain(0));
    machine.sync().expect(0);
    machine.assert_mirrored();
}

//! The main job: a whole library is mirrored, byte for byte, and a second run has nothing to do.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

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

#[test]
fn a_dry_run_says_what_a_run_would_do_and_does_nothing() {
    let machine = Machine::new(LibrarySpec::small());
    let run = machine.run(&["sync", "--dry-run"]).expect(0);
    assert!(run.stdout.contains("download"), "{}", run.stdout);
    assert!(!machine.library().join("_All-Photos").exists() || picture(&machine.library()).len() <= 4);
    assert_eq!(machine.emulator.statistics().count(Kind::Content), 0);
}

#[test]
fn an_empty_library_is_a_valid_library() {
    let machine = Machine::new(LibrarySpec::plain(0));
    machine.sync().expect(0);
    machine.assert_mirrored();
}

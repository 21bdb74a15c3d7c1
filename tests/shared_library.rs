//! The Shared Photo Library: the owner's and the participant's, when it comes, goes, fails, and takes photos over.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::sync::{Arc, Mutex};

use common::{Machine, Run, picture};
use icloud_emulator::library::{
    AssetRef, Edit, Form, LibrarySpec, NewAsset, Presence, SharedLibrary, ZoneKind,
};
use icloud_emulator::{Canned, Effect, Kind, Request};

const BOTH: [SharedLibrary; 2] = [SharedLibrary::Owner(30), SharedLibrary::Participant(30)];

fn machine(shared: SharedLibrary) -> Machine {
    Machine::new(LibrarySpec { foreign_zones: true, ..LibrarySpec::small() }.seeded(29).shared(shared))
}

/// How many asset files a directory of the library has.
fn files(machine: &Machine, directory: &str) -> usize {
    fs::read_dir(machine.library().join(directory)).unwrap().count()
}

fn visible(machine: &Machine, zone: ZoneKind) -> Vec<AssetRef> {
    let assets = machine.emulator.library().visible_assets();
    assets
        .into_iter()
        .filter(|asset| asset.zone == zone && !asset.uploading)
        .map(|asset| asset.asset)
        .collect()
}

/// Whether a request is about a shared library.
fn is_shared(request: &Request) -> bool {
    request.json().to_string().contains("SharedSync-")
}

#[test]
fn owner_and_participant_see_it_in_their_own_area_and_nothing_else_is_asked_about() {
    for (shared, area) in BOTH.into_iter().zip(["private", "shared"]) {
        let machine = machine(shared);
        let asked = Arc::new(Mutex::new(BTreeSet::new()));
        let seen = Arc::clone(&asked);
        machine.observe(move |request| {
            let body = request.json();
            let zone = [&body["zoneID"], &body["batch"][0]["zoneID"]].map(|id| id["zoneName"].as_str());
            if let Some(name) = zone.into_iter().flatten().next() {
                let area = if request.path.contains("/shared/") { "shared" } else { "private" };
                let name = if name.starts_with("SharedSync-") { "SharedSync-" } else { name };
                seen.lock().unwrap().insert((area, name.to_owned()));
            }
        });
        let run = machine.sync().expect(0);
        assert!(!run.stderr.contains("WARN"), "foreign zones are no cause for alarm:\n{}", run.stderr);
        machine.assert_mirrored();
        assert!(files(&machine, "_Shared-Photos") >= 25);
        let expected =
            BTreeSet::from([("private", "PrimarySync".to_owned()), (area, "SharedSync-".to_owned())]);
        assert_eq!(*asked.lock().unwrap(), expected);
        machine.sync().expect(0).says("Nothing to do");
    }
}

#[test]
fn one_that_appears_is_mirrored_and_one_that_vanishes_loses_nothing_without_a_decision() {
    for (shared, gone) in BOTH.into_iter().zip([Presence::Deleted, Presence::Absent]) {
        let machine = machine(shared);
        let library = machine.emulator.library();
        library.set_shared_library(gone);
        machine.sync().expect(0);
        machine.assert_mirrored();
        assert_eq!(files(&machine, "_Shared-Photos"), 0);

        library.set_shared_library(Presence::Listed);
        machine.sync().expect(0);
        machine.assert_mirrored();
        let before = picture(&machine.library());

        library.set_shared_library(gone);
        // The personal library goes on being backed up, but not even its own deletions are made.
        let victim = visible(&machine, ZoneKind::Primary)[0];
        library.delete(victim);
        let run = machine.sync().expect(5).says("Shared Photo Library").says("--max-delete 100%");
        assert!(run.stderr.contains("nothing is deleted"), "{}", run.stderr);
        assert_eq!(picture(&machine.library()), before);

        // It was only away for a while.
        library.set_shared_library(Presence::Listed);
        library.restore(victim);
        machine.emulator.reset_statistics();
        machine.sync().expect(0);
        assert_eq!(machine.emulator.statistics().count(Kind::Content), 0);
        machine.assert_mirrored();

        // It has gone for good, and a person says so.
        library.set_shared_library(gone);
        machine.run(&["sync", "--max-delete", "100%"]).expect(0);
        machine.assert_mirrored();
        assert_eq!(files(&machine, "_Shared-Photos"), 0);
    }
}

#[test]
fn one_that_is_suddenly_empty_loses_nothing_without_a_decision() {
    let machine = machine(SharedLibrary::Participant(30));
    machine.sync().expect(0);
    let before = picture(&machine.library());
    let photos = visible(&machine, ZoneKind::Shared);
    assert!(photos.iter().all(|asset| machine.emulator.library().delete(*asset)));
    machine.sync().expect(5).says("shows no photo in the Shared Photo Library");
    assert_eq!(picture(&machine.library()), before);
    machine.run(&["sync", "--max-delete", "100%"]).expect(0);
    machine.assert_mirrored();
}

#[test]
fn a_photo_that_changes_its_library_is_moved_on_disk_there_and_back() {
    for shared in BOTH {
        let machine = machine(shared);
        let library = machine.emulator.library();
        for asset in visible(&machine, ZoneKind::Primary).into_iter().take(6) {
            library.edit(asset, Edit::Jpeg);
        }
        machine.sync().expect(0);
        machine.assert_mirrored();
        let counts = || (files(&machine, "_All-Photos"), files(&machine, "_Shared-Photos"));
        let (personal, common) = counts();

        // With edits, Live Photos and members of albums among them.
        let there: Vec<_> = visible(&machine, ZoneKind::Primary)
            .into_iter()
            .take(15)
            .map(|asset| library.move_to_other_library(asset))
            .collect();
        machine.emulator.reset_statistics();
        machine.sync().expect(0).says("moved");
        machine.assert_mirrored();
        let moved = counts().1 - common;
        assert!(moved >= 15, "{moved} files moved");
        assert_eq!(counts().0, personal - moved);

        for asset in there.into_iter().chain(visible(&machine, ZoneKind::Shared).into_iter().take(5)) {
            if library.is_live(asset) {
                library.move_to_other_library(asset);
            }
        }
        machine.sync().expect(0).says("moved");
        machine.assert_mirrored();
        let seen = machine.emulator.statistics();
        assert_eq!((seen.count(Kind::Content), seen.count(Kind::Lookup)), (0, 0), "nothing is fetched again");
        assert!(!machine.library().join(".icps/trash").read_dir().unwrap().any(|_| true), "nor thrown away");
    }
}

#[test]
fn one_that_cannot_be_listed_leaves_the_personal_one_its_backup() {
    for answer in [
        Canned::database_error(404, "ZONE_NOT_FOUND", "Zone does not exist"),
        Canned::access_denied(),
        Canned::authentication_failed(),
        Canned::database_error(400, "BAD_REQUEST", "no"),
        Canned::json(200, &serde_json::json!({"nonsense": 1})),
    ] {
        let described = format!("{answer:?}");
        let machine = machine(SharedLibrary::Participant(30));
        machine.sync().expect(0);
        let before = picture(&machine.library());
        let library = machine.emulator.library();
        let zones = [ZoneKind::Primary, ZoneKind::Shared];
        let victims = zones.map(|zone| visible(&machine, zone)[0]);
        assert!(victims.into_iter().all(|asset| library.delete(asset)));
        let added = library.add(ZoneKind::Primary, &NewAsset::new(Form::Jpeg));

        machine.fail(is_shared, Effect::Answer(answer));
        let run = machine.sync();
        assert_eq!(run.code, Some(3), "{described}\n{}", run.stderr);
        let after = picture(&machine.library());
        assert!(before.keys().all(|path| after.contains_key(path)), "{described}: something is gone");
        assert!(after.len() > before.len(), "{described}: {added:?} did not come");

        machine.emulator.faults().clear();
        machine.sync().expect(0);
        machine.assert_mirrored();
    }
}

#[test]
fn the_list_of_what_others_share_may_fail_too() {
    let machine = machine(SharedLibrary::Participant(30));
    machine.sync().expect(0);
    let before = picture(&machine.library());
    let is_list = |request: &Request| request.kind == Kind::Zones && request.path.contains("/shared/");
    machine.fail(is_list, Effect::Answer(Canned::database_error(500, "INTERNAL_ERROR", "no")));
    let run: Run = machine.run(&["sync", "--max-retries", "0"]);
    run.expect(3).says("libraries that others share");
    assert_eq!(picture(&machine.library()), before);
}

#[test]
fn one_that_vanishes_between_list_and_download_costs_only_its_own_files() {
    let machine = machine(SharedLibrary::Participant(300));
    let is_look_up = |request: &Request| request.kind == Kind::Lookup && is_shared(request);
    let gone = Canned::database_error(404, "ZONE_NOT_FOUND", "Zone does not exist");
    machine.fail(is_look_up, Effect::Answer(gone));
    machine.sync().expect(3);
    let asked = machine.emulator.statistics().count(Kind::Lookup);
    assert!(asked < 30, "{asked} look-ups, although it was clear that there is nothing to be had");
    assert_eq!(files(&machine, "_Shared-Photos"), 0);
    let personal = files(&machine, "_All-Photos");

    machine.emulator.faults().clear();
    let loaded = machine.emulator.statistics().count(Kind::Content);
    machine.sync().expect(0);
    machine.assert_mirrored();
    assert_eq!(files(&machine, "_All-Photos"), personal, "the personal library was complete");
    let rest = machine.emulator.statistics().count(Kind::Content) - loaded;
    assert_eq!(rest, files(&machine, "_Shared-Photos") as u64, "and is not fetched again");
}

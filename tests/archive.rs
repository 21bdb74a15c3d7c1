//! `icps archive`: an album becomes plain files, iCloud loses nothing that is not on disk, and later syncs leave the
//! files alone.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::checker::{differences, expected_names};
use common::{Machine, Run, Wanted, picture};
use icloud_emulator::library::{
    AlbumRef, AssetRef, Edit, Form, LibrarySpec, NewAsset, Rng, SharedLibrary, ZoneKind,
};
use icloud_emulator::{Canned, Effect, Fault, Kind, Selector, When};

/// An album with one asset of each of these forms.
fn add_album(
    machine: &Machine,
    name: &str,
    folder: Option<AlbumRef>,
    forms: &[Form],
) -> (AlbumRef, Vec<AssetRef>) {
    let library = machine.emulator.library();
    let album = library.create_album(name, folder);
    let add = |(at, form): (usize, &Form)| {
        // Names repeat, so that links are numbered.
        let new = NewAsset::new(*form).named(&format!("IMG_{}.{}", at / 2, form.extension())).sized(3000);
        let asset = library.add(ZoneKind::Primary, &new);
        library.add_to_album(album, asset);
        asset
    };
    (album, forms.iter().enumerate().map(add).collect())
}

const FORMS: [Form; 6] = [Form::Jpeg, Form::Jpeg, Form::Live, Form::JpegAndRaw, Form::Video, Form::Unknown];

fn hidden(machine: &Machine, album: AlbumRef) -> String {
    let albums = machine.emulator.library().albums();
    format!(".{}", albums.into_iter().find(|known| known.album == album).unwrap().record)
}

/// The contents that an asset's files have, by checksum.
fn contents(machine: &Machine, assets: &[AssetRef]) -> BTreeMap<Vec<u8>, u64> {
    let mut contents = BTreeMap::new();
    for asset in assets {
        for file in machine.emulator.library().asset(*asset).files {
            *contents.entry(file.content.bytes()).or_default() += 1;
        }
    }
    contents
}

/// Fails the test unless a directory holds these assets as plain files, and nothing else.
#[track_caller]
fn assert_archived(machine: &Machine, directory: &Path, assets: &[AssetRef]) {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        assert!(path.symlink_metadata().unwrap().is_file(), "{} is no plain file", path.display());
        *found.entry(fs::read(path).unwrap()).or_default() += 1;
    }
    assert_eq!(found, contents(machine, assets), "{}", directory.display());
}

/// Fails the test unless all but this album is as it should be.
#[track_caller]
fn assert_mirrored_but(machine: &Machine, hidden: &str) {
    let found = differences(&machine.library(), machine.emulator.library(), Wanted::default());
    let others: Vec<_> = found.iter().filter(|text| !text.contains(hidden)).collect();
    assert!(others.is_empty(), "{others:#?}");
}

fn fault(machine: &Machine, kind: Kind, when: When, what: Effect) {
    machine.emulator.faults().add(Fault { on: Selector::Kind(kind), when, what });
}

#[test]
fn an_archived_album_holds_every_file_of_its_assets_and_no_sync_touches_it() {
    let machine = Machine::new(LibrarySpec::small());
    let library = machine.emulator.library();
    let folder = library.create_folder("Trips", None);
    let (album, assets) = add_album(&machine, "Rome / 2024", Some(folder), &FORMS);
    library.edit(assets[2], Edit::Live);
    // The album is new: the sync that comes first makes it.
    machine.run(&["archive", "Trips/Rome _ 2024"]).expect(0).says("is archived: 10 files");
    let own = hidden(&machine, album);
    let inside = machine.library().join("Trips/Rome _ 2024");
    assert_archived(&machine, &inside, &assets);
    assert_mirrored_but(&machine, &own);
    assert!(fs::read_dir(machine.library().join(".icps/staging")).unwrap().next().is_none());
    for name in expected_names(&library.asset(assets[0])) {
        let file = machine.library().join("_All-Photos").join(name);
        let times =
            [inside.join("IMG_0.jpeg"), file].map(|path| fs::metadata(path).unwrap().modified().unwrap());
        assert_eq!(times[0], times[1]);
    }

    // What happens to its content in iCloud does not matter any more.
    let before = picture(&inside);
    library.remove_from_album(album, assets[0]);
    library.edit(assets[1], Edit::Jpeg);
    library.delete(assets[2]);
    machine.sync().expect(0);
    assert_eq!(picture(&inside), before);
    assert_mirrored_but(&machine, &own);

    // Its name and place do.
    let elsewhere = library.create_folder("Journeys", None);
    library.rename_album(album, "Roma");
    library.move_album(album, Some(elsewhere));
    machine.sync().expect(0);
    assert_eq!(picture(&machine.library().join("Journeys/Roma")), before);
    assert!(!inside.exists());
    assert_mirrored_but(&machine, &own);
}

#[test]
fn an_archived_album_survives_its_icloud_album_and_the_user_may_rearrange_it() {
    let machine = Machine::new(LibrarySpec::plain(5));
    let library = machine.emulator.library();
    let (first, of_first) = add_album(&machine, "Rome", None, &FORMS[..2]);
    machine.run(&["archive", "Rome"]).expect(0);
    library.delete_album(first);
    machine.sync().expect(0).says("_Archive/Rome");
    assert_archived(&machine, &machine.library().join("_Archive/Rome"), &of_first);

    // Another one of that name gets a number.
    let (second, of_second) = add_album(&machine, "Rome", None, &FORMS[2..4]);
    machine.run(&["archive", "Rome"]).expect(0);
    library.delete_album(second);
    machine.sync().expect(0).says("_Archive/Rome-1");
    assert_archived(&machine, &machine.library().join("_Archive/Rome-1"), &of_second);

    // Whatever the user does with them is left so.
    let archive = machine.library().join("_Archive");
    fs::create_dir(archive.join("Italy")).unwrap();
    fs::rename(archive.join("Rome"), archive.join("Italy/Roma")).unwrap();
    fs::rename(archive.join("Rome-1"), machine.library().join("Rome, mine")).unwrap();
    let before = picture(&machine.library());
    machine.sync().expect(0).says("Nothing to do");
    assert_eq!(picture(&machine.library()), before);
    assert_archived(&machine, &archive.join("Italy/Roma"), &of_first);
    assert_archived(&machine, &machine.library().join("Rome, mine"), &of_second);
}

#[test]
fn what_cannot_be_archived_is_refused_and_nothing_changes() {
    let machine = Machine::new(LibrarySpec::plain(5));
    let library = machine.emulator.library();
    let folder = library.create_folder("Trips", None);
    let (album, _) = add_album(&machine, "Rome", Some(folder), &FORMS[..1]);
    library.create_album("Empty", None);
    add_album(&machine, "Done", None, &FORMS[..1]);
    machine.run(&["archive", "Done"]).expect(0);
    let before = picture(&machine.library());
    fs::create_dir(machine.path("elsewhere")).unwrap();
    let elsewhere = machine.path("elsewhere").display().to_string();
    let by_record = format!("Trips/{}", hidden(&machine, album));
    for (path, reason, asks_apple) in [
        ("Trips", "is a folder", false),
        ("Done", "archived already", false),
        ("_All-Photos", "no album of this library", false),
        (&elsewhere, "not in this library", false),
        (&by_record, "not its hidden directory", false),
        ("../../etc", "cannot be archived", true),
        ("Missing", "no such album", true),
        ("Empty", "is empty", true),
    ] {
        machine.emulator.reset_statistics();
        let run = machine.run(&["archive", path, "--remote-delete"]).expect(2);
        assert!(run.stderr.contains(reason), "{path}: {}", run.stderr);
        assert_eq!(picture(&machine.library()), before, "{path}");
        let seen = machine.emulator.statistics();
        assert_eq!(seen.count(Kind::Modify), 0, "{path}");
        assert_eq!(seen.total() > 0, asks_apple, "{path}");
    }
}

#[test]
fn an_album_that_lacks_a_file_is_not_archived() {
    let machine = Machine::new(LibrarySpec::plain(5));
    let library = machine.emulator.library();
    let (album, assets) = add_album(&machine, "Rome", None, &FORMS[..2]);
    let sum = library.asset(assets[0]).files[0].checksum.clone();
    let stem = expected_names(&library.asset(assets[0]))[0].split('.').next().unwrap().to_owned();
    machine.emulator.faults().add(Fault {
        on: Selector::matching(move |request| request.kind == Kind::Content && request.path.contains(&stem)),
        when: When::Always,
        what: Effect::Flip(7),
    });
    let run = machine.run(&["archive", "Rome", "--remote-delete"]).expect(1);
    assert!(run.stderr.contains("not complete on disk"), "{sum}: {}", run.stderr);
    let inside = fs::read_dir(machine.library().join(hidden(&machine, album))).unwrap();
    assert!(inside.into_iter().all(|entry| entry.unwrap().file_type().unwrap().is_symlink()));
    assert_eq!(machine.emulator.statistics().count(Kind::Modify), 0);

    machine.emulator.faults().clear();
    library.set_uploading(assets[1], true);
    machine.run(&["archive", "Rome"]).expect(1).says("not complete on disk");
    library.set_uploading(assets[1], false);
    machine.run(&["archive", "Rome"]).expect(0);
    assert_archived(&machine, &machine.library().join("Rome"), &assets);
}

#[test]
fn remote_delete_takes_what_is_verified_and_leaves_favourites_and_the_shared_library() {
    let spec = LibrarySpec::plain(5).shared(SharedLibrary::Owner(10));
    let machine = Machine::new(spec);
    let library = machine.emulator.library();
    let forms: Vec<Form> = FORMS.iter().copied().cycle().take(120).collect();
    let (album, assets) = add_album(&machine, "Rome", None, &forms);
    let favourites = [assets[3], assets[70]];
    for favourite in favourites {
        library.set_favorite(favourite, true);
    }
    let before = machine.emulator.library().visible_assets().len();
    machine.run(&["archive", "Rome", "--remote-delete"]).expect(0).says("118 assets deleted from iCloud");
    for asset in &assets {
        assert_eq!(library.is_live(*asset), favourites.contains(asset));
    }
    assert_eq!(library.visible_assets().len(), before - 118, "nothing else is deleted");
    let seen = machine.emulator.statistics();
    assert_eq!(seen.count(Kind::Modify), 3, "in batches");
    assert_archived(&machine, &machine.library().join("Rome"), &assets);

    // The mirror follows: the originals go, the album stays.
    machine.run(&["sync", "--max-delete", "100%"]).expect(0);
    assert_archived(&machine, &machine.library().join("Rome"), &assets);
    assert_mirrored_but(&machine, &hidden(&machine, album));
}

#[test]
fn files_that_an_option_leaves_out_keep_their_assets_in_icloud() {
    let machine = Machine::new(LibrarySpec::plain(2));
    let (_, assets) = add_album(&machine, "Rome", None, &[Form::Jpeg, Form::Live]);
    let options = ["archive", "Rome", "--remote-delete", "--skip-live-photos"];
    machine.run(&options).expect(0).says("1 left there on purpose");
    assert!(!machine.emulator.library().is_live(assets[0]));
    assert!(machine.emulator.library().is_live(assets[1]), "its movie is nowhere else");
}

#[test]
fn what_goes_wrong_with_a_deletion_is_healed_or_said() {
    let conflict = Canned::database_error(409, "CONFLICT", "record to be updated has changed");
    let again = Canned::database_error(503, "TRY_AGAIN_LATER", "Sync zone CAS Op-Lock failed");
    let quota = Canned::database_error(400, "QUOTA_EXCEEDED", "no");
    for (name, when, effect, code, left) in [
        ("conflict", When::Times(1), Effect::Answer(conflict), 0, 0),
        ("contention", When::Times(2), Effect::Answer(again), 0, 0),
        ("throttled", When::Times(1), Effect::Answer(Canned::throttled(503).retry_after(1)), 0, 0),
        ("lost answer", When::Times(1), Effect::Truncate(5), 0, 0),
        ("cut off", When::Times(1), Effect::Reset, 0, 0),
        ("session over", When::Times(1), Effect::Answer(Canned::session_over()), 0, 0),
        ("one batch refused", When::Numbers(0..2), Effect::Answer(quota), 3, 50),
        ("throttled for long", When::Always, Effect::Answer(Canned::throttled(503).retry_after(9000)), 3, 60),
    ] {
        let machine = Machine::new(LibrarySpec::plain(2));
        let (_, assets) = add_album(&machine, "Rome", None, &[Form::Jpeg; 60]);
        fault(&machine, Kind::Modify, when, effect);
        let run = machine.run(&["archive", "Rome", "--remote-delete"]);
        assert_eq!(run.code, Some(code), "{name}: {}", run.stderr);
        let alive = assets.iter().filter(|asset| machine.emulator.library().is_live(**asset)).count();
        assert_eq!(alive, left, "{name}: {}", run.stderr);
        assert_eq!(run.stderr.contains("still there although they could go"), left > 0, "{name}");
        assert_archived(&machine, &machine.library().join("Rome"), &assets);
    }
}

#[test]
fn an_archiving_that_is_asked_to_stop_leaves_the_album_as_it_was() {
    let machine = Machine::new(LibrarySpec::plain(2));
    let (album, _) = add_album(&machine, "Rome", None, &[Form::Jpeg].repeat(3000));
    machine.sync().expect(0);
    let before = picture(&machine.library());
    let child = machine.start(&["archive", "Rome", "--remote-delete"]);
    common::wait_for(
        &machine.library().join(".icps/staging").join(format!("archive-{}", &hidden(&machine, album)[1..])),
    );
    let pid = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    let run = Run::from(child.wait_with_output().unwrap()).expect(0);
    assert!(run.stderr.contains("the album is as it was"), "{}", run.stderr);
    assert_eq!(picture(&machine.library()), before);
    assert!(fs::read_dir(machine.library().join(".icps/staging")).unwrap().next().is_none());
    assert_eq!(machine.emulator.statistics().count(Kind::Modify), 0);
}

/// How many runs are killed before their end.
const KILLS: u32 = 200;

/// Where an album is: it may be about to be exchanged.
fn directory_of(machine: &Machine, album: AlbumRef) -> Option<PathBuf> {
    Some(machine.library().join(hidden(machine, album))).filter(|path| path.exists())
}

/// Either all links or all files; and what iCloud lost is among the files.
#[track_caller]
fn assert_whole(machine: &Machine, album: AlbumRef, assets: &[AssetRef]) -> bool {
    let library = machine.emulator.library();
    let lost: Vec<_> = assets.iter().filter(|asset| !library.is_live(**asset)).copied().collect();
    let Some(directory) = directory_of(machine, album) else {
        assert!(lost.is_empty(), "iCloud lost what was never on disk");
        return false;
    };
    let kinds = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_type().unwrap().is_file());
    let (mut files, mut links) = (0, 0);
    kinds.for_each(|is_file| if is_file { files += 1 } else { links += 1 });
    assert!(files == 0 || links == 0, "a mixture of {files} files and {links} links");
    if files > 0 {
        assert_archived(machine, &directory, assets);
    } else {
        assert!(lost.is_empty(), "iCloud lost what is not archived");
    }
    files > 0
}

#[test]
fn an_archiving_killed_at_random_moments_leaves_links_or_files_and_icloud_loses_nothing() {
    let machine = Machine::new(LibrarySpec::plain(20));
    machine.sync().expect(0);
    let mut rng = Rng::new(5);
    let mut span = Duration::from_millis(600);
    let (mut interrupted, mut archived, mut round) = (0, 0, 0);
    let mut albums: Vec<(AlbumRef, Vec<AssetRef>)> = Vec::new();
    let mut is_archived = true;
    while interrupted < KILLS {
        round += 1;
        assert!(round < 4 * KILLS, "only {interrupted} of {round} runs were killed before their end");
        if is_archived {
            albums.push(add_album(&machine, &format!("Album {round}"), None, &FORMS.repeat(3)));
        }
        let (album, assets) = albums.last().unwrap();
        let name = machine.emulator.library().albums();
        let name = name.iter().find(|known| known.album == *album).unwrap().name.clone().unwrap();
        let mut child = machine.start(&["archive", &name, "--remote-delete", "--max-delete", "100%"]);
        std::thread::sleep(span.mul_f64(f64::from(u32::try_from(rng.below(1000)).unwrap()) / 1000.0));
        child.kill().unwrap();
        let was_running = child.wait_with_output().unwrap().status.code().is_none();
        interrupted += u32::from(was_running);
        span = span.mul_f64(if was_running { 1.05 } else { 0.9 });
        is_archived = assert_whole(&machine, *album, assets);
        archived += u32::from(is_archived);
    }
    assert!(archived > 10, "only {archived} albums were archived before the end of their runs");
    machine.run(&["sync", "--max-delete", "100%"]).expect(0);
    for (album, assets) in &albums {
        assert_whole(&machine, *album, assets);
    }
    assert!(fs::read_dir(machine.library().join(".icps/staging")).unwrap().next().is_none());
}

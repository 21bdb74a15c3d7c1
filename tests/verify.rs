//! Whatever happens to the files on disk is found, and healed as long as iCloud has them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use common::{Machine, Run, expected_paths, picture};
use icloud_emulator::library::{LibrarySpec, Rng, SharedLibrary};
use icloud_emulator::{Effect, Fault, Kind, Selector, When};
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

const ZONES: [&str; 2] = ["_All-Photos", "_Shared-Photos"];

/// The asset files, relative to the library.
fn asset_files(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for zone in ZONES {
        let Ok(entries) = fs::read_dir(root.join(zone)) else { continue };
        files.extend(entries.map(|entry| Path::new(zone).join(entry.unwrap().file_name())));
    }
    files.sort();
    files
}

/// All bytes of the asset files.
fn contents(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    asset_files(root).into_iter().map(|path| (path.clone(), fs::read(root.join(path)).unwrap())).collect()
}

/// Changes the content of a file and not its time, as a failing disk does.
fn overwrite(path: &Path, content: &[u8]) {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    let mut file = File::create(path).unwrap();
    file.write_all(content).unwrap();
    file.set_modified(modified).unwrap();
}

/// Damages so many files, in every way in turn; returns what the report must say of each.
fn damage(root: &Path, number: usize, rng: &mut Rng) -> BTreeMap<PathBuf, &'static str> {
    let before = contents(root);
    let files: Vec<_> = before.iter().filter(|(_, content)| content.len() > 1).collect();
    let mut damaged = BTreeMap::new();
    while damaged.len() < number {
        let (path, content) = files[rng.index(files.len())];
        let mut content = content.clone();
        let what = match damaged.len() % 5 {
            0 => {
                let at = rng.index(content.len() * 8);
                content[at / 8] ^= 1 << (at % 8);
                "content"
            }
            1 => {
                content.truncate(1 + rng.index(content.len() - 1));
                "content"
            }
            2 => {
                content.clear();
                "empty"
            }
            3 => {
                content.push(0);
                "content"
            }
            _ => {
                let (other, theirs) = files[rng.index(files.len())];
                // In both zones the same content may have the same name.
                if other.file_stem() == path.file_stem() {
                    continue;
                }
                content.clone_from(theirs);
                "foreign"
            }
        };
        if !damaged.contains_key(path) {
            overwrite(&root.join(path), &content);
            damaged.insert(path.clone(), what);
        }
    }
    damaged
}

/// What the report says of each damaged file: kind, and whether it was repaired.
fn reported(report: &Value) -> BTreeMap<PathBuf, (String, bool)> {
    let damaged = report["damaged"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    damaged
        .map(|file| {
            (text(&file["file"]).into(), (text(&file["damage"]), file["repaired"].as_bool().unwrap()))
        })
        .collect()
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}:\n{}", run.stdout))
}

/// How often the log says this of a file.
fn said(run: &Run, before: &str, path: &Path, after: &str) -> usize {
    run.stderr.matches(&format!("{before}{}{after}", path.display())).count()
}

#[test]
fn ten_thousand_files_damaged_in_every_way_are_found_and_healed() {
    let spec = LibrarySpec::every_oddity(10_000).seeded(29).shared(SharedLibrary::Owner(200));
    let machine = Machine::new(spec);
    let root = machine.library();
    machine.sync().expect(0);
    machine.run(&["verify"]).expect(0).says("all of them are intact");

    let mut rng = Rng::new(31);
    let damaged = damage(&root, 400, &mut rng);
    assert!(ZONES.iter().all(|zone| damaged.keys().any(|path| path.starts_with(zone))));
    let (tree, bytes) = (picture(&root), contents(&root));

    // Found, exactly; nothing is changed and nobody is asked.
    machine.emulator.reset_statistics();
    let run = machine.run(&["verify", "--json"]).expect(1).says("icps verify --repair");
    let report = json(&run);
    let expected: BTreeMap<_, _> =
        damaged.iter().map(|(path, what)| (path.clone(), ((*what).to_owned(), false))).collect();
    assert_eq!(reported(&report), expected);
    assert!(
        damaged.keys().all(|path| said(&run, "", path, " is damaged: ") == 1),
        "each is named in the log"
    );
    assert_eq!(report["files"], bytes.len());
    assert_eq!(report["intact"], bytes.len() - damaged.len());
    assert_eq!(picture(&root), tree);
    assert!(contents(&root) == bytes, "no byte is another");
    assert!(
        !root.join(".library.lock").exists() && !root.join(".icps/trash/").read_dir().unwrap().any(|_| true)
    );
    assert_eq!(machine.emulator.statistics().total(), 0);
    assert!(machine.run(&["status"]).stdout.contains("400 damaged"));

    // Healed, but for what iCloud does not have any more.
    let library = machine.emulator.library();
    for asset in library.visible_assets().iter().step_by(20) {
        library.delete(asset.asset);
    }
    let still_there = expected_paths(library);
    let (curable, incurable): (BTreeSet<_>, BTreeSet<_>) =
        damaged.keys().cloned().partition(|path| still_there.contains(path));
    assert!(incurable.len() > 5 && curable.len() > 300, "{} and {}", incurable.len(), curable.len());
    machine.emulator.reset_statistics();
    let run = machine.run(&["verify", "--repair", "--json"]).expect(1);
    let report = json(&run);
    for (path, (_, repaired)) in reported(&report) {
        assert_eq!(repaired, curable.contains(&path), "{}", path.display());
        let (healed, kept) = (said(&run, "Repaired ", &path, ", "), said(&run, "", &path, " stays as it is"));
        assert_eq!((healed, kept), (usize::from(repaired), usize::from(!repaired)), "{}", path.display());
    }
    assert_eq!(
        (&report["repaired"], &report["still_damaged"]),
        (&curable.len().into(), &incurable.len().into())
    );
    assert_eq!(machine.emulator.statistics().count(Kind::Content), curable.len() as u64);
    let after = contents(&root);
    assert_eq!(after.keys().collect::<Vec<_>>(), bytes.keys().collect::<Vec<_>>(), "none comes, none goes");
    for (path, content) in &after {
        assert_eq!(content != &bytes[path], curable.contains(path), "{}", path.display());
    }
    // What was replaced is in the trash.
    let day = fs::read_dir(root.join(".icps/trash")).unwrap().next().unwrap().unwrap().path();
    let trash = contents(&day);
    assert_eq!(trash.keys().collect::<BTreeSet<_>>(), curable.iter().collect::<BTreeSet<_>>());
    assert!(trash.iter().all(|(path, content)| content == &bytes[path]));

    let left = json(&machine.run(&["verify", "--json"]).expect(1));
    assert_eq!(reported(&left).into_keys().collect::<BTreeSet<_>>(), incurable);
    // A sync takes away what is gone from iCloud, damaged or not, and then there is nothing to do.
    machine.sync().expect(0);
    machine.assert_mirrored();
    machine.run(&["verify"]).expect(0);
    machine.sync().expect(0).says("Nothing to do");
}

#[test]
fn what_is_healed_leaves_a_sync_nothing_to_do() {
    let machine =
        Machine::new(LibrarySpec::every_oddity(200).seeded(3).shared(SharedLibrary::Participant(30)));
    machine.sync().expect(0);
    let before = contents(&machine.library());
    damage(&machine.library(), 40, &mut Rng::new(5));
    let run = machine.run(&["verify", "--repair", "--json"]).expect(3);
    assert_eq!((&json(&run)["repaired"], &json(&run)["still_damaged"]), (&40.into(), &0.into()));
    assert!(contents(&machine.library()) == before);
    machine.assert_mirrored();
    machine.emulator.reset_statistics();
    machine.sync().expect(0).says("Nothing to do");
    assert_eq!(machine.emulator.statistics().count(Kind::Content), 0);
    machine.run(&["verify", "--repair"]).expect(0);
    assert!(machine.run(&["status"]).stdout.contains("none damaged"));
}

#[test]
fn a_repair_without_damage_asks_nobody() {
    let machine = Machine::new(LibrarySpec::plain(20));
    machine.sync().expect(0);
    machine.emulator.reset_statistics();
    machine.run(&["verify", "--repair"]).expect(0);
    assert_eq!(machine.emulator.statistics().total(), 0);
}

#[test]
fn foreign_files_and_archived_albums_are_the_users() {
    let machine = Machine::new(LibrarySpec::plain(30));
    let root = machine.library();
    machine.sync().expect(0);
    fs::write(root.join("_All-Photos/IMG_0001.JPG"), "mine").unwrap();
    // A plain file with the name of an asset, in an album that is archived by it.
    let album =
        fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.is_symlink());
    let archived = album.unwrap().join(asset_files(&root)[0].file_name().unwrap());
    fs::write(&archived, "mine too").unwrap();
    let before = picture(&root);
    for arguments in [&["verify", "--json"][..], &["verify", "--repair", "--json"]] {
        let run = machine.run(arguments).expect(3).says("_All-Photos/IMG_0001.JPG");
        assert_eq!(json(&run)["strays"], serde_json::json!(["_All-Photos/IMG_0001.JPG"]));
        assert_eq!(json(&run)["damaged"], serde_json::json!([]));
        assert_eq!(picture(&root), before);
    }
    machine.sync().expect(0);
    assert_eq!(picture(&root), before, "nor does a sync touch them");
}

#[test]
fn a_copy_that_is_no_better_replaces_nothing() {
    let machine = Machine::new(LibrarySpec::plain(30));
    let root = machine.library();
    machine.sync().expect(0);
    let damaged = damage(&root, 10, &mut Rng::new(1));
    let before = contents(&root);
    let fault = Fault { on: Selector::Kind(Kind::Content), when: When::Always, what: Effect::Flip(3) };
    machine.emulator.faults().add(fault);
    let run = machine.run(&["verify", "--repair", "--json"]).expect(1);
    assert_eq!(json(&run)["still_damaged"], damaged.len());
    assert!(contents(&root) == before);
    assert!(fs::read_dir(root.join(".icps/trash")).unwrap().next().is_none());

    machine.emulator.faults().clear();
    machine.run(&["verify", "--repair"]).expect(3);
    machine.assert_mirrored();
}

#[test]
fn a_repair_that_cannot_sign_in_reports_what_it_found() {
    let machine = Machine::new(LibrarySpec::plain(30));
    machine.sync().expect(0);
    damage(&machine.library(), 10, &mut Rng::new(1));
    let before = contents(&machine.library());
    let mut command = machine.icps(&["verify", "--repair", "--json"]);
    command.env("STATE_DIRECTORY", machine.path("other-state")).env("APPLE_ID_PWD", "wrong");
    let run = Run::from(command.output().unwrap()).expect(77).says("10 still damaged");
    assert_eq!(reported(&json(&run)).len(), 10);
    assert!(contents(&machine.library()) == before);
}

#[test]
fn a_locked_library_is_for_later() {
    let machine = Machine::new(LibrarySpec::plain(5));
    machine.sync().expect(0);
    let lock = machine.library().join(".library.lock");
    fs::write(&lock, format!("{}\nicps-sync.service\n", std::process::id())).unwrap();
    let held = Flock::lock(File::open(&lock).unwrap(), FlockArg::LockExclusiveNonblock).unwrap();
    for arguments in [&["verify"][..], &["verify", "--repair"]] {
        machine.run(arguments).expect(75).says("icps-sync.service");
    }
    drop(held);
    machine.run(&["verify"]).expect(0);
}

#[test]
fn where_no_library_is_there_is_nothing_to_verify() {
    let machine = Machine::new(LibrarySpec::plain(5));
    for arguments in [&["verify"][..], &["verify", "--repair"]] {
        machine.run(arguments).expect(5).says("holds no library");
        assert!(!machine.library().exists());
    }
    machine.sync().expect(0);
    fs::rename(machine.library(), machine.path("unmounted")).unwrap();
    machine.run(&["verify", "--repair"]).expect(5).says("Is the disk mounted?");
    assert!(!machine.library().exists());
}

#[test]
fn a_repair_that_is_stopped_is_finished_by_the_next_one() {
    let machine = Machine::new(LibrarySpec::plain(30));
    machine.sync().expect(0);
    damage(&machine.library(), 10, &mut Rng::new(1));
    let before = contents(&machine.library());
    let fault = Fault { on: Selector::Kind(Kind::Content), when: When::Always, what: Effect::Hang(5) };
    machine.emulator.faults().add(fault);
    let mut child = machine.start(&["verify", "--repair", "--json"]);
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut log = String::new();
    while !log.contains("To download: 10 files") {
        assert!(stderr.read_line(&mut log).unwrap() > 0, "it ended:\n{log}");
    }
    let run = stop(child, 1);
    std::io::Read::read_to_string(&mut stderr, &mut log).unwrap();
    assert!(log.contains("Stopped on request: 30 files verified"), "{log}");
    assert_eq!(json(&run)["still_damaged"], 10);
    assert!(contents(&machine.library()) == before);

    machine.emulator.faults().clear();
    machine.run(&["verify", "--repair"]).expect(3);
    machine.assert_mirrored();
}

/// A library with a film that takes ages to read: a hole.
fn endless(machine: &Machine) {
    let shared = machine.library().join("_Shared-Photos");
    fs::create_dir_all(machine.library().join("_All-Photos")).unwrap();
    fs::create_dir_all(&shared).unwrap();
    File::create(shared.join("Abv-EeVEGAQ0o5_2szwFFOVX1ICw.mov")).unwrap().set_len(1 << 40).unwrap();
}

fn stop(child: Child, code: i32) -> Run {
    let asked = Instant::now();
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    let run = Run::from(child.wait_with_output().unwrap()).expect(code);
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    run
}

#[test]
fn it_stops_when_it_is_asked_to_and_says_how_far_it_came() {
    let machine = Machine::new(LibrarySpec::plain(0));
    endless(&machine);
    let address = machine.path("notify");
    let notify = UnixDatagram::bind(&address).unwrap();
    notify.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let child = machine.icps(&["verify"]).env("NOTIFY_SOCKET", &address).spawn().unwrap();
    let mut buffer = [0; 4096];
    loop {
        let length = notify.recv(&mut buffer).expect("no status says that it reads");
        let text = String::from_utf8_lossy(&buffer[..length]);
        // Bytes have been read: the status is that of a progress.
        if text.contains("STATUS=Verifying: 0 of 1 file, ") && !text.contains(", 0 B of") {
            assert!(text.contains(" of 1.0 TiB"), "{text}");
            break;
        }
    }
    let run = stop(child, 0).says("Stopped on request: 0 of 1 file verified");
    assert!(!run.stderr.contains("damaged"), "{}", run.stderr);
    assert!(!machine.state().join("last-verification.json").exists(), "it did not read every file");
}

#[test]
fn damage_that_is_known_is_told_although_it_is_stopped() {
    let machine = Machine::new(LibrarySpec::plain(0));
    endless(&machine);
    // Read first, since it is in the first directory.
    fs::write(machine.library().join("_All-Photos/AW2cWT2PxzWixMKuuNMTHJ8CJ3sH.mov"), "x").unwrap();
    let mut child = machine.start(&["verify", "--repair", "--json"]);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("is damaged")));
    let report = json(&stop(child, 1));
    assert_eq!((&report["complete"], &report["still_damaged"]), (&false.into(), &1.into()));
    assert_eq!(machine.emulator.statistics().total(), 0, "what was not read is not repaired");
}

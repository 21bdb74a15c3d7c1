//! A run may be killed at any moment: no file under a final name is ever incomplete, and the next run completes.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::Machine;
use icloud_emulator::library::{LibrarySpec, Rng, SharedLibrary};
use sha1::{Digest as _, Sha1};

/// How many runs are killed before their end.
const KILLS: u32 = 200;

/// Recomputes every checksum from the bytes, as anyone can who knows how file names come about.
fn assert_no_file_is_incomplete(root: &Path) {
    for zone in ["_All-Photos", "_Shared-Photos"] {
        let Ok(entries) = fs::read_dir(root.join(zone)) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            let digest = Sha1::new()
                .chain_update(b"com.apple.XattrObjectSalt\0com.apple.DataObjectSalt\0")
                .chain_update(fs::read(&path).unwrap())
                .finalize();
            let mut bytes = vec![1];
            bytes.extend_from_slice(&digest);
            let stem = path.file_stem().unwrap().to_str().unwrap();
            assert_eq!(stem, URL_SAFE_NO_PAD.encode(bytes), "{} is not what its name says", path.display());
        }
    }
}

#[test]
fn a_sync_killed_at_random_moments_leaves_only_whole_files_and_completes_at_last() {
    let spec = LibrarySpec::every_oddity(150).seeded(11).shared(SharedLibrary::Owner(20)).sizes(200, 60_000);
    let machine = Machine::new(spec);
    machine.sync().expect(0);
    // How long runs take decides which moments there are; what else the machine does changes that.
    let mut span = Duration::from_millis(400);
    let mut rng = Rng::new(23);
    let mut interrupted = 0;
    let mut round = 0;
    while interrupted < KILLS {
        round += 1;
        assert!(round < 4 * KILLS, "only {interrupted} of {round} runs were killed before their end");
        if round % 10 == 1 {
            // From the beginning again, with the session at hand.
            fs::remove_dir_all(machine.library()).unwrap();
        } else {
            change(&machine, &mut rng);
        }
        let mut child = machine.start(&["sync", "--max-delete", "100%", "--adopt-library"]);
        let share = u32::try_from(rng.below(1000)).unwrap();
        std::thread::sleep(span.mul_f64(f64::from(share) / 1000.0));
        child.kill().unwrap();
        let was_running = child.wait_with_output().unwrap().status.code().is_none();
        interrupted += u32::from(was_running);
        span = span.mul_f64(if was_running { 1.05 } else { 0.9 });
        if round % 4 == 0 {
            assert_no_file_is_incomplete(&machine.library());
        }
    }
    machine.run(&["sync", "--max-delete", "100%", "--adopt-library"]).expect(0);
    assert_no_file_is_incomplete(&machine.library());
    machine.assert_mirrored();
}

/// Gives the next run work of every kind: changes in iCloud, and files that are gone.
fn change(machine: &Machine, rng: &mut Rng) {
    machine.emulator.clock().advance(Duration::from_secs(5));
    for _ in 0..rng.below(12) {
        machine.emulator.library().mutate(rng);
    }
    let Ok(entries) = fs::read_dir(machine.library().join("_All-Photos")) else { return };
    for entry in entries {
        if rng.chance(0.3) {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
    }
}

#[test]
fn a_sync_that_is_asked_to_stop_says_how_far_it_came_and_the_next_one_goes_on() {
    let machine = Machine::new(LibrarySpec::plain(300).sizes(50_000, 90_000));
    machine.emulator.faults().add(icloud_emulator::Fault {
        on: icloud_emulator::Selector::Kind(icloud_emulator::Kind::Content),
        when: icloud_emulator::When::Always,
        what: icloud_emulator::Effect::Slow(150_000),
    });
    let child = machine.start(&["sync"]);
    common::wait_for(&machine.library().join("_All-Photos"));
    let patience = Instant::now() + Duration::from_secs(60);
    while fs::read_dir(machine.library().join("_All-Photos")).unwrap().count() < 5 {
        assert!(Instant::now() < patience, "no download ever ended");
        std::thread::sleep(Duration::from_millis(20));
    }
    let asked = Instant::now();
    let pid = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    let run = common::Run::from(child.wait_with_output().unwrap()).expect(0);
    assert!(asked.elapsed() < Duration::from_secs(10));
    assert!(run.stderr.to_lowercase().contains("stopped"), "{}", run.stderr);
    assert_no_file_is_incomplete(&machine.library());

    machine.emulator.faults().clear();
    machine.sync().expect(0);
    machine.assert_mirrored();
}

//! Boots real Debian systems, installs the package and uses it as an administrator would. The emulator is Apple; what
//! leads there is a proxy and its authority in a drop-in, for the program has no switch for tests.
//!
//! Needs root, `mmdebstrap` and `systemd-nspawn`. Where it cannot run it says why; in CI it must.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

mod guest;
mod image;
mod journal;
mod library;
mod package;
mod process;
mod scene;
mod steps;
mod terminal;

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use image::Release;
use scene::Scene;
use steps::{
    accounts, archive, codes, desktop, disk, failures, install, password, runs, scrub, token, upkeep,
};

#[test]
fn debian_12() {
    tell(&image::BOOKWORM);
}

#[test]
fn debian_13() {
    tell(&image::TRIXIE);
}

/// Two systems at a time would share one control group.
static ALONE: Mutex<()> = Mutex::new(());

/// The whole story, on one release.
fn tell(release: &'static Release) {
    if let Err(reason) = possible() {
        assert!(std::env::var_os("CI").is_none(), "CI must boot systems: {reason}");
        println!("SKIPPED: Debian {} is not booted: {reason}", release.version);
        return;
    }
    package::package();
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);

    let begin = Instant::now();
    let mut scene = Scene::set(release);
    for (name, step) in STORY {
        println!("Debian {}, {:3} s: {name}", release.version, begin.elapsed().as_secs());
        step(&mut scene);
    }
    println!("Debian {}, {:3} s: the end", release.version, begin.elapsed().as_secs());
}

type Step = fn(&mut Scene);

/// Each step builds on those before it.
const STORY: &[(&str, Step)] = &[
    ("install the package with apt", |scene| install::install_with_apt(scene)),
    ("judge the units", |scene| install::judge_units(scene)),
    ("set an account up", |scene| install::set_up(scene)),
    ("enable the timer", |scene| install::enable_timer(scene)),
    ("sync, and hand in a code", |scene| codes::sync_with_a_code(scene)),
    ("add an account", |scene| accounts::add(scene)),
    ("sync two accounts, one with a text message", |scene| accounts::sync_side_by_side(scene)),
    ("start two syncs at once, and stop in the middle", |scene| runs::meet_and_stop(scene)),
    ("take the lock by force", |scene| runs::take_by_force(scene)),
    ("let the timer elapse", |scene| runs::elapse(scene)),
    ("archive an album", |scene| archive::archive(scene)),
    ("try again what may come right", |scene| failures::try_again(scene)),
    ("give no code", |scene| failures::give_no_code(scene)),
    ("reboot in the middle of a sync", runs::reboot),
    ("renew the trust token", |scene| token::renew(scene)),
    ("find and repair damage", |scene| scrub::find_and_repair(scene)),
    ("ask for the password", |scene| password::ask(scene)),
    ("sync as a user", |scene| desktop::sync_as_a_user(scene)),
    ("move the library, change the schedule", disk::move_library),
    ("fill the disk", |scene| disk::fill(scene)),
    ("take the disk away", disk::take_away),
    ("upgrade", |scene| upkeep::upgrade(scene)),
    ("remove", |scene| upkeep::remove(scene)),
    ("purge", |scene| upkeep::purge(scene)),
];

/// Whether systems can be booted here.
fn possible() -> Result<(), String> {
    if !nix::unistd::geteuid().is_root() {
        return Err("only root may boot systems".to_owned());
    }
    for program in ["mmdebstrap", "systemd-nspawn", "nsenter"] {
        let found = std::env::var_os("PATH").is_some_and(|path| {
            std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
        });
        if !found {
            return Err(format!("there is no {program}"));
        }
    }
    Ok(())
}

//! What a run takes of Apple's servers and of the machine is bounded, whatever the options say.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::process::Command;
use std::time::Duration;

use common::{Machine, Run};
use icloud_emulator::library::{AlbumSpec, LibrarySpec};
use icloud_emulator::{Effect, Fault, Kind, Role, Selector, When};

/// The documented most of downloads at once.
const DOWNLOADS: u64 = 32;
/// The documented most of questions to the photos database at once.
const QUESTIONS: u64 = 4;

/// Lets answers take so long that everything that may run at once does.
fn delay(machine: &Machine, role: Role, milliseconds: u64) {
    machine.emulator.faults().add(Fault {
        on: Selector::Role(role),
        when: When::Always,
        what: Effect::Latency(Duration::from_millis(milliseconds)),
    });
}

#[test]
fn downloads_and_questions_at_once_are_bounded_although_the_options_say_infinity() {
    let machine = Machine::new(LibrarySpec::plain(400));
    delay(&machine, Role::Photos, 100);
    delay(&machine, Role::Content, 400);
    let options = ["--download-threads=Infinity", "--metadata-rate=Infinity/0", "--max-retries=Infinity"];
    machine.run(&[&["sync"][..], &options].concat()).expect(0);
    machine.assert_mirrored();

    let seen = machine.emulator.statistics();
    assert_eq!(seen.peak(Role::Content), DOWNLOADS, "downloads at once");
    assert_eq!(seen.peak(Role::Photos), QUESTIONS, "questions at once");
}

#[test]
fn requests_grow_with_pages_and_albums_and_not_with_photos() {
    let albums = AlbumSpec { albums: 12, members: 150, ..LibrarySpec::plain(0).albums };
    let machine = Machine::new(LibrarySpec { albums, ..LibrarySpec::plain(2_000) });
    machine.sync().expect(0);
    let first = machine.emulator.statistics();
    assert_eq!(first.count(Kind::Content), 2_000);
    assert!(first.count(Kind::Lookup) <= 2_000 / 100 + 2, "{} look-ups", first.count(Kind::Lookup));

    machine.emulator.reset_statistics();
    machine.sync().expect(0).says("Nothing to do");
    let second = machine.emulator.statistics();
    // A hundred photos a page, and an album's members in pages of as many; each list ends with an empty page.
    let pages = 2_000 / 100 + 1;
    let per_album = 4;
    let most = pages + 12 * per_album + 20;
    assert!(second.total() <= most, "{} requests instead of {most}", second.total());
    assert_eq!((second.count(Kind::Content), second.count(Kind::Lookup)), (0, 0));
}

#[test]
fn a_run_makes_do_with_few_open_files() {
    let albums =
        AlbumSpec { folders: 40, albums: 20, depth: 30, members: 30, ..LibrarySpec::plain(0).albums };
    let machine = Machine::new(LibrarySpec { albums, ..LibrarySpec::plain(200) });
    delay(&machine, Role::Content, 400);
    let sync = || {
        let icps = machine.icps(&["sync", "--download-threads=Infinity"]);
        let mut shell = Command::new("sh");
        // As many as 32 downloads need, each with a connection and a file, and some more.
        shell
            .args(["-c", r#"ulimit -n 128 && exec "$0" "$@""#])
            .arg(icps.get_program())
            .args(icps.get_args());
        shell.env_clear().envs(icps.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Run::from(shell.output().unwrap())
    };
    sync().expect(0);
    machine.assert_mirrored();
    assert_eq!(machine.emulator.statistics().peak(Role::Content), DOWNLOADS);
    sync().expect(0).says("Nothing to do");
}

#[test]
fn metadata_is_asked_for_no_faster_than_the_option_says_nor_than_is_sensible() {
    let machine = Machine::new(LibrarySpec::plain(2_000));
    for (rate, gap) in [("1/40", Duration::from_millis(40)), ("Infinity/0", Duration::from_millis(5))] {
        machine.emulator.reset_statistics();
        machine.run(&["sync", "--dry-run", "--metadata-rate", rate]).expect(0);
        let seen = machine.emulator.statistics();
        let metadata = [Kind::Zones, Kind::Query, Kind::Batch, Kind::Lookup];
        let mut times: Vec<_> =
            seen.journal().filter(|seen| metadata.contains(&seen.kind)).map(|seen| seen.at).collect();
        times.sort();
        let took = times.last().unwrap().duration_since(times[0]).unwrap();
        let least = gap * (u32::try_from(times.len()).unwrap() - 1);
        // The first request may have been on its way for longer than the last one.
        let blur = Duration::from_millis(25);
        assert!(times.len() > 20 && took + blur > least, "{rate}: {} requests in {took:?}", times.len());
    }
}

//! Whatever goes wrong between here and Apple is healed within the run, or reported with the right exit code;
//! nothing is lost and nothing is deleted by mistake.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use common::{Machine, picture};
use icloud_emulator::library::LibrarySpec;
use icloud_emulator::{Canned, Effect, Fault, Kind, Role, Selector, When};

fn some(probability: f64) -> When {
    When::Chance { probability, seed: 5 }
}

fn machine() -> Machine {
    Machine::new(LibrarySpec::small().seeded(17))
}

/// Syncs under a fault that the run has to heal.
fn heals(on: Selector, when: When, what: Effect) {
    let machine = machine();
    let described = format!("{on:?} {when:?} {what:?}");
    machine.emulator.faults().add(Fault { on, when, what });
    let run = machine.run(&["sync", "--download-timeout", "1"]);
    assert_eq!(run.code, Some(0), "{described}\n{}", run.stderr);
    machine.assert_mirrored();
}

/// Changes the library, syncs under a fault that no run can heal, then syncs without it.
fn reports(code: i32, on: Selector, what: Effect, arguments: &[&str]) {
    let machine = machine();
    machine.sync().expect(0);
    let before = picture(&machine.library());
    let mut rng = icloud_emulator::library::Rng::new(3);
    for _ in 0..10 {
        machine.emulator.library().mutate(&mut rng);
    }
    let described = format!("{on:?} {what:?}");
    machine.emulator.faults().add(Fault { on, when: When::Always, what });
    let run = machine.run(&[&["sync"], arguments].concat());
    assert_eq!(run.code, Some(code), "{described}\n{}", run.stderr);
    let after = picture(&machine.library());
    // What the owner hid or deleted may go if the run came so far.
    let hidden = machine.emulator.library().assets().into_iter().filter(|asset| !asset.visible);
    let may_go: Vec<_> = hidden
        .flat_map(|asset| asset.files)
        .map(|file| file.checksum.replace('+', "-").replace('/', "_"))
        .filter(|_| code == 3)
        .collect();
    for path in before.keys().filter(|path| path.starts_with("_All-Photos")) {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let may_go = may_go.iter().any(|checksum| checksum == stem);
        assert!(may_go || after.contains_key(path), "{described}: {} is gone", path.display());
    }
    machine.emulator.faults().clear();
    // The machine may be told to wait after being throttled; a person starts this run.
    std::fs::remove_file(machine.state().join("breaker.json")).ok();
    machine.sync().expect(0);
    machine.assert_mirrored();
}

#[test]
fn passing_trouble_with_the_database_is_healed() {
    for kind in [Kind::Query, Kind::Batch, Kind::Zones, Kind::Lookup] {
        for what in [
            Effect::Answer(Canned::unavailable()),
            Effect::Answer(Canned::throttled(503).retry_after(1)),
            Effect::Answer(Canned::throttled(429)),
            Effect::Reset,
            Effect::Truncate(20),
            Effect::Misdirect,
            Effect::Answer(Canned::html(200, "Sorry")),
        ] {
            heals(Selector::Kind(kind), When::Times(1), what);
        }
    }
}

#[test]
fn a_session_that_ends_in_the_middle_is_renewed() {
    for what in [Canned::session_over(), Canned::authentication_failed(), Canned::invalid_session()] {
        heals(Selector::Kind(Kind::Query), When::Numbers(2..3), Effect::Answer(what));
    }
}

#[test]
fn passing_trouble_with_downloads_is_healed() {
    // A file that is damaged or refused again and again is given up in the end: not more than two in a row.
    for what in [
        Effect::Reset,
        Effect::Answer(Canned::unavailable().retry_after(1)),
        Effect::Truncate(50),
        Effect::Flip(10),
        Effect::Answer(Canned::expired_url()),
        Effect::Answer(Canned::html(200, "Sorry")),
        Effect::Answer(Canned::status(404)),
        Effect::Answer(Canned::status(400)),
        Effect::Answer(Canned::status(403)),
    ] {
        heals(Selector::Kind(Kind::Content), When::Numbers(3..5), what);
    }
    for what in [Effect::Latency(Duration::from_millis(200)), Effect::Slow(200_000)] {
        heals(Selector::Kind(Kind::Content), some(0.3), what);
    }
}

#[test]
fn trouble_that_lasts_is_reported_and_nothing_is_lost() {
    let retry_later = Effect::Answer(Canned::throttled(503).retry_after(3600));
    reports(75, Selector::Role(Role::Photos), retry_later, &["--max-retries", "2"]);
    reports(75, Selector::Role(Role::Photos), Effect::Reset, &["--max-retries", "2"]);
    reports(3, Selector::Kind(Kind::Content), Effect::Flip(3), &["--max-retries", "2"]);
    reports(3, Selector::Kind(Kind::Content), Effect::Truncate(3), &["--max-retries", "2"]);
}

#[test]
fn no_network_means_try_later() {
    let machine = machine();
    let run = machine
        .icps(&["sync", "--max-retries", "1"])
        .env("HTTPS_PROXY", "http://127.0.0.1:9")
        .env("https_proxy", "http://127.0.0.1:9")
        .output()
        .map(common::Run::from)
        .unwrap();
    run.expect(75);
}

#[test]
fn odd_pages_are_understood() {
    for what in [Effect::MissingUrls, Effect::SplitPairs, Effect::RepeatedRecords, Effect::ShortPage(7)] {
        heals(Selector::Kind(Kind::Query), some(0.5), what);
    }
    heals(Selector::Kind(Kind::Content), When::Always, Effect::IgnoreRange);
}

#[test]
fn a_record_that_cannot_be_read_is_named_and_holds_deletions_back() {
    let machine = machine();
    machine.sync().expect(0);
    let victim = machine.emulator.library().visible_assets().remove(0);
    machine.emulator.library().delete(victim.asset);
    let before = picture(&machine.library());
    machine.emulator.faults().add(Fault {
        on: Selector::Kind(Kind::Query),
        when: When::Always,
        what: Effect::GarbledRecord,
    });
    machine.sync().expect(3);
    let after = picture(&machine.library());
    for path in before.keys().filter(|path| path.starts_with("_All-Photos")) {
        assert!(after.contains_key(path), "{} is gone", path.display());
    }
    machine.emulator.faults().clear();
    machine.sync().expect(0);
    machine.assert_mirrored();
}

#[test]
fn a_download_that_hangs_is_given_up_and_resumed() {
    heals(Selector::Kind(Kind::Content), When::Numbers(3..4), Effect::Hang(100));
}

#[test]
fn an_answer_that_hangs_is_asked_for_again() {
    heals(Selector::Kind(Kind::Query), When::Numbers(2..3), Effect::Hang(10));
}

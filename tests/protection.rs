//! Advanced Data Protection: a device of the owner lets the program in for an hour, and then not any more.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::Child;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{Machine, Run, picture};
use icloud_emulator::library::LibrarySpec;
use icloud_emulator::{AccountOptions, Effect, Kind, Role, SecondFactor};

const HOUR: Duration = Duration::from_secs(61 * 60);

fn machine(library: LibrarySpec) -> Machine {
    let account = AccountOptions {
        second_factor: SecondFactor::None,
        sign_in_budget: None,
        protected: true,
        ..AccountOptions::default()
    };
    Machine::with_account(account, library)
}

/// A run that a timer starts.
fn by_timer(machine: &Machine, arguments: &[&str]) -> Run {
    machine.icps(&[&["sync"], arguments].concat()).env("TRIGGER_UNIT", "icps.timer").output().unwrap().into()
}

fn count(machine: &Machine, kind: Kind) -> u64 {
    machine.emulator.statistics().count(kind)
}

/// How often the owner, the state of the access and the keys were asked for.
fn asked(machine: &Machine) -> [u64; 3] {
    [Kind::DeviceConsent, Kind::WebAccessState, Kind::RequestPcs].map(|kind| count(machine, kind))
}

#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < patience, "{what}: in vain");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What systemd hears of a run.
struct Status {
    socket: UnixDatagram,
    heard: Vec<String>,
}

impl Status {
    fn new(machine: &Machine) -> Self {
        let socket = UnixDatagram::bind(machine.path("notify")).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { socket, heard: Vec::new() }
    }

    fn start(machine: &Machine, arguments: &[&str]) -> Child {
        machine.icps(arguments).env("NOTIFY_SOCKET", machine.path("notify")).spawn().unwrap()
    }

    /// Waits until a status with this text is the latest.
    #[track_caller]
    fn wait_for(&mut self, text: &str) {
        wait_until(text, || {
            let mut message = [0; 4096];
            while let Ok(length) = self.socket.recv(&mut message) {
                self.heard.push(String::from_utf8_lossy(&message[..length]).into_owned());
            }
            self.heard.last().is_some_and(|latest| latest.starts_with("STATUS=") && latest.contains(text))
        });
    }
}

/// The offsets at which each file was asked for, by the stem of its name on disk.
type Requests = Arc<Mutex<BTreeMap<String, Vec<u64>>>>;

fn watch_contents(machine: &Machine) -> Requests {
    let requests = Requests::default();
    let seen = Arc::clone(&requests);
    machine.observe(move |request| {
        if request.kind == Kind::Content {
            let range =
                request.header("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
            let offset = range.map_or(0, |offset| offset.parse().unwrap());
            // The path begins with the checksum, spelt as in the name of the file.
            let stem = request.path["/B/".len()..][..28].to_owned();
            seen.lock().unwrap().entry(stem).or_default().push(offset);
        }
    });
    requests
}

/// Lets the hour of access end when so many files are under way.
fn end_hour_at_content(machine: &Machine, number: u64) {
    let (contents, clock) = (AtomicU64::new(0), machine.emulator.clock().clone());
    let account = machine.emulator.account();
    machine.observe(move |request| {
        if request.kind == Kind::Content && contents.fetch_add(1, Ordering::SeqCst) == number {
            clock.advance(HOUR);
            account.withdraw_adp();
        }
    });
}

/// Files below a directory of the library with their sizes, by stem.
fn sizes(machine: &Machine, directory: &str) -> BTreeMap<String, u64> {
    let entries = fs::read_dir(machine.library().join(directory)).unwrap();
    let file = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
        // Parts are named after their zone too.
        let stem = stem.strip_prefix("primary-").unwrap_or(stem).to_owned();
        (stem, entry.metadata().unwrap().len())
    };
    entries.map(|entry| file(entry.unwrap())).collect()
}

#[test]
fn an_approval_is_waited_for_aloud_and_not_asked_for_again_while_it_lasts() {
    let machine = machine(LibrarySpec::plain(30));
    let mut status = Status::new(&machine);
    let run = Status::start(&machine, &["sync"]);
    status.wait_for("approve the access to the photos on a trusted device");
    assert_eq!(asked(&machine)[0], 1);
    machine.emulator.account().approve_adp();
    let run = Run::from(run.wait_with_output().unwrap()).expect(0);
    run.says("WARN  Advanced Data Protection is on: approve").says("approved the access");
    machine.assert_mirrored();
    assert_eq!((asked(&machine)[0], asked(&machine)[2]), (1, 1));

    machine.emulator.reset_statistics();
    machine.sync().expect(0).says("Nothing to do");
    by_timer(&machine, &[]).expect(0).says("Nothing to do");
    assert_eq!(asked(&machine), [0, 0, 0], "the hour is not over");

    // A later run confirms the session first.
    let path = machine.state().join("session.json");
    let mut session: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    session["validated_at"] = serde_json::Value::Null;
    fs::write(&path, session.to_string()).unwrap();
    machine.sync().expect(0).says("Nothing to do");
    assert_eq!((count(&machine, Kind::Validate), asked(&machine)), (1, [0, 0, 0]));
}

#[test]
fn who_waits_for_an_approval_can_be_asked_to_stop() {
    let machine = machine(LibrarySpec::plain(30));
    let mut status = Status::new(&machine);
    let run = Status::start(&machine, &["sync"]);
    status.wait_for("approve the access to the photos on a trusted device");
    let asked = Instant::now();
    let pid = nix::unistd::Pid::from_raw(run.id().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    Run::from(run.wait_with_output().unwrap()).expect(0).says("Stopped on request");
    assert!(asked.elapsed() < Duration::from_secs(10));
}

#[test]
fn an_hour_that_ends_in_the_middle_stops_the_run_and_the_next_one_resumes_exactly_there() {
    let machine = machine(LibrarySpec::plain(400).sizes(20_000, 40_000));
    let account = machine.emulator.account();
    account.approve_adp();
    let requests = watch_contents(&machine);
    machine.fail(|request| request.kind == Kind::Content, Effect::Slow(60_000));
    end_hour_at_content(&machine, 90);
    // Nobody is there to approve it again.
    by_timer(&machine, &["--download-threads", "16"]).expect(4).says("Advanced Data Protection");
    assert_eq!(asked(&machine)[0], 0, "nothing pops up at night");
    let complete = sizes(&machine, "_All-Photos");
    let parts = sizes(&machine, ".icps/partial");
    let begun: Vec<_> = parts.iter().filter(|(_, size)| **size > 0).collect();
    assert!((60..400).contains(&complete.len()) && !begun.is_empty(), "{} and {begun:?}", complete.len());

    account.approve_adp();
    machine.emulator.faults().clear();
    requests.lock().unwrap().clear();
    let requests = watch_contents(&machine);
    by_timer(&machine, &[]).expect(0);
    machine.assert_mirrored();
    let requests = requests.lock().unwrap();
    assert!(complete.keys().all(|stem| !requests.contains_key(stem)), "no complete file is fetched again");
    assert_eq!(requests.len(), 400 - complete.len());
    assert!(requests.values().all(|offsets| offsets.len() == 1), "each of the others once");
    for (stem, size) in begun {
        assert_eq!(requests[stem], [*size], "a part is continued where it ends");
    }
}

#[test]
fn an_hour_that_ends_in_the_middle_is_no_matter_if_somebody_approves_another() {
    let machine = machine(LibrarySpec::plain(400).sizes(2_000, 4_000));
    machine.emulator.account().approve_adp();
    let requests = watch_contents(&machine);
    end_hour_at_content(&machine, 90);
    let mut status = Status::new(&machine);
    let run = Status::start(&machine, &["sync"]);
    wait_until("the device is asked", || asked(&machine)[0] == 1);
    status.wait_for("approve the access to the photos on a trusted device");
    machine.emulator.account().approve_adp();
    Run::from(run.wait_with_output().unwrap()).expect(0);
    machine.assert_mirrored();
    let requests = requests.lock().unwrap();
    assert_eq!(requests.len(), 400);
    let again = requests.values().filter(|offsets| offsets.len() > 1).count();
    assert!(again <= 100, "{again} addresses of one look-up had become too old at most");
    let lists = machine.emulator.statistics().count(Kind::Query);
    assert!(lists < 20, "the library is not read again: {lists} queries");
}

#[test]
fn a_lapse_while_the_library_is_listed_is_never_taken_for_an_empty_one() {
    let machine = machine(LibrarySpec::small());
    machine.emulator.account().approve_adp();
    machine.sync().expect(0);
    let total = {
        machine.emulator.reset_statistics();
        machine.sync().expect(0).says("Nothing to do");
        machine.emulator.statistics().total()
    };
    for asset in machine.emulator.library().visible_assets().into_iter().take(5) {
        machine.emulator.library().delete(asset.asset);
    }
    let before = picture(&machine.library());
    for number in 0..total {
        machine.emulator.faults().clear();
        machine.emulator.account().approve_adp();
        let (requests, account) = (AtomicU64::new(0), machine.emulator.account());
        machine.observe(move |request| {
            if Role::of(&request.host) == Some(Role::Photos)
                && requests.fetch_add(1, Ordering::SeqCst) >= number
            {
                account.withdraw_adp();
            }
        });
        let run = by_timer(&machine, &["--max-delete", "100%"]);
        assert_eq!(run.code, Some(4), "lapsed at request {number}\n{}", run.stderr);
        assert_eq!(picture(&machine.library()), before, "lapsed at request {number}");
    }
    machine.emulator.faults().clear();
    machine.emulator.account().approve_adp();
    machine.sync().expect(0);
    machine.assert_mirrored();
}

#[test]
fn access_on_the_web_that_is_switched_off_is_named_at_every_door() {
    let machine = machine(LibrarySpec::plain(30));
    machine.emulator.account().approve_adp();
    machine.emulator.account().change(|account| account.web_access = false);
    machine.sync().expect(4).says("Access iCloud Data on the Web");
    machine.emulator.account().change(|account| account.web_access = true);
    machine.sync().expect(0);
    let before = picture(&machine.library());

    machine.emulator.account().change(|account| account.web_access = false);
    machine.sync().expect(4).says("Access iCloud Data on the Web");
    by_timer(&machine, &[]).expect(4).says("Access iCloud Data on the Web");
    fs::remove_file(machine.state().join("session.json")).unwrap();
    machine.sync().expect(4).says("Access iCloud Data on the Web");
    assert_eq!(picture(&machine.library()), before);
}

#[test]
fn a_timers_run_asks_no_device_unless_told_to_and_waits_no_longer_than_the_timeout() {
    let machine = machine(LibrarySpec::plain(30));
    by_timer(&machine, &[]).expect(4).says("MFA_PUSH=always");
    machine.run(&["sync", "--mfa-push", "never"]).expect(4);
    assert_eq!(asked(&machine)[0], 0);

    let begin = Instant::now();
    by_timer(&machine, &["--mfa-push", "always", "--mfa-timeout", "3"])
        .expect(4)
        .says("approve the access")
        .says("no device approved the access in time");
    let took = begin.elapsed();
    assert!((Duration::from_secs(3)..Duration::from_secs(20)).contains(&took), "{took:?}");
    assert_eq!(asked(&machine)[0], 1);

    machine.emulator.account().withdraw_adp();
    machine.emulator.account().change(|account| account.approves_after = Some(2));
    by_timer(&machine, &["--mfa-push", "always"]).expect(0);
    machine.assert_mirrored();
    assert_eq!(asked(&machine)[0], 2);
}

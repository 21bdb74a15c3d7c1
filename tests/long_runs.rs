//! Runs that last for hours, on servers that throttle, and whose addresses and sessions do not last as long.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use common::Machine;
use icloud_emulator::library::LibrarySpec;
use icloud_emulator::{Canned, Effect, Fault, Kind, Request, Role, Seen, Selector, When};

const HOUR: Duration = Duration::from_secs(61 * 60);
/// How long a session lasts at least: one that ends sooner after its renewal is given up.
const SESSION: Duration = Duration::from_secs(185);
const SECOND: Duration = Duration::from_secs(1);
/// The list that a whole reading goes through.
const LIST: &str = "CPLAssetAndMasterByAssetDateWithoutHiddenOrDeleted";

fn role(request: &Request) -> Role {
    Role::of(&request.host).unwrap()
}

fn is_metadata(seen: &Seen) -> bool {
    matches!(seen.kind, Kind::Zones | Kind::Query | Kind::Batch | Kind::Lookup)
}

/// The answers so far to requests that `of` says yes to, in the order in which the requests came.
fn journal(machine: &Machine, of: impl Fn(&Seen) -> bool) -> Vec<Seen> {
    let mut seen: Vec<_> = machine.emulator.statistics().journal().filter(|seen| of(seen)).cloned().collect();
    seen.sort_by_key(|seen| seen.at);
    seen
}

fn between(earlier: SystemTime, later: SystemTime) -> Duration {
    later.duration_since(earlier).unwrap_or_default()
}

fn fault(kind: Kind, when: When, answer: Canned) -> Fault {
    Fault { on: Selector::Kind(kind), when, what: Effect::Answer(answer) }
}

/// What a server that throttles and forgets does to the run of a test.
struct Trouble {
    /// The servers' clock runs so many times as fast.
    rate: u32,
    /// After so many contents all addresses are too old; a whole hour passes at once.
    hour: u64,
    /// At this content the session is over, and then again and again; eight hours pass at once.
    session: u64,
    /// After so many contents, and so many other requests, the server refuses all for a second, with 429 and 503.
    throttled: [u64; 2],
}

impl Trouble {
    fn begin(&self, machine: &Machine) {
        let (clock, contents) = (machine.emulator.clock().clone(), AtomicU64::new(0));
        let (hour, session, ended) = (self.hour, self.session, Mutex::new(None::<Instant>));
        clock.run(self.rate);
        machine.observe(move |request| {
            if request.kind != Kind::Content {
                return;
            }
            let number = contents.fetch_add(1, Ordering::SeqCst) + 1;
            if number % hour == 0 {
                clock.advance(HOUR);
            }
            let mut ended = ended.lock().unwrap();
            if number == session || ended.is_some_and(|ended| ended.elapsed() > SESSION) {
                clock.advance(HOUR * 8);
                *ended = Some(Instant::now());
            }
        });
        let answers = [Canned::status(429), Canned::throttled(503)];
        for ((of, every), answer) in
            [Role::Content, Role::Photos].into_iter().zip(self.throttled).zip(answers)
        {
            let (requests, until) = (AtomicU64::new(0), Mutex::new(Instant::now()));
            let hit = move |request: &Request| {
                if role(request) != of {
                    return false;
                }
                let (now, mut until) = (Instant::now(), until.lock().unwrap());
                if requests.fetch_add(1, Ordering::SeqCst) % every == every - 1 {
                    *until = now + SECOND;
                }
                now < *until
            };
            machine.fail(hit, Effect::Answer(answer.retry_after(1)));
        }
    }
}

/// Syncs so many assets for the first time, whatever the server does meanwhile.
fn completes(assets: usize, trouble: &Trouble) {
    let machine = Machine::new(LibrarySpec::plain(assets));
    let ranks: Arc<Mutex<BTreeMap<u64, u32>>> = Arc::default();
    let listed = Arc::clone(&ranks);
    machine.observe(move |request| {
        let query = &request.json()["query"];
        if query["recordType"] == LIST {
            let start = query["filterBy"][0]["fieldValue"]["value"].as_u64().unwrap();
            *listed.lock().unwrap().entry(start).or_default() += 1;
        }
    });
    trouble.begin(&machine);
    let begin = Instant::now();
    machine.sync().expect(0);
    let took = begin.elapsed();
    machine.emulator.clock().run(1);

    let seen = machine.emulator.statistics();
    let of = |kind, status| seen.answered(kind, status);
    let throttled: u64 =
        [Kind::Zones, Kind::Query, Kind::Batch, Kind::Lookup].iter().map(|kind| of(*kind, 503)).sum();
    let lists: u32 = ranks.lock().unwrap().values().sum();
    println!(
        "{assets} assets in {took:.0?}: {lists} lists for {} pages, {} queries, {} look-ups, {} contents: {} good, \
         {} expired, {} throttled; {throttled} others throttled, {} lost sessions, {} renewed, {} passwords",
        ranks.lock().unwrap().len(),
        seen.count(Kind::Query),
        seen.count(Kind::Lookup),
        seen.count(Kind::Content),
        of(Kind::Content, 200),
        of(Kind::Content, 410),
        of(Kind::Content, 429),
        of(Kind::Lookup, 421) + of(Kind::Query, 421),
        seen.count(Kind::AccountLogin) - 1,
        seen.count(Kind::Complete),
    );
    let files = assets as u64;
    assert_eq!(of(Kind::Content, 200), files, "each content is fetched once");
    assert!(of(Kind::Content, 410) > 0 && of(Kind::Content, 429) > 0 && throttled > 0, "nothing went wrong");
    assert!(of(Kind::Content, 410) <= files / 8, "addresses are fetched just in time");
    // A page for every hundred assets, and an empty one.
    let pages = assets / 100 + 1;
    assert_eq!(ranks.lock().unwrap().len(), pages);
    assert!(u64::from(lists) <= pages as u64 + throttled, "the library is read once: {lists} lists");
    assert!(seen.count(Kind::AccountLogin) > 1, "no session ended");
    assert_eq!((seen.count(Kind::Init), seen.count(Kind::Complete)), (1, 1), "no password is sent again");
    machine.assert_mirrored();

    machine.emulator.faults().clear();
    machine.emulator.reset_statistics();
    machine.sync().expect(0).says("Nothing to do");
    assert_eq!(machine.emulator.statistics().count(Kind::Content), 0);
}

#[test]
fn ten_thousand_assets_arrive_although_the_server_throttles_and_addresses_and_session_expire() {
    let trouble = Trouble { rate: 20, hour: 1_500, session: 4_000, throttled: [2_500, 100] };
    completes(10_000, &trouble);
}

/// The same for as long as it takes: `cargo test --release --test long_runs -- --ignored --nocapture`.
#[test]
#[ignore = "takes minutes"]
fn a_hundred_thousand_assets_arrive_although_the_server_throttles_and_addresses_and_sessions_expire() {
    let trouble = Trouble { rate: 20, hour: 30_000, session: 5_000, throttled: [2_500, 100] };
    completes(100_000, &trouble);
}

#[test]
fn a_request_is_repeated_as_often_as_allowed_and_no_more() {
    for (retries, requests) in [("0", 1), ("2", 3)] {
        for (answer, what) in [
            (Canned::html(502, "Bad Gateway"), "answered 502"),
            (Canned::throttled(503).retry_after(1), "Apple limits"),
        ] {
            let machine = Machine::new(LibrarySpec::plain(5));
            machine.emulator.faults().add(fault(Kind::Query, When::Always, answer));
            machine.run(&["sync", "--max-retries", retries]).expect(75).says(what);
            assert_eq!(machine.emulator.statistics().count(Kind::Query), requests, "{retries}: {what}");
        }

        let machine = Machine::new(LibrarySpec::plain(5));
        let victim = Arc::new(Mutex::new(None));
        let hit = move |request: &Request| {
            request.kind == Kind::Content
                && *victim.lock().unwrap().get_or_insert_with(|| request.path.clone()) == request.path
        };
        machine.fail(hit, Effect::Answer(Canned::unavailable()));
        machine.run(&["sync", "--max-retries", retries]).expect(3);
        assert_eq!(machine.emulator.statistics().answered(Kind::Content, 503), requests, "{retries}");
        assert_eq!(machine.emulator.statistics().answered(Kind::Content, 200), 4);
    }
}

#[test]
fn metadata_is_asked_for_no_faster_than_the_rate() {
    for (rate, apart) in [("1/200", 200), ("4/400", 100)] {
        let machine = Machine::new(LibrarySpec::plain(500));
        machine.run(&["sync", "--metadata-rate", rate]).expect(0);
        machine.assert_mirrored();
        let seen = journal(&machine, is_metadata);
        assert!(seen.len() > 15, "{}", seen.len());
        let took = between(seen[0].at, seen[seen.len() - 1].at);
        let least = Duration::from_millis(apart) * u32::try_from(seen.len() - 1).unwrap();
        // The first one may have been on its way for longer than the last one.
        assert!(took + Duration::from_millis(50) > least, "{} requests in {took:?} at {rate}", seen.len());
    }
}

#[test]
fn a_pause_that_the_server_asks_for_is_kept_by_all() {
    for (kind, number) in [(Kind::Query, 3), (Kind::Lookup, 2), (Kind::Content, 150)] {
        let machine = Machine::new(LibrarySpec::plain(600));
        let answer = Canned::throttled(if kind == Kind::Content { 503 } else { 429 }).retry_after(3);
        machine.emulator.faults().add(fault(kind, When::Numbers(number..number + 1), answer));
        machine.run(&["sync", "--download-threads", "16"]).expect(0);
        machine.assert_mirrored();
        let seen = journal(&machine, |seen| is_metadata(seen) || seen.kind == Kind::Content);
        let met = seen.iter().find(|seen| matches!(seen.status, 429 | 503)).unwrap().at;
        // What was on its way when the refusal was read comes a moment later.
        let moment = Duration::from_millis(300);
        let early = seen.iter().map(|seen| between(met, seen.at));
        let early: Vec<_> = early.filter(|after| (moment..Duration::from_secs(3)).contains(after)).collect();
        assert!(early.is_empty(), "{kind:?}: {early:?} after the refusal");
        assert!(seen.iter().any(|seen| between(met, seen.at) >= Duration::from_secs(3)));
    }
}

#[test]
fn without_a_wish_of_the_server_pauses_grow_with_each_refusal() {
    for kind in [Kind::Query, Kind::Content] {
        let machine = Machine::new(LibrarySpec::plain(1));
        machine.emulator.faults().add(fault(kind, When::Times(3), Canned::unavailable()));
        machine.sync().expect(0);
        let seen = journal(&machine, |seen| seen.kind == kind);
        let pauses: Vec<_> = seen.windows(2).take(3).map(|pair| between(pair[0].at, pair[1].at)).collect();
        // 1, 2 and 4 seconds, less up to a quarter.
        for (pause, least) in pauses.iter().zip([750, 1_500, 3_000]) {
            assert!(*pause >= Duration::from_millis(least), "{kind:?}: {pauses:?}");
        }
    }
}

#[test]
fn a_wish_for_a_pause_of_an_hour_ends_the_run_and_the_next_one_goes_on() {
    for kind in [Kind::Lookup, Kind::Content] {
        let machine = Machine::new(LibrarySpec::plain(400));
        let number = if kind == Kind::Content { 150 } else { 2 };
        let answer = Canned::throttled(503).retry_after(3600);
        machine.emulator.faults().add(fault(kind, When::Numbers(number..u64::MAX), answer));
        let begin = Instant::now();
        machine.sync().expect(75).says("try again in 60 minutes");
        assert!(begin.elapsed() < Duration::from_secs(60), "nobody waits for an hour");
        let good = machine.emulator.statistics().answered(Kind::Content, 200);
        assert!(good > 0);
        machine.emulator.faults().clear();
        machine.emulator.reset_statistics();
        machine.sync().expect(0);
        machine.assert_mirrored();
        let rest = machine.emulator.statistics().answered(Kind::Content, 200);
        assert!((400..=440).contains(&(good + rest)), "{good} files, and then {rest}");
    }
}

#[test]
fn a_large_file_that_takes_many_hours_is_never_given_up_while_it_gets_on() {
    let machine = Machine::new(LibrarySpec::plain(1).sizes(12_000_000, 12_000_000));
    let (number, clock) = (AtomicU64::new(0), machine.emulator.clock().clone());
    // The connection breaks again and again, each time after more than an hour.
    machine.fail(
        move |request| {
            let is_content = request.kind == Kind::Content;
            if is_content && number.fetch_add(1, Ordering::SeqCst) % 2 == 0 {
                return true;
            }
            if is_content {
                clock.advance(HOUR);
            }
            false
        },
        Effect::Truncate(1_500_000),
    );
    machine.run(&["sync", "--max-retries", "2"]).expect(0);
    machine.assert_mirrored();
    let seen = machine.emulator.statistics();
    assert!(seen.answered(Kind::Content, 410) > 3, "{} addresses expired", seen.answered(Kind::Content, 410));
}

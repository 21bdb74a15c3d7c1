//! How the program signs in: what it asks of Apple, what it asks of people, and what it remembers between its runs.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use common::{Machine, Run, wait_for};
use icloud_emulator::library::LibrarySpec;
use icloud_emulator::{AccountOptions, Canned, Effect, Fault, Kind, PushAnswer, Selector, When};
use jiff::{SignedDuration, Timestamp};

/// What the timer's service finds in its environment.
const BY_TIMER: [(&str, &str); 2] =
    [("TRIGGER_UNIT", "icps.timer"), ("TRIGGER_TIMER_REALTIME_USEC", "1795746053421763")];

fn machine(change: impl FnOnce(&mut AccountOptions)) -> Machine {
    let mut account = AccountOptions { iterations: 1000, ..AccountOptions::default() };
    account.strictness.browser = true;
    change(&mut account);
    Machine::with_account(account, LibrarySpec::plain(3))
}

fn request(machine: &Machine) -> std::path::PathBuf {
    machine.path("run/mfa/request.json")
}

fn by_timer(machine: &Machine, arguments: &[&str]) -> Run {
    machine.icps(arguments).envs(BY_TIMER).output().unwrap().into()
}

/// Hands over the next code that arrives, and waits for the end.
fn hand_over(machine: &Machine, child: Child) -> Run {
    machine.run(&["mfa", &machine.next_code()]).expect(0);
    child.wait_with_output().unwrap().into()
}

/// Signs in for the first time, with a code.
fn set_up(machine: &Machine) {
    let child = machine.start(&["token"]);
    wait_for(&request(machine));
    hand_over(machine, child).expect(0);
    machine.emulator.reset_statistics();
}

fn seen(machine: &Machine, kinds: &[Kind]) -> Vec<u64> {
    let statistics = machine.emulator.statistics();
    kinds.iter().map(|kind| statistics.count(*kind)).collect()
}

fn session(machine: &Machine) -> serde_json::Value {
    serde_json::from_slice(&fs::read(machine.state().join("session.json")).unwrap()).unwrap()
}

/// Makes what is remembered of sign-ins so much older.
fn pass(machine: &Machine, time: SignedDuration) {
    let path = machine.state().join("sign-in.json");
    let mut record: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    age(&mut record, time);
    fs::write(path, record.to_string()).unwrap();
}

fn age(value: &mut serde_json::Value, time: SignedDuration) {
    match value {
        serde_json::Value::Object(fields) => fields.values_mut().for_each(|inner| age(inner, time)),
        serde_json::Value::Array(items) => items.iter_mut().for_each(|inner| age(inner, time)),
        serde_json::Value::String(text) => {
            if let Ok(at) = text.parse::<Timestamp>() {
                *text = (at - time).to_string();
            }
        }
        _ => {}
    }
}

#[test]
fn a_timer_wakes_nobody_and_does_not_try_again_until_a_person_has() {
    let machine = machine(|_| {});
    for elapse in ["1000000", "2000000", "3000000"] {
        let mut command = machine.icps(&["sync", "--mfa-timeout", "1"]);
        command.envs(BY_TIMER).env("TRIGGER_TIMER_REALTIME_USEC", elapse);
        Run::from(command.output().unwrap()).expect(4).says("icps token");
        assert_eq!(seen(&machine, &[Kind::Complete, Kind::Push, Kind::Sms]), [1, 0, 0]);
    }
    let status = machine.run(&["status"]).expect(0).stdout;
    assert!(status.contains("a code was not given"), "{status}");

    set_up(&machine);
    by_timer(&machine, &["sync"]).expect(0);
    assert_eq!(seen(&machine, &[Kind::Complete, Kind::Push]), [0, 0]);
    assert!(!machine.run(&["status"]).stdout.contains("a code was not given"));
}

#[test]
fn a_service_that_a_person_starts_after_the_timer_is_a_persons_although_systemd_still_names_the_timer() {
    let machine = machine(|_| {});
    // Tried again by systemd, for which there is no network yet.
    machine.emulator.faults().add(Fault {
        on: Selector::Kind(Kind::Authorize),
        when: When::Always,
        what: Effect::Reset,
    });
    by_timer(&machine, &["sync"]).expect(75);
    machine.emulator.faults().clear();
    pass(&machine, SignedDuration::from_hours(1));
    by_timer(&machine, &["sync", "--mfa-timeout", "1"]).expect(4);
    assert_eq!(seen(&machine, &[Kind::Push]), [0], "still the timer's");
    let child = machine.icps(&["sync"]).envs(BY_TIMER).spawn().unwrap();
    wait_for(&request(&machine));
    assert_eq!(seen(&machine, &[Kind::Push]), [1], "a person's");
    hand_over(&machine, child).expect(0);
}

#[test]
fn a_timers_run_asks_for_a_code_when_somebody_says_so() {
    let machine = machine(|_| {});
    let child = machine.icps(&["sync"]).envs(BY_TIMER).spawn().unwrap();
    wait_for(&request(&machine));
    assert_eq!(seen(&machine, &[Kind::Push]), [0]);
    machine.run(&["mfa", "resend", "device"]).expect(0);
    hand_over(&machine, child).expect(0).says("icps mfa resend device");
    assert_eq!(seen(&machine, &[Kind::Complete, Kind::Push, Kind::DeviceCode]), [1, 1, 1]);
    machine.assert_mirrored();
}

#[test]
fn a_push_that_never_arrives_is_answered_with_other_ways_in_good_time() {
    let machine = machine(|account| account.push = PushAnswer::Lost);
    let begin = Instant::now();
    let child = machine.start(&["token"]);
    wait_for(&request(&machine));
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
    pass(&machine, SignedDuration::from_mins(1));
    machine.run(&["mfa", "resend", "sms", "--phone-number-id", "7"]).expect(0);
    let run = hand_over(&machine, child).expect(0).says("icps mfa resend sms").says("airplane mode");
    let said = run.stderr.find("If nothing pops up").unwrap();
    let sent = run.stderr.find("Apple sends 6 digits to").unwrap();
    assert!(said < sent, "said with the first request, before anybody has asked:\n{}", run.stderr);
    assert_eq!(seen(&machine, &[Kind::Push, Kind::Sms, Kind::PhoneCode]), [1, 1, 1]);
}

#[test]
fn throttling_is_sat_out_by_later_processes_and_the_status_says_until_when() {
    let machine = machine(|_| {});
    machine.emulator.faults().add(Fault {
        on: Selector::Kind(Kind::Init),
        when: When::Always,
        what: Effect::Answer(Canned::unavailable().retry_after(20_000)),
    });
    machine.sync().expect(75).says("Apple limits");
    let total = machine.emulator.statistics().total();
    machine.sync().expect(75).says("signing in is not tried again before");
    machine.run(&["token"]).expect(75);
    by_timer(&machine, &["sync"]).expect(75);
    assert_eq!(machine.emulator.statistics().total(), total, "nothing more is sent");
    let status = machine.run(&["status"]).expect(0).stdout;
    assert!(status.contains("Sign-in:               not before"), "{status}");
    let status: serde_json::Value =
        serde_json::from_str(&machine.run(&["status", "--json"]).expect(0).stdout).unwrap();
    let until: Timestamp = status["next_sign_in"]["not_before"].as_str().unwrap().parse().unwrap();
    let wait = until.duration_since(Timestamp::now()).as_secs();
    assert!((19_900..=20_000).contains(&wait), "as long as Apple asks: {wait}");
}

#[test]
fn a_refused_password_is_sent_once_by_however_many_runs() {
    let machine = machine(|_| {});
    for says in ["Apple refused the user name or the password", "were not sent again", "were not sent again"]
    {
        let run: Run = machine.icps(&["sync"]).env("APPLE_ID_PWD", "wrong").output().unwrap().into();
        run.expect(77).says(says);
    }
    // The first half may be repeated: a wrong password may lead to a number that is better not sent.
    assert_eq!(seen(&machine, &[Kind::Complete]), [1]);
    let says =
        || machine.run(&["status"]).stdout.contains("Apple refused user name or password; correct them");
    assert!(says());
    set_up(&machine);
    assert!(!says());
}

#[test]
fn trust_that_ends_within_a_week_is_said_by_every_run_the_status_and_the_metrics() {
    let days = |n: u64| Duration::from_secs(n * 86_400);
    for (left, warned) in [(6, true), (30, false)] {
        let machine = machine(|account| account.lifetimes.trust = days(left));
        set_up(&machine);
        for _ in 0..2 {
            let run = machine.run(&["sync", "--export-metrics"]).expect(0);
            let said = run.stderr.contains("The trust token expires in 5 d");
            assert_eq!(said, warned, "{left} days: {}", run.stderr);
        }
        let status: serde_json::Value =
            serde_json::from_str(&machine.run(&["status", "--json"]).expect(0).stdout).unwrap();
        let expires: Timestamp = status["trust_expires"].as_str().unwrap().parse().unwrap();
        let hours = expires.duration_since(Timestamp::now()).as_hours();
        assert!((hours - i64::try_from(left).unwrap() * 24).abs() <= 1, "{hours}");
        let text = machine.run(&["status"]).stdout;
        assert!(text.contains("Trust token:           expires"), "{text}");
        let metrics = fs::read_to_string(machine.state().join("icps.prom")).unwrap();
        let line = format!("icps_trust_token_expiry_timestamp_seconds {}", expires.as_second());
        assert!(metrics.contains(&line), "{metrics}");
    }
}

#[test]
fn the_second_of_two_processes_waits_and_uses_what_the_first_one_got() {
    let machine = machine(|_| {});
    let first = machine.start(&["token"]);
    wait_for(&request(&machine));
    let log = machine.path("second.log");
    let second =
        machine.icps(&["sync"]).stderr(Stdio::from(fs::File::create(&log).unwrap())).spawn().unwrap();
    let patience = Instant::now() + Duration::from_secs(60);
    while !fs::read_to_string(&log).unwrap().contains("Another process is signing in") {
        assert!(Instant::now() < patience, "the second process does not wait");
        std::thread::sleep(Duration::from_millis(5));
    }
    hand_over(&machine, first).expect(0);
    Run::from(second.wait_with_output().unwrap()).expect(0);
    assert_eq!(seen(&machine, &[Kind::Init, Kind::Complete, Kind::Push, Kind::Trust]), [1, 1, 1, 1]);
}

#[test]
fn a_person_whose_session_was_taken_on_faith_is_asked_for_a_code() {
    let machine = machine(|_| {});
    set_up(&machine);
    machine.emulator.account().expire_session_tokens();
    machine.emulator.account().expire_trust();
    let child = machine.start(&["sync"]);
    wait_for(&request(&machine));
    hand_over(&machine, child).expect(0);
    assert_eq!(seen(&machine, &[Kind::Complete, Kind::Push, Kind::DeviceCode]), [1, 1, 1]);
    machine.assert_mirrored();
}

#[test]
fn the_trust_token_of_the_typescript_program_is_used_once() {
    let machine = machine(|_| {});
    set_up(&machine);
    let token = session(&machine)["trust_token"].as_str().unwrap().to_owned();
    // Another machine, with the library of the other program.
    fs::rename(machine.state(), machine.path("former")).unwrap();
    fs::create_dir_all(machine.library()).unwrap();
    let resources = serde_json::json!({ "libraryVersion": 1, "trustToken": token });
    fs::write(machine.library().join(".icloud-photos-sync"), resources.to_string()).unwrap();
    let sign_in = [Kind::Complete, Kind::Push, Kind::Sms];
    machine.run(&["token"]).expect(0);
    assert_eq!(seen(&machine, &sign_in), [1, 0, 0], "no code is needed");
    assert_eq!(session(&machine)["trust_token"], token.as_str());

    machine.emulator.account().expire_session_tokens();
    machine.emulator.account().expire_trust();
    let child = machine.start(&["token", "--refresh-token"]);
    wait_for(&request(&machine));
    hand_over(&machine, child).expect(0);
    machine.run(&["sync"]).expect(0);
    assert_ne!(session(&machine)["trust_token"], token.as_str(), "it does not replace its successor");
}

#[test]
fn the_options_about_trust_do_what_they_say() {
    let machine = machine(|_| {});
    set_up(&machine);
    let printed = machine.run(&["token", "--print"]).expect(0).stdout;
    let token = session(&machine)["trust_token"].as_str().unwrap().to_owned();
    assert_eq!(printed.trim(), token);
    let kinds = [Kind::LegacySignIn, Kind::Complete, Kind::Push];
    assert_eq!(seen(&machine, &kinds), [0, 0, 0]);

    // Elsewhere, the token that was taken along spares the code.
    fs::rename(machine.state(), machine.path("former")).unwrap();
    let run = machine.run(&["token", "--legacy-login", "--trust-token", &token]).expect(0);
    assert_eq!(seen(&machine, &kinds), [0, 1, 0]);
    run.says("--legacy-login has no effect any more");

    // The stored trust is forgotten on demand, and only then.
    machine.emulator.account().expire_session_tokens();
    let child = machine.start(&["token", "--refresh-token"]);
    wait_for(&request(&machine));
    hand_over(&machine, child).expect(0);
    assert_eq!(seen(&machine, &kinds), [0, 2, 1]);
    assert_ne!(session(&machine)["trust_token"], token.as_str());
}

#[test]
fn codes_tokens_and_bodies_are_in_no_log() {
    let machine = machine(|_| {});
    let wrong = "918273";
    let arguments = ["-l", "debug", "--enable-network-capture", "--export-metrics"];
    let child = machine.start(&[&["token"], &arguments[..]].concat());
    wait_for(&request(&machine));
    let code = machine.next_code();
    let mut said = vec![machine.run(&["mfa", wrong]).expect(0)];
    let refused = |text: String| text.contains("verification code");
    let patience = Instant::now() + Duration::from_secs(60);
    while !fs::read_to_string(request(&machine)).is_ok_and(refused) {
        assert!(Instant::now() < patience, "the wrong code is not answered");
        std::thread::sleep(Duration::from_millis(5));
    }
    said.push(machine.run(&["mfa", &code]).expect(0));
    said.push(Run::from(child.wait_with_output().unwrap()).expect(0).says("offers a proof of work"));
    said.push(machine.run(&[&["sync"], &arguments[..]].concat()).expect(0));

    let mut texts: Vec<String> = said.into_iter().flat_map(|run| [run.stdout, run.stderr]).collect();
    for name in ["last-run.json", "icps.prom", "sign-in.json", "network-capture.har"] {
        texts.push(fs::read_to_string(machine.state().join(name)).unwrap());
    }
    let session = session(&machine);
    let mut secrets = vec![wrong.to_owned(), code, machine.emulator.account().options().password];
    for field in ["trust_token", "session_token", "session_id", "scnt", "auth_attributes", "client_id"] {
        secrets.extend(session[field].as_str().map(ToOwned::to_owned));
    }
    let cookies = session["cookies"].as_array().unwrap().iter();
    let values = cookies.filter_map(|cookie| cookie["value"].as_str()).filter(|value| value.len() > 8);
    secrets.extend(values.map(ToOwned::to_owned));
    assert!(secrets.len() > 10);
    for secret in secrets {
        assert!(texts.iter().all(|text| !text.contains(&secret)), "{secret}");
    }
    assert!(!machine.path("run/mfa/answer.json").exists());
    let usual = machine.run(&["token", "--refresh-token", "--mfa-timeout", "1"]).stderr;
    assert!(!usual.contains("proof of work"), "{usual}");
}

//! The generator, against cron as it is written down and against systemd itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use croner::Direction;
use croner::parser::CronParser;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::calendar::expressions;
use super::cron::Cron;
use super::*;

fn calendar(text: &str) -> Vec<String> {
    expressions(&text.parse().unwrap_or_else(|error| panic!("{text}: {error}")))
}

#[test]
fn cron_becomes_calendar() {
    for (cron, calendar_lines) in [
        ("0 2 * * *", &["*-*-* 02:00:00"][..]),
        (" 0\t2 * * * ", &["*-*-* 02:00:00"]),
        ("* * * * *", &["*-*-* *:*:00"]),
        ("*/15 * * * *", &["*-*-* *:00,15,30,45:00"]),
        ("5/20 * * * *", &["*-*-* *:05,25,45:00"]),
        ("0,30-32,59 8-18/5 * * *", &["*-*-* 08,13,18:00,30..32,59:00"]),
        ("0 0 * jan,DEC *", &["*-01,12-* 00:00:00"]),
        ("0 0 * * 0", &["Sun *-*-* 00:00:00"]),
        ("0 0 * * 7", &["Sun *-*-* 00:00:00"]),
        ("0 0 * * 0-7", &["*-*-* 00:00:00"]),
        ("0 0 * * mon-FRI", &["Mon,Tue,Wed,Thu,Fri *-*-* 00:00:00"]),
        ("0 0 * * fri-sun", &["Fri,Sat,Sun *-*-* 00:00:00"]),
        ("0 0 * * 5-7", &["Fri,Sat,Sun *-*-* 00:00:00"]),
        ("0 0 * * */2", &["Tue,Thu,Sat,Sun *-*-* 00:00:00"]),
        ("0 0 13 * 5", &["*-*-13 00:00:00", "Fri *-*-* 00:00:00"]),
        ("0 0 1-7 6 sun", &["*-06-01..07 00:00:00", "Sun *-06-* 00:00:00"]),
        // A step over everything is no restriction that would make the other day field optional.
        ("0 0 */2 * 1", &["Mon *-*-01,03,05,07,09,11,13,15,17,19,21,23,25,27,29,31 00:00:00"]),
        ("0 0 31 2 1", &["*-02-31 00:00:00", "Mon *-02-* 00:00:00"]),
        ("@hourly", &["*-*-* *:00:00"]),
        ("@daily", &["*-*-* 00:00:00"]),
        ("@Midnight", &["*-*-* 00:00:00"]),
        ("@weekly", &["Sun *-*-* 00:00:00"]),
        ("@monthly", &["*-*-01 00:00:00"]),
        ("@yearly", &["*-01-01 00:00:00"]),
        ("@annually", &["*-01-01 00:00:00"]),
    ] {
        assert_eq!(calendar(cron), calendar_lines, "{cron}");
    }
}

#[test]
fn what_is_no_cron_expression_is_named() {
    for (text, expected) in [
        ("", "found 0"),
        ("0 2 * *", "found 4"),
        ("0 0 2 * * *", "found 6"),
        ("@reboot", "@reboot"),
        ("60 2 * * *", "minute"),
        ("-1 2 * * *", "minute"),
        ("+1 2 * * *", "minute"),
        ("0 24 * * *", "hour"),
        ("0 5-2 * * *", "hour"),
        ("0 */0 * * *", "hour"),
        ("0 1,,2 * * *", "hour"),
        ("0 99999999999 * * *", "hour"),
        ("0 2 0 * *", "day of month"),
        ("0 2 32 * *", "day of month"),
        ("0 2 L * *", "day of month"),
        ("0 2 * 13 *", "month"),
        ("0 2 * janu *", "month"),
        ("0 2 * * 8", "day of week"),
        ("0 2 * * mon#1", "day of week"),
        ("0 2 ? * *", "day of month"),
        ("0 2 30 2 *", "day that exists"),
        ("0 2 31 4,6,9,11 *", "day that exists"),
    ] {
        let error = text.parse::<Cron>().expect_err(text).to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

/// A field of a cron expression with something of everything.
fn field(first: u32, last: u32) -> impl Strategy<Value = String> {
    let range = (first..=last, first..=last).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let part = prop_oneof![
        (first..=last).prop_map(|value| value.to_string()),
        range.clone().prop_map(|(from, to)| format!("{from}-{to}")),
        (range, 1_u32..9).prop_map(|((from, to), step)| format!("{from}-{to}/{step}")),
        (2_u32..9).prop_map(|step| format!("*/{step}")),
    ];
    prop_oneof![2 => Just("*".to_owned()), 3 => prop::collection::vec(part, 1..4).prop_map(|parts| parts.join(","))]
}

fn any_expression() -> impl Strategy<Value = String> {
    (field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7))
        .prop_map(|(minute, hour, day, month, weekday)| format!("{minute} {hour} {day} {month} {weekday}"))
}

/// systemd's own answer: when the calendar expressions elapse next. Several at once, because each start of the
/// program costs more than the question.
fn next_elapses(calendars: &[String]) -> Option<Vec<Vec<String>>> {
    let output = Command::new("systemd-analyze")
        .env("TZ", "UTC")
        .env("LC_ALL", "C.UTF-8")
        .args(["calendar", "--iterations=5", "--base-time=2024-02-26 23:58:30 UTC"])
        .args(calendars)
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "CI needs systemd-analyze: {error}");
            eprintln!("SKIPPED: nothing is compared with systemd, because systemd-analyze: {error}");
            return None;
        }
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let elapses = text.split("\n\n").map(|block| block.lines().filter_map(elapse).collect());
    Some(elapses.collect())
}

/// `Next elapse: Thu 2024-02-29 00:00:00 UTC` without the weekday and the zone.
fn elapse(line: &str) -> Option<String> {
    let (what, when) = line.trim().split_once(": ")?;
    let when = when.trim();
    (what == "Next elapse" || what.starts_with("Iter. #")).then(|| when[4..20].to_owned())
}

/// The answer of a library that is no relative of this parser: when cron fires from 2024-02-26 23:59 on.
fn fires(cron: &str, count: usize) -> Vec<String> {
    // As cron has it, both days must match once one of them begins with a star.
    let both = cron.split(' ').skip(2).step_by(2).any(|field| field.starts_with('*') && field.len() > 1);
    let cron = CronParser::builder().dom_and_dow(both).build().parse(cron).unwrap();
    let from = jiff::civil::date(2024, 2, 26).at(23, 59, 0, 0);
    let fires = cron.iter_from(from, Direction::Forward).take(count);
    fires.map(|time| time.strftime("%F %H:%M").to_string()).collect()
}

#[test]
fn systemd_elapses_when_cron_would_fire() {
    let mut runner = TestRunner::deterministic();
    let mut crons: Vec<String> =
        (0..300).map(|_| any_expression().new_tree(&mut runner).unwrap().current()).collect();
    crons.extend(
        ["0 0 29 2 *", "59 23 31 12 *", "0 0 13 * 5", "* * * * 7", "@weekly", "@yearly", "30 2 */2 * mon"]
            .map(str::to_owned),
    );
    crons.retain(|cron| cron.parse::<Cron>().is_ok());
    assert!(crons.len() > 250, "too many of the expressions are refused: {} remain", crons.len());

    let lines: Vec<Vec<String>> = crons.iter().map(|cron| calendar(cron)).collect();
    let Some(mut answers) = next_elapses(&lines.concat()).map(Vec::into_iter) else { return };
    for (cron, lines) in crons.iter().zip(&lines) {
        let all: BTreeSet<String> = answers.by_ref().take(lines.len()).flatten().collect();
        let systemd: Vec<String> = all.into_iter().take(5).collect();
        assert!(!systemd.is_empty(), "{cron} never elapses as {lines:?}");
        let expected = fires(cron, systemd.len());
        assert_eq!(systemd, expected, "{cron} as {lines:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_text_makes_cron_panic(text in "[-0-9*/,a-z@ ]{0,30}") {
        let _ = text.parse::<Cron>();
    }
}

const SYSTEM: Scope = Scope::System;

fn drop_ins(account: Option<&str>, text: &str, scope: Scope) -> DropIns {
    DropIns::of(account, &Conf::parse(text).unwrap(), scope)
}

fn body<'a>(drop_ins: &'a DropIns, unit: &str) -> &'a str {
    let content = drop_ins.units.get(unit).unwrap_or_else(|| panic!("nothing for {unit}: {drop_ins:?}"));
    content.split_once('\n').unwrap().1
}

#[test]
fn the_library_is_opened_and_its_disk_awaited() {
    let drop_ins = drop_ins(None, "DATA_DIR=/srv/photos", SYSTEM);
    let expected = "[Unit]\nRequiresMountsFor=\"/srv/photos\"\n[Service]\nReadWritePaths=\"/srv/photos\"\n";
    assert_eq!(body(&drop_ins, "icps-sync.service"), expected);
    assert_eq!(body(&drop_ins, "icps-archive@.service"), expected);
    assert_eq!(body(&drop_ins, "icps-verify.service"), expected);
    assert_eq!(drop_ins.units.len(), 3, "{drop_ins:?}");
    assert_eq!(drop_ins.errors, [""; 0]);
}

#[test]
fn without_a_configuration_the_library_is_the_default_of_the_program() {
    let drop_ins = drop_ins(None, "", SYSTEM);
    assert!(body(&drop_ins, "icps-sync.service").contains("ReadWritePaths=\"/opt/icloud-photos-library\""));
}

#[test]
fn a_library_in_a_home_is_mounted_into_the_sandbox() {
    for hidden in ["/home/alice/Pictures", "/root/x", "/var/tmp/x"] {
        let drop_ins = drop_ins(None, &format!("DATA_DIR={hidden}"), SYSTEM);
        assert!(
            body(&drop_ins, "icps-sync.service").contains(&format!("\nBindPaths=\"{hidden}\"\n")),
            "{hidden}"
        );
    }
    assert!(!body(&drop_ins(None, "DATA_DIR=/homes/x", SYSTEM), "icps-sync.service").contains("BindPaths"));
}

#[test]
fn whatever_is_in_a_path_stays_one_word() {
    let drop_ins = drop_ins(None, r#"DATA_DIR=/srv/my photos/100% "Ä" \ : 'x'"#, SYSTEM);
    assert!(
        body(&drop_ins, "icps-sync.service")
            .ends_with("ReadWritePaths=\"/srv/my photos/100%% \\\"Ä\\\" \\\\ : 'x'\"\n"),
        "{drop_ins:?}"
    );
}

#[test]
fn what_is_no_library_is_refused() {
    for path in ["photos", "./photos", "/", "/srv/../etc", "/srv/a\tb", "~/photos"] {
        let drop_ins = drop_ins(None, &format!("DATA_DIR='{path}'\nSCHEDULE=@daily"), SYSTEM);
        assert_eq!(drop_ins.units.keys().collect::<Vec<_>>(), ["icps.timer"], "{path}");
        assert_eq!(drop_ins.errors.len(), 1, "{path}");
        assert!(drop_ins.errors[0].starts_with("DATA_DIR is "), "{drop_ins:?}");
    }
}

#[test]
fn the_schedule_replaces_that_of_the_timer() {
    let drop_ins = drop_ins(None, "SCHEDULE=0 4 13 * 5", SYSTEM);
    let expected = "[Timer]\nOnCalendar=\nOnCalendar=*-*-13 04:00:00\nOnCalendar=Fri *-*-* 04:00:00\n";
    assert_eq!(body(&drop_ins, "icps.timer"), expected);
}

#[test]
fn a_frequent_schedule_needs_neither_retries_nor_delay() {
    for (schedule, frequent) in [("@hourly", false), ("*/30 * * * *", true), ("* * * * *", true)] {
        let drop_ins = drop_ins(None, &format!("SCHEDULE={schedule}"), SYSTEM);
        assert_eq!(body(&drop_ins, "icps-sync.service").contains("\nRestart=no\n"), frequent, "{schedule}");
        assert_eq!(
            body(&drop_ins, "icps.timer").contains("\nRandomizedDelaySec=0\n"),
            frequent,
            "{schedule}"
        );
    }
}

#[test]
fn a_wrong_schedule_leaves_the_timer_alone() {
    let drop_ins = drop_ins(None, "SCHEDULE=at night\nDATA_DIR=/srv/x", SYSTEM);
    assert!(!drop_ins.units.contains_key("icps.timer"));
    assert!(drop_ins.units.contains_key("icps-sync.service"));
    assert!(drop_ins.errors[0].starts_with("SCHEDULE is \"at night\": expected five fields"), "{drop_ins:?}");
}

#[test]
fn accounts_have_their_own_units() {
    let drop_ins = drop_ins(Some("alice"), "SCHEDULE=@daily\nDATA_DIR=/srv/alice\nPORT=80", SYSTEM);
    assert_eq!(
        drop_ins.units.keys().collect::<Vec<_>>(),
        ["icps-sync@alice.service", "icps-verify@alice.service", "icps@alice.timer"]
    );
}

#[test]
fn port_and_base_path_reach_the_receiver() {
    let good = drop_ins(None, "PORT=8081\nWEB_BASE_PATH=/photos 100%", SYSTEM);
    assert_eq!(body(&good, "icps-mfa-http.socket"), "[Socket]\nListenStream=\nListenStream=127.0.0.1:8081\n");
    assert_eq!(body(&good, "icps-mfa.service"), "[Service]\nEnvironment=WEB_BASE_PATH=\"/photos 100%%\"\n");
    let bad = drop_ins(None, "PORT=0", SYSTEM);
    assert_eq!(bad.errors, ["PORT is \"0\": expected a port from 1 to 65535"]);
}

#[test]
fn a_user_s_manager_only_gets_the_schedule() {
    let drop_ins = drop_ins(None, "SCHEDULE=@daily\nDATA_DIR=/home/alice/x\nPORT=80", Scope::User);
    assert_eq!(drop_ins.units.keys().collect::<Vec<_>>(), ["icps.timer"]);
}

#[test]
fn the_last_assignment_counts_and_an_empty_one_is_none() {
    let conf = Conf::parse("SCHEDULE=@daily\nDATA_DIR=/a\nOTHER=x\nDATA_DIR=/b\nSCHEDULE=\n").unwrap();
    assert_eq!(conf.data_dir.as_deref(), Some("/b"));
    assert_eq!(conf.schedule, None);
    let emptied = Conf::parse("DATA_DIR=/a\nDATA_DIR=\n").unwrap();
    assert_eq!(emptied.data_dir.as_deref(), Some("/opt/icloud-photos-library"));
}

fn manager(configuration: &Path) -> Manager {
    Manager { scope: SYSTEM, configuration: configuration.to_owned() }
}

/// All files below a directory, relative to it.
fn tree(directory: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for unit in fs::read_dir(directory).unwrap() {
        for file in fs::read_dir(unit.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            files.push(path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned());
        }
    }
    files.sort();
    files
}

#[test]
fn every_account_s_file_is_read() {
    let etc = tempfile::tempdir().unwrap();
    let run = tempfile::tempdir().unwrap();
    fs::write(etc.path().join("icps.conf"), "DATA_DIR=/srv/icps\n").unwrap();
    fs::write(etc.path().join("alice.conf"), "DATA_DIR=/srv/alice\nSCHEDULE=@weekly\n").unwrap();
    fs::write(etc.path().join("bad.conf"), "APPLE_ID_PWD secret\n").unwrap();
    for no_account in ["notes.txt", "x y.conf", "a.b.conf", "mfa.conf", ".conf"] {
        fs::write(etc.path().join(no_account), "DATA_DIR=/srv/wrong\n").unwrap();
    }
    let errors = generate(&manager(etc.path()), run.path());
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("bad.conf: line 1: expected"), "{errors:?}");
    assert!(!errors[0].contains("secret"), "{errors:?}");
    assert_eq!(
        tree(run.path()),
        [
            "icps-archive@.service.d/10-icps.conf",
            "icps-sync.service.d/10-icps.conf",
            "icps-sync@alice.service.d/10-icps.conf",
            "icps-verify.service.d/10-icps.conf",
            "icps-verify@alice.service.d/10-icps.conf",
            "icps@alice.timer.d/10-icps.conf",
        ]
    );
}

#[test]
fn nothing_half_written_stays() {
    let etc = tempfile::tempdir().unwrap();
    let run = tempfile::tempdir().unwrap();
    // The drop-in cannot take its place, because a directory is there.
    fs::create_dir_all(run.path().join("icps-sync.service.d/10-icps.conf")).unwrap();
    let errors = generate(&manager(etc.path()), run.path());
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("icps-sync.service.d/10-icps.conf"), "{errors:?}");
    assert_eq!(
        tree(run.path()),
        [
            "icps-archive@.service.d/10-icps.conf",
            "icps-sync.service.d/10-icps.conf",
            "icps-verify.service.d/10-icps.conf",
        ]
    );
}

#[test]
fn the_environment_tells_whose_manager_it_is() {
    let of = |environment: &'static [(&str, &str)]| {
        Manager::of(|name| {
            environment.iter().find(|(key, _)| *key == name).map(|(_, value)| PathBuf::from(value))
        })
    };
    let user =
        |configuration: &str| Some(Manager { scope: Scope::User, configuration: configuration.into() });
    assert_eq!(of(&[]), Some(manager(Path::new("/etc/icps"))));
    assert_eq!(of(&[("SYSTEMD_SCOPE", "system"), ("HOME", "/root")]), Some(manager(Path::new("/etc/icps"))));
    assert_eq!(of(&[("SYSTEMD_SCOPE", "user"), ("HOME", "/home/a")]), user("/home/a/.config/icps"));
    assert_eq!(
        of(&[("SYSTEMD_SCOPE", "user"), ("HOME", "/home/a"), ("XDG_CONFIG_HOME", "/c")]),
        user("/c/icps")
    );
    assert_eq!(of(&[("SYSTEMD_SCOPE", "user")]), None);
}

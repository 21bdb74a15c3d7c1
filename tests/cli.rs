//! The program on the command line, as far as it comes without a network: what it prints, and its exit codes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use tempfile::TempDir;

/// A machine of a test's own: nothing of the real environment reaches the program.
struct Machine {
    home: TempDir,
}

/// What the program did.
#[derive(Debug)]
struct Seen {
    exit: i32,
    stdout: String,
    stderr: String,
}

impl Machine {
    fn new() -> Self {
        Self { home: TempDir::new().unwrap() }
    }

    fn path(&self, name: &str) -> String {
        self.home.path().join(name).display().to_string()
    }

    fn file(&self, name: &str, text: &str) -> String {
        fs::write(self.home.path().join(name), text).unwrap();
        self.path(name)
    }

    fn icps(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Seen {
        let output = Command::cargo_bin("icps")
            .unwrap()
            .env_clear()
            .env("HOME", self.home.path())
            .env("STATE_DIRECTORY", self.home.path().join("state"))
            .env("RUNTIME_DIRECTORY", self.home.path().join("run"))
            .env("CACHE_DIRECTORY", self.home.path().join("cache"))
            .env("DATA_DIR", self.home.path().join("library"))
            .env("TZ", "UTC")
            .envs(environment.iter().copied())
            .args(["--config", "/dev/null"])
            .args(arguments)
            .write_stdin("")
            .output()
            .unwrap();
        self.seen(&output)
    }

    fn seen(&self, output: &Output) -> Seen {
        let text = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            text.replace(&self.home.path().display().to_string(), "HOME")
        };
        let exit = output.status.code().expect("no signal");
        Seen { exit, stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Whether the program left anything behind.
    fn is_untouched(&self) -> bool {
        ["state", "run", "cache", "library"].iter().all(|name| !self.home.path().join(name).exists())
    }
}

/// The lines of a log without their times.
fn without_times(log: &str) -> String {
    let lines = log.lines().map(|line| line.split_once(' ').map_or(line, |(_, rest)| rest));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn help_and_version_are_answers() {
    let machine = Machine::new();
    let version = machine.icps(&["--version"], &[]);
    assert_eq!((version.exit, version.stderr.as_str()), (0, ""));
    assert_eq!(version.stdout, format!("icps {}\n", env!("CARGO_PKG_VERSION")));
    for arguments in [&["--help"][..], &["sync", "--help"], &["mfa", "resend", "--help"]] {
        let help = machine.icps(arguments, &[]);
        assert_eq!((help.exit, help.stderr.as_str()), (0, ""), "{arguments:?}");
        assert!(help.stdout.contains("Usage: icps"), "{arguments:?}");
    }
}

#[test]
fn usage_errors_end_with_2() {
    let machine = Machine::new();
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["sync", "--no-such-option"],
        &["sync", "--max-retries"],
        &["mfa"],
        &["mfa", "resend", "fax"],
        &["sync", "extra"],
    ] {
        let seen = machine.icps(arguments, &[]);
        assert_eq!(seen.exit, 2, "{arguments:?}: {seen:?}");
        assert_eq!(seen.stdout, "", "{arguments:?}");
    }
    assert!(machine.is_untouched());
}

#[test]
fn bad_values_are_all_named_before_anything_is_touched() {
    let machine = Machine::new();
    let seen = machine.icps(&["sync", "-t", "none"], &[("MFA_PUSH", "sometimes"), ("MIN_FREE", "much")]);
    insta::assert_snapshot!(seen.stderr, @r#"
    Error: --mfa-push: bad value "sometimes" in the environment variable MFA_PUSH: expected auto, always or never
    Error: --min-free: bad value "much" in the environment variable MIN_FREE: expected a size such as 500M, 1GiB or a number of bytes
    Error: --download-threads: bad value "none" on the command line: expected a whole number above 0, Infinity or auto
    "#);
    assert_eq!(seen.exit, 2, "the command line is to blame");
    let seen = machine.icps(&["sync"], &[("MFA_PUSH", "sometimes")]);
    assert_eq!(seen.exit, 78, "the environment is to blame");
    assert!(machine.is_untouched());
}

#[test]
fn a_bad_file_is_named_with_its_line() {
    let machine = Machine::new();
    let file = machine.file("bad.conf", "# icps\nMAX_RETRIES=many\n");
    let run = |file: &str| {
        let mut command = Command::cargo_bin("icps").unwrap();
        command.env_clear().env("HOME", machine.home.path());
        machine.seen(&command.args(["--config", file, "status"]).output().unwrap())
    };
    let seen = run(&file);
    insta::assert_snapshot!(seen.stderr, @r#"Error: --max-retries: bad value "many" in HOME/bad.conf, line 2: expected a whole number or Infinity"#);
    assert_eq!(seen.exit, 78);
    let seen = run(&machine.file("worse.conf", "MAX_RETRIES 3\n"));
    insta::assert_snapshot!(seen.stderr, @"Error: HOME/worse.conf, line 1: expected NAME=value, a comment that starts with #, or an empty line");
    assert_eq!(seen.exit, 78);
    let seen = run("/nonexistent/icps.conf");
    insta::assert_snapshot!(seen.stderr, @"Error: cannot read the configuration file /nonexistent/icps.conf (given on the command line): No such file or directory (os error 2)");
    assert_eq!(seen.exit, 2);
}

#[test]
fn the_daemon_is_explained() {
    let seen = Machine::new().icps(&["daemon"], &[]);
    assert_eq!((seen.exit, seen.stdout.as_str()), (2, ""));
    assert!(seen.stderr.contains("systemctl enable --now icps.timer"), "{}", seen.stderr);
    assert!(seen.stderr.contains("systemctl start icps-sync.service"), "{}", seen.stderr);
}

#[test]
fn a_code_that_nobody_waits_for() {
    let machine = Machine::new();
    for arguments in [&["mfa", "123456"][..], &["mfa", "resend", "device"]] {
        let seen = machine.icps(arguments, &[]);
        assert_eq!(seen.exit, 1, "{seen:?}");
        assert!(seen.stderr.starts_with("Error: nobody waits for a code\nHint: "), "{}", seen.stderr);
    }
    let seen = machine.icps(&["mfa", "status"], &[]);
    assert_eq!((seen.exit, seen.stdout.as_str()), (0, "Nobody waits for a code.\n"));
    assert!(machine.is_untouched());
}

#[test]
fn the_status_of_a_machine_without_runs() {
    let machine = Machine::new();
    let seen = machine.icps(&["status"], &[]);
    insta::assert_snapshot!(seen.stdout, @r"
    Library:               HOME/library
    Last run:              none yet
    Last complete backup:  none yet
    Next run:              not planned (is icps.timer enabled?)
    Trust token:           none known; `icps token` makes one
    ");
    assert_eq!(seen.exit, 0);
    let seen = machine.icps(&["status", "--json"], &[]);
    let status: serde_json::Value = serde_json::from_str(&seen.stdout).unwrap();
    assert_eq!(status["last_run"], serde_json::Value::Null);
    assert!(machine.is_untouched(), "a look creates nothing");
}

#[test]
fn without_a_user_name_and_without_a_terminal() {
    let machine = Machine::new();
    let seen = machine.icps(&["token"], &[]);
    insta::assert_snapshot!(without_times(&seen.stderr).replace(env!("CARGO_PKG_VERSION"), "VERSION"), @r"
    INFO  icps VERSION begins: token.
    ERROR There is no user name. Set APPLE_ID_USER in the configuration file.
    INFO  token: failed, after 0 s.
    ");
    assert_eq!((seen.exit, seen.stdout.as_str()), (78, ""));
}

#[test]
fn a_failed_sync_is_remembered() {
    let machine = Machine::new();
    assert_eq!(machine.icps(&["sync"], &[]).exit, 78);
    let status = machine.icps(&["status"], &[]).stdout;
    assert!(status.contains("sync failed (exit code 78)"), "{status}");
    assert!(status.contains("There is no user name."), "{status}");
    // Signing in is no backup, and a dry run is none.
    for arguments in [&["token"][..], &["sync", "--dry-run"]] {
        fs::remove_file(machine.home.path().join("state/last-run.json")).ok();
        assert_eq!(machine.icps(arguments, &[]).exit, 78);
        assert!(machine.icps(&["status"], &[]).stdout.contains("none yet"), "{arguments:?}");
    }
}

#[test]
fn silence_is_silent() {
    let seen = Machine::new().icps(&["sync", "--silent"], &[]);
    assert_eq!((seen.exit, seen.stdout.as_str(), seen.stderr.as_str()), (78, "", ""));
}

#[test]
fn warnings_can_be_kept_off_the_terminal() {
    let machine = Machine::new();
    let port = [("PORT", "8080")];
    assert!(machine.icps(&["token"], &port).stderr.contains("WARN  --port in the environment variable PORT"));
    assert!(!machine.icps(&["token", "--suppress-warnings"], &port).stderr.contains("--port"));
    assert!(!machine.icps(&["token", "-l", "error"], &port).stderr.contains("INFO"));
}

#[test]
fn another_process_s_library_is_waited_for_by_trying_later() {
    let machine = Machine::new();
    machine.icps(&["sync"], &[]);
    let path = machine.home.path().join("library/.library.lock");
    let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(path).unwrap();
    let lock = nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusiveNonblock).unwrap();
    let seen = machine.icps(&["sync"], &[]);
    assert_eq!(seen.exit, 75, "{}", seen.stderr);
    assert!(seen.stderr.contains("Library is locked by"), "{}", seen.stderr);
    drop(lock);
}

#[test]
fn another_disk_needs_a_decision() {
    let machine = Machine::new();
    machine.icps(&["sync"], &[]);
    fs::rename(machine.home.path().join("library"), machine.home.path().join("elsewhere")).unwrap();
    let seen = machine.icps(&["sync"], &[]);
    assert_eq!(seen.exit, 5, "{}", seen.stderr);
    assert!(seen.stderr.contains("--adopt-library"), "{}", seen.stderr);
    assert!(!Path::new(&machine.path("library")).exists(), "nothing is changed");
    // Let through once: then it fails where every run of this test fails.
    assert_eq!(machine.icps(&["sync", "--adopt-library"], &[]).exit, 78);
}

#[test]
fn secrets_are_never_printed() {
    let machine = Machine::new();
    let secrets =
        [("APPLE_ID_PWD", "hush-hush"), ("TRUST_TOKEN", "tok-tok"), ("APPLE_ID_USER", "a@b.example")];
    for arguments in
        [&["sync", "-l", "debug"][..], &["token", "-l", "debug"], &["status"], &["sync", "-r", "x"]]
    {
        let environment = [&secrets[..], &[("HTTPS_PROXY", "http://127.0.0.1:1")]].concat();
        let seen = machine.icps(arguments, &environment);
        let said = [seen.stdout, seen.stderr].concat();
        assert!(!said.contains("hush-hush") && !said.contains("tok-tok"), "{arguments:?}: {said}");
    }
}

#[test]
fn without_a_network_a_later_run_is_worth_a_try() {
    let environment = [
        ("APPLE_ID_PWD", "x"),
        ("APPLE_ID_USER", "a@b.example"),
        ("HTTPS_PROXY", "http://127.0.0.1:1"),
        ("MAX_RETRIES", "0"),
    ];
    let seen = Machine::new().icps(&["sync"], &environment);
    assert_eq!(seen.exit, 75, "{}", seen.stderr);
    assert!(seen.stderr.contains("check the network"), "{}", seen.stderr);
}

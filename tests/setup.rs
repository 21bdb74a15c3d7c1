//! `icps setup`, at a terminal and in a script, up to the sign-in.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use icloud_emulator::{AccountOptions, Channel, Emulator, Kind, SecondFactor};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tempfile::TempDir;

const USERNAME: &str = "jane.doe@example.com";
const PASSWORD: &str = "Correct-Horse-7!";
const CODE: &str = "Code: ";
const CONFIRM: &str = "[Y/n]: ";

/// A machine of a test's own, and Apple. Its configuration has been named, so that root's tests leave root's alone.
struct World {
    emulator: Emulator,
    home: TempDir,
}

impl World {
    fn new(second_factor: SecondFactor) -> Self {
        let account = AccountOptions { iterations: 1000, second_factor, ..AccountOptions::default() };
        let emulator = Emulator::builder().account(account).start().unwrap();
        Self { emulator, home: TempDir::new().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn configure(&self, text: &str) {
        fs::write(self.path("icps.conf"), text).unwrap();
    }

    fn configuration(&self) -> String {
        let text = fs::read_to_string(self.path("icps.conf")).unwrap();
        text.replace(&self.home.path().display().to_string(), "HOME")
    }

    fn is_untouched(&self) -> bool {
        fs::read_dir(self.home.path()).unwrap().count() == 0
    }

    fn passwords_sent(&self) -> u64 {
        self.emulator.statistics().count(Kind::Complete)
    }

    fn prepared(&self, mut command: Command, arguments: &[&str]) -> Command {
        command.env_clear().env("HOME", self.home.path()).env("TZ", "UTC").envs(self.emulator.environment());
        for (name, directory) in
            [("STATE_DIRECTORY", "state"), ("RUNTIME_DIRECTORY", "run"), ("CACHE_DIRECTORY", "cache")]
        {
            command.env(name, self.path(directory));
        }
        command.arg("setup").arg("--config").arg(self.path("icps.conf")).args(arguments);
        command
    }

    /// Runs it without a terminal: exit code and what was said.
    fn script(&self, arguments: &[&str]) -> (i32, String) {
        let command = Command::new(env!("CARGO_BIN_EXE_icps"));
        let output = self.prepared(command, arguments).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.stdout, b"");
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }

    /// Runs it on a terminal of its own.
    fn terminal(&self, arguments: &[&str]) -> Terminal {
        let pty = nix::pty::openpty(None, None).unwrap();
        let mut command = Command::new("setsid");
        // Whoever runs the tests in the background of a shell has the interrupt ignored.
        command.args(["--ctty", "env", "--default-signal=INT", env!("CARGO_BIN_EXE_icps")]);
        let slave = || Stdio::from(pty.slave.try_clone().unwrap());
        let mut command = self.prepared(command, arguments);
        let child = command.stdin(slave()).stdout(slave()).stderr(slave()).spawn().unwrap();
        Terminal { child, screen: File::from(pty.master), seen: String::new(), shown: String::new() }
    }
}

/// A terminal, and somebody who waits for the questions before typing.
struct Terminal {
    child: Child,
    screen: File,
    /// What came since the last question.
    seen: String,
    /// All that came.
    shown: String,
}

impl Terminal {
    /// Waits for a question, and answers it.
    fn answer(&mut self, question: &str, answer: &str) -> &mut Self {
        self.wait_for(question);
        self.screen.write_all(answer.as_bytes()).unwrap();
        self.screen.write_all(b"\n").unwrap();
        self
    }

    fn wait_for(&mut self, text: &str) {
        while !self.seen.contains(text) {
            assert!(self.read(), "it ended before {text:?}:\n{}", self.shown);
        }
        let end = self.seen.find(text).unwrap() + text.len();
        self.seen.drain(..end);
    }

    /// Reads on; false at the end.
    fn read(&mut self) -> bool {
        let mut ready = [PollFd::new(self.screen.as_fd(), PollFlags::POLLIN)];
        let count = poll(&mut ready, PollTimeout::from(60_000_u16)).unwrap();
        assert_eq!(count, 1, "nothing more comes:\n{}", self.shown);
        let mut bytes = [0; 4096];
        // The end of the last process on a terminal is told as an error.
        let count = self.screen.read(&mut bytes).unwrap_or(0);
        let text = String::from_utf8_lossy(&bytes[..count]);
        self.seen.push_str(&text);
        self.shown.push_str(&text);
        count > 0
    }

    fn end(&mut self) -> (ExitStatus, String) {
        while self.read() {}
        (self.child.wait().unwrap(), self.shown.replace("\r\n", "\n"))
    }

    fn ends_with(&mut self, code: i32) -> String {
        let (status, shown) = self.end();
        assert_eq!(status.code(), Some(code), "{shown}");
        shown
    }

    /// Answers everything up to the sign-in.
    fn answer_all(&mut self, password: &str, library: &str) -> &mut Self {
        self.answer("Apple ID: ", USERNAME)
            .answer("Password (it is not shown): ", password)
            .answer("Library directory", library)
            .answer("as cron says it [0 2 * * *]: ", "")
            .answer("[world]: ", "")
            .answer(CONFIRM, "")
    }
}

#[test]
fn everything_is_asked_and_written_down() {
    let world = World::new(SecondFactor::default());
    let library = world.path("photos/library");
    let mut terminal = world.terminal(&[]);
    terminal.answer_all(PASSWORD, library.to_str().unwrap()).wait_for(CODE);
    let code = world.emulator.account().last_code(Channel::Device).unwrap();
    terminal.screen.write_all(format!("{code}\n").as_bytes()).unwrap();
    let shown = terminal.ends_with(0);
    assert!(!shown.contains(PASSWORD), "{shown}");
    assert!(shown.contains("All is set up."), "{shown}");
    insta::assert_snapshot!(world.configuration(), @r"
    APPLE_ID_USER=jane.doe@example.com
    APPLE_ID_PWD=Correct-Horse-7!
    DATA_DIR=HOME/photos/library
    ");
    let mode = |name: &str| fs::metadata(world.path(name)).unwrap().mode() & 0o7777;
    assert_eq!((mode("icps.conf"), mode("photos/library")), (0o600, 0o750));
    assert!(world.path("state/session.json").exists());
}

#[test]
fn asked_again_it_offers_what_is_written_down() {
    let world = World::new(SecondFactor::None);
    let text = format!(
        "# my photos\n- APPLE_ID_USER={USERNAME}\n\n#SCHEDULE=@daily\nAPPLE_ID_PWD='{PASSWORD}' # hush\n\
         DATA_DIR={}\nMFA_PUSH=never\n",
        world.path("library").display()
    );
    world.configure(&text);
    let mut terminal = world.terminal(&[]);
    terminal
        .answer("Apple ID [jane.doe@example.com]: ", "")
        .answer("Password (Enter keeps the stored one): ", "")
        .answer("library]: ", "")
        .answer("as cron says it [0 2 * * *]: ", "30 4 * * *")
        .answer("[world]: ", "")
        .answer(CONFIRM, "yes");
    terminal.ends_with(0);
    insta::assert_snapshot!(world.configuration(), @r"
    # my photos
    - APPLE_ID_USER=jane.doe@example.com

    #SCHEDULE=@daily
    SCHEDULE=30 4 * * *
    APPLE_ID_PWD='Correct-Horse-7!' # hush
    DATA_DIR=HOME/library
    MFA_PUSH=never
    ");
}

#[test]
fn a_refused_password_can_be_typed_anew() {
    let world = World::new(SecondFactor::None);
    let mut terminal = world.terminal(&[]);
    terminal
        .answer_all("wrong", "")
        .answer("once more (Enter gives up): ", "wrong")
        .answer("it is not sent again.", "")
        .answer("once more (Enter gives up): ", "");
    terminal.ends_with(77);
    assert_eq!(world.passwords_sent(), 1);

    let mut terminal = world.terminal(&["--username", USERNAME]);
    terminal
        .answer("Password (Enter keeps the stored one): ", "wrong again")
        .answer("Library directory", "")
        .answer("as cron says it", "")
        .answer("[world]: ", "")
        .answer(CONFIRM, "")
        .answer("once more", PASSWORD);
    terminal.ends_with(0);
    assert_eq!(world.passwords_sent(), 3);
    assert!(world.configuration().contains(&format!("APPLE_ID_PWD={PASSWORD}\n")));
    assert!(world.path("Pictures/iCloud").is_dir());
}

#[test]
fn three_wrong_passwords_are_enough() {
    let world = World::new(SecondFactor::None);
    let mut terminal = world.terminal(&[]);
    terminal.answer_all("wrong", "").answer("once more", "wrong too").answer("once more", "still wrong");
    let shown = terminal.ends_with(77);
    assert!(shown.contains("the sign-in is left to do: icps --config"), "{shown}");
    assert_eq!(world.passwords_sent(), 3);
}

#[test]
fn nonsense_is_asked_again() {
    let world = World::new(SecondFactor::None);
    let mut terminal = world.terminal(&[]);
    terminal
        .answer("Apple ID: ", "jane")
        .answer("expected an e-mail address", USERNAME)
        .answer("Password", "")
        .answer("expected the password", PASSWORD)
        .answer("Library directory", "photos")
        .answer("expected an absolute path", "/proc/photos")
        .answer("it cannot be made in /proc", world.path("photos").to_str().unwrap())
        .answer("as cron says it", "nightly")
        .answer("That does not do: ", "@daily")
        .answer("[world]: ", "moon")
        .answer("expected world or china", "world")
        .answer(CONFIRM, "no");
    let shown = terminal.ends_with(1);
    assert!(shown.ends_with("Error: stopped; nothing was written\n"), "{shown}");
    assert!(world.is_untouched());
    assert_eq!(world.emulator.statistics().total(), 0);
}

#[test]
fn whoever_breaks_off_leaves_nothing_behind() {
    let world = World::new(SecondFactor::None);
    for (question, keys) in [("Apple ID: ", "\u{3}"), ("Apple ID: ", "\u{4}"), ("[Y/n]: ", "\u{3}")] {
        let mut terminal = world.terminal(&["-p", PASSWORD, "-S", "@daily", "--region", "world"]);
        if question == CONFIRM {
            terminal.answer("Apple ID: ", USERNAME).answer("Library directory", "");
        }
        terminal.wait_for(question);
        terminal.screen.write_all(keys.as_bytes()).unwrap();
        assert!(!terminal.end().0.success());
        assert!(world.is_untouched(), "{question}");
    }
}

#[test]
fn without_a_terminal_it_names_what_is_missing() {
    let world = World::new(SecondFactor::None);
    let (exit, said) = world.script(&[]);
    insta::assert_snapshot!(said, @"Error: there is no terminal to ask on, and this is not known yet: --username APPLE_ID, the password (--password-file FILE)");
    assert_eq!(exit, 2);
    for (arguments, wrong) in [
        (["-d", "/proc/photos"], "--data-dir"),
        (["-S", "sometimes"], "--schedule"),
        (["-u", "jane"], "--username"),
        (["--region", "moon"], "--region"),
    ] {
        let all = [&["-u", USERNAME, "-p", PASSWORD][..], &arguments].concat();
        let all: Vec<&str> = if wrong == "--username" { all[2..].to_vec() } else { all };
        let (exit, said) = world.script(&all);
        assert_eq!(exit, 2, "{said}");
        assert!(said.contains(&format!("Error: {wrong}: bad value")), "{said}");
    }
    assert!(world.is_untouched());
}

#[test]
fn a_script_can_do_it_again_and_again() {
    let world = World::new(SecondFactor::None);
    let secrets = TempDir::new().unwrap();
    let secret = secrets.path().join("password");
    fs::write(&secret, format!("{PASSWORD}\n")).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let library = world.path("library");
    let arguments = [
        ["--username", USERNAME],
        ["--password-file", secret.to_str().unwrap()],
        ["--data-dir", library.to_str().unwrap()],
        ["--schedule", "@weekly"],
    ]
    .concat();
    let (exit, said) = world.script(&arguments);
    assert_eq!(exit, 0, "{said}");
    insta::assert_snapshot!(world.configuration(), @r"
    APPLE_ID_USER=jane.doe@example.com
    APPLE_ID_PWD=Correct-Horse-7!
    DATA_DIR=HOME/library
    SCHEDULE=@weekly
    ");
    let before = fs::metadata(world.path("icps.conf")).unwrap().ino();
    assert_eq!(world.script(&arguments).0, 0);
    assert_eq!(world.script(&[]).0, 0, "all is known by now");
    assert_eq!(fs::metadata(world.path("icps.conf")).unwrap().ino(), before, "nothing to write");
    assert_eq!(world.passwords_sent(), 1);
}

#[test]
fn a_code_that_nobody_types_leaves_the_rest_done() {
    let world = World::new(SecondFactor::default());
    let library = world.path("library");
    let arguments = ["-u", USERNAME, "-p", PASSWORD, "--mfa-timeout", "1", "-d", library.to_str().unwrap()];
    let (exit, said) = world.script(&arguments);
    assert_eq!(exit, 4, "{said}");
    assert!(said.contains("All is written down, but the sign-in is left to do"), "{said}");
    assert!(world.configuration().contains("DATA_DIR=HOME/library\n"));
}

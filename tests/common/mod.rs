//! A machine of its own for every test: an emulator, empty directories, and the real program.

// Every test file uses another part of this.
#![allow(dead_code, unused_imports, unreachable_pub, missing_debug_implementations)]

pub mod checker;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use icloud_emulator::library::LibrarySpec;
use icloud_emulator::{
    AccountOptions, Effect, Emulator, Fault, Request, SecondFactor, Selector, SentCode, When,
};
use tempfile::TempDir;

pub use checker::{Wanted, differences, expected_paths, picture};

/// The program and everything around it; gone with its directories when dropped.
pub struct Machine {
    pub emulator: Emulator,
    codes: Mutex<Receiver<SentCode>>,
    home: TempDir,
}

/// How a run of the program ended.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Run {
    /// Fails the test, with all that the program said, unless it ended with this code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test unless the program said this on stderr.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "nothing of {text:?} in:\n{}", self.stderr);
        self
    }
}

impl Machine {
    /// A machine whose account needs no second factor, for tests of what comes after the sign-in.
    pub fn new(library: LibrarySpec) -> Self {
        let account = AccountOptions {
            second_factor: SecondFactor::None,
            sign_in_budget: None,
            ..AccountOptions::default()
        };
        Self::with_account(account, library)
    }

    /// A machine with this account.
    pub fn with_account(account: AccountOptions, library: LibrarySpec) -> Self {
        let (sender, codes) = channel();
        let emulator = Emulator::builder()
            .account(account)
            .library(library)
            .on_code(move |sent| {
                // Nobody may be listening any more when the test is over.
                let _ = sender.send(sent.clone());
            })
            .start()
            .unwrap();
        Self { emulator, codes: Mutex::new(codes), home: tempfile::tempdir().unwrap() }
    }

    /// A directory or file of the machine.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// The library's directory.
    pub fn library(&self) -> PathBuf {
        self.path("library")
    }

    /// Where the session is kept.
    pub fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// The program, ready to run in the machine's environment.
    pub fn icps(&self, arguments: &[&str]) -> Command {
        let account = self.emulator.account().options();
        let mut command = Command::new(env!("CARGO_BIN_EXE_icps"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.home.path())
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            .env("RUST_BACKTRACE", "1")
            .env("STATE_DIRECTORY", self.state())
            .env("RUNTIME_DIRECTORY", self.path("run"))
            .env("CACHE_DIRECTORY", self.path("cache"))
            .env("DATA_DIR", self.library())
            .env("APPLE_ID_USER", account.name)
            .env("APPLE_ID_PWD", account.password)
            .envs(self.emulator.environment())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Run {
        self.icps(arguments).output().unwrap().into()
    }

    /// Syncs.
    pub fn sync(&self) -> Run {
        self.run(&["sync"])
    }

    /// Starts the program and goes on.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.icps(arguments).spawn().unwrap()
    }

    /// Lets `see` look at every request of the program before it is answered.
    pub fn observe(&self, see: impl Fn(&Request) + Send + Sync + 'static) {
        let on = Selector::matching(move |request| {
            see(request);
            false
        });
        self.emulator.faults().add(Fault { on, when: When::Always, what: Effect::Reset });
    }

    /// Lets something go wrong for the requests that `choose` says yes to.
    pub fn fail(&self, choose: impl Fn(&Request) -> bool + Send + Sync + 'static, what: Effect) {
        self.emulator.faults().add(Fault { on: Selector::matching(choose), when: When::Always, what });
    }

    /// Waits for the next code that reaches the account's owner.
    #[track_caller]
    pub fn next_code(&self) -> String {
        self.codes.lock().unwrap().recv_timeout(Duration::from_secs(60)).expect("no code arrived").code
    }

    /// Fails the test unless the library directory is exactly what the server's library asks for.
    #[track_caller]
    pub fn assert_mirrored(&self) {
        self.assert_mirrored_as(Wanted::default());
    }

    /// The same for a run that left something out.
    #[track_caller]
    pub fn assert_mirrored_as(&self, wanted: Wanted) {
        let found = differences(&self.library(), self.emulator.library(), wanted);
        let first: Vec<_> = found.iter().take(20).collect();
        assert!(found.is_empty(), "{} differences, the first are {first:#?}", found.len());
    }
}

/// Waits until a file exists.
pub fn wait_for(path: &Path) {
    let patience = std::time::Instant::now() + Duration::from_secs(60);
    while !path.exists() {
        assert!(std::time::Instant::now() < patience, "{} never came", path.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

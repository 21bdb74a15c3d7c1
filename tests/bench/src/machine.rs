//! A machine to measure on: emulated servers, empty directories, and the real program.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use icloud_emulator::library::LibrarySpec;
use icloud_emulator::{AccountOptions, Emulator, SecondFactor, Statistics};
use icps::icloud::{
    Account, Client, ClientOptions, Credentials, Nobody, Route, SignInOptions, StateDir, sign_in,
};
use tempfile::TempDir;

use crate::Result;
use crate::usage::{self, Usage};

/// The program and everything around it.
#[derive(Debug)]
pub struct Machine {
    /// Apple.
    pub emulator: Emulator,
    home: TempDir,
}

/// What a run of the program took, here and there.
#[derive(Debug)]
pub struct Run {
    /// What the program used.
    pub usage: Usage,
    /// Processor time of the emulated servers meanwhile, which a machine with few processors has to spare too.
    pub servers: Duration,
    /// What was asked for.
    pub statistics: Statistics,
    /// What the program wrote to standard error.
    pub log: String,
}

impl Machine {
    /// A machine with a library on the servers; its own disk is below `directory`.
    pub fn new(library: LibrarySpec, directory: &Path) -> Result<Self> {
        let account = AccountOptions {
            second_factor: SecondFactor::None,
            sign_in_budget: None,
            iterations: 1000,
            ..AccountOptions::default()
        };
        let emulator = Emulator::builder().account(account).library(library).start()?;
        Ok(Self { emulator, home: tempfile::Builder::new().prefix("icps-bench-").tempdir_in(directory)? })
    }

    /// The library's directory.
    pub fn library(&self) -> PathBuf {
        self.path("library")
    }

    /// A path on the same disk.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// Syncs with the real program.
    pub fn sync(&self, arguments: &[&str]) -> Result<Run> {
        let account = self.emulator.account().options();
        let mut command = Command::new(program()?);
        command
            .arg("sync")
            .args(arguments)
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.home.path())
            .env("LANG", "C.UTF-8")
            .env("STATE_DIRECTORY", self.state())
            .env("RUNTIME_DIRECTORY", self.path("run"))
            .env("CACHE_DIRECTORY", self.path("cache"))
            .env("DATA_DIR", self.library())
            .env("APPLE_ID_USER", account.name)
            .env("APPLE_ID_PWD", account.password)
            .envs(self.emulator.environment());
        self.emulator.reset_statistics();
        let before = usage::own_cpu()?;
        let (usage, log) = usage::measure(&command)?;
        let servers = usage::own_cpu()?.saturating_sub(before);
        Ok(Run { usage, servers, statistics: self.emulator.statistics(), log })
    }

    /// Signs in with the session of the last run.
    pub async fn account(&self) -> Result<Account> {
        let options = self.emulator.account().options();
        let state = StateDir::open(&self.state())?;
        let route = Route {
            proxy: Some(self.emulator.proxy_url()),
            ca_file: Some(self.emulator.ca_file().to_owned()),
        };
        let client_options = ClientOptions { route, ..ClientOptions::default() };
        let client = Client::new(client_options, state.session(&options.name)?)?;
        let sign_in_options = SignInOptions {
            credentials: Credentials::known(&options.name, options.password.into()),
            state,
            by_person: true,
            approval: Some(std::time::Duration::from_secs(300)),
            person: None,
            refresh_token: false,
            prolong_trust: false,
            trust_token: None,
            legacy_login: false,
            notice: Arc::new(|_| {}),
        };
        Ok(sign_in(client, sign_in_options, &mut Nobody).await?)
    }
}

/// The program, built beside this one.
fn program() -> Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("icps");
    if program.exists() {
        Ok(program)
    } else {
        Err(format!("{} is missing: cargo build --release -p icps", program.display()).into())
    }
}

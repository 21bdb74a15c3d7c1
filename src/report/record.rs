//! What the state directory remembers of the last run and of the last verification.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::exit::Exit;

/// The last run, as `last-run.json` in the state directory has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRun {
    /// The command, such as `sync`.
    pub command: String,
    /// The identity of the run; in the journal the field `ICPS_RUN`.
    pub run: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// The exit code.
    pub exit: u8,
    /// What it said last.
    pub message: String,
    /// When a sync last found everything that Apple has on disk and verified. Of any run, not only of this one.
    pub last_complete: Option<Timestamp>,
    /// The account of the last sync that got so far.
    pub ledger: Option<serde_json::Value>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done.
    Done,
    /// Done, with warnings.
    Warnings,
    /// Stopped on request.
    Stopped,
    /// Not done; the message says why.
    Failed,
}

impl Outcome {
    /// The outcome that belongs to an exit code.
    pub fn of(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::Done,
            Exit::Warnings => Self::Warnings,
            _ => Self::Failed,
        }
    }
}

const NAME: &str = "last-run.json";

impl LastRun {
    /// Reads the record. `None` if there is none, or none that can be understood.
    pub fn load(state: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(state.join(NAME)).ok()?).ok()
    }

    /// Writes the record, replacing the one before in one step.
    pub fn save(&self, state: &Path) -> io::Result<()> {
        save(self, &state.join(NAME))
    }
}

/// The last verification that read every file, as `last-verification.json` in the state directory has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastVerification {
    /// When it began.
    pub started: Timestamp,
    /// When it ended, with a repair if there was one.
    pub finished: Timestamp,
    /// The files in the library.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that were damaged.
    pub damaged: u64,
    /// Of these, those that were repaired at once.
    pub repaired: u64,
    /// Files whose checksums nobody can compute.
    pub unverifiable: u64,
}

const VERIFICATION: &str = "last-verification.json";

impl LastVerification {
    /// Reads the record. `None` if there is none, or none that can be understood.
    pub fn load(state: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(state.join(VERIFICATION)).ok()?).ok()
    }

    /// Writes the record, replacing the one before in one step.
    pub fn save(&self, state: &Path) -> io::Result<()> {
        save(self, &state.join(VERIFICATION))
    }
}

fn save(record: &impl Serialize, path: &Path) -> io::Result<()> {
    let mut file = tempfile::Builder::new()
        .prefix(".record")
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(path.parent().unwrap_or(Path::new(".")))?;
    serde_json::to_writer_pretty(&mut file, record)?;
    file.write_all(b"\n")?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_loaded_and_rubbish_is_nothing() {
        let state = tempfile::TempDir::new().unwrap();
        assert_eq!(LastRun::load(state.path()), None);
        let record = LastRun {
            command: "sync".into(),
            run: "1".into(),
            started: Timestamp::UNIX_EPOCH,
            finished: Timestamp::now(),
            outcome: Outcome::Warnings,
            exit: 3,
            message: "Two files failed.".into(),
            last_complete: Some(Timestamp::UNIX_EPOCH),
            ledger: None,
        };
        record.save(state.path()).unwrap();
        assert_eq!(LastRun::load(state.path()), Some(record));
        fs::write(state.path().join(NAME), "{").unwrap();
        assert_eq!(LastRun::load(state.path()), None);
    }
}

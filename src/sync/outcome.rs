//! What came of a sync: counts, warnings, and the ledger.

use super::guard::{Held, Shortage};
use super::plan::Amount;
use crate::exit::Exit;
use crate::model::{AlbumKind, Problem, RecordName, Zone};
use crate::{icloud, library};

/// What came of a sync.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Files fetched and verified.
    pub downloaded: Amount,
    /// Of these, files whose checksum is of an unknown kind, so that only their size could be verified.
    pub size_only: u64,
    /// Files taken back from the trash.
    pub restored: Amount,
    /// Files that changed their zone or extension.
    pub relocated: u64,
    /// Files whose mtime was set.
    pub touched: u64,
    /// Changes to albums and folders.
    pub albums: AlbumCounts,
    /// Links made or redone.
    pub linked: u64,
    /// Links removed.
    pub unlinked: u64,
    /// Files thrown away.
    pub deleted: Amount,
    /// Files not thrown away, because what may replace them could not be downloaded.
    pub held_back: Amount,
    /// Deletions that the guard did not allow.
    pub held: Option<Held>,
    /// What the disk had no room for.
    pub shortage: Option<Shortage>,
    /// What failed, by name.
    pub warnings: Vec<Warning>,
    /// What is left as it is on purpose: the user's things. No cause for alarm.
    pub notices: Vec<String>,
    /// The account of every zone.
    pub zones: Vec<ZoneLedger>,
    /// The account of every album and folder.
    pub album_ledger: Vec<AlbumLedger>,
    /// Why the run ended before its end.
    pub stopped: Option<Stopped>,
}

/// Changes to albums and folders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AlbumCounts {
    /// Made.
    pub created: u64,
    /// Moved into another folder.
    pub moved: u64,
    /// Given a name, or another one.
    pub named: u64,
    /// Removed.
    pub removed: u64,
    /// Archived albums brought to `_Archive`.
    pub retired: u64,
}

/// A failure of one asset, file or album, which stopped nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What it is about.
    pub subject: Subject,
    /// What went wrong, as a sentence.
    pub reason: String,
}

/// What a warning is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// An asset, by file name and record.
    Asset(String),
    /// An album or folder, by name.
    Album(String),
    /// A part of the remote library that could not be read.
    Listing(String),
    /// The library on disk.
    Library,
}

impl From<&Problem> for Warning {
    fn from(problem: &Problem) -> Self {
        Self { subject: Subject::Listing(problem.subject.clone()), reason: problem.reason.clone() }
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.subject {
            Subject::Asset(name) | Subject::Listing(name) => write!(f, "{name}: ")?,
            Subject::Album(name) => write!(f, "album {name}: ")?,
            Subject::Library => {}
        }
        f.write_str(&self.reason)
    }
}

/// What Apple counts, what was listed, and what is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZoneLedger {
    /// The zone.
    pub zone: Zone,
    /// Assets that Apple counts; `None` if it does not speak of the zone.
    pub counted: Option<u64>,
    /// Assets that were listed.
    pub listed: u64,
    /// Files of these assets.
    pub files: Amount,
    /// Of the files, those that are on disk.
    pub on_disk: u64,
    /// Of the files, those whose download failed.
    pub failed: u64,
}

/// What an album should hold, and does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlbumLedger {
    /// Its record.
    pub record: RecordName,
    /// Its name on disk.
    pub name: String,
    /// Folder or album.
    pub kind: AlbumKind,
    /// Assets that were listed in it; `None` if that could not be read.
    pub listed: Option<u64>,
    /// Links that should be in it; `None` if its content is left alone.
    pub links: Option<u64>,
    /// Of the links, those that could not be made.
    pub failed: u64,
}

/// Why a run ended before its end.
#[derive(Debug)]
pub enum Stopped {
    /// It was asked to.
    Requested,
    /// The session, the network or the account do not allow more.
    Remote(icloud::Error),
    /// The disk does not allow more.
    Local(library::Error),
    /// One download after the other failed in the same way.
    Downloads {
        /// How many in a row.
        failed: u32,
        /// What was wrong with the last one.
        last: String,
    },
}

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Requested => f.write_str("stopped on request"),
            Self::Remote(error) => write!(f, "stopped: {error}"),
            Self::Local(error) => write!(f, "stopped: {error}"),
            Self::Downloads { failed, last } => {
                write!(f, "stopped: {failed} downloads in a row failed: {last}")
            }
        }
    }
}

impl Outcome {
    /// Whether every file that Apple has is now on disk, and the listing is known to be whole.
    pub fn complete(&self) -> bool {
        self.stopped.is_none()
            && self.shortage.is_none()
            && self.zones.iter().all(|zone| zone.on_disk == zone.files.files)
            && self.held.as_ref().is_none_or(Held::needs_decision)
            && !self.warnings.iter().any(|warning| !matches!(warning.subject, Subject::Library))
    }

    /// How the program ends after this, unless [`Outcome::stopped`] holds an error of its own.
    pub fn exit(&self) -> Exit {
        match &self.stopped {
            Some(Stopped::Requested) => return Exit::Done,
            Some(Stopped::Remote(_) | Stopped::Downloads { .. }) => return Exit::TryLater,
            Some(Stopped::Local(_)) => return Exit::Failed,
            None => {}
        }
        if self.held.as_ref().is_some_and(Held::needs_decision) {
            Exit::DecisionNeeded
        } else if self.warnings.is_empty() && self.held.is_none() && self.shortage.is_none() {
            Exit::Done
        } else {
            Exit::Warnings
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::MaxDelete;
    use crate::sync::guard::HeldReason;

    fn held(reason: HeldReason) -> Outcome {
        let held = Held { reason, files: Amount::default(), of: 1 };
        Outcome { held: Some(held), ..Outcome::default() }
    }

    fn warned(subject: Subject) -> Outcome {
        Outcome { warnings: vec![Warning { subject, reason: String::new() }], ..Outcome::default() }
    }

    #[test]
    fn the_exit_code_says_what_is_asked_of_whom() {
        let problem = Problem { subject: String::new(), reason: String::new(), blocks_deletion: true };
        let stopped = |stopped| Outcome { stopped: Some(stopped), ..Outcome::default() };
        for (outcome, exit, complete) in [
            (Outcome::default(), Exit::Done, true),
            (held(HeldReason::Incomplete(problem)), Exit::Warnings, false),
            (held(HeldReason::TooMany(MaxDelete::default())), Exit::DecisionNeeded, true),
            (warned(Subject::Library), Exit::Warnings, true),
            (warned(Subject::Asset("x".to_owned())), Exit::Warnings, false),
            (stopped(Stopped::Requested), Exit::Done, false),
            (stopped(Stopped::Downloads { failed: 9, last: String::new() }), Exit::TryLater, false),
        ] {
            assert_eq!((outcome.exit(), outcome.complete()), (exit, complete), "{outcome:?}");
        }
    }

    #[test]
    fn a_file_that_is_not_on_disk_is_no_complete_backup() {
        let files = Amount { files: 2, bytes: 2 };
        let zone =
            ZoneLedger { zone: Zone::Primary, counted: Some(2), listed: 2, files, on_disk: 1, failed: 0 };
        assert!(!Outcome { zones: vec![zone], ..Outcome::default() }.complete());
    }
}

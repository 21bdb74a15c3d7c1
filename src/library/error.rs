//! What can go wrong with the library directory, and what to do about it.

use std::io;
use std::path::PathBuf;

use nix::errno::Errno;

use crate::model::{FileKey, RecordName};

/// A failure of the library directory.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused an operation.
    #[error("cannot {action} {}: {source}{}", path.display(), remedy(source))]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A directory of the layout is something else. Symlinks are refused because they may lead out of the library.
    #[error(
        "{} is a symlink or no directory; the library's own directories must be real ones: move it away, or use a bind mount",
        path.display()
    )]
    NotADirectory {
        /// The offender.
        path: PathBuf,
    },
    /// A name that may not be a file name in the library.
    #[error("{name:?} is not a safe file name")]
    UnsafeName {
        /// The name.
        name: String,
    },
    /// A record name that is no UUID, so that its directory could not be told from the user's hidden ones.
    #[error("album {record} is left out: its record name is no UUID")]
    UnusualRecord {
        /// The record.
        record: RecordName,
    },
    /// Another process has the library.
    #[error("library is locked by {holder}; use --force only if you are sure")]
    Locked {
        /// PID, unit and start, as far as known.
        holder: String,
    },
    /// The directory holds another library than the one that was backed up before. Needs a decision.
    #[error(
        "{} holds another library (id {found}, expected {known}); nothing was changed. If this is meant, accept it once with --adopt-library",
        path.display()
    )]
    OtherLibrary {
        /// The data directory.
        path: PathBuf,
        /// The id found there.
        found: String,
        /// The id that the state knows.
        known: String,
    },
    /// The directory holds no library although there was one before. Needs a decision.
    #[error(
        "{} holds no library, but one is expected (id {known}); nothing was changed. Is the disk mounted? To start afresh, accept it once with --adopt-library",
        path.display()
    )]
    NoLibrary {
        /// The data directory.
        path: PathBuf,
        /// The id that the state knows.
        known: String,
    },
    /// There is nothing to look at. Needs a decision.
    #[error(
        "{} holds no library: there is no _All-Photos in it. Is the path right, and the disk mounted? `icps sync` begins a library",
        path.display()
    )]
    NotALibrary {
        /// The data directory.
        path: PathBuf,
    },
    /// The library was written by a version of the TypeScript program whose layout is not understood.
    #[error(
        "{} says library version {found}, but only version {supported} is understood; bring it to that version with icloud-photos-sync first",
        path.display()
    )]
    LibraryVersion {
        /// The resource file.
        path: PathBuf,
        /// The version found.
        found: String,
        /// The version understood.
        supported: u64,
    },
    /// A file of ours does not say what it should.
    #[error("{} is unreadable: {reason}; restore it, or remove it to have it written anew", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The bytes are not those that the server announced. They are gone: the file must be fetched from the start.
    #[error("{} is damaged: {reason}; thrown away", key.file_name())]
    Damaged {
        /// The file.
        key: FileKey,
        /// Size or checksum, with both values.
        reason: String,
    },
    /// Fewer bytes came than announced. What came is kept and can be continued.
    #[error("{} is incomplete: {have} of {size} bytes; a later attempt continues there", key.file_name())]
    Incomplete {
        /// The file.
        key: FileKey,
        /// Bytes present.
        have: u64,
        /// Bytes announced.
        size: u64,
    },
    /// Something that should be there is not.
    #[error("{} does not exist (any more); the next run looks again", path.display())]
    Missing {
        /// What is missing.
        path: PathBuf,
    },
    /// A name is taken by something that is not ours.
    #[error("{} is not ours and is left alone; rename it if the album or asset should have that name", path.display())]
    Taken {
        /// What has the name.
        path: PathBuf,
    },
    /// A directory cannot be removed since it holds things that are not ours.
    #[error("{} is kept: it holds {}; move that away to have it removed", path.display(), holds.join(", "))]
    Kept {
        /// The directory.
        path: PathBuf,
        /// What it holds, by name; at most a handful.
        holds: Vec<String>,
    },
    /// A path that leads to no album, or to one that cannot be archived.
    #[error("{} cannot be archived: {reason}", path.display())]
    NotAnAlbum {
        /// The path.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
}

impl Error {
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>, source: impl Into<io::Error>) -> Self {
        Self::Io { action, path: path.into(), source: source.into() }
    }

    /// Whether the disk, or the user's quota of it, is full.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Io { source, .. } => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            _ => false,
        }
    }

    /// Whether a person has to decide before anything is changed (see [`crate::exit::Exit::DecisionNeeded`]).
    pub fn needs_decision(&self) -> bool {
        matches!(self, Self::OtherLibrary { .. } | Self::NoLibrary { .. } | Self::NotALibrary { .. })
    }
}

fn remedy(source: &io::Error) -> &'static str {
    let code = source.raw_os_error().map(Errno::from_raw);
    match code {
        Some(Errno::ENOSPC | Errno::EDQUOT) => "; free some space",
        Some(Errno::EACCES | Errno::EPERM) => "; the user that runs icps must own the library",
        Some(Errno::EROFS) => "; the file system is mounted read-only: check the disk",
        Some(Errno::EXDEV) => "; the whole library must be on one file system",
        Some(Errno::EIO) => "; check the disk",
        Some(Errno::ENOENT) => "; check the path, and that the disk is mounted",
        _ => "",
    }
}

//! Reading every asset file again, to find those that are not what their names say. Changes nothing.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

use crate::model::{Checksum, FileKey, LocalFile, LocalLibrary, Zone};

use super::checksum::Hasher;
use super::dir::Dir;
use super::{Error, scan};

/// Bytes that are read at once; between two of these, a reader can be stopped.
const PIECE: usize = 256 * 1024;
/// What was read leaves the kernel's cache in portions of so many bytes: a film must not fill the memory.
const PORTION: u64 = 8 << 20;

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// Nothing is in it.
    Empty,
    /// It holds what another file of the library should hold.
    Foreign {
        /// The file whose content it is.
        of: FileKey,
    },
    /// Its content is neither its own nor that of another file: cut short, or altered.
    Content {
        /// The checksum of what it holds.
        computed: Checksum,
    },
    /// The disk does not give it back.
    Unreadable {
        /// Why.
        reason: String,
    },
}

/// A file that is not what its name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    /// The file.
    pub key: FileKey,
    /// Its size on disk in bytes.
    pub size: u64,
    /// What is wrong.
    pub damage: Damage,
}

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// The asset files that are there.
    pub files: u64,
    /// Files that are what their names say.
    pub intact: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Files whose checksums are of a kind that nobody can compute.
    pub unverifiable: u64,
    /// Files that are not what their names say, in the order of their names.
    pub damaged: Vec<Damaged>,
    /// What is beside the asset files and not named like one; relative to the library.
    pub strays: Vec<PathBuf>,
    /// Whether nothing was left out.
    pub complete: bool,
}

impl Findings {
    /// Files that were examined.
    pub fn examined(&self) -> u64 {
        self.intact + self.unverifiable + self.damaged.len() as u64
    }
}

/// Hears how a verification gets on. Calls come from several threads.
pub trait Listener: Sync {
    /// So many files are to be examined, and so many bytes to be read.
    fn begin(&self, files: u64, bytes: u64);
    /// More bytes were read.
    fn read(&self, bytes: u64);
    /// One more file is done.
    fn checked(&self);
    /// A file is not what its name says.
    fn damaged(&self, damaged: &Damaged);
    /// Whether to stop.
    fn is_stopped(&self) -> bool;
}

/// Reads the files of these directories. Blocks; uses rayon's threads.
pub(super) fn verify(zones: &[(Zone, &Dir)], listener: &dyn Listener) -> Result<Findings, Error> {
    let mut library = LocalLibrary::default();
    for (zone, directory) in zones {
        scan::scan_zone(directory, *zone, &mut library)?;
    }
    let LocalLibrary { files, mut strays, .. } = library;
    strays.sort_unstable();
    let to_read = files.iter().filter(|file| file.key.checksum.is_verifiable());
    let bytes = to_read.map(|file| file.size).sum();
    listener.begin(files.len() as u64, bytes);

    let findings = Findings { files: files.len() as u64, strays, complete: true, ..Findings::default() };
    let verification = Verification {
        zones,
        files: &files,
        next: AtomicUsize::new(0),
        by_content: OnceLock::new(),
        findings: Mutex::new(findings),
        listener,
    };
    rayon::broadcast(|_| verification.work());
    let mut findings = verification.findings.into_inner().unwrap_or_else(PoisonError::into_inner);
    findings.damaged.sort_unstable_by_key(|damaged| damaged.key);
    Ok(findings)
}

/// What the threads share.
struct Verification<'a> {
    zones: &'a [(Zone, &'a Dir)],
    /// In the order in which they lie on the disk, by and large: one sweep, however many threads there are.
    files: &'a [LocalFile],
    next: AtomicUsize,
    /// All files by checksum; made when the first damaged file asks whose content it holds.
    by_content: OnceLock<Vec<FileKey>>,
    findings: Mutex<Findings>,
    listener: &'a dyn Listener,
}

/// What a file turned out to be.
enum Verdict {
    Intact,
    Unverifiable,
    Damaged(Damage),
    /// It is gone by now.
    Gone,
    /// The reader was stopped.
    Unknown,
}

impl Verification<'_> {
    fn work(&self) {
        let mut buffer = vec![0; PIECE];
        while let Some(file) = self.files.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let verdict = self.judge(file, &mut buffer);
            if matches!(verdict, Verdict::Unknown) {
                self.findings().complete = false;
                return;
            }
            self.note(file, verdict);
            self.listener.checked();
        }
    }

    fn findings(&self) -> MutexGuard<'_, Findings> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, file: &LocalFile, verdict: Verdict) {
        match verdict {
            Verdict::Intact => {
                let mut findings = self.findings();
                findings.intact += 1;
                findings.bytes += file.size;
            }
            Verdict::Unverifiable => self.findings().unverifiable += 1,
            Verdict::Damaged(damage) => {
                let damaged = Damaged { key: file.key, size: file.size, damage };
                self.listener.damaged(&damaged);
                let mut findings = self.findings();
                findings.bytes += file.size;
                findings.damaged.push(damaged);
            }
            Verdict::Gone => self.findings().files -= 1,
            Verdict::Unknown => {}
        }
    }

    fn judge(&self, file: &LocalFile, buffer: &mut [u8]) -> Verdict {
        if self.listener.is_stopped() {
            return Verdict::Unknown;
        }
        let Some((_, directory)) = self.zones.iter().find(|(zone, _)| *zone == file.key.zone) else {
            return Verdict::Gone;
        };
        if !file.key.checksum.is_verifiable() {
            return Verdict::Unverifiable;
        }
        let opened = match directory.read_file(file.key.file_name()) {
            Ok(Some(opened)) => opened,
            Ok(None) => return Verdict::Gone,
            Err(Error::Io { source, .. }) => return unreadable(&source),
            Err(error) => return unreadable(&error),
        };
        match self.checksum(opened, buffer) {
            Ok(None) => Verdict::Unknown,
            Ok(Some((computed, _))) if computed == file.key.checksum => Verdict::Intact,
            Ok(Some((_, 0))) => Verdict::Damaged(Damage::Empty),
            Ok(Some((computed, _))) => Verdict::Damaged(self.owner_of(computed)),
            Err(error) => unreadable(&error),
        }
    }

    /// The checksum of a file and its size; `None` if the reader was stopped.
    fn checksum(&self, mut file: File, buffer: &mut [u8]) -> io::Result<Option<(Checksum, u64)>> {
        advise(&file, 0..0, PosixFadviseAdvice::POSIX_FADV_SEQUENTIAL);
        let (mut hasher, mut read, mut dropped) = (Hasher::new(), 0, 0);
        while !self.listener.is_stopped() {
            let count = match file.read(buffer) {
                Ok(0) => {
                    advise(&file, dropped..read, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
                    return Ok(Some((hasher.finish(), read)));
                }
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            hasher.update(&buffer[..count]);
            read += count as u64;
            if read - dropped >= PORTION {
                advise(&file, dropped..read, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
                dropped = read;
            }
            self.listener.read(count as u64);
        }
        Ok(None)
    }

    /// Whose content a checksum is.
    fn owner_of(&self, computed: Checksum) -> Damage {
        let by_content = self.by_content.get_or_init(|| {
            let mut keys: Vec<FileKey> = self.files.iter().map(|file| file.key).collect();
            keys.sort_unstable_by_key(|key| key.checksum);
            keys
        });
        match by_content.binary_search_by_key(&computed, |key| key.checksum) {
            Ok(at) => Damage::Foreign { of: by_content[at] },
            Err(_) => Damage::Content { computed },
        }
    }
}

fn unreadable(error: &dyn std::error::Error) -> Verdict {
    Verdict::Damaged(Damage::Unreadable { reason: error.to_string() })
}

/// Tells the kernel what comes, or what nobody needs any more. It may be deaf to that.
fn advise(file: &File, bytes: std::ops::Range<u64>, advice: PosixFadviseAdvice) {
    let (Ok(from), Ok(length)) = (i64::try_from(bytes.start), i64::try_from(bytes.end - bytes.start)) else {
        return;
    };
    let _ = posix_fadvise(file, from, length, advice);
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::Foreign { of } => write!(f, "it holds the content of {}", of.path()),
            Self::Content { computed } => write!(f, "its content has the checksum {computed}"),
            Self::Unreadable { reason } => write!(f, "it cannot be read: {reason}"),
        }
    }
}

impl std::fmt::Display for Damaged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is damaged: {}", self.key.path(), self.damage)?;
        match self.damage {
            Damage::Foreign { .. } | Damage::Content { .. } => write!(f, " ({} bytes)", self.size),
            Damage::Empty | Damage::Unreadable { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;

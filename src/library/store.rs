//! The asset files of both zones.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use nix::fcntl::OFlag;

use crate::model::{Checksum, FileKey, Zone};

use super::Error;
use super::checksum::Hasher;
use super::dir::EntryKind;
use super::incoming::Incoming;
use super::layout::Layout;

/// How far a file's content is known to be the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// Size and checksum agree.
    Checksum,
    /// The size agrees; the checksum is of a kind that nobody can compute.
    SizeOnly,
}

/// The asset files. Shared between threads; all calls block on the disk.
///
/// Changes are atomic at once, and durable after [`Store::settle`].
#[derive(Debug)]
pub struct Store {
    pub(super) layout: Arc<Layout>,
    /// Whose entries changed since they were last made durable.
    pub(super) changed: Arc<Changed>,
}

/// The directories that changed since the last call of [`Store::settle`].
#[derive(Debug, Default)]
pub(super) struct Changed {
    zones: [AtomicBool; 2],
    /// The days of the trash.
    days: Mutex<BTreeSet<String>>,
}

impl Changed {
    pub(super) fn zone(&self, zone: Zone) {
        self.zones[zone as usize].store(true, Ordering::Release);
    }

    pub(super) fn day(&self, day: &str) {
        let mut days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        if !days.contains(day) {
            days.insert(day.to_owned());
        }
    }
}

impl Store {
    pub(super) fn new(layout: Arc<Layout>) -> Self {
        Self { layout, changed: Arc::default() }
    }

    /// Begins or continues the download of a file of `size` bytes; see [`Incoming`].
    ///
    /// The caller has at most one of each key.
    pub fn incoming(&self, key: &FileKey, size: u64) -> Result<Incoming, Error> {
        Incoming::open(Arc::clone(&self.layout), Arc::clone(&self.changed), *key, size)
    }

    /// Throws away partial downloads of files other than these; returns how many.
    pub fn purge_partials(&self, keep: &HashSet<FileKey>) -> Result<u64, Error> {
        let keep: HashSet<String> = keep.iter().map(super::incoming::partial_name).collect();
        let mut purged = 0;
        for entry in self.layout.partial.entries()? {
            let wanted = entry.name.to_str().is_some_and(|name| keep.contains(name));
            if !wanted && entry.kind != EntryKind::Directory && self.layout.partial.unlink(&entry.name)? {
                purged += 1;
            }
        }
        Ok(purged)
    }

    /// Sets the mtime of a file, milliseconds since 1970 UTC.
    pub fn touch(&self, key: &FileKey, modified: i64) -> Result<(), Error> {
        self.layout.zone(key.zone).set_modified(key.file_name(), modified)
    }

    /// Renames a file into another zone or to another extension, and sets its mtime.
    pub fn relocate(&self, from: &FileKey, to: &FileKey, modified: i64) -> Result<(), Error> {
        let zone = self.layout.zone(to.zone);
        self.layout.zone(from.zone).rename(from.file_name(), zone, to.file_name())?;
        self.changed.zone(from.zone);
        self.changed.zone(to.zone);
        zone.set_modified(to.file_name(), modified)
    }

    /// Reads a file and compares it with its checksum, and with its size if that is known.
    ///
    /// Errors: [`Error::Missing`], and [`Error::Damaged`] although nothing is thrown away here.
    pub fn verify(&self, key: &FileKey, size: Option<u64>) -> Result<Verified, Error> {
        let zone = self.layout.zone(key.zone);
        let path = || zone.path_of(key.file_name());
        let mut file = zone.read_file(key.file_name())?.ok_or_else(|| Error::Missing { path: path() })?;
        check(&mut file, key, size).map_err(|e| e.at(path()))
    }

    /// Opens a file for reading.
    pub fn read(&self, key: &FileKey) -> Result<File, Error> {
        self.layout.zone(key.zone).open_file(key.file_name(), OFlag::O_RDONLY)
    }

    /// Bytes that can still be written to the library's file system.
    pub fn free_space(&self) -> Result<u64, Error> {
        self.layout.root.free_space()
    }

    /// Makes durable what was renamed since the last call.
    pub fn settle(&self) -> Result<(), Error> {
        // The trash first: should the power fail in between, a file is in two places rather than in none.
        let days = std::mem::take(&mut *self.changed.days.lock().unwrap_or_else(PoisonError::into_inner));
        for day in days {
            let Some(day) = self.layout.trash.find(&day)? else { continue };
            for zone in Zone::ALL {
                if let Some(zone) = day.find(zone.directory())? {
                    zone.sync()?;
                }
            }
            day.sync()?;
            self.layout.trash.sync()?;
        }
        for zone in Zone::ALL {
            if self.changed.zones[zone as usize].swap(false, Ordering::AcqRel) {
                self.layout.zone(zone).sync()?;
            }
        }
        Ok(())
    }
}

/// Why a file that was read to its end is not the right one.
#[derive(Debug)]
pub(super) enum Unfit {
    Unreadable(std::io::Error),
    Damaged(Error),
}

impl Unfit {
    pub(super) fn at(self, path: std::path::PathBuf) -> Error {
        match self {
            Self::Unreadable(source) => Error::io("read", path, source),
            Self::Damaged(error) => error,
        }
    }
}

/// Reads a file to its end and compares it with what its name promises.
pub(super) fn check(file: &mut File, key: &FileKey, size: Option<u64>) -> Result<Verified, Unfit> {
    let mut hasher = Hasher::new();
    let have = if key.checksum.is_verifiable() {
        hasher.update_from(file).map_err(Unfit::Unreadable)?
    } else {
        file.metadata().map_err(Unfit::Unreadable)?.len()
    };
    if let Some(size) = size {
        if have != size {
            return Err(Unfit::Damaged(damaged(key, format!("{have} bytes instead of {size}"))));
        }
    }
    compare(key, hasher.finish()).map_err(Unfit::Damaged)
}

/// Compares a computed checksum with the expected one, if that is of a kind that can be computed.
pub(super) fn compare(key: &FileKey, computed: Checksum) -> Result<Verified, Error> {
    if !key.checksum.is_verifiable() {
        return Ok(Verified::SizeOnly);
    }
    if computed == key.checksum {
        return Ok(Verified::Checksum);
    }
    Err(damaged(key, format!("its checksum is {computed}")))
}

pub(super) fn damaged(key: &FileKey, reason: String) -> Error {
    Error::Damaged { key: *key, reason }
}

#[cfg(test)]
mod tests;

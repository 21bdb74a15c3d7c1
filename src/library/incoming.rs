//! A file on its way in: all or nothing.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use nix::fcntl::OFlag;
use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;

use crate::model::{FileKey, Zone};

use super::Error;
use super::checksum::Hasher;
use super::dir::{Dir, time_spec};
use super::layout::Layout;
use super::store::{Changed, Verified, compare, damaged};
use super::trash;

/// A download in progress. Nothing has the file's final name before [`Incoming::finish`] has verified it.
///
/// Dropped unfinished, it keeps what came so far; a later attempt for the same key continues there.
#[derive(Debug)]
pub struct Incoming {
    layout: Arc<Layout>,
    changed: Arc<Changed>,
    key: FileKey,
    size: u64,
    file: File,
    name: String,
    hasher: Hasher,
    len: u64,
}

/// `<zone>-<checksum>.<extension>`: a changed file never continues the part of another.
pub(super) fn partial_name(key: &FileKey) -> String {
    let zone = match key.zone {
        Zone::Primary => "primary",
        Zone::Shared => "shared",
    };
    format!("{zone}-{}", key.file_name())
}

impl Incoming {
    pub(super) fn open(
        layout: Arc<Layout>,
        changed: Arc<Changed>,
        key: FileKey,
        size: u64,
    ) -> Result<Self, Error> {
        let name = partial_name(&key);
        let mut file = open_exclusive(&layout.partial, &name)?;
        let mut hasher = Hasher::new();
        // The state of the hash is not stored: what is on disk is what counts.
        let len =
            hasher.update_from(&mut file).map_err(|e| Error::io("read", layout.partial.path_of(&name), e))?;
        let mut incoming = Self { layout, changed, key, size, file, name, hasher, len };
        if len > size {
            incoming.restart()?;
        }
        Ok(incoming)
    }

    /// Bytes that are there already: where to continue.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing is there yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets what is there, as when the server starts from the beginning.
    pub fn restart(&mut self) -> Result<(), Error> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        emptied.map_err(|e| Error::io("empty", self.path(), e))?;
        self.hasher = Hasher::new();
        self.len = 0;
        Ok(())
    }

    /// Appends the next bytes.
    ///
    /// More than was announced is [`Error::Damaged`]: what is there was emptied, start again.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let len = self.len + bytes.len() as u64;
        if len > self.size {
            self.restart()?;
            return Err(damaged(&self.key, format!("more than the announced {} bytes came", self.size)));
        }
        if let Err(error) = self.file.write_all(bytes) {
            // Part of the bytes may have been written: cut them off, so that the part stays continuable.
            let cut = self.file.set_len(self.len).and_then(|()| self.file.seek(SeekFrom::Start(self.len)));
            return Err(Error::io("write", self.path(), cut.err().unwrap_or(error)));
        }
        self.hasher.update(bytes);
        self.len = len;
        Ok(())
    }

    /// Verifies the file, makes its content durable, and gives it its mtime and its final name, in place of an
    /// older file if there is one.
    ///
    /// Errors: [`Error::Incomplete`] keeps the part; [`Error::Damaged`] throws it away.
    pub fn finish(self, modified: i64) -> Result<Verified, Error> {
        let verified = self.complete(modified)?;
        self.layout.partial.rename(&self.name, self.layout.zone(self.key.zone), self.key.file_name())?;
        self.changed.zone(self.key.zone);
        Ok(verified)
    }

    /// The same, but the older file goes to the trash of this day.
    pub fn finish_keeping_old(self, modified: i64, now: jiff::Timestamp) -> Result<Verified, Error> {
        let verified = self.complete(modified)?;
        let (partial, zone, name) =
            (&self.layout.partial, self.layout.zone(self.key.zone), self.key.file_name());
        self.changed.zone(self.key.zone);
        if zone.stat(&name)?.is_none() {
            partial.rename(&self.name, zone, &name)?;
            return Ok(verified);
        }
        let trash = trash::directory(&self.layout, &self.changed, self.key.zone, now)?;
        if partial.exchange(&self.name, zone, &name)? {
            partial.rename(&self.name, &trash, &name)?;
        } else {
            // A crash between the two leaves the good copy as a part that a later run puts into its place.
            zone.rename(&name, &trash, &name)?;
            partial.rename(&self.name, zone, &name)?;
        }
        Ok(verified)
    }

    /// All but the final name.
    fn complete(&self, modified: i64) -> Result<Verified, Error> {
        if self.len < self.size {
            return Err(Error::Incomplete { key: self.key, have: self.len, size: self.size });
        }
        let verified = match compare(&self.key, self.hasher.clone().finish()) {
            Ok(verified) => verified,
            Err(damaged) => {
                self.layout.partial.unlink(&self.name)?;
                return Err(damaged);
            }
        };
        // Before the data is synced, so that one journal commit carries both.
        futimens(&self.file, &TimeSpec::UTIME_OMIT, &time_spec(modified))
            .map_err(|e| Error::io("set the time of", self.path(), e))?;
        self.file.sync_data().map_err(|e| Error::io("sync", self.path(), e))?;
        Ok(verified)
    }

    fn path(&self) -> PathBuf {
        self.layout.partial.path_of(&self.name)
    }
}

/// Opens a part for reading and writing. Whatever else has its name, and a file that also has a name
/// elsewhere, is removed first: it must not be written through.
fn open_exclusive(partial: &Dir, name: &str) -> Result<File, Error> {
    let examine = |file: &File| file.metadata().map_err(|e| Error::io("examine", partial.path_of(name), e));
    match partial.open_file(name, OFlag::O_RDWR) {
        Ok(file) => {
            use std::os::unix::fs::MetadataExt as _;
            let found = examine(&file)?;
            if found.is_file() && found.nlink() == 1 {
                return Ok(file);
            }
        }
        Err(Error::Missing { .. }) => {}
        Err(error) => tracing::debug!(%error, "a partial download is started afresh"),
    }
    partial.unlink(name)?;
    partial.open_file(name, OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL)
}

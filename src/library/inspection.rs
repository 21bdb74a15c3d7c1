//! Looking at a library without a change to it.

use std::path::Path;
use std::sync::Arc;

use crate::model::Zone;

use super::albums::Albums;
use super::dir::Dir;
use super::layout::Layout;
use super::lock::Lock;
use super::store::Store;
use super::verify::{self, Findings, Listener};
use super::{Error, Library, OpenOptions, find_root, identity, legacy};

/// A library that is recognised and locked, and otherwise as it was found.
///
/// The lock file is all that comes, and goes with this.
#[derive(Debug)]
pub struct Inspection {
    root: Dir,
    id: Option<String>,
    lock: Lock,
}

impl Inspection {
    /// Recognises and locks the library in `root`.
    ///
    /// Errors: those of [`Library::open`], and [`Error::NotALibrary`] where there is none.
    pub fn open(root: &Path, options: &OpenOptions) -> Result<Self, Error> {
        let not_there = || Error::NotALibrary { path: root.to_owned() };
        let directory = find_root(root, options)?.ok_or_else(not_there)?;
        let id = identity::recognise(&directory, options.known_id.as_deref(), options.adopt)?;
        legacy::check_version(&directory)?;
        if directory.find(Zone::Primary.directory())?.is_none() {
            return Err(not_there());
        }
        let lock = Lock::take(directory.reopen()?, &options.holder, options.force)?;
        Ok(Self { root: directory, id, lock })
    }

    /// Reads every asset file and compares it with the checksum in its name. Blocks; uses rayon's threads.
    ///
    /// What cannot be read is damaged, and stops nothing. Errors are those of whole directories.
    pub fn verify(&self, listener: &dyn Listener) -> Result<Findings, Error> {
        let mut zones = Vec::new();
        for zone in Zone::ALL {
            zones.extend(self.root.find(zone.directory())?.map(|directory| (zone, directory)));
        }
        let zones: Vec<_> = zones.iter().map(|(zone, directory)| (*zone, directory)).collect();
        verify::verify(&zones, listener)
    }

    /// Opens the library for changes, as [`Library::open`] does, under the same lock.
    pub fn into_library(self) -> Result<Library, Error> {
        Library::furnish(self.root, self.id, self.lock)
    }
}

impl Library {
    /// Creates what is missing of the layout, and puts right what an interrupted run left in transit.
    pub(super) fn furnish(root: Dir, id: Option<String>, lock: Lock) -> Result<Self, Error> {
        let layout = Arc::new(Layout::create(root)?);
        let id = id.map_or_else(|| identity::begin(&layout.own), Ok)?;
        let albums = Albums::new(Arc::clone(&layout));
        albums.recover()?;
        albums.recover_archive()?;
        Ok(Self { store: Store::new(Arc::clone(&layout)), albums, id, layout, _lock: lock })
    }
}

//! The library directory: layout, scan, store, albums, lock.
//!
//! It knows nothing of Apple's servers. Everything below the library's root is reached through handles that never
//! follow a symlink; every change is atomic, so that a crash at any point leaves complete, verified files only.

mod albums;
mod archive;
pub mod checksum;
mod dir;
mod error;
mod identity;
mod incoming;
mod inspection;
mod layout;
mod legacy;
mod lock;
pub mod names;
mod scan;
mod store;
mod trash;
mod verify;
mod view;

use std::path::Path;
use std::sync::Arc;

use crate::model::LocalLibrary;

pub use albums::Albums;
pub use archive::Copied;
pub use error::Error;
pub use incoming::Incoming;
pub use inspection::Inspection;
pub use layout::{ARCHIVE, album_directory};
pub use legacy::legacy_trust_token;
pub use store::{Store, Verified};
pub use verify::{Damage, Damaged, Findings, Listener};
pub use view::View;

use dir::Dir;
use layout::{Layout, Places, is_safe_file};
use lock::Lock;

/// How a library is opened.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// Take the lock from whoever holds it.
    pub force: bool,
    /// Accept the library that is there, whatever the state knows.
    pub adopt: bool,
    /// The id of the library that was backed up before, from the state.
    pub known_id: Option<String>,
    /// Who holds the lock, for the message to others: the name of the unit or of the command.
    pub holder: String,
}

/// An open library. It is locked for as long as this lives.
#[derive(Debug)]
pub struct Library {
    layout: Arc<Layout>,
    store: Store,
    albums: Albums,
    id: String,
    _lock: Lock,
}

impl Library {
    /// Recognises and locks the library in `root`, creates what is missing of its layout, and puts right what an
    /// interrupted run left in transit.
    ///
    /// `root` is created if its parent exists and no library is known yet. Errors that need a decision leave
    /// everything as it is (see [`Error::needs_decision`]). The caller remembers [`Library::id`].
    pub fn open(root: &Path, options: &OpenOptions) -> Result<Self, Error> {
        let root = open_root(root, options)?;
        let known = identity::recognise(&root, options.known_id.as_deref(), options.adopt)?;
        legacy::check_version(&root)?;
        let lock = Lock::take(root.reopen()?, &options.holder, options.force)?;
        Self::furnish(root, known, lock)
    }

    /// The directory, as it was given.
    pub fn root(&self) -> &Path {
        self.layout.root.path()
    }

    /// The random id that recognises the library.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Looks at everything. Blocks; uses rayon's threads.
    pub fn scan(&self) -> Result<LocalLibrary, Error> {
        scan::scan(&Places::find(self.layout.root.reopen()?)?)
    }

    /// The asset files.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The albums.
    pub fn albums(&self) -> &Albums {
        &self.albums
    }
}

/// The root, if it is there. It has to be if a library is known.
fn find_root(path: &Path, options: &OpenOptions) -> Result<Option<Dir>, Error> {
    match (Dir::open_root(path), &options.known_id) {
        (Err(Error::Missing { .. }), Some(known)) if !options.adopt => {
            Err(Error::NoLibrary { path: path.to_owned(), known: known.clone() })
        }
        (Err(Error::Missing { .. }), _) => Ok(None),
        (opened, _) => opened.map(Some),
    }
}

fn open_root(path: &Path, options: &OpenOptions) -> Result<Dir, Error> {
    if let Some(root) = find_root(path, options)? {
        return Ok(root);
    }
    // Only the last component: a longer missing path is a typing error or a disk that is not there.
    std::fs::create_dir(path).map_err(|e| Error::io("create", path, e))?;
    Dir::open_root(path)
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

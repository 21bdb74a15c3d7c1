//! What happens to files on disk beside downloads: disk work, one file after the other.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::library::{Error, Store};
use crate::model::{Asset, AssetFile, Checksum, Extension, FileKey, Kind};
use crate::sync::outcome::{Subject, Warning};
use crate::sync::plan::{Amount, Deletion, DeletionReason, Download, Relocation, Restoration, Touch};

/// What came of the restorations.
#[derive(Debug, Default)]
pub(super) struct Restored {
    pub(super) keys: Vec<FileKey>,
    pub(super) amount: Amount,
    /// What has to be downloaded after all.
    pub(super) instead: Vec<Download>,
    pub(super) cancelled: bool,
}

/// Takes files back from the trash; a copy that is no good is downloaded instead.
pub(super) fn restore(store: &Store, plan: &[Restoration], cancel: &CancellationToken) -> Restored {
    let mut done = Restored::default();
    for restoration in plan {
        if cancel.is_cancelled() {
            done.cancelled = true;
            break;
        }
        match restore_one(store, restoration) {
            Ok(true) => {
                done.keys.push(restoration.to);
                done.amount.add(restoration.size);
            }
            Ok(false) => done.instead.push(restoration.instead()),
            Err(error) => {
                tracing::warn!(%error, "a file cannot be taken from the trash; it is downloaded");
                done.instead.push(restoration.instead());
            }
        }
    }
    done
}

fn restore_one(store: &Store, restoration: &Restoration) -> Result<bool, Error> {
    let Restoration { from, to, size, modified, .. } = restoration;
    let restored = store.restore(from, *size, *modified)?;
    if restored && from != to {
        store.relocate(from, to, *modified)?;
    }
    Ok(restored)
}

/// What came of moves and touches.
#[derive(Debug, Default)]
pub(super) struct Moved {
    pub(super) relocated: Vec<FileKey>,
    /// Files that are not in their place.
    pub(super) failed: Vec<FileKey>,
    pub(super) touched: u64,
    pub(super) warnings: Vec<Warning>,
    pub(super) cancelled: bool,
}

/// Moves files between zones and extensions, and sets mtimes.
pub(super) fn relocate(
    store: &Store,
    relocations: &[Relocation],
    touches: &[Touch],
    cancel: &CancellationToken,
) -> Moved {
    let mut done = Moved::default();
    for Relocation { from, to, modified, .. } in relocations {
        if cancel.is_cancelled() {
            done.cancelled = true;
            return done;
        }
        match store.relocate(from, to, *modified) {
            Ok(()) => done.relocated.push(*to),
            Err(error) => {
                done.failed.push(*to);
                done.warnings.push(warning(to, &error));
            }
        }
    }
    for Touch { key, modified } in touches {
        if cancel.is_cancelled() {
            done.cancelled = true;
            return done;
        }
        match store.touch(key, *modified) {
            Ok(()) => done.touched += 1,
            Err(error) => done.warnings.push(warning(key, &error)),
        }
    }
    done
}

/// What came of the deletions.
#[derive(Debug, Default)]
pub(super) struct Deleted {
    pub(super) amount: Amount,
    pub(super) held_back: Amount,
    pub(super) warnings: Vec<Warning>,
    pub(super) cancelled: bool,
}

/// What must not be deleted, since what replaces it did not arrive.
#[derive(Debug, Default)]
pub(super) struct Needed {
    /// Contents that belong somewhere and are not there.
    pub(super) contents: HashSet<Checksum>,
    /// Whether the rendered picture of an edit is missing. It replaces an older one, and nothing on disk says which.
    pub(super) pictures: bool,
    /// The same for rendered movies.
    pub(super) movies: bool,
}

impl Needed {
    /// Takes down what did not arrive; `asset` has it.
    pub(super) fn add(&mut self, asset: &Asset, file: &AssetFile) {
        self.contents.insert(file.checksum);
        match file.kind {
            Kind::Edited => {
                self.pictures = true;
                // The older result of an edit may have had a movie where the newer one has none.
                self.movies |= asset.files.iter().any(|file| may_be_movie(file.extension));
            }
            Kind::EditedLiveVideo => self.movies = true,
            Kind::Original | Kind::LiveVideo | Kind::Alternative => {}
        }
    }

    pub(super) fn holds(&self, deletion: &Deletion) -> bool {
        // What the server still has somewhere is no rendering that was replaced.
        let extension = deletion.key.extension;
        let is_of_kind = (self.pictures && !extension.is_movie()) || (self.movies && may_be_movie(extension));
        (is_of_kind && deletion.reason == DeletionReason::Gone)
            || self.contents.contains(&deletion.key.checksum)
    }
}

/// Whether it is that of a movie, or of a type that nobody knows.
fn may_be_movie(extension: Extension) -> bool {
    extension.is_movie() || extension == Extension::default()
}

/// Throws files away: into the trash, or for good if nothing is kept there.
pub(super) fn delete(
    store: &Store,
    deletions: &[Deletion],
    needed: &Needed,
    now: Timestamp,
    keep: Duration,
    cancel: &CancellationToken,
) -> Deleted {
    let mut done = Deleted::default();
    for deletion in deletions {
        if cancel.is_cancelled() {
            done.cancelled = true;
            break;
        }
        if needed.holds(deletion) {
            done.held_back.add(deletion.size);
            continue;
        }
        match store.discard(&deletion.key, now, !keep.is_zero()) {
            Ok(()) => done.amount.add(deletion.size),
            Err(error) => done.warnings.push(warning(&deletion.key, &error)),
        }
    }
    done
}

fn warning(key: &FileKey, error: &Error) -> Warning {
    let file = key.path();
    Warning { subject: Subject::Asset(file), reason: error.to_string() }
}

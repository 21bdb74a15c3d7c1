//! Deletes from iCloud what an archived album holds, as far as nothing is lost by it.
//!
//! What iCloud would lose is compared with what was verified on disk immediately before each deletion: a photo that
//! was edited since, or marked as a favourite, stays. The album on disk is not touched any more.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::future::Future;

use crate::icloud::Error;
use crate::icloud::photos::{Current, MOST_AT_ONCE, Photos};
use crate::model::{Asset, Checksum, Zone};

/// Why an asset stays in iCloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Kept {
    /// The user marked it.
    #[error("it is a favourite")]
    Favorite,
    /// It belongs to others too.
    #[error("it is in the shared library")]
    Shared,
    /// A file of it is not among the verified copies: it was edited meanwhile, an option leaves it out, or its
    /// checksum is of an unknown kind.
    #[error("not all of its files are in the album on disk, verified")]
    NotVerified,
    /// It is hidden or deleted, or iCloud does not tell enough of it.
    #[error("it is hidden, gone, or not complete in iCloud")]
    NotVisible,
}

/// Whether iCloud may lose an asset, given what is on disk and verified.
pub fn may_delete(asset: &Asset, verified: &BTreeSet<Checksum>) -> Result<(), Kept> {
    if asset.zone != Zone::Primary {
        Err(Kept::Shared)
    } else if asset.favorite {
        Err(Kept::Favorite)
    } else if asset.files.iter().all(|file| verified.contains(&file.checksum)) {
        Ok(())
    } else {
        Err(Kept::NotVerified)
    }
}

/// The library from which is deleted.
pub trait Cloud: Sync {
    /// What these assets are at this moment; see [`Photos::current`].
    fn current(&self, assets: &[&Asset]) -> impl Future<Output = Result<Vec<Current>, Error>> + Send;

    /// Deletes all of them or none; see [`Photos::trash`].
    fn trash(&self, assets: &[Current]) -> impl Future<Output = Result<(), Error>> + Send;
}

impl Cloud for Photos {
    async fn current(&self, assets: &[&Asset]) -> Result<Vec<Current>, Error> {
        Photos::current(self, assets).await
    }

    async fn trash(&self, assets: &[Current]) -> Result<(), Error> {
        Photos::trash(self, assets).await
    }
}

/// What came of the deletions.
#[derive(Debug, Default)]
pub struct Report {
    /// Assets that are in Recently Deleted now.
    pub deleted: u64,
    /// Assets that were left on purpose, by name, and why.
    pub kept: Vec<(String, Kept)>,
    /// Assets that are still there although they could go.
    pub failed: u64,
    /// Why, one reason for each batch.
    pub reasons: Vec<String>,
}

/// Deletes assets whose every file is among the `verified` contents, batch by batch, until all were tried or
/// `goes_on` says no. A batch that fails is left as it is; one that fails for a reason that the others would
/// share ends it.
pub async fn delete<C: Cloud>(
    cloud: &C,
    assets: &[&Asset],
    verified: &BTreeSet<Checksum>,
    goes_on: impl Fn() -> bool,
) -> Report {
    let mut report = Report::default();
    for batch in assets.chunks(MOST_AT_ONCE) {
        if !goes_on() {
            break;
        }
        if let Err(error) = delete_batch(cloud, batch, verified, &mut report).await {
            report.reasons.push(error.to_string());
            if is_fatal(&error) {
                break;
            }
        }
    }
    report.failed = assets.len() as u64 - report.deleted - report.kept.len() as u64;
    report
}

/// Looks, judges, deletes; once more if something has changed between the look and the deletion.
async fn delete_batch<C: Cloud>(
    cloud: &C,
    batch: &[&Asset],
    verified: &BTreeSet<Checksum>,
    report: &mut Report,
) -> Result<(), Error> {
    let (doomed, kept) = judge(cloud.current(batch).await?, batch, verified);
    match delete_all(cloud, &doomed).await {
        Ok(()) => {
            report.add(doomed.len(), kept);
            return Ok(());
        }
        Err(error) if is_fatal(&error) => return Err(error),
        Err(_) => {}
    }
    let tried: HashSet<_> = doomed.iter().map(|current| &current.asset.record).collect();
    let (doomed, mut kept) = judge(cloud.current(batch).await?, batch, verified);
    // Only the answer was lost: these are deleted.
    let before = kept.len();
    kept.retain(|(asset, why)| *why != Kept::NotVisible || !tried.contains(&asset.record));
    report.add(before - kept.len(), kept);
    delete_all(cloud, &doomed).await?;
    report.add(doomed.len(), Vec::new());
    Ok(())
}

async fn delete_all<C: Cloud>(cloud: &C, doomed: &[Current]) -> Result<(), Error> {
    if doomed.is_empty() { Ok(()) } else { cloud.trash(doomed).await }
}

/// Whether the next batch would fail for the same reason.
fn is_fatal(error: &Error) -> bool {
    !error.is_of_one_list()
}

/// Which assets may go, in their present state, and why the others may not.
fn judge<'a>(
    current: Vec<Current>,
    batch: &[&'a Asset],
    verified: &BTreeSet<Checksum>,
) -> (Vec<Current>, Vec<(&'a Asset, Kept)>) {
    let mut current: HashMap<_, _> =
        current.into_iter().map(|current| (current.asset.record.clone(), current)).collect();
    let (mut doomed, mut kept) = (Vec::new(), Vec::new());
    for asset in batch {
        match current.remove(&asset.record) {
            None => kept.push((*asset, Kept::NotVisible)),
            Some(found) => match may_delete(&found.asset, verified) {
                Ok(()) => doomed.push(found),
                Err(why) => kept.push((*asset, why)),
            },
        }
    }
    (doomed, kept)
}

impl Report {
    fn add(&mut self, deleted: usize, kept: Vec<(&Asset, Kept)>) {
        self.deleted += deleted as u64;
        self.kept.extend(kept.into_iter().map(|(asset, why)| (asset.title(), why)));
    }
}

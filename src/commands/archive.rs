//! `icps archive`: one sync, then an album becomes plain files that are the user's.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::{info, warn};

use super::failure::Failure;
use super::run::{Ending, Run, blocking};
use super::sync::{self, Disk, Figures, Found};
use crate::archive::{self, Report};
use crate::exit::Exit;
use crate::icloud::photos::Photos;
use crate::library::{Copied, Library, Verified};
use crate::model::{Album, Asset, Checksum, RecordName, RemoteLibrary};
use crate::report::{Progress, bytes, count};
use crate::sync::Outcome;

/// From the first look at the album to the last deletion in iCloud.
pub(super) async fn story(run: &Run, path: &Path) -> Result<Ending, Failure> {
    let library = super::open::open(run).await?;
    let path = place(library.root(), path);
    refuse_in_time(&library, &path).await?;

    let figures = Figures::begin(run, false);
    let Some(Found { account, photos, remote, local }) =
        sync::read(run, &Disk::Held(Arc::clone(&library)), &figures).await?
    else {
        return Ok(Ending::stopped("nothing was changed yet"));
    };
    let verdict = sync::decide(run, &remote, local);
    let outcome = sync::mirror(run, &library, &photos, &remote, verdict, &figures).await;
    sync::persist(&account).await;
    if outcome.stopped.is_some() {
        return Ok(sync::ending(outcome));
    }

    let album = find(&library, &path).await?;
    let remote_album = remote.albums.iter().find(|known| Some(&known.record) == album.last());
    let links = whole(&outcome, remote_album, &path)?;
    let copies = copy(run, &library, &album, links).await?;
    let mut ending = sync::ending(outcome);
    let Some(copies) = copies else {
        let mut stopped = Ending::stopped("the album is as it was");
        stopped.ledger = ending.ledger;
        return Ok(stopped);
    };
    let size = copies.iter().map(|copy| copy.size).sum();
    let archived = format!("{} is archived: {}, {}", path.display(), count(links, "file"), bytes(size));
    info!("{archived}. No later sync touches what is in it.");
    ending.message = format!("{} {archived}.", ending.message);
    if run.settings.library.remote_delete {
        let report = delete(run, &photos, &remote, remote_album, &copies).await;
        sync::persist(&account).await;
        tell(&report, &mut ending);
    }
    Ok(ending)
}

/// Where the album is. A relative path begins in the library, or where the user is if that is inside of it.
fn place(root: &Path, path: &Path) -> PathBuf {
    let here =
        std::env::current_dir().and_then(|here| Ok(here.canonicalize()?.starts_with(root.canonicalize()?)));
    let base = if here.is_ok_and(|inside| inside) { PathBuf::new() } else { root.to_owned() };
    let path = base.join(path);
    // "Rome/" leads through the link to the hidden directory; what is meant is the link.
    path.components().collect()
}

/// What cannot be archived now or later is refused before anything is asked of Apple. An album that does not exist
/// yet may come with the sync.
async fn refuse_in_time(library: &Arc<Library>, path: &Path) -> Result<(), Failure> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let album = find(library, path).await?;
    let library = Arc::clone(library);
    blocking(move || library.albums().links_to_archive(&album)).await.map(drop)
}

async fn find(library: &Arc<Library>, path: &Path) -> Result<Vec<RecordName>, Failure> {
    let (library, path) = (Arc::clone(library), path.to_owned());
    blocking(move || library.albums().find(&path)).await
}

/// How many links the album has, if they are all that belong into it: what is missing now would be missing for good.
fn whole(outcome: &Outcome, album: Option<&Album>, path: &Path) -> Result<u64, Failure> {
    let album = album.filter(|album| !album.lacking);
    let ledger = album.and_then(|album| {
        let mut ledgers = outcome.album_ledger.iter();
        ledgers.find(|ledger| ledger.record == album.record && ledger.failed == 0 && ledger.listed.is_some())
    });
    ledger.and_then(|ledger| ledger.links).ok_or_else(|| {
        let what = format!("{} is not complete on disk, so it was not archived", path.display());
        Failure::new(Exit::Failed, &std::io::Error::other(what))
            .hint("the warnings above say why; try again when they are gone")
    })
}

/// Copies, and exchanges the copies for the links. `None` if the run was asked to stop.
async fn copy(
    run: &Run,
    library: &Arc<Library>,
    album: &[RecordName],
    links: u64,
) -> Result<Option<Vec<Copied>>, Failure> {
    let progress = Progress::begin(&run.screen, &run.service, "Copying", "file", links, 0);
    let (library, album, stop) = (Arc::clone(library), album.to_owned(), run.stop.clone());
    blocking(move || {
        library.albums().archive(&album, |_| {
            progress.things(1);
            if stop.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    })
    .await
}

/// Deletes from iCloud what is in the album and verified.
async fn delete(
    run: &Run,
    photos: &Photos,
    remote: &RemoteLibrary,
    album: Option<&Album>,
    copies: &[Copied],
) -> Report {
    run.service.status("Deleting from iCloud what was archived");
    let verified = copies.iter().filter(|copy| copy.verified == Verified::Checksum);
    let verified: BTreeSet<Checksum> = verified.map(|copy| copy.key.checksum).collect();
    let members = album.and_then(|album| album.members.as_deref()).unwrap_or_default();
    let assets: Vec<&Asset> = members.iter().filter_map(|at| remote.assets.get(*at as usize)).collect();
    archive::delete(photos, &assets, &verified, || !run.stop.is_cancelled()).await
}

fn tell(report: &Report, ending: &mut Ending) {
    for (asset, why) in &report.kept {
        info!("{asset} stays in iCloud: {why}.");
    }
    let mut parts = vec![format!("{} deleted from iCloud", count(report.deleted, "asset"))];
    if !report.kept.is_empty() {
        parts.push(format!("{} left there on purpose", report.kept.len()));
    }
    if report.failed > 0 {
        let reason = if report.reasons.is_empty() {
            "stopped on request".to_owned()
        } else {
            report.reasons.join("; ")
        };
        warn!("{} could not be deleted from iCloud: {reason}.", count(report.failed, "asset"));
        parts.push(format!("{} still there although they could go", report.failed));
        ending.warn();
    }
    ending.message = format!("{} {}.", ending.message, parts.join(", "));
}

//! Applies a plan that the guard has let through: downloads, then albums, then deletions.
//!
//! One failing asset or album is a warning and stops nothing else. What ends the run early (a lost session, a
//! broken network, a request to stop) leaves complete files and continuable parts, and nothing is deleted.

mod albums;
mod downloads;
mod fetch;
mod files;
mod locate;
mod pace;
mod source;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

pub use source::{Body, Source};

use super::guard::Verdict;
use super::observer::{Observer, Phase};
use super::outcome::{AlbumLedger, Outcome, Stopped, Subject, Warning, ZoneLedger};
use super::plan::{AlbumPlan, Deletion, Download, DownloadReason, FilePlan, LeftAloneReason, Plan};
use crate::library::{Error, Library};
use crate::model::{FileKey, RemoteLibrary, Zone};
use crate::settings::{Limit, Threads};
use pace::Pace;

/// How a plan is applied.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Downloads at once; never more than 32.
    pub threads: Threads,
    /// How often one download is tried again.
    pub max_retries: Limit,
    /// Bytes to leave free on the disk.
    pub min_free: u64,
    /// How long deleted files are kept in the trash; zero deletes them at once.
    pub keep_deleted: Duration,
    /// The time of the run, which dates the trash.
    pub now: Timestamp,
}

/// What a plan is applied with.
pub struct Context<'a, S> {
    remote: &'a RemoteLibrary,
    library: &'a Arc<Library>,
    source: &'a S,
    options: Options,
    observer: &'a dyn Observer,
    cancel: &'a CancellationToken,
    /// Why no more files of the shared library are looked up: that failed, and would again.
    shared_trouble: OnceLock<String>,
    /// Bytes received since the pace was last measured.
    received: AtomicU64,
    pace: Mutex<Pace>,
    /// One permit for each thread that may write; all are there when none does.
    writers: Arc<Semaphore>,
}

impl<S> std::fmt::Debug for Context<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("options", &self.options).finish_non_exhaustive()
    }
}

impl<'a, S> Context<'a, S> {
    /// `remote` is the library that the plan was made of, `source` has its files, `library` is the disk.
    /// `cancel` ends the run within seconds.
    pub fn new(
        remote: &'a RemoteLibrary,
        library: &'a Arc<Library>,
        source: &'a S,
        options: Options,
        observer: &'a dyn Observer,
        cancel: &'a CancellationToken,
    ) -> Self {
        Self {
            remote,
            library,
            source,
            options,
            observer,
            cancel,
            shared_trouble: OnceLock::new(),
            received: AtomicU64::new(0),
            pace: Mutex::new(Pace::new(options.threads)),
            writers: Arc::new(Semaphore::new(pace::MOST)),
        }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When what a download replaces goes to the trash; `None` if it goes for good.
    fn keeps_old(&self, download: &Download) -> Option<Timestamp> {
        // Its content is another, and may be the user's own work.
        let damaged = matches!(download.reason, DownloadReason::Damaged { .. });
        (damaged && !self.options.keep_deleted.is_zero()).then_some(self.options.now)
    }

    async fn writer_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.writers).acquire_owned().await.ok()
    }

    async fn writers_done(&self) {
        let all = u32::try_from(pace::MOST).unwrap_or(u32::MAX);
        drop(self.writers.acquire_many(all).await);
    }
}

/// Runs disk work on a thread that may block.
async fn blocking<T: Send + 'static>(
    library: &Arc<Library>,
    work: impl FnOnce(&Library) -> T + Send + 'static,
) -> T {
    let library = Arc::clone(library);
    match tokio::task::spawn_blocking(move || work(&library)).await {
        Ok(done) => done,
        // The only other cause is the end of the runtime, which ends this future too.
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => std::future::pending().await,
        },
    }
}

/// Does what the verdict allows, and says what came of it.
pub async fn apply<S: Source>(verdict: Verdict, context: Context<'_, S>) -> Outcome {
    let Verdict { plan: Plan { files, albums }, held } = verdict;
    let mut run = Run::new(&context, &files, &albums);
    if let Some(held) = &held {
        context.observer.held(held);
    }
    run.outcome.held = held;
    if let Err(stopped) = run.steps(files, albums).await {
        run.outcome.stopped = Some(stopped);
    }
    run.settle().await;
    run.finish()
}

/// Does the downloads of a plan, and nothing else of it; says what came of them.
///
/// A repair has no need of the guard: nothing goes before a verified copy has its place.
pub async fn repair<S: Source>(plan: Plan, context: Context<'_, S>) -> Outcome {
    let mut run = Run::new(&context, &plan.files, &AlbumPlan::default());
    context.observer.phase(Phase::Downloads);
    if let Err(stopped) = run.download(plan.files.downloads).await {
        run.outcome.stopped = Some(stopped);
    }
    run.settle().await;
    run.finish()
}

/// The run, and what came of it so far.
struct Run<'a, S> {
    context: &'a Context<'a, S>,
    outcome: Outcome,
    /// Files that belong into each zone and are not there yet.
    outstanding: BTreeMap<Zone, u64>,
    /// Files that will not be there at the end of this run.
    absent: HashSet<FileKey>,
    needed: files::Needed,
    failed_links: BTreeMap<crate::model::RecordName, u64>,
}

impl<'a, S: Source> Run<'a, S> {
    fn new(context: &'a Context<'a, S>, files: &FilePlan, albums: &AlbumPlan) -> Self {
        let mut outstanding = BTreeMap::new();
        let downloads = files.downloads.iter().map(|download| download.key);
        let restorations = files.restorations.iter().map(|restoration| restoration.to);
        let relocations = files.relocations.iter().map(|relocation| relocation.to);
        for key in downloads.chain(restorations).chain(relocations) {
            *outstanding.entry(key.zone).or_default() += 1;
        }
        let (absent, needed, failed_links) = (HashSet::new(), files::Needed::default(), BTreeMap::new());
        let outcome = Outcome {
            zones: ledger(context.remote, files),
            album_ledger: album_ledger(albums),
            ..Outcome::default()
        };
        let mut run = Self { context, outcome, outstanding, absent, needed, failed_links };
        run.warn(context.remote.problems.iter().map(Warning::from).collect());
        run.report_left_alone(albums);
        run
    }

    fn warn(&mut self, warnings: Vec<Warning>) {
        for warning in &warnings {
            self.context.observer.warning(warning, None);
        }
        self.outcome.warnings.extend(warnings);
    }

    fn report_left_alone(&mut self, albums: &AlbumPlan) {
        for left in &albums.left_alone {
            match left.reason {
                LeftAloneReason::UnsafeRecord => {
                    let subject = Subject::Album(left.album.clone());
                    let reason = "its record name is no UUID, so it is left out".to_owned();
                    self.warn(vec![Warning { subject, reason }]);
                }
                // The reason why it could not be read is among the problems of the listing.
                _ => self.outcome.notices.push(left.to_string()),
            }
        }
    }

    async fn steps(&mut self, files: FilePlan, albums: AlbumPlan) -> Result<(), Stopped> {
        let FilePlan { mut downloads, relocations, restorations, touches, deletions, .. } = files;
        self.context.observer.phase(Phase::Files);
        self.restore(restorations, &mut downloads).await?;
        self.context.observer.phase(Phase::Downloads);
        self.download(downloads).await?;
        self.context.observer.phase(Phase::Files);
        self.relocate(relocations, touches).await?;
        self.context.observer.phase(Phase::Albums);
        self.albums(albums).await?;
        self.context.observer.phase(Phase::Deletions);
        self.delete(deletions).await?;
        self.clean_up().await;
        Ok(())
    }

    fn arrived(&mut self, zone: Zone, files: u64) {
        let outstanding = self.outstanding.entry(zone).or_default();
        *outstanding = outstanding.saturating_sub(files);
    }

    /// Before the downloads: the trash may have to make room for them.
    async fn restore(
        &mut self,
        restorations: Vec<super::plan::Restoration>,
        downloads: &mut Vec<Download>,
    ) -> Result<(), Stopped> {
        let cancel = self.context.cancel.clone();
        let done = blocking(self.context.library, move |library| {
            files::restore(library.store(), &restorations, &cancel)
        })
        .await;
        for key in done.keys {
            self.arrived(key.zone, 1);
        }
        self.outcome.restored = done.amount;
        downloads.splice(0..0, done.instead);
        stop_if(done.cancelled)
    }

    async fn download(&mut self, downloads: Vec<Download>) -> Result<(), Stopped> {
        let report = downloads::run(self.context, downloads).await;
        for (zone, files) in report.arrived {
            self.arrived(zone, files);
        }
        for download in report.failed.iter().chain(&report.left_out) {
            self.miss(download);
        }
        for ledger in &mut self.outcome.zones {
            let failed = report.failed.iter().filter(|download| download.key.zone == ledger.zone);
            ledger.failed = failed.count() as u64;
        }
        for download in &report.vanished {
            self.absent.insert(download.key);
            self.arrived(download.key.zone, 1);
            self.forget(download);
        }
        self.outcome.downloaded = report.downloaded;
        self.outcome.size_only = report.size_only;
        self.outcome.shortage = report.shortage;
        self.outcome.warnings.extend(report.warnings);
        report.stopped.map_or(Ok(()), Err)
    }

    fn miss(&mut self, download: &Download) {
        self.absent.insert(download.key);
        if let Some((asset, file)) = download.source.of(self.context.remote) {
            self.needed.add(asset, file);
        }
    }

    /// A file that is gone from the server by now is none that should be here.
    fn forget(&mut self, download: &Download) {
        let zone = self.outcome.zones.iter_mut().find(|ledger| ledger.zone == download.key.zone);
        if let Some(ledger) = zone {
            ledger.files.files = ledger.files.files.saturating_sub(1);
            ledger.files.bytes = ledger.files.bytes.saturating_sub(download.size);
        }
    }

    /// After the downloads, so that links lead to the old place for as long as possible.
    async fn relocate(
        &mut self,
        relocations: Vec<super::plan::Relocation>,
        touches: Vec<super::plan::Touch>,
    ) -> Result<(), Stopped> {
        let cancel = self.context.cancel.clone();
        let done = blocking(self.context.library, move |library| {
            files::relocate(library.store(), &relocations, &touches, &cancel)
        })
        .await;
        self.outcome.relocated = done.relocated.len() as u64;
        self.outcome.touched = done.touched;
        for key in done.relocated {
            self.arrived(key.zone, 1);
        }
        self.absent.extend(done.failed);
        self.warn(done.warnings);
        stop_if(done.cancelled)
    }

    async fn albums(&mut self, plan: AlbumPlan) -> Result<(), Stopped> {
        let (absent, cancel) = (self.absent.clone(), self.context.cancel.clone());
        let done = blocking(self.context.library, move |library| {
            albums::apply(library.albums(), &plan, &absent, &cancel)
        })
        .await;
        self.outcome.albums = done.counts;
        (self.outcome.linked, self.outcome.unlinked) = (done.linked, done.unlinked);
        self.failed_links = done.failed_links;
        self.outcome.notices.extend(done.notices);
        self.warn(done.warnings);
        stop_if(done.cancelled)
    }

    async fn delete(&mut self, deletions: Vec<Deletion>) -> Result<(), Stopped> {
        let Options { now, keep_deleted, .. } = self.context.options;
        let (needed, cancel) = (std::mem::take(&mut self.needed), self.context.cancel.clone());
        let done = blocking(self.context.library, move |library| {
            let store = library.store();
            // What replaces them first has to be safely on disk.
            store.settle()?;
            Ok(files::delete(store, &deletions, &needed, now, keep_deleted, &cancel))
        })
        .await
        .map_err(Stopped::Local)?;
        (self.outcome.deleted, self.outcome.held_back) = (done.amount, done.held_back);
        if done.held_back.files > 0 {
            let reason = format!("{} are not deleted: what may replace them did not arrive", done.held_back);
            self.warn(vec![Warning { subject: Subject::Library, reason }]);
        }
        self.warn(done.warnings);
        stop_if(done.cancelled)
    }

    /// Empties what is old in the trash, and throws away parts of files that nobody wants any more.
    async fn clean_up(&mut self) {
        let Options { now, keep_deleted, .. } = self.context.options;
        let unfinished = self.absent.clone();
        let done = blocking(self.context.library, move |library| {
            library.store().expire_trash(now, keep_deleted)?;
            library.store().purge_partials(&unfinished)?;
            Ok::<_, Error>(())
        })
        .await;
        if let Err(error) = done {
            self.warn(vec![Warning { subject: Subject::Library, reason: error.to_string() }]);
        }
    }

    /// Whatever arrived is to survive a power cut.
    async fn settle(&mut self) {
        if let Err(error) = blocking(self.context.library, |library| library.store().settle()).await {
            self.outcome.stopped.get_or_insert(Stopped::Local(error));
        }
    }

    fn finish(mut self) -> Outcome {
        for ledger in &mut self.outcome.zones {
            let outstanding = self.outstanding.get(&ledger.zone).copied().unwrap_or_default();
            ledger.on_disk = ledger.files.files.saturating_sub(outstanding);
        }
        for ledger in &mut self.outcome.album_ledger {
            ledger.failed = self.failed_links.get(&ledger.record).copied().unwrap_or_default();
        }
        self.outcome
    }
}

fn stop_if(cancelled: bool) -> Result<(), Stopped> {
    if cancelled { Err(Stopped::Requested) } else { Ok(()) }
}

fn ledger(remote: &RemoteLibrary, files: &FilePlan) -> Vec<ZoneLedger> {
    let spoken_of =
        |zone: &Zone| files.wanted.contains_key(zone) || remote.zones.iter().any(|tally| tally.zone == *zone);
    let account = |zone| {
        let tallies = || remote.zones.iter().filter(move |tally| tally.zone == zone);
        ZoneLedger {
            zone,
            counted: tallies().next().map(|_| tallies().map(|tally| tally.counted).sum()),
            listed: remote.assets.iter().filter(|asset| asset.zone == zone).count() as u64,
            files: files.wanted.get(&zone).copied().unwrap_or_default(),
            on_disk: 0,
            failed: 0,
        }
    };
    Zone::ALL.into_iter().filter(spoken_of).map(account).collect()
}

fn album_ledger(albums: &AlbumPlan) -> Vec<AlbumLedger> {
    let account = |album: &super::plan::AlbumTally| AlbumLedger {
        record: album.record.clone(),
        name: album.name.clone(),
        kind: album.kind,
        listed: album.members,
        links: album.links,
        failed: 0,
    };
    albums.albums.iter().map(account).collect()
}

//! All downloads: batches are looked up just in time, a few files are on their way at once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::fetch::{Failure, Located, fetch};
use super::locate::{self, Batch, locate};
use super::source::Source;
use super::{Context, blocking, pace};
use crate::icloud;
use crate::library::{self, Library, Verified};
use crate::model::Zone;
use crate::sync::guard::{Shortage, fit};
use crate::sync::outcome::{Stopped, Subject, Warning};
use crate::sync::plan::{Amount, Download};

/// So many downloads that fail one after the other for want of a working connection end the run.
const HOPELESS: u32 = 20;
/// So many refusals of the disk one after the other do.
const BROKEN_DISK: u32 = 5;
/// How long a stopped run waits for the disk.
const PATIENCE: Duration = Duration::from_secs(8);

/// What came of the downloads.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) downloaded: Amount,
    pub(super) size_only: u64,
    /// Files that arrived.
    pub(super) arrived: BTreeMap<Zone, u64>,
    pub(super) failed: Vec<Download>,
    /// Those whose assets are gone from the server by now.
    pub(super) vanished: Vec<Download>,
    /// Those that the disk had no room for.
    pub(super) left_out: Vec<Download>,
    pub(super) shortage: Option<Shortage>,
    pub(super) warnings: Vec<Warning>,
    pub(super) stopped: Option<Stopped>,
}

/// Downloads everything, in order; ends early when it is asked to, or when it makes no sense to go on.
pub(super) async fn run<S: Source>(context: &Context<'_, S>, downloads: Vec<Download>) -> Report {
    let mut downloads = Downloads {
        context,
        waiting: downloads.into(),
        ready: VecDeque::new(),
        report: Report::default(),
        hopeless: 0,
        broken: 0,
    };
    downloads.make_room().await;
    downloads.observe_start();
    downloads.drive().await;
    // What still writes does so for moments only: nobody hands it bytes any more.
    if timeout(PATIENCE, context.writers_done()).await.is_err() {
        tracing::warn!("the disk is slow: some downloads are still being put into their place");
    }
    downloads.report
}

struct Downloads<'a, S: Source> {
    context: &'a Context<'a, S>,
    waiting: VecDeque<Download>,
    ready: VecDeque<Located<S::Location>>,
    report: Report,
    /// Downloads that failed in a row for want of a connection.
    hopeless: u32,
    /// Downloads that failed in a row because of the disk.
    broken: u32,
}

impl<S: Source> Downloads<'_, S> {
    /// Says what is too much for the disk before anything is fetched, and leaves it out.
    async fn make_room(&mut self) {
        let needed: Amount = self.waiting.iter().map(|download| download.size).collect();
        if needed.files == 0 {
            return;
        }
        let available = match room(self.context, needed.bytes).await {
            Ok(available) => available,
            Err(error) => {
                self.report.stopped = Some(Stopped::Local(error));
                return;
            }
        };
        let mut downloads = std::mem::take(&mut self.waiting).into();
        let left_out = fit(&mut downloads, available);
        self.waiting = downloads.into();
        self.leave_out(left_out, needed.bytes, available);
    }

    fn leave_out(&mut self, left_out: Vec<Download>, needed: u64, available: u64) {
        if left_out.is_empty() {
            return;
        }
        self.report.left_out.extend(left_out);
        let left_out = self.report.left_out.iter().map(|download| download.size).collect();
        let known = self.report.shortage;
        let (needed, available) = known.map_or((needed, available), |known| (known.needed, known.available));
        let shortage = Shortage { needed, available, left_out };
        self.report.shortage = Some(shortage);
        if known.is_none() {
            self.context.observer.shortage(&shortage);
        }
    }

    fn observe_start(&self) {
        self.context.observer.start(self.waiting.iter().map(|download| download.size).collect());
    }

    async fn drive(&mut self) {
        let context = self.context;
        let mut active = FuturesUnordered::new();
        let mut locating = FuturesUnordered::new();
        let mut ticks = interval_at(Instant::now() + pace::WINDOW, pace::WINDOW);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut finished = 0;
        while self.report.stopped.is_none() {
            let limit = context.pace().limit();
            while active.len() < limit {
                let Some(located) = self.ready.pop_front() else { break };
                active.push(fetch(context, located));
            }
            if locating.is_empty() && self.ready.len() < limit && !self.waiting.is_empty() {
                let batch = self.next_batch();
                locating.push(async move { find(context, batch).await });
            }
            if active.is_empty() && locating.is_empty() {
                return;
            }
            tokio::select! {
                biased;
                () = context.cancel.cancelled() => self.report.stopped = Some(Stopped::Requested),
                Some((download, result)) = active.next() => {
                    finished += 1;
                    self.note(download, result);
                }
                Some(found) = locating.next() => self.found(found),
                _ = ticks.tick() => {
                    let received = context.received.swap(0, Ordering::Relaxed);
                    if active.len() >= limit {
                        context.pace().measured(received, finished);
                    }
                    finished = 0;
                }
            }
        }
    }

    fn next_batch(&mut self) -> Vec<Download> {
        let (mut batch, mut bytes) = (Vec::new(), 0_u64);
        while let Some(next) = self.waiting.front() {
            bytes = bytes.saturating_add(next.size);
            if batch.len() == locate::FILES || (bytes > locate::BYTES && !batch.is_empty()) {
                break;
            }
            batch.extend(self.waiting.pop_front());
        }
        batch
    }

    fn found(&mut self, found: Found<S::Location>) {
        let available = found.available;
        self.leave_out(found.left_out, found.needed, available);
        match found.batch {
            Ok(batch) => {
                self.ready.extend(batch.found);
                for (download, failure) in batch.failed {
                    self.note(download, Err(failure));
                }
            }
            Err(Trouble::Remote(error)) => self.report.stopped = Some(Stopped::Remote(error)),
            Err(Trouble::Local(error)) => self.report.stopped = Some(Stopped::Local(error)),
        }
    }

    /// Takes the result of one download down.
    fn note(&mut self, download: Download, result: Result<Verified, Failure>) {
        match result {
            Ok(verified) => {
                (self.hopeless, self.broken) = (0, 0);
                self.report.downloaded.add(download.size);
                self.report.size_only += u64::from(verified == Verified::SizeOnly);
                *self.report.arrived.entry(download.key.zone).or_default() += 1;
                self.context.observer.downloaded(&download);
            }
            Err(Failure::Vanished) => {
                tracing::info!(
                    file = download.key.file_name(),
                    "deleted in iCloud since the library was read"
                );
                self.report.vanished.push(download);
            }
            Err(Failure::Run(error)) => {
                self.report.failed.push(download);
                self.report.stopped = Some(Stopped::Remote(error));
            }
            Err(Failure::Disk(error)) if error.is_disk_full() => self.disk_is_full(download),
            Err(Failure::Disk(error)) => {
                self.broken += 1;
                self.warn(download, error.to_string());
                if self.broken >= BROKEN_DISK {
                    self.report.stopped = Some(Stopped::Local(error));
                }
            }
            Err(Failure::File(reason)) => self.warn(download, reason),
            Err(Failure::Transport(reason)) => {
                self.hopeless += 1;
                if self.hopeless >= HOPELESS {
                    let stopped = Stopped::Downloads { failed: self.hopeless, last: reason.clone() };
                    self.report.stopped = Some(stopped);
                }
                self.warn(download, reason);
            }
        }
    }

    fn warn(&mut self, download: Download, reason: String) {
        let title = download.source.of(self.context.remote).map(|(asset, _)| asset.title());
        let subject = Subject::Asset(title.unwrap_or_else(|| download.key.file_name()));
        let warning = Warning { subject, reason };
        self.context.observer.warning(&warning, Some(&download));
        self.report.warnings.push(warning);
        self.report.failed.push(download);
    }

    /// Somebody else filled the disk: what is on its way may end, nothing more begins.
    fn disk_is_full(&mut self, download: Download) {
        let mut left_out: Vec<Download> = vec![download];
        left_out.extend(self.ready.drain(..).map(|located| located.download));
        left_out.extend(self.waiting.drain(..));
        let needed = left_out.iter().map(|download| download.size).sum();
        self.leave_out(left_out, needed, 0);
    }
}

/// A batch that was looked up, less what does not fit on the disk.
struct Found<L> {
    batch: Result<Batch<L>, Trouble>,
    left_out: Vec<Download>,
    needed: u64,
    available: u64,
}

enum Trouble {
    Remote(icloud::Error),
    Local(library::Error),
}

/// Looks a batch up. On the way, what arrived so far is made durable and the room on the disk is looked at: others
/// use it too.
async fn find<S: Source>(context: &Context<'_, S>, mut batch: Vec<Download>) -> Found<S::Location> {
    let needed = batch.iter().map(|download| download.size).sum();
    let available = match room(context, needed).await {
        Ok(available) => available,
        Err(error) => {
            return Found { batch: Err(Trouble::Local(error)), left_out: Vec::new(), needed, available: 0 };
        }
    };
    let left_out = fit(&mut batch, available);
    let batch = locate(context, &batch).await.map_err(Trouble::Remote);
    Found { batch, left_out, needed, available }
}

/// The bytes that may be used, up to what is needed at the expense of the trash.
async fn room<S: Source>(context: &Context<'_, S>, needed: u64) -> Result<u64, library::Error> {
    let min_free = context.options.min_free;
    blocking(context.library, move |library: &Library| {
        let store = library.store();
        store.settle()?;
        let wanted = needed.saturating_add(min_free);
        let mut free = store.free_space()?;
        if free < wanted && store.shrink_trash(wanted - free)? > 0 {
            free = store.free_space()?;
        }
        Ok(free.saturating_sub(min_free))
    })
    .await
}

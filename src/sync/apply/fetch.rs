//! One download, from its look-up to its place: what may go wrong, and what is tried then.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::Context;
use super::source::{Body, Source};
use super::writer::Writer;
use crate::icloud::download::FetchError;
use crate::icloud::photos::{Missing, Wish};
use crate::library::Verified;
use crate::model::Zone;
use crate::settings::Limit;
use crate::sync::plan::Download;
use crate::{icloud, library};

/// How old a location may be when it is used. Addresses live for an hour; what waited for long is looked up again.
const FRESH: Duration = Duration::from_secs(10 * 60);
/// How often a refused address is looked up again.
const RENEWALS: u32 = 3;
/// How often a body that is not the file is fetched again.
const DAMAGES: u32 = 2;
/// How often something is tried again without a limit of the user's.
const SENSIBLE_RETRIES: u32 = 20;
/// The first pause; each one is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A download that got on by this much is not one that keeps failing.
const PROGRESS: u64 = 1 << 20;

/// A download, and where its file is.
pub(super) struct Located<L> {
    pub(super) download: Download,
    pub(super) location: L,
    pub(super) since: Instant,
}

/// Why a file did not arrive.
#[derive(Debug)]
pub(super) enum Failure {
    /// Its asset was deleted since the library was read: there is nothing to fetch.
    Vanished,
    /// This file cannot be had.
    File(String),
    /// It was tried as often as the options allow.
    Transport(String),
    /// The disk refuses.
    Disk(library::Error),
    /// The run cannot go on.
    Run(icloud::Error),
}

/// What an attempt met.
enum Trouble {
    Fetch(FetchError),
    Disk(library::Error),
}

/// Fetches a file, whatever it takes within bounds.
pub(super) async fn fetch<S: Source>(
    context: &Context<'_, S>,
    located: Located<S::Location>,
) -> (Download, Result<Verified, Failure>) {
    let download = located.download;
    let mut fetch = Fetch { context, located, writer: None, renewals: 0, damages: 0, retries: 0, reached: 0 };
    (download, fetch.run().await)
}

struct Fetch<'a, S: Source> {
    context: &'a Context<'a, S>,
    located: Located<S::Location>,
    /// Kept between attempts, so that what is on disk need not be hashed again.
    writer: Option<Writer>,
    renewals: u32,
    damages: u32,
    retries: u32,
    /// Where the last failure was.
    reached: u64,
}

impl<S: Source> Fetch<'_, S> {
    async fn run(&mut self) -> Result<Verified, Failure> {
        if self.located.since.elapsed() > FRESH {
            self.locate().await?;
        }
        loop {
            match self.attempt().await {
                Ok(verified) => return Ok(verified),
                Err(trouble) => self.recover(trouble).await?,
            }
        }
    }

    async fn attempt(&mut self) -> Result<Verified, Trouble> {
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => self.open().await.map_err(Trouble::Disk)?,
        };
        if writer.len() < self.located.download.size {
            let (offset, mut body) =
                match self.context.source.fetch(&self.located.location, writer.len()).await {
                    Ok(found) => found,
                    Err(error) => return Err(self.keep(writer, error)),
                };
            if offset != writer.len() {
                self.tell(-signed(writer.len()));
                writer = writer.restart().await.map_err(Trouble::Disk)?;
            }
            if offset != writer.len() {
                let what = format!("the server sent the file from byte {offset} on, unasked");
                return Err(self.keep(writer, FetchError::Transient { what }));
            }
            loop {
                match body.next().await {
                    Ok(Some(bytes)) => {
                        self.context.received.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                        self.tell(signed(bytes.len() as u64));
                        writer = writer.write(bytes).await.map_err(Trouble::Disk)?;
                    }
                    Ok(None) => break,
                    Err(error) => return Err(self.keep(writer, error)),
                }
            }
        }
        writer.finish().await.map_err(Trouble::Disk)
    }

    async fn open(&self) -> Result<Writer, library::Error> {
        let permit = self.context.writer_permit().await;
        let download = self.located.download;
        let keep_old = self.context.keeps_old(&download);
        let writer = Writer::open(self.context.library.clone(), download, keep_old, permit).await?;
        self.tell(signed(writer.len()));
        Ok(writer)
    }

    fn keep(&mut self, writer: Writer, error: FetchError) -> Trouble {
        self.writer = Some(writer);
        Trouble::Fetch(error)
    }

    fn tell(&self, bytes: i64) {
        if bytes != 0 {
            self.context.observer.bytes(bytes);
        }
    }

    /// Prepares the next attempt, or gives up.
    async fn recover(&mut self, trouble: Trouble) -> Result<(), Failure> {
        self.note_progress();
        match trouble {
            Trouble::Fetch(error @ (FetchError::Expired { .. } | FetchError::Gone)) => {
                self.renewals += 1;
                if self.renewals > RENEWALS {
                    return Err(Failure::File(error.to_string()));
                }
                self.locate().await
            }
            Trouble::Fetch(FetchError::Throttled { retry_after })
                if retry_after.is_some_and(|wait| wait > icloud::LONGEST_PAUSE) =>
            {
                Err(Failure::Run(icloud::Error::Throttled { retry_after }))
            }
            Trouble::Fetch(error @ FetchError::Throttled { retry_after }) => {
                self.context.pace().throttled();
                self.again(error.to_string(), retry_after).await
            }
            Trouble::Fetch(FetchError::Transient { what }) => self.again(what, None).await,
            Trouble::Fetch(FetchError::Permanent { what }) => Err(Failure::File(what)),
            Trouble::Disk(error @ library::Error::Damaged { .. }) => {
                // It was thrown away.
                self.tell(-signed(self.located.download.size));
                self.damages += 1;
                if self.damages > DAMAGES {
                    return Err(Failure::File(error.to_string()));
                }
                tracing::debug!(%error, "downloading again");
                Ok(())
            }
            Trouble::Disk(error @ library::Error::Incomplete { .. }) => {
                self.again(error.to_string(), None).await
            }
            Trouble::Disk(error) => Err(Failure::Disk(error)),
        }
    }

    /// Begins to count anew if the download got on since the last failure: a large file may take many hours.
    fn note_progress(&mut self) {
        let reached = self.writer.as_ref().map_or(0, Writer::len);
        if reached > self.reached.saturating_add(PROGRESS) {
            (self.retries, self.renewals) = (0, 0);
        }
        self.reached = reached;
    }

    async fn again(&mut self, what: String, wait: Option<Duration>) -> Result<(), Failure> {
        self.retries += 1;
        let most = match self.context.options.max_retries {
            Limit::AtMost(most) => most,
            Limit::Infinite => SENSIBLE_RETRIES,
        };
        if self.retries > most {
            return Err(Failure::Transport(what));
        }
        let pause = wait.unwrap_or_default().max(self.pause());
        tracing::debug!(reason = what, ?pause, retry = self.retries, "trying a download again");
        sleep(pause).await;
        Ok(())
    }

    /// Doubles with each retry; between half and all of that, by the file, so that downloads that broke
    /// together do not come back together.
    fn pause(&self) -> Duration {
        let full = FIRST_PAUSE.saturating_mul(1 << self.retries.min(10)).min(LONGEST_PAUSE);
        let spread = self.located.download.key.checksum.as_bytes().last().copied().unwrap_or_default();
        full / 2 + full / 2 * u32::from(spread) / 255
    }

    async fn locate(&mut self) -> Result<(), Failure> {
        let download = self.located.download;
        let wish = wish(self.context, &download).ok_or(Failure::Vanished)?;
        let found = self.context.source.locate(download.key.zone, &[wish]).await.map_err(|error| {
            // Trouble with the shared library shall not keep the personal one from its backup.
            if download.key.zone == Zone::Shared && error.is_of_one_library() {
                Failure::File(error.to_string())
            } else if error.is_of_one_list() {
                Failure::Transport(error.to_string())
            } else {
                Failure::Run(error)
            }
        })?;
        match found.into_iter().next() {
            Some(Ok(location)) => {
                self.located = Located { download, location, since: Instant::now() };
                Ok(())
            }
            Some(Err(missing)) => Err(missing.into()),
            None => Err(Missing::NotReady.into()),
        }
    }
}

impl From<Missing> for Failure {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::Gone => Self::Vanished,
            other => Self::File(other.to_string()),
        }
    }
}

/// What to look up for a download; `None` if it is not of this library.
pub(super) fn wish<S: Source>(context: &Context<'_, S>, download: &Download) -> Option<Wish> {
    let (asset, file) = download.source.of(context.remote)?;
    Some(Wish { record: asset.record_of(file).clone(), checksum: download.key.checksum })
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

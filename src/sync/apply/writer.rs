//! One file on its way to disk: a blocking thread writes and hashes what async code hands over.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::library::{Error, Library, Verified};
use crate::sync::plan::Download;

/// Pieces that may wait for the disk, so that memory stays small however slow the disk is.
const WAITING: usize = 16;

enum Piece {
    Bytes(Bytes),
    /// The server began anew.
    Restart,
    Finish,
}

/// The async end. Dropped unfinished, it leaves a partial file that a later attempt continues.
pub(super) struct Writer {
    pieces: mpsc::Sender<Piece>,
    done: JoinHandle<Result<Option<Verified>, Error>>,
    len: u64,
}

impl Writer {
    /// Opens what an earlier attempt left, or begins. With `keep_old`, what the file replaces goes to the trash of
    /// that day. `permit` is given back when the disk is no longer used.
    pub(super) async fn open(
        library: Arc<Library>,
        download: Download,
        keep_old: Option<Timestamp>,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Result<Self, Error> {
        let (pieces, received) = mpsc::channel(WAITING);
        let (opened, len) = oneshot::channel();
        let done = tokio::task::spawn_blocking(move || {
            let written = write(&library, &download, keep_old, opened, received);
            drop(permit);
            written
        });
        match len.await {
            Ok(len) => Ok(Self { pieces, done, len }),
            Err(_) => Err(failure(done).await),
        }
    }

    /// How much of the file is there.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) async fn restart(mut self) -> Result<Self, Error> {
        self.len = 0;
        self.send(Piece::Restart).await
    }

    pub(super) async fn write(mut self, bytes: Bytes) -> Result<Self, Error> {
        self.len += bytes.len() as u64;
        self.send(Piece::Bytes(bytes)).await
    }

    /// Verifies the file and puts it into its place.
    pub(super) async fn finish(self) -> Result<Verified, Error> {
        let writer = self.send(Piece::Finish).await?;
        match joined(writer.done).await? {
            Some(verified) => Ok(verified),
            // The thread only ends without a verdict when it is not told to finish.
            None => Err(interrupted()),
        }
    }

    async fn send(self, piece: Piece) -> Result<Self, Error> {
        match self.pieces.send(piece).await {
            Ok(()) => Ok(self),
            Err(_) => Err(failure(self.done).await),
        }
    }
}

fn write(
    library: &Library,
    download: &Download,
    keep_old: Option<Timestamp>,
    opened: oneshot::Sender<u64>,
    mut pieces: mpsc::Receiver<Piece>,
) -> Result<Option<Verified>, Error> {
    let mut incoming = library.store().incoming(&download.key, download.size)?;
    if opened.send(incoming.len()).is_err() {
        return Ok(None);
    }
    while let Some(piece) = pieces.blocking_recv() {
        match piece {
            Piece::Bytes(bytes) => incoming.write(&bytes)?,
            Piece::Restart => incoming.restart()?,
            Piece::Finish => {
                let finished = match keep_old {
                    Some(now) => incoming.finish_keeping_old(download.modified, now),
                    None => incoming.finish(download.modified),
                };
                return finished.map(Some);
            }
        }
    }
    Ok(None)
}

async fn joined<T>(done: JoinHandle<Result<T, Error>>) -> Result<T, Error> {
    done.await.unwrap_or_else(|_| Err(interrupted()))
}

/// Why the thread gave up.
async fn failure(done: JoinHandle<Result<Option<Verified>, Error>>) -> Error {
    joined(done).await.err().unwrap_or_else(interrupted)
}

/// The thread panicked, or the runtime is shutting down.
fn interrupted() -> Error {
    let source = std::io::Error::from(std::io::ErrorKind::Interrupted);
    Error::Io { action: "write", path: "a download".into(), source }
}

//! The receiver of codes: a small HTTP server on sockets that systemd passes.
//!
//! It knows nothing of Apple, of the library or of any secret; all it can do is to put an answer where a waiting run
//! looks for one. When it has had no connection for a while, it exits; systemd keeps the sockets and starts it again
//! for the next one.

mod routes;
mod serve;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use listenfd::ListenFd;
use sd_notify::NotifyState;
use tracing::{debug, warn};

use crate::mfa::exchange::Exchange;
use routes::Routes;
use serve::{Limits, Listener};

/// Small, because all that is ever sent is a code; long enough for a person who types it into a terminal.
const LIMITS: Limits =
    Limits { connections: 16, patience: Duration::from_secs(10), idle: Duration::from_secs(60) };

/// Why the receiver cannot work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Started by hand.
    #[error("systemd passed no socket; start icps-mfa.socket instead, it starts the receiver when needed")]
    NoSocket,
    /// The unit is wrong.
    #[error("$RUNTIME_DIRECTORY is not set; the unit needs RuntimeDirectory=")]
    NoDirectory,
    /// What was passed cannot be listened on.
    #[error("cannot listen on a socket from systemd: {0}")]
    Socket(#[from] io::Error),
}

/// Serves the sockets that systemd passed until nobody comes any more.
pub fn run() -> Result<(), Error> {
    let directory = runtime_directory().ok_or(Error::NoDirectory)?;
    let base = std::env::var("WEB_BASE_PATH").unwrap_or_default();
    let routes = Routes::new(Exchange::new(&directory), &base);
    // Waiting for one connection after the other needs no second thread, and a small file no second disk worker.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(2).build()?;
    runtime.block_on(async {
        let listeners = passed_listeners()?;
        tell_manager(&[NotifyState::Ready, NotifyState::Status("Listening for codes")]);
        serve::serve(&listeners, routes, &LIMITS).await?;
        debug!("Nobody came for a while; the next connection starts the receiver again.");
        tell_manager(&[NotifyState::Stopping]);
        Ok(())
    })
}

/// The first, if the unit names several.
fn runtime_directory() -> Option<PathBuf> {
    let directories = std::env::var("RUNTIME_DIRECTORY").ok()?;
    directories.split(':').next().filter(|first| !first.is_empty()).map(PathBuf::from)
}

/// Any number of sockets, of either kind: they are served alike, so their names do not matter.
fn passed_listeners() -> Result<Vec<Listener>, Error> {
    let mut passed = ListenFd::from_env();
    let listeners =
        (0..passed.len()).map(|index| take(&mut passed, index)).collect::<io::Result<Vec<_>>>()?;
    if listeners.is_empty() { Err(Error::NoSocket) } else { Ok(listeners) }
}

fn take(passed: &mut ListenFd, index: usize) -> io::Result<Listener> {
    let gone = || io::Error::from(io::ErrorKind::NotFound);
    match passed.take_unix_listener(index) {
        Ok(listener) => Listener::unix(listener.ok_or_else(gone)?),
        // What is no Unix socket is left in place.
        Err(_) => Listener::tcp(passed.take_tcp_listener(index)?.ok_or_else(gone)?),
    }
}

fn tell_manager(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(false, states) {
        warn!("Cannot tell the service manager how things stand: {error}.");
    }
}

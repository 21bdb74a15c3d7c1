//! A running emulator.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tempfile::NamedTempFile;
use tokio::sync::oneshot;

use crate::account::AccountHandle;
use crate::builder::{Builder, StartError};
use crate::clock::Clock;
use crate::faults::Faults;
use crate::library::LibraryHandle;
use crate::server::Server;
use crate::state::State;
use crate::statistics::Statistics;

/// The emulated servers, on a thread of their own until this is dropped.
///
/// Dropping it panics if a client asked for something that no Apple server would know: the test that made it
/// fails, unless it already does or the builder was told to tolerate that.
#[derive(Debug)]
pub struct Emulator {
    state: Arc<State>,
    address: SocketAddr,
    ca_file: PathBuf,
    tolerant: bool,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _certificate: NamedTempFile,
}

impl Emulator {
    /// An emulator with nothing special about it.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn start(
        state: Arc<State>,
        server: Server,
        listeners: Vec<TcpListener>,
        certificate: NamedTempFile,
        ca_file: Option<PathBuf>,
        tolerant: bool,
    ) -> Result<Self, StartError> {
        let address = listeners.first().map(TcpListener::local_addr).transpose()?;
        let address = address.ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let thread = std::thread::Builder::new().name("icloud-emulator".to_owned()).spawn(move || {
            runtime.block_on(serve(server, listeners, stopped));
            runtime.shutdown_timeout(Duration::from_secs(1));
        })?;
        Ok(Self {
            state,
            address,
            ca_file: ca_file.unwrap_or_else(|| certificate.path().to_owned()),
            tolerant,
            stop: Some(stop),
            thread: Some(thread),
            _certificate: certificate,
        })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of the proxy, for `HTTPS_PROXY`.
    pub fn proxy_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The certificate that clients have to trust, for `SSL_CERT_FILE`.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// The environment that leads a client here and nowhere else.
    pub fn environment(&self) -> [(&'static str, String); 6] {
        let ca_file = self.ca_file.to_string_lossy().into_owned();
        [
            ("HTTPS_PROXY", self.proxy_url()),
            ("https_proxy", self.proxy_url()),
            ("ALL_PROXY", String::new()),
            ("NO_PROXY", String::new()),
            ("no_proxy", String::new()),
            ("SSL_CERT_FILE", ca_file),
        ]
    }

    /// The library, to look at and to change.
    pub fn library(&self) -> &LibraryHandle {
        &self.state.library
    }

    /// The account, from its owner's side.
    pub fn account(&self) -> AccountHandle {
        AccountHandle::new(Arc::clone(&self.state))
    }

    /// What goes wrong.
    pub fn faults(&self) -> &Faults {
        &self.state.faults
    }

    /// The figures so far.
    pub fn statistics(&self) -> Statistics {
        self.state.counters.snapshot()
    }

    /// Starts the figures anew.
    pub fn reset_statistics(&self) {
        self.state.counters.reset();
    }

    /// The time of the servers.
    pub fn clock(&self) -> &Clock {
        &self.state.clock
    }

    /// The requests that no Apple server would know.
    pub fn unexpected(&self) -> Vec<String> {
        self.state.unexpected()
    }
}

async fn serve(server: Server, listeners: Vec<TcpListener>, stopped: oneshot::Receiver<()>) {
    for listener in listeners {
        let listener =
            listener.set_nonblocking(true).and_then(|()| tokio::net::TcpListener::from_std(listener));
        match listener {
            Ok(listener) => {
                tokio::spawn(server.clone().run(listener));
            }
            Err(error) => tracing::error!("cannot listen: {error}"),
        }
    }
    // An error means that the emulator is gone, which is the same wish.
    let _ = stopped.await;
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            if thread.join().is_err() {
                tracing::error!("the servers had panicked");
            }
        }
        let unexpected = self.unexpected();
        assert!(
            self.tolerant || unexpected.is_empty() || std::thread::panicking(),
            "the emulator saw requests that it does not know:\n  {}",
            unexpected.join("\n  ")
        );
    }
}

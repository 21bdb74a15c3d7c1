//! Setting up an emulator.

use std::fmt;
use std::io;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use crate::account::AccountOptions;
use crate::auth::codes::SentCode;
use crate::clock::Clock;
use crate::emulator::Emulator;
use crate::library::{LibraryHandle, LibrarySpec};
use crate::server::{Authority, Server};
use crate::state::{Announcer, State};

/// Why an emulator does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// An address is taken, or a file cannot be written.
    #[error("the emulator cannot start: {0}")]
    Io(#[from] io::Error),
    /// The authority of the run cannot be made.
    #[error("the emulator cannot make its certificate authority: {0}")]
    Certificate(#[from] rcgen::Error),
    /// TLS cannot be set up.
    #[error("the emulator cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// What an emulator is to be like; [`Builder::start`] brings it to life.
#[derive(Default)]
pub struct Builder {
    account: AccountOptions,
    announcer: Option<Announcer>,
    library: LibrarySpec,
    listen: Vec<SocketAddr>,
    ca_file: Option<PathBuf>,
    tolerant: bool,
}

impl Builder {
    /// The account that the servers know.
    #[must_use]
    pub fn account(mut self, account: AccountOptions) -> Self {
        self.account = account;
        self
    }

    /// Tells of every code that arrives, as the owner of the account would.
    #[must_use]
    pub fn on_code(mut self, tell: impl Fn(&SentCode) + Send + Sync + 'static) -> Self {
        self.announcer = Some(Box::new(tell));
        self
    }

    /// The library of the account.
    #[must_use]
    pub fn library(mut self, library: LibrarySpec) -> Self {
        self.library = library;
        self
    }

    /// Listens on this address too. Every address serves clients of the proxy and, told apart by their first
    /// byte, clients that speak TLS at once, because their name resolution leads Apple's hosts there. The
    /// first address is the one of [`Emulator::proxy_url`]; without any, the system chooses a port.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen.push(address);
        self
    }

    /// Writes the certificate of the authority there, and not to a temporary file.
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }

    /// Lets the emulator end in peace although it has seen unknown requests.
    #[must_use]
    pub fn tolerate_unexpected(mut self) -> Self {
        self.tolerant = true;
        self
    }

    /// Starts the servers.
    pub fn start(mut self) -> Result<Emulator, StartError> {
        let listeners = self.listeners()?;
        let clock = Clock::default();
        let library = LibraryHandle::new(&self.library, clock.clone());
        let state = Arc::new(State::new(clock, library, self.account, self.announcer.take()));
        let authority = Arc::new(Authority::new()?);
        let mut temporary = tempfile::Builder::new().prefix("icloud-emulator-").suffix(".pem").tempfile()?;
        temporary.write_all(authority.pem().as_bytes())?;
        temporary.flush()?;
        if let Some(path) = &mut self.ca_file {
            std::fs::write(&*path, authority.pem())?;
            // Clients may run elsewhere.
            *path = path.canonicalize()?;
        }
        let server = Server::new(Arc::clone(&state), authority)?;
        Emulator::start(state, server, listeners, temporary, self.ca_file, self.tolerant)
    }

    fn listeners(&self) -> io::Result<Vec<TcpListener>> {
        if self.listen.is_empty() {
            return Ok(vec![TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?]);
        }
        self.listen.iter().map(TcpListener::bind).collect()
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("library", &self.library)
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}

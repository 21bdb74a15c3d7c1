//! The state directory: what has to survive between runs so that no timer locks an account or nags its owner.

mod file;
mod record;

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use nix::fcntl::{Flock, FlockArg};

pub(super) use file::write_private;
pub(super) use record::{Door, NoCode, Record, Way};

use super::error::Error;
use super::session::{self, Session};

const SESSION: &str = "session.json";
const RECORD: &str = "sign-in.json";
const LOCK: &str = "sign-in.lock";
/// How often a process looks whether another one has finished its sign-in.
const LOCK_POLL: Duration = Duration::from_millis(250);

/// The directory with the stored session and the memory of failures.
#[derive(Debug, Clone)]
pub struct StateDir(PathBuf);

/// What `icps status` says about the sign-in.
#[derive(Debug, Clone, Default)]
pub struct Overview {
    /// Until when Apple lets this client in without a code, as far as known.
    pub trust_expiry: Option<Timestamp>,
    /// Before this nothing is tried again, and why.
    pub next_attempt: Option<(Timestamp, String)>,
    /// Since when a second factor waits for a person.
    pub unanswered_since: Option<Timestamp>,
    /// Whether credentials were refused that will not be sent again.
    pub credentials_refused: bool,
}

/// While this lives, no other process signs in.
pub(super) struct SignInLock {
    _file: Flock<std::fs::File>,
}

impl StateDir {
    /// Uses a directory, creating it for its owner alone if it does not exist.
    pub fn open(path: &Path) -> Result<Self, Error> {
        use std::os::unix::fs::DirBuilderExt;
        let created = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        created.map_err(|source| Error::State { path: path.to_owned(), source })?;
        Ok(Self(path.to_owned()))
    }

    /// What is known without asking anybody.
    pub fn overview(&self) -> Result<Overview, Error> {
        let path = self.0.join(SESSION);
        let session = Session::load(&path).map_err(|source| Error::State { path, source })?;
        let record = self.record()?;
        Ok(Overview {
            trust_expiry: session.and_then(|session| session.trust_expiry()),
            next_attempt: record.next_attempt(Timestamp::now()),
            unanswered_since: record.unanswered_since,
            credentials_refused: record.has_refusals(),
        })
    }

    /// The stored trust token, for a person who wants to take it elsewhere.
    pub fn trust_token(&self) -> Result<Option<secrecy::SecretString>, Error> {
        let path = self.0.join(SESSION);
        let session = Session::load(&path).map_err(|source| Error::State { path, source })?;
        Ok(session.and_then(|session| session.trust_token).map(secrecy::SecretString::from))
    }

    /// The stored session of an account, or a new one. A session of another account is put aside under its own
    /// name, where it is found again; a damaged one is kept as a copy.
    pub fn session(&self, username: &str) -> Result<Session, Error> {
        let account = canonical(username);
        let path = self.0.join(SESSION);
        if let Some(session) = self.load(&path)? {
            if session.account == account || session.account.is_empty() {
                return Ok(Session { account, ..session });
            }
            let aside = self.aside(&session.account);
            tracing::warn!(kept = %aside.display(), "the stored session belongs to another account; it is put aside");
            moved(&path, &aside)?;
        }
        match self.load(&self.aside(&account))? {
            Some(session) => Ok(session),
            None => Session::new(&account).map_err(|source| Error::State { path, source }),
        }
    }

    /// Stores a session. If another process stored a younger trust meanwhile, that is taken over, into `session`
    /// too: no trust is ever lost.
    pub(super) fn save(&self, session: &mut Session) -> Result<(), Error> {
        let path = self.0.join(SESSION);
        let path = match Session::load(&path) {
            Ok(Some(stored)) if stored.account == session.account => {
                session.adopt_younger_trust(&stored);
                path
            }
            // Another process changed the account meanwhile; ours waits for its return.
            Ok(Some(_)) => self.aside(&session.account),
            _ => path,
        };
        session.save(&path).map_err(|source| Error::State { path, source })
    }

    /// The memory of failures. A damaged one is kept as a copy.
    pub(super) fn record(&self) -> Result<Record, Error> {
        let path = self.0.join(RECORD);
        match Record::load(&path) {
            Ok(record) => Ok(record),
            Err(source) if source.kind() == std::io::ErrorKind::InvalidData => {
                self.keep_copy(&path)?;
                Ok(Record::default())
            }
            Err(source) => Err(Error::State { path, source }),
        }
    }

    /// Changes the memory of failures. To be called under the sign-in lock.
    pub(super) fn update<R>(&self, change: impl FnOnce(&mut Record) -> R) -> Result<R, Error> {
        let mut record = self.record()?;
        let result = change(&mut record);
        let path = self.0.join(RECORD);
        record.save(&path).map_err(|source| Error::State { path, source })?;
        Ok(result)
    }

    /// Waits until no other process signs in. `waiting` is called once if that takes time.
    pub(super) async fn lock(&self, waiting: impl Fn()) -> Result<SignInLock, Error> {
        let path = self.0.join(LOCK);
        let state = |source| Error::State { path: path.clone(), source };
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(state)?;
        let mut said = false;
        loop {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Ok(SignInLock { _file: lock }),
                Err((back, nix::errno::Errno::EWOULDBLOCK | nix::errno::Errno::EINTR)) => file = back,
                Err((_, errno)) => return Err(state(errno.into())),
            }
            if !said {
                waiting();
                said = true;
            }
            tokio::time::sleep(LOCK_POLL).await;
        }
    }

    fn load(&self, path: &Path) -> Result<Option<Session>, Error> {
        match Session::load(path) {
            Ok(session) => Ok(session),
            Err(source) if source.kind() == std::io::ErrorKind::InvalidData => {
                self.keep_copy(path)?;
                Ok(None)
            }
            Err(source) => Err(Error::State { path: path.to_owned(), source }),
        }
    }

    /// Moves a damaged file out of the way without losing it.
    fn keep_copy(&self, path: &Path) -> Result<(), Error> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".damaged-{}", Timestamp::now().as_millisecond()));
        let kept = self.0.join(name);
        moved(path, &kept)?;
        tracing::warn!(file = %path.display(), kept = %kept.display(), "a damaged file is put aside");
        Ok(())
    }

    /// Where the session of an account that is not in use waits.
    fn aside(&self, account: &str) -> PathBuf {
        self.0.join(format!("session.{:.12}.json", session::digest(account)))
    }
}

fn moved(from: &Path, to: &Path) -> Result<(), Error> {
    std::fs::rename(from, to).map_err(|source| Error::State { path: from.to_owned(), source })
}

/// The account name as Apple wants it everywhere: trimmed, lower case (a capital letter spoils the proof).
pub(super) fn canonical(username: &str) -> String {
    username.trim().to_lowercase()
}

#[cfg(test)]
mod tests;

//! How a process that waits for a code and whoever has it find each other.
//!
//! Both sides know one directory, `<runtime directory>/mfa`. All files in it have mode 0600 and belong to the
//! directory's owner; request and answer are written to a temporary file and renamed, so nobody reads half of one.
//!
//! | file | what |
//! | --- | --- |
//! | `request.json` | what the waiting process wants to know |
//! | `answer.json` | what it is told; removed before it is used |
//! | `waiter.lock` | locked by the waiting process as long as it lives; a request without a lock is stale |
//!
//! ```json
//! {
//!   "pid": 4711,
//!   "digits": 6,
//!   "since": "2026-11-22T02:00:13Z",
//!   "until": "2026-11-22T02:10:13Z",
//!   "methods": ["device", "sms", "voice"],
//!   "phones": [{"id": 2, "number": "•• •••• ••12"}],
//!   "asked": {"method": "sms", "phone": 2},
//!   "last_error": "The code is wrong."
//! }
//! ```
//!
//! `asked` is how Apple was last asked for a code, `null` if it was not. An answer holds either a code or the wish
//! for another one; `at` is when it was written.
//!
//! ```json
//! {"at": "2026-11-22T02:01:40Z", "code": "123456"}
//! {"at": "2026-11-22T02:01:40Z", "resend": {"method": "sms", "phone": 2}}
//! ```
//!
//! The receiver of codes is built from this module alone: nothing here may use Apple's protocol or the library.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tracing::{debug, warn};
use zeroize::Zeroizing;

/// No request or answer is longer; a longer file is none.
const MAX_LEN: u64 = 64 * 1024;

/// What a waiting process wants to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The waiting process.
    pub pid: u32,
    /// How many digits a code has.
    pub digits: usize,
    /// When it began to wait.
    pub since: Timestamp,
    /// When it stops.
    pub until: Timestamp,
    /// The ways by which a code may be asked for.
    pub methods: Vec<Method>,
    /// The phones that SMS and voice can reach.
    pub phones: Vec<Phone>,
    /// How Apple was last asked for a code.
    pub asked: Option<Wish>,
    /// Why the last answer did not do, as a sentence.
    pub last_error: Option<String>,
}

/// A way by which a code comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Shown on the trusted devices.
    Device,
    /// Sent to a phone as a text.
    Sms,
    /// Read out on a phone.
    Voice,
}

/// A trusted phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phone {
    /// Apple's number for it; not always 1.
    pub id: u32,
    /// Its telephone number, obfuscated by Apple.
    pub number: String,
}

/// The wish for a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// How it shall come.
    pub method: Method,
    /// To which phone; none for devices, and where there is only one phone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<u32>,
}

/// What a waiting process is told.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The code.
    Code(SecretString),
    /// To ask Apple for one.
    Resend(Wish),
}

/// Why the exchange failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody waits for an answer.
    #[error("nobody waits for a code")]
    NobodyWaits,
    /// Somebody else waits already; two requests at a time would spoil each other's codes.
    #[error("{waiter} waits for a code already; answer that one first (`icps mfa status`)")]
    Busy {
        /// Who waits, such as `process 4711`.
        waiter: String,
    },
    /// The text is no code.
    #[error("a code has {digits} digits")]
    NotACode {
        /// How many digits.
        digits: usize,
    },
    /// The account has no such phone.
    #[error("no such phone; the ids are {0}")]
    NoSuchPhone(String),
    /// There are several phones and none was named.
    #[error("which phone? Name its id: {0}")]
    WhichPhone(String),
    /// The account cannot get a code in this way.
    #[error("this account cannot get a code in this way")]
    NoSuchMethod,
    /// A file or directory cannot be used.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl Request {
    /// Accepts a code by its form; blanks and dashes that people put in are dropped.
    pub fn code(&self, text: &str) -> Result<SecretString, Error> {
        let code: Zeroizing<String> =
            Zeroizing::new(text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect());
        if code.len() != self.digits || !code.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Error::NotACode { digits: self.digits });
        }
        Ok(SecretString::from(code.as_str()))
    }

    /// Completes a wish with the only phone there is, or says what is wrong with it. A phone is never guessed.
    pub fn resolve(&self, wish: Wish) -> Result<Wish, Error> {
        if !self.methods.contains(&wish.method) {
            return Err(Error::NoSuchMethod);
        }
        if wish.method == Method::Device {
            return Ok(Wish { method: Method::Device, phone: None });
        }
        let phone = match (wish.phone, &self.phones[..]) {
            (Some(id), phones) if phones.iter().any(|phone| phone.id == id) => id,
            (None, [only]) => only.id,
            (Some(_), _) => return Err(Error::NoSuchPhone(self.phone_list())),
            (None, _) => return Err(Error::WhichPhone(self.phone_list())),
        };
        Ok(Wish { method: wish.method, phone: Some(phone) })
    }

    pub(super) fn phone_list(&self) -> String {
        let phones: Vec<_> =
            self.phones.iter().map(|phone| format!("{} ({})", phone.id, phone.number)).collect();
        phones.join(", ")
    }
}

/// The directory in which the two sides meet.
#[derive(Debug, Clone)]
pub struct Exchange {
    directory: PathBuf,
}

impl Exchange {
    /// The exchange below a runtime directory. Creates nothing.
    pub fn new(runtime: &Path) -> Self {
        Self { directory: runtime.join("mfa") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// What a living process waits for, if any does.
    pub fn waiting(&self) -> Result<Option<Request>, Error> {
        let path = self.path("request.json");
        let request = match read(&path) {
            Ok(text) => serde_json::from_slice::<Request>(&text).ok(),
            Err(source) if source.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(Error::Io { action: "read", path, source }),
        };
        let Some(request) = request else { return Ok(None) };
        let alive = self.waiter_lives()?;
        Ok(Some(request).filter(|request| alive && Timestamp::now() < request.until))
    }

    /// Hands an answer to the waiting process. Nothing tells whether it helped; the request's `last_error` will.
    pub fn answer(&self, answer: &Answer) -> Result<(), Error> {
        if self.waiting()?.is_none() {
            return Err(Error::NobodyWaits);
        }
        let (code, resend) = match answer {
            Answer::Code(code) => (Some(code.expose_secret().into()), None),
            Answer::Resend(wish) => (None, Some(*wish)),
        };
        self.write("answer.json", &AnswerFile { at: Timestamp::now(), code, resend })
    }

    /// Begins to wait. Answers that lie around from earlier are thrown away.
    pub fn open(&self, request: Request) -> Result<Waiter, Error> {
        let failed = |action, source| Error::Io { action, path: self.directory.clone(), source };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory)
            .map_err(|source| failed("create", source))?;
        let lock = self.lock()?;
        let watch = Watch::new(&self.directory).map_err(|source| failed("watch", source))?;
        remove(&self.path("answer.json"));
        let waiter = Waiter { exchange: self.clone(), request, watch, _lock: lock };
        waiter.publish()?;
        Ok(waiter)
    }

    fn lock(&self) -> Result<File, Error> {
        let path = self.path("waiter.lock");
        let failed = |source| Error::Io { action: "lock", path: path.clone(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path).map_err(failed)?;
        self.give_to_owner(&file).map_err(failed)?;
        match fcntl(&file, FcntlArg::F_OFD_SETLK(&whole_file())) {
            Ok(_) => Ok(file),
            Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EACCES) => {
                let pid = self.waiting()?.map(|request| request.pid);
                let waiter = pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
                Err(Error::Busy { waiter })
            }
            Err(source) => Err(failed(source.into())),
        }
    }

    /// Asks the kernel whether the lock is held, without taking it: a look must not disturb a waiter.
    fn waiter_lives(&self) -> Result<bool, Error> {
        let path = self.path("waiter.lock");
        let failed = |source| Error::Io { action: "read", path: path.clone(), source };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(failed(source)),
        };
        let mut lock = whole_file();
        fcntl(&file, FcntlArg::F_OFD_GETLK(&mut lock)).map_err(|source| failed(source.into()))?;
        Ok(i32::from(lock.l_type) != libc::F_UNLCK)
    }

    /// Takes an answer out of the directory before anybody looks at it.
    fn take(&self, not_before: Timestamp) -> Result<Option<Answer>, Error> {
        let (path, taken) = (self.path("answer.json"), self.path("answer.taken"));
        match fs::rename(&path, &taken) {
            Ok(()) => {}
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::Io { action: "take", path, source }),
        }
        let text = read(&taken);
        fs::remove_file(&taken).map_err(|source| Error::Io { action: "remove", path: taken, source })?;
        let text = text.map_err(|source| Error::Io { action: "read", path, source })?;
        match serde_json::from_slice::<AnswerFile>(&text) {
            Ok(answer) if answer.at < not_before => debug!("An answer to an earlier request is thrown away."),
            Ok(AnswerFile { code: Some(code), .. }) => {
                return Ok(Some(Answer::Code(code.into_owned().into())));
            }
            Ok(AnswerFile { resend: Some(wish), .. }) => return Ok(Some(Answer::Resend(wish))),
            // The parser's error is not repeated: it may quote the code.
            Ok(_) | Err(_) => warn!("An answer that makes no sense is thrown away."),
        }
        Ok(None)
    }

    fn write(&self, name: &str, content: &impl Serialize) -> Result<(), Error> {
        let path = self.path(name);
        let written = || -> io::Result<()> {
            let text = Zeroizing::new(serde_json::to_vec(content)?);
            let mut file = tempfile::Builder::new()
                .prefix(".")
                .permissions(Permissions::from_mode(0o600))
                .tempfile_in(&self.directory)?;
            file.write_all(&text)?;
            self.give_to_owner(file.as_file())?;
            file.persist(&path)?;
            Ok(())
        };
        written().map_err(|source| Error::Io { action: "write", path: path.clone(), source })
    }

    /// What root writes must be readable for the service user, to whom the directory belongs.
    fn give_to_owner(&self, file: &File) -> io::Result<()> {
        let owner = fs::metadata(&self.directory)?;
        let own = file.metadata()?;
        if (own.uid(), own.gid()) != (owner.uid(), owner.gid()) && nix::unistd::geteuid().is_root() {
            fchown(file, Some(owner.uid()), Some(owner.gid()))?;
        }
        Ok(())
    }
}

#[derive(Serialize, Deserialize)]
struct AnswerFile<'a> {
    at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<std::borrow::Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resend: Option<Wish>,
}

#[expect(clippy::cast_possible_truncation, reason = "small constants of the kernel")]
fn whole_file() -> libc::flock {
    // Open file description locks want a process id of 0; a length of 0 means up to the end.
    libc::flock {
        l_type: libc::F_WRLCK as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(Vec::new());
    File::open(path)?.take(MAX_LEN).read_to_end(&mut text)?;
    Ok(text)
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            debug!("Cannot remove {}: {error}.", path.display());
        }
        _ => {}
    }
}

/// A process that waits for a code. While it lives, others see its request; when it is dropped, request and
/// unread answers are removed.
#[derive(Debug)]
pub struct Waiter {
    exchange: Exchange,
    request: Request,
    watch: Watch,
    _lock: File,
}

impl Waiter {
    /// What it waits for.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Changes what others see of the request.
    pub fn update(&mut self, change: impl FnOnce(&mut Request)) -> Result<(), Error> {
        change(&mut self.request);
        self.publish()
    }

    /// Waits for the next answer. May be abandoned at any time: no answer gets lost by that.
    pub async fn answer(&mut self) -> Result<Answer, Error> {
        loop {
            if let Some(answer) = self.exchange.take(self.request.since)? {
                return Ok(answer);
            }
            self.watch.changed().await.map_err(|source| Error::Io {
                action: "watch",
                path: self.exchange.directory.clone(),
                source,
            })?;
        }
    }

    fn publish(&self) -> Result<(), Error> {
        self.exchange.write("request.json", &self.request)
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        remove(&self.exchange.path("request.json"));
        remove(&self.exchange.path("answer.json"));
    }
}

/// Notices files that are renamed into a directory.
#[derive(Debug)]
struct Watch(pipe::Receiver);

impl Watch {
    fn new(directory: &Path) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        inotify.add_watch(directory, AddWatchFlags::IN_MOVED_TO)?;
        // Only that something happened matters, not what: its descriptor is read like a pipe.
        pipe::Receiver::from_owned_fd_unchecked(inotify.as_fd().try_clone_to_owned()?).map(Self)
    }

    async fn changed(&mut self) -> io::Result<()> {
        self.0.read(&mut [0; 4096]).await.map(drop)
    }
}

#[cfg(test)]
mod tests;

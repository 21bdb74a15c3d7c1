//! Where user name and password come from.
//!
//! They are fetched when sign-in really needs them: most runs live on the stored session, and nobody should type
//! a password for nothing.

use std::ffi::OsString;
use std::fs;
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::termios::{self, LocalFlags, SetArg};
use secrecy::SecretString;
use tracing::{info, warn};
use zeroize::Zeroizing;

use super::error::Origin;
use super::layers::Layers;
use super::options::{PASSWORD, PASSWORD_FILE, USERNAME};
use super::warn_if_readable_by_others;

/// A password is never longer; a larger file is not one.
const MAX_SECRET: u64 = 4096;

/// Behind it, `icps-password@.service` runs `systemd-ask-password`. Only root may put questions to systemd's agents,
/// which the service is not.
const ASKING_SOCKET: &str = "/run/icps/password.sock";
/// Longer than the unit waits for an answer.
const ASKING_TIMEOUT: Duration = Duration::from_secs(240);

/// The sources of user name and password, in the order in which they are asked.
#[derive(Debug, Clone)]
pub struct Credentials {
    username: Option<String>,
    password: Option<SecretString>,
    /// Files of `$CREDENTIALS_DIRECTORY`; systemd puts them there, decrypted.
    username_files: Vec<PathBuf>,
    password_files: Vec<PathBuf>,
    password_file: Option<PathBuf>,
    /// Where to have a person asked: only of a service, as others have a terminal or nobody, and not of one that a
    /// timer started, as nobody waits for its questions.
    asking_socket: Option<PathBuf>,
}

/// Why there is no user name or password.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// A file that was named, or that systemd provides, cannot be read.
    #[error("cannot read the {what} from {path}: {source}")]
    File {
        /// User name or password.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The terminal cannot be read.
    #[error("cannot read the {what} from the terminal: {source}")]
    Terminal {
        /// User name or password.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// Nobody answered systemd's question.
    #[error("nobody answered the question for the {what}")]
    Unanswered {
        /// The password.
        what: &'static str,
    },
    /// No source has one, and there is nobody to ask.
    #[error("there is no {what}")]
    Missing {
        /// User name or password.
        what: &'static str,
    },
}

impl Credentials {
    pub(super) fn new(layers: &Layers<'_>, account: Option<&str>, warnings: &mut Vec<String>) -> Self {
        let password = layers.text(&PASSWORD);
        match &password {
            Some((_, Origin::CommandLine)) => warnings.push(
                "the password on the command line is visible to every user of this machine in the process list; \
                 prefer the systemd credential icps.password or --password-file"
                    .into(),
            ),
            Some((_, Origin::File(path, _))) => warn_if_readable_by_others(path, warnings),
            _ => {}
        }
        let is_set = |name| (layers.environment)(name).is_some();
        let directory = (layers.environment)("CREDENTIALS_DIRECTORY").filter(|path| !path.is_empty());
        Self {
            username: layers.text(&USERNAME).map(|(name, _)| name.trim().to_owned()),
            password: password.map(|(text, _)| SecretString::from(text.as_str())),
            username_files: credential_files(directory.as_ref(), account, "username"),
            password_files: credential_files(directory.as_ref(), account, "password"),
            password_file: layers.text(&PASSWORD_FILE).map(|(path, _)| PathBuf::from(path.as_str())),
            asking_socket: (is_set("INVOCATION_ID") && !is_set("TRIGGER_UNIT"))
                .then(|| PathBuf::from(ASKING_SOCKET)),
        }
    }

    /// The user name, without asking anybody.
    pub fn known_username(&self) -> Result<Option<String>, CredentialError> {
        if self.username.is_some() {
            return Ok(self.username.clone());
        }
        let found = first_existing(&self.username_files, "user name")?;
        Ok(found.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()))
    }

    /// The user name; asks on the terminal if nothing else has it.
    pub fn username(&self) -> Result<String, CredentialError> {
        const WHAT: &str = "user name";
        if let Some(name) = self.known_username()? {
            return Ok(name);
        }
        if !on_terminal() {
            return Err(CredentialError::Missing { what: WHAT });
        }
        let name =
            prompt_line("Apple ID: ").map_err(|source| CredentialError::Terminal { what: WHAT, source })?;
        if name.is_empty() { Err(CredentialError::Missing { what: WHAT }) } else { Ok(name) }
    }

    /// The password, without asking anybody.
    pub fn known_password(&self) -> Result<Option<SecretString>, CredentialError> {
        if let Some(password) = &self.password {
            return Ok(Some(password.clone()));
        }
        if let Some(text) = first_existing(&self.password_files, "password")? {
            return secret(&text).map(Some);
        }
        self.password_file.as_deref().map(|path| secret(&read_password_file(path)?)).transpose()
    }

    /// The password of `username`; asks on the terminal, or through systemd, if nothing else has it. Blocks.
    pub fn password(&self, username: &str) -> Result<SecretString, CredentialError> {
        const WHAT: &str = "password";
        if let Some(password) = self.known_password()? {
            return Ok(password);
        }
        let question = format!("Password of {username}: ");
        if on_terminal() {
            return secret(
                &prompt_hidden(&question)
                    .map_err(|source| CredentialError::Terminal { what: WHAT, source })?,
            );
        }
        match self.asking_socket.as_deref().and_then(|socket| UnixStream::connect(socket).ok()) {
            Some(socket) => answer_from(&socket),
            None => Err(CredentialError::Missing { what: WHAT }),
        }
    }
}

/// The ids of a credential: `icps.password`, and `icps.password.enc` for the encrypted one, as systemd does not let one id have both.
pub(crate) fn credential_ids(account: Option<&str>, what: &str) -> [String; 2] {
    let prefix = account.map_or_else(|| "icps".to_owned(), |name| format!("icps.{name}"));
    [format!("{prefix}.{what}"), format!("{prefix}.{what}.enc")]
}

fn credential_files(directory: Option<&OsString>, account: Option<&str>, what: &str) -> Vec<PathBuf> {
    let Some(directory) = directory.map(Path::new) else { return Vec::new() };
    credential_ids(account, what).iter().map(|id| directory.join(id)).collect()
}

fn first_existing(
    paths: &[PathBuf],
    what: &'static str,
) -> Result<Option<Zeroizing<String>>, CredentialError> {
    for path in paths {
        match read_secret(path) {
            Ok(text) => return Ok(Some(text)),
            Err(source) if source.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(CredentialError::File { what, path: path.clone(), source }),
        }
    }
    Ok(None)
}

fn read_password_file(path: &Path) -> Result<Zeroizing<String>, CredentialError> {
    let failed = |source| CredentialError::File { what: "password", path: path.to_owned(), source };
    let text = read_secret(path).map_err(failed)?;
    if fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0) {
        warn!("Every user of this machine can read the password in {0}: chmod o-r {0}.", path.display());
    }
    Ok(text)
}

/// The first line of a small file.
fn read_secret(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    fs::File::open(path)?.take(MAX_SECRET).read_to_string(&mut text)?;
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}

fn secret(text: &str) -> Result<SecretString, CredentialError> {
    if text.is_empty() {
        return Err(CredentialError::Missing { what: "password" });
    }
    Ok(SecretString::from(text))
}

/// Whether a person can be asked.
pub(crate) fn on_terminal() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

fn prompt_line(question: &str) -> io::Result<String> {
    let mut terminal = io::stderr();
    terminal.write_all(question.as_bytes())?;
    terminal.flush()?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

/// Asks on the terminal without showing the answer: the echo ends before the question is there, so that even what is
/// typed at once is not seen.
pub(crate) fn prompt_hidden(question: &str) -> io::Result<Zeroizing<String>> {
    let terminal = fs::File::open("/dev/tty")?;
    let before = termios::tcgetattr(&terminal)?;
    let mut silent = before.clone();
    silent.local_flags.remove(LocalFlags::ECHO);
    termios::tcsetattr(&terminal, SetArg::TCSANOW, &silent)?;
    let typed = rpassword::prompt_password(question).map(Zeroizing::new);
    termios::tcsetattr(&terminal, SetArg::TCSANOW, &before)?;
    typed
}

/// Waits for the person whom systemd asks at the other end.
fn answer_from(socket: &UnixStream) -> Result<SecretString, CredentialError> {
    info!(
        "The password is not stored, so systemd asks for it. To answer, as root: systemd-tty-ask-password-agent"
    );
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(MAX_SECRET).unwrap_or_default()));
    let answer = socket
        .set_read_timeout(Some(ASKING_TIMEOUT))
        .and_then(|()| socket.take(MAX_SECRET).read_to_string(&mut text));
    match (answer, text.trim_end_matches('\n')) {
        (Err(_), _) | (_, "") => Err(CredentialError::Unanswered { what: "password" }),
        (Ok(_), password) => Ok(SecretString::from(password)),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::HashMap;
    use std::io::Write;

    use secrecy::ExposeSecret;

    use super::*;

    fn answered(bytes: &[u8]) -> Result<SecretString, CredentialError> {
        let (here, mut there) = UnixStream::pair().unwrap();
        there.write_all(bytes).unwrap();
        drop(there);
        answer_from(&here)
    }

    #[test]
    fn the_password_is_what_the_person_types() {
        assert_eq!(answered(b" Correct Horse \n").unwrap().expose_secret(), " Correct Horse ");
        assert_eq!(answered(b"x").unwrap().expose_secret(), "x");
    }

    #[test]
    fn no_answer_is_no_password() {
        for nothing in [&b""[..], b"\n", b"\xff\n"] {
            assert!(matches!(answered(nothing), Err(CredentialError::Unanswered { .. })), "{nothing:?}");
        }
    }

    #[test]
    fn only_a_service_that_a_person_started_has_somebody_asked() {
        let asks = |set: &[&str]| {
            let environment = |name: &str| set.contains(&name).then(|| OsString::from("x"));
            let layers = Layers {
                command_line: HashMap::default(),
                environment: &environment,
                file: None,
                refused: RefCell::default(),
            };
            Credentials::new(&layers, None, &mut Vec::new()).asking_socket.is_some()
        };
        assert!(asks(&["INVOCATION_ID"]));
        assert!(!asks(&["INVOCATION_ID", "TRIGGER_UNIT"]));
        assert!(!asks(&[]));
    }
}

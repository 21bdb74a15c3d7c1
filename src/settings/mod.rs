//! Configuration: command line, environment, file, defaults.
//!
//! [`load`] reads all of them, before anything is touched, and gives a [`Settings`] whose values are valid, or an
//! [`Error`] that names every bad value with its option, its place, and what was expected.

mod answers;
mod cli;
mod credentials;
mod directories;
pub(crate) mod edit;
mod error;
pub(crate) mod file;
mod layers;
pub(crate) mod options;
mod values;

use std::cell::RefCell;
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;

pub(crate) use answers::written_variables;
pub use answers::{Answer, Answers};
pub use cli::{Command, MfaCommand, definition};
pub use credentials::{CredentialError, Credentials};
pub(crate) use credentials::{credential_ids, on_terminal, prompt_hidden};
pub(crate) use directories::User;
pub use directories::{Directories, SERVICE_USER};
pub use error::{BadValue, Error, Origin};
pub use options::{Variable, variables};
pub use values::{AccountName, Limit, LogLevel, MaxDelete, MfaPush, Rate, Region, SentryDsn, Threads};

pub(crate) use values::for_account;

use layers::{ConfigFile, Layers};
use options::Setting;
use values::{Days, MfaTimeout, Patience, Size, WebAddress};

/// Looks up a variable of the environment.
pub type Lookup<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// A valid configuration.
#[derive(Debug)]
pub struct Settings {
    /// The name of a further account; `None` for the unnamed one.
    pub account: Option<AccountName>,
    /// Where state, runtime files and caches live.
    pub directories: Directories,
    /// How to sign in.
    pub sign_in: SignIn,
    /// The library directory and what may happen to it.
    pub library: Library,
    /// How to use the network.
    pub network: Network,
    /// What is logged where.
    pub logging: Logging,
    /// Who else hears of a run.
    pub reporting: Reporting,
}

/// How to sign in.
#[derive(Debug)]
pub struct SignIn {
    /// Where user name and password come from.
    pub credentials: Credentials,
    /// A trust token that replaces the stored one.
    pub trust_token: Option<SecretString>,
    /// Whether to forget the stored trust token first.
    pub refresh_token: bool,
    /// Where the account lives.
    pub region: Region,
    /// Whether the user hopes for a way to sign in that Apple has switched off.
    pub legacy: bool,
    /// How long to wait for a code, or for an approval on a device.
    pub mfa_timeout: Duration,
    /// Who asks Apple for a code.
    pub mfa_push: MfaPush,
}

/// The library directory and what may happen to it.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct Library {
    /// Its root, an absolute path.
    pub data_dir: PathBuf,
    /// Whether to take the lock from its holder.
    pub force: bool,
    /// Whether to accept a library that is not the known one.
    pub adopt: bool,
    /// Whether the videos of Live Photos are left out.
    pub skip_live_photos: bool,
    /// Whether alternative originals are left out.
    pub skip_alternatives: bool,
    /// How much one run may delete.
    pub max_delete: MaxDelete,
    /// How long deleted files are kept in the trash.
    pub keep_deleted: Duration,
    /// How many bytes to leave free on the disk.
    pub min_free: u64,
    /// Whether archiving deletes from iCloud.
    pub remote_delete: bool,
}

/// How to use the network.
#[derive(Debug)]
pub struct Network {
    /// How many downloads at once.
    pub threads: Threads,
    /// How long one download may make no progress; `None` for ever.
    pub download_timeout: Option<Duration>,
    /// How often a failed request is tried again.
    pub max_retries: Limit,
    /// How fast metadata may be asked for.
    pub metadata_rate: Rate,
    /// Whether the traffic is written into a HAR file.
    pub capture: bool,
}

/// What is logged where.
#[derive(Debug)]
pub struct Logging {
    /// How much is logged.
    pub level: LogLevel,
    /// Whether nothing is printed on the terminal.
    pub silent: bool,
    /// Whether to log to the terminal also when the log goes to the journal.
    pub to_terminal: bool,
    /// Whether warnings are kept off the terminal.
    pub suppress_warnings: bool,
}

/// Who else hears of a run.
#[derive(Debug)]
pub struct Reporting {
    /// The address of a health check, without a slash at its end.
    pub health_check: Option<String>,
    /// Whether metrics are written.
    pub metrics: bool,
    /// Whether a report is written when the program crashes.
    pub crash_reports: bool,
    /// Where such reports are sent.
    pub sentry: Option<SentryDsn>,
}

/// What [`load`] found.
#[derive(Debug)]
pub struct Loaded {
    /// What to do.
    pub command: Command,
    /// How to do it.
    pub settings: Settings,
    /// What a setup need not ask.
    pub answers: Answers,
    /// What is odd about the configuration, to be logged once there is a log.
    pub warnings: Vec<String>,
}

/// Reads the configuration: `arguments` (the program's name included), `environment`, and the file that they
/// name.
pub fn load(
    arguments: impl IntoIterator<Item = OsString>,
    environment: &Lookup<'_>,
) -> Result<Loaded, Error> {
    let cli::Invocation { command, values } = cli::parse(arguments)?;
    let mut warnings = Vec::new();
    let mut layers =
        Layers { command_line: values, environment, file: None, refused: RefCell::new(Vec::new()) };
    let user = User::current();
    let account: Option<AccountName> = layers.value(&options::ACCOUNT).map(|(name, _)| name);
    refused(&layers)?;
    let name = account.as_ref().map(AccountName::as_str);
    let candidates = candidates(&layers, name, user, &command);
    layers.file = candidates.read(&mut warnings)?;
    let directories = Directories::find(name, user, environment)?;
    let settings = Settings {
        sign_in: sign_in(&layers, name, &mut warnings),
        library: library(&layers),
        network: network(&layers),
        logging: logging(&layers),
        reporting: reporting(&layers),
        account,
        directories,
    };
    units(&layers, &command, &mut warnings);
    refused(&layers)?;
    let answers = Answers::new(&layers, candidates.paths, &settings.library.data_dir);
    Ok(Loaded { command, settings, answers, warnings })
}

fn refused(layers: &Layers<'_>) -> Result<(), Error> {
    let refused = layers.refused.take();
    if refused.is_empty() { Ok(()) } else { Err(Error::BadValues(refused)) }
}

/// The value of an option that has a default. If it is refused, the run ends before the stand-in is used.
fn value<T: FromStr<Err = &'static str>>(layers: &Layers<'_>, setting: &Setting, stand_in: T) -> T {
    layers.value(setting).map_or(stand_in, |(value, _)| value)
}

fn sign_in(layers: &Layers<'_>, account: Option<&str>, warnings: &mut Vec<String>) -> SignIn {
    let trust_token = layers.text(&options::TRUST_TOKEN);
    let credentials = Credentials::new(layers, account, warnings);
    if let Some((_, Origin::File(path, _))) = &trust_token {
        warn_if_readable_by_others(path, warnings);
    }
    SignIn {
        credentials,
        trust_token: trust_token.map(|(text, _)| SecretString::from(text.as_str())),
        refresh_token: layers.switch(&options::REFRESH_TOKEN),
        region: value(layers, &options::REGION, Region::default()),
        legacy: layers.switch(&options::LEGACY_LOGIN),
        mfa_timeout: value(layers, &options::MFA_TIMEOUT, MfaTimeout(Duration::ZERO)).0,
        mfa_push: value(layers, &options::MFA_PUSH, MfaPush::default()),
    }
}

fn library(layers: &Layers<'_>) -> Library {
    Library {
        data_dir: data_dir(layers),
        force: layers.switch(&options::FORCE),
        adopt: layers.switch(&options::ADOPT_LIBRARY),
        skip_live_photos: layers.switch(&options::SKIP_LIVE_PHOTOS),
        skip_alternatives: layers.switch(&options::SKIP_ALTERNATIVES),
        max_delete: value(layers, &options::MAX_DELETE, MaxDelete::default()),
        keep_deleted: value(layers, &options::KEEP_DELETED, Days(0)).duration(),
        min_free: value(layers, &options::MIN_FREE, Size(0)).0,
        remote_delete: layers.switch(&options::REMOTE_DELETE),
    }
}

/// A relative path is meant from where the command is typed; elsewhere it would mean a place nobody chose.
fn data_dir(layers: &Layers<'_>) -> PathBuf {
    let Some((text, origin)) = layers.text(&options::DATA_DIR) else { return PathBuf::new() };
    let path = PathBuf::from(text.as_str());
    if path.is_absolute() {
        return path;
    }
    match std::path::absolute(&path) {
        Ok(absolute) if origin == Origin::CommandLine => absolute,
        _ => {
            layers.refuse_text(&options::DATA_DIR, &text, origin, "expected an absolute path");
            path
        }
    }
}

fn network(layers: &Layers<'_>) -> Network {
    Network {
        threads: value(layers, &options::DOWNLOAD_THREADS, Threads::Auto),
        download_timeout: value(layers, &options::DOWNLOAD_TIMEOUT, Patience(None)).0,
        max_retries: value(layers, &options::MAX_RETRIES, Limit::AtMost(0)),
        metadata_rate: value(layers, &options::METADATA_RATE, Rate::default()),
        capture: layers.switch(&options::NETWORK_CAPTURE),
    }
}

fn logging(layers: &Layers<'_>) -> Logging {
    Logging {
        level: value(layers, &options::LOG_LEVEL, LogLevel::default()),
        silent: layers.switch(&options::SILENT),
        to_terminal: layers.switch(&options::LOG_TO_CLI),
        suppress_warnings: layers.switch(&options::SUPPRESS_WARNINGS),
    }
}

fn reporting(layers: &Layers<'_>) -> Reporting {
    Reporting {
        health_check: layers.value(&options::HEALTH_CHECK_URL).map(|(WebAddress(url), _)| url),
        metrics: layers.switch(&options::EXPORT_METRICS),
        crash_reports: layers.switch(&options::CRASH_REPORTING),
        sentry: layers.value(&options::SENTRY_DSN).map(|(dsn, _)| dsn),
    }
}

/// What only the units use: nothing here depends on it, so a wrong hope deserves a word.
fn units(layers: &Layers<'_>, command: &Command, warnings: &mut Vec<String>) {
    if let Some((port, origin)) = layers.text(&options::PORT) {
        if !port.parse::<u16>().is_ok_and(|port| port > 0) {
            layers.refuse_text(&options::PORT, &port, origin, "expected a port from 1 to 65535");
            return;
        }
        warnings.push(format!(
            "--port {origin} has no effect here: codes are received by icps-mfa.socket; for HTTP enable \
             icps-mfa-http.socket and set ListenStream= there"
        ));
    }
    if let Some((_, origin)) = layers.text(&options::WEB_BASE_PATH) {
        warnings.push(format!(
            "--web-base-path {origin} has no effect here: only the receiver behind icps-mfa-http.socket uses it"
        ));
    }
    let only_here = matches!(layers.text(&options::SCHEDULE), Some((_, Origin::CommandLine)));
    if only_here && !matches!(command, Command::Setup) {
        warnings.push(
            "--schedule has no effect here: the timer reads SCHEDULE from the configuration file".into(),
        );
    }
}

/// Where the configuration file may be.
struct Candidates {
    /// The first that exists counts.
    paths: Vec<PathBuf>,
    /// Whether somebody wants one of them to be there.
    wanted: bool,
}

fn candidates(layers: &Layers<'_>, account: Option<&str>, user: User, command: &Command) -> Candidates {
    let named = layers.text(&options::CONFIG).map(|(path, _)| vec![PathBuf::from(path.as_str())]);
    // Whoever names a file, or an account, wants it to be there.
    let wanted = named.is_some() || account.is_some();
    let mut paths =
        named.unwrap_or_else(|| directories::configuration_files(account, user, layers.environment));
    let setup = matches!(command, Command::Setup);
    if setup {
        // What it will write; a person's setup has nothing to do with the service's file.
        paths.truncate(1);
    }
    Candidates { paths, wanted: wanted && !setup }
}

impl Candidates {
    fn read(&self, warnings: &mut Vec<String>) -> Result<Option<ConfigFile>, Error> {
        let origin = if self.wanted { Origin::CommandLine } else { Origin::Default };
        let mut missing = None;
        for path in &self.paths {
            match std::fs::read_to_string(path) {
                Ok(text) => return ConfigFile::parse(path, &text, warnings).map(Some),
                Err(source) if source.kind() == io::ErrorKind::NotFound => missing = Some((path, source)),
                Err(source) => return Err(Error::File { path: path.clone(), origin, source }),
            }
        }
        match missing {
            Some((path, source)) if self.wanted => Err(Error::File { path: path.clone(), origin, source }),
            _ => Ok(None),
        }
    }
}

fn warn_if_readable_by_others(path: &Path, warnings: &mut Vec<String>) {
    let readable = std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0);
    let place = path.display();
    let warning = format!("{place} holds a secret and every user can read it: chmod o-r {place}");
    if readable && !warnings.contains(&warning) {
        warnings.push(warning);
    }
}

#[cfg(test)]
mod tests;

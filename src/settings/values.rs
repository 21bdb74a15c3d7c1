//! The types of the options' values, each with the texts that it accepts.

use std::str::FromStr;
use std::time::Duration;

/// Which of Apple's two worlds the account lives in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Region {
    /// `icloud.com`.
    #[default]
    World,
    /// `icloud.com.cn`, mainland China.
    China,
}

/// A count that may be without limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// At most this many.
    AtMost(u32),
    /// No limit of the user's; the program still bounds it by what is sensible.
    Infinite,
}

/// How many downloads run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Threads {
    /// Grows while throughput grows, shrinks on throttling, within 4 to 32.
    #[default]
    Auto,
    /// A fixed number.
    Fixed(Limit),
}

/// How fast metadata may be asked for: `requests` per `interval`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests in each interval.
    pub requests: Limit,
    /// The interval; zero with an infinite number of requests means no limit.
    pub interval: Duration,
}

/// Who asks Apple for a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MfaPush {
    /// At once if a person started the run; a timer's run waits to be told.
    #[default]
    Auto,
    /// Always at once.
    Always,
    /// Only when told.
    Never,
}

/// How much a run may delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxDelete {
    /// At most this many files.
    Files(u64),
    /// At most this share of the local files, in percent; small libraries may always lose
    /// [`MaxDelete::ALWAYS_ALLOWED`] files.
    Percent(u8),
}

impl MaxDelete {
    /// The number of files that a limit in percent never refuses, except that an empty remote library never
    /// empties a local one.
    pub const ALWAYS_ALLOWED: u64 = 100;
}

impl Default for MaxDelete {
    fn default() -> Self {
        Self::Percent(20)
    }
}

impl Default for Rate {
    fn default() -> Self {
        Self { requests: Limit::Infinite, interval: Duration::ZERO }
    }
}

impl FromStr for Region {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "world" => Ok(Self::World),
            "china" => Ok(Self::China),
            _ => Err("expected world or china"),
        }
    }
}

impl FromStr for Limit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("infinity") {
            return Ok(Self::Infinite);
        }
        text.parse().map(Self::AtMost).map_err(|_| "expected a whole number or Infinity")
    }
}

impl FromStr for Threads {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("auto") {
            return Ok(Self::Auto);
        }
        match text.parse() {
            Ok(Limit::AtMost(0)) | Err(_) => Err("expected a whole number above 0, Infinity or auto"),
            Ok(limit) => Ok(Self::Fixed(limit)),
        }
    }
}

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected <requests or Infinity>/<milliseconds>, for example 1/20";
        let (requests, interval) = text.split_once('/').ok_or(EXPECTED)?;
        let requests = requests.parse().map_err(|_| EXPECTED)?;
        let interval = Duration::from_millis(interval.parse().map_err(|_| EXPECTED)?);
        if requests == Limit::AtMost(0) {
            return Err(EXPECTED);
        }
        Ok(Self { requests, interval })
    }
}

impl FromStr for MfaPush {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "always" => Ok(Self::Always),
            "never" => Ok(Self::Never),
            _ => Err("expected auto, always or never"),
        }
    }
}

impl FromStr for MaxDelete {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected a number of files, or a percentage from 0% to 100%";
        match text.strip_suffix('%') {
            Some(percent) => match percent.trim().parse() {
                Ok(percent @ 0..=100) => Ok(Self::Percent(percent)),
                _ => Err(EXPECTED),
            },
            None => text.parse().map(Self::Files).map_err(|_| EXPECTED),
        }
    }
}

/// A yes or no in the environment or in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Switch(pub(crate) bool);

impl FromStr for Switch {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" => Ok(Self(true)),
            "false" | "0" | "no" => Ok(Self(false)),
            _ => Err("expected true or false, yes or no, 1 or 0"),
        }
    }
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogLevel {
    /// Everything that helps to find an error.
    Debug,
    /// What happened.
    #[default]
    Info,
    /// What deserves attention.
    Warn,
    /// What went wrong.
    Error,
}

impl FromStr for LogLevel {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "debug" => Ok(Self::Debug),
            "info" => Ok(Self::Info),
            "warn" => Ok(Self::Warn),
            "error" => Ok(Self::Error),
            _ => Err("expected debug, info, warn or error"),
        }
    }
}

/// A number of bytes, such as `500M`, `1GiB` or `2000000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl FromStr for Size {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected a size such as 500M, 1GiB or a number of bytes";
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| EXPECTED)?;
        let factor = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kib" => 1 << 10,
            "m" | "mib" => 1 << 20,
            "g" | "gib" => 1 << 30,
            "t" | "tib" => 1 << 40,
            "kb" => 1_000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            "tb" => 1_000_000_000_000,
            _ => return Err(EXPECTED),
        };
        number.checked_mul(factor).map(Self).ok_or(EXPECTED)
    }
}

/// A number of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Days(pub(crate) u32);

impl Days {
    /// The same as a duration.
    pub(crate) fn duration(self) -> Duration {
        Duration::from_secs(u64::from(self.0) * 24 * 60 * 60)
    }
}

impl FromStr for Days {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = ["days", "day", "d"].iter().find_map(|unit| text.strip_suffix(unit)).unwrap_or(text);
        number.trim().parse().map(Self).map_err(|_| "expected a whole number of days")
    }
}

/// The time to wait for a code: whole seconds, at most as long as Apple's codes live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MfaTimeout(pub(crate) Duration);

impl FromStr for MfaTimeout {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(seconds @ 1..=600) => Ok(Self(Duration::from_secs(seconds))),
            _ => Err("expected a number of seconds from 1 to 600"),
        }
    }
}

/// The time that one download may make no progress: minutes, or none at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience(pub(crate) Option<Duration>);

impl FromStr for Patience {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(Limit::Infinite) => Ok(Self(None)),
            Ok(Limit::AtMost(minutes @ 1..)) => Ok(Self(Some(Duration::from_secs(u64::from(minutes) * 60)))),
            _ => Err("expected a whole number of minutes above 0, or Infinity"),
        }
    }
}

/// The address of a health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WebAddress(pub(crate) String);

impl FromStr for WebAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let host = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        match host {
            Some(rest)
                if !rest.is_empty() && !rest.starts_with('/') && !text.contains(char::is_whitespace) =>
            {
                Ok(Self(text.trim_end_matches('/').to_owned()))
            }
            _ => Err("expected an address that starts with https:// or http://"),
        }
    }
}

/// Where crash reports are sent: `https://KEY@HOST/PROJECT`, as Sentry writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentryDsn {
    /// Where envelopes are posted to.
    pub endpoint: String,
    /// Names the project; it is public.
    pub key: String,
}

impl FromStr for SentryDsn {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = || {
            let scheme = ["https://", "http://"].into_iter().find(|scheme| text.starts_with(scheme))?;
            let (login, place) = text[scheme.len()..].split_once('@')?;
            let (place, project) = place.rsplit_once('/')?;
            // Old ones have a secret too, which is not needed any more.
            let key = login.split(':').next().unwrap_or_default();
            let (host, path) = place.split_once('/').unwrap_or((place, ""));
            let is_word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
            let is_place =
                |text: &str| !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '@');
            if !is_word(key) || !is_word(project) || host.is_empty() || !is_place(place) {
                return None;
            }
            let path = if path.is_empty() { String::new() } else { format!("/{path}") };
            Some(Self {
                endpoint: format!("{scheme}{host}{path}/api/{project}/envelope/"),
                key: key.to_owned(),
            })
        };
        parts().ok_or("expected https://KEY@HOST/PROJECT")
    }
}

/// The name of a further account. It becomes part of paths and of unit names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountName(String);

impl AccountName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text for the user of an account: what it names (commands, in backquotes, the timer, the receiver's socket,
/// credentials) as a further account calls it.
pub(crate) fn for_account(account: Option<&AccountName>, text: String) -> String {
    let Some(AccountName(name)) = account else { return text };
    text.replace("`icps ", &format!("`icps --account {name} "))
        .replace("icps.timer", &format!("icps@{name}.timer"))
        .replace("/run/icps/mfa.sock", &format!("/run/icps/{name}/mfa.sock"))
        .replace("icps.password", &format!("icps.{name}.password"))
}

impl FromStr for AccountName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        // Both are names of files and directories of the unnamed account.
        let taken = matches!(text, "icps" | "mfa");
        if text.is_empty() || text.len() > 64 || !text.chars().all(allowed) || taken {
            return Err("expected a name of letters, digits, - and _ that is neither icps nor mfa");
        }
        Ok(Self(text.to_owned()))
    }
}

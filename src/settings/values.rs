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

//! What can be wrong with the configuration.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::exit::Exit;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The command line.
    CommandLine,
    /// A variable of the environment.
    Environment(&'static str),
    /// A line of the configuration file, counted from 1.
    File(PathBuf, usize),
    /// The program itself.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => f.write_str("on the command line"),
            Self::Environment(name) => write!(f, "in the environment variable {name}"),
            Self::File(path, line) => write!(f, "in {}, line {line}", path.display()),
            Self::Default => f.write_str("by default"),
        }
    }
}

/// A value that its option does not accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadValue {
    /// The option's long name.
    pub option: &'static str,
    /// The value; `None` if it is a secret.
    pub value: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
    /// What was expected.
    pub expected: &'static str,
}

impl fmt::Display for BadValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => {
                write!(f, "--{}: bad value {value:?} {}: {}", self.option, self.origin, self.expected)
            }
            None => write!(f, "--{}: bad value {}: {}", self.option, self.origin, self.expected),
        }
    }
}

/// Why the configuration cannot be used. Nothing has been touched yet.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line is wrong, or it asked for help or the version.
    #[error("{0}")]
    CommandLine(#[from] clap::Error),
    /// Values that their options do not accept; never empty.
    #[error("{}", lines(.0))]
    BadValues(Vec<BadValue>),
    /// The configuration file cannot be read.
    #[error("cannot read the configuration file {path} (given {origin}): {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Who named it.
        origin: Origin,
        /// Why.
        source: io::Error,
    },
    /// A line of the configuration file makes no sense.
    #[error("{path}, line {line}: {expected}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What was expected.
        expected: &'static str,
    },
    /// No directory for the state is known.
    #[error("no directory for {0} is known: set HOME, or {1}")]
    NoDirectory(&'static str, &'static str),
}

fn lines(values: &[BadValue]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

impl Error {
    /// Usage if the command line is to blame, else configuration; help and version are no failure.
    pub fn exit(&self) -> Exit {
        match self {
            Self::CommandLine(error) if error.use_stderr() => Exit::Usage,
            Self::CommandLine(_) => Exit::Done,
            Self::BadValues(values) if values.iter().any(|bad| bad.origin == Origin::CommandLine) => {
                Exit::Usage
            }
            Self::File { origin: Origin::CommandLine, .. } => Exit::Usage,
            _ => Exit::Config,
        }
    }
}

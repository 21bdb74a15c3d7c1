//! Why a setup ends.

use std::io;
use std::path::{Path, PathBuf};

use crate::commands::failure::Failure;
use crate::exit::Exit;
use crate::settings::SERVICE_USER;

#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("the service is set up by root")]
    NotRoot,
    #[error("there is no user {SERVICE_USER}, as whom the service runs")]
    NoServiceUser,
    #[error("there is no terminal to ask on, and this is not known yet: {}", .0.join(", "))]
    Unanswered(Vec<String>),
    #[error("--{option}: bad value {value:?}: {expected}")]
    BadValue { option: &'static str, value: String, expected: String, given: bool },
    #[error("stopped; nothing was written")]
    Declined,
    #[error("{}, line {line}: {expected}", path.display())]
    Line { path: PathBuf, line: usize, expected: &'static str },
    #[error("cannot {what} {}: {source}", path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
}

impl Error {
    /// For `map_err`: what could not be done with which file.
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            Error::NotRoot => Self::new(Exit::Usage, &error).hint("sudo icps setup"),
            Error::NoServiceUser => {
                Self::new(Exit::Config, &error).hint("the package makes it: systemd-sysusers icps.conf")
            }
            Error::Unanswered(_) | Error::BadValue { given: true, .. } => Self::new(Exit::Usage, &error),
            Error::BadValue { .. } | Error::Line { .. } => Self::new(Exit::Config, &error),
            Error::Declined | Error::Io { .. } => Self::new(Exit::Failed, &error),
        }
    }
}

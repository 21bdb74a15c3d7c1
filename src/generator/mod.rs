//! The generator: turns `SCHEDULE` and `DATA_DIR` of the configuration into drop-ins for the units.
//!
//! The manager runs it at boot and at every `daemon-reload` and waits for it, so it reads a few small files, writes a
//! few small files and is done. Nothing that it finds may keep a machine from booting: what is wrong is reported, and
//! the unit keeps its default.

mod calendar;
mod conf;
mod cron;
mod dropins;
mod log;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use conf::Conf;
use dropins::DropIns;
pub use dropins::Scope;
pub use log::report;

/// What the environment says about the manager that runs the generator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manager {
    /// Whose manager it is.
    pub scope: Scope,
    /// Where the configuration files are.
    pub configuration: PathBuf,
}

impl Manager {
    /// Looks at `$SYSTEMD_SCOPE`, and for a user at `$XDG_CONFIG_HOME` and `$HOME`. `None`: a user without a home.
    pub fn of(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<Self> {
        if variable("SYSTEMD_SCOPE").is_none_or(|scope| scope.as_os_str() != "user") {
            return Some(Self { scope: Scope::System, configuration: PathBuf::from("/etc/icps") });
        }
        let configuration = variable("XDG_CONFIG_HOME")
            .filter(|directory| directory.is_absolute())
            .or_else(|| variable("HOME").map(|home| home.join(".config")))?;
        Some(Self { scope: Scope::User, configuration: configuration.join("icps") })
    }
}

/// Writes the drop-ins for all accounts below `output`. Returns what is wrong, one line each.
pub fn generate(manager: &Manager, output: &Path) -> Vec<String> {
    let mut errors = Vec::new();
    for (account, path) in conf::files(&manager.configuration) {
        let conf = match Conf::read(&path) {
            Ok(conf) => conf,
            Err(error) => {
                errors.push(format!("{error}; the units keep their defaults"));
                continue;
            }
        };
        let drop_ins = DropIns::of(account.as_deref(), &conf, manager.scope);
        let place = path.display();
        errors.extend(
            drop_ins.errors.iter().map(|error| format!("{place}: {error}; the unit keeps its default")),
        );
        errors.extend(drop_ins.write(output).into_iter().map(|error| error.to_string()));
    }
    errors
}

/// Whether the generator understands a `SCHEDULE`; if not, why.
pub fn check_schedule(text: &str) -> Result<(), String> {
    dropins::schedule(text).map(drop)
}

/// Whether the generator can open a `DATA_DIR` to the services; if not, why.
pub fn check_data_dir(text: &str) -> Result<(), String> {
    dropins::library(text).map(drop)
}

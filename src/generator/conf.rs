//! The few values of the configuration that concern the units.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::settings::options::DATA_DIR;
use crate::settings::{AccountName, file};

/// Name of the file for the account without a name, without its extension.
const UNNAMED: &str = "icps";

/// The values as they are written; an empty one counts as missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Conf {
    /// `SCHEDULE`: a cron expression.
    pub(super) schedule: Option<String>,
    /// `DATA_DIR`: the library; the default of the program if it is missing.
    pub(super) data_dir: Option<String>,
    /// `PORT` of the optional socket for HTTP.
    pub(super) port: Option<String>,
    /// `WEB_BASE_PATH` in front of the receiver's paths.
    pub(super) web_base_path: Option<String>,
}

impl Conf {
    /// Reads the text of a file. The last of several assignments counts.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut conf = Self::default();
        let assignments = file::parse(text).map_err(|bad| format!("line {}: {}", bad.line, bad.expected))?;
        for assignment in assignments {
            let place = match assignment.name.as_str() {
                "SCHEDULE" => &mut conf.schedule,
                "DATA_DIR" => &mut conf.data_dir,
                "PORT" => &mut conf.port,
                "WEB_BASE_PATH" => &mut conf.web_base_path,
                _ => continue,
            };
            *place = Some(assignment.value.to_string()).filter(|value| !value.is_empty());
        }
        conf.data_dir = conf.data_dir.or_else(|| DATA_DIR.default.map(str::to_owned));
        Ok(conf)
    }

    /// Reads a file; one that does not exist is an empty one.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        Self::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// The configuration files of a directory with their accounts; the one without a name comes first, even if it has no
/// file, because its units exist all the same.
pub(super) fn files(directory: &Path) -> Vec<(Option<String>, PathBuf)> {
    // Without the directory there are no further accounts.
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut accounts: Vec<String> =
        entries.filter_map(|entry| account(Path::new(&entry.file_name()))).collect();
    accounts.sort();
    let unnamed = (None, directory.join(UNNAMED).with_extension("conf"));
    let named =
        accounts.into_iter().map(|name| (Some(name.clone()), directory.join(name).with_extension("conf")));
    std::iter::once(unnamed).chain(named).collect()
}

/// The account of a file such as `alice.conf`.
fn account(file: &Path) -> Option<String> {
    let name: AccountName = file.file_stem()?.to_str()?.parse().ok()?;
    (file.extension()? == "conf").then(|| name.as_str().to_owned())
}

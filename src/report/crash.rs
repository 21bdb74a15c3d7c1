//! Reports of crashes, for those who want to pass them on. Nothing is sent by the program.

use std::backtrace::Backtrace;
use std::fmt::Write as _;
use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tracing::{error, warn};

use super::Log;

/// Writes a report into the state directory when the program panics or fails without a reason of the user's.
#[derive(Debug, Clone)]
pub struct CrashReports {
    directory: PathBuf,
    log: Log,
    /// What must not leave the machine; the log holds no secrets, but it may name the user.
    names: Vec<String>,
}

/// How much of the log a report holds.
const LINES: usize = 200;

impl CrashReports {
    /// Reports go into `directory`, with `names` blacked out.
    pub fn new(directory: &Path, log: &Log, names: Vec<String>) -> Self {
        let names = names.into_iter().filter(|name| !name.is_empty()).collect();
        Self { directory: directory.to_owned(), log: log.clone(), names }
    }

    /// From now on, a panic writes a report too.
    pub fn watch_panics(&self) {
        let reports = self.clone();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            before(panic);
            reports.write(&panic.to_string());
        }));
    }

    /// Writes a report about `cause`.
    pub fn write(&self, cause: &str) {
        let text = self.text(cause, &Backtrace::force_capture());
        let path = self.directory.join(format!("crash-{}.txt", Timestamp::now().as_millisecond()));
        match store(&path, &text) {
            Ok(()) => error!("A report of the crash is in {}; please pass it on.", path.display()),
            Err(error) => warn!("Cannot write a report of the crash into {}: {error}.", path.display()),
        }
    }

    fn text(&self, cause: &str, backtrace: &Backtrace) -> String {
        let log = self.log.tail();
        let lines: Vec<_> = log.lines().collect();
        let last = lines.iter().skip(lines.len().saturating_sub(LINES));
        let mut text = format!("icps {}\n\n{cause}\n\n{backtrace}\n\n", env!("CARGO_PKG_VERSION"));
        for line in last {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{line}");
        }
        self.names.iter().fold(text, |text, name| text.replace(name.as_str(), "<name>"))
    }
}

fn store(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".crash")
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_cause_and_version_and_no_names() {
        let directory = tempfile::TempDir::new().unwrap();
        let names = vec!["jane@example.org".into(), String::new()];
        let reports = CrashReports::new(directory.path(), &Log::default(), names);
        reports.write("it broke for jane@example.org");
        let [report] = &std::fs::read_dir(directory.path()).unwrap().flatten().collect::<Vec<_>>()[..] else {
            panic!("one report")
        };
        let text = std::fs::read_to_string(report.path()).unwrap();
        assert!(text.starts_with(concat!("icps ", env!("CARGO_PKG_VERSION"))), "{text}");
        assert!(text.contains("it broke for <name>") && !text.contains("jane"), "{text}");
    }
}

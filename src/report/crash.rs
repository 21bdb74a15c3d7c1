//! Reports of crashes, for those who want them. They are sent only where the user says.

use std::backtrace::Backtrace;
use std::fmt::Write as _;
use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tracing::{error, info, warn};

use super::{Log, web};
use crate::settings::SentryDsn;

/// Writes a report into the state directory when the program panics or fails without a reason of the user's.
#[derive(Debug, Clone)]
pub struct CrashReports {
    directory: PathBuf,
    log: Log,
    /// What must not leave the machine; the log holds no secrets, but it may name the user.
    names: Vec<String>,
    /// The last report that was written.
    last: Arc<Mutex<Option<String>>>,
}

/// The end of a run does not wait longer than this for the report to be taken.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How much of the log a report holds.
const LINES: usize = 200;

impl CrashReports {
    /// Reports go into `directory`, with `names` blacked out.
    pub fn new(directory: &Path, log: &Log, names: Vec<String>) -> Self {
        let names = names.into_iter().filter(|name| !name.is_empty()).collect();
        Self { directory: directory.to_owned(), log: log.clone(), names, last: Arc::default() }
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
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }

    /// Sends the report of this run, if there is one.
    pub async fn send(&self, sentry: &SentryDsn) {
        let Some(report) = self.last.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let body = envelope(self.log.run(), &report);
        let version = env!("CARGO_PKG_VERSION");
        let authority =
            format!("Sentry sentry_version=7, sentry_client=icps/{version}, sentry_key={}", sentry.key);
        let sent = async {
            let request = web::client(TIMEOUT)?.post(&sentry.endpoint).header("x-sentry-auth", authority);
            let request = request.header("content-type", "application/x-sentry-envelope").body(body);
            request.send().await?.error_for_status()
        };
        match sent.await {
            Ok(_) => info!("The report of the crash was sent."),
            Err(error) => warn!("The report of the crash was not sent: {}.", error.without_url()),
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

/// A report as Sentry takes it: headers and an event, each a line of JSON. A run has one at most.
fn envelope(id: &str, report: &str) -> String {
    let now = Timestamp::now();
    let event = json!({
        "event_id": id,
        "timestamp": now.to_string(),
        "platform": "native",
        "level": "fatal",
        "release": concat!("icps@", env!("CARGO_PKG_VERSION")),
        // The cause follows the version.
        "message": {"formatted": report.lines().nth(2).unwrap_or_default()},
        "extra": {"report": report},
    });
    let event = event.to_string();
    let head = json!({"event_id": id, "sent_at": now.to_string()});
    format!("{head}\n{}\n{event}\n", json!({"type": "event", "length": event.len()}))
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

    #[tokio::test]
    async fn a_report_is_sent_where_the_user_says() {
        let directory = tempfile::TempDir::new().unwrap();
        let reports = CrashReports::new(directory.path(), &Log::default(), vec!["jane".into()]);
        reports.write("it broke for jane");
        let request = web::tests::heard("200 OK", "}\n", async |address| {
            let sentry = format!("http://abc@{address}/7").parse().unwrap();
            reports.send(&sentry).await;
            // There is nothing to send any more.
            reports.send(&sentry).await;
        })
        .await;
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /api/7/envelope/ HTTP/1.1"), "{head}");
        assert!(head.contains("sentry_key=abc"), "{head}");
        let lines: Vec<serde_json::Value> =
            body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [head, item, event] = &lines[..] else { panic!("{body}") };
        assert_eq!(head["event_id"], event["event_id"]);
        assert_eq!(item["length"], body.lines().last().unwrap().len());
        assert_eq!(event["message"]["formatted"], "it broke for <name>");
        assert!(!body.contains("jane"), "{body}");
    }
}

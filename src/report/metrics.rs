//! Figures of a run for those who draw graphs.
//!
//! `InfluxDB` line protocol goes to `.icloud-photos-sync.metrics` in the library directory, where dashboards made
//! for the program `icloud-photos-sync` look for it: the same measurement, the same field names. Prometheus text
//! goes to `icps.prom` in the state directory, for the textfile collector of `node_exporter`.

use std::fmt::Write as _;
use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nix::fcntl::OFlag;
use tracing::warn;

use super::LastRun;

const INFLUX_FILE: &str = ".icloud-photos-sync.metrics";
const PROMETHEUS_FILE: &str = "icps.prom";

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value<'a> {
    /// A whole number.
    Number(u64),
    /// A text of the program's own.
    Text(&'a str),
}

/// The `InfluxDB` file of one run.
#[derive(Debug)]
pub struct Metrics {
    path: PathBuf,
}

impl Metrics {
    /// Begins the file of a run; the one of the last run is overwritten.
    pub fn begin(data_dir: &Path) -> Self {
        let metrics = Self { path: data_dir.join(INFLUX_FILE) };
        metrics.write(OpenOptions::new().create(true).write(true).truncate(true), "");
        metrics
    }

    /// Adds a state of the run, with what is known by then.
    pub fn status(&self, status: &str, fields: &[(&str, u64)]) {
        let now = Timestamp::now();
        let time = u64::try_from(now.as_millisecond()).unwrap_or_default();
        let mut all = vec![("status_time", Value::Number(time)), ("status", Value::Text(status))];
        all.extend(fields.iter().map(|(name, value)| (*name, Value::Number(*value))));
        self.write(OpenOptions::new().create(true).append(true), &line(&all, now));
    }

    fn write(&self, options: &mut OpenOptions, text: &str) {
        // The directory may be shared: a symlink in this place is not followed.
        let file = options.mode(0o644).custom_flags(OFlag::O_NOFOLLOW.bits()).open(&self.path);
        if let Err(error) = file.and_then(|mut file| file.write_all(text.as_bytes())) {
            warn!("Cannot write metrics into {}: {error}.", self.path.display());
        }
    }
}

fn line(fields: &[(&str, Value<'_>)], time: Timestamp) -> String {
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| match value {
            Value::Number(number) => format!("{name}={number}i"),
            Value::Text(text) => format!("{name}=\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        })
        .collect();
    format!("icloud_photos_sync {} {}\n", fields.join(","), time.as_nanosecond())
}

/// Writes what Prometheus should know after a run.
pub fn write_prometheus(
    state: &Path,
    run: &LastRun,
    trust_expires: Option<Timestamp>,
    figures: &[(&str, u64)],
) -> io::Result<()> {
    let mut file = tempfile::Builder::new()
        .prefix(".icps.prom")
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(state)?;
    file.write_all(prometheus(run, trust_expires, figures).as_bytes())?;
    file.persist(state.join(PROMETHEUS_FILE))?;
    Ok(())
}

fn prometheus(run: &LastRun, trust_expires: Option<Timestamp>, figures: &[(&str, u64)]) -> String {
    let seconds = |time: Option<Timestamp>| time.and_then(|time| u64::try_from(time.as_second()).ok());
    let mut text = String::new();
    let mut gauge = |name: &str, help: &str, value: Option<u64>| {
        if let Some(value) = value {
            // Writing to a string cannot fail.
            let _ =
                writeln!(text, "# HELP icps_{name} {help}\n# TYPE icps_{name} gauge\nicps_{name} {value}");
        }
    };
    gauge("last_run_timestamp_seconds", "When the last run ended.", seconds(Some(run.finished)));
    gauge("last_run_exit_code", "The exit code of the last run.", Some(run.exit.into()));
    gauge(
        "last_complete_backup_timestamp_seconds",
        "When a sync last found everything on disk and verified.",
        seconds(run.last_complete),
    );
    gauge("trust_token_expiry_timestamp_seconds", "Until when no code is needed.", seconds(trust_expires));
    for (name, value) in figures {
        gauge(name, "A figure of the last sync.", Some(*value));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::report::Outcome;

    fn lines_of(data_dir: &Path) -> Vec<String> {
        fs::read_to_string(data_dir.join(INFLUX_FILE)).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn points_are_appended_and_a_new_run_begins_afresh() {
        let directory = tempfile::TempDir::new().unwrap();
        let metrics = Metrics::begin(directory.path());
        metrics.status("SYNC_START", &[]);
        metrics.status("FETCH_N_LOAD_COMPLETED", &[("local_assets_loaded", 3), ("remote_assets_fetched", 4)]);
        let lines = lines_of(directory.path());
        assert_eq!(lines.len(), 2);
        let [measurement, fields, time] = lines[1].split(' ').collect::<Vec<_>>()[..] else {
            panic!("{lines:?}")
        };
        assert_eq!(measurement, "icloud_photos_sync");
        let tail = ",status=\"FETCH_N_LOAD_COMPLETED\",local_assets_loaded=3i,remote_assets_fetched=4i";
        assert!(fields.starts_with("status_time=") && fields.ends_with(tail), "{fields}");
        assert_eq!(time.len(), 19, "nanoseconds: {time}");
        Metrics::begin(directory.path());
        assert!(lines_of(directory.path()).is_empty());
    }

    #[test]
    fn a_symlink_in_its_place_is_not_followed() {
        let directory = tempfile::TempDir::new().unwrap();
        let target = directory.path().join("precious");
        fs::write(&target, "precious").unwrap();
        std::os::unix::fs::symlink(&target, directory.path().join(INFLUX_FILE)).unwrap();
        Metrics::begin(directory.path()).status("SYNC_START", &[]);
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
    }

    #[test]
    fn prometheus_has_what_is_known() {
        let run = LastRun {
            command: "sync".into(),
            run: "1".into(),
            started: Timestamp::UNIX_EPOCH,
            finished: Timestamp::from_second(100).unwrap(),
            outcome: Outcome::Warnings,
            exit: 3,
            message: String::new(),
            last_complete: None,
            ledger: None,
        };
        let text = prometheus(&run, Timestamp::from_second(200).ok(), &[("assets", 7)]);
        let values: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            values,
            [
                "icps_last_run_timestamp_seconds 100",
                "icps_last_run_exit_code 3",
                "icps_trust_token_expiry_timestamp_seconds 200",
                "icps_assets 7"
            ]
        );
    }
}

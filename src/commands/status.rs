//! `icps status`: how things stand.

use std::process::{Command, Stdio};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::Serialize;

use super::failure::Failure;
use super::mfa::describe;
use super::output::print;
use crate::icloud::{Overview, StateDir};
use crate::mfa::exchange::{Exchange, Request};
use crate::report::{LastRun, LastVerification, Outcome, count, duration, number};
use crate::settings::{Settings, User, for_account};

/// Everything that `icps status` knows.
#[derive(Debug, Serialize)]
struct Status {
    account: Option<String>,
    library: String,
    last_run: Option<LastRun>,
    last_complete_backup: Option<Timestamp>,
    last_verification: Option<LastVerification>,
    next_run: Option<Timestamp>,
    waiting_for_code: Option<Request>,
    trust_expires: Option<Timestamp>,
    next_sign_in: Option<NextSignIn>,
    second_factor_unanswered_since: Option<Timestamp>,
    credentials_refused: bool,
}

/// Why no sign-in is tried at present.
#[derive(Debug, Serialize)]
struct NextSignIn {
    not_before: Timestamp,
    reason: String,
}

/// Prints how things stand.
pub(super) fn run(settings: &Settings, json: bool) -> Result<(), Failure> {
    let status = gather(settings)?;
    if json {
        let text = serde_json::to_string_pretty(&status).unwrap_or_default();
        print(&text);
    } else {
        print(for_account(settings.account.as_ref(), status.text(Timestamp::now())));
    }
    Ok(())
}

fn gather(settings: &Settings) -> Result<Status, Failure> {
    let state = &settings.directories.state;
    // A look must not create anything.
    let overview = if state.is_dir() { StateDir::open(state)?.overview()? } else { Overview::default() };
    let last_run = LastRun::load(state);
    let account = settings.account.as_ref().map(|name| name.as_str().to_owned());
    Ok(Status {
        library: settings.library.data_dir.display().to_string(),
        last_complete_backup: last_run.as_ref().and_then(|run| run.last_complete),
        last_run,
        last_verification: LastVerification::load(state),
        next_run: next_run(account.as_deref()),
        account,
        waiting_for_code: Exchange::new(&settings.directories.runtime).waiting()?,
        trust_expires: overview.trust_expiry,
        next_sign_in: overview.next_attempt.map(|(not_before, reason)| NextSignIn { not_before, reason }),
        second_factor_unanswered_since: overview.unanswered_since,
        credentials_refused: overview.credentials_refused,
    })
}

/// When the timer elapses next. `None` without systemd, or if it is not enabled.
fn next_run(account: Option<&str>) -> Option<Timestamp> {
    let timer = account.map_or_else(|| "icps.timer".to_owned(), |name| format!("icps@{name}.timer"));
    let manager = match User::current() {
        User::Service => "--system",
        User::Person => "--user",
    };
    // `systemctl show` gives this time only in words.
    let output = Command::new("systemctl")
        .args([manager, "list-timers", "--all", "--output=json", "--", &timer])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let timers: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    Timestamp::from_microsecond(timers.get(0)?.get("next")?.as_i64()?).ok()
}

impl Status {
    fn text(&self, now: Timestamp) -> String {
        let mut lines = vec![format!("Library:               {}", self.library)];
        lines.push(match &self.last_run {
            Some(run) => {
                format!("Last run:              {}, {}", self::when(run.finished, now), outcome(run))
            }
            None => "Last run:              none yet".to_owned(),
        });
        if let Some(run) = &self.last_run {
            lines.push(format!("                       {}", run.message));
        }
        lines.push(match self.last_complete_backup {
            Some(time) => format!("Last complete backup:  {}", when(time, now)),
            None => "Last complete backup:  none yet".to_owned(),
        });
        lines.extend(self.last_verification.as_ref().map(|last| {
            format!("Last verification:     {}, {}", when(last.finished, now), verification(last))
        }));
        lines.push(match self.next_run {
            Some(time) => format!("Next run:              {}", when(time, now)),
            None => "Next run:              not planned (is icps.timer enabled?)".to_owned(),
        });
        lines.push(match self.trust_expires {
            Some(time) => {
                format!("Trust token:           expires {}; renew it with `icps token`", when(time, now))
            }
            None => "Trust token:           none known; `icps token` makes one".to_owned(),
        });
        if let Some(next) = &self.next_sign_in {
            lines.push(format!(
                "Sign-in:               not before {}: {}",
                when(next.not_before, now),
                next.reason
            ));
        }
        if self.credentials_refused {
            lines.push("Sign-in:               Apple refused user name or password; correct them".to_owned());
        }
        if let Some(since) = self.second_factor_unanswered_since {
            lines.push(format!(
                "Sign-in:               a code was not given, {}; run `icps token`",
                when(since, now)
            ));
        }
        if let Some(request) = &self.waiting_for_code {
            lines.push(describe(Some(request)));
        }
        lines.join("\n")
    }
}

fn outcome(run: &LastRun) -> String {
    match run.outcome {
        Outcome::Done => format!("{} done", run.command),
        Outcome::Warnings => format!("{} done, with warnings", run.command),
        Outcome::Stopped => format!("{} stopped on request", run.command),
        Outcome::Failed => format!("{} failed (exit code {})", run.command, run.exit),
    }
}

fn verification(last: &LastVerification) -> String {
    let damaged = match (last.damaged, last.repaired) {
        (0, _) => "none damaged".to_owned(),
        (damaged, 0) => format!("{} damaged", number(damaged)),
        (damaged, repaired) => format!("{} damaged, {} of them repaired", number(damaged), number(repaired)),
    };
    format!("{}: {damaged}", count(last.files, "file"))
}

/// A moment in local time, and how far away it is.
fn when(time: Timestamp, now: Timestamp) -> String {
    let local = time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M");
    let away = time.duration_since(now);
    let span = duration(away.unsigned_abs());
    if away < SignedDuration::ZERO { format!("{local} ({span} ago)") } else { format!("{local} (in {span})") }
}

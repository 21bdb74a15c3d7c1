//! The frame of a run: log, signals, record, and whoever wants to hear of it.

use std::os::unix::fs::DirBuilderExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::runtime::{self, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::failure::Failure;
use crate::events;
use crate::exit::Exit;
use crate::icloud::StateDir;
use crate::report::{
    CrashReports, HealthCheck, LastRun, Log, Outcome, Screen, Service, duration, write_prometheus,
};
use crate::settings::{Settings, for_account};

/// systemd is promised an end within 10 s of SIGTERM; what is not over by then is abandoned. A download that is
/// cut off continues where it was.
const GRACE: Duration = Duration::from_secs(8);

/// A run in progress.
pub(super) struct Run {
    pub(super) settings: Settings,
    pub(super) screen: Screen,
    pub(super) service: Service,
    /// Cancelled when the run shall end.
    pub(super) stop: CancellationToken,
    /// The command.
    pub(super) name: &'static str,
    backup: bool,
    crash_reports: Option<CrashReports>,
    log: Log,
    started: Timestamp,
}

/// How a run ended.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) outcome: Outcome,
    pub(super) exit: Exit,
    /// How far it came, what it did, or why it failed, as sentences.
    pub(super) message: String,
    /// The event in the journal, if it is more than the end of a run.
    pub(super) event: Option<&'static str>,
    /// Whether everything that Apple has is now on disk and verified.
    pub(super) complete: bool,
    /// The account of it, if it got so far.
    pub(super) ledger: Option<serde_json::Value>,
    /// The same in figures.
    pub(super) figures: Vec<(&'static str, u64)>,
}

impl Ending {
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::of(exit),
            exit,
            message: message.into(),
            event: None,
            complete: false,
            ledger: None,
            figures: Vec::new(),
        }
    }

    /// The ending of a run that was asked to stop.
    pub(super) fn stopped(how_far: &str) -> Self {
        let message = format!("Stopped on request: {how_far}.");
        Self { outcome: Outcome::Stopped, ..Self::new(Exit::Done, message) }
    }

    /// Not everything went well after all.
    pub(super) fn warn(&mut self) {
        if self.exit == Exit::Done {
            self.exit = Exit::Warnings;
            self.outcome = Outcome::of(self.exit);
        }
    }

    pub(super) fn failed(failure: &Failure) -> Self {
        Self { event: failure.event, ..Self::new(failure.exit, failure.text()) }
    }
}

impl Run {
    /// Carries out the story of a command, from its first line in the log to its last. A `backup` is remembered,
    /// and those who watch hear of it.
    pub(super) fn carry_out(
        name: &'static str,
        backup: bool,
        settings: Settings,
        warnings: &[String],
        story: impl AsyncFnOnce(&Self) -> Result<Ending, Failure>,
    ) -> Exit {
        let screen = Screen::new(settings.logging.silent);
        let log = Log::start(&settings.logging, &screen);
        let stop = CancellationToken::new();
        let crash_reports = settings.reporting.crash_reports.then(|| {
            let name = settings.sign_in.credentials.known_username().ok().flatten();
            let reports = CrashReports::new(&settings.directories.state, &log, name.into_iter().collect());
            reports.watch_panics();
            reports
        });
        let (service, started) = (Service::default(), Timestamp::now());
        let run = Self { settings, screen, service, stop, name, backup, crash_reports, log, started };
        for warning in warnings {
            warn!("{warning}.");
        }
        let runtime = match run.prepare() {
            Ok(runtime) => runtime,
            Err(failure) => return run.conclude(Ending::failed(&failure)),
        };
        let exit = runtime.block_on(run.tell(story));
        // Blocking work that nobody waits for any more must not hold up the end.
        runtime.shutdown_timeout(Duration::from_secs(1));
        exit
    }

    fn prepare(&self) -> Result<Runtime, Failure> {
        let failed = |error: std::io::Error| Failure::new(Exit::Failed, &error);
        super::identity::become_owner(&self.settings.directories).map_err(failed)?;
        let state = &self.settings.directories.state;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(state).map_err(|source| {
            let error = crate::icloud::Error::State { path: state.clone(), source };
            Failure::from(error).hint("run it as the user to whom the state directory belongs")
        })?;
        // The work is waiting for the network and for disks; what computes has threads of its own.
        runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(failed)
    }

    async fn tell(&self, story: impl AsyncFnOnce(&Self) -> Result<Ending, Failure>) -> Exit {
        info!(message_id = events::RUN_STARTED, "icps {} begins: {}.", env!("CARGO_PKG_VERSION"), self.name);
        tokio::spawn(stop_on_signal(self.stop.clone()));
        let address = self.settings.reporting.health_check.as_deref().filter(|_| self.backup);
        let health = address.and_then(HealthCheck::new).map(Arc::new);
        if let Some(health) = health.clone() {
            // Nobody waits for a slow health check.
            tokio::spawn(async move { health.started().await });
        }
        let abandoned = async {
            self.stop.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        let result = tokio::select! {
            result = AssertUnwindSafe(story(self)).catch_unwind() => result.unwrap_or_else(|_| Err(panicked())),
            () = abandoned => Ok(Ending::stopped("what was under way was abandoned")),
        };
        self.service.stopping();
        let ending = result.unwrap_or_else(|failure| Ending::failed(&failure));
        let outcome = ending.outcome;
        let exit = self.conclude(ending);
        if let (Some(reports), Some(sentry)) = (&self.crash_reports, &self.settings.reporting.sentry) {
            reports.send(sentry).await;
        }
        if let Some(health) = health {
            match outcome {
                // Neither a backup nor a failure: the next run will tell.
                Outcome::Stopped => {}
                Outcome::Done | Outcome::Warnings => health.ended(true, self.log.tail()).await,
                Outcome::Failed => health.ended(false, self.log.tail()).await,
            }
        }
        exit
    }

    /// Works on something until it is done, or until the run shall end (`None`).
    pub(super) async fn until_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.stop.run_until_cancelled(work).await
    }

    /// Says how it ended, and remembers it.
    fn conclude(&self, mut ending: Ending) -> Exit {
        ending.message = for_account(self.settings.account.as_ref(), ending.message);
        let finished = Timestamp::now();
        let took = duration(Duration::try_from(finished.duration_since(self.started)).unwrap_or_default());
        let how = match ending.outcome {
            Outcome::Done => "done",
            Outcome::Warnings => "done, with warnings",
            Outcome::Stopped => "stopped",
            Outcome::Failed => "failed",
        };
        if ending.outcome == Outcome::Failed {
            error!(message_id = ending.event, "{}", ending.message);
            // A failure that has a name is the user's to put right; the others are the program's.
            let nameless = ending.exit == Exit::Failed && ending.event.is_none();
            if let Some(reports) = self.crash_reports.as_ref().filter(|_| nameless) {
                reports.write(&ending.message);
            }
        } else {
            info!("{}", ending.message);
        }
        info!(message_id = events::RUN_FINISHED, "{}: {how}, after {took}.", self.name);
        let exit = ending.exit;
        super::occasion::ended(&self.settings.directories.state, exit);
        if self.backup {
            self.remember(ending, finished);
        }
        exit
    }

    fn remember(&self, ending: Ending, finished: Timestamp) {
        let state = &self.settings.directories.state;
        let (complete_before, ledger_before) =
            LastRun::load(state).map(|run| (run.last_complete, run.ledger)).unwrap_or_default();
        let record = LastRun {
            command: self.name.to_owned(),
            run: self.log.run().to_owned(),
            started: self.started,
            finished,
            outcome: ending.outcome,
            exit: ending.exit as u8,
            message: ending.message,
            last_complete: if ending.complete { Some(self.started) } else { complete_before },
            ledger: ending.ledger.or(ledger_before),
        };
        let mut saved = record.save(state);
        if self.settings.reporting.metrics {
            let trust = StateDir::open(state).and_then(|state| state.overview()).ok();
            let expiry = trust.and_then(|overview| overview.trust_expiry);
            saved = saved.and(write_prometheus(state, &record, expiry, &ending.figures));
        }
        if let Err(error) = saved {
            warn!("Cannot remember this run in {}: {error}.", state.display());
        }
    }
}

/// Work that may block: on the disk, or on a person at a terminal.
pub(super) async fn blocking<T: Send + 'static, E: Into<Failure> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await.map_err(JoinError::try_into_panic) {
        Ok(result) => result.map_err(Into::into),
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // Only the end of the runtime cancels such work, and it ends this too.
        Err(Err(_)) => std::future::pending().await,
    }
}

fn panicked() -> Failure {
    let error = std::io::Error::other("an error inside icps; the lines above say where");
    Failure::new(Exit::Failed, &error).hint("please report it")
}

/// The first SIGINT or SIGTERM asks the run to end; whoever sends a second one does not want to wait.
async fn stop_on_signal(stop: CancellationToken) {
    let (mut interrupt, mut terminate) =
        match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
            (Ok(interrupt), Ok(terminate)) => (interrupt, terminate),
            (Err(error), _) | (_, Err(error)) => {
                error!("Cannot listen for signals: {error}.");
                return;
            }
        };
    for already_stopping in [false, true] {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if already_stopping {
            std::process::exit(130);
        }
        info!("Stopping: what is under way is being finished. Once more to end at once.");
        stop.cancel();
    }
}

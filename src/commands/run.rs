//! The frame of a run: log, signals, record, and whoever wants to hear of it.

use std::os::unix::fs::DirBuilderExt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::failure::Failure;
use crate::events;
use crate::exit::Exit;
use crate::report::{LastRun, Log, Outcome, Screen, Service, duration};
use crate::settings::Settings;

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
    log: Log,
    name: &'static str,
    started: Timestamp,
}

/// How a run ended that did not fail.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) outcome: Outcome,
    /// How far it came, or what it did, as sentences.
    pub(super) message: String,
    /// Whether everything that Apple has is now on disk and verified.
    pub(super) complete: bool,
    /// The account of it, if it got so far.
    pub(super) ledger: Option<serde_json::Value>,
}

impl Ending {
    pub(super) fn new(outcome: Outcome, message: impl Into<String>) -> Self {
        Self { outcome, message: message.into(), complete: false, ledger: None }
    }

    /// The ending of a run that was asked to stop.
    pub(super) fn stopped(how_far: &str) -> Self {
        Self::new(Outcome::Stopped, format!("Stopped on request: {how_far}."))
    }

    fn exit(&self) -> Exit {
        match self.outcome {
            Outcome::Done | Outcome::Stopped => Exit::Done,
            Outcome::Warnings => Exit::Warnings,
            Outcome::Failed => Exit::Failed,
        }
    }
}

impl Run {
    /// Carries out the story of a command, from its first line in the log to its last.
    pub(super) fn carry_out(
        name: &'static str,
        settings: Settings,
        warnings: &[String],
        story: impl AsyncFnOnce(&Self) -> Result<Ending, Failure>,
    ) -> Exit {
        let screen = Screen::new(settings.logging.silent);
        let log = Log::start(&settings.logging, &screen);
        let service = Service::default();
        let stop = CancellationToken::new();
        let run = Self { settings, screen, service, stop, log, name, started: Timestamp::now() };
        for warning in warnings {
            warn!("{warning}.");
        }
        let result = run.prepare().and_then(|runtime| {
            let result = runtime.block_on(run.tell(story));
            // Blocking work that nobody waits for any more must not hold up the end.
            runtime.shutdown_timeout(Duration::from_secs(1));
            result
        });
        run.service.stopping();
        run.conclude(result)
    }

    fn prepare(&self) -> Result<tokio::runtime::Runtime, Failure> {
        let failed = |error: std::io::Error| Failure::new(Exit::Failed, &error);
        super::identity::become_owner(&self.settings.directories).map_err(failed)?;
        let state = &self.settings.directories.state;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(state).map_err(|source| {
            let error = crate::icloud::Error::State { path: state.clone(), source };
            Failure::from(error).hint("run it as the user to whom the state directory belongs")
        })?;
        // The work is waiting for the network and for disks; what computes has threads of its own.
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(failed)
    }

    async fn tell(
        &self,
        story: impl AsyncFnOnce(&Self) -> Result<Ending, Failure>,
    ) -> Result<Ending, Failure> {
        info!(message_id = events::RUN_STARTED, "icps {} begins: {}.", env!("CARGO_PKG_VERSION"), self.name);
        tokio::spawn(stop_on_signal(self.stop.clone()));
        let abandoned = async {
            self.stop.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            result = AssertUnwindSafe(story(self)).catch_unwind() => result.unwrap_or_else(|_| Err(panicked())),
            () = abandoned => Ok(Ending::stopped("what was under way was abandoned")),
        }
    }

    /// Works on something until it is done, or until the run shall end (`None`).
    pub(super) async fn until_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.stop.run_until_cancelled(work).await
    }

    fn conclude(&self, result: Result<Ending, Failure>) -> Exit {
        let (exit, ending) = match result {
            Ok(ending) => (ending.exit(), ending),
            Err(failure) => {
                failure.log();
                (failure.exit, Ending::new(Outcome::Failed, failure.text()))
            }
        };
        let finished = Timestamp::now();
        let took = Duration::try_from(finished.duration_since(self.started)).unwrap_or_default();
        if ending.outcome != Outcome::Failed {
            info!("{}", ending.message);
        }
        let how = match ending.outcome {
            Outcome::Done => "done",
            Outcome::Warnings => "done, with warnings",
            Outcome::Stopped => "stopped",
            Outcome::Failed => "failed",
        };
        info!(message_id = events::RUN_FINISHED, "{}: {how}, after {}.", self.name, duration(took));
        self.remember(ending, exit, finished);
        exit
    }

    fn remember(&self, ending: Ending, exit: Exit, finished: Timestamp) {
        let state = &self.settings.directories.state;
        let before = LastRun::load(state);
        let last_complete =
            if ending.complete { Some(self.started) } else { before.and_then(|run| run.last_complete) };
        let record = LastRun {
            command: self.name.to_owned(),
            run: self.log.run().to_owned(),
            started: self.started,
            finished,
            outcome: ending.outcome,
            exit: exit as u8,
            message: ending.message,
            last_complete,
            ledger: ending.ledger,
        };
        if let Err(error) = record.save(state) {
            warn!("Cannot remember this run in {}: {error}.", state.display());
        }
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

//! `icps verify`: reads the library again, and heals what is damaged.

mod account;
mod repair;

use std::sync::OnceLock;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::failure::Failure;
use super::ledger::MOST_NAMES;
use super::open::inspect;
use super::output::print;
use super::run::{Ending, Run, blocking};
use crate::events;
use crate::exit::Exit;
use crate::library::{Damaged, Findings, Inspection, Listener};
use crate::report::{Progress, Screen, Service};
use account::Account;
use repair::repair;

/// How a verification was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    /// Download again what is damaged.
    pub(super) repair: bool,
    /// Print the account as JSON.
    pub(super) json: bool,
}

/// One verification, from the lock to the account.
pub(super) async fn story(run: &Run, wish: Wish) -> Result<Ending, Failure> {
    let started = Timestamp::now();
    let inspection = inspect(run).await?;
    let (inspection, findings) = read(run, inspection).await?;
    for stray in findings.strays.iter().take(MOST_NAMES) {
        warn!("Left alone, since it is not of the library: {}.", stray.display());
    }

    let mut account = Account::of(findings);
    let mut trouble = None;
    if wish.repair && account.findings.complete && !account.findings.damaged.is_empty() {
        let repair = repair(run, inspection, &account.findings.damaged).await;
        account.repaired = Some(repair.healed);
        trouble = repair.trouble;
    }
    if account.findings.complete {
        remember(run, &account, started);
    }
    if wish.json {
        print(format_args!("{:#}", account.report()));
    }
    Ok(ending(run, &account, trouble))
}

/// Reads every file; the library stays locked.
async fn read(run: &Run, inspection: Inspection) -> Result<(Inspection, Findings), Failure> {
    let reader = Reader {
        screen: run.screen.clone(),
        service: run.service.clone(),
        stop: run.stop.clone(),
        progress: OnceLock::new(),
    };
    blocking(move || {
        let findings = inspection.verify(&reader).map_err(Failure::from)?;
        Ok::<_, Failure>((inspection, findings))
    })
    .await
}

fn remember(run: &Run, account: &Account, started: Timestamp) {
    let state = &run.settings.directories.state;
    if let Err(error) = account.record(started).save(state) {
        warn!("Cannot remember this verification in {}: {error}.", state.display());
    }
}

fn ending(run: &Run, account: &Account, trouble: Option<Failure>) -> Ending {
    let sentence = account.sentence();
    let remaining = account.remaining();
    if let Some(trouble) = trouble {
        let ending = Ending::failed(&trouble);
        let message = format!("{sentence} {}", ending.message);
        return Ending { message, ..ending };
    }
    let unfinished = !account.findings.complete || (account.repaired.is_some() && remaining > 0);
    let stopped = run.stop.is_cancelled() && unfinished;
    if remaining > 0 {
        // Damage that is known is not to be hidden behind a wish to stop.
        let begin = if stopped { "Stopped on request: " } else { "" };
        let hint = if account.repaired.is_none() { " To repair them: icps verify --repair" } else { "" };
        let ending = Ending::new(Exit::Failed, format!("{begin}{sentence}{hint}"));
        return Ending { event: Some(events::DAMAGED_FILE), ..ending };
    }
    if stopped {
        return Ending::stopped(sentence.trim_end_matches('.'));
    }
    Ending::new(if account.is_spotless() { Exit::Done } else { Exit::Warnings }, sentence)
}

/// Follows the reading, from many threads.
struct Reader {
    screen: Screen,
    service: Service,
    stop: CancellationToken,
    progress: OnceLock<Progress>,
}

impl Listener for Reader {
    fn begin(&self, files: u64, bytes: u64) {
        self.progress
            .get_or_init(|| Progress::begin(&self.screen, &self.service, "Verifying", "file", files, bytes));
    }

    fn read(&self, bytes: u64) {
        if let (Some(progress), Ok(bytes)) = (self.progress.get(), i64::try_from(bytes)) {
            progress.bytes(bytes);
        }
    }

    fn checked(&self) {
        if let Some(progress) = self.progress.get() {
            progress.things(1);
        }
    }

    fn damaged(&self, damaged: &Damaged) {
        let file = damaged.key.file_name();
        warn!(message_id = events::DAMAGED_FILE, icps_asset = file, "{damaged}.");
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }
}

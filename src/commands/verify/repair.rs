//! Fetching good copies of damaged files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use tracing::{info, warn};

use super::super::failure::Failure;
use super::super::open::open_inspected;
use super::super::run::Run;
use super::super::sign_in::sign_in;
use super::super::sync::options;
use super::super::watch::Watch;
use crate::icloud::photos::{Photos, Wanted};
use crate::library::{Damaged, Inspection};
use crate::model::FileKey;
use crate::report::{bytes, count};
use crate::sync::outcome::Warning;
use crate::sync::plan::{Amount, Download, DownloadReason};
use crate::sync::{Context, Observer, Phase, Plan, Shortage, Stopped, apply, plan};

/// What came of a repair.
pub(super) struct Repair {
    /// The files that are sound now.
    pub(super) healed: BTreeSet<FileKey>,
    /// What ended it early, beside a wish to stop.
    pub(super) trouble: Option<Failure>,
}

/// Fetches what is damaged from iCloud, as far as it has it.
pub(super) async fn repair(run: &Run, inspection: Inspection, damaged: &[Damaged]) -> Repair {
    let patient = Patient { watch: Watch::new(run), healed: Mutex::default() };
    let trouble = heal(run, inspection, damaged, &patient).await.err();
    Repair { healed: patient.healed.into_inner().unwrap_or_else(PoisonError::into_inner), trouble }
}

async fn heal(
    run: &Run,
    inspection: Inspection,
    damaged: &[Damaged],
    patient: &Patient,
) -> Result<(), Failure> {
    info!("To repair: {}.", count(damaged.len() as u64, "file"));
    let library = open_inspected(run, inspection).await?;
    let Some(account) = sign_in(run).await? else { return Ok(()) };
    // What is on disk is repaired, whatever the options leave out of a sync.
    let wanted = Wanted { live_photos: true, alternatives: true };
    let photos = Photos::new(account.clone(), wanted, run.settings.network.download_timeout);
    let progress = |progress| patient.watch.reading(progress);
    let Some(remote) = run.until_stopped(photos.read(&progress)).await else { return Ok(()) };
    let remote = remote?;
    patient.watch.read();

    let damaged: BTreeMap<FileKey, u64> = damaged.iter().map(|damaged| (damaged.key, damaged.size)).collect();
    let plan = plan::repair(&remote, &damaged);
    name_the_incurable(&plan, &damaged);
    let options = options(&run.settings);
    let context = Context::new(&remote, &library, &photos, options, patient, &run.stop);
    let outcome = apply::repair(plan, context).await;
    if let Err(error) = account.persist().await {
        warn!("{}", Failure::from(error).text());
    }
    match outcome.stopped {
        None | Some(Stopped::Requested) => Ok(()),
        Some(stopped) => Err(stopped.into()),
    }
}

fn name_the_incurable(plan: &Plan, damaged: &BTreeMap<FileKey, u64>) {
    let curable: BTreeSet<_> = plan.files.downloads.iter().map(|download| download.key).collect();
    for key in damaged.keys().filter(|key| !curable.contains(key)) {
        warn!(
            icps_asset = key.file_name(),
            "{} stays as it is: iCloud lists no such file (any more).",
            key.path()
        );
    }
}

/// Shows the progress, and notes what is healed.
struct Patient {
    watch: Watch,
    healed: Mutex<BTreeSet<FileKey>>,
}

impl Observer for Patient {
    fn start(&self, downloads: Amount) {
        self.watch.start(downloads);
    }

    fn shortage(&self, shortage: &Shortage) {
        self.watch.shortage(shortage);
    }

    fn phase(&self, phase: Phase) {
        self.watch.phase(phase);
    }

    fn bytes(&self, more: i64) {
        self.watch.bytes(more);
    }

    fn downloaded(&self, download: &Download) {
        self.watch.downloaded(download);
        self.healed.lock().unwrap_or_else(PoisonError::into_inner).insert(download.key);
        let had = match download.reason {
            DownloadReason::Damaged { found } if found != download.size => {
                format!(": it had {} instead of {} bytes", found, download.size)
            }
            _ => String::new(),
        };
        info!(
            icps_asset = download.key.file_name(),
            "Repaired {}, {}{had}.",
            download.key.path(),
            bytes(download.size)
        );
    }

    fn warning(&self, warning: &Warning, download: Option<&Download>) {
        self.watch.warning(warning, download);
    }
}

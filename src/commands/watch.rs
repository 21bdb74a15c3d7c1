//! Shows the progress of a sync, and tells the log what goes wrong while it happens.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::{debug, info, warn};

use super::run::Run;
use crate::events;
use crate::icloud::photos::ReadProgress;
use crate::model::Zone;
use crate::report::{Progress, Screen, Service, bytes, count};
use crate::sync::outcome::{Subject, Warning};
use crate::sync::plan::{Amount, Download};
use crate::sync::{Held, Observer, Phase, Shortage};

/// Follows one sync.
pub(super) struct Watch {
    screen: Screen,
    service: Service,
    now: Mutex<Now>,
}

/// What is shown at present.
#[derive(Default)]
struct Now {
    progress: Option<Progress>,
    /// Assets listed and counted, by zone.
    listed: BTreeMap<Zone, (u64, u64)>,
    albums: bool,
}

impl Watch {
    pub(super) fn new(run: &Run) -> Self {
        Self { screen: run.screen.clone(), service: run.service.clone(), now: Mutex::default() }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, what: &'static str, thing: &'static str, things: u64, bytes: u64) -> Progress {
        Progress::begin(&self.screen, &self.service, what, thing, things, bytes)
    }

    /// The remote library is being read.
    pub(super) fn reading(&self, progress: ReadProgress) {
        let mut now = self.now();
        match progress {
            ReadProgress::Assets { zone, listed, counted } => {
                now.listed.insert(zone, (listed, counted));
                let (listed, counted) =
                    now.listed.values().fold((0, 0), |(l, c), (listed, counted)| (l + listed, c + counted));
                let bar = now.progress.get_or_insert_with(|| self.begin("Reading", "asset", counted, 0));
                bar.expect(counted);
                bar.reached(listed.min(counted));
            }
            ReadProgress::Albums { read, found } => {
                if !std::mem::replace(&mut now.albums, true) {
                    now.progress = None;
                }
                let bar = now.progress.get_or_insert_with(|| self.begin("Reading", "album", found, 0));
                bar.expect(found);
                bar.reached(read);
            }
        }
    }

    /// Both libraries are read.
    pub(super) fn read(&self) {
        self.now().progress = None;
    }
}

impl Observer for Watch {
    fn start(&self, downloads: Amount) {
        if downloads.files > 0 {
            info!("To download: {}, {}.", count(downloads.files, "file"), bytes(downloads.bytes));
            let progress = self.begin("Downloading", "file", downloads.files, downloads.bytes);
            self.now().progress = Some(progress);
        }
    }

    fn shortage(&self, shortage: &Shortage) {
        warn!(
            "The disk is too small: {} are needed and {} may be used. {} are not downloaded; the newest come first.",
            bytes(shortage.needed),
            bytes(shortage.available),
            count(shortage.left_out.files, "file")
        );
    }

    fn held(&self, held: &Held) {
        let event = held.needs_decision().then_some(events::DELETION_GUARD);
        warn!(message_id = event, "Attention: {held}.");
    }

    fn phase(&self, phase: Phase) {
        self.now().progress = None;
        match phase {
            Phase::Files => self.service.status("Putting files right"),
            Phase::Downloads => {}
            Phase::Albums => self.service.status("Putting albums right"),
            Phase::Deletions => self.service.status("Throwing away what is gone"),
        }
    }

    fn bytes(&self, more: i64) {
        if let Some(progress) = &self.now().progress {
            progress.bytes(more);
        }
    }

    fn downloaded(&self, download: &Download) {
        debug!(icps_asset = download.key.file_name(), "Downloaded {}.", download.key.file_name());
        if let Some(progress) = &self.now().progress {
            progress.things(1);
        }
    }

    fn warning(&self, warning: &Warning, download: Option<&Download>) {
        let file = download.map(|download| download.key.file_name());
        match &warning.subject {
            Subject::Asset(name) => warn!(icps_asset = file.as_ref().unwrap_or(name), "{warning}."),
            Subject::Album(name) => warn!(icps_album = name, "{warning}."),
            Subject::Listing(_) | Subject::Library => warn!("{warning}."),
        }
    }
}

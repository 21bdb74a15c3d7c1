//! `icps sync`: makes the local library mirror the one in iCloud, once.

use std::io::IsTerminal;
use std::sync::Arc;

use jiff::Timestamp;
use tracing::{info, warn};

use super::failure::Failure;
use super::ledger;
use super::open::{look, open};
use super::output::print;
use super::run::{Ending, Run, blocking};
use super::sign_in::sign_in;
use super::watch::Watch;
use crate::exit::Exit;
use crate::icloud::Account;
use crate::icloud::photos::{Photos, Wanted};
use crate::library::{self, Library, View};
use crate::model::{LocalLibrary, RemoteLibrary};
use crate::report::{Metrics, bytes, count};
use crate::settings::Settings;
use crate::sync;
use crate::sync::{Context, DryRun, Options, Plan, Policy, Stopped, Verdict, apply, judge, plan};

/// How a sync was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    /// Say what would be done, and do nothing.
    pub(super) dry_run: bool,
    /// Print the ledger as JSON.
    pub(super) json: bool,
}

/// One sync, from the lock to the ledger.
pub(super) async fn story(run: &Run, wish: Wish) -> Result<Ending, Failure> {
    let disk = if wish.dry_run { Disk::Seen(look(run).await?) } else { Disk::Held(open(run).await?) };
    let figures = Figures::begin(run, wish.dry_run);
    let Some(Found { account, photos, remote, local }) = read(run, &disk, &figures).await? else {
        return Ok(Ending::stopped("nothing was changed yet"));
    };
    let verdict = decide(run, &remote, local);
    let Disk::Held(library) = disk else {
        let plan = DryRun { plan: &verdict.plan, remote: &remote };
        // Who reads along gets the beginning of each list; a file or a pipe gets all of it.
        if std::io::stdout().is_terminal() {
            print(plan);
        } else {
            print(format_args!("{plan:#}"));
        }
        return Ok(dry_ending(&verdict));
    };
    let outcome = mirror(run, &library, &photos, &remote, verdict, &figures).await;
    persist(&account).await;
    if wish.json {
        print(format_args!("{:#}", ledger::full(&outcome)));
    }
    Ok(ending(outcome))
}

/// What iCloud has, and what the disk has.
pub(super) struct Found {
    pub(super) account: Account,
    pub(super) photos: Photos,
    pub(super) remote: RemoteLibrary,
    pub(super) local: LocalLibrary,
}

/// Signs in and reads both libraries. `None` if the run was asked to stop.
pub(super) async fn read(run: &Run, disk: &Disk, figures: &Figures) -> Result<Option<Found>, Failure> {
    figures.status("AUTHENTICATION_STARTED", &[]);
    let Some(account) = sign_in(run).await? else { return Ok(None) };
    figures.status("AUTHENTICATED", &[]);
    let watch = Watch::new(run);
    let photos = Photos::new(account.clone(), wanted(&run.settings), run.settings.network.download_timeout);
    figures.status("FETCH_N_LOAD_STARTED", &[]);
    let both = run.until_stopped(read_both(&photos, disk, &watch)).await.transpose()?;
    watch.read();
    Ok(both.map(|(remote, local)| {
        figures.read(&remote, &local);
        Found { account, photos, remote, local }
    }))
}

/// Does what the verdict allows.
pub(super) async fn mirror(
    run: &Run,
    library: &Arc<Library>,
    photos: &Photos,
    remote: &RemoteLibrary,
    verdict: Verdict,
    figures: &Figures,
) -> sync::Outcome {
    figures.planned(&verdict.plan);
    let watch = Watch::new(run);
    let context = Context::new(remote, library, photos, options(&run.settings), &watch, &run.stop);
    let outcome = apply(verdict, context).await;
    for notice in outcome.notices.iter().take(ledger::MOST_NAMES) {
        info!("Note: {notice}.");
    }
    figures.status("SYNC_COMPLETED", &[("warnings", outcome.warnings.len() as u64)]);
    outcome
}

/// Keeps what Apple changed in the session.
pub(super) async fn persist(account: &Account) {
    if let Err(error) = account.persist().await {
        warn!("{}", Failure::from(error).text());
    }
}

/// The library on disk.
#[derive(Clone)]
pub(super) enum Disk {
    /// Locked, to be changed.
    Held(Arc<Library>),
    /// Only looked at.
    Seen(Arc<View>),
}

impl Disk {
    fn scan(&self) -> Result<LocalLibrary, library::Error> {
        match self {
            Self::Held(library) => library.scan(),
            Self::Seen(view) => view.scan(),
        }
    }
}

/// Reads what iCloud has and what the disk has, at the same time.
async fn read_both(
    photos: &Photos,
    disk: &Disk,
    watch: &Watch,
) -> Result<(RemoteLibrary, LocalLibrary), Failure> {
    let disk = disk.clone();
    let progress = |progress| watch.reading(progress);
    let remote = async { photos.read(&progress).await.map_err(Failure::from) };
    let local = blocking(move || disk.scan());
    tokio::try_join!(remote, local)
}

/// Plans and has the plan judged. What was on disk is forgotten as soon as that is done: it may be large.
pub(super) fn decide(run: &Run, remote: &RemoteLibrary, local: LocalLibrary) -> Verdict {
    run.service.status("Comparing");
    let policy = policy(&run.settings);
    tokio::task::block_in_place(|| {
        for stray in local.strays.iter().take(ledger::MOST_NAMES) {
            info!("Left alone, since it is not of the library: {}.", stray.display());
        }
        let plan = plan(remote, &local, &policy);
        let verdict = judge(plan, remote, &local, &policy, run.settings.library.max_delete);
        drop(local);
        verdict
    })
}

fn wanted(settings: &Settings) -> Wanted {
    let library = &settings.library;
    Wanted { live_photos: !library.skip_live_photos, alternatives: !library.skip_alternatives }
}

fn policy(settings: &Settings) -> Policy {
    let library = &settings.library;
    Policy { live_photos: !library.skip_live_photos, alternatives: !library.skip_alternatives }
}

/// How plans are applied.
pub(super) fn options(settings: &Settings) -> Options {
    Options {
        threads: settings.network.threads,
        max_retries: settings.network.max_retries,
        min_free: settings.library.min_free,
        keep_deleted: settings.library.keep_deleted,
        now: Timestamp::now(),
    }
}

fn dry_ending(verdict: &Verdict) -> Ending {
    if let Some(held) = &verdict.held {
        warn!("Attention: {held}.");
    }
    Ending::new(Exit::Done, "Nothing was changed: this was a dry run.")
}

/// How a run ends after this.
pub(super) fn ending(mut outcome: sync::Outcome) -> Ending {
    let ledger = Some(ledger::brief(&outcome));
    let figures = ledger::figures(&outcome);
    let stopped = outcome.stopped.take();
    let mut ending = match stopped {
        None => {
            let message = format!("{}{}", story_of(&outcome), ledger::sentence(&outcome));
            let mut ending = Ending::new(outcome.exit(), message);
            ending.complete = outcome.complete();
            ending
        }
        Some(Stopped::Requested) => Ending::stopped(&format!("{} came in", downloaded(&outcome))),
        Some(stopped) => Ending::failed(&Failure::from(stopped)),
    };
    ending.ledger = ledger;
    ending.figures = figures;
    ending
}

fn downloaded(outcome: &sync::Outcome) -> String {
    format!("{} ({})", count(outcome.downloaded.files, "file"), bytes(outcome.downloaded.bytes))
}

/// What was done, in one sentence. Only what happened is mentioned.
fn story_of(outcome: &sync::Outcome) -> String {
    let albums = &outcome.albums;
    let changed = albums.created + albums.moved + albums.named + albums.removed + albums.retired;
    let parts = [
        (outcome.downloaded.files, format!("{} downloaded", downloaded(outcome))),
        (
            outcome.restored.files,
            format!("{} taken back from the trash", count(outcome.restored.files, "file")),
        ),
        (outcome.relocated, format!("{} moved", count(outcome.relocated, "file"))),
        (outcome.touched, format!("{} dated anew", count(outcome.touched, "file"))),
        (changed, format!("{} to albums", count(changed, "change"))),
        (outcome.linked, format!("{} made", count(outcome.linked, "link"))),
        (outcome.unlinked, format!("{} removed", count(outcome.unlinked, "link"))),
        (outcome.deleted.files, format!("{} deleted", count(outcome.deleted.files, "file"))),
    ];
    let done: Vec<_> = parts.into_iter().filter(|(number, _)| *number > 0).map(|(_, text)| text).collect();
    if done.is_empty() { "Nothing to do. ".to_owned() } else { format!("{}. ", done.join(", ")) }
}

/// Metrics, if they are wanted.
pub(super) struct Figures(Option<Metrics>);

impl Figures {
    pub(super) fn begin(run: &Run, dry_run: bool) -> Self {
        let wanted = run.settings.reporting.metrics && !dry_run;
        Self(wanted.then(|| Metrics::begin(&run.settings.library.data_dir)))
    }

    fn status(&self, status: &str, fields: &[(&str, u64)]) {
        if let Some(metrics) = &self.0 {
            metrics.status(status, fields);
        }
    }

    fn read(&self, remote: &RemoteLibrary, local: &LocalLibrary) {
        self.status(
            "FETCH_N_LOAD_COMPLETED",
            &[
                ("local_assets_loaded", local.files.len() as u64),
                ("local_albums_loaded", local.albums.len() as u64),
                ("remote_assets_fetched", remote.assets.len() as u64),
                ("remote_albums_fetched", remote.albums.len() as u64),
            ],
        );
    }

    fn planned(&self, plan: &Plan) {
        let files = &plan.files;
        let (add, delete) = (files.downloads.len() as u64, files.deletions.len() as u64);
        let keep = files.wanted().files.saturating_sub(add);
        let fields =
            [("assets_to_be_added", add), ("assets_to_be_deleted", delete), ("assets_to_be_kept", keep)];
        self.status("WRITE_ASSETS_STARTED", &fields);
    }
}

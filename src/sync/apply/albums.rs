//! Albums, folders and links: disk work, one step after the other.

use std::collections::{BTreeMap, HashSet};

use tokio_util::sync::CancellationToken;

use crate::library::{Albums, Error};
use crate::model::{FileKey, RecordName};
use crate::sync::outcome::{AlbumCounts, Subject, Warning};
use crate::sync::plan::{AlbumLinks, AlbumPath, AlbumPlan, AlbumStep, LinkStep};

/// What came of the album steps.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) counts: AlbumCounts,
    pub(super) linked: u64,
    pub(super) unlinked: u64,
    /// Links that could not be made, by album.
    pub(super) failed_links: BTreeMap<RecordName, u64>,
    pub(super) warnings: Vec<Warning>,
    pub(super) notices: Vec<String>,
    pub(super) cancelled: bool,
}

/// Does all steps. An album that fails takes what is below it with it, and nothing else. Links to `absent` files,
/// which would lead nowhere, are left for the next run.
pub(super) fn apply(
    albums: &Albums,
    plan: &AlbumPlan,
    absent: &HashSet<FileKey>,
    cancel: &CancellationToken,
) -> Report {
    let mut run = Run { albums, plan, failed: HashSet::new(), report: Report::default() };
    for step in &plan.steps {
        if cancel.is_cancelled() {
            run.report.cancelled = true;
            return run.report;
        }
        run.step(step);
    }
    for links in &plan.links {
        if cancel.is_cancelled() {
            run.report.cancelled = true;
            return run.report;
        }
        run.links(links, absent);
    }
    run.report
}

struct Run<'a> {
    albums: &'a Albums,
    plan: &'a AlbumPlan,
    /// Albums that are not where they should be.
    failed: HashSet<&'a RecordName>,
    report: Report,
}

impl<'a> Run<'a> {
    fn step(&mut self, step: &'a AlbumStep) {
        let (path, result) = match step {
            AlbumStep::Create { path }
            | AlbumStep::Move { from: path, .. }
            | AlbumStep::Remove { path }
            | AlbumStep::Retire { path, .. }
            | AlbumStep::Name { path, .. }
                if self.is_lost(path) =>
            {
                (path, None)
            }
            AlbumStep::Move { from, to } if self.is_lost(to) => (from, None),
            AlbumStep::Create { path } => (path, Some(self.albums.create(path))),
            AlbumStep::Move { from, to } => (from, Some(self.albums.move_to(from, to))),
            AlbumStep::Remove { path } => (path, Some(self.albums.remove(path))),
            AlbumStep::Retire { path, name } => (path, Some(self.retire(path, name))),
            AlbumStep::Name { path, old, new } => (path, Some(self.albums.set_name(path, old, new))),
        };
        match result {
            Some(Ok(())) => self.count(step),
            Some(Err(error)) => {
                self.lose(step, path);
                self.complain(path, &error);
            }
            // Its folder failed, which was said.
            None => self.lose(step, path),
        }
    }

    /// Whether something on the way to an album is not where it should be.
    fn is_lost(&self, path: &AlbumPath) -> bool {
        path.iter().any(|record| self.failed.contains(record))
    }

    /// An album without its place cannot be worked on; one that merely kept its name or its existence can.
    fn lose(&mut self, step: &AlbumStep, path: &'a AlbumPath) {
        if matches!(step, AlbumStep::Create { .. } | AlbumStep::Move { .. }) {
            self.failed.extend(path.last());
        }
    }

    fn retire(&mut self, path: &AlbumPath, name: &str) -> Result<(), Error> {
        let place = self.albums.retire(path, name)?;
        self.report
            .notices
            .push(format!("archived album {name}: its iCloud album is gone; it is in _Archive/{place}"));
        Ok(())
    }

    fn count(&mut self, step: &AlbumStep) {
        let counts = &mut self.report.counts;
        *match step {
            AlbumStep::Create { .. } => &mut counts.created,
            AlbumStep::Move { .. } => &mut counts.moved,
            AlbumStep::Remove { .. } => &mut counts.removed,
            AlbumStep::Retire { .. } => &mut counts.retired,
            AlbumStep::Name { .. } => &mut counts.named,
        } += 1;
    }

    fn complain(&mut self, path: &AlbumPath, error: &Error) {
        let name = self.title(path);
        if matches!(error, Error::Kept { .. }) {
            self.report.notices.push(format!("album {name}: {error}"));
        } else {
            self.report.warnings.push(Warning { subject: Subject::Album(name), reason: error.to_string() });
        }
    }

    fn title(&self, path: &AlbumPath) -> String {
        let Some(record) = path.last() else { return String::new() };
        let known = self.plan.albums.iter().find(|album| album.record == *record);
        known.map_or_else(|| record.to_string(), |album| album.name.clone())
    }

    fn links(&mut self, links: &'a AlbumLinks, absent: &HashSet<FileKey>) {
        let mut error = None;
        let lost = self.is_lost(&links.path);
        let mut failed = 0;
        for step in &links.steps {
            let result = match step {
                LinkStep::Unlink { .. } if lost => continue,
                LinkStep::Unlink { name } => {
                    self.albums.unlink(&links.path, name).map(|()| self.report.unlinked += 1)
                }
                LinkStep::Link { target, .. } if lost || absent.contains(target) => {
                    failed += 1;
                    continue;
                }
                LinkStep::Link { name, target, modified } => self
                    .albums
                    .link(&links.path, name, target, *modified)
                    .map(|()| self.report.linked += 1)
                    .inspect_err(|_| failed += 1),
            };
            // One complaint for an album is enough.
            error = error.or(result.err());
        }
        if failed > 0 {
            self.report.failed_links.extend(links.path.last().map(|record| (record.clone(), failed)));
        }
        if let Some(error) = error {
            self.complain(&links.path, &error);
        }
    }
}

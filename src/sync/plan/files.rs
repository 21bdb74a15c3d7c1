//! What to do with the asset files: a merge of the two libraries in the order of their checksums.
//!
//! All files with one checksum meet in one group, whatever their zone and extension, so a file that only
//! changed its place is seen as such. The merge needs 16 bytes for each file beside the libraries themselves.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, HashSet};

use super::{
    Deletion, DeletionReason, Download, DownloadReason, FilePlan, Relocation, Restoration, Source, Touch,
};
use crate::model::{Asset, AssetFile, Checksum, FileKey, LocalFile, LocalLibrary, RemoteLibrary};
use crate::sync::Policy;

/// How far an mtime may be off, in milliseconds: file systems and network shares round.
pub(super) const TOLERANCE: u64 = 1000;

/// Compares the files of the two libraries.
pub(super) fn plan(remote: &RemoteLibrary, local: &LocalLibrary, policy: Policy) -> FilePlan {
    let mut wanted = Ordered::new(wishes(remote), |wish: Wish| &wish.of(remote).1.checksum);
    let mut present = Ordered::new(local.files.iter(), |file: &LocalFile| &file.key.checksum);
    let mut trash = Ordered::new(local.trash.iter(), |file: &LocalFile| &file.key.checksum);
    let mut merge = Merge::new(remote, policy);
    while let Some(next) = [wanted.peek(), present.peek(), trash.peek()].into_iter().flatten().min() {
        merge.decide(wanted.take(next), present.take(next), trash.take(next));
    }
    merge.finish()
}

/// The downloads of these files, given with their sizes on disk.
pub(super) fn repair(remote: &RemoteLibrary, damaged: &BTreeMap<FileKey, u64>) -> FilePlan {
    let is_damaged = |wish: &Wish| {
        let (asset, file) = wish.of(remote);
        damaged.contains_key(&asset.key(file))
    };
    let wanted = wishes(remote).filter(is_damaged);
    let mut wanted = Ordered::new(wanted, |wish: Wish| &wish.of(remote).1.checksum);
    let mut merge = Merge::new(remote, Policy::default());
    while let Some(next) = wanted.peek() {
        // As if they were not there.
        merge.decide(wanted.take(next), &[], &[]);
    }
    let mut plan = merge.finish();
    for download in &mut plan.downloads {
        if let Some(found) = damaged.get(&download.key) {
            download.reason = DownloadReason::Damaged { found: *found };
        }
    }
    plan
}

fn wishes(remote: &RemoteLibrary) -> impl Iterator<Item = Wish> {
    (0_u32..).zip(&remote.assets).flat_map(|(asset, found)| {
        (0_u8..=u8::MAX).zip(&found.files).map(move |(file, _)| Wish { asset, file })
    })
}

/// A file of an asset, by position.
#[derive(Debug, Clone, Copy)]
struct Wish {
    asset: u32,
    file: u8,
}

impl Wish {
    fn of(self, remote: &RemoteLibrary) -> (&Asset, &AssetFile) {
        // The positions were counted off the same library.
        let asset = &remote.assets[self.asset as usize];
        (asset, &asset.files[usize::from(self.file)])
    }
}

/// Items in the order of their checksums, consumed from the front.
///
/// The first bytes of the digest stand beside each item: almost every comparison ends there.
struct Ordered<T, F> {
    items: Vec<(u64, T)>,
    checksum: F,
    next: usize,
}

impl<'a, T: Copy, F: Fn(T) -> &'a Checksum> Ordered<T, F> {
    fn new(items: impl Iterator<Item = T>, checksum: F) -> Self {
        let mut items: Vec<_> = items.map(|item| (prefix(checksum(item)), item)).collect();
        items.sort_unstable_by(|a, b| match a.0.cmp(&b.0) {
            Ordering::Equal => checksum(a.1).cmp(checksum(b.1)),
            different => different,
        });
        Self { items, checksum, next: 0 }
    }

    fn peek(&self) -> Option<(u64, &'a Checksum)> {
        self.items.get(self.next).map(|(prefix, item)| (*prefix, (self.checksum)(*item)))
    }

    fn take(&mut self, wanted: (u64, &Checksum)) -> &[(u64, T)] {
        let from = self.next;
        while self.peek() == Some(wanted) {
            self.next += 1;
        }
        &self.items[from..self.next]
    }
}

fn prefix(checksum: &Checksum) -> u64 {
    let mut first = [0; 8];
    for (to, from) in first.iter_mut().zip(checksum.as_bytes().iter().skip(1)) {
        *to = *from;
    }
    u64::from_be_bytes(first)
}

/// A file that belongs on disk, merged from all records that ask for it.
#[derive(Clone, Copy)]
struct Target {
    key: FileKey,
    size: u64,
    modified: i64,
    from: Wish,
    present: bool,
}

/// The decisions so far, and the group that is being decided.
struct Merge<'a> {
    remote: &'a RemoteLibrary,
    policy: Policy,
    unread: HashSet<&'a str>,
    plan: FilePlan,
    targets: Vec<Target>,
    spares: Vec<LocalFile>,
    trash: Vec<LocalFile>,
}

impl<'a> Merge<'a> {
    fn new(remote: &'a RemoteLibrary, policy: Policy) -> Self {
        let unread = remote.problems.iter().map(|problem| problem.subject.as_str()).collect();
        Self {
            remote,
            policy,
            unread,
            plan: FilePlan::default(),
            targets: Vec::new(),
            spares: Vec::new(),
            trash: Vec::new(),
        }
    }

    /// Decides about all files with one checksum.
    fn decide(&mut self, wanted: &[(u64, Wish)], present: &[(u64, &LocalFile)], trash: &[(u64, &LocalFile)]) {
        self.targets.clear();
        self.spares.clear();
        self.trash.clear();
        self.trash.extend(trash.iter().map(|(_, file)| **file));
        for (_, wish) in wanted {
            self.want(*wish);
        }
        for (_, file) in present {
            self.compare(**file);
        }
        // The order in which equal checksums arrive means nothing; what is decided must not depend on it.
        self.spares.sort_unstable_by_key(|file| file.key);
        self.trash.sort_unstable_by_key(|file| file.key);
        self.targets.sort_unstable_by_key(|target| target.key);
        for at in 0..self.targets.len() {
            let target = self.targets[at];
            self.plan.wanted.entry(target.key.zone).or_default().add(target.size);
            if !target.present {
                self.provide(target);
            }
        }
        self.delete_spares(!wanted.is_empty());
    }

    /// Two records with the same key are one file; its mtime is the smallest of theirs.
    fn want(&mut self, wish: Wish) {
        let (asset, file) = wish.of(self.remote);
        if !self.policy.wants(file.kind) {
            return;
        }
        let key = asset.key(file);
        let Some(known) = self.targets.iter_mut().find(|target| target.key == key) else {
            let target = Target { key, size: file.size, modified: file.modified, from: wish, present: false };
            self.targets.push(target);
            return;
        };
        let (other, other_file) = known.from.of(self.remote);
        if (file.modified, &asset.record) < (other_file.modified, &other.record) {
            known.from = wish;
        }
        known.modified = known.modified.min(file.modified);
        known.size = known.size.max(file.size);
    }

    /// A local file is in its place, or to spare.
    fn compare(&mut self, file: LocalFile) {
        let Some(target) = self.targets.iter_mut().find(|target| target.key == file.key) else {
            self.spares.push(file);
            return;
        };
        target.present = true;
        let target = *target;
        if file.size != target.size {
            self.download(target, DownloadReason::WrongSize { found: file.size });
        } else if file.modified.abs_diff(target.modified) > TOLERANCE {
            self.plan.touches.push(Touch { key: file.key, modified: target.modified });
        }
    }

    /// Gets a missing file: from another place, from the trash, or from the server.
    fn provide(&mut self, target: Target) {
        let Target { key: to, size, modified, from: Wish { asset, file }, .. } = target;
        if let Some(at) = self.spares.iter().position(|spare| spare.size == size) {
            let from = self.spares.remove(at).key;
            self.plan.relocations.push(Relocation { from, to, modified, size });
            return;
        }
        let trash = self.trash.iter().enumerate().filter(|(_, file)| file.size == size);
        match trash.min_by_key(|(_, file)| file.key != to).map(|(at, _)| at) {
            Some(at) => {
                let from = self.trash.remove(at).key;
                self.plan.restorations.push(Restoration {
                    from,
                    to,
                    modified,
                    size,
                    source: Source { asset, file },
                });
            }
            None => self.download(target, DownloadReason::Missing),
        }
    }

    fn download(&mut self, target: Target, reason: DownloadReason) {
        self.plan.downloads.push(Download {
            key: target.key,
            size: target.size,
            modified: target.modified,
            source: Source { asset: target.from.asset, file: target.from.file },
            reason,
        });
    }

    /// What is in no place that is wanted goes, unless a reading problem speaks of it.
    fn delete_spares(&mut self, known_to_server: bool) {
        for file in self.spares.drain(..) {
            // The name of a master record is the checksum of its original.
            if !self.unread.is_empty() && self.unread.contains(file.key.checksum.to_base64().as_str()) {
                self.plan.unclear.push(file.key);
                continue;
            }
            let reason = if !self.targets.is_empty() {
                DeletionReason::Superfluous
            } else if known_to_server {
                DeletionReason::NotWanted
            } else {
                DeletionReason::Gone
            };
            self.plan.deletions.push(Deletion { key: file.key, size: file.size, reason });
        }
    }

    /// Newest downloads first; the rest by key, so that equal libraries give equal plans.
    fn finish(self) -> FilePlan {
        let mut plan = self.plan;
        let date =
            |download: &Download| self.remote.assets.get(download.source.asset as usize).map(|a| a.date);
        plan.downloads.sort_unstable_by_key(|download| (Reverse(date(download)), download.key));
        plan
    }
}

//! What of a plan may be done: judgement, kept apart from power.
//!
//! [`judge`] returns everything that [`apply`](mod@super::apply) is allowed to do; apply decides nothing of the kind.

use std::collections::HashSet;
use std::fmt;

use super::Policy;
use super::plan::{Amount, DeletionReason, Download, Plan};
use crate::model::{LocalLibrary, Problem, RemoteLibrary, Zone};
use crate::settings::MaxDelete;

/// A plan that may be applied as it stands.
#[derive(Debug)]
#[must_use = "a verdict that is not applied has no effect"]
pub struct Verdict {
    /// What may be done.
    pub plan: Plan,
    /// Why the plan has no deletions although the libraries call for some, or may do so.
    pub held: Option<Held>,
}

/// Deletions that are not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Why.
    pub reason: HeldReason,
    /// The files that would be deleted.
    pub files: Amount,
    /// The files on disk.
    pub of: u64,
}

/// Why nothing is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldReason {
    /// The listing cannot be trusted to be complete.
    Incomplete(Problem),
    /// The server shows not one asset, and the disk has some.
    RemoteEmpty,
    /// The server does not speak of this zone at all, and the disk has files of it.
    ZoneGone(Zone),
    /// The server shows not one asset of this zone, and the disk has files of it that would be lost.
    ZoneEmpty(Zone),
    /// More files than the limit allows.
    TooMany(MaxDelete),
}

/// Judges a plan that was made of these two libraries.
pub fn judge(
    plan: Plan,
    remote: &RemoteLibrary,
    local: &LocalLibrary,
    policy: &Policy,
    max_delete: MaxDelete,
) -> Verdict {
    let Some(reason) = objection(&plan, remote, local, max_delete) else {
        return Verdict { plan, held: None };
    };
    let held = Held { reason, files: plan.files.to_delete(), of: local.files.len() as u64 };
    Verdict { plan: plan.without_removals(remote, local, policy), held: Some(held) }
}

fn objection(
    plan: &Plan,
    remote: &RemoteLibrary,
    local: &LocalLibrary,
    max_delete: MaxDelete,
) -> Option<HeldReason> {
    if let Some(problem) = remote.incomplete() {
        return Some(HeldReason::Incomplete(problem.clone()));
    }
    if let Some(problem) = known_upload(remote, local) {
        return Some(HeldReason::Incomplete(problem));
    }
    let deletions = &plan.files.deletions;
    if deletions.is_empty() || max_delete == MaxDelete::Percent(100) {
        return None;
    }
    if remote.assets.is_empty() {
        return Some(HeldReason::RemoteEmpty);
    }
    for zone in Zone::ALL {
        let mut lost = deletions.iter().filter(|deletion| deletion.key.zone == zone).peekable();
        if lost.peek().is_some() && !remote.zones.iter().any(|tally| tally.zone == zone) {
            return Some(HeldReason::ZoneGone(zone));
        }
        // What belongs elsewhere by now is not lost.
        let is_lost = lost.any(|deletion| deletion.reason == DeletionReason::Gone);
        if is_lost && !remote.assets.iter().any(|asset| asset.zone == zone) {
            return Some(HeldReason::ZoneEmpty(zone));
        }
    }
    let (count, present) = (deletions.len() as u64, local.files.len() as u64);
    exceeds(count, present, max_delete).then_some(HeldReason::TooMany(max_delete))
}

/// An upload that is on its way has nothing on disk. If it has, it was there before, and the listing cannot be
/// trusted to show everything else.
fn known_upload(remote: &RemoteLibrary, local: &LocalLibrary) -> Option<Problem> {
    let pending: HashSet<_> = remote.pending.iter().collect();
    let known = local.files.iter().find(|file| pending.contains(&file.key.checksum))?;
    Some(Problem {
        subject: known.key.file_name(),
        reason: "it is on disk, but iCloud says that it is still being uploaded".to_owned(),
        blocks_deletion: true,
    })
}

fn exceeds(deletions: u64, present: u64, max_delete: MaxDelete) -> bool {
    match max_delete {
        MaxDelete::Files(most) => deletions > most,
        MaxDelete::Percent(percent) => {
            let share = u128::from(deletions) * 100 > u128::from(present) * u128::from(percent);
            share && deletions > MaxDelete::ALWAYS_ALLOWED
        }
    }
}

impl Held {
    /// Whether a person has to decide; otherwise a later run will see more.
    pub fn needs_decision(&self) -> bool {
        !matches!(self.reason, HeldReason::Incomplete(_))
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (files, of) = (self.files.files, self.of);
        match &self.reason {
            HeldReason::Incomplete(problem) => {
                write!(
                    f,
                    "nothing is deleted, because the listing is not complete: {}: {}",
                    problem.subject, problem.reason
                )?;
                if files > 0 {
                    write!(f, " ({files} of {of} files would be deleted)")?;
                }
                return Ok(());
            }
            HeldReason::RemoteEmpty => {
                write!(
                    f,
                    "nothing is deleted: iCloud shows no photo at all, and {files} of {of} files would go"
                )?;
            }
            HeldReason::ZoneGone(zone) => {
                let library = title(*zone);
                write!(
                    f,
                    "nothing is deleted: iCloud no longer shows the {library}, and {files} of {of} files would go"
                )?;
            }
            HeldReason::ZoneEmpty(zone) => {
                let library = title(*zone);
                write!(
                    f,
                    "nothing is deleted: iCloud shows no photo in the {library}, and {files} of {of} files would go"
                )?;
            }
            HeldReason::TooMany(limit) => {
                write!(
                    f,
                    "nothing is deleted: {files} of {of} files would go, more than {}",
                    limit_text(*limit)
                )?;
            }
        }
        f.write_str("; if this is meant, let it through once with --max-delete 100%")
    }
}

fn title(zone: Zone) -> &'static str {
    match zone {
        Zone::Primary => "personal library",
        Zone::Shared => "Shared Photo Library",
    }
}

fn limit_text(limit: MaxDelete) -> String {
    match limit {
        MaxDelete::Files(most) => format!("the {most} allowed"),
        MaxDelete::Percent(percent) => format!("the {percent} % (and {}) allowed", MaxDelete::ALWAYS_ALLOWED),
    }
}

/// What is too much for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortage {
    /// The bytes that the downloads need.
    pub needed: u64,
    /// The bytes that may be used: what is free, less what is to stay free.
    pub available: u64,
    /// What is not downloaded for want of space.
    pub left_out: Amount,
}

/// Keeps the downloads that fit, in their order (newest first), and returns the others.
pub(super) fn fit(downloads: &mut Vec<Download>, available: u64) -> Vec<Download> {
    let mut room = available;
    let mut left_out = Vec::new();
    downloads.retain(|download| {
        let fits = download.size <= room;
        if fits {
            room -= download.size;
        } else {
            left_out.push(*download);
        }
        fits
    });
    left_out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Checksum, Extension, FileKey, LocalFile, ZoneTally};
    use crate::sync::plan::{DownloadReason, Source, plan};

    fn key(zone: Zone, n: u32) -> FileKey {
        let mut digest = [0; 20];
        digest[..4].copy_from_slice(&n.to_be_bytes());
        FileKey { zone, checksum: Checksum::from_sha1(digest), extension: Extension::default() }
    }

    fn local(zone: Zone, files: u32) -> LocalLibrary {
        let files = (0..files).map(|n| LocalFile { key: key(zone, n), size: 1, modified: 0 }).collect();
        LocalLibrary { files, ..LocalLibrary::default() }
    }

    /// A remote library with the first files of the primary zone.
    fn remote(assets: u32) -> RemoteLibrary {
        let asset = |n| crate::model::Asset {
            record: crate::model::RecordName::new(&format!("A{n}")).unwrap(),
            master: crate::model::RecordName::new(&format!("M{n}")).unwrap(),
            zone: Zone::Primary,
            date: 0,
            name: "x".into(),
            favorite: false,
            files: Box::new([crate::model::AssetFile {
                kind: crate::model::Kind::Original,
                checksum: key(Zone::Primary, n).checksum,
                extension: Extension::default(),
                size: 1,
                modified: 0,
            }]),
        };
        let zones =
            vec![ZoneTally { zone: Zone::Primary, counted: u64::from(assets), listed: u64::from(assets) }];
        RemoteLibrary { assets: (0..assets).map(asset).collect(), zones, ..RemoteLibrary::default() }
    }

    fn verdict(remote: &RemoteLibrary, local: &LocalLibrary, max_delete: MaxDelete) -> Verdict {
        let policy = Policy::default();
        judge(plan(remote, local, &policy), remote, local, &policy, max_delete)
    }

    fn reason(remote: u32, local_files: u32, max_delete: MaxDelete) -> Option<HeldReason> {
        let verdict = verdict(&self::remote(remote), &local(Zone::Primary, local_files), max_delete);
        assert_eq!(verdict.plan.files.deletions.is_empty(), verdict.held.is_some());
        verdict.held.map(|held| held.reason)
    }

    #[test]
    fn a_limit_in_percent_is_exceeded_by_share_and_number() {
        let default = MaxDelete::default();
        for (remaining, files, held) in [
            (899, 1000, false), // 101 files, 10.1 %
            (800, 1000, false), // exactly 20 %
            (799, 1000, true),
            (100, 200, false), // half of them, but only 100
            (99, 200, true),
            (1, 101, false),
        ] {
            let expected = held.then_some(HeldReason::TooMany(default));
            assert_eq!(reason(remaining, files, default), expected, "{remaining} of {files}");
        }
        assert_eq!(reason(1, 1000, MaxDelete::Percent(100)), None);
    }

    #[test]
    fn a_limit_in_files_is_that_number() {
        assert_eq!(reason(5, 10, MaxDelete::Files(5)), None);
        assert_eq!(reason(5, 10, MaxDelete::Files(4)), Some(HeldReason::TooMany(MaxDelete::Files(4))));
    }

    #[test]
    fn an_empty_remote_library_never_empties_a_local_one_unless_told() {
        assert_eq!(reason(0, 1, MaxDelete::default()), Some(HeldReason::RemoteEmpty));
        assert_eq!(reason(0, 1, MaxDelete::Files(10)), Some(HeldReason::RemoteEmpty));
        assert_eq!(reason(0, 1, MaxDelete::Percent(100)), None);
    }

    #[test]
    fn a_zone_that_is_not_spoken_of_loses_nothing() {
        let shared = local(Zone::Shared, 3);
        let mut remote = remote(1);
        // Its content is another than that of the asset.
        remote.assets[0].files[0].checksum = key(Zone::Primary, 77).checksum;
        let held = verdict(&remote, &shared, MaxDelete::default()).held.unwrap();
        assert_eq!(held.reason, HeldReason::ZoneGone(Zone::Shared));
        assert!(held.needs_decision());
        remote.zones.push(ZoneTally { zone: Zone::Shared, counted: 0, listed: 0 });
        let held = verdict(&remote, &shared, MaxDelete::default()).held.unwrap();
        assert_eq!(held.reason, HeldReason::ZoneEmpty(Zone::Shared));
        assert!(held.to_string().contains("Shared Photo Library") && held.needs_decision());
        let mut one_left = remote.assets[0].clone();
        (one_left.zone, one_left.files[0].checksum) = (Zone::Shared, key(Zone::Shared, 2).checksum);
        remote.assets.push(one_left);
        assert_eq!(verdict(&remote, &shared, MaxDelete::default()).held, None);
    }

    #[test]
    fn a_zone_whose_photos_all_moved_away_is_no_loss() {
        let shared = local(Zone::Shared, 3);
        let mut remote = remote(3);
        remote.zones.push(ZoneTally { zone: Zone::Shared, counted: 0, listed: 0 });
        let verdict = verdict(&remote, &shared, MaxDelete::default());
        assert_eq!((verdict.held, verdict.plan.files.relocations.len()), (None, 3));
    }

    #[test]
    fn an_incomplete_listing_deletes_nothing_whatever_the_limit() {
        let mut remote = remote(5);
        let problem = |blocks_deletion| Problem {
            subject: "PrimarySync".to_owned(),
            reason: "a page is missing".to_owned(),
            blocks_deletion,
        };
        remote.problems = vec![problem(false)];
        let local = local(Zone::Primary, 6);
        assert_eq!(verdict(&remote, &local, MaxDelete::Percent(100)).held, None);
        remote.problems.push(problem(true));
        let verdict = verdict(&remote, &local, MaxDelete::Percent(100));
        let held = verdict.held.unwrap();
        assert_eq!((held.files.files, held.of, held.needs_decision()), (1, 6, false));
        assert!(verdict.plan.files.deletions.is_empty());
        assert!(held.to_string().contains("a page is missing"), "{held}");
    }

    #[test]
    fn an_upload_holds_deletions_back_only_if_something_of_it_is_on_disk() {
        let mut remote = remote(5);
        let local = local(Zone::Primary, 6);
        remote.pending = vec![key(Zone::Primary, 99).checksum];
        assert_eq!(verdict(&remote, &local, MaxDelete::default()).held, None);
        remote.pending.push(key(Zone::Primary, 3).checksum);
        let verdict = verdict(&remote, &local, MaxDelete::Percent(100));
        let held = verdict.held.unwrap();
        assert!(matches!(held.reason, HeldReason::Incomplete(_)), "{held}");
        assert!(verdict.plan.files.deletions.is_empty());
    }

    #[test]
    fn figures_and_the_way_out_are_named() {
        let held = verdict(&remote(5), &local(Zone::Primary, 10), MaxDelete::Files(2)).held.unwrap();
        let text = held.to_string();
        assert!(text.contains("5 of 10") && text.contains("--max-delete 100%"), "{text}");
    }

    #[test]
    fn what_fits_is_kept_in_order() {
        let download = |n, size| Download {
            key: key(Zone::Primary, n),
            size,
            modified: 0,
            source: Source { asset: n, file: 0 },
            reason: DownloadReason::Missing,
        };
        let mut downloads = vec![download(0, 6), download(1, 5), download(2, 4)];
        let left_out = fit(&mut downloads, 10);
        assert_eq!(downloads.iter().map(|d| d.size).collect::<Vec<_>>(), [6, 4]);
        assert_eq!(left_out.iter().map(|d| d.size).collect::<Vec<_>>(), [5]);
    }
}

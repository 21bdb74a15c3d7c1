//! Plans applied to a real library directory, with a server that fails on command.

mod server;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::files::Needed;
use super::{Context, Options, apply, repair};
use crate::exit::Exit;
use crate::library::{Library, OpenOptions};
use crate::model::{
    Album, AlbumKind, AlbumState, AssetFile, Extension, Kind, LocalLibrary, RemoteLibrary, Zone,
};
use crate::settings::{Limit, MaxDelete, Threads};
use crate::sync::plan::repair as plan_repair;
use crate::sync::plan::tests::generate::{asset, checksum, key, remote, uuid};
use crate::sync::plan::{Deletion, DeletionReason};
use crate::sync::{Observer, Outcome, Policy, Stopped, Subject, Verdict, judge, plan};
use server::{Fault, Server};

/// A library directory of its own.
struct Disk {
    library: Arc<Library>,
    _directory: TempDir,
}

impl Disk {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let library = Arc::new(Library::open(directory.path(), &OpenOptions::default()).unwrap());
        Self { library, _directory: directory }
    }

    fn scan(&self) -> LocalLibrary {
        self.library.scan().unwrap()
    }

    fn verdict(&self, remote: &RemoteLibrary) -> Verdict {
        let (local, policy) = (self.scan(), Policy::default());
        judge(plan(remote, &local, &policy), remote, &local, &policy, MaxDelete::Percent(100))
    }

    async fn sync(&self, remote: &RemoteLibrary, server: &Server) -> Outcome {
        self.sync_with(remote, server, options(), &(), &CancellationToken::new()).await
    }

    async fn sync_with(
        &self,
        remote: &RemoteLibrary,
        server: &Server,
        options: Options,
        observer: &dyn Observer,
        cancel: &CancellationToken,
    ) -> Outcome {
        let context = Context::new(remote, &self.library, server, options, observer, cancel);
        apply(self.verdict(remote), context).await
    }

    /// The numbers of the files that are there and sound.
    fn files(&self) -> Vec<u8> {
        let mut files: Vec<_> = self.scan().files.iter().map(|file| file.key).collect();
        files.sort();
        for key in &files {
            self.library.store().verify(key, None).unwrap();
        }
        let mut numbers: Vec<_> =
            files.iter().map(|key| super::super::plan::tests::generate::number(&key.checksum)).collect();
        numbers.sort_unstable();
        numbers
    }
}

fn options() -> Options {
    Options {
        threads: Threads::Auto,
        max_retries: Limit::AtMost(2),
        min_free: 0,
        keep_deleted: Duration::from_secs(86400),
        now: "2026-05-05T05:05:05Z".parse().unwrap(),
    }
}

fn photos(numbers: impl IntoIterator<Item = u8>) -> RemoteLibrary {
    let assets = numbers.into_iter().map(|n| asset(Zone::Primary, n, i64::from(n), "IMG.JPG")).collect();
    RemoteLibrary { assets, ..RemoteLibrary::default() }
}

fn album(n: u8, name: &str, members: Vec<u32>) -> Album {
    Album {
        record: uuid(n),
        parent: None,
        name: name.to_owned(),
        kind: AlbumKind::Album,
        members: Some(members),
        lacking: false,
    }
}

fn subjects(outcome: &Outcome) -> Vec<&Subject> {
    outcome.warnings.iter().map(|warning| &warning.subject).collect()
}

#[tokio::test]
async fn a_library_is_fetched_linked_and_then_at_rest() {
    let disk = Disk::new();
    let mut remote = photos(1..=5);
    remote.albums = vec![album(1, "Trip", vec![0, 1])];
    let outcome = disk.sync(&remote, &Server::default()).await;
    assert_eq!((outcome.exit(), outcome.complete()), (Exit::Done, true), "{outcome:?}");
    assert_eq!((outcome.downloaded.files, outcome.linked), (5, 2));
    assert_eq!((outcome.zones[0].files.files, outcome.zones[0].on_disk), (5, 5));
    assert_eq!(disk.files(), [1, 2, 3, 4, 5]);
    assert!(disk.verdict(&remote).plan.is_empty());
}

#[tokio::test]
async fn what_is_gone_goes_to_the_trash_and_comes_back_from_there() {
    let (disk, server) = (Disk::new(), Server::default());
    disk.sync(&photos(1..=3), &server).await;
    let outcome = disk.sync(&photos(1..=2), &server).await;
    assert_eq!((outcome.deleted.files, outcome.exit()), (1, Exit::Done));
    assert_eq!(disk.files(), [1, 2]);
    let outcome = disk.sync(&photos(1..=3), &server).await;
    assert_eq!((outcome.restored.files, outcome.downloaded.files), (1, 0));
    assert_eq!(disk.files(), [1, 2, 3]);
}

#[tokio::test]
async fn a_photo_that_moves_to_the_shared_library_is_not_fetched_again() {
    let (disk, server) = (Disk::new(), Server::default());
    disk.sync(&photos(1..=2), &server).await;
    let mut remote = photos(1..=2);
    remote.assets[0].zone = Zone::Shared;
    let outcome = disk.sync(&remote, &server).await;
    assert_eq!((outcome.relocated, outcome.downloaded.files, outcome.deleted.files), (1, 0, 0));
    assert!(disk.verdict(&remote).plan.is_empty());
}

#[tokio::test]
async fn a_broken_download_is_resumed() {
    let (disk, server) = (Disk::new(), Server::default());
    server.fault(checksum(9), [Fault::Break(50), Fault::Throttle, Fault::Expired]);
    let outcome = disk.sync(&photos([9]), &server).await;
    assert_eq!(outcome.warnings, []);
    assert_eq!(disk.files(), [9]);
    assert_eq!(*server.offsets.lock().unwrap(), [0, 50, 50, 50]);
    assert_eq!(server.look_ups.load(Ordering::SeqCst), 2, "one for the batch, one for the expired address");
}

#[tokio::test]
async fn a_damaged_download_is_fetched_again_then_reported() {
    let (disk, server) = (Disk::new(), Server::default());
    server.fault(checksum(1), [Fault::Flip]);
    server.fault(checksum(2), [Fault::Flip; 10]);
    server.fault(checksum(3), [Fault::Permanent]);
    let outcome = disk.sync(&photos(1..=4), &server).await;
    assert_eq!(disk.files(), [1, 4]);
    assert_eq!((outcome.warnings.len(), outcome.exit(), outcome.complete()), (2, Exit::Warnings, false));
    assert_eq!((outcome.zones[0].on_disk, outcome.zones[0].failed), (2, 2));
    assert!(subjects(&outcome).iter().all(|subject| matches!(subject, Subject::Asset(_))), "{outcome:?}");
}

#[tokio::test]
async fn links_to_what_did_not_arrive_wait_for_it() {
    let (disk, server) = (Disk::new(), Server::default());
    server.fault(checksum(1), [Fault::Permanent]);
    let mut remote = photos(1..=2);
    remote.albums = vec![album(1, "Trip", vec![0, 1])];
    let outcome = disk.sync(&remote, &server).await;
    assert_eq!(
        (outcome.linked, outcome.album_ledger[0].links, outcome.album_ledger[0].failed),
        (1, Some(2), 1)
    );
    let outcome = disk.sync(&remote, &server).await;
    assert_eq!(
        (outcome.linked, outcome.exit()),
        (1, Exit::Done),
        "the other one had its final name from the start"
    );
}

#[tokio::test]
async fn a_missing_edit_keeps_what_it_may_replace() {
    let (disk, server) = (Disk::new(), Server::default());
    let edited = |rendering: u8| {
        let mut remote = photos([1]);
        let mut edit = asset(Zone::Primary, rendering, 0, "").files[0].clone();
        edit.kind = Kind::Edited;
        remote.assets[0].files = [remote.assets[0].files[0].clone(), edit].into();
        remote
    };
    disk.sync(&edited(2), &server).await;
    server.fault(checksum(3), [Fault::Permanent]);
    let outcome = disk.sync(&edited(3), &server).await;
    assert_eq!((outcome.deleted.files, outcome.held_back.files), (0, 1));
    assert_eq!(disk.files(), [1, 2]);
    disk.sync(&edited(3), &server).await;
    assert_eq!(disk.files(), [1, 3]);
}

#[tokio::test]
async fn a_missing_edit_keeps_nothing_that_it_cannot_replace() {
    let (disk, server) = (Disk::new(), Server::default());
    let movie = Extension::new("mov").unwrap();
    let with_edit = |rendering: u8, others: &[u8]| {
        let mut remote = photos(others.iter().copied());
        remote.assets.iter_mut().for_each(|asset| asset.files[0].extension = movie);
        let mut edit = asset(Zone::Primary, rendering, 0, "").files[0].clone();
        edit.kind = Kind::Edited;
        let mut edited = asset(Zone::Primary, 1, 1, "IMG.JPG");
        edited.files = [edited.files[0].clone(), edit].into();
        remote.assets.push(edited);
        remote
    };
    disk.sync(&with_edit(2, &[7, 8]), &server).await;
    server.fault(checksum(3), [Fault::Permanent]);
    let outcome = disk.sync(&with_edit(3, &[8]), &server).await;
    assert_eq!((outcome.deleted.files, outcome.held_back.files), (1, 1), "the movie goes, the picture stays");
    assert_eq!(disk.files(), [1, 2, 8]);
}

#[test]
fn what_may_be_replaced_depends_on_the_edit_that_is_missing() {
    let deletion = |extension: &str, reason| {
        let key = key(Zone::Primary, 9, extension);
        Deletion { key, size: 1, reason }
    };
    let missing = |original: &str, kind: Kind, extension: &str| {
        let mut asset = asset(Zone::Primary, 1, 1, "IMG");
        asset.files[0].extension = Extension::new(original).unwrap();
        let extension = Extension::new(extension).unwrap();
        let edit = AssetFile { kind, extension, checksum: checksum(2), ..asset.files[0].clone() };
        asset.files = [asset.files[0].clone(), edit].into();
        let mut needed = Needed::default();
        needed.add(&asset, &asset.files[1]);
        needed
    };
    let mut live_photo = asset(Zone::Primary, 1, 1, "IMG");
    let [mut edit, mut movie] = [live_photo.files[0].clone(), live_photo.files[0].clone()];
    (edit.kind, movie.kind, movie.extension) =
        (Kind::Edited, Kind::LiveVideo, Extension::new("mov").unwrap());
    live_photo.files = [live_photo.files[0].clone(), edit, movie].into();
    let mut missing_of_live_photo = Needed::default();
    missing_of_live_photo.add(&live_photo, &live_photo.files[1]);
    for (needed, [jpeg, mov, bin]) in [
        (missing("heic", Kind::Edited, "jpeg"), [true, false, true]),
        (missing("heic", Kind::EditedLiveVideo, "mov"), [false, true, true]),
        (missing("mov", Kind::Edited, "mov"), [true, true, true]),
        (missing("mov", Kind::Edited, "jpeg"), [true, true, true]),
        (missing("bin", Kind::Edited, "bin"), [true, true, true]),
        (missing("heic", Kind::LiveVideo, "mov"), [false, false, false]),
        (missing_of_live_photo, [true, true, true]),
    ] {
        let gone = |extension| needed.holds(&deletion(extension, DeletionReason::Gone));
        assert_eq!([gone("jpeg"), gone("mov"), gone("bin")], [jpeg, mov, bin], "{needed:?}");
        assert!(!needed.holds(&deletion("jpeg", DeletionReason::NotWanted)));
    }
}

#[tokio::test]
async fn a_wish_for_a_long_pause_ends_the_run() {
    let (disk, server) = (Disk::new(), Server::default());
    server.fault(checksum(1), [Fault::ThrottleFor(Duration::from_secs(3600))]);
    let outcome = disk.sync(&photos([1]), &server).await;
    assert!(matches!(outcome.stopped, Some(Stopped::Remote(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_lost_session_ends_the_run_and_nothing_is_deleted() {
    let disk = Disk::new();
    disk.sync(&photos([1]), &Server::default()).await;
    let server = Server { look_ups_until_lost: Some(0), ..Server::default() };
    let outcome = disk.sync(&photos(2..=3), &server).await;
    assert!(matches!(outcome.stopped, Some(Stopped::Remote(_))), "{outcome:?}");
    assert_eq!(disk.files(), [1]);
    assert_eq!((outcome.zones[0].on_disk, outcome.complete()), (0, false));
}

#[tokio::test]
async fn a_record_that_the_server_chokes_on_stops_no_other() {
    let disk = Disk::new();
    let server = Server { chokes_on: Some(checksum(7)), ..Server::default() };
    let outcome = disk.sync(&photos(1..=60), &server).await;
    assert_eq!((disk.files().len(), outcome.warnings.len()), (59, 1));
}

#[tokio::test]
async fn one_failure_after_the_other_ends_the_run() {
    let (disk, server) = (Disk::new(), Server::default());
    for n in 1..=40 {
        server.fault(checksum(n), [Fault::Break(0); 50]);
    }
    let options = Options { max_retries: Limit::AtMost(0), ..options() };
    let outcome = disk.sync_with(&photos(1..=40), &server, options, &(), &CancellationToken::new()).await;
    assert!(matches!(outcome.stopped, Some(Stopped::Downloads { failed: 20, .. })), "{outcome:?}");
    assert_eq!(outcome.exit(), Exit::TryLater);
}

#[tokio::test]
async fn a_repair_replaces_damaged_files_keeps_the_old_ones_and_does_nothing_else() {
    let (disk, server) = (Disk::new(), Server::default());
    disk.sync(&photos(1..=6), &server).await;
    let path = |n| disk.library.root().join("_All-Photos").join(key(Zone::Primary, n, "jpeg").file_name());
    let trash = |n| {
        let trash = disk.library.root().join(".icps/trash/2026-05-05/_All-Photos");
        std::fs::read(trash.join(key(Zone::Primary, n, "jpeg").file_name()))
    };
    // One that another run has begun, which is not this one's to throw away.
    disk.library.store().incoming(&key(Zone::Primary, 200, "jpeg"), 2001).unwrap().write(b"part").unwrap();
    for n in 1..=4 {
        std::fs::write(path(n), [0]).unwrap();
    }
    server.fault(checksum(2), [Fault::Permanent]);
    // The third is gone from the server when it is read, the fourth when it is fetched; the fifth is new there, the
    // sixth gone: work for a sync.
    let mut remote = photos([1, 2, 4, 5, 7]);
    remote.albums = vec![album(1, "Trip", vec![0])];
    let server = Server { gone: Some(checksum(4)), ..server };
    let damaged = (1..=4).map(|n| (key(Zone::Primary, n, "jpeg"), 1)).collect();

    let cancel = CancellationToken::new();
    let context = Context::new(&remote, &disk.library, &server, options(), &(), &cancel);
    let outcome = repair(plan_repair(&remote, &damaged), context).await;
    assert_eq!((outcome.downloaded.files, outcome.warnings.len()), (1, 1), "{outcome:?}");
    assert_eq!(std::fs::read(path(1)).unwrap(), super::super::plan::tests::generate::content(1));
    assert_eq!(trash(1).unwrap(), [0]);
    for n in 2..=4 {
        assert_eq!(std::fs::read(path(n)).unwrap(), [0], "{n} stays as it is");
        assert!(trash(n).is_err());
    }
    assert!(path(6).exists() && !path(7).exists() && !disk.library.root().join("Trip").exists());
    assert_eq!(disk.library.store().incoming(&key(Zone::Primary, 200, "jpeg"), 2001).unwrap().len(), 4);
}

#[tokio::test]
async fn without_a_trash_a_repair_leaves_nothing_behind() {
    let (disk, server) = (Disk::new(), Server::default());
    disk.sync(&photos([1]), &server).await;
    std::fs::write(
        disk.library.root().join("_All-Photos").join(key(Zone::Primary, 1, "jpeg").file_name()),
        "x",
    )
    .unwrap();
    let (remote, cancel) = (photos([1]), CancellationToken::new());
    let options = Options { keep_deleted: Duration::ZERO, ..options() };
    let context = Context::new(&remote, &disk.library, &server, options, &(), &cancel);
    let damaged = [(key(Zone::Primary, 1, "jpeg"), 1)].into();
    repair(plan_repair(&remote, &damaged), context).await;
    assert_eq!((disk.files(), disk.scan().trash.len()), (vec![1], 0));
}

/// Stops the run when bytes of a file came.
struct StopsOnBytes(CancellationToken);

impl Observer for StopsOnBytes {
    fn bytes(&self, _: i64) {
        self.0.cancel();
    }
}

#[tokio::test]
async fn a_stopped_run_keeps_its_parts_and_the_next_continues_them() {
    let (disk, server) = (Disk::new(), Server::default());
    disk.sync(&photos([1]), &server).await;
    server.offsets.lock().unwrap().clear();
    server.fault(checksum(9), [Fault::Hang]);
    let cancel = CancellationToken::new();
    let observer = StopsOnBytes(cancel.clone());
    let outcome = disk.sync_with(&photos([9]), &server, options(), &observer, &cancel).await;
    assert!(matches!(outcome.stopped, Some(Stopped::Requested)), "{outcome:?}");
    assert_eq!((outcome.exit(), outcome.complete()), (Exit::Done, false));
    assert_eq!(disk.files(), [1], "nothing is deleted by a run that was stopped");
    disk.sync(&photos([9]), &server).await;
    assert_eq!(disk.files(), [9]);
    assert_eq!(*server.offsets.lock().unwrap(), [0, 5]);
}

#[tokio::test]
async fn a_full_disk_leaves_out_and_says_so() {
    let (disk, server) = (Disk::new(), Server::default());
    let options = Options { min_free: u64::MAX, ..options() };
    let outcome = disk.sync_with(&photos(1..=3), &server, options, &(), &CancellationToken::new()).await;
    let shortage = outcome.shortage.unwrap();
    assert_eq!((shortage.available, shortage.left_out.files), (0, 3));
    assert_eq!((outcome.exit(), outcome.complete()), (Exit::Warnings, false));
    assert!(disk.files().is_empty());
}

#[tokio::test]
async fn no_more_than_32_files_are_on_their_way() {
    let disk = Disk::new();
    let gate = CancellationToken::new();
    let server = Server { gate: Some(gate.clone()), ..Server::default() };
    let options = Options { threads: Threads::Fixed(Limit::Infinite), ..options() };
    let (remote, cancel) = (photos(0..=255), CancellationToken::new());
    let all_at_once = async {
        while server.most_active.load(Ordering::SeqCst) < 32 {
            tokio::task::yield_now().await;
        }
        gate.cancel();
    };
    let (outcome, ()) = tokio::join!(disk.sync_with(&remote, &server, options, &(), &cancel), all_at_once);
    assert_eq!(outcome.downloaded.files, 256);
    assert_eq!(server.most_active.load(Ordering::SeqCst), 32);
}

#[tokio::test]
async fn a_damaged_copy_in_the_trash_is_downloaded_instead() {
    let (disk, server) = (Disk::new(), Server::default());
    disk.sync(&photos(1..=2), &server).await;
    disk.sync(&photos([1]), &server).await;
    let name = key(Zone::Primary, 2, "jpeg").file_name();
    let copy = disk.library.root().join(".icps/trash/2026-05-05/_All-Photos").join(name);
    std::fs::write(&copy, [9; 21]).unwrap();
    let outcome = disk.sync(&photos(1..=2), &server).await;
    assert_eq!((outcome.restored.files, outcome.downloaded.files, outcome.exit()), (0, 1, Exit::Done));
    assert_eq!(disk.files(), [1, 2]);
}

#[tokio::test]
async fn a_photo_that_was_deleted_meanwhile_is_no_failure() {
    let disk = Disk::new();
    let server = Server { gone: Some(checksum(2)), ..Server::default() };
    let mut remote = photos(1..=2);
    remote.albums = vec![album(1, "Trip", vec![0, 1])];
    let outcome = disk.sync(&remote, &server).await;
    assert_eq!((outcome.exit(), outcome.complete(), outcome.linked), (Exit::Done, true, 1), "{outcome:?}");
    assert_eq!((outcome.zones[0].files.files, outcome.zones[0].on_disk), (1, 1));
}

#[tokio::test]
async fn one_failing_album_leaves_the_others() {
    let (disk, server) = (Disk::new(), Server::default());
    let root = disk.library.root();
    let mut remote = photos([1]);
    remote.albums = vec![album(1, "Trip", vec![0]), album(2, "Other", vec![0])];
    // Where the first album should be is a file of the user's.
    std::fs::write(root.join(format!(".{}", uuid(1))), "mine").unwrap();
    let outcome = disk.sync(&remote, &server).await;
    assert_eq!(
        (outcome.albums.created, outcome.linked, outcome.exit()),
        (1, 1, Exit::Warnings),
        "{outcome:?}"
    );
    assert_eq!(std::fs::read(root.join(format!(".{}", uuid(1)))).unwrap(), b"mine");
    assert!(root.join("Other/IMG.jpeg").exists());
}

#[tokio::test]
async fn an_archived_album_is_never_touched_and_retired_at_last() {
    let (disk, server) = (Disk::new(), Server::default());
    let mut remote = photos([1]);
    remote.albums = vec![album(1, "Trip", vec![0])];
    disk.sync(&remote, &server).await;
    let root = disk.library.root();
    std::fs::write(root.join("Trip/mine.txt"), "mine").unwrap();
    remote.albums[0].name = "Journey".to_owned();
    remote.albums[0].members = Some(Vec::new());
    let outcome = disk.sync(&remote, &server).await;
    assert_eq!((outcome.albums.named, outcome.unlinked), (1, 0));
    assert!(root.join("Journey/IMG.jpeg").exists());
    remote.albums.clear();
    let outcome = disk.sync(&remote, &server).await;
    assert_eq!((outcome.albums.retired, outcome.exit()), (1, Exit::Done));
    assert_eq!(std::fs::read(root.join("_Archive/Journey/mine.txt")).unwrap(), b"mine");
    assert!(!disk.scan().albums.iter().any(|album| album.state == AlbumState::Archived));
}

#[tokio::test]
async fn a_guarded_run_downloads_and_links_but_deletes_nothing() {
    let (disk, server) = (Disk::new(), Server::default());
    disk.sync(&photos([1]), &server).await;
    let mut remote = photos([2]);
    remote.problems.push(crate::model::Problem {
        subject: "PrimarySync".to_owned(),
        reason: "a page is missing".to_owned(),
        blocks_deletion: true,
    });
    let outcome = disk.sync(&remote, &server).await;
    assert_eq!(disk.files(), [1, 2]);
    assert_eq!((outcome.exit(), outcome.complete()), (Exit::Warnings, false));
    assert!(outcome.held.is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// What the plan believes of the disk is what the disk does: after any library any other can follow.
    #[test]
    fn on_a_real_disk_too_a_second_plan_is_empty(first in remote(), second in remote()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (disk, server) = (Disk::new(), Server::default());
        for remote in [first, second] {
            let outcome = runtime.block_on(disk.sync(&remote, &server));
            prop_assert!(outcome.stopped.is_none() && outcome.warnings.is_empty(), "{outcome:#?}");
            let again = disk.verdict(&remote).plan;
            prop_assert!(again.is_empty(), "{again:#?}");
            let files = outcome.zones.iter().map(|zone| (zone.files.files, zone.on_disk));
            prop_assert!(files.clone().all(|(files, on_disk)| files == on_disk));
            prop_assert_eq!(disk.files().len() as u64, files.map(|(files, _)| files).sum::<u64>());
        }
    }
}

#[test]
fn the_trash_is_where_a_deleted_file_is_found() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (disk, server) = (Disk::new(), Server::default());
    runtime.block_on(disk.sync(&photos([1]), &server));
    runtime.block_on(disk.sync(&photos([2]), &server));
    assert_eq!(
        disk.scan().trash.iter().map(|file| file.key).collect::<Vec<_>>(),
        [key(Zone::Primary, 1, "jpeg")]
    );
}

//! The cases of the specification, one by one.

use super::generate::{SECOND, asset, checksum, content, key, number, record, uuid};
use super::world::World;
use crate::model::{
    Album, AlbumKind, AlbumState, Asset, FileKey, Kind, Link, LocalAlbum, LocalFile, LocalLibrary, Problem,
    RemoteLibrary, Taken, Zone,
};
use crate::sync::Policy;
use crate::sync::plan::{AlbumStep, DeletionReason, DownloadReason, LeftAloneReason, LinkStep, Plan, plan};

fn remote(assets: Vec<Asset>) -> RemoteLibrary {
    RemoteLibrary { assets, ..RemoteLibrary::default() }
}

fn jpeg(n: u8) -> FileKey {
    key(Zone::Primary, n, "jpeg")
}

fn on_disk(key: FileKey) -> LocalFile {
    LocalFile { key, size: content(number(&key.checksum)).len() as u64, modified: 5 * SECOND }
}

fn local(files: Vec<LocalFile>) -> LocalLibrary {
    LocalLibrary { files, ..LocalLibrary::default() }
}

fn planned(remote: &RemoteLibrary, local: &LocalLibrary) -> Plan {
    plan(remote, local, &Policy::default())
}

fn remote_album(n: u8, parent: Option<u8>, name: &str, kind: AlbumKind, members: &[u32]) -> Album {
    let members = Some(members.to_vec());
    Album { record: uuid(n), parent: parent.map(uuid), name: name.to_owned(), kind, members, lacking: false }
}

fn local_album(n: u8, parent: Option<u8>, name: &str, state: AlbumState) -> LocalAlbum {
    LocalAlbum { record: uuid(n), parent: parent.map(uuid), names: vec![name.to_owned()], state }
}

fn folder() -> AlbumState {
    AlbumState::Folder { foreign: false }
}

fn empty_album() -> AlbumState {
    AlbumState::Album { links: Vec::new() }
}

/// The plan's steps, applied to the model of a disk.
fn applied(remote: &RemoteLibrary, local: &LocalLibrary) -> World {
    let mut world = World::new(local);
    world.apply(&planned(remote, local));
    world
}

fn name_of(world: &World, path: &[u8]) -> String {
    let path: Vec<_> = path.iter().copied().map(uuid).collect();
    world.directories[&path].names.join(" and ")
}

#[test]
fn downloads_come_newest_first() {
    let remote = remote((1..5).map(|n| asset(Zone::Primary, n, i64::from(n % 3), "x.jpg")).collect());
    let plan = planned(&remote, &LocalLibrary::default());
    let dates: Vec<_> =
        plan.files.downloads.iter().map(|file| file.source.of(&remote).unwrap().0.date).collect();
    assert_eq!(dates, [2, 1, 1, 0]);
    assert_eq!(plan.files.to_download().bytes, 11 + 21 + 31 + 41);
}

#[test]
fn a_file_that_left_for_the_shared_library_is_moved() {
    let remote = remote(vec![asset(Zone::Shared, 1, 0, "x.jpg")]);
    let plan = planned(&remote, &local(vec![on_disk(jpeg(1))])).files;
    assert_eq!((plan.downloads.len(), plan.deletions.len()), (0, 0));
    assert_eq!((plan.relocations[0].from, plan.relocations[0].to), (jpeg(1), key(Zone::Shared, 1, "jpeg")));
}

#[test]
fn a_file_that_is_wanted_where_it_is_too_is_fetched_for_the_other_place() {
    let remote = remote(vec![asset(Zone::Shared, 1, 0, "x.jpg"), asset(Zone::Primary, 1, 0, "x.jpg")]);
    let plan = planned(&remote, &local(vec![on_disk(jpeg(1))])).files;
    assert_eq!((plan.downloads.len(), plan.relocations.len(), plan.deletions.len()), (1, 0, 0));
}

#[test]
fn a_file_that_comes_back_is_taken_from_the_trash() {
    let remote = remote(vec![asset(Zone::Primary, 1, 0, "x.jpg")]);
    let trash = vec![on_disk(key(Zone::Shared, 1, "jpeg")), on_disk(jpeg(1))];
    let local = LocalLibrary { trash, ..LocalLibrary::default() };
    let plan = planned(&remote, &local).files;
    assert_eq!(plan.downloads, []);
    assert_eq!((plan.restorations[0].from, plan.restorations[0].to), (jpeg(1), jpeg(1)));
}

#[test]
fn a_wrong_size_is_downloaded_and_a_wrong_time_is_set() {
    let remote = remote((1..5).map(|n| asset(Zone::Primary, n, 0, "x.jpg")).collect());
    let files = vec![
        LocalFile { size: 3, ..on_disk(jpeg(1)) },
        LocalFile { modified: 6 * SECOND + 1, ..on_disk(jpeg(2)) },
        LocalFile { modified: 4 * SECOND, ..on_disk(jpeg(3)) },
        on_disk(jpeg(4)),
    ];
    let plan = planned(&remote, &local(files)).files;
    assert_eq!(plan.downloads.len(), 1);
    assert_eq!(plan.downloads[0].reason, DownloadReason::WrongSize { found: 3 });
    assert_eq!(plan.touches.iter().map(|touch| touch.key).collect::<Vec<_>>(), [jpeg(2)]);
}

#[test]
fn the_mtime_of_a_shared_file_is_the_smallest() {
    let mut assets: Vec<_> = (0..3).map(|_| asset(Zone::Primary, 1, 0, "x.jpg")).collect();
    for (asset, modified) in assets.iter_mut().zip([9, 3, 7]) {
        asset.files[0].modified = modified;
    }
    let plan = planned(&remote(assets), &LocalLibrary::default()).files;
    assert_eq!(plan.downloads.iter().map(|file| file.modified).collect::<Vec<_>>(), [3]);
}

#[test]
fn deletions_say_why() {
    let mut live = asset(Zone::Primary, 2, 0, "x.jpg");
    live.files[0].kind = Kind::LiveVideo;
    let remote = remote(vec![asset(Zone::Primary, 1, 0, "x.jpg"), live]);
    let files = [jpeg(1), key(Zone::Primary, 1, "png"), jpeg(2), jpeg(3)].map(on_disk).to_vec();
    let policy = Policy { live_photos: false, alternatives: true };
    let plan = plan(&remote, &local(files), &policy).files;
    let mut reasons: Vec<_> = plan.deletions.iter().map(|deletion| (deletion.key, deletion.reason)).collect();
    reasons.sort_by_key(|(key, _)| number(&key.checksum));
    let expected = [
        (key(Zone::Primary, 1, "png"), DeletionReason::Superfluous),
        (jpeg(2), DeletionReason::NotWanted),
        (jpeg(3), DeletionReason::Gone),
    ];
    assert_eq!(reasons, expected);
}

#[test]
fn a_file_whose_master_could_not_be_read_is_left_alone() {
    let mut remote = remote(Vec::new());
    remote.problems.push(Problem {
        subject: checksum(1).to_base64(),
        reason: "still uploading".to_owned(),
        blocks_deletion: false,
    });
    let plan = planned(&remote, &local(vec![on_disk(jpeg(1)), on_disk(jpeg(2))])).files;
    assert_eq!(plan.unclear, [jpeg(1)]);
    assert_eq!(plan.deletions.iter().map(|deletion| deletion.key).collect::<Vec<_>>(), [jpeg(2)]);
}

#[test]
fn siblings_swap_their_names() {
    let mut remote = remote(Vec::new());
    remote.albums = vec![
        remote_album(1, None, "b", AlbumKind::Album, &[]),
        remote_album(2, None, "a", AlbumKind::Album, &[]),
    ];
    let albums = vec![local_album(1, None, "a", empty_album()), local_album(2, None, "b", empty_album())];
    let world = applied(&remote, &LocalLibrary { albums, ..LocalLibrary::default() });
    assert_eq!((name_of(&world, &[1]), name_of(&world, &[2])), ("b".to_owned(), "a".to_owned()));
}

#[test]
fn a_folder_moves_below_its_former_child() {
    let mut remote = remote(Vec::new());
    remote.albums = vec![
        remote_album(1, Some(2), "was outside", AlbumKind::Folder, &[]),
        remote_album(2, None, "was inside", AlbumKind::Folder, &[]),
    ];
    let albums = vec![local_album(1, None, "outside", folder()), local_album(2, Some(1), "inside", folder())];
    let world = applied(&remote, &LocalLibrary { albums, ..LocalLibrary::default() });
    assert_eq!(name_of(&world, &[2, 1]), "was outside");
}

#[test]
fn cycles_orphans_and_albums_in_albums_go_to_the_top() {
    let mut remote = remote(Vec::new());
    remote.albums = vec![
        remote_album(1, Some(2), "cycle", AlbumKind::Folder, &[]),
        remote_album(2, Some(1), "cycle", AlbumKind::Folder, &[]),
        remote_album(3, Some(9), "orphan", AlbumKind::Album, &[]),
        remote_album(4, Some(3), "in an album", AlbumKind::Album, &[]),
        remote_album(5, Some(5), "its own folder", AlbumKind::Folder, &[]),
    ];
    let world = applied(&remote, &LocalLibrary::default());
    let places: Vec<usize> = world.directories.keys().map(Vec::len).collect();
    assert_eq!(places.iter().filter(|depth| **depth == 1).count(), 4);
    assert_eq!(places.iter().max(), Some(&2));
}

#[test]
fn an_archived_album_follows_its_name_and_is_retired_with_its_remote_album() {
    let mut remote = remote(Vec::new());
    remote.albums = vec![remote_album(1, None, "new", AlbumKind::Album, &[])];
    let archived = |n, name| local_album(n, None, name, AlbumState::Archived);
    let albums = vec![archived(1, "old"), archived(2, "gone")];
    let local = LocalLibrary { albums, ..LocalLibrary::default() };
    let world = applied(&remote, &local);
    assert_eq!(name_of(&world, &[1]), "new");
    assert_eq!(world.retired, ["gone"]);
    assert_eq!(planned(&remote, &local).albums.links, []);
}

#[test]
fn the_users_things_keep_their_folder_and_their_names() {
    let mut remote = remote(Vec::new());
    remote.albums = vec![remote_album(1, None, "Trip", AlbumKind::Album, &[])];
    let foreign = AlbumState::Folder { foreign: true };
    let local = LocalLibrary {
        albums: vec![
            local_album(2, None, "outer", folder()),
            local_album(3, Some(2), "inner", foreign),
            local_album(4, Some(3), "album", empty_album()),
        ],
        taken: vec![Taken { inside: None, name: "Trip".to_owned() }],
        ..LocalLibrary::default()
    };
    let plan = planned(&remote, &local);
    assert_eq!(plan.albums.left_alone.len(), 1);
    assert_eq!(plan.albums.left_alone[0].reason, LeftAloneReason::HoldsForeign);
    let world = applied(&remote, &local);
    assert_eq!(name_of(&world, &[1]), "Trip (2)");
    assert_eq!(world.directories.len(), 3);
}

#[test]
fn links_are_named_in_the_order_of_dates_and_redone_when_they_differ() {
    let assets = vec![asset(Zone::Primary, 1, 9, "IMG.JPG"), asset(Zone::Primary, 2, 1, "IMG.JPG")];
    let mut remote = remote(assets);
    remote.albums = vec![remote_album(1, None, "a", AlbumKind::Album, &[0, 1])];
    let link = |name: &str, n, modified| Link { name: name.to_owned(), target: Some(jpeg(n)), modified };
    let links = vec![link("IMG.jpeg", 2, 5 * SECOND), link("IMG (2).jpeg", 1, 0), link("old.jpeg", 1, 0)];
    let mut local = local(vec![on_disk(jpeg(1)), on_disk(jpeg(2))]);
    local.albums = vec![local_album(1, None, "a", AlbumState::Album { links })];
    let plan = planned(&remote, &local);
    let target = jpeg(1);
    let expected = [
        LinkStep::Unlink { name: "old.jpeg".to_owned() },
        LinkStep::Link { name: "IMG (2).jpeg".to_owned(), target, modified: 5 * SECOND },
    ];
    assert_eq!(plan.albums.links[0].steps, expected);
    assert_eq!(plan.albums.steps, []);
}

#[test]
fn a_link_that_leads_elsewhere_makes_room_for_ours() {
    let mut remote = remote(vec![asset(Zone::Primary, 1, 9, "IMG.JPG")]);
    remote.albums = vec![remote_album(1, None, "a", AlbumKind::Album, &[0])];
    let links = vec![Link { name: "IMG.jpeg".to_owned(), target: None, modified: 5 * SECOND }];
    let mut local = local(vec![on_disk(jpeg(1))]);
    local.albums = vec![local_album(1, None, "a", AlbumState::Album { links })];
    let name = "IMG.jpeg".to_owned();
    let link = LinkStep::Link { name: name.clone(), target: jpeg(1), modified: 5 * SECOND };
    assert_eq!(planned(&remote, &local).albums.links[0].steps, [LinkStep::Unlink { name }, link]);
}

#[test]
fn the_links_of_an_album_that_could_not_be_read_stay() {
    let mut remote = remote(Vec::new());
    remote.albums = vec![remote_album(1, None, "renamed", AlbumKind::Album, &[])];
    remote.albums[0].members = None;
    let links = vec![Link { name: "x.jpeg".to_owned(), target: Some(jpeg(1)), modified: 0 }];
    let albums = vec![local_album(1, None, "a", AlbumState::Album { links })];
    let plan = planned(&remote, &LocalLibrary { albums, ..LocalLibrary::default() });
    assert_eq!(plan.albums.links, []);
    assert_eq!(plan.albums.left_alone[0].reason, LeftAloneReason::Unread);
    assert!(matches!(&plan.albums.steps[..], [AlbumStep::Name { new, .. }] if new == "renamed"));
}

#[test]
fn what_could_be_no_directory_of_ours_is_reported() {
    let mut remote = remote(Vec::new());
    remote.albums =
        vec![Album { record: record("a/b"), ..remote_album(1, None, "x", AlbumKind::Album, &[]) }];
    let plan = planned(&remote, &LocalLibrary::default());
    assert_eq!(plan.albums.steps, []);
    assert_eq!(plan.albums.left_alone[0].reason, LeftAloneReason::UnsafeRecord);
}

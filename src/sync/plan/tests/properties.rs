//! What must hold for every pair of libraries.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::generate::{local, remote};
use super::world::World;
use crate::model::{AlbumKind, AlbumState, FileKey, LocalLibrary, RecordName, RemoteLibrary, Zone};
use crate::sync::Policy;
use crate::sync::plan::{AlbumPlan, Download, DownloadReason, FilePlan, LinkStep, Plan, plan, repair};

fn policy() -> impl Strategy<Value = Policy> {
    (any::<bool>(), any::<bool>())
        .prop_map(|(live_photos, alternatives)| Policy { live_photos, alternatives })
}

/// The files that belong on disk, with size and mtime, worked out the slow way.
fn wanted(remote: &RemoteLibrary, policy: Policy) -> BTreeMap<FileKey, (u64, i64)> {
    let mut wanted = BTreeMap::new();
    for asset in &remote.assets {
        for file in asset.files.iter().filter(|file| policy.wants(file.kind)) {
            let entry = wanted.entry(asset.key(file)).or_insert((file.size, file.modified));
            entry.1 = entry.1.min(file.modified);
        }
    }
    wanted
}

fn assert_files(world: &World, remote: &RemoteLibrary, policy: Policy) {
    let wanted = wanted(remote, policy);
    let keys = |files: &BTreeMap<FileKey, (u64, i64)>| files.keys().copied().collect::<Vec<_>>();
    assert_eq!(keys(&world.files), keys(&wanted));
    for (key, (size, modified)) in &wanted {
        let (found_size, found) = world.files[key];
        assert_eq!((found_size, found.abs_diff(*modified) <= 1000), (*size, true), "{key:?}");
    }
}

/// Every remote album is there once, below the folder that the server names if that makes sense.
fn assert_tree(world: &World, remote: &RemoteLibrary) {
    let folders: BTreeSet<&RecordName> =
        first_of_each(remote).filter(|album| album.kind == AlbumKind::Folder).map(|a| &a.record).collect();
    for album in first_of_each(remote) {
        let places: Vec<_> =
            world.directories.iter().filter(|(path, _)| path.last() == Some(&album.record)).collect();
        assert_eq!(places.len(), 1, "{album:?}");
        let (path, directory) = places[0];
        assert_eq!(directory.names.len(), 1, "{album:?}");
        let parent = path.iter().rev().nth(1);
        if parent.is_some() {
            assert_eq!(parent, album.parent.as_ref());
        } else if let Some(parent) = album.parent.as_ref().filter(|parent| folders.contains(parent)) {
            assert!(is_below(remote, parent, &album.record), "{album:?} should be below {parent:?}");
        }
    }
}

fn first_of_each(remote: &RemoteLibrary) -> impl Iterator<Item = &crate::model::Album> {
    let mut seen = BTreeSet::new();
    remote.albums.iter().filter(move |album| seen.insert(&album.record))
}

/// Whether walking up from `from` meets `record`, that is, whether they are in one cycle.
fn is_below(remote: &RemoteLibrary, from: &RecordName, record: &RecordName) -> bool {
    let mut at = Some(from.clone());
    for _ in 0..=remote.albums.len() {
        let Some(here) = at else { return false };
        if here == *record {
            return true;
        }
        at = first_of_each(remote).find(|album| album.record == here).and_then(|album| album.parent.clone());
    }
    false
}

/// The links of every album that is not the user's lead to exactly its files.
fn assert_links(world: &World, remote: &RemoteLibrary, policy: Policy) {
    for album in first_of_each(remote) {
        let (path, directory) =
            world.directories.iter().find(|(path, _)| path.last() == Some(&album.record)).unwrap();
        let found: Vec<FileKey> = match (&directory.state, &album.members) {
            (AlbumState::Archived | AlbumState::Folder { foreign: true }, _) | (_, None) => continue,
            (AlbumState::Folder { .. }, _) => Vec::new(),
            (AlbumState::Album { links }, _) => links.iter().map(|link| link.target.unwrap()).collect(),
        };
        if world.directories.keys().any(|other| other.len() > path.len() && other.starts_with(path)) {
            assert_eq!(found, [], "{path:?}");
            continue;
        }
        let members: BTreeSet<u32> = album.members.iter().flatten().copied().collect();
        let mut wanted: Vec<FileKey> = members
            .iter()
            .map(|at| &remote.assets[*at as usize])
            .filter(|asset| asset.zone == Zone::Primary)
            .flat_map(|asset| asset.files.iter().map(move |file| (asset, file)))
            .filter(|(_, file)| policy.wants(file.kind))
            .map(|(asset, file)| asset.key(file))
            .collect();
        let mut found = found;
        wanted.sort();
        found.sort();
        assert_eq!(found, wanted, "{album:?}");
    }
}

/// What the user put there is there: archived albums, strays, folders that hold something.
fn assert_users_things(world: &World, before: &LocalLibrary) {
    let count = |library: &LocalLibrary, state: &AlbumState| {
        library.albums.iter().filter(|album| album.state == *state).count()
    };
    let in_place = world.directories.values().filter(|dir| dir.state == AlbumState::Archived).count();
    assert_eq!(in_place + world.retired.len(), count(before, &AlbumState::Archived));
    let foreign = AlbumState::Folder { foreign: true };
    let kept = world.directories.values().filter(|dir| dir.state == foreign).count();
    assert_eq!(kept, count(before, &foreign));
    assert_eq!(world.taken.len() + world.retired_things, before.taken.len());
}

fn removals(plan: &Plan) -> usize {
    let unlinks = plan.albums.links.iter().flat_map(|album| &album.steps);
    plan.files.deletions.len() + unlinks.filter(|step| matches!(step, LinkStep::Unlink { .. })).count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn applying_the_plan_makes_the_libraries_equal(remote in remote(), local in local(), policy in policy()) {
        let plan = plan(&remote, &local, &policy);
        let mut world = World::new(&local);
        world.apply(&plan);
        assert_files(&world, &remote, policy);
        assert_tree(&world, &remote);
        assert_links(&world, &remote, policy);
        assert_users_things(&world, &local);
    }

    #[test]
    fn a_second_plan_is_empty(remote in remote(), local in local(), policy in policy()) {
        let first = plan(&remote, &local, &policy);
        let mut world = World::new(&local);
        world.apply(&first);
        let second = plan(&remote, &world.scan(), &policy);
        prop_assert!(second.is_empty(), "{second:#?}\nafter {first:#?}");
        prop_assert_eq!(second.files.wanted, first.files.wanted);
    }

    #[test]
    fn a_plan_without_removals_removes_nothing_and_settles(
        remote in remote(), local in local(), policy in policy(),
    ) {
        let held = plan(&remote, &local, &policy).without_removals(&remote, &local, &policy);
        let mut world = World::new(&local);
        world.apply(&held);
        prop_assert_eq!(world.directories.len(), {
            let mut records: BTreeSet<_> = local.albums.iter().map(|album| &album.record).collect();
            records.extend(remote.albums.iter().map(|album| &album.record));
            records.len()
        });
        let unknown = local.albums.iter().filter(|old| !remote.albums.iter().any(|a| a.record == old.record));
        for album in unknown {
            let place = world.directories.iter().find(|(path, _)| path.last() == Some(&album.record));
            prop_assert_eq!(&place.unwrap().1.names, &album.names);
        }
        prop_assert!(world.retired.is_empty());
        prop_assert_eq!(held.files.deletions.len(), 0);
        assert_users_things(&world, &local);
        let local = world.scan();
        let again = plan(&remote, &local, &policy).without_removals(&remote, &local, &policy);
        prop_assert!(again.is_empty(), "{again:#?}\nafter {held:#?}");
        // And the whole plan still gets there.
        world.apply(&plan(&remote, &local, &policy));
        assert_files(&world, &remote, policy);
        assert_links(&world, &remote, policy);
    }

    #[test]
    fn equal_libraries_need_nothing_in_whatever_order(
        remote in remote(), local in local(), seed in any::<u64>(),
    ) {
        let first = plan(&remote, &local, &Policy::default());
        let mut shuffled = local.clone();
        let turn = |len: usize| usize::try_from(seed % 1000).unwrap() % len.max(1);
        let at = turn(shuffled.files.len());
        shuffled.files.rotate_left(at);
        shuffled.trash.reverse();
        let mut turned = remote.clone();
        turned.albums.reverse();
        turned.albums.sort_by(|a, b| a.record.cmp(&b.record));
        turned.albums.dedup_by(|a, b| a.record == b.record);
        let mut once = remote.clone();
        once.albums = turned.albums.iter().rev().cloned().collect();
        let (a, b) = (plan(&turned, &shuffled, &Policy::default()), plan(&once, &local, &Policy::default()));
        prop_assert_eq!(a.albums, b.albums);
        prop_assert_eq!(a.files.deletions, b.files.deletions);
        prop_assert_eq!(a.files.downloads, first.files.downloads);
        prop_assert_eq!(a.files.relocations, first.files.relocations);
    }

    #[test]
    fn nothing_that_is_wanted_is_deleted(remote in remote(), local in local(), policy in policy()) {
        let plan = plan(&remote, &local, &policy);
        let wanted = wanted(&remote, policy);
        prop_assert!(plan.files.deletions.iter().all(|deletion| !wanted.contains_key(&deletion.key)));
        prop_assert!(plan.files.relocations.iter().all(|r| !wanted.contains_key(&r.from)));
    }

    #[test]
    fn an_empty_local_library_needs_no_removal(remote in remote()) {
        let plan = plan(&remote, &LocalLibrary::default(), &Policy::default());
        prop_assert_eq!(removals(&plan), 0);
        prop_assert_eq!(plan.files.wanted(), plan.files.to_download());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_repair_fetches_what_is_damaged_as_a_first_sync_would_and_touches_nothing_else(
        remote in remote(), local in local(), others in prop::collection::vec(any::<bool>(), 64)
    ) {
        let all = plan(&remote, &LocalLibrary::default(), &Policy::default()).files.downloads;
        let chosen = all.iter().zip(others).filter(|(_, chosen)| *chosen).map(|(download, _)| download.key);
        let here = local.files.iter().map(|file| file.key);
        let damaged: BTreeMap<FileKey, u64> = chosen.chain(here).map(|key| (key, 7)).collect();
        let Plan { mut files, albums } = repair(&remote, &damaged);
        let expected = all.iter().filter(|download| damaged.contains_key(&download.key));
        let expected: Vec<_> = expected
            .map(|download| Download { reason: DownloadReason::Damaged { found: 7 }, ..*download })
            .collect();
        prop_assert_eq!(std::mem::take(&mut files.downloads), expected);
        files.wanted.clear();
        prop_assert_eq!((files, albums), (FilePlan::default(), AlbumPlan::default()));
    }
}

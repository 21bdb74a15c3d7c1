//! The whole library is read, whatever it holds and however the servers serve it; what is doubtful blocks
//! deletions.

use icloud_emulator::library::{Form, LibrarySpec, NewAsset, SharedLibrary, ZoneKind};
use icloud_emulator::{Effect, Fault, Kind, Selector, When};
use icps::icloud::Error;
use icps::model::RemoteLibrary;

use crate::support::World;

/// Photos enough for several pages.
fn plain() -> LibrarySpec {
    LibrarySpec::plain(350)
}

fn always(kind: Kind, what: Effect) -> Fault {
    Fault { on: Selector::Kind(kind), when: When::Always, what }
}

/// Requests for pages of the list of assets.
fn pages() -> Selector {
    Selector::matching(|request| request.kind == Kind::Query && says(&request.body, "WithoutHiddenOrDeleted"))
}

fn says(body: &[u8], text: &str) -> bool {
    String::from_utf8_lossy(body).contains(text)
}

fn blocked(remote: &RemoteLibrary) -> bool {
    remote.incomplete().is_some()
}

#[tokio::test]
async fn every_oddity_is_read_as_the_servers_mean_it() {
    for (seed, shared) in [(1, SharedLibrary::Owner(40)), (2, SharedLibrary::Participant(30))] {
        let world = World::new(LibrarySpec::every_oddity(400).seeded(seed).shared(shared)).await;
        let remote = world.read().await;
        world.assert_complete(&remote);
        assert_eq!((remote.problems.len(), remote.zones.len()), (0, 2), "{:?}", remote.problems);
    }
}

#[tokio::test]
async fn what_is_still_being_uploaded_waits_and_is_named_with_its_contents() {
    let world = World::new(LibrarySpec::small()).await;
    let library = world.emulator.library();
    let uploading = library.visible_assets().remove(3);
    library.set_uploading(uploading.asset, true);
    let remote = world.read().await;
    world.assert_complete(&remote);
    assert_eq!(remote.problems.len(), 1);
    assert!(!blocked(&remote) && remote.problems[0].subject.contains(&uploading.record));
    let pending: Vec<_> = remote.pending.iter().map(icps::model::Checksum::to_base64).collect();
    assert!(uploading.files.iter().all(|file| pending.contains(&file.checksum)), "{pending:?}");

    library.set_uploading(uploading.asset, false);
    let remote = world.read().await;
    world.assert_complete(&remote);
    assert_eq!(remote.problems, []);
}

#[tokio::test]
async fn ordinary_families_are_read_without_a_problem() {
    for seed in 0..6 {
        let world = World::new(LibrarySpec::small().seeded(seed)).await;
        let remote = world.read().await;
        world.assert_complete(&remote);
        assert_eq!(remote.problems, []);
    }
}

#[tokio::test]
async fn pages_are_healed() {
    let world = World::new(plain()).await;
    let faults = world.emulator.faults();
    for fault in [
        Fault { on: pages(), when: When::Always, what: Effect::ShortPage(30) },
        Fault { on: pages(), when: When::Numbers(1..2), what: Effect::EmptyPage },
        Fault { on: pages(), when: When::Always, what: Effect::SplitPairs },
        Fault { on: pages(), when: When::Always, what: Effect::RepeatedRecords },
        always(Kind::Batch, Effect::WrongCount(-200)),
        always(Kind::Batch, Effect::WrongCount(2)),
        always(Kind::Query, Effect::MissingUrls),
        Fault { on: Selector::Kind(Kind::Query), when: When::Numbers(2..3), what: Effect::Reset },
    ] {
        faults.add(fault.clone());
        let remote = world.read().await;
        world.assert_complete(&remote);
        assert_eq!(remote.problems, [], "{fault:?}");
        faults.clear();
    }
}

#[tokio::test]
async fn what_casts_doubt_on_the_listing_blocks_deletion() {
    let world = World::new(plain()).await;
    let faults = world.emulator.faults();
    for (fault, listed) in [
        (always(Kind::Batch, Effect::WrongCount(50)), 350),
        (Fault { on: pages(), when: When::Times(1), what: Effect::GarbledRecord }, 350),
        (Fault { on: pages(), when: When::Always, what: Effect::EmptyPage }, 0),
    ] {
        faults.add(fault.clone());
        let remote = world.read().await;
        assert_eq!(remote.zones[0].listed, listed, "{fault:?}");
        assert!(blocked(&remote), "{fault:?}");
        faults.clear();
    }
}

#[tokio::test]
async fn a_record_that_comes_twice_has_one_problem() {
    let world = World::new(LibrarySpec::plain(20)).await;
    for what in [Effect::GarbledRecord, Effect::RepeatedRecords] {
        world.emulator.faults().add(Fault { on: pages(), when: When::Times(1), what });
    }
    let remote = world.read().await;
    assert_eq!((remote.assets.len(), remote.problems.len()), (19, 1), "{:?}", remote.problems);
}

#[tokio::test]
async fn a_photo_that_arrives_meanwhile_blocks_deletion() {
    let world = World::new(plain()).await;
    let library = world.emulator.library().clone();
    let on = Selector::matching(move |request| {
        if request.kind == Kind::Query && says(&request.body, "\"value\":100}") {
            library.add(ZoneKind::Primary, &NewAsset::new(Form::Jpeg));
        }
        false
    });
    world.emulator.faults().add(Fault { on, when: When::Always, what: Effect::Reset });
    let remote = world.read().await;
    assert!(remote.incomplete().unwrap().reason.contains("changed while"), "{:?}", remote.problems);
    world.emulator.faults().clear();
    let again = world.read().await;
    world.assert_complete(&again);
    assert_eq!((again.assets.len(), again.problems.len()), (351, 0));
}

#[tokio::test]
async fn changes_of_the_user_are_read() {
    let world = World::new(LibrarySpec::small()).await;
    let library = world.emulator.library();
    let assets: Vec<_> = library.visible_assets().iter().map(|asset| asset.asset).collect();
    library.delete(assets[0]);
    library.set_hidden(assets[1], true);
    library.set_favorite(assets[2], true);
    library.duplicate(assets[3]);
    let folder = library.create_folder("Reisen", None);
    let album = library.create_album("Rom", Some(folder));
    library.add_to_album(album, assets[4]);
    library.add_to_album(album, assets[1]);
    let remote = world.read().await;
    world.assert_complete(&remote);
    assert_eq!(remote.problems, []);
}

#[tokio::test]
async fn while_a_library_is_being_indexed_nothing_is_read() {
    let spec = plain().shared(SharedLibrary::Participant(3));
    for zone in [ZoneKind::Primary, ZoneKind::Shared] {
        let world = World::new(spec.clone()).await;
        world.emulator.library().set_indexing(zone, "RUNNING", 42);
        let error = world.try_read().await.unwrap_err();
        assert!(matches!(error, Error::Indexing { progress: 42, .. }), "{error:?}");
    }
}

#[tokio::test]
async fn without_a_photo_library_the_user_is_told() {
    let world = World::new(plain()).await;
    world.emulator.library().set_library_missing(true);
    assert!(matches!(world.try_read().await, Err(Error::NotSetUp)));
}

#[tokio::test]
async fn requests_are_few() {
    let world = World::new(LibrarySpec::plain(1000)).await;
    world.read().await;
    let statistics = world.emulator.statistics();
    // Ten pages and one beyond; the top level and a folder; three albums of at most four pages and one beyond;
    // and the state of the index.
    assert!(statistics.count(Kind::Query) <= 11 + 2 + 15 + 1, "{statistics:?}");
    // Before, after, and for the albums.
    assert_eq!(statistics.count(Kind::Batch), 3);
    assert_eq!(statistics.count(Kind::Lookup), 0);
}

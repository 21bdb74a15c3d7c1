//! Downloads: found, fetched, continued, and told apart when they fail.

use std::time::Duration;

use icloud_emulator::library::{Edit, LibrarySpec, SharedLibrary};
use icloud_emulator::{Canned, Effect, Kind};
use icps::icloud::download::{Content, FetchError};
use icps::icloud::photos::{Location, Missing, Wish};
use icps::model::{RemoteLibrary, Zone};

use crate::support::World;

fn spec() -> LibrarySpec {
    LibrarySpec::small().sizes(30_000, 90_000)
}

/// All files of a zone, as they are to be looked up.
fn wishes(remote: &RemoteLibrary, zone: Zone) -> Vec<Wish> {
    let assets = remote.assets.iter().filter(|asset| asset.zone == zone);
    let files = assets.flat_map(|asset| asset.files.iter().map(move |file| (asset, file)));
    files
        .map(|(asset, file)| Wish { record: asset.record_of(file).clone(), checksum: file.checksum })
        .collect()
}

async fn body(mut content: Content) -> Result<Vec<u8>, FetchError> {
    let mut bytes = Vec::new();
    while let Some(more) = content.next().await? {
        bytes.extend_from_slice(&more);
    }
    Ok(bytes)
}

/// The bytes that the servers have for that file.
fn original(world: &World, wish: &Wish) -> Vec<u8> {
    world.emulator.library().content_of(&wish.checksum.to_base64()).unwrap().bytes()
}

async fn one(world: &World) -> (Wish, Location) {
    let wish = wishes(&world.read().await, Zone::Primary).remove(0);
    let location = locate(world, &wish).await.unwrap();
    (wish, location)
}

async fn locate(world: &World, wish: &Wish) -> Result<Location, Missing> {
    world.photos.locate(Zone::Primary, std::slice::from_ref(wish)).await.unwrap().remove(0)
}

#[tokio::test]
async fn every_file_is_found_and_fetched() {
    let world = World::new(LibrarySpec::small().shared(SharedLibrary::Participant(10))).await;
    let remote = world.read().await;
    for zone in Zone::ALL {
        let wishes = wishes(&remote, zone);
        let found = world.photos.locate(zone, &wishes).await.unwrap();
        assert_eq!(found.len(), wishes.len());
        for (wish, found) in wishes.iter().zip(found) {
            let content = world.photos.fetch(&found.unwrap(), 0).await.unwrap();
            assert!(body(content).await.unwrap() == original(&world, wish), "{wish:?}");
        }
    }
}

#[tokio::test]
async fn a_download_is_continued_where_the_server_allows_it() {
    let world = World::new(spec()).await;
    let (wish, location) = one(&world).await;
    let bytes = original(&world, &wish);
    let content = world.photos.fetch(&location, 1000).await.unwrap();
    assert_eq!(content.offset, 1000);
    assert!(body(content).await.unwrap() == bytes[1000..]);

    world.emulator.faults().next(1, Kind::Content, Effect::IgnoreRange);
    let content = world.photos.fetch(&location, 1000).await.unwrap();
    assert_eq!(content.offset, 0);
    assert!(body(content).await.unwrap() == bytes);

    // More is there than the file has: it begins anew.
    let content = world.photos.fetch(&location, location.size).await.unwrap();
    assert_eq!(content.offset, 0);
    assert!(body(content).await.unwrap() == bytes);
}

#[tokio::test]
async fn an_address_that_is_too_old_is_renewed_by_looking_again() {
    let world = World::new(spec()).await;
    let (wish, location) = one(&world).await;
    world.emulator.clock().advance(Duration::from_secs(3700));
    let error = world.photos.fetch(&location, 0).await.unwrap_err();
    assert!(matches!(error, FetchError::Expired { status: 410 }), "{error:?}");
    let location = locate(&world, &wish).await.unwrap();
    assert!(body(world.photos.fetch(&location, 0).await.unwrap()).await.unwrap() == original(&world, &wish));
}

#[tokio::test]
async fn what_is_not_the_file_is_told_apart() {
    let world = World::with_idle_timeout(spec(), Some(Duration::from_millis(500))).await;
    let (_, location) = one(&world).await;
    let attempt = async || match world.photos.fetch(&location, 0).await {
        Ok(content) => body(content).await.map(|_| ()),
        Err(error) => Err(error),
    };
    for effect in [Effect::Truncate(10_000), Effect::Hang(10_000), Effect::Reset] {
        world.emulator.faults().next(1, Kind::Content, effect.clone());
        let error = attempt().await.unwrap_err();
        assert!(matches!(error, FetchError::Transient { .. }), "{effect:?} {error:?}");
    }
    attempt().await.unwrap();
}

#[tokio::test]
async fn a_throttled_download_says_how_long_to_wait() {
    let world = World::new(spec()).await;
    let (_, location) = one(&world).await;
    let answer = Effect::Answer(Canned::unavailable().retry_after(1));
    world.emulator.faults().next(1, Kind::Content, answer);
    let error = world.photos.fetch(&location, 0).await.unwrap_err();
    assert!(
        matches!(error, FetchError::Throttled { retry_after: Some(wait) } if wait == Duration::from_secs(1)),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_file_that_changed_since_the_reading_is_not_found() {
    let world = World::new(LibrarySpec::plain(5)).await;
    let remote = world.read().await;
    let library = world.emulator.library();
    let edited = library.visible_assets().remove(0);
    assert!(library.edit(edited.asset, Edit::Jpeg));
    let remote_edited = world.read().await;
    let asset = |remote: &RemoteLibrary| {
        remote.assets.iter().find(|asset| asset.record.as_str() == edited.record).unwrap().clone()
    };
    let file = asset(&remote_edited).files[1].clone();
    let wish = Wish { record: asset(&remote).record.clone(), checksum: file.checksum };
    assert!(locate(&world, &wish).await.is_ok());

    library.edit(edited.asset, Edit::Heic);
    assert_eq!(locate(&world, &wish).await.unwrap_err(), Missing::Changed);
    library.purge(edited.asset);
    assert_eq!(locate(&world, &wish).await.unwrap_err(), Missing::Gone);

    let other =
        wishes(&remote, Zone::Primary).into_iter().find(|w| w.record != asset(&remote).master).unwrap();
    world.emulator.faults().next(1, Kind::Lookup, Effect::MissingUrls);
    assert_eq!(locate(&world, &other).await.unwrap_err(), Missing::NotReady);
}

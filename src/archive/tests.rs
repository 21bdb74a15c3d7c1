use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use proptest::prelude::*;
use sha1::{Digest as _, Sha1};

use super::*;
use crate::model::{AssetFile, Extension, Kind, RecordName};

fn checksum(content: u32) -> Checksum {
    Checksum::from_sha1(Sha1::digest(content.to_be_bytes()).into())
}

/// The n-th asset. Its files have the contents 2n and 2n + 1.
fn asset(n: u32) -> Asset {
    let file = |kind, content| AssetFile {
        kind,
        checksum: checksum(content),
        extension: Extension::default(),
        size: 1,
        modified: 0,
    };
    Asset {
        record: RecordName::new(&format!("asset-{n}")).unwrap(),
        master: RecordName::new(&format!("master-{n}")).unwrap(),
        zone: Zone::Primary,
        date: 0,
        name: "IMG.JPG".into(),
        favorite: false,
        files: Box::new([file(Kind::Original, 2 * n), file(Kind::LiveVideo, 2 * n + 1)]),
    }
}

/// Something that happens in iCloud, right before a request.
#[derive(Debug, Clone)]
enum Event {
    Nothing,
    Favorite(u32),
    Edit(u32),
    Delete(u32),
    /// The request fails before it does anything.
    Refuse,
    /// It is done, and its answer is lost.
    Lose,
    /// As before, and so would all others.
    Throttle,
}

/// A library that checks change tags.
struct FakeCloud {
    assets: Mutex<BTreeMap<RecordName, (Asset, u32)>>,
    events: Mutex<Vec<Event>>,
    /// What was deleted, as it was at that moment.
    deleted: Mutex<Vec<Asset>>,
    requests: Mutex<u32>,
}

impl FakeCloud {
    fn new(assets: &[Asset], mut events: Vec<Event>) -> Self {
        events.reverse();
        let assets = assets.iter().map(|asset| (asset.record.clone(), (asset.clone(), 0))).collect();
        let (deleted, requests) = (Mutex::default(), Mutex::default());
        Self { assets: Mutex::new(assets), events: Mutex::new(events), deleted, requests }
    }

    fn change(&self, n: u32, change: impl FnOnce(&mut Asset)) {
        if let Some((asset, tag)) = self.assets.lock().unwrap().get_mut(&asset(n).record) {
            *tag += 1;
            change(asset);
        }
    }

    fn happen(&self) -> Event {
        *self.requests.lock().unwrap() += 1;
        let event = self.events.lock().unwrap().pop().unwrap_or(Event::Nothing);
        match event {
            Event::Favorite(n) => self.change(n, |asset| asset.favorite = true),
            Event::Edit(n) => self.change(n, |asset| asset.files[1].checksum = checksum(1_000_000 + n)),
            Event::Delete(n) => drop(self.assets.lock().unwrap().remove(&asset(n).record)),
            _ => {}
        }
        event
    }
}

fn refused() -> Error {
    Error::Server { host: "h".into(), status: 400, code: None, reason: None }
}

impl Cloud for FakeCloud {
    async fn current(&self, assets: &[&Asset]) -> Result<Vec<Current>, Error> {
        match self.happen() {
            Event::Refuse | Event::Lose => return Err(refused()),
            Event::Throttle => return Err(Error::Throttled { retry_after: None }),
            _ => {}
        }
        let known = self.assets.lock().unwrap();
        let current = |asset: &&Asset| {
            let (asset, tag) = known.get(&asset.record)?.clone();
            Some(Current { asset, tag: tag.to_string().into() })
        };
        Ok(assets.iter().filter_map(current).collect())
    }

    async fn trash(&self, doomed: &[Current]) -> Result<(), Error> {
        assert!(!doomed.is_empty() && doomed.len() <= MOST_AT_ONCE);
        let event = self.happen();
        match event {
            Event::Refuse => return Err(refused()),
            Event::Throttle => return Err(Error::Throttled { retry_after: None }),
            _ => {}
        }
        let mut known = self.assets.lock().unwrap();
        let as_seen = |current: &Current| {
            known.get(&current.asset.record).is_some_and(|(_, tag)| *current.tag == *tag.to_string())
        };
        if !doomed.iter().all(as_seen) {
            return Err(refused());
        }
        let gone = doomed.iter().filter_map(|current| known.remove(&current.asset.record));
        self.deleted.lock().unwrap().extend(gone.map(|(asset, _)| asset));
        if matches!(event, Event::Lose) { Err(refused()) } else { Ok(()) }
    }
}

fn run(cloud: &FakeCloud, assets: &[Asset], verified: &BTreeSet<Checksum>) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(delete(cloud, &assets.iter().collect::<Vec<_>>(), verified, || true))
}

fn everything(count: u32) -> BTreeSet<Checksum> {
    (0..2 * count).map(checksum).collect()
}

#[test]
fn what_is_verified_goes_in_batches() {
    let assets: Vec<_> = (0..120).map(asset).collect();
    let cloud = FakeCloud::new(&assets, Vec::new());
    let report = run(&cloud, &assets, &everything(120));
    assert_eq!((report.deleted, report.kept.len(), report.failed), (120, 0, 0));
    assert_eq!(*cloud.requests.lock().unwrap(), 6, "a look and a deletion for each fifty");
}

#[test]
fn favourites_shared_and_unverified_assets_stay() {
    let mut assets: Vec<_> = (0..4).map(asset).collect();
    assets[0].favorite = true;
    assets[1].zone = Zone::Shared;
    let verified: BTreeSet<_> = everything(4).into_iter().filter(|sum| *sum != checksum(5)).collect();
    let cloud = FakeCloud::new(&assets, Vec::new());
    let report = run(&cloud, &assets, &verified);
    let why: Vec<_> = report.kept.iter().map(|(_, why)| *why).collect();
    assert_eq!(why, [Kept::Favorite, Kept::Shared, Kept::NotVerified]);
    assert_eq!((report.deleted, report.failed), (1, 0));
    assert_eq!(cloud.deleted.into_inner().unwrap(), [asset(3)]);
}

#[test]
fn a_change_between_look_and_deletion_is_seen() {
    let assets: Vec<_> = (0..3).map(asset).collect();
    let cloud = FakeCloud::new(&assets, vec![Event::Nothing, Event::Edit(1)]);
    let report = run(&cloud, &assets, &everything(3));
    assert_eq!((report.deleted, report.failed), (2, 0));
    assert_eq!(report.kept, [(asset(1).title(), Kept::NotVerified)]);
}

#[test]
fn a_failed_batch_leaves_its_assets_and_does_not_stop_the_others() {
    let assets: Vec<_> = (0..120).map(asset).collect();
    let refused = vec![Event::Nothing, Event::Refuse, Event::Nothing, Event::Refuse];
    let report = run(&FakeCloud::new(&assets, refused), &assets, &everything(120));
    assert_eq!((report.deleted, report.failed, report.reasons.len()), (70, 50, 1));
    let throttled = vec![Event::Nothing, Event::Nothing, Event::Throttle];
    let cloud = FakeCloud::new(&assets, throttled);
    let report = run(&cloud, &assets, &everything(120));
    assert_eq!((report.deleted, report.failed, report.reasons.len()), (50, 70, 1));
    assert_eq!(*cloud.requests.lock().unwrap(), 3, "the others would fail too");
}

fn event(count: u32) -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Nothing),
        1 => (0..count).prop_map(Event::Favorite),
        1 => (0..count).prop_map(Event::Edit),
        1 => (0..count).prop_map(Event::Delete),
        1 => Just(Event::Refuse),
        1 => Just(Event::Lose),
        1 => Just(Event::Throttle),
    ]
}

proptest! {
    /// Whatever happens meanwhile, nothing goes that is not verified at that moment, and everything is accounted for.
    #[test]
    fn icloud_loses_nothing_that_is_not_verified(
        favorites in prop::collection::vec(any::<bool>(), 110),
        missing in prop::collection::hash_set(0_u32..220, 0..20),
        events in prop::collection::vec(event(110), 0..12),
    ) {
        let mut assets: Vec<_> = (0..110).map(asset).collect();
        for (asset, favorite) in assets.iter_mut().zip(favorites) {
            asset.favorite = favorite;
        }
        let verified: BTreeSet<_> =
            (0..220).filter(|content| !missing.contains(content)).map(checksum).collect();
        let cloud = FakeCloud::new(&assets, events);
        let report = run(&cloud, &assets, &verified);
        for gone in cloud.deleted.into_inner().unwrap() {
            prop_assert_eq!(may_delete(&gone, &verified), Ok(()));
        }
        prop_assert_eq!(report.deleted + report.kept.len() as u64 + report.failed, 110);
        prop_assert!(report.failed == 0 || !report.reasons.is_empty());
    }
}

//! A new library from its specification.

use super::draft::{Draft, draft};
use super::feed::RecordKey;
use super::kind::Name;
use super::oddities;
use super::record::{Album, AlbumKind, Uuid};
use super::rng::{Rng, hex};
use super::spec::{AlbumSpec, LibrarySpec, SharedLibrary};
use super::zone::{Area, Presence, Zone, ZoneKind, at, index_of};

/// How many assets are made at a time, so that a large library needs little more memory than its records.
const BATCH: usize = 50_000;
/// When generated albums were made: 2 January 2024.
const ALBUM_TIME: i64 = 1_704_153_600_000;

/// The zones of a new library; `now` is the time in ms.
pub(crate) fn generate(spec: &LibrarySpec, now: i64) -> Vec<Zone> {
    let mut rng = Rng::for_item(spec.seed, u64::MAX);
    let me = user(&mut rng);
    let (shared_area, shared_owner, shared_assets) = match spec.shared {
        SharedLibrary::None => (Area::Private, String::new(), None),
        SharedLibrary::Owner(assets) => (Area::Private, me.clone(), Some(assets)),
        SharedLibrary::Participant(assets) => (Area::Shared, user(&mut rng), Some(assets)),
    };
    let mut primary = Zone::new("PrimarySync".into(), ZoneKind::Primary, Area::Private, me.clone(), &mut rng);
    primary.hidden_in_albums = spec.hidden_in_albums;
    primary.rooted = spec.albums.rooted;
    fill(&mut primary, spec, spec.assets, 1, now);
    add_albums(&mut primary, &spec.albums, &mut rng);
    primary.reindex();
    let mut zones = vec![primary];
    if let Some(assets) = shared_assets {
        let name = format!("SharedSync-{}", Uuid::random(&mut rng));
        let mut shared = Zone::new(name, ZoneKind::Shared, shared_area, shared_owner, &mut rng);
        fill(&mut shared, spec, assets, 2, now);
        shared.reindex();
        zones.push(shared);
    }
    if spec.foreign_zones {
        zones.extend(foreign_zones(&me, &mut rng));
    }
    zones
}

fn user(rng: &mut Rng) -> String {
    format!("_{}", hex(&rng.bytes::<16>()))
}

/// Names that nobody has seen yet; a client must neither stumble over them nor take them for libraries.
const ODD_ZONES: [&str; 5] =
    ["Größe \u{202e}\u{7}\"'{}\\/../%00\n", "sharedsync-1", "SharedSync", "PrimarySync-2", "🏔"];

fn foreign_zones(me: &str, rng: &mut Rng) -> Vec<Zone> {
    let unique = |prefix: &str, rng: &mut Rng| format!("{prefix}-{}", Uuid::random(rng));
    let zone =
        |name: String, area, rng: &mut Rng| Zone::new(name, ZoneKind::Foreign, area, me.to_owned(), rng);
    let mut zones = Vec::new();
    for (prefix, area) in [
        ("CMM", Area::Private),
        ("CMM", Area::Shared),
        ("AppLibrarySync-com.apple.GenerativePlayground", Area::Private),
        ("SharedSync", Area::Shared),
    ] {
        let name = unique(prefix, rng);
        let mut zone = zone(name, area, rng);
        if prefix == "SharedSync" {
            zone.presence = Presence::Deleted;
        }
        zones.push(zone);
    }
    zones.push(zone("PrimarySync".to_owned(), Area::Shared, rng));
    for name in ODD_ZONES {
        zones.extend([Area::Private, Area::Shared].map(|area| zone(name.to_owned(), area, rng)));
    }
    zones
}

fn fill(zone: &mut Zone, spec: &LibrarySpec, count: usize, salt: u64, now: i64) {
    let mut rng = Rng::for_item(spec.seed, salt);
    let tombstone_every = count.checked_div(spec.tombstones).map_or(usize::MAX, |every| every.max(1));
    for start in (0..count).step_by(BATCH) {
        for (offset, draft) in
            drafts(spec, salt, start..count.min(start + BATCH), now).into_iter().enumerate()
        {
            if (start + offset) % tombstone_every == 0 {
                let index = index_of(zone.ancient.len());
                zone.ancient.push(Uuid::random(&mut rng).to_string().into());
                zone.feed.push(RecordKey::Ancient(index));
            }
            insert(zone, draft);
        }
    }
    zone.info.created = ALBUM_TIME;
    zone.info.modified = ALBUM_TIME;
    zone.info.sequence = zone.feed.push(RecordKey::Info);
}

/// Makes drafts on all processors: their checksums take the time.
fn drafts(spec: &LibrarySpec, salt: u64, range: std::ops::Range<usize>, now: i64) -> Vec<Draft> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let part = range.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let parts: Vec<_> = range
            .clone()
            .step_by(part)
            .map(|from| {
                let numbers = from..range.end.min(from + part);
                scope.spawn(move || numbers.map(|number| draft(spec, salt, number, now)).collect::<Vec<_>>())
            })
            .collect();
        let join = |part: std::thread::ScopedJoinHandle<'_, Vec<Draft>>| {
            part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        parts.into_iter().flat_map(join).collect()
    })
}

fn insert(zone: &mut Zone, draft: Draft) {
    let Draft { master, mut asset, duplicate } = draft;
    let previous = zone.assets.last().map(|previous| previous.master).filter(|_| duplicate);
    let same = previous.or_else(|| zone.find_master(&master.original.checksum));
    asset.master = same.unwrap_or_else(|| zone.push_master(master));
    zone.push_asset(asset);
}

// ---- albums -------------------------------------------------------------------------------------------

fn add_albums(zone: &mut Zone, spec: &AlbumSpec, rng: &mut Rng) {
    for root in ["----Root-Folder----", "----Project-Root-Folder----"] {
        zone.push_album(Album::new(root.into(), Name::Missing, AlbumKind::Root, None, ALBUM_TIME));
    }
    let mut folders: Vec<u32> = Vec::new();
    for number in 0..spec.folders {
        // The first folders form a chain of the wanted depth; the others go anywhere above its end.
        let parent = if number < spec.depth {
            folders.last().copied()
        } else {
            pick_folder(&folders[..spec.depth.saturating_sub(1).min(folders.len())], rng)
        };
        folders.push(add_album(zone, spec, AlbumKind::Folder, number, parent, rng));
    }
    for number in 0..spec.albums {
        let parent = if number == 0 {
            spec.depth.checked_sub(1).and_then(|deepest| folders.get(deepest).copied())
        } else {
            pick_folder(&folders, rng)
        };
        let album = add_album(zone, spec, AlbumKind::Album, number, parent, rng);
        // The second album stays empty.
        if number != 1 {
            add_members(zone, album, spec, number, rng);
        }
    }
    if spec.hostile {
        add_album(zone, spec, AlbumKind::Smart, 0, None, rng);
        let deleted = add_album(zone, spec, AlbumKind::Album, 0, None, rng);
        zone.albums[at(deleted)].deleted = true;
    }
}

fn pick_folder(folders: &[u32], rng: &mut Rng) -> Option<u32> {
    if folders.is_empty() || rng.chance(0.3) { None } else { Some(*rng.pick(folders)) }
}

fn add_album(
    zone: &mut Zone,
    spec: &AlbumSpec,
    kind: AlbumKind,
    number: usize,
    parent: Option<u32>,
    rng: &mut Rng,
) -> u32 {
    let name = match (spec.hostile, number % 3) {
        (true, 0) => oddities::name(2 + rng.index(oddities::NAME_COUNT - 2)),
        // The same name again and again.
        (true, 1) => Name::text("Summer"),
        _ if kind == AlbumKind::Folder => Name::Text(format!("Folder {number}").into()),
        _ => Name::Text(format!("Album {number}").into()),
    };
    let mut album = Album::new(Uuid::random(rng).to_string(), name, kind, parent, ALBUM_TIME);
    album.position = i64::try_from(1024 * (zone.albums.len() + 1)).unwrap_or(0);
    zone.push_album(album)
}

fn add_members(zone: &mut Zone, album: u32, spec: &AlbumSpec, number: usize, rng: &mut Rng) {
    let assets = index_of(zone.assets.len());
    // One album holds everything from the start on, so that equal names meet in it.
    let all = spec.hostile && number == 0;
    let count = if all { 300 } else { rng.below(spec.members as u64 + 1).max(1) };
    for next in 0..u32::try_from(count).unwrap_or(0).min(assets) {
        let asset = if all { next } else { u32::try_from(rng.below(u64::from(assets))).unwrap_or(0) };
        let taken = zone.relation(album, asset).is_some();
        if !taken && !zone.form(&zone.assets[at(asset)]).is_unpicked() {
            zone.push_relation(album, asset, ALBUM_TIME);
        }
    }
}

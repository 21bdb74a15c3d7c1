//! Pairs of libraries that have much in common and much that differs.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::library::checksum::Hasher;
use crate::model::{
    Album, AlbumKind, AlbumState, Asset, AssetFile, Checksum, Extension, FileKey, Kind, Link, LocalAlbum,
    LocalFile, LocalLibrary, RecordName, RemoteLibrary, Taken, Zone,
};

const NAMES: &[&str] = &[
    "Trip",
    "Trip (2)",
    "trip",
    "",
    ".",
    "..",
    "a/b",
    "a_b",
    "_All-Photos",
    "_Archive",
    ".hidden",
    "x\0y",
    "Ωmega",
    "IMG_1.JPG",
    "IMG_1.jpeg",
    "IMG_1 (2).jpeg",
    "IMG_1-live.mov",
];

pub(crate) fn record(text: &str) -> RecordName {
    RecordName::new(text).unwrap()
}

/// The record name of an album.
pub(crate) fn uuid(n: u8) -> RecordName {
    record(&format!("{n:08X}-0000-4000-8000-000000000000"))
}

/// What is in the file of a number: few bytes, and with each number others.
pub(crate) fn content(n: u8) -> Vec<u8> {
    vec![n; usize::from(n) * 10 + 1]
}

static CHECKSUMS: LazyLock<Vec<Checksum>> = LazyLock::new(|| {
    let checksum = |n| {
        let mut hasher = Hasher::new();
        hasher.update(&content(n));
        hasher.finish()
    };
    (0..=u8::MAX).map(checksum).collect()
});

pub(crate) fn checksum(n: u8) -> Checksum {
    CHECKSUMS[usize::from(n)]
}

/// The number of a file, by its checksum.
pub(crate) fn number(checksum: &Checksum) -> u8 {
    let at = CHECKSUMS.iter().position(|known| known == checksum).unwrap();
    u8::try_from(at).unwrap()
}

pub(crate) fn key(zone: Zone, n: u8, extension: &str) -> FileKey {
    FileKey { zone, checksum: checksum(n), extension: Extension::new(extension).unwrap() }
}

pub(crate) const SECOND: i64 = 1000;

/// An asset of one file.
pub(crate) fn asset(zone: Zone, n: u8, date: i64, name: &str) -> Asset {
    let original = AssetFile {
        kind: Kind::Original,
        checksum: checksum(n),
        extension: Extension::new("jpeg").unwrap(),
        size: content(n).len() as u64,
        modified: 5 * SECOND,
    };
    Asset {
        record: record(&format!("asset-{n}")),
        master: record(&format!("master-{n}")),
        zone,
        date,
        name: name.into(),
        favorite: false,
        files: Box::new([original]),
    }
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(NAMES).prop_map(str::to_owned),
        1 => ".{0,8}",
        1 => "[a-zé/]{240,260}",
    ]
}

fn zone() -> impl Strategy<Value = Zone> {
    prop_oneof![3 => Just(Zone::Primary), 1 => Just(Zone::Shared)]
}

fn file_key() -> impl Strategy<Value = FileKey> {
    (zone(), 0..10_u8, prop::sample::select(vec!["jpeg", "mov", "png"])).prop_map(|(z, n, e)| key(z, n, e))
}

/// The size follows from the content, as on the server.
fn size(checksum: &Checksum) -> u64 {
    content(number(checksum)).len() as u64
}

fn asset_seed() -> impl Strategy<Value = (Zone, i64, String, Vec<(Kind, FileKey, i64)>)> {
    let kinds = vec![Kind::Original, Kind::Edited, Kind::LiveVideo, Kind::EditedLiveVideo, Kind::Alternative];
    let file = (prop::sample::select(kinds), file_key(), 0..4_i64);
    (zone(), 0..3_i64, name(), vec(file, 1..3))
}

fn album() -> impl Strategy<Value = (u8, Option<u8>, String, bool, Option<Vec<u32>>)> {
    let members = prop::option::weighted(0.9, vec(0..12_u32, 0..6));
    (0..8_u8, prop::option::of(0..9_u8), name(), any::<bool>(), members)
}

prop_compose! {
    /// A remote library: shared checksums, orphans, cycles, albums inside albums, hostile names.
    pub(crate) fn remote()(
        assets in vec(asset_seed(), 0..10),
        albums in vec(album(), 0..8),
    ) -> RemoteLibrary {
        let assets: Vec<_> = assets.into_iter().enumerate().map(|(at, (zone, date, name, files))| Asset {
            record: record(&format!("asset-{at}")),
            master: record(&format!("master-{at}")),
            zone,
            date,
            name: name.into(),
            favorite: false,
            files: files.into_iter().map(|(kind, key, modified)| AssetFile {
                kind,
                checksum: key.checksum,
                extension: key.extension,
                size: size(&key.checksum),
                modified: modified * 700,
            }).collect(),
        }).collect();
        let count = u32::try_from(assets.len()).unwrap();
        let albums = albums.into_iter().map(|(n, parent, name, folder, members)| Album {
            record: uuid(n),
            parent: parent.map(uuid),
            name,
            kind: if folder { AlbumKind::Folder } else { AlbumKind::Album },
            members: if folder { Some(Vec::new()) } else {
                members.map(|members| members.into_iter().filter(|at| *at < count).collect())
            },
            lacking: false,
        }).collect();
        RemoteLibrary { assets, albums, ..RemoteLibrary::default() }
    }
}

type LocalAlbumSeed = (u8, Option<u8>, Vec<String>, u8, Vec<(String, Option<FileKey>, i64)>);

fn local_album() -> impl Strategy<Value = LocalAlbumSeed> {
    let link = (name(), prop::option::weighted(0.9, file_key()), 0..4_i64);
    (0..10_u8, prop::option::of(0..10_u8), vec(name(), 0..3), 0..5_u8, vec(link, 0..5))
}

fn local_file() -> impl Strategy<Value = LocalFile> {
    (file_key(), 0..5_u64, 0..4_i64).prop_map(|(key, damage, modified)| LocalFile {
        key,
        size: if damage == 0 { 3 } else { size(&key.checksum) },
        modified: modified * 700,
    })
}

prop_compose! {
    /// A local library in any state that a disk can be in.
    pub(crate) fn local()(
        mut files in vec(local_file(), 0..12),
        mut trash in vec(local_file(), 0..6),
        seeds in vec(local_album(), 0..8),
        users in vec((prop::option::of(0..10_u8), "[A-Za-z_]{1,4}|Trip"), 0..4),
    ) -> LocalLibrary {
        files.sort_by_key(|file| file.key);
        files.dedup_by_key(|file| file.key);
        trash.sort_by_key(|file| file.key);
        trash.dedup_by_key(|file| file.key);
        let mut tree = Tree::default();
        users.iter().filter(|(folder, _)| folder.is_none()).for_each(|(_, name)| tree.put(None, name));
        for seed in seeds {
            tree.add(seed);
        }
        for (folder, name) in &users {
            tree.put_inside(*folder, name);
        }
        LocalLibrary { files, albums: tree.albums, trash, strays: Vec::new(), taken: tree.users }
    }
}

/// Puts directories where a disk allows them.
#[derive(Default)]
struct Tree {
    albums: Vec<LocalAlbum>,
    users: Vec<Taken>,
    names: BTreeSet<(Option<RecordName>, String)>,
}

impl Tree {
    fn put(&mut self, inside: Option<&RecordName>, name: &str) {
        if self.names.insert((inside.cloned(), name.to_owned())) {
            self.users.push(Taken { inside: inside.cloned(), name: name.to_owned() });
        }
    }

    fn put_inside(&mut self, folder: Option<u8>, name: &str) {
        let wanted = folder.map(uuid);
        let Some(album) = self.albums.iter_mut().find(|album| Some(&album.record) == wanted.as_ref()) else {
            return;
        };
        match &mut album.state {
            AlbumState::Folder { foreign } => *foreign = true,
            AlbumState::Album { links } if links.iter().any(|link| link.name == name) => return,
            AlbumState::Album { .. } | AlbumState::Archived => {}
        }
        let record = album.record.clone();
        self.put(Some(&record), name);
    }

    fn add(&mut self, (n, parent, names, state, links): LocalAlbumSeed) {
        let record_name = uuid(n);
        if self.albums.iter().any(|album| album.record == record_name) {
            return;
        }
        let parent = parent.map(uuid);
        let folder = self.albums.iter().position(|album| {
            Some(&album.record) == parent.as_ref() && matches!(album.state, AlbumState::Folder { .. })
        });
        let parent = folder.map(|at| self.albums[at].record.clone());
        let names = names
            .into_iter()
            .map(|name| name.replace(['/', '\0'], "_"))
            .filter(|name| !name.is_empty() && !name.starts_with('.') && !name.starts_with('_'))
            .filter(|name| self.names.insert((parent.clone(), name.clone())))
            .collect();
        let mut seen = BTreeSet::new();
        let links = links
            .into_iter()
            .filter(|(name, ..)| seen.insert(name.clone()))
            .map(|(name, target, modified)| Link { name, target, modified: modified * 700 })
            .collect();
        let state = match state {
            0 => AlbumState::Folder { foreign: true },
            1 | 2 => AlbumState::Folder { foreign: false },
            3 => AlbumState::Album { links },
            _ => AlbumState::Archived,
        };
        self.albums.push(LocalAlbum { record: record_name, parent, names, state });
    }
}

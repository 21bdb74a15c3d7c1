//! One zone: its records, the lists over them, and its change feed.

use std::collections::HashMap;

use super::feed::{Feed, RecordKey};
use super::file::{Checksum, File};
use super::kind::Form;
use super::rank::RankIndex;
use super::record::{Album, AlbumKind, Asset, Master, Relation, Stamp, State, TRASH_MS, Uuid};
use super::rng::Rng;

/// Which library a zone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ZoneKind {
    /// `PrimarySync`.
    Primary,
    /// `SharedSync-…`.
    Shared,
    /// A zone that has no photo library: shared moments, images of an app.
    Foreign,
}

/// The part of the database that a zone is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Area {
    /// What belongs to the account.
    Private,
    /// What others share with the account.
    Shared,
}

/// The lists that the server keeps over the assets of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum List {
    AssetDate,
    AddedDate,
    Hidden,
    Deleted,
    Burst,
    Favorite,
    Video,
    Live,
    Panorama,
    TimeLapse,
    SlowMotion,
    Screenshot,
    Depth,
    Exposure,
    Animated,
    Selfie,
}

impl List {
    pub(crate) const ALL: [Self; 16] = [
        Self::AssetDate,
        Self::AddedDate,
        Self::Hidden,
        Self::Deleted,
        Self::Burst,
        Self::Favorite,
        Self::Video,
        Self::Live,
        Self::Panorama,
        Self::TimeLapse,
        Self::SlowMotion,
        Self::Screenshot,
        Self::Depth,
        Self::Exposure,
        Self::Animated,
        Self::Selfie,
    ];

    /// The sort key of an asset in this list; `None` if it is not in it.
    fn key(self, asset: &Asset, form: Form) -> Option<i64> {
        if let State::Trashed(since) = asset.state {
            return (self == Self::Deleted).then_some(since + TRASH_MS);
        }
        if !asset.is_live() {
            return None;
        }
        let shown = !asset.hidden && !form.is_unpicked();
        let belongs = match self {
            Self::Hidden => asset.hidden && !form.is_unpicked(),
            Self::Burst => matches!(form, Form::Burst { .. }) && !asset.hidden,
            Self::AssetDate | Self::AddedDate => shown,
            Self::Favorite => shown && asset.favorite,
            Self::Video => shown && form.is_video(),
            Self::Live => shown && form.is_live(),
            Self::Panorama => shown && form == Form::Panorama,
            Self::TimeLapse => shown && form == Form::TimeLapse,
            Self::SlowMotion => shown && form == Form::SlowMotion,
            Self::Screenshot => shown && form == Form::Screenshot,
            Self::Deleted | Self::Depth | Self::Exposure | Self::Animated | Self::Selfie => false,
        };
        belongs.then_some(if self == Self::AddedDate { asset.added } else { asset.date })
    }
}

/// Whether a library is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It is listed and can be read.
    Listed,
    /// It is listed as deleted.
    Deleted,
    /// Nothing speaks of it.
    Absent,
}

/// A library or other zone of the account.
#[derive(Debug)]
pub(crate) struct Zone {
    pub(crate) name: String,
    pub(crate) kind: ZoneKind,
    pub(crate) area: Area,
    pub(crate) owner: String,
    pub(crate) device: String,
    pub(crate) presence: Presence,
    /// `CheckIndexingState`: state and progress.
    pub(crate) indexing: (String, i64),
    /// Whether album lists show hidden members too.
    pub(crate) hidden_in_albums: bool,
    /// Whether albums of the top level name the root folder as their parent.
    pub(crate) rooted: bool,
    /// The value of the feed of the whole database when the zone last changed.
    pub(crate) database_sequence: u64,
    pub(crate) feed: Feed,
    pub(crate) info: Stamp,
    pub(crate) masters: Vec<Master>,
    pub(crate) assets: Vec<Asset>,
    pub(crate) albums: Vec<Album>,
    /// Names of records that were purged long ago.
    pub(crate) ancient: Vec<Box<str>>,
    lists: [RankIndex; List::ALL.len()],
    masters_by_checksum: HashMap<u64, u32>,
    assets_by_uuid: HashMap<u64, u32>,
    albums_by_record: HashMap<Box<str>, u32>,
}

/// A position in a table; tables never reach 2³² entries.
pub(crate) fn index_of(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// The entry of a table at a position that the zone itself gave out.
pub(crate) fn at(index: u32) -> usize {
    index as usize
}

impl Zone {
    pub(crate) fn new(name: String, kind: ZoneKind, area: Area, owner: String, rng: &mut Rng) -> Self {
        Self {
            name,
            kind,
            area,
            owner,
            presence: Presence::Listed,
            device: super::rng::hex(&rng.bytes::<32>()).to_ascii_uppercase(),
            indexing: ("FINISHED".into(), 100),
            hidden_in_albums: false,
            rooted: false,
            database_sequence: 0,
            feed: Feed::new(rng.bytes()),
            info: Stamp::default(),
            masters: Vec::new(),
            assets: Vec::new(),
            albums: Vec::new(),
            ancient: Vec::new(),
            lists: Default::default(),
            masters_by_checksum: HashMap::new(),
            assets_by_uuid: HashMap::new(),
            albums_by_record: HashMap::new(),
        }
    }

    /// Whether it can be read.
    pub(crate) fn is_there(&self) -> bool {
        self.presence == Presence::Listed
    }

    pub(crate) fn list(&self, list: List) -> &RankIndex {
        &self.lists[list as usize]
    }

    pub(crate) fn form(&self, asset: &Asset) -> Form {
        self.masters[at(asset.master)].form
    }

    pub(crate) fn find_asset(&self, name: &str) -> Option<u32> {
        let uuid = Uuid::parse(name)?;
        let index = *self.assets_by_uuid.get(&uuid.prefix())?;
        (self.assets[at(index)].uuid == uuid).then_some(index)
    }

    pub(crate) fn find_master(&self, checksum: &Checksum) -> Option<u32> {
        let index = *self.masters_by_checksum.get(&checksum.prefix())?;
        (self.masters[at(index)].original.checksum == *checksum).then_some(index)
    }

    pub(crate) fn find_album(&self, record: &str) -> Option<u32> {
        self.albums_by_record.get(record).copied()
    }

    /// The record of a name, whatever its type; `None` also for what was purged.
    pub(crate) fn find(&self, name: &str) -> Option<RecordKey> {
        if let Some((asset, album)) = name.split_once("-IN-") {
            let (album, asset) = (self.find_album(album)?, self.find_asset(asset)?);
            return self.relation(album, asset).map(|_| RecordKey::Relation(album, asset));
        }
        let asset = self.find_asset(name).filter(|index| self.assets[at(*index)].exists());
        let master = || {
            let index = self.find_master(&Checksum::from_base64(name)?)?;
            (!self.masters[at(index)].purged).then_some(RecordKey::Master(index))
        };
        asset.map(RecordKey::Asset).or_else(|| self.find_album(name).map(RecordKey::Album)).or_else(master)
    }

    pub(crate) fn relation(&self, album: u32, asset: u32) -> Option<&Relation> {
        self.albums.get(at(album))?.members.get(&asset)
    }

    /// The sequence number of a record's last change.
    pub(crate) fn sequence(&self, record: RecordKey) -> u64 {
        match record {
            RecordKey::Master(index) => self.masters[at(index)].stamp.sequence,
            RecordKey::Asset(index) => self.assets[at(index)].stamp.sequence,
            RecordKey::Album(index) => self.albums[at(index)].stamp.sequence,
            RecordKey::Relation(album, asset) => {
                self.relation(album, asset).map_or(0, |relation| relation.stamp.sequence)
            }
            RecordKey::Info => self.info.sequence,
            RecordKey::Ancient(_) => 0,
        }
    }

    /// Whether an entry of the feed is still the last one of its record; what was purged has no later one.
    pub(crate) fn is_last_change(&self, record: RecordKey, sequence: u64) -> bool {
        let current = self.sequence(record);
        current == 0 || current == sequence
    }

    // ---- building -------------------------------------------------------------------------------------

    /// Adds a master. The caller makes sure that there is none with this checksum.
    pub(crate) fn push_master(&mut self, mut master: Master) -> u32 {
        let index = index_of(self.masters.len());
        master.stamp.sequence = self.feed.push(RecordKey::Master(index));
        self.masters_by_checksum.insert(master.original.checksum.prefix(), index);
        self.masters.push(master);
        index
    }

    /// Adds an asset without listing it; see [`Zone::reindex`] and [`Zone::enlist`].
    pub(crate) fn push_asset(&mut self, mut asset: Asset) -> u32 {
        let index = index_of(self.assets.len());
        asset.stamp.sequence = self.feed.push(RecordKey::Asset(index));
        self.assets_by_uuid.insert(asset.uuid.prefix(), index);
        let master = &mut self.masters[at(asset.master)];
        master.assets += 1;
        master.live_assets += u32::from(asset.is_live());
        if let (0, State::Trashed(since)) = (master.live_assets, asset.state) {
            master.trashed = Some(since);
        } else {
            master.trashed = None;
        }
        self.assets.push(asset);
        index
    }

    pub(crate) fn push_album(&mut self, mut album: Album) -> u32 {
        let index = index_of(self.albums.len());
        album.stamp.sequence = self.feed.push(RecordKey::Album(index));
        self.albums_by_record.insert(album.record.clone(), index);
        self.albums.push(album);
        index
    }

    pub(crate) fn push_relation(&mut self, album: u32, asset: u32, now: i64) {
        let sequence = self.feed.push(RecordKey::Relation(album, asset));
        let album = &mut self.albums[at(album)];
        let position = album.next_position;
        album.next_position += 1024;
        album
            .members
            .insert(asset, Relation { stamp: Stamp { created: now, modified: now, sequence }, position });
    }

    /// Puts an asset into the lists and albums that it belongs to.
    pub(crate) fn enlist(&mut self, index: u32) {
        self.relist(index, RankIndex::insert);
    }

    /// Takes an asset out of all lists and albums, before it changes.
    pub(crate) fn unlist(&mut self, index: u32) {
        self.relist(index, RankIndex::remove);
    }

    fn relist(&mut self, index: u32, apply: fn(&mut RankIndex, i64, u32)) {
        let asset = &self.assets[at(index)];
        let form = self.masters[at(asset.master)].form;
        for list in List::ALL {
            if let Some(key) = list.key(asset, form) {
                apply(&mut self.lists[list as usize], key, index);
            }
        }
        if !shown_in_albums(asset, self.hidden_in_albums) {
            return;
        }
        for album in &mut self.albums {
            if let Some(relation) = album.members.get(&index) {
                apply(&mut album.by_date, asset.date, index);
                apply(&mut album.by_position, -relation.position, index);
            }
        }
    }

    /// Makes all lists anew, after many assets were pushed.
    pub(crate) fn reindex(&mut self) {
        for list in List::ALL {
            let entries = (0..).zip(&self.assets);
            let entries =
                entries.filter_map(|(index, asset)| Some((list.key(asset, self.form(asset))?, index)));
            self.lists[list as usize] = RankIndex::from_unsorted(entries.collect());
        }
        let (assets, hidden_too) = (&self.assets, self.hidden_in_albums);
        for album in &mut self.albums {
            let shown = || {
                album.members.iter().filter(|(index, _)| shown_in_albums(&assets[at(**index)], hidden_too))
            };
            album.by_date = RankIndex::from_unsorted(
                shown().map(|(index, _)| (assets[at(*index)].date, *index)).collect(),
            );
            album.by_position =
                RankIndex::from_unsorted(shown().map(|(index, member)| (-member.position, *index)).collect());
        }
    }

    /// Whether the counts that masters keep of their assets are right.
    #[cfg(test)]
    pub(crate) fn masters_are_consistent(&self) -> bool {
        let counts = |index: u32| {
            let mine = || self.assets.iter().filter(move |asset| asset.master == index);
            (mine().filter(|asset| asset.is_live()).count(), mine().filter(|asset| asset.exists()).count())
        };
        (0..).zip(&self.masters).all(|(index, master)| {
            let (live, existing) = counts(index);
            (at(master.live_assets), at(master.assets)) == (live, existing)
                && master.purged == (existing == 0)
        })
    }

    /// Albums and folders right below a folder (`None`: the top level) that are not deleted, in order.
    pub(crate) fn children(&self, parent: Option<u32>) -> Vec<u32> {
        let mut children: Vec<u32> = (0..)
            .zip(&self.albums)
            .filter(|(_, album)| !album.deleted && album.parent == parent && album.kind != AlbumKind::Root)
            .map(|(index, _)| index)
            .collect();
        children.sort_by_key(|index| (self.albums[at(*index)].position, *index));
        children
    }

    /// Every file of an asset, with the field family that names it.
    pub(crate) fn files<'a>(&'a self, asset: &'a Asset) -> impl Iterator<Item = (&'static str, &'a File)> {
        let master = &self.masters[at(asset.master)];
        let edited = asset.edited.as_deref();
        [
            ("resOriginal", (!master.uploading).then_some(&master.original)),
            ("resOriginalVidCompl", master.movie()),
            ("resOriginalAlt", master.alternative()),
            ("resJPEGFull", edited.and_then(|edited| edited.picture.as_ref())),
            ("resVidFull", edited.and_then(|edited| edited.movie.as_ref())),
        ]
        .into_iter()
        .filter_map(|(family, file)| Some((family, file?)))
    }
}

fn shown_in_albums(asset: &Asset, hidden_too: bool) -> bool {
    asset.is_live() && (hidden_too || !asset.hidden)
}

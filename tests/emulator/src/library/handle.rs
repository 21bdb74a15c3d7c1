//! The library as tests change it while a client reads it.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::generate::generate;
use super::kind::{Edit, Name, NewAsset};
use super::record::AlbumKind;
use super::rng::Rng;
use super::spec::LibrarySpec;
use super::zone::{Area, Presence, Zone, ZoneKind, at};
use crate::clock::Clock;

/// All zones of the account.
#[derive(Debug)]
pub(crate) struct Library {
    pub(crate) zones: Vec<Zone>,
    /// Counts the changes of the whole database.
    pub(crate) database_sequence: u64,
    /// What tells the tokens of this database from those of others.
    pub(crate) database_constant: [u8; 16],
    rng: Rng,
}

impl Library {
    pub(crate) fn zone(&self, area: Area, name: &str) -> Option<&Zone> {
        self.zones.iter().find(|zone| zone.area == area && zone.name == name)
    }

    fn position(&self, kind: ZoneKind) -> usize {
        let position = self.zones.iter().position(|zone| zone.kind == kind);
        position.unwrap_or_else(|| panic!("the account has no library of the kind {kind:?}"))
    }
}

/// An asset of the library, whatever becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AssetRef {
    pub(crate) zone: ZoneKind,
    pub(crate) index: u32,
}

/// An album or folder of `PrimarySync`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AlbumRef(pub(crate) u32);

/// The library, shared by the servers and the test that changes it.
///
/// Every method takes effect at once and as a whole. They panic when a test asks for what cannot be, such as
/// a photo in a shared library that the account does not have.
#[derive(Debug, Clone)]
pub struct LibraryHandle {
    library: Arc<RwLock<Library>>,
    clock: Clock,
}

impl LibraryHandle {
    /// Generates a library whose changes are dated by `clock`.
    pub fn new(spec: &LibrarySpec, clock: Clock) -> Self {
        let mut rng = Rng::for_item(spec.seed, u64::MAX - 1);
        let library = Library {
            zones: generate(spec, clock.milliseconds()),
            database_sequence: 1,
            database_constant: rng.bytes(),
            rng,
        };
        Self { library: Arc::new(RwLock::new(library)), clock }
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Library> {
        self.library.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Library> {
        self.library.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes one zone, and notes that it changed.
    pub(crate) fn change<R>(&self, kind: ZoneKind, change: impl FnOnce(&mut Zone, &mut Rng, i64) -> R) -> R {
        let now = self.clock.milliseconds();
        let library = &mut *self.write();
        let position = library.position(kind);
        library.database_sequence += 1;
        let mut rng = Rng::new(library.rng.next_u64());
        let zone = &mut library.zones[position];
        let result = change(zone, &mut rng, now);
        zone.finish_change(library.database_sequence, now);
        result
    }

    // ---- assets ---------------------------------------------------------------------------------------

    /// Adds a photo or video to a library.
    pub fn add(&self, zone: ZoneKind, new: &NewAsset) -> AssetRef {
        let index = self.change(zone, |zone, rng, now| zone.add(new, rng, now));
        AssetRef { zone, index }
    }

    /// Edits an asset, or edits it once more; false if its kind cannot be edited so.
    pub fn edit(&self, asset: AssetRef, edit: Edit) -> bool {
        self.change(asset.zone, |zone, rng, now| zone.edit(asset.index, edit, rng, now))
    }

    /// Goes back to the original of an asset.
    pub fn revert(&self, asset: AssetRef) {
        self.change(asset.zone, |zone, _, now| zone.revert(asset.index, now));
    }

    /// Moves an asset to Recently Deleted; false if it is not in the library.
    pub fn delete(&self, asset: AssetRef) -> bool {
        self.change(asset.zone, |zone, _, now| zone.trash(asset.index, now))
    }

    /// Brings an asset back from Recently Deleted; false if it is not there.
    pub fn restore(&self, asset: AssetRef) -> bool {
        self.change(asset.zone, |zone, _, now| zone.restore(asset.index, now))
    }

    /// Deletes an asset for good.
    pub fn purge(&self, asset: AssetRef) {
        self.change(asset.zone, |zone, _, now| zone.purge(asset.index, now));
    }

    /// Hides an asset or shows it again.
    pub fn set_hidden(&self, asset: AssetRef, hidden: bool) {
        self.change(asset.zone, |zone, _, now| zone.set_hidden(asset.index, hidden, now));
    }

    /// Marks an asset as a favourite or takes the mark away.
    pub fn set_favorite(&self, asset: AssetRef, favorite: bool) {
        self.change(asset.zone, |zone, _, now| zone.set_favorite(asset.index, favorite, now));
    }

    /// Gives an asset another capture date, ms since 1970 UTC.
    pub fn set_date(&self, asset: AssetRef, date: i64) {
        self.change(asset.zone, |zone, _, now| zone.set_date(asset.index, date, now));
    }

    /// Says whether the original of an asset is still being uploaded.
    pub fn set_uploading(&self, asset: AssetRef, uploading: bool) {
        self.change(asset.zone, |zone, _, now| zone.set_uploading(asset.index, uploading, now));
    }

    /// Makes a second asset on the same master, as duplicating on a device does.
    pub fn duplicate(&self, asset: AssetRef) -> AssetRef {
        let index = self.change(asset.zone, |zone, rng, now| zone.duplicate(asset.index, rng, now));
        AssetRef { index, ..asset }
    }

    /// Moves an asset to the other library: new records there, the old ones marked. The reference to the new
    /// asset is returned.
    ///
    /// # Panics
    /// If there is no shared library.
    pub fn move_to_other_library(&self, asset: AssetRef) -> AssetRef {
        let now = self.clock.milliseconds();
        let target = if asset.zone == ZoneKind::Primary { ZoneKind::Shared } else { ZoneKind::Primary };
        let library = &mut *self.write();
        let (from, to) = (library.position(asset.zone), library.position(target));
        let mut rng = Rng::new(library.rng.next_u64());
        library.database_sequence += 1;
        let sequence = library.database_sequence;
        let source = &library.zones[from];
        let old = source.assets[at(asset.index)].clone();
        let master = source.masters[at(old.master)].clone();
        let index = library.zones[to].take_over(master, old, &mut rng, now);
        library.zones[from].mark_moved(asset.index, now);
        for zone in [from, to] {
            library.zones[zone].finish_change(sequence, now);
        }
        AssetRef { zone: target, index }
    }

    // ---- albums ---------------------------------------------------------------------------------------

    /// Creates an album, in a folder or at the top level.
    pub fn create_album(&self, name: &str, parent: Option<AlbumRef>) -> AlbumRef {
        self.create(name, AlbumKind::Album, parent)
    }

    /// Creates a folder, in another or at the top level.
    pub fn create_folder(&self, name: &str, parent: Option<AlbumRef>) -> AlbumRef {
        self.create(name, AlbumKind::Folder, parent)
    }

    fn create(&self, name: &str, kind: AlbumKind, parent: Option<AlbumRef>) -> AlbumRef {
        let parent = parent.map(|folder| folder.0);
        AlbumRef(self.change(ZoneKind::Primary, |zone, rng, now| {
            zone.create_album(Name::text(name), kind, parent, rng, now)
        }))
    }

    /// Gives an album or folder another name.
    pub fn rename_album(&self, album: AlbumRef, name: &str) {
        self.change(ZoneKind::Primary, |zone, _, now| {
            zone.change_album(album.0, now, |album| album.name = Name::text(name));
        });
    }

    /// Moves an album or folder; false if it would come to lie in itself.
    pub fn move_album(&self, album: AlbumRef, parent: Option<AlbumRef>) -> bool {
        let parent = parent.map(|folder| folder.0);
        self.change(ZoneKind::Primary, |zone, _, now| zone.move_album(album.0, parent, now))
    }

    /// Deletes an album, or a folder with all that is in it. No photo is deleted.
    pub fn delete_album(&self, album: AlbumRef) {
        self.change(ZoneKind::Primary, |zone, _, now| zone.delete_album(album.0, now));
    }

    /// Adds an asset of `PrimarySync` to an album; false if it is in it.
    pub fn add_to_album(&self, album: AlbumRef, asset: AssetRef) -> bool {
        self.change(ZoneKind::Primary, |zone, _, now| zone.add_member(album.0, asset.index, now))
    }

    /// Takes an asset out of an album; false if it is not in it.
    pub fn remove_from_album(&self, album: AlbumRef, asset: AssetRef) -> bool {
        self.change(ZoneKind::Primary, |zone, _, now| {
            let removed = zone.remove_member(album.0, asset.index);
            zone.change_album(album.0, now, |_| ());
            removed
        })
    }

    // ---- state ----------------------------------------------------------------------------------------

    /// Sets what `CheckIndexingState` answers; usual are `FINISHED` with 100 and `RUNNING` with less.
    pub fn set_indexing(&self, kind: ZoneKind, state: &str, progress: i64) {
        let library = &mut *self.write();
        let position = library.position(kind);
        library.zones[position].indexing = (state.into(), progress);
    }

    /// Makes the account one that never turned iCloud Photos on, or turns it on again.
    pub fn set_library_missing(&self, missing: bool) {
        let library = &mut *self.write();
        let position = library.position(ZoneKind::Primary);
        library.zones[position].presence = if missing { Presence::Absent } else { Presence::Listed };
    }

    /// Lets the account join or leave the shared library.
    ///
    /// # Panics
    /// If there never was one.
    pub fn set_shared_library(&self, presence: Presence) {
        let library = &mut *self.write();
        let position = library.position(ZoneKind::Shared);
        library.database_sequence += 1;
        let sequence = library.database_sequence;
        let zone = &mut library.zones[position];
        zone.presence = presence;
        zone.database_sequence = sequence;
    }

    /// Whether the lists and albums are what they would be if they were made anew: for tests of this crate.
    #[cfg(test)]
    pub(crate) fn is_consistent(&self) -> bool {
        let library = &mut *self.write();
        library.zones.iter_mut().all(|zone| {
            let lists = super::zone::List::ALL.map(|list| zone.list(list).clone());
            let albums: Vec<_> =
                zone.albums.iter().map(|album| (album.by_date.clone(), album.by_position.clone())).collect();
            zone.reindex();
            lists == super::zone::List::ALL.map(|list| zone.list(list).clone())
                && zone
                    .albums
                    .iter()
                    .map(|album| (album.by_date.clone(), album.by_position.clone()))
                    .eq(albums)
                && zone.masters_are_consistent()
        })
    }

    /// Whether an asset is in its library and not in the trash.
    pub fn is_live(&self, asset: AssetRef) -> bool {
        let library = self.read();
        library.zones[library.position(asset.zone)].assets[at(asset.index)].is_live()
    }
}

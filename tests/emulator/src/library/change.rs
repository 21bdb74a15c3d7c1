//! What can happen to the records of a zone. Every change gives its records new sequence numbers and
//! therefore new change tags, and stands in the change feed.

use super::draft;
use super::feed::RecordKey;
use super::kind::{Edit, Name, NewAsset};
use super::record::{Album, AlbumKind, Asset, Master, Stamp, State, Uuid};
use super::rng::Rng;
use super::zone::{Zone, at};

/// Whether a master changes along with its asset, as deletions do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Along {
    Master,
    Nothing,
}

impl Zone {
    /// Adds a photo or video and returns its place.
    pub(crate) fn add(&mut self, new: &NewAsset, rng: &mut Rng, now: i64) -> u32 {
        let key = rng.next_u64();
        let mut master = draft::master(new, key, now);
        let mut asset = draft::asset(new, key, Uuid::random(rng), now);
        asset.stamp.created = now;
        asset.stamp.modified = now;
        asset.master = self.revived_master(&master.original.checksum, now).unwrap_or_else(|| {
            master.stamp.modified = now;
            self.push_master(master)
        });
        let index = self.push_asset(asset);
        self.enlist(index);
        index
    }

    /// The master of a checksum, brought back if it had been purged.
    fn revived_master(&mut self, checksum: &super::file::Checksum, now: i64) -> Option<u32> {
        let index = self.find_master(checksum)?;
        if self.masters[at(index)].purged {
            self.masters[at(index)].purged = false;
            self.masters[at(index)].stamp.created = now;
            self.masters[at(index)].stamp.modified = now;
            self.touch_master(index);
        }
        Some(index)
    }

    fn touch_master(&mut self, index: u32) {
        self.masters[at(index)].stamp.sequence = self.feed.push(RecordKey::Master(index));
    }

    /// Changes an asset and everything that follows from it.
    fn change_asset(&mut self, index: u32, now: i64, along: Along, change: impl FnOnce(&mut Asset)) {
        self.unlist(index);
        let asset = &mut self.assets[at(index)];
        let (was_live, existed) = (asset.is_live(), asset.exists());
        change(asset);
        asset.stamp.modified = now;
        asset.stamp.sequence = self.feed.push(RecordKey::Asset(index));
        let (live, exists, place) = (asset.is_live(), asset.exists(), asset.master);
        let trashed = match asset.state {
            State::Trashed(since) | State::Moved(since) => Some(since),
            _ => None,
        };
        let master = &mut self.masters[at(place)];
        master.live_assets = master.live_assets + u32::from(live) - u32::from(was_live);
        master.assets = master.assets + u32::from(exists) - u32::from(existed);
        master.trashed = if master.live_assets > 0 { None } else { trashed.or(master.trashed) };
        if master.assets == 0 {
            master.purged = true;
        }
        if along == Along::Master {
            // Recorded: the service marks the master by itself, which leaves `modified` as it was.
            self.touch_master(place);
        }
        self.enlist(index);
    }

    /// Edits an asset, again if need be; false if its kind cannot be edited so.
    pub(crate) fn edit(&mut self, index: u32, edit: Edit, rng: &mut Rng, now: i64) -> bool {
        let master = &self.masters[at(self.assets[at(index)].master)];
        if !Edit::choices(master.form).contains(&edit) {
            return false;
        }
        let edited = draft::edited(edit, rng.next_u64(), master.original.content.size);
        self.change_asset(index, now, Along::Nothing, |asset| asset.edited = Some(Box::new(edited)));
        true
    }

    pub(crate) fn revert(&mut self, index: u32, now: i64) {
        self.change_asset(index, now, Along::Nothing, |asset| asset.edited = None);
    }

    pub(crate) fn set_favorite(&mut self, index: u32, favorite: bool, now: i64) {
        self.change_asset(index, now, Along::Nothing, |asset| asset.favorite = favorite);
    }

    pub(crate) fn set_hidden(&mut self, index: u32, hidden: bool, now: i64) {
        self.change_asset(index, now, Along::Nothing, |asset| asset.hidden = hidden);
    }

    pub(crate) fn set_date(&mut self, index: u32, date: i64, now: i64) {
        self.change_asset(index, now, Along::Nothing, |asset| asset.date = date);
    }

    /// Moves an asset to Recently Deleted; false if it is not in the library.
    pub(crate) fn trash(&mut self, index: u32, now: i64) -> bool {
        let live = self.assets[at(index)].is_live();
        if live {
            self.change_asset(index, now, Along::Master, |asset| asset.state = State::Trashed(now));
        }
        live
    }

    /// Brings an asset back from Recently Deleted; false if it is not there.
    pub(crate) fn restore(&mut self, index: u32, now: i64) -> bool {
        let trashed = matches!(self.assets[at(index)].state, State::Trashed(_));
        if trashed {
            self.change_asset(index, now, Along::Master, |asset| asset.state = State::Live);
        }
        trashed
    }

    /// Deletes an asset for good; what stays are tombstones.
    pub(crate) fn purge(&mut self, index: u32, now: i64) {
        for album in 0..self.albums.len() {
            self.remove_member(super::zone::index_of(album), index);
        }
        let purged_before = self.masters[at(self.assets[at(index)].master)].purged;
        self.change_asset(index, now, Along::Nothing, |asset| asset.state = State::Purged);
        let place = self.assets[at(index)].master;
        if self.masters[at(place)].purged && !purged_before {
            self.touch_master(place);
        }
    }

    /// Marks an asset as moved to the other library.
    pub(crate) fn mark_moved(&mut self, index: u32, now: i64) {
        self.change_asset(index, now, Along::Master, |asset| asset.state = State::Moved(now));
    }

    /// Adds a second asset on the same master, as duplicating on a device does.
    pub(crate) fn duplicate(&mut self, index: u32, rng: &mut Rng, now: i64) -> u32 {
        let original = self.assets[at(index)].clone();
        let copy = Asset { favorite: false, hidden: false, ..original };
        self.push_copy(copy, rng, now)
    }

    /// Takes over an asset of another zone as records of its own; the content stays the same.
    pub(crate) fn take_over(&mut self, master: Master, asset: Asset, rng: &mut Rng, now: i64) -> u32 {
        let found = self.revived_master(&master.original.checksum, now);
        let place = found.unwrap_or_else(|| {
            let stamp = Stamp { created: now, modified: now, sequence: 0 };
            self.push_master(Master { stamp, live_assets: 0, assets: 0, trashed: None, ..master })
        });
        self.push_copy(Asset { master: place, ..asset }, rng, now)
    }

    fn push_copy(&mut self, asset: Asset, rng: &mut Rng, now: i64) -> u32 {
        let stamp = Stamp { created: now, modified: now, sequence: 0 };
        let uuid = Uuid::random(rng);
        let index = self.push_asset(Asset { stamp, uuid, added: now, state: State::Live, ..asset });
        self.enlist(index);
        index
    }

    /// Whether the upload of an asset's original is still going on.
    pub(crate) fn set_uploading(&mut self, index: u32, uploading: bool, now: i64) {
        let place = self.assets[at(index)].master;
        self.masters[at(place)].uploading = uploading;
        self.masters[at(place)].stamp.modified = now;
        self.touch_master(place);
    }

    // ---- albums ---------------------------------------------------------------------------------------

    pub(crate) fn create_album(
        &mut self,
        name: Name,
        kind: AlbumKind,
        parent: Option<u32>,
        rng: &mut Rng,
        now: i64,
    ) -> u32 {
        let mut album = Album::new(Uuid::random(rng).to_string(), name, kind, parent, now);
        album.position = 1024 * i64::try_from(self.albums.len() + 1).unwrap_or(0);
        self.push_album(album)
    }

    /// Changes an album's own record.
    pub(crate) fn change_album(&mut self, index: u32, now: i64, change: impl FnOnce(&mut Album)) {
        let album = &mut self.albums[at(index)];
        change(album);
        album.stamp.modified = now;
        album.stamp.sequence = self.feed.push(RecordKey::Album(index));
    }

    /// Moves an album or folder; false if it would come to lie in itself.
    pub(crate) fn move_album(&mut self, index: u32, parent: Option<u32>, now: i64) -> bool {
        let mut above = parent;
        while let Some(folder) = above {
            if folder == index {
                return false;
            }
            above = self.albums[at(folder)].parent;
        }
        self.change_album(index, now, |album| album.parent = parent);
        true
    }

    /// Deletes an album, or a folder with all that is in it.
    pub(crate) fn delete_album(&mut self, index: u32, now: i64) {
        for child in self.children(Some(index)) {
            self.delete_album(child, now);
        }
        self.change_album(index, now, |album| album.deleted = true);
    }

    /// Adds an asset to an album; false if it is in it.
    pub(crate) fn add_member(&mut self, album: u32, asset: u32, now: i64) -> bool {
        if self.relation(album, asset).is_some() {
            return false;
        }
        self.unlist(asset);
        self.push_relation(album, asset, now);
        self.enlist(asset);
        self.change_album(album, now, |_| ());
        true
    }

    /// Takes an asset out of an album; false if it is not in it.
    pub(crate) fn remove_member(&mut self, album: u32, asset: u32) -> bool {
        if self.relation(album, asset).is_none() {
            return false;
        }
        self.unlist(asset);
        self.albums[at(album)].members.remove(&asset);
        self.enlist(asset);
        self.feed.push(RecordKey::Relation(album, asset));
        true
    }

    /// Notes the change of the library's figures that comes along with every change.
    pub(crate) fn finish_change(&mut self, database_sequence: u64, now: i64) {
        self.info.modified = now;
        self.info.sequence = self.feed.push(RecordKey::Info);
        self.database_sequence = database_sequence;
    }
}

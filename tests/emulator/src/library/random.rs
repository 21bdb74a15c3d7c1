//! Random changes, for tests of properties.

use super::handle::{AlbumRef, AssetRef, LibraryHandle};
use super::kind::{Edit, Form, Name, NewAsset};
use super::oddities;
use super::rng::Rng;
use super::view::{AlbumView, AssetView};
use super::zone::ZoneKind;

impl LibraryHandle {
    /// Makes one random change and says what it was. Meant for libraries of modest size.
    pub fn mutate(&self, rng: &mut Rng) -> String {
        let assets = self.assets();
        let albums = self.albums();
        for _ in 0..20 {
            let change = if rng.chance(0.6) {
                self.mutate_asset(rng, &assets)
            } else {
                self.mutate_album(rng, &albums, &assets)
            };
            if let Some(change) = change {
                return change;
            }
        }
        let new = self.add_random(rng);
        format!("added {}", new.record)
    }

    fn add_random(&self, rng: &mut Rng) -> AssetView {
        let mut new = NewAsset::new(*rng.pick(oddities::FORMS));
        new.name = random_name(rng);
        new.size = 64 + rng.below(5000);
        new.date -= i64::try_from(rng.below(1_000_000_000_000)).unwrap_or(0);
        let shared = self.has_shared_library() && rng.chance(0.2);
        self.asset(self.add(if shared { ZoneKind::Shared } else { ZoneKind::Primary }, &new))
    }

    fn has_shared_library(&self) -> bool {
        self.read().zones.iter().any(|zone| zone.kind == ZoneKind::Shared)
    }

    fn mutate_asset(&self, rng: &mut Rng, assets: &[AssetView]) -> Option<String> {
        if assets.is_empty() || rng.chance(0.15) {
            return Some(format!("added {}", self.add_random(rng).record));
        }
        let view = rng.pick(assets);
        let (asset, record) = (view.asset, &view.record);
        if view.deleted {
            if rng.chance(0.5) {
                self.restore(asset);
                return Some(format!("restored {record}"));
            }
            self.purge(asset);
            return Some(format!("purged {record}"));
        }
        Some(match rng.below(8) {
            0 => {
                let edit = *Edit::choices(view.form).first()?;
                self.edit(asset, edit);
                format!("edited {record}")
            }
            1 => {
                view.edit?;
                self.revert(asset);
                format!("reverted {record}")
            }
            2 | 3 => {
                self.delete(asset);
                format!("deleted {record}")
            }
            4 => {
                self.set_hidden(asset, !view.hidden);
                format!("{} {record}", if view.hidden { "showed" } else { "hid" })
            }
            5 => {
                self.set_favorite(asset, !view.favorite);
                format!("turned the favourite mark of {record}")
            }
            6 => {
                if !self.has_shared_library() || matches!(view.form, Form::Burst { .. }) {
                    return None;
                }
                let new = self.move_to_other_library(asset);
                format!("moved {record} to the other library as {}", self.asset(new).record)
            }
            _ => format!("duplicated {record} as {}", self.asset(self.duplicate(asset)).record),
        })
    }

    fn mutate_album(&self, rng: &mut Rng, albums: &[AlbumView], assets: &[AssetView]) -> Option<String> {
        let folders: Vec<AlbumRef> =
            albums.iter().filter(|album| album.folder).map(|album| album.album).collect();
        let parent = if folders.is_empty() || rng.chance(0.3) { None } else { Some(*rng.pick(&folders)) };
        let name = random_name(rng).resolve("").unwrap_or_default();
        if albums.is_empty() || rng.chance(0.2) {
            let folder = rng.chance(0.3);
            let _new =
                if folder { self.create_folder(&name, parent) } else { self.create_album(&name, parent) };
            return Some(format!("created the {} {name:?}", if folder { "folder" } else { "album" }));
        }
        let view = rng.pick(albums);
        let (album, record) = (view.album, &view.record);
        Some(match rng.below(6) {
            0 => {
                self.rename_album(album, &name);
                format!("renamed {record} to {name:?}")
            }
            1 => {
                if !self.move_album(album, parent) {
                    return None;
                }
                format!("moved {record} to another folder")
            }
            2 => {
                self.delete_album(album);
                format!("deleted {record} and all in it")
            }
            3 => {
                let member = view.members.get(rng.index(view.members.len()))?;
                let asset = assets.iter().find(|asset| asset.record == *member)?;
                self.remove_from_album(album, asset.asset);
                format!("took {member} out of {record}")
            }
            _ => {
                let candidates: Vec<AssetRef> = assets
                    .iter()
                    .filter(|asset| asset.zone == ZoneKind::Primary)
                    .map(|asset| asset.asset)
                    .collect();
                if view.folder || candidates.is_empty() {
                    return None;
                }
                self.add_to_album(album, *rng.pick(&candidates))
                    .then(|| format!("added a photo to {record}"))?
            }
        })
    }
}

/// A name that is hostile half the time.
fn random_name(rng: &mut Rng) -> Name {
    if rng.chance(0.5) {
        oddities::name(rng.index(oddities::NAME_COUNT))
    } else {
        Name::Text(format!("Name {}", rng.below(20)).into())
    }
}

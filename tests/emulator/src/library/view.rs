//! Plain read access for tests, so that a checker can say what a backup must hold.

use super::file::{Checksum, Content, File};
use super::handle::{AlbumRef, AssetRef, Library, LibraryHandle};
use super::kind::{Edit, Form};
use super::record::{AlbumKind, Asset, State};
use super::zone::{List, Zone, ZoneKind, at};

/// A file of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileView {
    /// The field family that names it: `resOriginal`, `resOriginalVidCompl`, `resOriginalAlt`,
    /// `resJPEGFull` or `resVidFull`.
    pub family: &'static str,
    /// The checksum, as the server spells it.
    pub checksum: String,
    /// Size in bytes.
    pub size: u64,
    /// Uniform type identifier.
    pub identifier: &'static str,
    /// `modified.timestamp` of the record that it stands on, ms since 1970 UTC.
    pub modified: i64,
    /// The bytes.
    pub content: Content,
}

/// A photo or video.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "the flags of a record are independent")]
pub struct AssetView {
    /// What to call it when changing it.
    pub asset: AssetRef,
    /// The library that it is in.
    pub zone: ZoneKind,
    /// Record name of the asset.
    pub record: String,
    /// Record name of the master.
    pub master: String,
    /// What it is.
    pub form: Form,
    /// How it is edited.
    pub edit: Option<Edit>,
    /// The original file name, if it has one.
    pub name: Option<String>,
    /// Capture date, ms since 1970 UTC.
    pub date: i64,
    /// Whether the lists of the visible library show it: not hidden, deleted, moved away, nor a member of a
    /// burst that was not picked.
    pub visible: bool,
    /// Whether it is hidden.
    pub hidden: bool,
    /// Whether it is in Recently Deleted.
    pub deleted: bool,
    /// Whether it is a favourite.
    pub favorite: bool,
    /// Whether its original is still being uploaded.
    pub uploading: bool,
    /// Its files, the original first.
    pub files: Vec<FileView>,
}

/// An album or folder that is not deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlbumView {
    /// What to call it when changing it.
    pub album: AlbumRef,
    /// Its record name.
    pub record: String,
    /// The record name of the folder that it is in.
    pub parent: Option<String>,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Whether it holds albums instead of photos.
    pub folder: bool,
    /// Record names of its visible members, in the user's order.
    pub members: Vec<String>,
}

impl LibraryHandle {
    /// All assets that have a record, of both libraries, hidden and deleted ones too.
    pub fn assets(&self) -> Vec<AssetView> {
        let library = self.read();
        let mut views = Vec::new();
        for zone in library.zones.iter().filter(|zone| zone.kind != ZoneKind::Foreign && zone.is_there()) {
            for (index, asset) in (0..).zip(&zone.assets) {
                if matches!(asset.state, State::Live | State::Trashed(_)) {
                    views.push(view(zone, index, asset));
                }
            }
        }
        views
    }

    /// The assets that a user sees in the libraries.
    pub fn visible_assets(&self) -> Vec<AssetView> {
        self.assets().into_iter().filter(|asset| asset.visible).collect()
    }

    /// One asset, whatever became of it.
    pub fn asset(&self, asset: AssetRef) -> AssetView {
        let library = self.read();
        let zone = library.of_kind(asset.zone);
        view(zone, asset.index, &zone.assets[at(asset.index)])
    }

    /// How many assets the list of everything visible has.
    pub fn visible_count(&self, kind: ZoneKind) -> usize {
        self.read().of_kind(kind).list(List::AssetDate).len()
    }

    /// The albums and folders of `PrimarySync`, without root records, smart albums and deleted ones.
    pub fn albums(&self) -> Vec<AlbumView> {
        let library = self.read();
        let zone = library.of_kind(ZoneKind::Primary);
        (0..)
            .zip(&zone.albums)
            .filter(|(_, album)| !album.deleted && matches!(album.kind, AlbumKind::Album | AlbumKind::Folder))
            .map(|(index, album)| AlbumView {
                album: AlbumRef(index),
                record: album.record.to_string(),
                parent: album.parent.map(|parent| zone.albums[at(parent)].record.to_string()),
                name: album.name.resolve(""),
                folder: album.kind == AlbumKind::Folder,
                members: visible_members(zone, album.by_position.items()),
            })
            .collect()
    }

    /// The content of a checksum as the server spells it.
    pub fn content_of(&self, checksum: &str) -> Option<Content> {
        let wanted = Checksum::from_base64(checksum)?;
        let library = self.read();
        let originals = library
            .zones
            .iter()
            .filter_map(|zone| Some(zone.masters[at(zone.find_master(&wanted)?)].original));
        let any = || {
            let files = library.zones.iter().flat_map(|zone| {
                zone.assets.iter().flat_map(|asset| zone.files(asset)).map(|(_, file)| *file)
            });
            files.into_iter().find(|file| file.checksum == wanted)
        };
        originals.into_iter().next().or_else(any).map(|file| file.content)
    }
}

impl Library {
    pub(crate) fn of_kind(&self, kind: ZoneKind) -> &Zone {
        let found = self.zones.iter().find(|zone| zone.kind == kind);
        found.unwrap_or_else(|| panic!("the account has no library of the kind {kind:?}"))
    }
}

fn visible_members(zone: &Zone, members: impl Iterator<Item = u32>) -> Vec<String> {
    let assets = members.map(|index| &zone.assets[at(index)]);
    let visible = assets.filter(|asset| asset.is_live() && !asset.hidden && !zone.form(asset).is_unpicked());
    visible.map(|asset| asset.uuid.to_string()).collect()
}

fn view(zone: &Zone, index: u32, asset: &Asset) -> AssetView {
    let master = &zone.masters[at(asset.master)];
    let file = |(family, file): (&'static str, &File)| FileView {
        family,
        checksum: file.checksum.to_base64(),
        size: file.content.size,
        identifier: file.identifier,
        modified: if family.starts_with("resOriginal") {
            master.stamp.modified
        } else {
            asset.stamp.modified
        },
        content: file.content,
    };
    AssetView {
        asset: AssetRef { zone: zone.kind, index },
        zone: zone.kind,
        record: asset.uuid.to_string(),
        master: master.original.checksum.to_base64(),
        form: master.form,
        edit: asset.edited.as_ref().map(|edited| edited.edit),
        name: master.file_name(),
        date: asset.date,
        visible: asset.is_live() && !asset.hidden && !master.form.is_unpicked(),
        hidden: asset.hidden,
        deleted: matches!(asset.state, State::Trashed(_)),
        favorite: asset.favorite,
        uploading: master.uploading,
        files: zone.files(asset).map(file).collect(),
    }
}

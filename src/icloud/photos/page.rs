//! One answer of the database, read record by record.
//!
//! Assets and masters come in any order, on any page, and are put together later. A record that cannot be
//! read is named and does not disturb its neighbours.

use std::collections::HashSet;

use super::json::Json;
use super::record::{Record, Version, printable};
use super::resource::{self, Resource};
use crate::model::{AlbumKind, Extension, RecordName};

/// What one answer holds.
#[derive(Debug, Default)]
pub struct Page {
    /// The state of the zone that the answer shows.
    pub sync_token: Option<Box<str>>,
    /// Asks for the rest of the list.
    pub continuation: Option<Box<str>>,
    /// The assets, hidden and deleted ones too.
    pub assets: Vec<AssetRecord>,
    /// The masters; fewer than assets if some share one.
    pub masters: Vec<MasterRecord>,
    /// Albums and folders.
    pub albums: Vec<AlbumRecord>,
    /// Which asset is in which album.
    pub relations: Vec<Relation>,
    /// Records that ought to be one of the above and could not be read.
    pub unreadable: Vec<Unreadable>,
}

/// A `CPLAsset`: what the user sees and edits.
#[derive(Debug, Clone)]
pub struct AssetRecord {
    /// Its identity.
    pub record: RecordName,
    /// The master that it shows.
    pub master: RecordName,
    /// To tell the newer of two states.
    pub version: Version,
    /// Milliseconds since 1970 UTC.
    pub modified: i64,
    /// Capture date, milliseconds since 1970 UTC.
    pub date: i64,
    /// Marked by the user.
    pub favorite: bool,
    /// Neither hidden nor deleted.
    pub visible: bool,
    /// The rendered result of an edit.
    pub picture: Option<Resource>,
    /// The rendered result of an edit, as a video.
    pub video: Option<Resource>,
}

/// A `CPLMaster`: what the camera made.
#[derive(Debug, Clone)]
pub struct MasterRecord {
    /// Its identity: the checksum of the original, in all recorded traffic.
    pub record: RecordName,
    /// To tell the newer of two states.
    pub version: Version,
    /// Milliseconds since 1970 UTC.
    pub modified: i64,
    /// The original file name: hostile until sanitised.
    pub name: Box<str>,
    /// Whether it is a video rather than a still.
    pub is_video: bool,
    /// The original, byte for byte.
    pub original: Resource,
    /// The video of a Live Photo.
    pub live_video: Option<Resource>,
    /// The other file of RAW+JPEG.
    pub alternative: Option<Resource>,
}

/// A `CPLAlbum` of a kind that holds something. Others are left out.
#[derive(Debug, Clone)]
pub struct AlbumRecord {
    /// Its identity.
    pub record: RecordName,
    /// To tell the newer of two states.
    pub version: Version,
    /// The folder that it names, if it names one.
    pub parent: Option<RecordName>,
    /// Its name: hostile until sanitised.
    pub name: String,
    /// Folder or album.
    pub kind: AlbumKind,
    /// Whether it is gone.
    pub deleted: bool,
}

/// A `CPLContainerRelation`.
#[derive(Debug, Clone)]
pub struct Relation {
    /// The album.
    pub album: RecordName,
    /// The asset in it.
    pub asset: RecordName,
    /// Whether it is there no longer.
    pub deleted: bool,
}

/// A record that could not be read.
#[derive(Debug, Clone)]
pub struct Unreadable {
    /// Its name, or what there is of one.
    pub subject: String,
    /// What is wrong with it.
    pub reason: String,
    /// What it ought to be.
    pub kind: RecordKind,
}

/// The types of records that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordKind {
    /// `CPLAsset`.
    Asset,
    /// `CPLMaster`.
    Master,
    /// `CPLAlbum`.
    Album,
    /// `CPLContainerRelation`.
    Relation,
    /// It does not say.
    Unknown,
}

/// Bytes that are no answer to a query.
#[derive(Debug, thiserror::Error)]
pub enum NotAPage {
    /// The syntax is broken.
    #[error("not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// There is no list of records.
    #[error("an answer without records")]
    NoRecords,
}

impl Page {
    /// Reads an answer of `records/query` or `records/lookup`.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotAPage> {
        let json = Json::parse(bytes)?;
        let Json::List(records) = json.get("records") else {
            return Err(NotAPage::NoRecords);
        };
        let mut page = Self {
            sync_token: json.get("syncToken").text().map(Into::into),
            continuation: json.get("continuationMarker").text().map(Into::into),
            ..Self::default()
        };
        for record in records {
            page.add(Record(record));
        }
        Ok(page)
    }

    /// How many ranks of the list the page covers. A list of assets counts assets; the content of an album
    /// has a relation for each. A record that comes twice has one rank.
    pub fn ranks(&self) -> usize {
        let assets: HashSet<_> = self.assets.iter().map(|asset| &asset.record).collect();
        let relations: HashSet<_> = self.relations.iter().map(|relation| &relation.asset).collect();
        let unreadable = self.unreadable.iter().filter(|record| record.kind == RecordKind::Asset);
        let unreadable: HashSet<_> = unreadable.map(|record| &record.subject).collect();
        relations.len().max(assets.len() + unreadable.len())
    }

    fn add(&mut self, record: Record<'_>) {
        if record.is_tombstone() {
            return;
        }
        let read = match record.record_type() {
            _ if record.error().is_some() => {
                let code = record.error().map(printable).unwrap_or_default();
                Err((RecordKind::Unknown, format!("the server answers {code}")))
            }
            Some("CPLAsset") => AssetRecord::read(record)
                .map(|asset| self.assets.push(asset))
                .map_err(|reason| (RecordKind::Asset, reason)),
            Some("CPLMaster") => MasterRecord::read(record)
                .map(|master| self.masters.push(master))
                .map_err(|reason| (RecordKind::Master, reason)),
            Some("CPLAlbum") => AlbumRecord::read(record)
                .map(|album| self.albums.extend(album))
                .map_err(|reason| (RecordKind::Album, reason)),
            Some("CPLContainerRelation") => Relation::read(record)
                .map(|relation| self.relations.push(relation))
                .map_err(|reason| (RecordKind::Relation, reason)),
            Some(_) => Ok(()),
            None => Err((RecordKind::Unknown, "it has no record type".to_owned())),
        };
        if let Err((kind, reason)) = read {
            self.unreadable.push(Unreadable { subject: record.label(), reason, kind });
        }
    }
}

impl AssetRecord {
    fn read(record: Record<'_>) -> Result<Self, String> {
        let gone = ["isHidden", "isDeleted", "isExpunged"].iter().any(|flag| record.field(flag).flag());
        let master = record.reference("masterRef").ok_or("it names no master")?;
        Ok(Self {
            record: record.name().map_err(|e| e.to_string())?,
            master: RecordName::new(master).map_err(|e| e.to_string())?,
            version: record.version(),
            modified: record.modified(),
            date: record.date("assetDate").unwrap_or_default(),
            favorite: record.field("isFavorite").flag(),
            visible: !gone,
            picture: Resource::read(record, &resource::EDITED_PICTURE),
            video: Resource::read(record, &resource::EDITED_VIDEO),
        })
    }
}

impl MasterRecord {
    fn read(record: Record<'_>) -> Result<Self, String> {
        let own_name = record.name().map_err(|e| e.to_string())?;
        let item_type = record.field("itemType").text();
        let file_type = record.field(resource::ORIGINAL.file_type).text().or(item_type);
        let given = record.decoded("filenameEnc").filter(|name| !name.is_empty());
        let name = given.unwrap_or_else(|| derived_name(&own_name, file_type));
        let class = record.field("dataClassType").integer();
        Ok(Self {
            version: record.version(),
            modified: record.modified(),
            is_video: is_video(class, item_type.or(file_type), &name),
            original: Resource::read_as(record, &resource::ORIGINAL, Extension::for_type(file_type, &name))
                .unwrap_or_else(|| Resource::uploading(&resource::ORIGINAL)),
            live_video: Resource::read(record, &resource::LIVE_VIDEO),
            alternative: Resource::read(record, &resource::ALTERNATIVE),
            name: name.into(),
            record: own_name,
        })
    }
}

/// A file name for a master that has none.
fn derived_name(record: &RecordName, file_type: Option<&str>) -> String {
    let extension = Extension::for_type(file_type, "");
    format!("{}.{extension}", record.as_str().replace(['/', '+', '='], "_"))
}

/// By the class, else by the type, else by the file name. In doubt it is a still: the two results that an
/// edit of a still may have are both kept.
fn is_video(class: Option<i64>, identifier: Option<&str>, name: &str) -> bool {
    match class {
        Some(1) => false,
        Some(2) => true,
        _ => Extension::for_type(identifier, name).is_movie(),
    }
}

impl AlbumRecord {
    /// `None` for kinds that have no content of their own, such as smart albums, and for the two root folders.
    fn read(record: Record<'_>) -> Result<Option<Self>, String> {
        let own_name = record.name().map_err(|e| e.to_string())?;
        if is_root(own_name.as_str()) {
            return Ok(None);
        }
        if !own_name.is_directory_safe() {
            return Err("its name cannot be the name of a directory".to_owned());
        }
        let kind = match record.field("albumType").integer() {
            Some(0) => AlbumKind::Album,
            Some(3) => AlbumKind::Folder,
            Some(other) => {
                tracing::debug!("ignoring the album {own_name} of the type {other}");
                return Ok(None);
            }
            None => return Err("it has no album type".to_owned()),
        };
        let parent = record.reference("parentId").filter(|name| !is_root(name));
        Ok(Some(Self {
            parent: parent.map(RecordName::new).transpose().map_err(|e| e.to_string())?,
            version: record.version(),
            name: record.decoded("albumNameEnc").unwrap_or_default(),
            kind,
            deleted: record.field("isDeleted").flag() || record.field("isExpunged").flag(),
            record: own_name,
        }))
    }
}

/// The folders that hold everything; they are no folders of the user's.
pub(super) fn is_root(record_name: &str) -> bool {
    matches!(record_name, "----Root-Folder----" | "----Project-Root-Folder----")
}

impl Relation {
    fn read(record: Record<'_>) -> Result<Self, String> {
        let named = |field: &str| {
            let text = record.reference(field).ok_or(format!("it has no {field}"))?;
            RecordName::new(text).map_err(|e| e.to_string())
        };
        Ok(Self {
            album: named("containerId")?,
            asset: named("itemId")?,
            deleted: record.field("isDeleted").flag(),
        })
    }
}

//! Assets and their files.

use super::{Checksum, Extension, RecordName};

/// One of the two libraries of an account, each with a directory of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Zone {
    /// The personal library (`PrimarySync`), in `_All-Photos`.
    Primary,
    /// The Shared Photo Library (`SharedSync-…`), in `_Shared-Photos`.
    Shared,
}

impl Zone {
    /// Both zones.
    pub const ALL: [Self; 2] = [Self::Primary, Self::Shared];

    /// The directory below the library's root that holds the zone's asset files.
    pub fn directory(self) -> &'static str {
        match self {
            Self::Primary => "_All-Photos",
            Self::Shared => "_Shared-Photos",
        }
    }
}

/// What a file is to its asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The file as it came from the camera (`resOriginal`, on the master).
    Original,
    /// The rendered result of an edit (`resJPEGFull` or `resVidFull`, on the asset).
    Edited,
    /// The movie of a Live Photo (`resOriginalVidCompl`, on the master).
    LiveVideo,
    /// The movie of an edited Live Photo (`resVidFull` of a still, on the asset).
    EditedLiveVideo,
    /// The second file of RAW+JPEG (`resOriginalAlt`, on the master).
    Alternative,
}

impl Kind {
    /// What is put between stem and extension of a link's name.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Original | Self::Alternative => "",
            Self::Edited => "-edited",
            Self::LiveVideo => "-live",
            Self::EditedLiveVideo => "-edited-live",
        }
    }

    /// Whether the resource stands on the master record; else it stands on the asset record.
    pub fn on_master(self) -> bool {
        matches!(self, Self::Original | Self::LiveVideo | Self::Alternative)
    }
}

/// What identifies a file on disk: zone, checksum and extension are its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileKey {
    /// The library that the file belongs to.
    pub zone: Zone,
    /// The content.
    pub checksum: Checksum,
    /// The extension of the file name.
    pub extension: Extension,
}

impl FileKey {
    /// The file name inside the zone's directory: `<checksum>.<extension>`.
    pub fn file_name(&self) -> String {
        format!("{}.{}", self.checksum, self.extension)
    }

    /// The path below the library's root: `_All-Photos/<checksum>.<extension>`.
    pub fn path(&self) -> String {
        format!("{}/{}", self.zone.directory(), self.file_name())
    }

    /// Reads a file name of a zone's directory back; `None` if it is not one of ours.
    pub fn from_file_name(zone: Zone, name: &str) -> Option<Self> {
        let (stem, extension) = name.split_once('.')?;
        Some(Self {
            zone,
            checksum: Checksum::from_file_stem(stem).ok()?,
            extension: Extension::new(extension)?,
        })
    }
}

/// One file of an asset, as the server describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetFile {
    /// What it is to the asset.
    pub kind: Kind,
    /// Its content.
    pub checksum: Checksum,
    /// Its extension on disk.
    pub extension: Extension,
    /// Its size in bytes.
    pub size: u64,
    /// Milliseconds since 1970 UTC: `modified.timestamp` of the record that the resource stands on.
    pub modified: i64,
}

/// A photo or video: one `CPLAsset` with its `CPLMaster`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// The record name of the `CPLAsset`: the photo's identity.
    pub record: RecordName,
    /// The record name of the `CPLMaster`. Several assets may share one.
    pub master: RecordName,
    /// The library that it is in.
    pub zone: Zone,
    /// Capture date, milliseconds since 1970 UTC (`assetDate`).
    pub date: i64,
    /// The original file name, as the server gives it: hostile until sanitised.
    pub name: Box<str>,
    /// Whether the user marked it as a favourite.
    pub favorite: bool,
    /// Its files, the original first.
    pub files: Box<[AssetFile]>,
}

impl Asset {
    /// Where the file is kept on disk.
    pub fn key(&self, file: &AssetFile) -> FileKey {
        FileKey { zone: self.zone, checksum: file.checksum, extension: file.extension }
    }

    /// How a person would name it, and find it again.
    pub fn title(&self) -> String {
        format!("{} ({})", printable(&self.name), self.record)
    }

    /// The record that the file's resource stands on.
    pub fn record_of(&self, file: &AssetFile) -> &RecordName {
        if file.kind.on_master() { &self.master } else { &self.record }
    }
}

/// A name from the network without what could play with a terminal.
pub(crate) fn printable(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

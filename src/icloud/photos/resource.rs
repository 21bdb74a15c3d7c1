//! A resource of a record: one file, as the fields `res…Res` and `res…FileType` describe it.

use super::json::Json;
use super::record::{Record, printable};
use crate::model::{Checksum, Extension};

/// A family of fields that describes one file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family {
    /// The field with the file itself (an `ASSETID`).
    pub(super) content: &'static str,
    /// The field with its uniform type identifier.
    pub(super) file_type: &'static str,
    /// The type if the server names none.
    pub(super) default_type: Option<&'static str>,
    /// What the file is, for messages.
    pub(super) title: &'static str,
}

pub(super) const ORIGINAL: Family = Family {
    content: "resOriginalRes",
    file_type: "resOriginalFileType",
    default_type: None,
    title: "the original",
};
pub(super) const ALTERNATIVE: Family = Family {
    content: "resOriginalAltRes",
    file_type: "resOriginalAltFileType",
    default_type: None,
    title: "the alternative original",
};
pub(super) const LIVE_VIDEO: Family = Family {
    content: "resOriginalVidComplRes",
    file_type: "resOriginalVidComplFileType",
    default_type: Some("com.apple.quicktime-movie"),
    title: "the Live Photo's video",
};
pub(super) const EDITED_PICTURE: Family = Family {
    content: "resJPEGFullRes",
    file_type: "resJPEGFullFileType",
    default_type: Some("public.jpeg"),
    title: "the edited picture",
};
pub(super) const EDITED_VIDEO: Family = Family {
    content: "resVidFullRes",
    file_type: "resVidFullFileType",
    default_type: Some("com.apple.quicktime-movie"),
    title: "the edited video",
};

/// All families that a backup knows.
pub(super) const FAMILIES: [Family; 5] = [ORIGINAL, ALTERNATIVE, LIVE_VIDEO, EDITED_PICTURE, EDITED_VIDEO];

/// A file that a record has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// A file that can be downloaded.
    Ready {
        /// Its content.
        checksum: Checksum,
        /// Its size in bytes, never 0.
        size: u64,
        /// Its extension on disk.
        extension: Extension,
    },
    /// A file that some device has not uploaded yet; the text says so.
    Uploading(String),
    /// A file that is known to exist but cannot be downloaded; the text says why.
    Unusable(String),
}

impl Resource {
    /// The resource of that family; `None` if the record has none.
    pub(super) fn read(record: Record<'_>, family: &Family) -> Option<Self> {
        let file_type = record.field(family.file_type).text().or(family.default_type);
        Self::read_as(record, family, Extension::for_type(file_type, ""))
    }

    /// The resource of that family, with an extension that was decided elsewhere.
    pub(super) fn read_as(record: Record<'_>, family: &Family, extension: Extension) -> Option<Self> {
        let content = record.field(family.content);
        if content.is_null() { None } else { Some(Self::from_content(content, extension, family)) }
    }

    fn from_content(content: &Json<'_>, extension: Extension, family: &Family) -> Self {
        let size = content.get("size").integer().and_then(|size| u64::try_from(size).ok());
        let Some(text) = content.get("fileChecksum").text() else {
            return Self::uploading(family);
        };
        match (Checksum::from_base64(text), size) {
            (Ok(checksum), Some(size)) if size > 0 => Self::Ready { checksum, size, extension },
            (Ok(_), _) => Self::uploading(family),
            (Err(_), _) => {
                Self::Unusable(format!("{} has an unreadable checksum: {}", family.title, printable(text)))
            }
        }
    }

    /// What a device is still uploading has no content yet, no size, or the size 0.
    pub(super) fn uploading(family: &Family) -> Self {
        Self::Uploading(format!("{} is still being uploaded", family.title))
    }
}

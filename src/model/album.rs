//! Albums and folders.

use super::RecordName;

/// Whether a `CPLAlbum` record holds photos or other albums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlbumKind {
    /// `albumType` 3: holds albums and folders.
    Folder,
    /// `albumType` 0: holds assets.
    Album,
}

/// An album or folder, as the server describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Album {
    /// Its identity, and the name of its hidden directory.
    pub record: RecordName,
    /// The folder that holds it; `None` at the top level.
    pub parent: Option<RecordName>,
    /// Its name, as the server gives it: hostile until sanitised.
    pub name: String,
    /// Folder or album.
    pub kind: AlbumKind,
    /// The assets in it, as positions in [`super::RemoteLibrary::assets`], each once. Empty for folders.
    /// `None`: they could not be read, so the links in the album's directory must be left as they are.
    pub members: Option<Vec<u32>>,
    /// Whether something belongs into it that could not be read, or that iCloud does not have in full yet.
    pub lacking: bool,
}

//! The library as it is on disk.

use std::path::PathBuf;

use super::{FileKey, RecordName};

/// Everything that a scan of the library directory found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocalLibrary {
    /// The asset files of both zones.
    pub files: Vec<LocalFile>,
    /// The albums and folders, parents before their children.
    pub albums: Vec<LocalAlbum>,
    /// Asset files in the trash that could be taken back; `size` and `modified` as they were.
    pub trash: Vec<LocalFile>,
    /// Plain files and directories in places that are ours, left alone and reported; relative to the root.
    pub strays: Vec<PathBuf>,
    /// Names that are taken by the user's own files and directories, so that no name link and no asset link may
    /// have them.
    pub taken: Vec<Taken>,
}

/// A name that is not ours to give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The album or folder in whose directory it is; `None` at the root.
    pub inside: Option<RecordName>,
    /// The name.
    pub name: String,
}

/// An asset file on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalFile {
    /// Its path, in effect.
    pub key: FileKey,
    /// Its size in bytes.
    pub size: u64,
    /// Its mtime in milliseconds since 1970 UTC.
    pub modified: i64,
}

/// A hidden directory `.<recordName>` and the name link beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalAlbum {
    /// The record that the directory is named after.
    pub record: RecordName,
    /// The folder whose directory holds it; `None` at the root.
    pub parent: Option<RecordName>,
    /// The names of the links beside it that point to it. Exactly one, unless something went wrong.
    pub names: Vec<String>,
    /// What the directory holds.
    pub state: AlbumState,
}

/// What an album's directory holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlbumState {
    /// Other albums. `foreign` if it also holds something of the user's, so that it must be kept.
    Folder {
        /// Whether something that is not ours is inside.
        foreign: bool,
    },
    /// Links to assets, and nothing else.
    Album {
        /// The links, in no particular order.
        links: Vec<Link>,
    },
    /// A plain file of the user's: the content is never touched again.
    Archived,
}

/// A symlink in an album's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its file name.
    pub name: String,
    /// The asset file that it points to; `None` if it points anywhere else, or by a path that is not the
    /// canonical relative one.
    pub target: Option<FileKey>,
    /// Its own mtime in milliseconds since 1970 UTC.
    pub modified: i64,
}

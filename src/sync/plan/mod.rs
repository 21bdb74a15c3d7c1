//! The plan: what makes the local library mirror the remote one, as a value.
//!
//! Pure: no disk, no network, no clock. Every decision carries its reason, and the plan its own totals, so
//! that it can be printed instead of applied.

mod albums;
mod files;
mod links;
mod tree;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;

use crate::model::{AlbumKind, Asset, AssetFile, FileKey, LocalLibrary, RecordName, RemoteLibrary, Zone};
use crate::sync::Policy;

/// What a sync has to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// What happens to asset files.
    pub files: FilePlan,
    /// What happens to albums, folders and the links in them.
    pub albums: AlbumPlan,
}

/// What happens to asset files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilePlan {
    /// All files that belong into each zone, whether they are there or not.
    pub wanted: BTreeMap<Zone, Amount>,
    /// Files to fetch, those of the newest assets first.
    pub downloads: Vec<Download>,
    /// Files that are there, in another zone or with another extension.
    pub relocations: Vec<Relocation>,
    /// Files to take back from the trash.
    pub restorations: Vec<Restoration>,
    /// Files whose mtime is to be set.
    pub touches: Vec<Touch>,
    /// Files that no longer belong into the library.
    pub deletions: Vec<Deletion>,
    /// Files that would be deleted if the server had not had trouble with their records; left alone.
    pub unclear: Vec<FileKey>,
}

/// A number of files and the bytes in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Amount {
    /// Counts one more file.
    pub fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

impl std::iter::Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), |sum, amount| Self {
            files: sum.files + amount.files,
            bytes: sum.bytes.saturating_add(amount.bytes),
        })
    }
}

impl FromIterator<u64> for Amount {
    /// The amount of files of these sizes.
    fn from_iter<I: IntoIterator<Item = u64>>(sizes: I) -> Self {
        let mut amount = Self::default();
        for size in sizes {
            amount.add(size);
        }
        amount
    }
}

/// Where the server has a file: positions in the remote library that was planned with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// Position in [`RemoteLibrary::assets`].
    pub asset: u32,
    /// Position in [`Asset::files`].
    pub file: u8,
}

impl Source {
    /// The asset and its file; `None` in another library than the one that was planned with.
    pub fn of(self, remote: &RemoteLibrary) -> Option<(&Asset, &AssetFile)> {
        let asset = remote.assets.get(self.asset as usize)?;
        Some((asset, asset.files.get(usize::from(self.file))?))
    }
}

/// A file to fetch from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Download {
    /// Its place.
    pub key: FileKey,
    /// Its size in bytes.
    pub size: u64,
    /// The mtime that it gets, in milliseconds since 1970 UTC.
    pub modified: i64,
    /// Which file of which asset it is.
    pub source: Source,
    /// Why.
    pub reason: DownloadReason,
}

/// Why a file is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DownloadReason {
    /// It is not there.
    Missing,
    /// It is there with another size; it is fetched beside the old one, which it then replaces.
    WrongSize {
        /// The size on disk.
        found: u64,
    },
    /// It is there with another content; it is fetched beside the damaged one, which goes to the trash then.
    Damaged {
        /// The size on disk.
        found: u64,
    },
}

/// A file that changes its zone or its extension: a rename, not a deletion and a download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relocation {
    /// Where it is.
    pub from: FileKey,
    /// Where it belongs.
    pub to: FileKey,
    /// The mtime that it gets, in milliseconds since 1970 UTC.
    pub modified: i64,
    /// Its size in bytes.
    pub size: u64,
}

/// A file that is taken back from the trash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restoration {
    /// Where it was.
    pub from: FileKey,
    /// Where it belongs; differs from `from` in zone or extension at most.
    pub to: FileKey,
    /// The mtime that it gets, in milliseconds since 1970 UTC.
    pub modified: i64,
    /// Its size in bytes.
    pub size: u64,
    /// Which file of which asset it is, should the copy in the trash be no good.
    pub source: Source,
}

impl Restoration {
    /// What to do if the copy in the trash is no good.
    pub fn instead(&self) -> Download {
        let Self { to: key, size, modified, source, .. } = *self;
        Download { key, size, modified, source, reason: DownloadReason::Missing }
    }
}

/// A file whose mtime is off by more than a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touch {
    /// Its place.
    pub key: FileKey,
    /// The mtime that it gets, in milliseconds since 1970 UTC.
    pub modified: i64,
}

/// A file that is thrown away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deletion {
    /// Its place.
    pub key: FileKey,
    /// Its size in bytes.
    pub size: u64,
    /// Why.
    pub reason: DeletionReason,
}

/// Why a file is thrown away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletionReason {
    /// No visible asset has it any more.
    Gone,
    /// An asset has it, but as a kind of file that the options leave out.
    NotWanted,
    /// The same content belongs somewhere else, and is or will be there.
    Superfluous,
}

/// What happens to albums and folders, in the order in which it must happen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlbumPlan {
    /// The albums and folders that belong into the library.
    pub albums: Vec<AlbumTally>,
    /// Directories and names.
    pub steps: Vec<AlbumStep>,
    /// Links, album by album; the paths are those after the steps.
    pub links: Vec<AlbumLinks>,
    /// What is left as it is, and why.
    pub left_alone: Vec<LeftAlone>,
}

/// What an album should hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlbumTally {
    /// Its record.
    pub record: RecordName,
    /// Its name on disk.
    pub name: String,
    /// Folder or album.
    pub kind: AlbumKind,
    /// The assets that the server lists in it; `None` if they could not be read.
    pub members: Option<u64>,
    /// The links that belong into its directory; `None` if its content is left alone.
    pub links: Option<u64>,
}

/// The directories from the root to an album, by record.
pub type AlbumPath = Vec<RecordName>;

/// One change to the album tree. Paths are those at the moment of the step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlbumStep {
    /// Makes the directory of an album or folder, still without a name.
    Create {
        /// The album.
        path: AlbumPath,
    },
    /// Moves the directory into another folder. Its names stay behind and go.
    Move {
        /// Where it is.
        from: AlbumPath,
        /// Where it belongs.
        to: AlbumPath,
    },
    /// Removes the directory and its name: an album with its links, or a folder that is empty by then.
    Remove {
        /// The album.
        path: AlbumPath,
    },
    /// Brings an archived album whose remote album is gone to `_Archive`.
    Retire {
        /// The album.
        path: AlbumPath,
        /// What it is called there; a number is added if that is taken.
        name: String,
    },
    /// Makes `new` the one name of the album, though another album may have it until its own turn comes.
    Name {
        /// The album.
        path: AlbumPath,
        /// The names that it has.
        old: Vec<String>,
        /// The name that it gets.
        new: String,
    },
}

/// What happens to the links of one album.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlbumLinks {
    /// The album.
    pub path: AlbumPath,
    /// The changes, in order.
    pub steps: Vec<LinkStep>,
}

/// One change to the links of an album.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkStep {
    /// Takes a link away.
    Unlink {
        /// Its name.
        name: String,
    },
    /// Makes a link, or makes one of this name what it should be.
    Link {
        /// Its name.
        name: String,
        /// The file that it points to.
        target: FileKey,
        /// Its own mtime, in milliseconds since 1970 UTC.
        modified: i64,
    },
}

/// Something that differs from the remote library and stays so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftAlone {
    /// The album, by a name that the user knows.
    pub album: String,
    /// Why.
    pub reason: LeftAloneReason,
}

/// Why something is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftAloneReason {
    /// A folder whose remote counterpart is gone still holds something of the user's.
    HoldsForeign,
    /// The members of the album could not be read.
    Unread,
    /// The record name cannot be the name of a directory.
    UnsafeRecord,
    /// What is a folder on disk is an album on the server, and holds something of the user's.
    FolderHoldsForeign,
    /// The same album is in two places on disk; this is the second one.
    Twice,
}

/// Whether a plan may take away what the remote library does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removal {
    Allowed,
    HeldBack,
}

/// Compares the two libraries and says what makes the local one mirror the remote one.
pub fn plan(remote: &RemoteLibrary, local: &LocalLibrary, policy: &Policy) -> Plan {
    Plan {
        files: files::plan(remote, local, *policy),
        albums: albums::plan(remote, local, *policy, Removal::Allowed),
    }
}

/// Says what heals these files, whose contents are not what their names say, and touches nothing else: a plan of
/// downloads alone. What the server does not have (any more) is not among them.
///
/// The options that leave files out of a sync do not matter here.
pub fn repair(remote: &RemoteLibrary, damaged: &BTreeMap<FileKey, u64>) -> Plan {
    Plan { files: files::repair(remote, damaged), albums: AlbumPlan::default() }
}

impl Plan {
    /// The same plan, but all that is there stays: no file is deleted, no album, no link.
    ///
    /// Files move and links are made all the same; the names that stay taken are respected.
    #[must_use]
    pub fn without_removals(mut self, remote: &RemoteLibrary, local: &LocalLibrary, policy: &Policy) -> Self {
        self.files.deletions.clear();
        self.albums = albums::plan(remote, local, *policy, Removal::HeldBack);
        self
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        let files = &self.files;
        files.downloads.is_empty()
            && files.relocations.is_empty()
            && files.restorations.is_empty()
            && files.touches.is_empty()
            && files.deletions.is_empty()
            && self.albums.steps.is_empty()
            && self.albums.links.is_empty()
    }
}

impl FilePlan {
    /// All files that belong into the library.
    pub fn wanted(&self) -> Amount {
        self.wanted.values().copied().sum()
    }

    /// What is to be fetched.
    pub fn to_download(&self) -> Amount {
        self.downloads.iter().map(|download| download.size).collect()
    }

    /// What is to be thrown away.
    pub fn to_delete(&self) -> Amount {
        self.deletions.iter().map(|deletion| deletion.size).collect()
    }
}

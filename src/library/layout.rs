//! Where things are in the library directory.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use crate::model::{FileKey, RecordName, Zone};

use super::Error;
use super::dir::Dir;

/// Archived albums whose iCloud album is gone.
pub const ARCHIVE: &str = "_Archive";
/// Below [`ARCHIVE`].
pub(crate) const STASH: &str = ".stash";
/// What is ours alone.
pub(crate) const OWN: &str = ".icps";
/// Below [`OWN`].
const TRASH: &str = "trash";
pub(crate) const LOCK: &str = ".library.lock";
/// The resource file of the TypeScript program.
pub(crate) const LEGACY: &str = ".icloud-photos-sync";

/// The directories of the layout, open.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) root: Dir,
    zones: [Dir; 2],
    pub(crate) archive: Dir,
    /// Archived albums in transit, of the TypeScript program; ours move in one step.
    pub(crate) stash: Dir,
    pub(crate) own: Dir,
    /// Downloads that are not complete.
    pub(crate) partial: Dir,
    /// Deleted files, by day and zone.
    pub(crate) trash: Dir,
    /// Things under construction; what is found there by a later run is left over.
    pub(crate) staging: Dir,
}

impl Layout {
    /// Opens the directories, creating those that are missing.
    pub(crate) fn create(root: Dir) -> Result<Self, Error> {
        let zones = [root.create(Zone::Primary.directory())?, root.create(Zone::Shared.directory())?];
        let archive = root.create(ARCHIVE)?;
        let stash = archive.create(STASH)?;
        let own = root.create(OWN)?;
        let (partial, trash, staging) = (own.create("partial")?, own.create(TRASH)?, own.create("staging")?);
        Ok(Self { root, zones, archive, stash, own, partial, trash, staging })
    }

    pub(crate) fn zone(&self, zone: Zone) -> &Dir {
        match zone {
            Zone::Primary => &self.zones[0],
            Zone::Shared => &self.zones[1],
        }
    }

    /// Opens the directory of an album or folder; the empty path is the root's.
    pub(crate) fn album(&self, path: &[RecordName]) -> Result<Dir, Error> {
        path.iter().try_fold(self.root.reopen()?, |dir, record| dir.open(album_directory(record)?))
    }
}

/// The directories that a scan looks at, as far as they exist.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) root: Dir,
    zones: [Option<Dir>; 2],
    pub(crate) trash: Option<Dir>,
}

impl Places {
    /// Opens them and creates nothing.
    pub(crate) fn find(root: Dir) -> Result<Self, Error> {
        let zones = [root.find(Zone::Primary.directory())?, root.find(Zone::Shared.directory())?];
        let trash = root.find(OWN)?.map_or(Ok(None), |own| own.find(TRASH))?;
        Ok(Self { root, zones, trash })
    }

    pub(crate) fn zone(&self, zone: Zone) -> Option<&Dir> {
        match zone {
            Zone::Primary => self.zones[0].as_ref(),
            Zone::Shared => self.zones[1].as_ref(),
        }
    }
}

/// The hidden directory of an album or folder, `.<record>`.
///
/// Only UUIDs are accepted (with or without dashes, as clients write them): any other hidden directory may be
/// the user's.
pub fn album_directory(record: &RecordName) -> Result<String, Error> {
    if is_uuid(record.as_str()) {
        Ok(format!(".{record}"))
    } else {
        Err(Error::UnusualRecord { record: record.clone() })
    }
}

/// The album or folder that a hidden directory belongs to; `None` if the directory is not ours.
pub(crate) fn record_of_directory(name: &str) -> Option<RecordName> {
    let record = name.strip_prefix('.')?;
    if is_uuid(record) { RecordName::new(record).ok() } else { None }
}

fn is_uuid(text: &str) -> bool {
    let dashes = match text.len() {
        32 => &[][..],
        36 => &[8, 13, 18, 23][..],
        _ => return false,
    };
    text.bytes()
        .enumerate()
        .all(|(at, b)| if dashes.contains(&at) { b == b'-' } else { b.is_ascii_hexdigit() })
}

/// What a link in an album's directory points to, relative; `depth` directories below the root.
pub(crate) fn link_target(depth: usize, key: &FileKey) -> String {
    format!("{}{}", "../".repeat(depth), key.path())
}

/// Reads a link's target back: how far up it goes, and the file. `None` if it is not shaped like ours.
pub(crate) fn parse_link_target(target: &str) -> Option<(usize, FileKey)> {
    let path = target.trim_start_matches("../");
    let depth = (target.len() - path.len()) / 3;
    let (directory, file) = path.split_once('/')?;
    let zone = Zone::ALL.into_iter().find(|zone| zone.directory() == directory)?;
    if depth == 0 { None } else { Some((depth, FileKey::from_file_name(zone, file)?)) }
}

/// Files that operating systems drop anywhere and that mean nothing.
pub(crate) fn is_safe_file(name: &OsStr) -> bool {
    name == ".DS_Store" || name.as_bytes().starts_with(b".fuse_hidden")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_uuid_directories_are_ours() {
        for name in [".2076BCB0-C481-4175-8F14-7A0E8EFAF02B", ".2076bcb0c48141758f147a0e8efaf02b"] {
            let record = record_of_directory(name).unwrap();
            assert_eq!(album_directory(&record).unwrap(), name);
        }
        for name in [
            ".icps",
            ".git",
            ".Trash-1000",
            ".stash",
            "2076BCB0-C481-4175-8F14-7A0E8EFAF02B",
            ".",
            ".DocumentRevisions-V100",
        ] {
            assert!(record_of_directory(name).is_none(), "{name}");
        }
        assert!(album_directory(&RecordName::new("git").unwrap()).is_err());
    }

    #[test]
    fn a_link_target_is_read_back() {
        let key = FileKey::from_file_name(Zone::Primary, "Abv-EeVEGAQ0o5_2szwFFOVX1ICw.jpeg").unwrap();
        assert_eq!(link_target(2, &key), "../../_All-Photos/Abv-EeVEGAQ0o5_2szwFFOVX1ICw.jpeg");
        assert_eq!(parse_link_target(&link_target(2, &key)), Some((2, key)));
        for hostile in [
            "_All-Photos/Abv-EeVEGAQ0o5_2szwFFOVX1ICw.jpeg",
            "../_Archive/x.jpeg",
            "/_All-Photos/x",
            "../../etc/passwd",
            "../_All-Photos/../x",
            "",
        ] {
            assert_eq!(parse_link_target(hostile), None, "{hostile}");
        }
    }
}

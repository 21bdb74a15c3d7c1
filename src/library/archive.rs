//! Turning an album of links into an archived one: a directory of copies that is the user's from then on.

use std::io::{self, Seek as _};
use std::ops::ControlFlow;
use std::path::Path;

use nix::fcntl::OFlag;
use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;

use crate::model::{FileKey, RecordName};

use super::albums::{Albums, split};
use super::dir::{Dir, Entry, EntryKind, time_spec};
use super::layout::{self, album_directory};
use super::store::{Verified, check};
use super::{Error, is_safe_file};

/// What the directories under construction are called, before the record.
const STAGED: &str = "archive-";

/// A copy of an asset file in an archived album.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// The file that was copied.
    pub key: FileKey,
    /// Its size in bytes.
    pub size: u64,
    /// How far the copy was compared with the checksum.
    pub verified: Verified,
}

impl Albums {
    /// Finds the album or folder that a path of names leads to, such as `/data/Trips/Süden`.
    ///
    /// Errors: [`Error::NotAnAlbum`] for a path outside of the library, of a hidden directory, or of anything else.
    pub fn find(&self, path: &Path) -> Result<Vec<RecordName>, Error> {
        let not = |reason: &str| not_an_album(path, reason);
        let name = path.file_name().ok_or_else(|| not("name the album"))?;
        if name.to_str().is_none_or(|name| name.starts_with('.')) {
            return Err(not("give the album's name, not its hidden directory"));
        }
        // The names lead to hidden directories, whose path tells the records.
        let real = |path: &Path| match path.canonicalize() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(not("there is no such album")),
            found => found.map_err(|e| Error::io("find", path, e)),
        };
        let (root, real) = (real(self.layout.root.path())?, real(path)?);
        let inside = real.strip_prefix(root).map_err(|_| not("it is not in this library"))?;
        let record = |name: &std::ffi::OsStr| name.to_str().and_then(layout::record_of_directory);
        let records: Option<Vec<_>> = inside.iter().map(record).collect();
        records
            .filter(|records| !records.is_empty())
            .ok_or_else(|| not("no album of this library has that name"))
    }

    /// How many links an album has that could be archived.
    ///
    /// Errors: [`Error::NotAnAlbum`] if it is a folder, archived already, or holds what is not ours.
    pub fn links_to_archive(&self, path: &[RecordName]) -> Result<usize, Error> {
        Ok(links_to_copy(&self.layout.album(path)?, path.len())?.len())
    }

    /// Replaces the links of an album by verified copies of their files, in one step; calls `progress` after each,
    /// which may break it off: then the result is `None`.
    ///
    /// The copies are clones where the file system can. Whatever fails or interrupts this leaves the album as it
    /// was. (Where two directories cannot be exchanged, a crash between two renames leaves the album out of its
    /// place; opening the library puts it back at the root, and the next sync to its place.)
    pub fn archive(
        &self,
        path: &[RecordName],
        progress: impl FnMut(&Copied) -> ControlFlow<()>,
    ) -> Result<Option<Vec<Copied>>, Error> {
        let (parent, record) = split(path)?;
        let (parent, directory) = (self.layout.album(parent)?, album_directory(record)?);
        let album = parent.open(&directory)?;
        let links = links_to_copy(&album, path.len())?;
        if links.is_empty() {
            return Err(not_an_album(album.path(), "it is empty"));
        }

        let staging = &self.layout.staging;
        let name = format!("{STAGED}{record}");
        discard(staging, &name)?;
        let staged = staging.create(&name)?;
        let result = self.copy_all(&links, &staged, progress).and_then(|copies| {
            if copies.is_some() {
                staged.sync()?;
                exchange(staging, &name, &parent, &directory)?;
                parent.sync()?;
                rescue(&staging.open(&name)?, &staged)?;
            }
            Ok(copies)
        });
        // Either the copies that did not become an album, or the links that are no album any more.
        discard(staging, &name)?;
        result
    }

    fn copy_all(
        &self,
        links: &[(String, FileKey)],
        staged: &Dir,
        mut progress: impl FnMut(&Copied) -> ControlFlow<()>,
    ) -> Result<Option<Vec<Copied>>, Error> {
        let mut copies = Vec::with_capacity(links.len());
        for (name, key) in links {
            let copy = copy(self.layout.zone(key.zone), key, staged, name)?;
            if progress(&copy).is_break() {
                return Ok(None);
            }
            copies.push(copy);
        }
        Ok(Some(copies))
    }

    /// Clears away what an interrupted archiving left.
    pub(super) fn recover_archive(&self) -> Result<(), Error> {
        let (staging, root) = (&self.layout.staging, &self.layout.root);
        for entry in staging.entries()? {
            let Some(name) = entry.name.to_str().filter(|_| entry.kind == EntryKind::Directory) else {
                continue;
            };
            let Some(record) = layout::record_of_directory(name) else { continue };
            // The copies wait for their turn: the exchange stopped half way.
            let halfway = staging.stat(format!("{STAGED}{record}"))?.is_some();
            if !halfway {
                discard(staging, name)?;
            } else if staging.rename_new(name, root, name)? {
                tracing::info!(album = name, "put back: archiving it was interrupted");
                self.adjust_links(&root.open(name)?, 1)?;
            }
        }
        for entry in staging.entries()? {
            if let Some(name) = entry.name.to_str().filter(|name| name.starts_with(STAGED)) {
                self.clear_away(name)?;
            }
        }
        Ok(())
    }

    /// Removes copies that did not become an album, or links that are none any more. With links, somebody may have
    /// put something into the album just before it was exchanged; that goes to where archived albums are.
    fn clear_away(&self, name: &str) -> Result<(), Error> {
        let staging = &self.layout.staging;
        let Some(directory) = staging.find(name)? else { return Ok(()) };
        let entries = directory.entries()?;
        let is_link = |entry: &Entry| entry.kind == EntryKind::Symlink;
        let (links, mut others): (Vec<_>, Vec<_>) = entries.into_iter().partition(is_link);
        others.retain(|entry| !is_safe_file(&entry.name));
        if links.is_empty() || others.is_empty() {
            return discard(staging, name);
        }
        for link in links {
            directory.unlink(&link.name)?;
        }
        if staging.rename_new(name, &self.layout.archive, name)? {
            let place = self.layout.archive.path_of(name);
            tracing::warn!("put aside in {}: archiving an album was interrupted", place.display());
        }
        Ok(())
    }
}

fn not_an_album(path: &Path, reason: impl Into<String>) -> Error {
    Error::NotAnAlbum { path: path.to_owned(), reason: reason.into() }
}

/// The links of an album that can be archived, which may be none; else says why it cannot.
fn links_to_copy(album: &Dir, depth: usize) -> Result<Vec<(String, FileKey)>, Error> {
    let not = |reason: &str| not_an_album(album.path(), reason);
    let mut links = Vec::new();
    for entry in album.entries()? {
        let name = entry.name.to_string_lossy().into_owned();
        match entry.kind {
            EntryKind::Symlink => {
                let target = album.read_link(&entry.name)?.and_then(|target| target.into_string().ok());
                let target = target.as_deref().unwrap_or_default();
                if layout::record_of_directory(target).is_some() {
                    return Err(not("it is a folder: archive the albums in it"));
                }
                match layout::parse_link_target(target) {
                    Some((levels, key)) if levels == depth => links.push((name, key)),
                    _ => {
                        return Err(not(&format!(
                            "{name} in it is no link of ours: sync first, or move it away"
                        )));
                    }
                }
            }
            EntryKind::File if is_safe_file(&entry.name) => {}
            EntryKind::File => return Err(not("it is archived already")),
            EntryKind::Directory if layout::record_of_directory(&name).is_some() => {
                return Err(not("it is a folder: archive the albums in it"));
            }
            EntryKind::Directory | EntryKind::Other => {
                return Err(not(&format!("{name} in it is not ours: move it away")));
            }
        }
    }
    Ok(links)
}

/// Copies a file and verifies the copy.
fn copy(zone: &Dir, key: &FileKey, staged: &Dir, name: &str) -> Result<Copied, Error> {
    let missing = || Error::Missing { path: zone.path_of(key.file_name()) };
    let found = zone.stat(key.file_name())?.ok_or_else(missing)?;
    let mut source = zone.read_file(key.file_name())?.ok_or_else(missing)?;
    let mut target = staged.open_file(name, OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL)?;
    let failed = |action| move |error: io::Error| Error::io(action, staged.path_of(name), error);
    // The kernel copies, and clones where it can.
    let size = io::copy(&mut source, &mut target).map_err(failed("write"))?;
    futimens(&target, &TimeSpec::UTIME_OMIT, &time_spec(found.modified))
        .map_err(|errno| failed("set the time of")(errno.into()))?;
    target.sync_data().map_err(failed("sync"))?;
    target.rewind().map_err(failed("read"))?;
    let verified = check(&mut target, key, Some(found.size)).map_err(|e| e.at(staged.path_of(name)))?;
    Ok(Copied { key: *key, size, verified })
}

/// Puts the staged directory in the place of the album, and the album in its.
fn exchange(staging: &Dir, staged: &str, parent: &Dir, album: &str) -> Result<(), Error> {
    if staging.exchange(staged, parent, album)? { Ok(()) } else { replace(staging, staged, parent, album) }
}

/// The same where the file system has no exchange. Staged copies beside an album in staging tell a later run that
/// only the first step was done.
fn replace(staging: &Dir, staged: &str, parent: &Dir, album: &str) -> Result<(), Error> {
    parent.rename(album, staging, album)?;
    staging.rename(staged, parent, album)?;
    staging.rename(album, staging, staged)
}

/// Moves what somebody put into the album in the meantime to where the album is now.
fn rescue(links: &Dir, album: &Dir) -> Result<(), Error> {
    for Entry { name, kind } in links.entries()? {
        let mut new = name.clone();
        let ours = kind == EntryKind::Symlink || is_safe_file(&name);
        while !ours && !links.rename_new(&name, album, &new)? {
            new.push("-1");
        }
    }
    Ok(())
}

/// Removes a directory under construction with the files and links in it.
fn discard(staging: &Dir, name: &str) -> Result<(), Error> {
    let Some(directory) = staging.find(name)? else { return Ok(()) };
    for entry in directory.entries()? {
        directory.unlink(&entry.name)?;
    }
    staging.remove_dir(name).map(drop)
}

#[cfg(test)]
mod tests;

//! Albums and folders on disk: hidden directories, name links, asset links.

use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{FileKey, RecordName};

use super::dir::{Dir, Entry, EntryKind};
use super::layout::{self, Layout, album_directory};
use super::{Error, is_safe_file, names};

/// The albums. An album is named by the records that lead to it, from the root; all calls block on the disk.
///
/// Each change is one atomic step, or a few that may be interrupted between any two: then the same call, or the
/// plan of the next run, completes them. What is not ours is never replaced, moved out of sight or removed.
#[derive(Debug)]
pub struct Albums {
    pub(super) layout: Arc<Layout>,
    /// Held while a link is replaced, since all replacements are built in one place.
    replacing: Mutex<()>,
}

/// The parent's path and the record itself.
pub(super) fn split(path: &[RecordName]) -> Result<(&[RecordName], &RecordName), Error> {
    path.split_last()
        .map(|(record, parent)| (parent, record))
        .ok_or(Error::UnsafeName { name: String::new() })
}

impl Albums {
    pub(super) fn new(layout: Arc<Layout>) -> Self {
        Self { layout, replacing: Mutex::new(()) }
    }

    /// Creates the directory of an album or folder; its parent must exist. It may exist already.
    pub fn create(&self, path: &[RecordName]) -> Result<(), Error> {
        let (parent, record) = split(path)?;
        self.layout.album(parent)?.create(album_directory(record)?).map(drop)
    }

    /// Gives an album its name, and takes the `old` ones from it as far as they still point to it.
    ///
    /// The name link of another album is replaced, so that two can swap their names; anything else that has the
    /// name is [`Error::Taken`].
    pub fn set_name(&self, path: &[RecordName], old: &[String], new: &str) -> Result<(), Error> {
        let (parent, record) = split(path)?;
        let at_root = parent.is_empty();
        if !names::is_safe(new) || (at_root && names::reserved_at_root().any(|reserved| reserved == new)) {
            return Err(Error::UnsafeName { name: new.to_owned() });
        }
        let directory = album_directory(record)?;
        let parent = self.layout.album(parent)?;
        let is_name = |target: &str| layout::record_of_directory(target).is_some();
        self.put_link(&parent, new, &directory, None, is_name)?;
        for name in old.iter().filter(|&name| name != new) {
            if parent.read_link(name)?.is_some_and(|target| target == *directory) {
                parent.unlink(name)?;
            }
        }
        Ok(())
    }

    /// Moves an album or folder, with all that is in it, under another parent. Its name links stay behind and are
    /// removed: give it its name there. Links in it are adjusted to the new depth.
    pub fn move_to(&self, from: &[RecordName], to: &[RecordName]) -> Result<(), Error> {
        let ((old_parent, old), (new_parent, new)) = (split(from)?, split(to)?);
        let (source, target) = (self.layout.album(old_parent)?, self.layout.album(new_parent)?);
        remove_names(&source, old)?;
        let (old, new) = (album_directory(old)?, album_directory(new)?);
        if !source.rename_new(&old, &target, &new)? {
            return Err(Error::Taken { path: target.path_of(&new) });
        }
        self.adjust_links(&target.open(&new)?, to.len())
    }

    /// Puts a link to an asset file into an album, with this mtime (milliseconds since 1970 UTC), in place of
    /// another link of that name.
    pub fn link(
        &self,
        path: &[RecordName],
        name: &str,
        target: &FileKey,
        modified: i64,
    ) -> Result<(), Error> {
        if !names::is_safe(name) {
            return Err(Error::UnsafeName { name: name.to_owned() });
        }
        let album = self.layout.album(path)?;
        let is_asset = |target: &str| layout::parse_link_target(target).is_some();
        self.put_link(&album, name, &layout::link_target(path.len(), target), Some(modified), is_asset)
    }

    /// Removes a link from an album. What is no symlink is [`Error::Taken`].
    pub fn unlink(&self, path: &[RecordName], name: &str) -> Result<(), Error> {
        let album = self.layout.album(path)?;
        match album.stat(name)?.map(|found| found.kind) {
            None => Ok(()),
            Some(EntryKind::Symlink) => album.unlink(name).map(drop),
            Some(_) => Err(Error::Taken { path: album.path_of(name) }),
        }
    }

    /// Removes an album or folder and its name links. One that holds anything but links of ours is left as it is,
    /// with [`Error::Kept`]; empty a folder of its albums first.
    pub fn remove(&self, path: &[RecordName]) -> Result<(), Error> {
        let (parent, record) = split(path)?;
        let (parent, directory) = (self.layout.album(parent)?, album_directory(record)?);
        let Some(album) = parent.find(&directory)? else { return remove_names(&parent, record) };
        let entries = album.entries()?;
        let mut foreign = Vec::new();
        for entry in &entries {
            if !is_ours(&album, entry)? {
                foreign.push(entry.name.to_string_lossy().into_owned());
            }
        }
        if !foreign.is_empty() {
            foreign.sort_unstable();
            foreign.truncate(5);
            return Err(Error::Kept { path: album.path().to_owned(), holds: foreign });
        }
        remove_names(&parent, record)?;
        for entry in &entries {
            album.unlink(&entry.name)?;
        }
        parent.remove_dir(&directory).map(drop)
    }

    /// Moves an archived album out of the tree: to `_Archive/<name>`, or `<name>-1`, `<name>-2` … if that is taken.
    /// Returns the name that it got.
    pub fn retire(&self, path: &[RecordName], name: &str) -> Result<String, Error> {
        let (parent, record) = split(path)?;
        let (parent, directory) = (self.layout.album(parent)?, album_directory(record)?);
        let name = names::sanitise(name);
        for number in 0_u32.. {
            let name =
                if number == 0 { name.clone() } else { names::with_ending(&name, &format!("-{number}")) };
            if parent.rename_new(&directory, &self.layout.archive, &name)? {
                remove_names(&parent, record)?;
                return Ok(name);
            }
        }
        Err(Error::Taken { path: self.layout.archive.path_of(name) })
    }

    /// Puts back at the root what an interrupted run of the TypeScript program left in its stash: the next plan
    /// finds it there and moves it to its place. What cannot be put back stays.
    pub(super) fn recover(&self) -> Result<(), Error> {
        let stash = &self.layout.stash;
        for Entry { name, kind } in stash.entries()? {
            let Some(name) = name.to_str() else { continue };
            let directory = if name.starts_with('.') { name.to_owned() } else { format!(".{name}") };
            if kind != EntryKind::Directory || layout::record_of_directory(&directory).is_none() {
                continue;
            }
            if stash.rename_new(name, &self.layout.root, &directory)? {
                tracing::info!(album = directory, "found in transit: an earlier run was interrupted");
            } else {
                tracing::warn!(path = %stash.path_of(name).display(), "left alone: an album of that record exists");
            }
        }
        Ok(())
    }

    /// Puts a symlink to its place. What has the name already is replaced if `replaces` recognises its target.
    fn put_link(
        &self,
        directory: &Dir,
        name: &str,
        target: &str,
        modified: Option<i64>,
        replaces: impl Fn(&str) -> bool,
    ) -> Result<(), Error> {
        let mut existing = None;
        if !directory.symlink(target, name)? {
            let taken = || Error::Taken { path: directory.path_of(name) };
            let found = directory.read_link(name)?.ok_or_else(taken)?;
            existing = Some(found.into_string().ok().filter(|found| replaces(found)).ok_or_else(taken)?);
        }
        match existing {
            Some(existing) if existing != target => self.replace_link(directory, name, target, modified),
            _ => modified.map_or(Ok(()), |modified| directory.set_modified(name, modified)),
        }
    }

    /// Replaces a symlink in one step: there is never a moment without it.
    fn replace_link(
        &self,
        directory: &Dir,
        name: &str,
        target: &str,
        modified: Option<i64>,
    ) -> Result<(), Error> {
        const TEMPORARY: &str = "link";
        let staging = &self.layout.staging;
        let _turn = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        if !staging.symlink(target, TEMPORARY)? {
            staging.unlink(TEMPORARY)?;
            staging.symlink(target, TEMPORARY)?;
        }
        if let Some(modified) = modified {
            staging.set_modified(TEMPORARY, modified)?;
        }
        staging.rename(TEMPORARY, directory, name)
    }

    /// Makes the asset links of a moved directory, and of those in it, point the right number of levels up.
    pub(super) fn adjust_links(&self, directory: &Dir, depth: usize) -> Result<(), Error> {
        if is_archived(directory)? {
            return Ok(());
        }
        for Entry { name, kind } in directory.entries()? {
            let Some(name) = name.to_str() else { continue };
            match kind {
                EntryKind::Directory if layout::record_of_directory(name).is_some() => {
                    self.adjust_links(&directory.open(name)?, depth + 1)?;
                }
                EntryKind::Symlink => {
                    let target = directory.read_link(name)?.and_then(|target| target.into_string().ok());
                    let parsed = target.as_deref().and_then(layout::parse_link_target);
                    let Some((_, key)) = parsed.filter(|(levels, _)| *levels != depth) else { continue };
                    let modified = directory.stat(name)?.map(|found| found.modified);
                    self.replace_link(directory, name, &layout::link_target(depth, &key), modified)?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Removes the name links that point to an album from the directory that holds it.
fn remove_names(parent: &Dir, record: &RecordName) -> Result<(), Error> {
    let directory = album_directory(record)?;
    for entry in parent.entries()? {
        if entry.kind == EntryKind::Symlink
            && parent.read_link(&entry.name)?.is_some_and(|to| to == *directory)
        {
            parent.unlink(&entry.name)?;
        }
    }
    Ok(())
}

/// Whether an entry of an album's directory may go with it.
fn is_ours(album: &Dir, entry: &Entry) -> Result<bool, Error> {
    match entry.kind {
        EntryKind::Symlink => {
            let target = album.read_link(&entry.name)?.and_then(|target| target.into_string().ok());
            Ok(target.is_some_and(|target| {
                let stale_name = || layout::record_of_directory(&target).is_some();
                layout::parse_link_target(&target).is_some() || stale_name()
            }))
        }
        EntryKind::File => Ok(is_safe_file(&entry.name)),
        EntryKind::Directory | EntryKind::Other => Ok(false),
    }
}

/// Whether a directory is that of an archived album: a plain file of the user's, and no albums in it.
fn is_archived(directory: &Dir) -> Result<bool, Error> {
    let entries = directory.entries()?;
    let album = |entry: &Entry| entry.name.to_str().and_then(layout::record_of_directory).is_some();
    let plain = |entry: &Entry| entry.kind == EntryKind::File && !is_safe_file(&entry.name);
    Ok(entries.iter().any(plain) && !entries.iter().any(album))
}

#[cfg(test)]
mod tests;

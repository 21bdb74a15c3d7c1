//! Looking at the library: asset files, albums, trash. Changes nothing.

use std::collections::HashSet;

use rayon::prelude::*;

use crate::model::{FileKey, LocalFile, LocalLibrary, Zone};

use super::Error;
use super::dir::{Dir, EntryKind};
use super::layout::{self, Places};
use super::trash;

mod tree;

/// Files that one task examines at a time.
const BATCH: usize = 2048;

/// Reads the whole library. Blocks; uses rayon's threads.
pub(super) fn scan(places: &Places) -> Result<LocalLibrary, Error> {
    let mut found = LocalLibrary::default();
    if let Some(trash) = &places.trash {
        found.trash = trash::inventory(trash)?;
    }
    for zone in Zone::ALL {
        if let Some(directory) = places.zone(zone) {
            scan_zone(directory, zone, &mut found)?;
        }
    }
    tree::scan(&places.root, &mut found)?;
    found.strays.sort_unstable();
    tracing::debug!(
        files = found.files.len(),
        albums = found.albums.len(),
        trash = found.trash.len(),
        strays = found.strays.len(),
        "the library was read"
    );
    Ok(found)
}

/// Reads the asset files of a zone: first all names, then sizes and times in parallel.
///
/// They come in the order of their inodes. A million fit, since names are kept as keys, which need no memory of
/// their own.
pub(super) fn scan_zone(directory: &Dir, zone: Zone, found: &mut LocalLibrary) -> Result<(), Error> {
    let begin = found.files.len();
    directory.for_each(|name, inode, kind| {
        let text = name.to_str();
        let key = text.and_then(|name| FileKey::from_file_name(zone, name));
        match (key, kind) {
            // `size` holds the inode number until the file has been looked at.
            (Some(key), Some(EntryKind::File) | None) => {
                found.files.push(LocalFile { key, size: inode, modified: 0 });
            }
            _ if layout::is_safe_file(name) => {}
            _ => found.strays.push(std::path::Path::new(zone.directory()).join(name)),
        }
        Ok(())
    })?;

    let files = &mut found.files[begin..];
    // A spinning disk reads its inodes in one sweep this way.
    files.par_sort_unstable_by_key(|file| file.size);
    let odd: HashSet<FileKey> = files
        .par_chunks_mut(BATCH)
        .map(|batch| {
            let mut odd = Vec::new();
            for file in batch {
                match directory.stat(file.key.file_name())? {
                    Some(stat) if stat.kind == EntryKind::File => {
                        (file.size, file.modified) = (stat.size, stat.modified);
                    }
                    _ => odd.push(file.key),
                }
            }
            Ok(odd)
        })
        .collect::<Result<Vec<_>, Error>>()?
        .into_iter()
        .flatten()
        .collect();
    if odd.is_empty() {
        return Ok(());
    }
    // What went away in the meantime, or is no file after all.
    found.files.retain(|file| !odd.contains(&file.key));
    for key in odd {
        if directory.stat(key.file_name())?.is_some() {
            found.strays.push(std::path::Path::new(zone.directory()).join(key.file_name()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

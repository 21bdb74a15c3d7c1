//! The tree of albums and folders.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::model::{AlbumState, Link, LocalAlbum, LocalLibrary, RecordName, Taken, Zone};

use super::super::Error;
use super::super::dir::{Dir, EntryKind};
use super::super::layout::{self, album_directory};

/// Symlinks that one task reads at a time.
const BATCH: usize = 512;

/// What was found below one directory, parents before their children.
#[derive(Default)]
struct Found {
    albums: Vec<LocalAlbum>,
    strays: Vec<PathBuf>,
    taken: Vec<Taken>,
}

/// The directory of an album or folder that is being read; the root is a folder without a record.
struct Place<'a> {
    directory: &'a Dir,
    record: Option<&'a RecordName>,
    /// Relative to the root.
    path: &'a Path,
    depth: usize,
}

/// The entries of one directory, told apart.
#[derive(Default)]
struct Listing {
    /// Hidden directories of albums and folders.
    children: Vec<RecordName>,
    /// Symlinks shaped like a name link.
    names: Vec<(String, RecordName)>,
    /// All other symlinks.
    links: Vec<Link>,
    /// Plain files of the user's.
    files: Vec<OsString>,
    /// Directories, and anything else, of the user's.
    others: Vec<OsString>,
}

enum Symlink {
    Name(String, RecordName),
    Link(Link),
    /// Its name is no text, so that it can be no link of ours.
    Foreign(OsString),
}

/// Reads the albums below the root.
pub(super) fn scan(root: &Dir, library: &mut LocalLibrary) -> Result<(), Error> {
    let root = Place { directory: root, record: None, path: Path::new(""), depth: 0 };
    let mut listing = read(&root)?;
    let mut found = Found::default();
    let ours =
        |name: &OsString| Zone::ALL.iter().any(|zone| name == zone.directory()) || name == layout::ARCHIVE;
    listing.others.retain(|name| !ours(name));
    // The root belongs to the user as much as to us: what is there is no stray, it merely has its name.
    note_taken(&root, &listing, &mut found);
    // Except in the place of an album's directory.
    let misplaced = |name: &&OsString| name.to_str().and_then(layout::record_of_directory).is_some();
    found.strays.extend(listing.files.iter().chain(&listing.others).filter(misplaced).map(PathBuf::from));
    descend(&root, listing, &mut found);
    library.albums = found.albums;
    library.strays.extend(found.strays);
    library.taken = found.taken;
    Ok(())
}

/// Reads an album or folder of a directory, and what is below it. One that cannot be read is left alone, like an
/// archived one.
fn visit(above: &Place<'_>, record: RecordName, names: Vec<String>) -> Found {
    let visited = album_directory(&record).and_then(|name| {
        let directory = above.directory.open(&name)?;
        let path = above.path.join(name);
        read_album(&Place {
            directory: &directory,
            record: Some(&record),
            path: &path,
            depth: above.depth + 1,
        })
    });
    let (state, mut found) = visited.unwrap_or_else(|error| {
        tracing::warn!(%error, "an album is left alone");
        let path = above.path.join(format!(".{record}"));
        (AlbumState::Archived, Found { strays: vec![path], ..Found::default() })
    });
    found.albums.insert(0, LocalAlbum { record, parent: above.record.cloned(), names, state });
    found
}

/// Reads the directory of an album or folder: what it is, and what is below it.
fn read_album(place: &Place<'_>) -> Result<(AlbumState, Found), Error> {
    let mut found = Found::default();
    let mut listing = read(place)?;
    note_taken(place, &listing, &mut found);
    let foreign_link = |link: &Link| link.target.is_none();
    let state = if !listing.children.is_empty() || !listing.names.is_empty() {
        let foreign =
            listing.links.iter().filter(|link| foreign_link(link)).map(|link| OsString::from(&link.name));
        listing.others.extend(foreign);
        listing.others.append(&mut listing.files);
        AlbumState::Folder { foreign: !listing.others.is_empty() }
    } else if listing.files.is_empty() {
        AlbumState::Album { links: std::mem::take(&mut listing.links) }
    } else {
        listing.others.clear();
        AlbumState::Archived
    };
    found.strays.extend(listing.others.iter().map(|name| place.path.join(name)));
    descend(place, listing, &mut found);
    Ok((state, found))
}

/// Visits the albums of a folder, in parallel, and gives them the names that point to them.
fn descend(place: &Place<'_>, listing: Listing, found: &mut Found) {
    let Listing { mut children, names, .. } = listing;
    children.sort_unstable();
    let mut named: Vec<Vec<String>> = vec![Vec::new(); children.len()];
    for (name, record) in names {
        match children.binary_search(&record) {
            Ok(at) => named[at].push(name),
            Err(_) => found.strays.push(place.path.join(name)),
        }
    }
    let below: Vec<Found> = children
        .into_par_iter()
        .zip(named)
        .map(|(record, mut names)| {
            names.sort_unstable();
            visit(place, record, names)
        })
        .collect();
    for mut child in below {
        found.albums.append(&mut child.albums);
        found.strays.append(&mut child.strays);
        found.taken.append(&mut child.taken);
    }
}

/// Names of the user's that no link may have.
fn note_taken(place: &Place<'_>, listing: &Listing, found: &mut Found) {
    let inside = place.record;
    let plain = listing.files.iter().chain(&listing.others).filter_map(|name| name.to_str());
    // In a folder, any symlink that is no name link is the user's.
    let in_folder = inside.is_none() || !listing.children.is_empty() || !listing.names.is_empty();
    let links = listing.links.iter().filter(|_| in_folder).map(|link| link.name.as_str());
    let visible = plain.chain(links).filter(|name| !name.starts_with('.'));
    found.taken.extend(visible.map(|name| Taken { inside: inside.cloned(), name: name.to_owned() }));
}

fn read(place: &Place<'_>) -> Result<Listing, Error> {
    let mut listing = Listing::default();
    let mut symlinks = Vec::new();
    for entry in place.directory.entries()? {
        let text = entry.name.to_str();
        let record = text.and_then(layout::record_of_directory);
        match (entry.kind, record) {
            (EntryKind::Directory, Some(record)) => listing.children.push(record),
            (EntryKind::Symlink, None) => symlinks.push(entry.name),
            (EntryKind::File, _) if layout::is_safe_file(&entry.name) => {}
            (EntryKind::File, _) => listing.files.push(entry.name),
            // A symlink in place of an album's directory is never followed: it may lead anywhere.
            (EntryKind::Symlink | EntryKind::Directory | EntryKind::Other, _) => {
                listing.others.push(entry.name);
            }
        }
    }
    let symlinks: Vec<Symlink> = symlinks
        .into_par_iter()
        .with_min_len(BATCH)
        .map(|name| read_symlink(place, name))
        .filter_map(Result::transpose)
        .collect::<Result<_, Error>>()?;
    for symlink in symlinks {
        match symlink {
            Symlink::Name(name, record) => listing.names.push((name, record)),
            Symlink::Link(link) => listing.links.push(link),
            Symlink::Foreign(name) => listing.others.push(name),
        }
    }
    Ok(listing)
}

/// Reads a symlink; `None` if it has gone away.
fn read_symlink(place: &Place<'_>, name: OsString) -> Result<Option<Symlink>, Error> {
    let Some(target) = place.directory.read_link(&name)? else { return Ok(None) };
    let name = match name.into_string() {
        Ok(name) => name,
        Err(name) => return Ok(Some(Symlink::Foreign(name))),
    };
    let target = target.to_str();
    if let Some(record) = target.and_then(layout::record_of_directory) {
        return Ok(Some(Symlink::Name(name, record)));
    }
    let target = target
        .and_then(layout::parse_link_target)
        .filter(|(depth, _)| *depth == place.depth)
        .map(|(_, key)| key);
    let modified =
        if place.depth == 0 { Some(0) } else { place.directory.stat(&name)?.map(|found| found.modified) };
    Ok(modified.map(|modified| Symlink::Link(Link { name, target, modified })))
}

//! The album tree as it should be: sound whatever the server says.

use std::collections::HashMap;

use super::{LeftAlone, LeftAloneReason};
use crate::library::album_directory;
use crate::model::{Album, AlbumKind, RecordName, RemoteLibrary};

/// An album or folder in its final place.
pub(super) struct Target<'a> {
    /// What the server says of it.
    pub(super) album: &'a Album,
    /// The position of its folder among the targets, always smaller than its own; `None` at the top level.
    pub(super) parent: Option<usize>,
}

/// The remote albums as a tree, parents before children, in an order that does not change between runs.
///
/// What has no folder that is known goes to the top level, and so does one album of each cycle. Albums whose
/// record cannot name a directory are left out and reported.
pub(super) fn targets<'a>(remote: &'a RemoteLibrary, left_alone: &mut Vec<LeftAlone>) -> Vec<Target<'a>> {
    let mut albums: Vec<&Album> = Vec::with_capacity(remote.albums.len());
    for album in &remote.albums {
        if album_directory(&album.record).is_ok() {
            albums.push(album);
        } else {
            left_alone.push(LeftAlone { album: album.name.clone(), reason: LeftAloneReason::UnsafeRecord });
        }
    }
    albums.sort_by(|a, b| a.record.cmp(&b.record));
    albums.dedup_by(|later, first| later.record == first.record);
    let parents = sound_parents(&albums);
    parents_first(&albums, &parents)
}

/// The position of each album's folder, without cycles.
fn sound_parents(albums: &[&Album]) -> Vec<Option<usize>> {
    let positions: HashMap<&RecordName, usize> =
        albums.iter().enumerate().map(|(at, album)| (&album.record, at)).collect();
    let mut parents: Vec<Option<usize>> = albums
        .iter()
        .map(|album| {
            let parent = *positions.get(album.parent.as_ref()?)?;
            (albums[parent].kind == AlbumKind::Folder).then_some(parent)
        })
        .collect();
    // Walk up from every album; `seen` holds the walk that passed first. Meeting one's own walk is a cycle.
    let mut seen = vec![usize::MAX; albums.len()];
    for walk in 0..albums.len() {
        let mut at = walk;
        while seen[at] == usize::MAX {
            seen[at] = walk;
            match parents[at] {
                Some(parent) if seen[parent] == walk => parents[at] = None,
                Some(parent) => at = parent,
                None => {}
            }
        }
    }
    parents
}

fn parents_first<'a>(albums: &[&'a Album], parents: &[Option<usize>]) -> Vec<Target<'a>> {
    let mut children = vec![Vec::new(); albums.len()];
    let mut queue = Vec::with_capacity(albums.len());
    for (at, parent) in parents.iter().enumerate() {
        match parent {
            Some(parent) => children[*parent].push(at),
            None => queue.push((at, None)),
        }
    }
    let mut targets = Vec::with_capacity(albums.len());
    while let Some((at, parent)) = queue.get(targets.len()).copied() {
        let position = targets.len();
        queue.extend(children[at].iter().map(|child| (*child, Some(position))));
        targets.push(Target { album: albums[at], parent });
    }
    targets
}

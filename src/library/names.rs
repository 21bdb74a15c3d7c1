//! Names that a person sees: of albums, and of the links in them.
//!
//! They come from the network and are hostile until they have been through here. Everything is pure: the same
//! input gives the same names in every run.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

use crate::model::{Asset, AssetFile, Extension, Kind, Zone};

use super::layout::ARCHIVE;

/// The longest file name, in bytes.
const MAX_LEN: usize = 255;

/// A file name in parts, so that it can be cut and numbered without losing what matters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FileName {
    /// What is cut when the name is too long.
    stem: String,
    /// `-edited`, `-live` …
    suffix: &'static str,
    /// The extension, without its dot.
    extension: Option<Extension>,
}

impl FileName {
    /// The name of an album or folder.
    pub fn album(name: &str) -> Self {
        Self { stem: sanitise(name), suffix: "", extension: None }
    }

    /// The name of the link to a file of an asset: stem of the original name, suffix, extension of the file.
    pub fn link(asset: &Asset, file: &AssetFile) -> Self {
        let clashes = |other: &AssetFile| {
            other.kind == Kind::Original
                && other.extension.as_str().eq_ignore_ascii_case(file.extension.as_str())
        };
        let suffix = match file.kind {
            Kind::Alternative if asset.files.iter().any(clashes) => "-alt",
            kind => kind.suffix(),
        };
        Self { stem: sanitise(stem_of(&asset.name)), suffix, extension: Some(file.extension) }
    }

    /// The name in full, cut to what a file name may be.
    pub fn plain(&self) -> String {
        self.with("")
    }

    /// The name with ` (2)` and so on before its extension.
    fn numbered(&self, number: u32) -> String {
        self.with(&format!(" ({number})"))
    }

    fn with(&self, number: &str) -> String {
        let dot = if self.extension.is_some() { "." } else { "" };
        let extension = self.extension.as_ref().map_or("", Extension::as_str);
        let room = MAX_LEN - (self.suffix.len() + number.len() + dot.len() + extension.len());
        let stem = cut(&self.stem, room);
        format!("{stem}{}{number}{dot}{extension}", self.suffix)
    }
}

/// Makes one safe file name of any text: no path, not hidden, not empty, at most 255 bytes.
///
/// `/` and NUL become `_`; the empty name, `.` and `..` become `_`, `_.`, `_..`; another leading dot is
/// replaced by `_`.
pub fn sanitise(name: &str) -> String {
    let safe = name.replace(['/', '\0'], "_");
    let safe = match safe.as_str() {
        "" => "_".to_owned(),
        "." | ".." => format!("_{safe}"),
        hidden if hidden.starts_with('.') => hidden.replacen('.', "_", 1),
        _ => safe,
    };
    cut(&safe, MAX_LEN).to_owned()
}

/// A name with something appended, cut before it as far as needed.
pub(crate) fn with_ending(name: &str, ending: &str) -> String {
    format!("{}{ending}", cut(name, MAX_LEN.saturating_sub(ending.len())))
}

/// Whether a text can be a visible file name as it stands.
pub(crate) fn is_safe(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_LEN && !name.starts_with('.') && !name.contains(['/', '\0'])
}

/// The names at the library's root that no album may have.
pub fn reserved_at_root() -> impl Iterator<Item = &'static str> {
    [Zone::Primary.directory(), Zone::Shared.directory(), ARCHIVE].into_iter()
}

/// Gives each wanted name to one entry of a directory; who comes later gets ` (2)`, ` (3)` …
///
/// `K` decides who comes first, whatever the order of `entries`: give equal entries different keys. A name
/// that an entry wants as it stands is never given to another as its number. Names in `taken` are left alone.
/// The result is in the order of `entries`.
pub fn assign<K: Ord, S: BuildHasher>(entries: &[(K, FileName)], taken: &HashSet<String, S>) -> Vec<String> {
    let plain: Vec<String> = entries.iter().map(|(_, name)| name.plain()).collect();
    let wanted: HashSet<&str> = plain.iter().map(String::as_str).collect();
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by(|&a, &b| entries[a].0.cmp(&entries[b].0));

    let mut names = vec![String::new(); entries.len()];
    let mut numbered: HashSet<String> = HashSet::new();
    // The number to try next, by wanted name: a thousand photos of one name must not count from 2 each time.
    let mut next: HashMap<&str, u32> = HashMap::new();
    for at in order {
        let number = next.entry(&plain[at]).or_insert(1);
        names[at] = loop {
            let candidate = if *number == 1 { plain[at].clone() } else { entries[at].1.numbered(*number) };
            let first = *number == 1;
            *number += 1;
            let free = first || (!wanted.contains(candidate.as_str()) && !numbered.contains(&candidate));
            if free && !taken.contains(&candidate) {
                break candidate;
            }
        };
        numbered.insert(names[at].clone());
    }
    names
}

/// What stands before the extension of a file name.
fn stem_of(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() && name != ".." => stem,
        _ => name,
    }
}

/// The longest beginning of a text that fits, cut between characters.
fn cut(text: &str, room: usize) -> &str {
    let mut end = room.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests;

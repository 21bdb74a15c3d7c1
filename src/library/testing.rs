//! A library in a directory of its own, for tests.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::checksum::Hasher;
use super::{Library, OpenOptions};
use crate::model::{Extension, FileKey, RecordName, Zone};

/// 2026-11-22 in milliseconds, with a fraction of a second.
pub(crate) const MODIFIED: i64 = 1_795_305_600_123;

pub(crate) struct Fixture {
    pub(crate) library: Library,
    directory: TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let library = Library::open(directory.path(), &OpenOptions::default()).unwrap();
        Self { library, directory }
    }

    /// Closes the library and opens it again.
    pub(crate) fn reopen(self) -> Self {
        let options = OpenOptions { known_id: Some(self.library.id().to_owned()), ..OpenOptions::default() };
        drop(self.library);
        let library = Library::open(self.directory.path(), &options).unwrap();
        Self { library, directory: self.directory }
    }

    pub(crate) fn root(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(relative)
    }

    /// Stores a file of this content in the primary zone.
    pub(crate) fn put(&self, content: &[u8]) -> FileKey {
        let key = key_of(content);
        let mut incoming = self.library.store().incoming(&key, content.len() as u64).unwrap();
        incoming.write(&content[usize::try_from(incoming.len()).unwrap()..]).unwrap();
        incoming.finish(MODIFIED).unwrap();
        key
    }

    /// Where a file is.
    pub(crate) fn path_of(&self, key: &FileKey) -> PathBuf {
        self.path(key.zone.directory()).join(key.file_name())
    }
}

pub(crate) fn key_of(content: &[u8]) -> FileKey {
    let mut hasher = Hasher::new();
    hasher.update(content);
    FileKey { zone: Zone::Primary, checksum: hasher.finish(), extension: Extension::new("jpeg").unwrap() }
}

/// The record of the n-th album.
pub(crate) fn record(n: u32) -> RecordName {
    RecordName::new(&format!("{n:08X}-0000-4000-8000-000000000000")).unwrap()
}

/// Its hidden directory.
pub(crate) fn hidden(n: u32) -> String {
    format!(".{}", record(n))
}

/// All paths below a directory, sorted; symlinks with their targets.
pub(crate) fn tree(root: &Path) -> Vec<String> {
    fn walk(directory: &Path, root: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            if let Ok(target) = path.read_link() {
                found.push(format!("{name} -> {}", target.display()));
            } else {
                found.push(name);
                if path.is_dir() {
                    walk(&path, root, found);
                }
            }
        }
    }
    let mut found = Vec::new();
    walk(root, root, &mut found);
    found.sort();
    found
}

//! What the library on the disk has to hold, as the servers know it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use icloud_emulator::library::{FileView, LibraryHandle};

/// Where the files of the library without a name are.
const FILES: &str = "_All-Photos";

/// The files of everything that the user sees, by the name that they have on disk without its extension.
pub(crate) fn expected(library: &LibraryHandle) -> BTreeMap<String, FileView> {
    let assets = library.visible_assets().into_iter().filter(|asset| !asset.uploading);
    let files = assets.flat_map(|asset| asset.files);
    files.map(|file| (stem(&file.checksum), file)).collect()
}

/// The name of a file on disk, without its extension.
pub(crate) fn stem(checksum: &str) -> String {
    URL_SAFE_NO_PAD.encode(STANDARD.decode(checksum).unwrap())
}

/// The files that are there, by the same name.
pub(crate) fn present(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = fs::read_dir(root.join(FILES)) else { return BTreeMap::new() };
    let file = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        let (stem, _) = name.split_once('.').expect("files have an extension");
        // It may be moved away while it is looked at.
        Some((stem.to_owned(), fs::read(entry.path()).ok()?))
    };
    entries.filter_map(|entry| file(entry.unwrap())).collect()
}

/// How many bytes of unfinished downloads are there.
pub(crate) fn partial(root: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(root.join(".icps/partial")) else { return 0 };
    entries.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum()
}

/// Every photo is there, byte by byte, and nothing else; every album shows its members and no link is broken.
pub(crate) fn assert_complete(root: &Path, library: &LibraryHandle) {
    let (present, expected) = (present(root), expected(library));
    let names = |keys: Vec<&String>| keys.into_iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(
        names(present.keys().collect()),
        names(expected.keys().collect()),
        "files in {}",
        root.display()
    );
    for (name, file) in expected {
        assert!(present[&name] == file.content.bytes(), "{name} has not the bytes that the servers have");
    }
    let albums = library.albums().into_iter().filter(|album| !album.folder);
    for album in albums {
        let Some(directory) = find(root, &format!(".{}", album.record)) else {
            panic!("the album {:?} is missing", album.name);
        };
        let entries: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        let links: Vec<_> =
            entries.iter().map(|path| fs::canonicalize(path).expect("no link is broken")).collect();
        // An archived one holds files of its own instead.
        let place = if entries.iter().any(|path| path.is_symlink()) { root.join(FILES) } else { directory };
        assert!(links.iter().all(|file| file.starts_with(&place)), "{links:?}");
        assert!(links.len() >= album.members.len(), "{:?} shows {} files", album.name, links.len());
    }
}

/// The directory of that name, wherever it is below.
fn find(root: &Path, name: &str) -> Option<std::path::PathBuf> {
    let directories = fs::read_dir(root).ok()?.filter_map(Result::ok);
    directories.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).find_map(|entry| {
        if entry.file_name() == name { Some(entry.path()) } else { find(&entry.path(), name) }
    })
}

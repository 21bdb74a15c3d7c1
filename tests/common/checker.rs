//! Says what a library directory must hold, and finds every difference.
//!
//! Written from the description of the layout and from what the emulator holds, without a line of the
//! program's own code, so that a mistake there is not repeated here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use icloud_emulator::LibraryHandle;
use icloud_emulator::library::{AlbumView, AssetView, Content, FileView, ZoneKind};

/// What a run was told to leave out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    pub no_live_photos: bool,
    pub no_alternatives: bool,
}

struct ExpectedFile {
    content: Content,
    size: u64,
    modified: i64,
}

/// Compares the directory with the emulator's library; returns each difference as a sentence.
pub fn differences(root: &Path, library: &LibraryHandle, wanted: Wanted) -> Vec<String> {
    let mut found = Vec::new();
    let assets: Vec<AssetView> =
        library.visible_assets().into_iter().filter(|asset| !asset.uploading).collect();
    let albums = library.albums();
    check_files(root, &expected_files(&assets, wanted), &mut found);
    check_albums(root, &assets, &albums, wanted, &mut found);
    found
}

/// The paths of all files that the directory must hold for the library as it is now.
pub fn expected_paths(library: &LibraryHandle) -> BTreeSet<PathBuf> {
    let assets: Vec<AssetView> =
        library.visible_assets().into_iter().filter(|asset| !asset.uploading).collect();
    expected_files(&assets, Wanted::default()).into_keys().collect()
}

fn directory(zone: ZoneKind) -> &'static str {
    match zone {
        ZoneKind::Primary => "_All-Photos",
        _ => "_Shared-Photos",
    }
}

fn extension(identifier: &str, name: Option<&str>) -> String {
    let known = match identifier {
        "public.jpeg" => "jpeg",
        "public.heic" => "heic",
        "public.png" => "png",
        "public.image" => "HEIC",
        "public.mpeg-4" => "mp4",
        "com.apple.quicktime-movie" => "mov",
        "com.adobe.raw-image" => "dng",
        "com.canon.cr2-raw-image" => "cr2",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    let from_name = name.and_then(|name| name.rsplit_once('.')).filter(|(stem, _)| !stem.is_empty());
    match from_name.map(|(_, extension)| extension.to_ascii_lowercase()) {
        Some(text)
            if !text.is_empty() && text.len() < 16 && text.chars().all(|c| c.is_ascii_alphanumeric()) =>
        {
            text
        }
        _ => "bin".to_owned(),
    }
}

fn file_name(asset: &AssetView, file: &FileView) -> String {
    let bytes = base64::engine::general_purpose::STANDARD.decode(&file.checksum).unwrap();
    let stem = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    format!("{stem}.{}", extension(file.identifier, asset.name.as_deref()))
}

/// What the files of an asset are called in their zone's directory.
pub fn expected_names(asset: &AssetView) -> Vec<String> {
    asset.files.iter().map(|file| file_name(asset, file)).collect()
}

fn is_edited_live_movie(file: &FileView, asset: &AssetView) -> bool {
    file.family == "resVidFull" && !asset.form.is_video()
}

fn is_wanted(file: &FileView, asset: &AssetView, wanted: Wanted) -> bool {
    let live_movie = file.family == "resOriginalVidCompl" || is_edited_live_movie(file, asset);
    !(wanted.no_live_photos && live_movie || wanted.no_alternatives && file.family == "resOriginalAlt")
}

fn expected_files(assets: &[AssetView], wanted: Wanted) -> BTreeMap<PathBuf, ExpectedFile> {
    let mut files: BTreeMap<PathBuf, ExpectedFile> = BTreeMap::new();
    for asset in assets {
        for file in asset.files.iter().filter(|file| is_wanted(file, asset, wanted)) {
            let path = Path::new(directory(asset.zone)).join(file_name(asset, file));
            let expected = ExpectedFile { content: file.content, size: file.size, modified: file.modified };
            files
                .entry(path)
                .and_modify(|other| other.modified = other.modified.min(file.modified))
                .or_insert(expected);
        }
    }
    files
}

fn modified(path: &Path) -> i64 {
    let metadata = fs::symlink_metadata(path).unwrap();
    metadata.mtime() * 1000 + metadata.mtime_nsec() / 1_000_000
}

fn entries(path: &Path) -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir(path) else { return BTreeSet::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn check_files(root: &Path, expected: &BTreeMap<PathBuf, ExpectedFile>, found: &mut Vec<String>) {
    for (path, file) in expected {
        let full = root.join(path);
        let Ok(metadata) = fs::symlink_metadata(&full) else {
            found.push(format!("{} is missing", path.display()));
            continue;
        };
        if !metadata.is_file() || metadata.len() != file.size {
            found.push(format!("{} has {} instead of {} bytes", path.display(), metadata.len(), file.size));
        } else if fs::read(&full).unwrap() != file.content.bytes() {
            found.push(format!("{} has other content", path.display()));
        }
        if modified(&full) != file.modified {
            found.push(format!(
                "{} was modified {} instead of {}",
                path.display(),
                modified(&full),
                file.modified
            ));
        }
    }
    for zone in ["_All-Photos", "_Shared-Photos"] {
        for name in entries(&root.join(zone)) {
            if !expected.contains_key(&Path::new(zone).join(&name)) {
                found.push(format!("{zone}/{name} is too many"));
            }
        }
    }
}

/// The rules for names that come from the network.
fn harmless(name: &str) -> String {
    let name = name.replace(['/', '\0'], "_");
    match name.as_str() {
        "" => "_".to_owned(),
        "." => "_.".to_owned(),
        ".." => "_..".to_owned(),
        _ => match name.strip_prefix('.') {
            Some(rest) => format!("_{rest}"),
            None => name,
        },
    }
}

/// Whether a name on disk is the wished one, its numbered form, or either cut to fit.
fn is_form_of(actual: &str, stem: &str, tail: &str) -> bool {
    let Some(body) = actual.strip_suffix(tail) else {
        // A number stands before the extension: `stem-edited (2).jpeg`.
        let dot = tail.rfind('.').unwrap_or(tail.len());
        let (suffix, extension) = tail.split_at(dot);
        return actual
            .strip_suffix(extension)
            .and_then(without_number)
            .and_then(|text| text.strip_suffix(suffix))
            .is_some_and(|text| is_stem(text, stem, actual));
    };
    is_stem(body, stem, actual) || without_number(body).is_some_and(|text| is_stem(text, stem, actual))
}

fn without_number(text: &str) -> Option<&str> {
    let (text, number) = text.strip_suffix(')')?.rsplit_once(" (")?;
    number.parse::<u32>().ok().filter(|&number| number >= 2).map(|_| text)
}

fn is_stem(text: &str, stem: &str, whole: &str) -> bool {
    text == stem || (whole.len() > 240 && !text.is_empty() && stem.starts_with(text))
}

fn check_albums(
    root: &Path,
    assets: &[AssetView],
    albums: &[AlbumView],
    wanted: Wanted,
    found: &mut Vec<String>,
) {
    let by_record: HashMap<&str, &AlbumView> =
        albums.iter().map(|album| (album.record.as_str(), album)).collect();
    let members: HashMap<&str, &AssetView> = assets
        .iter()
        .filter(|asset| asset.zone == ZoneKind::Primary)
        .map(|asset| (asset.record.as_str(), asset))
        .collect();
    let mut children: BTreeMap<PathBuf, Vec<&AlbumView>> = BTreeMap::new();
    children.entry(PathBuf::new()).or_default();
    for album in albums {
        let parent = path_of(album.parent.as_deref(), &by_record);
        if album.folder {
            children.entry(parent.join(format!(".{}", album.record))).or_default();
        }
        children.entry(parent).or_default().push(album);
    }
    for (directory, inside) in &children {
        check_names(root, directory, inside, found);
    }
    for album in albums.iter().filter(|album| !album.folder) {
        let path = path_of(Some(&album.record), &by_record);
        check_links(root, &path, album, &members, wanted, found);
    }
}

fn path_of(record: Option<&str>, by_record: &HashMap<&str, &AlbumView>) -> PathBuf {
    match record.and_then(|record| by_record.get(record)) {
        Some(album) => path_of(album.parent.as_deref(), by_record).join(format!(".{}", album.record)),
        None => PathBuf::new(),
    }
}

/// A folder's directory holds a hidden directory and one name link for each child, and nothing else.
fn check_names(root: &Path, directory: &Path, inside: &[&AlbumView], found: &mut Vec<String>) {
    let mut left = entries(&root.join(directory));
    if directory.as_os_str().is_empty() {
        for ours in ["_All-Photos", "_Shared-Photos", "_Archive", ".icps", ".library.lock"] {
            left.remove(ours);
        }
    }
    for album in inside {
        let hidden = format!(".{}", album.record);
        if !left.remove(&hidden) || !root.join(directory).join(&hidden).is_dir() {
            found.push(format!("{}/{hidden} is no directory", directory.display()));
        }
        let links: Vec<String> = left
            .iter()
            .filter(|name| {
                fs::read_link(root.join(directory).join(name)).is_ok_and(|to| to == Path::new(&hidden))
            })
            .cloned()
            .collect();
        if links.len() != 1 {
            found.push(format!("{} has the names {links:?}", album.record));
        }
        let stem = harmless(album.name.as_deref().unwrap_or_default());
        for link in links {
            if !is_form_of(&link, &stem, "") {
                found.push(format!("{} is called {link:?} instead of {stem:?}", album.record));
            }
            left.remove(&link);
        }
    }
    found.extend(left.iter().map(|name| format!("{}/{name} is too many", directory.display())));
}

fn check_links(
    root: &Path,
    path: &Path,
    album: &AlbumView,
    members: &HashMap<&str, &AssetView>,
    wanted: Wanted,
    found: &mut Vec<String>,
) {
    let mut left = entries(&root.join(path));
    let up = "../".repeat(path.components().count());
    for asset in album.members.iter().filter_map(|record| members.get(record.as_str())) {
        for file in asset.files.iter().filter(|file| is_wanted(file, asset, wanted)) {
            let target = format!("{up}{}/{}", directory(asset.zone), file_name(asset, file));
            let link = left
                .iter()
                .find(|name| {
                    fs::read_link(root.join(path).join(name)).is_ok_and(|to| to == Path::new(&target))
                        && is_link_name(name, asset, file)
                })
                .cloned();
            let Some(link) = link else {
                found.push(format!("{} has no link for {} {:?}", path.display(), file.family, asset.name));
                continue;
            };
            let linked = root.join(path).join(&link);
            match fs::metadata(&linked) {
                Ok(_) if modified(&linked) != file.modified => {
                    found.push(format!("the time of {} is not its asset's", linked.display()));
                }
                Ok(_) => {}
                Err(_) => found.push(format!("{} dangles", linked.display())),
            }
            left.remove(&link);
        }
    }
    found.extend(left.iter().map(|name| format!("{}/{name} is too many", path.display())));
}

fn is_link_name(actual: &str, asset: &AssetView, file: &FileView) -> bool {
    let suffix = match file.family {
        "resOriginalVidCompl" => "-live",
        "resVidFull" if is_edited_live_movie(file, asset) => "-edited-live",
        "resJPEGFull" | "resVidFull" => "-edited",
        _ => "",
    };
    let tail = format!("{suffix}.{}", extension(file.identifier, asset.name.as_deref()));
    // How an asset without a name is called is not laid down, but for suffix and extension.
    let Some(name) = asset.name.as_deref().filter(|name| !name.is_empty()) else {
        return actual.ends_with(&tail) || actual.contains(" (");
    };
    // Node's and every shell's idea of a stem: up to the last dot, unless that is the first character.
    let stem = match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() && name != ".." => stem,
        _ => name,
    };
    is_form_of(actual, &harmless(stem), &tail)
}

/// A flat picture of a tree: path to kind, size, time and target, without what is private to the program.
pub fn picture(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut picture = BTreeMap::new();
    let mut pending = vec![PathBuf::new()];
    while let Some(directory) = pending.pop() {
        for name in entries(&root.join(&directory)) {
            let path = directory.join(&name);
            if path == Path::new(".icps") || path == Path::new(".library.lock") {
                continue;
            }
            let full = root.join(&path);
            let metadata = fs::symlink_metadata(&full).unwrap();
            let text = if metadata.is_dir() {
                pending.push(path.clone());
                "directory".to_owned()
            } else if metadata.is_symlink() {
                let target = fs::read_link(&full).unwrap();
                // The name link of an album has no time of its own.
                let time = if target.starts_with("..") { modified(&full) } else { 0 };
                format!("-> {} at {time}", target.display())
            } else {
                format!("{} bytes at {}", metadata.len(), modified(&full))
            };
            picture.insert(path, text);
        }
    }
    picture
}

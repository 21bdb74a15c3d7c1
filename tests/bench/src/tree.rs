//! Library directories made without a sync: the files have names, sizes and times, and holes for content, which is
//! all that a run looks at when nothing is to be done.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, UNIX_EPOCH};

use icloud_emulator::LibraryHandle;
use icloud_emulator::library::{AssetView, FileView};
use icps::library::checksum::Hasher;
use icps::model::{Checksum, Extension, FileKey, Zone};
use rayon::prelude::*;

use crate::Result;

/// Writes all files of the personal library as a sync would name them.
pub fn mirror(root: &Path, library: &LibraryHandle) -> Result<()> {
    let directory = root.join(Zone::Primary.directory());
    fs::create_dir_all(&directory)?;
    library.visible_assets().par_iter().try_for_each(|asset| {
        asset.files.iter().try_for_each(|file| {
            let key = key(asset, file)?;
            write(&directory.join(key.file_name()), file.size, file.modified)
        })
    })
}

fn key(asset: &AssetView, file: &FileView) -> Result<FileKey> {
    let extension = Extension::for_type(Some(file.identifier), asset.name.as_deref().unwrap_or_default());
    Ok(FileKey { zone: Zone::Primary, checksum: Checksum::from_base64(&file.checksum)?, extension })
}

/// Writes so many files with made-up names.
pub fn invent(root: &Path, files: u32) -> Result<()> {
    let directory = root.join(Zone::Primary.directory());
    fs::create_dir_all(&directory)?;
    let extension = Extension::new("jpeg").unwrap_or_default();
    (0..files).into_par_iter().try_for_each(|number| {
        let mut hasher = Hasher::new();
        hasher.update(&number.to_le_bytes());
        let key = FileKey { zone: Zone::Primary, checksum: hasher.finish(), extension };
        write(&directory.join(key.file_name()), 1000 + u64::from(number), 1_720_000_000_000)
    })
}

/// Writes so many files of that size, with content that is what their names say; returns their paths.
pub fn sound(root: &Path, files: u32, size: usize) -> Result<Vec<PathBuf>> {
    let directory = root.join(Zone::Primary.directory());
    fs::create_dir_all(&directory)?;
    let extension = Extension::new("jpeg").unwrap_or_default();
    (0..files)
        .into_par_iter()
        .map(|number| {
            let seed = u64::from(number) << 32;
            let words = (0..=size as u64 / 8).map(|n| (seed | n).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            let content: Vec<u8> = words.flat_map(u64::to_le_bytes).take(size).collect();
            let mut hasher = Hasher::new();
            hasher.update(&content);
            let key = FileKey { zone: Zone::Primary, checksum: hasher.finish(), extension };
            let path = directory.join(key.file_name());
            let mut file = File::create(&path)?;
            file.write_all(&content)?;
            // Only what is on disk can leave the cache.
            file.sync_data()?;
            Ok(path)
        })
        .collect()
}

/// How long it takes to do no more than a first sync has to do on the disk: `threads` threads write so many files of
/// that size, sync each, and give it its name.
pub fn durably(root: &Path, files: usize, size: usize, threads: usize) -> Result<Duration> {
    let (partial, complete) = (root.join("partial"), root.join("complete"));
    fs::create_dir_all(&partial)?;
    fs::create_dir_all(&complete)?;
    let content = vec![0x5A; size];
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let begin = Instant::now();
    pool.install(|| {
        (0..files).into_par_iter().try_for_each(|number| {
            let name = format!("{number:032}.jpeg");
            let mut file = File::create(partial.join(&name))?;
            file.write_all(&content)?;
            file.sync_data()?;
            fs::rename(partial.join(&name), complete.join(&name))
        })
    })?;
    Ok(begin.elapsed())
}

fn write(path: &Path, size: u64, modified: i64) -> Result<()> {
    let file = File::create(path)?;
    file.set_len(size)?;
    file.set_modified(UNIX_EPOCH + Duration::from_millis(u64::try_from(modified)?))?;
    Ok(())
}

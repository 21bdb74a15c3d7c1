//! What a run deletes: `.icps/trash/<day>/<zone>/`, until it is kept long enough.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::model::{FileKey, LocalFile, Zone};

use super::Error;
use super::dir::{Dir, EntryKind};
use super::layout::Layout;
use super::store::{Changed, Store, Unfit, check};

impl Store {
    /// Takes a file out of the library: into the trash of this day, or for good if it is not to be kept.
    pub fn discard(&self, key: &FileKey, now: jiff::Timestamp, keep: bool) -> Result<(), Error> {
        let zone = self.layout.zone(key.zone);
        self.changed.zone(key.zone);
        if !keep {
            zone.unlink(key.file_name())?;
            return Ok(());
        }
        let trash = directory(&self.layout, &self.changed, key.zone, now)?;
        zone.rename(key.file_name(), &trash, key.file_name())
    }

    /// Takes a file of `size` bytes back out of the trash, verified. `false` if the trash has no sound copy.
    pub fn restore(&self, key: &FileKey, size: u64, modified: i64) -> Result<bool, Error> {
        let name = key.file_name();
        for (_, day) in days(&self.layout.trash)?.into_iter().rev() {
            let Some(trash) = day.find(key.zone.directory())? else { continue };
            let Some(mut file) = trash.read_file(&name)? else { continue };
            match check(&mut file, key, Some(size)) {
                Ok(_) => {}
                Err(Unfit::Damaged(error)) => {
                    tracing::warn!(%error, "a copy in the trash");
                    trash.unlink(&name)?;
                    continue;
                }
                Err(unreadable) => return Err(unreadable.at(trash.path_of(&name))),
            }
            trash.set_modified(&name, modified)?;
            trash.rename(&name, self.layout.zone(key.zone), &name)?;
            self.changed.zone(key.zone);
            return Ok(true);
        }
        Ok(false)
    }

    /// Removes for good what has been in the trash for longer than `keep`; returns how many files.
    pub fn expire_trash(&self, now: jiff::Timestamp, keep: Duration) -> Result<u64, Error> {
        // Too long ago to be a date is to keep for ever.
        let Ok(oldest) = now.checked_sub(keep) else { return Ok(0) };
        let mut removed = 0;
        for (date, day) in days(&self.layout.trash)? {
            if date < day_of(oldest) {
                removed += empty(&day, |_| true)?.0;
                remove_if_empty(&self.layout.trash, &date.to_string(), &day)?;
            }
        }
        Ok(removed)
    }

    /// Removes from the trash, oldest day first, until `wanted` bytes are free; returns how many came free.
    pub fn shrink_trash(&self, wanted: u64) -> Result<u64, Error> {
        let mut freed = 0;
        for (date, day) in days(&self.layout.trash)? {
            if freed >= wanted {
                break;
            }
            let missing = wanted - freed;
            freed += empty(&day, |so_far| so_far < missing)?.1;
            remove_if_empty(&self.layout.trash, &date.to_string(), &day)?;
        }
        Ok(freed)
    }
}

/// Where files of a zone go on this day.
pub(super) fn directory(
    layout: &Layout,
    changed: &Changed,
    zone: Zone,
    now: jiff::Timestamp,
) -> Result<Dir, Error> {
    let day = day_of(now).to_string();
    let directory = layout.trash.create(&day)?.create(zone.directory())?;
    changed.day(&day);
    Ok(directory)
}

/// The asset files in the trash, newest day first.
pub(super) fn inventory(trash: &Dir) -> Result<Vec<LocalFile>, Error> {
    let mut files = Vec::new();
    for (_, day) in days(trash)?.into_iter().rev() {
        for zone in Zone::ALL {
            let Some(directory) = day.find(zone.directory())? else { continue };
            for entry in directory.entries()? {
                let key = entry.name.to_str().and_then(|name| FileKey::from_file_name(zone, name));
                let found = directory.stat(&entry.name)?.filter(|found| found.kind == EntryKind::File);
                if let (Some(key), Some(found)) = (key, found) {
                    files.push(LocalFile { key, size: found.size, modified: found.modified });
                }
            }
        }
    }
    Ok(files)
}

/// The days of the trash, oldest first. What is not named after a day is not ours.
fn days(trash: &Dir) -> Result<Vec<(Date, Dir)>, Error> {
    let mut days = Vec::new();
    for entry in trash.entries()? {
        let date = entry
            .name
            .to_str()
            .and_then(|name| name.parse::<Date>().ok().filter(|date| date.to_string() == name));
        if let (Some(date), EntryKind::Directory) = (date, entry.kind) {
            days.push((date, trash.open(&entry.name)?));
        }
    }
    days.sort_by_key(|(date, _)| *date);
    Ok(days)
}

/// Removes the files of a day while `more`, asked with the bytes freed so far, says so. Returns files and bytes.
fn empty(day: &Dir, more: impl Fn(u64) -> bool) -> Result<(u64, u64), Error> {
    let (mut files, mut bytes) = (0, 0);
    for zone in Zone::ALL {
        let Some(directory) = day.find(zone.directory())? else { continue };
        for entry in directory.entries()? {
            if !more(bytes) {
                return Ok((files, bytes));
            }
            let size = directory.stat(&entry.name)?.map_or(0, |found| found.size);
            if entry.kind != EntryKind::Directory && directory.unlink(&entry.name)? {
                files += 1;
                bytes += size;
            }
        }
        remove_if_empty(day, zone.directory(), &directory)?;
    }
    Ok((files, bytes))
}

fn remove_if_empty(parent: &Dir, name: &str, directory: &Dir) -> Result<(), Error> {
    if directory.entries()?.is_empty() {
        parent.remove_dir(name)?;
    }
    Ok(())
}

fn day_of(now: jiff::Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

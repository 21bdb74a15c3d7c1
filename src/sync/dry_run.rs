//! How a plan reads: figures first, then what is done to what, in a stable order.

use std::fmt::{self, Display, Formatter};

use super::plan::{
    AlbumPath, AlbumStep, Amount, DeletionReason, DownloadReason, LeftAlone, LeftAloneReason, LinkStep, Plan,
};
use crate::model::{RecordName, RemoteLibrary, printable};

/// How many lines a list shows unless all are asked for (with `{:#}`).
const SHOWN: usize = 20;

/// A plan beside the library that its files are named after.
///
/// `{}` shows the beginning of long lists, `{:#}` all of them.
#[derive(Debug, Clone, Copy)]
pub struct DryRun<'a> {
    /// What would be done.
    pub plan: &'a Plan,
    /// What the plan was made of.
    pub remote: &'a RemoteLibrary,
}

impl Display for DryRun<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.summary(f)?;
        self.files(f)?;
        self.albums(f)
    }
}

impl DryRun<'_> {
    fn summary(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (files, albums) = (&self.plan.files, &self.plan.albums);
        let links = albums.links.iter().map(|album| album.steps.len()).sum::<usize>();
        let relocations = files.relocations.iter().map(|file| file.size).collect::<Amount>();
        let restorations = files.restorations.iter().map(|file| file.size).collect::<Amount>();
        writeln!(f, "library    {}, {} albums and folders", files.wanted(), albums.albums.len())?;
        writeln!(f, "download   {}", files.to_download())?;
        writeln!(f, "restore    {restorations}")?;
        writeln!(f, "move       {relocations}")?;
        writeln!(f, "touch      {} files", files.touches.len())?;
        writeln!(f, "delete     {}", files.to_delete())?;
        writeln!(f, "albums     {} changes", albums.steps.len())?;
        writeln!(f, "links      {links} changes in {} albums", albums.links.len())
    }

    fn files(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let files = &self.plan.files;
        list(f, "downloads, newest first", &files.downloads, |f, download| {
            let name = download.source.of(self.remote).map_or("", |(asset, _)| &asset.name);
            write!(f, "{}  {}  {}", download.key.path(), Bytes(download.size), printable(name))?;
            match download.reason {
                DownloadReason::Missing => Ok(()),
                DownloadReason::WrongSize { found } => write!(f, " (has {found} bytes)"),
                DownloadReason::Damaged { found } => write!(f, " (is damaged, with {found} bytes)"),
            }
        })?;
        list(f, "restorations from the trash", &files.restorations, |f, restoration| {
            f.write_str(&restoration.to.path())
        })?;
        list(f, "moves", &files.relocations, |f, relocation| {
            write!(f, "{} -> {}", relocation.from.path(), relocation.to.path())
        })?;
        list(f, "new modification times", &files.touches, |f, touch| f.write_str(&touch.key.path()))?;
        list(f, "deletions", &files.deletions, |f, deletion| {
            let reason = match deletion.reason {
                DeletionReason::Gone => "no longer in iCloud",
                DeletionReason::NotWanted => "left out by the options",
                DeletionReason::Superfluous => "belongs somewhere else",
            };
            write!(f, "{}  {}  {reason}", deletion.key.path(), Bytes(deletion.size))
        })?;
        list(f, "left as they are, since their records could not be read", &files.unclear, |f, key| {
            f.write_str(&key.path())
        })
    }

    fn albums(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let albums = &self.plan.albums;
        list(f, "albums and folders", &albums.steps, |f, step| write!(f, "{}", self.step(step)))?;
        list(f, "links", &albums.links, |f, album| {
            let removed = album.steps.iter().filter(|step| matches!(step, LinkStep::Unlink { .. })).count();
            let made = album.steps.len() - removed;
            write!(f, "{}: {made} made, {removed} removed", self.title(&album.path))
        })?;
        list(f, "left alone", &albums.left_alone, |f, left| write!(f, "{left}"))
    }

    fn step(&self, step: &AlbumStep) -> String {
        match step {
            AlbumStep::Create { path } => format!("create {}", self.title(path)),
            AlbumStep::Move { to, .. } => format!("move {}", self.title(to)),
            AlbumStep::Remove { path } => format!("remove {}", self.title(path)),
            AlbumStep::Retire { name, .. } => format!("move to _Archive: {}", printable(name)),
            AlbumStep::Name { path, old, new } => match old.first() {
                Some(old) => format!("rename {} to {}", printable(old), printable(new)),
                None => format!("name {}", self.title(path)),
            },
        }
    }

    /// The names on the way to an album; records where there is none.
    fn title(&self, path: &AlbumPath) -> String {
        let albums = &self.plan.albums.albums;
        let name = |record: &RecordName| {
            albums.iter().find(|album| album.record == *record).map(|album| &album.name)
        };
        let names =
            path.iter().map(|record| name(record).map_or_else(|| format!(".{record}"), |n| printable(n)));
        names.collect::<Vec<_>>().join("/")
    }
}

fn list<T>(
    f: &mut Formatter<'_>,
    title: &str,
    items: &[T],
    show: impl Fn(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    let shown = if f.alternate() { items.len() } else { items.len().min(SHOWN) };
    writeln!(f, "\n{title}:")?;
    for item in &items[..shown] {
        f.write_str("  ")?;
        show(f, item)?;
        writeln!(f)?;
    }
    if shown < items.len() {
        writeln!(f, "  … and {} more", items.len() - shown)?;
    }
    Ok(())
}

impl Display for Amount {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} files, {}", self.files, Bytes(self.bytes))
    }
}

impl Display for LeftAlone {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let reason = match self.reason {
            LeftAloneReason::HoldsForeign => "is gone from iCloud, and kept: it holds something of yours",
            LeftAloneReason::Unread => "its content could not be read, and its links stay as they are",
            LeftAloneReason::UnsafeRecord => "is left out: its record name is no UUID",
            LeftAloneReason::FolderHoldsForeign => {
                "has no links: its directory holds something of yours, or a folder that stays"
            }
            LeftAloneReason::Twice => "is there twice, and the second one is left alone",
        };
        write!(f, "{}: {reason}", printable(&self.album))
    }
}

/// A number of bytes for people: `1.5 GiB`.
#[derive(Debug, Clone, Copy)]
pub struct Bytes(pub u64);

impl Display for Bytes {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        // Tenths, so that no floating point is needed.
        let mut tenths = u128::from(self.0) * 10 / 1024;
        let mut unit = 0;
        while tenths >= 10 * 1024 && unit + 1 < UNITS.len() {
            tenths /= 1024;
            unit += 1;
        }
        write!(f, "{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Album, AlbumKind, LocalFile, LocalLibrary, Zone};
    use crate::sync::plan::tests::generate::{asset, key, uuid};
    use crate::sync::{Policy, plan};

    fn example(files: u8) -> (RemoteLibrary, LocalLibrary) {
        let album = Album {
            record: uuid(1),
            parent: None,
            name: "Trip".to_owned(),
            kind: AlbumKind::Album,
            members: Some(vec![0]),
            lacking: false,
        };
        let asset = |n| asset(Zone::Primary, n, i64::from(n), "IMG\u{1b}.JPG");
        let assets = (1..=files).map(asset).collect();
        let remote = RemoteLibrary { assets, albums: vec![album], ..RemoteLibrary::default() };
        let gone = LocalFile { key: key(Zone::Primary, 200, "jpeg"), size: 2048, modified: 0 };
        (remote, LocalLibrary { files: vec![gone], ..LocalLibrary::default() })
    }

    #[test]
    fn figures_come_first_and_names_are_harmless() {
        let (remote, local) = example(1);
        let plan = plan(&remote, &local, &Policy::default());
        insta::assert_snapshot!(DryRun { plan: &plan, remote: &remote });
    }

    #[test]
    fn long_lists_are_cut_unless_all_is_asked_for() {
        let (remote, local) = example(50);
        let plan = plan(&remote, &local, &Policy::default());
        let dry_run = DryRun { plan: &plan, remote: &remote };
        assert!(format!("{dry_run}").contains("  … and 30 more"));
        assert!(format!("{dry_run:#}").lines().count() > 50);
    }

    #[test]
    fn bytes_read_well() {
        for (bytes, text) in [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (1 << 30, "1.0 GiB")] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
        assert_eq!(Bytes(u64::MAX).to_string(), "16383.9 PiB");
    }
}

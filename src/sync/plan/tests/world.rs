//! A disk without a disk: applies a plan to a model of the local library, and refuses what a disk would.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{AlbumState, FileKey, Link, LocalAlbum, LocalFile, LocalLibrary, Taken};
use crate::sync::plan::{AlbumPath, AlbumStep, LinkStep, Plan};

/// The local library as a tree of directories.
pub(crate) struct World {
    pub(crate) files: BTreeMap<FileKey, (u64, i64)>,
    pub(crate) trash: Vec<LocalFile>,
    pub(crate) directories: BTreeMap<AlbumPath, Directory>,
    pub(crate) taken: BTreeSet<(AlbumPath, String)>,
    pub(crate) retired: Vec<String>,
    pub(crate) retired_things: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Directory {
    pub(crate) names: Vec<String>,
    pub(crate) state: AlbumState,
}

impl World {
    pub(crate) fn new(local: &LocalLibrary) -> Self {
        let mut paths: BTreeMap<_, AlbumPath> = BTreeMap::new();
        let mut directories = BTreeMap::new();
        for album in &local.albums {
            let mut path = album.parent.as_ref().map_or_else(Vec::new, |parent| paths[parent].clone());
            path.push(album.record.clone());
            paths.insert(album.record.clone(), path.clone());
            let directory = Directory { names: album.names.clone(), state: album.state.clone() };
            directories.insert(path, directory);
        }
        let taken = local.taken.iter().map(|taken| {
            (taken.inside.as_ref().map_or_else(Vec::new, |record| paths[record].clone()), taken.name.clone())
        });
        Self {
            files: local.files.iter().map(|file| (file.key, (file.size, file.modified))).collect(),
            trash: local.trash.clone(),
            directories,
            taken: taken.collect(),
            retired: Vec::new(),
            retired_things: 0,
        }
    }

    /// What a scan would find.
    pub(crate) fn scan(&self) -> LocalLibrary {
        let file = |(key, (size, modified)): (&FileKey, &(u64, i64))| LocalFile {
            key: *key,
            size: *size,
            modified: *modified,
        };
        let mut albums: Vec<_> = self.directories.iter().collect();
        albums.sort_by_key(|(path, _)| path.len());
        LocalLibrary {
            files: self.files.iter().map(file).collect(),
            albums: albums.into_iter().map(|(path, directory)| self.album(path, directory)).collect(),
            trash: self.trash.clone(),
            strays: Vec::new(),
            taken: self.taken.iter().map(|(folder, name)| self.taken(folder, name)).collect(),
        }
    }

    fn album(&self, path: &AlbumPath, directory: &Directory) -> LocalAlbum {
        let state = match &directory.state {
            AlbumState::Archived if self.has_children(path) => AlbumState::Folder { foreign: true },
            AlbumState::Album { links } if links.is_empty() && self.has_children(path) => {
                AlbumState::Folder { foreign: false }
            }
            state => state.clone(),
        };
        LocalAlbum {
            record: path.last().unwrap().clone(),
            parent: path.iter().rev().nth(1).cloned(),
            names: directory.names.clone(),
            state,
        }
    }

    fn taken(&self, folder: &AlbumPath, name: &str) -> Taken {
        assert!(folder.is_empty() || self.directories.contains_key(folder), "{name} lost its directory");
        Taken { inside: folder.last().cloned(), name: name.to_owned() }
    }

    fn has_children(&self, path: &AlbumPath) -> bool {
        self.directories.keys().any(|other| other.len() == path.len() + 1 && other.starts_with(path))
    }

    /// Applies the whole plan, downloads succeeding.
    pub(crate) fn apply(&mut self, plan: &Plan) {
        self.add_files(plan);
        for step in &plan.albums.steps {
            self.step(step);
        }
        for album in &plan.albums.links {
            for step in &album.steps {
                self.link(&album.path, step);
            }
        }
        for deletion in &plan.files.deletions {
            let (size, modified) = self.files.remove(&deletion.key).expect("deleted file is there");
            assert_eq!(size, deletion.size);
            self.trash.push(LocalFile { key: deletion.key, size, modified });
        }
    }

    fn add_files(&mut self, plan: &Plan) {
        for restoration in &plan.files.restorations {
            let at = self.trash.iter().position(|file| file.key == restoration.from).expect("in the trash");
            let file = self.trash.remove(at);
            assert!(self.files.insert(restoration.to, (file.size, restoration.modified)).is_none());
        }
        for relocation in &plan.files.relocations {
            let (size, _) = self.files.remove(&relocation.from).expect("relocated file is there");
            let before = self.files.insert(relocation.to, (size, relocation.modified));
            assert!(before.is_none(), "a relocation overwrites {:?}", relocation.to);
        }
        for touch in &plan.files.touches {
            self.files.get_mut(&touch.key).expect("touched file is there").1 = touch.modified;
        }
        for download in &plan.files.downloads {
            self.files.insert(download.key, (download.size, download.modified));
        }
    }

    fn step(&mut self, step: &AlbumStep) {
        match step {
            AlbumStep::Create { path } => {
                self.assert_place(path);
                let state = AlbumState::Album { links: Vec::new() };
                self.directories.insert(path.clone(), Directory { names: Vec::new(), state });
            }
            AlbumStep::Move { from, to } => self.relocate(from, to),
            AlbumStep::Remove { path } => {
                assert!(!self.holds_users_things(path), "{path:?} holds something");
                let directory = self.take(path);
                assert_ne!(directory.state, AlbumState::Archived);
                assert_ne!(directory.state, AlbumState::Folder { foreign: true });
            }
            AlbumStep::Retire { path, name } => {
                assert_eq!(self.take(path).state, AlbumState::Archived);
                self.retired.push(name.clone());
                let before = self.taken.len();
                self.taken.retain(|(folder, _)| folder != path);
                self.retired_things += before - self.taken.len();
            }
            AlbumStep::Name { path, old, new } => self.name(path, old, new),
        }
    }

    /// As on disk: the name link of another album is replaced, anything else stands in the way.
    fn name(&mut self, path: &AlbumPath, old: &[String], new: &str) {
        let folder = &path[..path.len() - 1];
        assert!(!self.taken.contains(&(folder.to_vec(), new.to_owned())), "{new} is the user's");
        let layout = ["_All-Photos", "_Shared-Photos", "_Archive"].contains(&new);
        assert!(!folder.is_empty() || !layout, "{new} is of the layout");
        for (other, directory) in &mut self.directories {
            if other.len() == path.len() && other.starts_with(folder) {
                directory.names.retain(|name| name != new);
            }
        }
        let names = &mut self.directories.get_mut(path).expect("named directory is there").names;
        names.retain(|name| !old.contains(name));
        names.push(new.to_owned());
    }

    fn assert_place(&self, path: &AlbumPath) {
        assert!(!self.directories.contains_key(path), "{path:?} is there already");
        let folder = &path[..path.len() - 1];
        assert!(folder.is_empty() || self.directories.contains_key(folder), "no folder for {path:?}");
    }

    fn relocate(&mut self, from: &AlbumPath, to: &AlbumPath) {
        self.directories.get_mut(from).expect("moved directory is there").names.clear();
        assert!(!to.starts_with(from), "{from:?} into itself");
        self.assert_place(to);
        let moved =
            |path: &AlbumPath| path.strip_prefix(from.as_slice()).map(|rest| [to.as_slice(), rest].concat());
        let directories = std::mem::take(&mut self.directories);
        self.directories =
            directories.into_iter().map(|(path, dir)| (moved(&path).unwrap_or(path), dir)).collect();
        let taken = std::mem::take(&mut self.taken);
        self.taken = taken.into_iter().map(|(path, name)| (moved(&path).unwrap_or(path), name)).collect();
    }

    fn take(&mut self, path: &AlbumPath) -> Directory {
        assert!(!self.has_children(path), "{path:?} is not empty");
        self.directories.remove(path).expect("removed directory is there")
    }

    fn holds_users_things(&self, path: &AlbumPath) -> bool {
        self.taken.iter().any(|(folder, _)| folder == path)
    }

    fn link(&mut self, path: &AlbumPath, step: &LinkStep) {
        let children = self.has_children(path);
        let directory = self.directories.get_mut(path).expect("linked directory is there");
        if directory.state == (AlbumState::Folder { foreign: false }) {
            directory.state = AlbumState::Album { links: Vec::new() };
        }
        let AlbumState::Album { links } = &mut directory.state else {
            panic!("links of {path:?} are the user's");
        };
        match step {
            LinkStep::Unlink { name } => {
                let at = links.iter().position(|link| link.name == *name).expect("unlinked link is there");
                links.remove(at);
            }
            LinkStep::Link { name, target, modified } => {
                assert!(!children, "{path:?} is a folder");
                assert!(self.files.contains_key(target), "{name} would dangle");
                let users = (path.clone(), name.clone());
                assert!(!self.taken.contains(&users), "{name} is the user's");
                let foreign = |link: &Link| link.name == *name && link.target.is_none();
                assert!(!links.iter().any(foreign), "{name} is not ours to replace");
                links.retain(|link| link.name != *name);
                links.push(Link { name: name.clone(), target: Some(*target), modified: *modified });
            }
        }
    }
}

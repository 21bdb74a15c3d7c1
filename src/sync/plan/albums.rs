//! What to do with albums and folders.
//!
//! The order of the steps makes each of them possible when its turn comes:
//!
//! 1. from the top of the tree that should be to its leaves, directories are made and moved: the folder that
//!    receives one is in its final place by then, so nothing moves into itself;
//! 2. what the server no longer has goes, children first;
//! 3. names are given: what still has one of them is an album that gets another.

use std::collections::{HashMap, HashSet};

use super::tree::{self, Target};
use super::{
    AlbumLinks, AlbumPath, AlbumPlan, AlbumStep, AlbumTally, LeftAlone, LeftAloneReason, Removal, links,
};
use crate::library::names::{self, FileName};
use crate::model::{Album, AlbumKind, AlbumState, Link, LocalAlbum, LocalLibrary, RecordName, RemoteLibrary};
use crate::sync::Policy;

/// Compares the two album trees.
pub(super) fn plan(
    remote: &RemoteLibrary,
    local: &LocalLibrary,
    policy: Policy,
    removal: Removal,
) -> AlbumPlan {
    let mut plan = AlbumPlan::default();
    let targets = tree::targets(remote, &mut plan.left_alone);
    let mut planner = Planner::new(local, &targets, plan);
    planner.keep(removal);
    planner.choose_names();
    planner.place();
    planner.remove();
    planner.name();
    planner.link(remote, policy, removal);
    planner.plan
}

/// A directory of an album: one that is there, one that will be, or both.
struct Node<'a> {
    record: &'a RecordName,
    /// What is on disk.
    local: Option<&'a LocalAlbum>,
    /// Where it belongs, as a position among the targets; `None` if the server does not have it.
    target: Option<usize>,
    /// The folder that holds it at this point of the plan.
    parent: Option<usize>,
    /// The names that it has at this point of the plan.
    names: Vec<String>,
    /// Something in it stays although the server does not have it. Without a target: it stays itself.
    kept: bool,
}

/// The tree, step by step on its way from what is to what should be.
struct Planner<'a> {
    targets: &'a [Target<'a>],
    /// The names of the user's own things, by the directory that holds them.
    users: HashMap<Option<&'a RecordName>, Vec<&'a str>>,
    /// The node of each target.
    placed: Vec<usize>,
    /// The name that each target gets.
    final_names: Vec<String>,
    /// The local directories, parents before children, then those to be made.
    nodes: Vec<Node<'a>>,
    plan: AlbumPlan,
}

impl<'a> Planner<'a> {
    fn new(local: &'a LocalLibrary, targets: &'a [Target<'a>], plan: AlbumPlan) -> Self {
        let mut users: HashMap<_, Vec<_>> = HashMap::new();
        for taken in &local.taken {
            users.entry(taken.inside.as_ref()).or_default().push(taken.name.as_str());
        }
        let (placed, final_names, nodes) = (Vec::new(), Vec::new(), Vec::new());
        let mut planner = Self { targets, users, placed, final_names, nodes, plan };
        let mut positions = HashMap::new();
        let mut around_copies = Vec::new();
        for album in &local.albums {
            let parent = album.parent.as_ref().and_then(|parent| positions.get(parent).copied());
            if positions.contains_key(&album.record) {
                planner.report(album, LeftAloneReason::Twice);
                around_copies.push(parent);
                continue;
            }
            positions.insert(album.record.clone(), planner.nodes.len());
            planner.nodes.push(Node {
                record: &album.record,
                local: Some(album),
                target: None,
                parent,
                names: album.names.clone(),
                kept: false,
            });
        }
        for (at, target) in targets.iter().enumerate() {
            let record = &target.album.record;
            let node = *positions.entry(record.clone()).or_insert(planner.nodes.len());
            if node == planner.nodes.len() {
                let names = Vec::new();
                planner.nodes.push(Node {
                    record,
                    local: None,
                    target: None,
                    parent: None,
                    names,
                    kept: false,
                });
            }
            planner.nodes[node].target = Some(at);
            planner.placed.push(node);
        }
        for folder in around_copies {
            planner.keep_around(folder);
        }
        planner
    }

    fn report(&mut self, album: &LocalAlbum, reason: LeftAloneReason) {
        let name = album.names.first().cloned().unwrap_or_else(|| album.record.to_string());
        self.plan.left_alone.push(LeftAlone { album: name, reason });
    }

    /// A folder that holds something that stays must stay, and so must those that hold it, up to one that
    /// the server has.
    fn keep_around(&mut self, mut at: Option<usize>) {
        while let Some(node) = at.filter(|node| !self.nodes[*node].kept) {
            let node = &mut self.nodes[node];
            node.kept = true;
            at = node.parent.filter(|_| node.target.is_none());
        }
    }

    /// Decides which directories stay although the server does not have them.
    fn keep(&mut self, removal: Removal) {
        for at in 0..self.nodes.len() {
            let node = &self.nodes[at];
            let Some(local) = node.local else { continue };
            if node.target.is_some() {
                continue;
            }
            let foreign = match &local.state {
                AlbumState::Folder { foreign } => *foreign,
                AlbumState::Album { .. } => self.users.contains_key(&Some(node.record)),
                AlbumState::Archived => false,
            };
            if foreign {
                self.report(local, LeftAloneReason::HoldsForeign);
            }
            if foreign || removal == Removal::HeldBack {
                self.keep_around(Some(at));
            }
        }
    }

    /// Gives every target a name that nothing beside it has, in the order of the records.
    fn choose_names(&mut self) {
        let mut taken = self.taken_names();
        let mut siblings: HashMap<Option<usize>, Vec<usize>> = HashMap::new();
        for at in 0..self.targets.len() {
            siblings.entry(self.final_parent(at)).or_default().push(at);
        }
        self.final_names = vec![String::new(); self.targets.len()];
        for (parent, siblings) in siblings {
            let wanted: Vec<_> = siblings
                .iter()
                .map(|at| self.targets[*at].album)
                .map(|album| (&album.record, FileName::album(&album.name)))
                .collect();
            let names = names::assign(&wanted, taken.entry(parent).or_default());
            for (at, name) in siblings.into_iter().zip(names) {
                self.final_names[at] = name;
            }
        }
    }

    /// What in each folder has a name and keeps it: the user's things, what stays, and at the root the layout.
    fn taken_names(&self) -> HashMap<Option<usize>, HashSet<String>> {
        let mut taken = HashMap::new();
        taken.insert(None, names::reserved_at_root().map(str::to_owned).collect::<HashSet<_>>());
        for (at, node) in self.nodes.iter().enumerate() {
            if let Some(names) = self.users.get(&Some(node.record)) {
                taken.entry(Some(at)).or_default().extend(names.iter().map(|name| (*name).to_owned()));
            }
            if node.target.is_none() && node.kept {
                taken.entry(node.parent).or_default().extend(node.names.iter().cloned());
            }
        }
        let at_root = self.users.get(&None).into_iter().flatten();
        taken.entry(None).or_default().extend(at_root.map(|name| (*name).to_owned()));
        taken
    }

    /// The node of the folder that a target belongs into.
    fn final_parent(&self, target: usize) -> Option<usize> {
        self.targets[target].parent.map(|parent| self.placed[parent])
    }

    fn path(&self, node: usize) -> AlbumPath {
        let mut path = vec![self.nodes[node].record.clone()];
        let mut at = self.nodes[node].parent;
        while let Some(parent) = at {
            path.push(self.nodes[parent].record.clone());
            at = self.nodes[parent].parent;
        }
        path.reverse();
        path
    }

    fn place(&mut self) {
        for at in 0..self.targets.len() {
            let (node, parent) = (self.placed[at], self.final_parent(at));
            let from = self.nodes[node].local.is_some().then(|| self.path(node));
            if from.is_some() && self.nodes[node].parent == parent {
                continue;
            }
            self.nodes[node].parent = parent;
            self.nodes[node].names.clear();
            let to = self.path(node);
            self.plan.steps.push(match from {
                None => AlbumStep::Create { path: to },
                Some(from) => AlbumStep::Move { from, to },
            });
        }
    }

    fn remove(&mut self) {
        for at in (0..self.nodes.len()).rev() {
            let node = &self.nodes[at];
            let (None, false, Some(local)) = (node.target, node.kept, node.local) else { continue };
            let path = self.path(at);
            self.plan.steps.push(if local.state == AlbumState::Archived {
                let name = node.names.first().cloned().unwrap_or_else(|| node.record.to_string());
                AlbumStep::Retire { path, name }
            } else {
                AlbumStep::Remove { path }
            });
        }
    }

    fn name(&mut self) {
        for (at, &node) in self.placed.iter().enumerate() {
            let new = &self.final_names[at];
            if self.nodes[node].names != [new.as_str()] {
                let (path, old) = (self.path(node), self.nodes[node].names.clone());
                self.plan.steps.push(AlbumStep::Name { path, old, new: new.clone() });
            }
        }
    }

    fn link(&mut self, remote: &RemoteLibrary, policy: Policy, removal: Removal) {
        for (at, target) in self.targets.iter().enumerate() {
            let album = target.album;
            let links = self.existing_links(at).map(|existing| {
                let members = album.members.as_deref().unwrap_or_default();
                let users = self.users.get(&Some(&album.record)).map_or(&[][..], Vec::as_slice);
                links::plan(remote, members, existing, users, policy, removal)
            });
            self.plan.albums.push(AlbumTally {
                record: album.record.clone(),
                name: self.final_names[at].clone(),
                kind: album.kind,
                members: album.members.as_ref().map(|members| members.len() as u64),
                links: links.as_ref().map(|links| links.wanted),
            });
            if let Some(steps) = links.map(|links| links.steps).filter(|steps| !steps.is_empty()) {
                let path = self.path(self.placed[at]);
                self.plan.links.push(AlbumLinks { path, steps });
            }
        }
    }

    /// The links that a target's directory holds; `None` if they are left alone.
    fn existing_links(&mut self, target: usize) -> Option<&'a [Link]> {
        let node = &self.nodes[self.placed[target]];
        let Album { kind, members, .. } = self.targets[target].album;
        let existing = match node.local.map(|local| &local.state) {
            Some(AlbumState::Archived) => return None,
            Some(AlbumState::Folder { foreign }) if *kind == AlbumKind::Album && (*foreign || node.kept) => {
                self.leave(target, LeftAloneReason::FolderHoldsForeign);
                return None;
            }
            Some(AlbumState::Folder { .. }) | None => &[],
            Some(AlbumState::Album { links }) => links.as_slice(),
        };
        if *kind == AlbumKind::Album && members.is_none() {
            self.leave(target, LeftAloneReason::Unread);
            return None;
        }
        Some(existing)
    }

    fn leave(&mut self, target: usize, reason: LeftAloneReason) {
        self.plan.left_alone.push(LeftAlone { album: self.final_names[target].clone(), reason });
    }
}

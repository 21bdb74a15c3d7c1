//! What to do with the links in one album's directory.

use std::collections::{HashMap, HashSet};

use super::files::TOLERANCE;
use super::{LinkStep, Removal};
use crate::library::names::{self, FileName};
use crate::model::{Asset, FileKey, Link, RemoteLibrary, Zone};
use crate::sync::Policy;

/// The links of one album.
pub(super) struct Links {
    /// How many there should be.
    pub(super) wanted: u64,
    /// What makes it so.
    pub(super) steps: Vec<LinkStep>,
}

/// Compares the links that an album should have with those that it has. `users` are the names that the user's
/// own things have beside them.
pub(super) fn plan(
    remote: &RemoteLibrary,
    members: &[u32],
    existing: &[Link],
    users: &[&str],
    policy: Policy,
    removal: Removal,
) -> Links {
    let members = in_order(remote, members);
    let targets: HashSet<FileKey> = members.iter().flat_map(|asset| keys(asset, policy)).collect();
    let stays = |link: &Link| {
        removal == Removal::HeldBack && link.target.is_some_and(|target| !targets.contains(&target))
    };
    let staying = existing.iter().filter(|link| stays(link)).map(|link| link.name.as_str());
    let taken = staying.chain(users.iter().copied()).map(str::to_owned).collect();

    let wanted = wanted(&members, policy, &taken);
    let names: HashSet<&str> = wanted.iter().map(|link| link.name.as_str()).collect();
    let unlinks = existing
        .iter()
        .filter(|link| !stays(link))
        // What leads nowhere that we know is no link of ours to be replaced.
        .filter(|link| link.target.is_none() || !names.contains(link.name.as_str()))
        .map(|link| LinkStep::Unlink { name: link.name.clone() })
        .collect::<Vec<_>>();

    let present: HashMap<&str, &Link> = existing.iter().map(|link| (link.name.as_str(), link)).collect();
    let differs = |link: &Wanted| {
        present.get(link.name.as_str()).is_none_or(|found| {
            found.target != Some(link.target) || found.modified.abs_diff(link.modified) > TOLERANCE
        })
    };
    let mut steps = unlinks;
    steps.sort_unstable_by(|a, b| name(a).cmp(name(b)));
    steps.extend(wanted.iter().filter(|link| differs(link)).map(|link| LinkStep::Link {
        name: link.name.clone(),
        target: link.target,
        modified: link.modified,
    }));
    Links { wanted: wanted.len() as u64, steps }
}

fn name(step: &LinkStep) -> &str {
    match step {
        LinkStep::Unlink { name } | LinkStep::Link { name, .. } => name,
    }
}

/// A link as it should be.
struct Wanted {
    name: String,
    target: FileKey,
    modified: i64,
}

/// The assets of an album in the order in which names are given: by date, then by record.
fn in_order<'a>(remote: &'a RemoteLibrary, members: &[u32]) -> Vec<&'a Asset> {
    let mut assets: Vec<&Asset> = members
        .iter()
        .filter_map(|at| remote.assets.get(*at as usize))
        // Assets of the shared library are in no album.
        .filter(|asset| asset.zone == Zone::Primary)
        .collect();
    assets.sort_unstable_by_key(|asset| (asset.date, &asset.record));
    assets.dedup_by_key(|asset| &asset.record);
    assets
}

fn keys(asset: &Asset, policy: Policy) -> impl Iterator<Item = FileKey> + '_ {
    asset.files.iter().filter(move |file| policy.wants(file.kind)).map(|file| asset.key(file))
}

fn wanted(members: &[&Asset], policy: Policy, taken: &HashSet<String>) -> Vec<Wanted> {
    let files: Vec<_> = members
        .iter()
        .flat_map(|asset| asset.files.iter().map(move |file| (asset, file)))
        .filter(|(_, file)| policy.wants(file.kind))
        .collect();
    let names: Vec<_> =
        files.iter().enumerate().map(|(at, (asset, file))| (at, FileName::link(asset, file))).collect();
    let names = names::assign(&names, taken);
    let links = names.into_iter().zip(files);
    links
        .map(|(name, (asset, file))| Wanted { name, target: asset.key(file), modified: file.modified })
        .collect()
}

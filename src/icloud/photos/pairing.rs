//! Puts assets and masters together, over all pages of a zone.
//!
//! Usually an asset and its master are on the same page. A master may also stand on another page, serve
//! several assets, or be missing; an asset may come twice when the library changes while it is listed.

use std::collections::{HashMap, HashSet};

use super::Wanted;
use super::page::{AssetRecord, MasterRecord, Page, RecordKind, Unreadable};
use super::record::{Version, printable};
use super::resource::Resource;
use crate::model::{Asset, AssetFile, Checksum, Kind, Problem, RecordName, Zone};

/// Collects the assets of one zone.
#[derive(Debug)]
pub(super) struct Pairing {
    zone: Zone,
    wanted: Wanted,
    entries: Vec<Entry>,
    /// Assets whose master has not come yet.
    waiting: Vec<AssetRecord>,
    /// Masters that no asset of their page shows.
    spare: HashMap<RecordName, MasterRecord>,
    /// Assets that could not be read; they count as listed.
    unreadable_assets: u64,
    problems: Vec<Problem>,
}

/// What became of one asset record.
#[derive(Debug)]
struct Entry {
    version: Version,
    outcome: Outcome,
    trouble: Option<Box<Trouble>>,
}

/// What is wrong with an asset.
#[derive(Debug)]
struct Trouble {
    problem: Problem,
    /// What of it is still being uploaded.
    pending: Vec<Checksum>,
}

#[derive(Debug)]
enum Outcome {
    /// To be backed up.
    Shown(Asset),
    /// Visible, but nothing of it can be backed up now.
    Skipped(RecordName),
    /// Hidden or deleted.
    Gone(RecordName),
}

/// The assets of a zone.
#[derive(Debug)]
pub(super) struct Paired {
    /// Each visible asset once, in the order of their record names.
    pub(super) assets: Vec<Asset>,
    /// How many visible assets the listing gave, those that are skipped included.
    pub(super) listed: u64,
    pub(super) problems: Vec<Problem>,
    /// Visible assets that lack a file, or all of them.
    pub(super) troubled: HashSet<RecordName>,
    /// Contents of assets that are still being uploaded.
    pub(super) pending: Vec<Checksum>,
}

impl Pairing {
    pub(super) fn new(zone: Zone, wanted: Wanted) -> Self {
        Self {
            zone,
            wanted,
            entries: Vec::new(),
            waiting: Vec::new(),
            spare: HashMap::new(),
            unreadable_assets: 0,
            problems: Vec::new(),
        }
    }

    /// Takes in one page of a listing.
    pub(super) fn add(&mut self, page: Page) {
        for unreadable in page.unreadable {
            self.unreadable_assets += u64::from(unreadable.kind == RecordKind::Asset);
            self.problems.push(unreadable.into());
        }
        let masters = page.masters.into_iter().map(|master| (master.record.clone(), (master, false)));
        let mut masters: HashMap<_, _> = masters.collect();
        for asset in page.assets {
            if let Some((master, shown)) = masters.get_mut(&asset.master) {
                self.entries.push(entry(self.zone, self.wanted, asset, master));
                *shown = true;
            } else {
                self.waiting.push(asset);
            }
        }
        for (master, _) in masters.into_values().filter(|(_, shown)| !shown) {
            self.keep(master);
        }
    }

    /// Takes in masters that were looked up by name.
    pub(super) fn add_masters(&mut self, page: Page) {
        self.problems.extend(page.unreadable.into_iter().map(Problem::from));
        for master in page.masters {
            self.keep(master);
        }
    }

    /// The masters that must still be looked up, each once. Call it when all pages are in.
    pub(super) fn missing_masters(&self) -> Vec<RecordName> {
        let mut missing: Vec<_> = self
            .waiting
            .iter()
            .filter(|asset| asset.visible && !self.spare.contains_key(&asset.master))
            .map(|asset| asset.master.clone())
            .collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    /// What all pages together say.
    pub(super) fn finish(mut self) -> Paired {
        let entries = self.entries();
        let (listed, problems) = (self.unreadable_assets, self.problems);
        let mut paired =
            Paired { assets: Vec::new(), listed, problems, troubled: HashSet::new(), pending: Vec::new() };
        for entry in entries {
            if entry.trouble.is_some() {
                paired.troubled.insert(entry.record().clone());
            }
            if let Some(trouble) = entry.trouble {
                paired.problems.push(trouble.problem);
                paired.pending.extend(trouble.pending);
            }
            match entry.outcome {
                Outcome::Shown(asset) => paired.assets.push(asset),
                Outcome::Skipped(_) => paired.listed += 1,
                Outcome::Gone(_) => {}
            }
        }
        paired.listed += paired.assets.len() as u64;
        paired
    }

    /// The visible assets of which every file can be backed up.
    pub(super) fn flawless(mut self) -> Vec<Asset> {
        let entries = self.entries().into_iter().filter(|entry| entry.trouble.is_none());
        let shown = |entry: Entry| match entry.outcome {
            Outcome::Shown(asset) => Some(asset),
            Outcome::Skipped(_) | Outcome::Gone(_) => None,
        };
        entries.filter_map(shown).collect()
    }

    /// The newest state of every asset, in the order of the record names.
    fn entries(&mut self) -> Vec<Entry> {
        for asset in std::mem::take(&mut self.waiting) {
            let entry = match self.spare.get(&asset.master) {
                Some(master) => entry(self.zone, self.wanted, asset, master),
                None => entry_without_master(asset),
            };
            self.entries.push(entry);
        }
        let mut entries = std::mem::take(&mut self.entries);
        entries.sort_by(|a, b| a.record().cmp(b.record()).then(b.version.cmp(&a.version)));
        entries.dedup_by(|later, first| later.record() == first.record());
        entries
    }

    fn keep(&mut self, master: MasterRecord) {
        match self.spare.get(&master.record) {
            Some(kept) if kept.version >= master.version => {}
            _ => drop(self.spare.insert(master.record.clone(), master)),
        }
    }
}

impl Entry {
    fn record(&self) -> &RecordName {
        match &self.outcome {
            Outcome::Shown(asset) => &asset.record,
            Outcome::Skipped(record) | Outcome::Gone(record) => record,
        }
    }
}

impl From<Unreadable> for Problem {
    fn from(unreadable: Unreadable) -> Self {
        Self {
            subject: unreadable.subject,
            reason: format!("the record cannot be read: {}", unreadable.reason),
            blocks_deletion: true,
        }
    }
}

fn entry_without_master(asset: AssetRecord) -> Entry {
    if !asset.visible {
        return Entry { version: asset.version, outcome: Outcome::Gone(asset.record), trouble: None };
    }
    let problem = Problem {
        subject: asset.record.to_string(),
        reason: format!("its master record {} is missing", asset.master),
        blocks_deletion: true,
    };
    let trouble = Trouble { problem, pending: Vec::new() };
    Entry { version: asset.version, outcome: Outcome::Skipped(asset.record), trouble: Some(trouble.into()) }
}

fn entry(zone: Zone, wanted: Wanted, asset: AssetRecord, master: &MasterRecord) -> Entry {
    let version = asset.version;
    if !asset.visible {
        return Entry { version, outcome: Outcome::Gone(asset.record), trouble: None };
    }
    let (files, unusable) = files(&asset, master, wanted);
    let trouble = (!unusable.is_empty()).then(|| {
        let subject = format!("{} ({})", printable(&master.name), asset.record);
        let pending = pending(&asset, master);
        // An asset that is on its way has nothing on disk that might be taken for gone.
        let blocks_deletion = pending.is_empty() || unusable.len() > 1;
        Box::new(Trouble {
            problem: Problem { subject, reason: unusable.join("; "), blocks_deletion },
            pending,
        })
    });
    let has_original = files.first().is_some_and(|file| file.kind == Kind::Original);
    let outcome = if has_original {
        Outcome::Shown(Asset {
            record: asset.record,
            master: master.record.clone(),
            zone,
            date: asset.date,
            name: master.name.clone(),
            favorite: asset.favorite,
            files: files.into(),
        })
    } else {
        Outcome::Skipped(asset.record)
    };
    Entry { version, outcome, trouble }
}

/// All contents of an asset whose original is still being uploaded, as far as they are known. Of the original it is
/// the name of the master; empty if that is not its checksum.
fn pending(asset: &AssetRecord, master: &MasterRecord) -> Vec<Checksum> {
    let (Resource::Uploading(_), Ok(original)) =
        (&master.original, Checksum::from_base64(master.record.as_str()))
    else {
        return Vec::new();
    };
    let others =
        [&master.live_video, &master.alternative, &asset.picture, &asset.video].into_iter().flatten();
    let others = others.filter_map(|resource| match resource {
        Resource::Ready { checksum, .. } => Some(*checksum),
        Resource::Uploading(_) | Resource::Unusable(_) => None,
    });
    std::iter::once(original).chain(others).collect()
}

/// The files of an asset that are wanted, the original first, and what is wrong with the others.
fn files<'a>(
    asset: &'a AssetRecord,
    master: &'a MasterRecord,
    wanted: Wanted,
) -> (Vec<AssetFile>, Vec<&'a str>) {
    let (edited, edited_video) = match (&asset.picture, &asset.video) {
        (_, Some(video)) if master.is_video => (Some(video), None),
        (picture, video) => (picture.as_ref(), video.as_ref()),
    };
    let live = |resource: Option<&'a Resource>| resource.filter(|_| wanted.live_photos);
    let alternative = master.alternative.as_ref().filter(|_| wanted.alternatives);
    let candidates = [
        (Kind::Original, Some(&master.original)),
        (Kind::Edited, edited),
        (Kind::LiveVideo, live(master.live_video.as_ref())),
        (Kind::EditedLiveVideo, live(edited_video)),
        (Kind::Alternative, alternative),
    ];
    let (mut files, mut unusable) = (Vec::new(), Vec::new());
    for (kind, resource) in candidates {
        match resource {
            Some(&Resource::Ready { checksum, size, extension }) => {
                let modified = if kind.on_master() { master.modified } else { asset.modified };
                files.push(AssetFile { kind, checksum, extension, size, modified });
            }
            Some(Resource::Uploading(reason) | Resource::Unusable(reason)) => unusable.push(reason.as_str()),
            None => {}
        }
    }
    (files, unusable)
}

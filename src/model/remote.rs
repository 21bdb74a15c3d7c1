//! The library as the server describes it.

use super::{Album, Asset, Checksum, Zone};

/// Everything that was read from the server in one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemoteLibrary {
    /// All visible assets of all zones.
    pub assets: Vec<Asset>,
    /// All albums and folders; parents may come after their children.
    pub albums: Vec<Album>,
    /// What was counted and listed, zone by zone.
    pub zones: Vec<ZoneTally>,
    /// Contents of assets whose original is still being uploaded. None of them should be on disk.
    pub pending: Vec<Checksum>,
    /// What could not be read, by name. Empty after a flawless reading.
    pub problems: Vec<Problem>,
}

/// How a zone's listing compares with what Apple counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZoneTally {
    /// The zone.
    pub zone: Zone,
    /// Assets that the index counts.
    pub counted: u64,
    /// Assets that the listing gave.
    pub listed: u64,
}

/// Something that could not be read, or that may not be what it seems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The record, album or zone, by name.
    pub subject: String,
    /// What is wrong with it, as a sentence for the user.
    pub reason: String,
    /// Whether the listing cannot be trusted to be complete, so that nothing may be deleted on its word.
    pub blocks_deletion: bool,
}

impl RemoteLibrary {
    /// The first reason why nothing may be deleted on the word of this listing.
    pub fn incomplete(&self) -> Option<&Problem> {
        self.problems.iter().find(|problem| problem.blocks_deletion)
    }
}

//! Who watches a sync while it runs.

use super::guard::{Held, Shortage};
use super::outcome::Warning;
use super::plan::{Amount, Download};

/// What a sync is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Taking files back from the trash, moving and touching them.
    Files,
    /// Downloading.
    Downloads,
    /// Changing albums, folders and links.
    Albums,
    /// Throwing away what no longer belongs into the library.
    Deletions,
}

/// Hears of each event as it happens. Calls come from async code and must not block; all do nothing by default.
pub trait Observer: Sync {
    /// The plan is being applied, and this is to be downloaded.
    fn start(&self, downloads: Amount) {
        let _ = downloads;
    }

    /// The disk is too small for all of it.
    fn shortage(&self, shortage: &Shortage) {
        let _ = shortage;
    }

    /// Nothing is deleted.
    fn held(&self, held: &Held) {
        let _ = held;
    }

    /// Something else begins.
    fn phase(&self, phase: Phase) {
        let _ = phase;
    }

    /// Bytes of downloads that arrived; negative when some are thrown away to begin anew.
    fn bytes(&self, more: i64) {
        let _ = more;
    }

    /// A download is on disk, verified.
    fn downloaded(&self, download: &Download) {
        let _ = download;
    }

    /// Something failed, and the rest goes on. `download` if it was one.
    fn warning(&self, warning: &Warning, download: Option<&Download>) {
        let _ = (warning, download);
    }
}

/// Nobody.
impl Observer for () {}

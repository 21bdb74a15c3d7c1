//! What the user wants of a sync.

use crate::model::Kind;

/// Which files belong into the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The movies of Live Photos.
    pub live_photos: bool,
    /// The second files of RAW+JPEG pairs.
    pub alternatives: bool,
}

impl Policy {
    /// Whether files of this kind are wanted.
    pub fn wants(self, kind: Kind) -> bool {
        match kind {
            Kind::Original | Kind::Edited => true,
            Kind::LiveVideo | Kind::EditedLiveVideo => self.live_photos,
            Kind::Alternative => self.alternatives,
        }
    }
}

impl Default for Policy {
    /// Everything.
    fn default() -> Self {
        Self { live_photos: true, alternatives: true }
    }
}

//! The library for those who only want to look: nothing is locked, and nothing on disk changes.

use std::path::Path;

use crate::model::LocalLibrary;

use super::layout::Places;
use super::{Error, OpenOptions, find_root, identity, legacy, scan};

/// A library as it is, or the place of one that does not exist yet.
#[derive(Debug)]
pub struct View(Option<Places>);

impl View {
    /// Recognises the library in `root`. Fails where [`super::Library::open`] would want a decision.
    pub fn open(root: &Path, options: &OpenOptions) -> Result<Self, Error> {
        // A first run would create it.
        let Some(root) = find_root(root, options)? else { return Ok(Self(None)) };
        identity::recognise(&root, options.known_id.as_deref(), options.adopt)?;
        legacy::check_version(&root)?;
        Places::find(root).map(Some).map(Self)
    }

    /// Looks at everything. Blocks; uses rayon's threads.
    pub fn scan(&self) -> Result<LocalLibrary, Error> {
        self.0.as_ref().map_or_else(|| Ok(LocalLibrary::default()), scan::scan)
    }
}

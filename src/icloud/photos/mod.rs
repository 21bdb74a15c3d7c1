//! The photos database: reads the library, and finds where its files can be downloaded.
//!
//! [`Photos::read`] lists the zones' assets in windows of ranks, a few at once, and turns each page into the
//! model before the next arrives, so that memory grows with the library and not with its JSON. Whatever casts
//! doubt on the listing's completeness becomes a [`Problem`](crate::model::Problem) that blocks deletions.
//!
//! A later reading of changes only (`changes/zone`) would yield the same [`page`] records and be put together
//! by the same pairing.

mod albums;
mod database;
mod json;
mod listing;
mod locate;
pub mod page;
mod pairing;
mod query;
mod read;
mod record;
mod resource;
#[cfg(test)]
mod tests;
mod trash;
mod zones;

use std::time::Duration;

use tokio::sync::OnceCell;

pub use locate::{Location, Missing, Wish};
pub use record::Version;
pub use resource::Resource;
pub use trash::{Current, MOST_AT_ONCE};

use super::download::{self, Content, FetchError};
use super::{Account, Error};
use crate::model::{Asset, RemoteLibrary, Zone};
use zones::{Libraries, Library};

/// Which files are wanted besides originals and edited versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The videos of Live Photos.
    pub live_photos: bool,
    /// The second file of RAW+JPEG.
    pub alternatives: bool,
}

/// How far [`Photos::read`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadProgress {
    /// Assets of a zone are being listed.
    Assets {
        /// The zone.
        zone: Zone,
        /// How many were listed; a few may come twice.
        listed: u64,
        /// How many there are, by Apple's estimate.
        counted: u64,
    },
    /// The content of albums is being listed.
    Albums {
        /// Albums and folders that are read.
        read: u64,
        /// Albums and folders that there are.
        found: u64,
    },
}

/// The photos of a signed-in account.
#[derive(Debug)]
pub struct Photos {
    account: Account,
    wanted: Wanted,
    idle_timeout: Option<Duration>,
    libraries: OnceCell<Libraries>,
}

impl Photos {
    /// The photos of that account. A download that makes no progress for `idle_timeout` is given up; `None`
    /// waits for ever.
    pub fn new(account: Account, wanted: Wanted, idle_timeout: Option<Duration>) -> Self {
        Self { account, wanted, idle_timeout, libraries: OnceCell::new() }
    }

    /// Reads all visible assets, albums and folders.
    ///
    /// Fails with [`Error::NotSetUp`] if there is no personal library, with [`Error::Indexing`] while Apple
    /// indexes one, and with whatever keeps the personal library from being listed. What cannot be read in
    /// part is a problem of the result.
    pub async fn read(&self, progress: &(dyn Fn(ReadProgress) + Sync)) -> Result<RemoteLibrary, Error> {
        read::read(&self.account, self.libraries().await?, self.wanted, progress).await
    }

    /// Finds where files of that zone can be downloaded for about an hour; the answers are in the order of
    /// `files`. One request for each hundred records.
    pub async fn locate(&self, zone: Zone, files: &[Wish]) -> Result<Vec<Result<Location, Missing>>, Error> {
        let libraries = self.libraries().await?.found.iter().filter(|library| library.zone == zone);
        locate::locate(&self.account, &libraries.collect::<Vec<_>>(), files).await
    }

    /// Starts the download of a file from `offset` on. The content may begin earlier; see [`Content::offset`].
    pub async fn fetch(&self, location: &Location, offset: u64) -> Result<Content, FetchError> {
        download::fetch(&self.account, &location.url, location.size, offset, self.idle_timeout).await
    }

    /// What these assets of the personal library, at most [`MOST_AT_ONCE`], are at this moment, whatever files are
    /// wanted. Those that are hidden or gone, or that could not be backed up as they are, are left out.
    pub async fn current(&self, assets: &[&Asset]) -> Result<Vec<Current>, Error> {
        trash::current(&self.account, self.personal().await?, assets).await
    }

    /// Moves assets of the personal library to Recently Deleted, where they stay for 30 days: all of them, unless
    /// one has changed since it was looked at, which fails with [`Error::Server`].
    pub async fn trash(&self, assets: &[Current]) -> Result<(), Error> {
        trash::trash(&self.account, self.personal().await?, assets).await
    }

    async fn personal(&self) -> Result<&Library, Error> {
        self.libraries().await?.found.first().ok_or(Error::NotSetUp)
    }

    async fn libraries(&self) -> Result<&Libraries, Error> {
        self.libraries.get_or_try_init(|| zones::libraries(&self.account)).await
    }
}

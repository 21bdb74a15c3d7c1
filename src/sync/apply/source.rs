//! Where files come from: the seam between what is done with downloads and Apple's servers.

use std::future::Future;

use bytes::Bytes;

use crate::icloud::Error;
use crate::icloud::download::{Content, FetchError};
use crate::icloud::photos::{Location, Missing, Photos, Wish};
use crate::model::Zone;

/// Something that has files.
pub trait Source: Sync {
    /// Where a file can be fetched for some minutes.
    type Location: Send + Sync;
    /// The bytes of a file.
    type Body: Body;

    /// Finds files of a zone; the answers are in the order of the wishes. An error is one of the whole run.
    fn locate(
        &self,
        zone: Zone,
        wishes: &[Wish],
    ) -> impl Future<Output = Result<Vec<Result<Self::Location, Missing>>, Error>> + Send;

    /// Begins to fetch a file from `offset` on; returns where the bytes begin instead.
    fn fetch(
        &self,
        location: &Self::Location,
        offset: u64,
    ) -> impl Future<Output = Result<(u64, Self::Body), FetchError>> + Send;
}

/// The bytes of a file, on their way.
pub trait Body: Send {
    /// The next bytes; `None` at the end of the file.
    fn next(&mut self) -> impl Future<Output = Result<Option<Bytes>, FetchError>> + Send;
}

impl Source for Photos {
    type Location = Location;
    type Body = Content;

    async fn locate(&self, zone: Zone, wishes: &[Wish]) -> Result<Vec<Result<Location, Missing>>, Error> {
        Photos::locate(self, zone, wishes).await
    }

    async fn fetch(&self, location: &Location, offset: u64) -> Result<(u64, Content), FetchError> {
        let content = Photos::fetch(self, location, offset).await?;
        Ok((content.offset, content))
    }
}

impl Body for Content {
    async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        Content::next(self).await
    }
}

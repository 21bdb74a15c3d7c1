//! The door to the photos database.

use std::future::Future;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::icloud::{Account, Area, Error};

/// How many questions are under way at once. Clients report that more than two to five are not tolerated.
pub(super) const PARALLEL: usize = 4;

/// Answers questions about photos: a signed-in account, or a table of answers in tests.
pub(super) trait Database: Sync {
    /// Asks `call` (such as `records/query`) in that area. Retries are the implementor's business.
    fn call(&self, area: Area, call: &str, body: &Value)
    -> impl Future<Output = Result<Bytes, Error>> + Send;
}

impl Database for Account {
    async fn call(&self, area: Area, call: &str, body: &Value) -> Result<Bytes, Error> {
        self.database(area, call, body).await
    }
}

/// A database that is asked at most [`PARALLEL`] questions at once, however many lists are read side by side.
#[derive(Debug)]
pub(super) struct Bounded<'a, D> {
    database: &'a D,
    permits: Semaphore,
}

impl<'a, D> Bounded<'a, D> {
    pub(super) fn new(database: &'a D) -> Self {
        Self { database, permits: Semaphore::new(PARALLEL) }
    }
}

impl<D: Database> Database for Bounded<'_, D> {
    async fn call(&self, area: Area, call: &str, body: &Value) -> Result<Bytes, Error> {
        // The semaphore is never closed; a permit that could not be had would only mean less politeness.
        let _permit = self.permits.acquire().await.ok();
        self.database.call(area, call, body).await
    }
}

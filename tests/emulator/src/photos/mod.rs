//! The photos database.

use crate::{Reply, Request, State, status};

/// Answers a request to the database; its cookies have been checked.
#[allow(clippy::unused_async, reason = "the frame awaits it")]
pub async fn database(_state: &State, _request: &Request) -> Reply {
    status(501)
}

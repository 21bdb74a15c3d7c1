//! The host of the files.

use crate::{Reply, Request, State, status};

/// Answers a request for the bytes of a file.
#[allow(clippy::unused_async, reason = "the frame awaits it")]
pub async fn content(_state: &State, _request: &Request) -> Reply {
    status(501)
}

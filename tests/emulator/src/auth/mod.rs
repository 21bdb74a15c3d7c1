//! The sign-in host.

use crate::{Reply, Request, State, status};

/// Answers a request to the sign-in host.
pub(crate) fn answer(_state: &State, _request: &Request) -> Reply {
    status(501)
}

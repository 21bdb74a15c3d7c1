//! The account services.

use crate::{Reply, Request, State, status};

/// Answers a request to the setup host.
pub(crate) fn answer(_state: &State, _request: &Request) -> Reply {
    status(501)
}

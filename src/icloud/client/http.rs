//! The connections below the client.

use reqwest::redirect::Policy;

use super::{CONNECT_TIMEOUT, IDLE_TIMEOUT};
use crate::icloud::error::Error;
use crate::icloud::hosts::USER_AGENT;

/// A fresh pool of connections.
///
/// TLS uses the roots of the system (read anew, `SSL_CERT_FILE` included), HTTP/2 where offered, and the proxy
/// of the environment. Redirects are never followed: Apple uses them to name another world, and cookies must not
/// travel along.
pub(super) fn build() -> Result<reqwest::Client, Error> {
    // Fails if a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(Policy::none())
        .referer(false)
        .https_only(true)
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(IDLE_TIMEOUT)
        .build()
        .map_err(|error| Error::network("any server", error))
}

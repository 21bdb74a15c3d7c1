//! The connections below the client.

use reqwest::redirect::Policy;

use super::{CONNECT_TIMEOUT, IDLE_TIMEOUT, Route};
use crate::icloud::error::Error;
use crate::icloud::hosts::USER_AGENT;

/// A fresh pool of connections.
///
/// TLS uses the roots of the system (read anew, `SSL_CERT_FILE` included), HTTP/2 where offered, and the proxy
/// of the environment. Redirects are never followed: Apple uses them to name another world, and cookies must not
/// travel along.
pub(super) fn build(route: &Route) -> Result<reqwest::Client, Error> {
    // Fails if a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .redirect(Policy::none())
        .referer(false)
        .https_only(true)
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(IDLE_TIMEOUT);
    let unusable = |error| Error::network("any server", error);
    if let Some(proxy) = &route.proxy {
        builder = builder.proxy(reqwest::Proxy::https(proxy).map_err(unusable)?);
    }
    if let Some(path) = &route.ca_file {
        let pem = std::fs::read(path).map_err(|source| Error::State { path: path.clone(), source })?;
        builder = builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(&pem).map_err(unusable)?);
    }
    builder.build().map_err(unusable)
}

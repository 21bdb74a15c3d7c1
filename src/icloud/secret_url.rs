//! Addresses that are credentials.

use std::fmt;

use reqwest::Url;

use super::error::Error;

/// Where Apple keeps the content of files, reported by clients.
const CONTENT_DOMAINS: [&str; 3] = [".icloud-content.com", ".icloud-content.com.cn", ".cdn-apple.com"];

/// The address of a file's content. Whoever knows it may read the file for about an hour, so it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(Url);

impl SecretUrl {
    /// Accepts an `https` address on one of Apple's content hosts; anything else is [`Error::Protocol`].
    pub fn new(text: &str) -> Result<Self, Error> {
        let refused = |why: &str| Error::protocol(format!("a download address {why}"));
        let url = Url::parse(text).map_err(|_| refused("is malformed"))?;
        if url.scheme() != "https" {
            return Err(refused("is not https"));
        }
        let host = url.host_str().unwrap_or_default();
        if !CONTENT_DOMAINS.iter().any(|domain| host.ends_with(domain)) {
            return Err(refused(&format!("is on the foreign host {host:?}")));
        }
        Ok(Self(url))
    }

    /// The server's name, which is no secret.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    pub(super) fn expose(&self) -> &Url {
        &self.0
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretUrl(https://{}/…)", self.host())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_apples_content_hosts_over_https_are_accepted() {
        for text in ["https://cvws.icloud-content.com/B/x?k=1", "https://cvws.icloud-content.com.cn:443/B"] {
            assert!(SecretUrl::new(text).is_ok(), "{text}");
        }
        for text in [
            "http://cvws.icloud-content.com/B/x",
            "https://icloud-content.com.evil.example/B",
            "https://evil-icloud-content.com/B",
            "https://cvws.icloud-content.com@evil.example/B",
            "file:///etc/passwd",
            "",
        ] {
            assert!(SecretUrl::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_secret_part_is_not_shown() {
        let url = SecretUrl::new("https://cvws.icloud-content.com/B/secret?k=secret").unwrap();
        assert!(!format!("{url:?}").contains("secret?"));
        assert!(!format!("{url:?}").contains("/B/"));
    }
}

//! What is remembered between runs about a sign-in.

use std::fmt;
use std::io;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use sha2::{Digest, Sha256};

use super::cookies::Jar;
use super::hosts;
use crate::settings::Region;

/// The cookie whose expiry says how long Apple trusts this client; its name may have a suffix.
const TRUST_COOKIE: &str = "X-APPLE-WEBAUTH-HSA-TRUST";
/// The cookie that the photos database checks.
const SESSION_COOKIE: &str = "X-APPLE-WEBAUTH-TOKEN";
/// How long Apple trusts a client when no cookie says so: reported by clients since 2024.
const TRUST_LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A sign-in: identity of this client, tokens, cookies.
///
/// Everything in here but the dates is secret; [`Debug`] shows none of it.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(clippy::struct_field_names, reason = "Apple calls them session token and session id")]
pub struct Session {
    /// Whose sign-in this is, lower case.
    pub(super) account: String,
    /// `auth-<uuid>`. Apple's trust is bound to it, so it never changes.
    pub(super) client_id: String,
    pub(super) trust_token: Option<String>,
    pub(super) trusted_at: Option<Timestamp>,
    /// When the trust was last tried to be prolonged.
    pub(super) trust_tried_at: Option<Timestamp>,
    /// Digest of the trust token that the user gave, so that it does not replace its own successors.
    pub(super) given_token_digest: Option<String>,
    pub(super) session_token: Option<String>,
    pub(super) session_id: Option<String>,
    pub(super) scnt: Option<String>,
    pub(super) country: Option<String>,
    pub(super) auth_attributes: Option<String>,
    /// The domain that Apple sent this account to, if it is not the configured one.
    pub(super) domain: Option<String>,
    pub(super) dsid: Option<String>,
    pub(super) photos_url: Option<String>,
    /// When Apple last confirmed the session.
    pub(super) validated_at: Option<Timestamp>,
    pub(super) cookies: Jar,
}

impl Session {
    /// A session without any sign-in, for a client that Apple does not know yet.
    pub fn new(account: &str) -> io::Result<Self> {
        Ok(Self { account: account.to_owned(), client_id: new_client_id()?, ..Self::default() })
    }

    /// Reads a session; `None` if there is no such file.
    ///
    /// A file that is no session is [`io::ErrorKind::InvalidData`]; the message does not quote it.
    pub fn load(path: &Path) -> io::Result<Option<Self>> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => zeroize::Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let damaged = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
        let session: Self = serde_json::from_slice(&bytes)
            .map_err(|error| damaged(format!("not a session (line {})", error.line())))?;
        if session.client_id.is_empty() {
            return Err(damaged("a session without client id".to_owned()));
        }
        Ok(Some(session))
    }

    /// Replaces the file atomically; only its owner may read it.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let json = zeroize::Zeroizing::new(serde_json::to_vec_pretty(self)?);
        super::state::write_private(path, &json)
    }

    /// Until when Apple trusts this client, so that a sign-in needs no code: what the trust cookie says, else 30
    /// days from the day that trust was given. `None` if it is not trusted, or nobody knows.
    pub fn trust_expiry(&self) -> Option<Timestamp> {
        self.trust_token.as_ref()?;
        let said = self.cookies.named(TRUST_COOKIE, Timestamp::MIN).filter_map(|cookie| cookie.expires).max();
        said.or_else(|| self.trusted_at?.checked_add(TRUST_LIFE).ok())
    }

    /// The account's number, once known.
    pub fn dsid(&self) -> Option<&str> {
        self.dsid.as_deref()
    }

    pub(super) fn region(&self) -> Option<Region> {
        self.domain.as_deref().and_then(hosts::region_of)
    }

    /// Drops what belongs to a sign-in that is over. Client id, trust token and the cookies of the sign-in host
    /// stay: without them Apple would want a code again.
    pub(super) fn abandon(&mut self) {
        self.session_token = None;
        self.photos_url = None;
        self.validated_at = None;
        self.cookies.forget_services(TRUST_COOKIE);
        self.abandon_conversation();
    }

    /// Drops the state of the exchange with the sign-in host only.
    pub(super) fn abandon_conversation(&mut self) {
        self.session_id = None;
        self.scnt = None;
        self.auth_attributes = None;
    }

    /// Whether there are cookies of a sign-in that was completed.
    pub(super) fn is_signed_in(&self, now: Timestamp) -> bool {
        self.cookies.named(SESSION_COOKIE, now).next().is_some()
    }

    /// Takes the trust token that the user gave, unless it was taken before: then its successors are younger.
    pub(super) fn take_given_trust(&mut self, token: &str, now: Timestamp) {
        let digest = digest(token);
        if self.given_token_digest.as_ref() != Some(&digest) {
            self.trust_token = Some(token.to_owned());
            self.trusted_at = Some(now);
            self.given_token_digest = Some(digest);
        }
    }

    /// Forgets that Apple trusts this client, on the wish of the user. The moment is kept, so that an older copy
    /// of the session does not bring the trust back.
    pub(super) fn forget_trust(&mut self, now: Timestamp) {
        self.trust_token = None;
        self.trusted_at = Some(now);
        self.cookies.forget(TRUST_COOKIE);
        self.abandon();
    }

    /// Takes over the trust token of another copy of the session if it is the younger one.
    pub(super) fn adopt_younger_trust(&mut self, other: &Self) {
        if other.account == self.account && other.trust_token.is_some() && other.trusted_at > self.trusted_at
        {
            self.trust_token.clone_from(&other.trust_token);
            self.trusted_at = other.trusted_at;
            self.client_id.clone_from(&other.client_id);
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("trusted_at", &self.trusted_at).finish_non_exhaustive()
    }
}

/// SHA-256 in hex, to recognise a text without keeping it.
pub(super) fn digest(text: &str) -> String {
    use std::fmt::Write;
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// `auth-` and a random UUID in lower case, as the web page makes it.
fn new_client_id() -> io::Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let number = u128::from_be_bytes(bytes);
    let hex = format!("{number:032x}");
    let groups = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    Ok(format!("auth-{}", groups.join("-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted(at: &str) -> Session {
        Session {
            account: "a@example.com".into(),
            client_id: "auth-1".into(),
            trust_token: Some(format!("token-{at}")),
            trusted_at: Some(at.parse().unwrap()),
            ..Session::default()
        }
    }

    #[test]
    fn a_session_survives_the_file_and_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("session.json");
        let mut session = trusted("2026-11-01T00:00:00Z");
        session.cookies.absorb("idmsa.apple.com", ["aasp=\"x=\""].into_iter(), Timestamp::now());
        session.save(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let read = Session::load(&path).unwrap().unwrap();
        assert_eq!(read.trust_token, session.trust_token);
        assert!(read.cookies == session.cookies);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn damage_is_an_error_that_quotes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("session.json");
        for text in ["", "{\"client_id\":\"auth-1\",\"trust_token\":\"secret", "[]", "{}"] {
            std::fs::write(&path, text).unwrap();
            let error = Session::load(&path).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{text}");
            assert!(!error.to_string().contains("secret"));
        }
        assert!(Session::load(&dir.path().join("absent")).unwrap().is_none());
    }

    #[test]
    fn trust_ends_when_the_cookie_says_so_else_after_thirty_days() {
        let mut session = trusted("2026-11-01T00:00:00Z");
        assert_eq!(session.trust_expiry(), Some("2026-12-01T00:00:00Z".parse().unwrap()));
        let line =
            "X-APPLE-WEBAUTH-HSA-TRUST-X=\"v\";Expires=Sat,16-Jan-2027 02:07:19 GMT;Domain=.icloud.com";
        let now = "2026-11-01T00:00:00Z".parse().unwrap();
        session.cookies.absorb("setup.icloud.com", [line].into_iter(), now);
        assert_eq!(session.trust_expiry(), Some("2027-01-16T02:07:19Z".parse().unwrap()));
        session.forget_trust(now);
        assert_eq!(session.trust_expiry(), None);
    }

    #[test]
    fn an_abandoned_session_keeps_what_spares_a_code() {
        let mut session = trusted("2026-11-01T00:00:00Z");
        session.session_token = Some("s".into());
        session.scnt = Some("n".into());
        session.cookies.absorb("idmsa.apple.com", ["aasp=x"].into_iter(), Timestamp::now());
        session.cookies.absorb("setup.icloud.com", ["t=x; Domain=.icloud.com"].into_iter(), Timestamp::now());
        session.abandon();
        assert!(session.trust_token.is_some() && session.client_id == "auth-1");
        assert!(session.session_token.is_none() && session.scnt.is_none());
        assert!(session.cookies.header("idmsa.apple.com", "/", Timestamp::now()).is_some());
        assert!(session.cookies.header("setup.icloud.com", "/", Timestamp::now()).is_none());
    }

    #[test]
    fn the_younger_trust_wins() {
        let (old, young) = (trusted("2026-11-01T00:00:00Z"), trusted("2026-11-20T00:00:00Z"));
        let mut session = old.clone();
        session.adopt_younger_trust(&young);
        assert_eq!(session.trust_token, young.trust_token);
        session.adopt_younger_trust(&old);
        assert_eq!(session.trust_token, young.trust_token);
    }

    #[test]
    fn a_client_id_is_a_random_uuid_and_shown_nowhere() {
        let (one, other) = (Session::new("a").unwrap(), Session::new("a").unwrap());
        assert_ne!(one.client_id, other.client_id);
        assert_eq!(one.client_id.len(), "auth-".len() + 36);
        assert!(!format!("{one:?}").contains(&one.client_id));
    }
}

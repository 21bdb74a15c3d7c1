//! The stored session: looking whether it is still good, and keeping Apple's trust young.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::auth::Auth;
use super::setup::{self, Standing};
use super::{Flow, Notice};
use crate::icloud::error::Error;
use crate::icloud::state::Door;

/// A session that was good this short while ago is not asked about again.
pub(super) const VALIDATION_LIFE: SignedDuration = SignedDuration::from_mins(10);
/// Trust is prolonged when less than this is left,
const PROLONG_BELOW: SignedDuration = SignedDuration::from_hours(14 * 24);
/// and not tried more often than this.
const PROLONG_GAP: SignedDuration = SignedDuration::from_hours(24);
/// From here on every run warns.
const WARN_BELOW: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Flow {
    /// Whether the stored session is good. Only a definite "not signed in" is a no; anything else is an error.
    pub(super) async fn resume(&self) -> Result<bool, Error> {
        let (validated, has_cookies, has_token) = self.client.session(|session| {
            let now = Timestamp::now();
            let is_known = session.photos_url.is_some() && session.is_signed_in(now);
            let age = session.validated_at.map(|at| now.duration_since(at));
            let is_fresh = age.is_some_and(|age| age >= SignedDuration::ZERO && age < VALIDATION_LIFE);
            (is_known && is_fresh, session.is_signed_in(now), session.session_token.is_some())
        });
        if validated {
            return Ok(true);
        }
        if !has_cookies && !has_token {
            return Ok(false);
        }
        if let Some((until, reason)) = self.next_attempt(Door::Setup).await? {
            return Err(Error::Breaker { until, reason });
        }
        if has_cookies && self.is_valid(has_token).await? {
            return Ok(true);
        }
        if !has_token {
            return Ok(false);
        }
        match self.account_login().await? {
            Standing::Ready(services) => self.settle(&services).await.map(|()| true),
            Standing::NotSignedIn | Standing::SecondFactor | Standing::OtherWorld(_) => Ok(false),
        }
    }

    /// `validate`. It is strict: it refuses sessions that `accountLogin` accepts, which therefore has the last word
    /// where there is a token for it.
    async fn is_valid(&self, has_token: bool) -> Result<bool, Error> {
        let answer = self.setup_call("validate", &Value::Null).await?;
        if answer.status == 421 {
            self.client.drop_connections()?;
        }
        match setup::standing(&answer, self.client.region()) {
            Ok(Standing::Ready(services)) => self.settle(&services).await.map(|()| true),
            Err(error) if !has_token => Err(error),
            _ => Ok(false),
        }
    }

    /// Asks Apple to prolong its trust on a live session, which needs no code. The old trust is kept until the new
    /// one has worked; a failure is no failure of the run.
    pub(super) async fn prolong_trust(&self) {
        let now = Timestamp::now();
        let wanted = self.options.prolong_trust;
        let before = self.client.session(|session| {
            let is_due =
                session.trust_expiry().is_some_and(|expiry| expiry.duration_since(now) < PROLONG_BELOW);
            let is_new = session.trust_tried_at.is_none_or(|tried| now.duration_since(tried) > PROLONG_GAP);
            if !(wanted || is_due && is_new) {
                return None;
            }
            session.trust_tried_at = Some(now);
            Some((session.trust_token.clone(), session.trusted_at))
        });
        let Some(before) = before else { return };
        let prolonged = self.try_to_prolong().await.unwrap_or_else(|error| {
            tracing::debug!(%error, "the trust was not prolonged");
            false
        });
        if prolonged {
            return self.notify(&Notice::TrustProlonged);
        }
        // Only the trust: nonces and session token are worth nothing any more once Apple has sent newer ones.
        self.client.session(|session| (session.trust_token, session.trusted_at) = before);
        if wanted {
            self.notify(&Notice::TrustKept);
        }
    }

    async fn try_to_prolong(&self) -> Result<bool, Error> {
        let answer = Auth(&self.client).trust().await?;
        if !answer.is_success() || answer.header("x-apple-twosv-trust-token").is_none() {
            return Ok(false);
        }
        match self.account_login().await? {
            Standing::Ready(services) => {
                setup::accept(&self.client, &services);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Says in good time that a person will be needed.
    pub(super) fn warn_about_trust(&self) {
        let expiry = self.client.session(|session| session.trust_expiry());
        if let Some(expiry) = expiry.filter(|expiry| expiry.duration_since(Timestamp::now()) < WARN_BELOW) {
            self.notify(&Notice::TrustExpires(expiry));
        }
    }
}

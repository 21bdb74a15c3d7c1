//! Session tokens and trust tokens.

use std::collections::HashMap;
use std::time::SystemTime;

use super::options::Lifetimes;
use crate::random;

/// The tokens that are good now.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    session: HashMap<String, SessionToken>,
    trust: HashMap<String, TrustToken>,
}

/// Proof of a sign-in, to be exchanged for cookies.
#[derive(Debug)]
struct SessionToken {
    conversation: u64,
    expires: SystemTime,
    /// The second factor was passed; good until then.
    trusted_until: Option<SystemTime>,
}

#[derive(Debug)]
struct TrustToken {
    client: String,
    expires: SystemTime,
}

/// What a session token is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worth {
    /// It was never given out, or a newer one took its place.
    Unknown,
    /// It is too old.
    Expired,
    /// It is good for a session.
    Good {
        /// The second factor was passed.
        trusted: bool,
    },
}

impl Tokens {
    /// A new session token for a sign-in; the one before loses its worth.
    pub(crate) fn issue_session(
        &mut self,
        conversation: u64,
        trusted: bool,
        now: SystemTime,
        lifetimes: &Lifetimes,
    ) -> String {
        self.session.retain(|_, token| token.conversation != conversation);
        let value = random::token();
        let token = SessionToken {
            conversation,
            expires: now + lifetimes.session_token,
            trusted_until: trusted.then(|| now + lifetimes.trust),
        };
        self.session.insert(value.clone(), token);
        value
    }

    pub(crate) fn worth(&self, session_token: &str, now: SystemTime) -> Worth {
        match self.session.get(session_token) {
            None => Worth::Unknown,
            Some(token) if token.expires <= now => Worth::Expired,
            Some(token) => Worth::Good { trusted: token.trusted_until.is_some_and(|until| now < until) },
        }
    }

    /// Whether the token belongs to the sign-in; some clients send it as its id.
    pub(crate) fn is_of(&self, session_token: &str, conversation: u64) -> bool {
        self.session.get(session_token).is_some_and(|token| token.conversation == conversation)
    }

    /// A new trust token for a client. Those before stay good.
    pub(crate) fn issue_trust(&mut self, client: &str, now: SystemTime, lifetimes: &Lifetimes) -> String {
        let value = random::token();
        let token = TrustToken { client: client.to_owned(), expires: now + lifetimes.trust };
        self.trust.insert(value.clone(), token);
        value
    }

    /// When a trust token ends, if it is good. A sign-in names its client and accepts no other client's token.
    pub(crate) fn trusted_until(
        &self,
        trust_token: &str,
        client: Option<&str>,
        now: SystemTime,
    ) -> Option<SystemTime> {
        let token = self.trust.get(trust_token)?;
        let right_client = client.is_none_or(|client| token.client == client);
        (right_client && now < token.expires).then_some(token.expires)
    }

    pub(crate) fn drop_sessions(&mut self) {
        self.session.clear();
    }

    pub(crate) fn drop_trust(&mut self) {
        self.trust.clear();
        for token in self.session.values_mut() {
            token.trusted_until = None;
        }
    }
}

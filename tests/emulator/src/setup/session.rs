//! Sessions: the cookies that the database checks.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use serde_json::json;

use super::cookies::CookieJar;
use crate::account::{Account, LostSession};
use crate::faults::Canned;
use crate::random;
use crate::reply::{self, Reply};
use crate::request::Request;
use crate::state::State;

/// The cookie that the database checks and renews.
pub(super) const TOKEN: &str = "X-APPLE-WEBAUTH-TOKEN";
/// The cookie that says whose session it is.
pub(super) const USER: &str = "X-APPLE-WEBAUTH-USER";

/// The cookies that are good now, with their end.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    tokens: HashMap<String, SystemTime>,
}

impl Sessions {
    /// A new value of [`TOKEN`]. Those before stay good until they are too old.
    pub(super) fn issue(&mut self, now: SystemTime, lifetime: Duration) -> String {
        self.tokens.retain(|_, expires| now < *expires);
        let value = format!("v=2:t=Cw==BST_{}~~", random::token());
        self.tokens.insert(value.clone(), now + lifetime);
        value
    }

    pub(super) fn holds(&self, value: &str, now: SystemTime) -> bool {
        self.tokens.get(value).is_some_and(|expires| now < *expires)
    }

    pub(super) fn end(&mut self, value: &str) {
        self.tokens.remove(value);
    }

    pub(crate) fn clear(&mut self) {
        self.tokens.clear();
    }
}

/// The refusal of the database if the cookies of a request will not do.
pub(crate) fn session_refusal(state: &State, request: &Request) -> Option<Reply> {
    let account = state.account();
    let now = state.clock.now();
    let partition = format!("p{}-", account.options.partition);
    if !request.host.starts_with(&partition) {
        return Some(reply::html(421, "<html><body>421 Misdirected Request</body></html>"));
    }
    if !account.options.web_access {
        return Some(Canned::access_denied().reply());
    }
    if request.cookie(USER).is_none_or(str::is_empty) {
        let missing = json!({ "reason": "Missing X-APPLE-WEBAUTH-USER cookie", "error": 1 });
        return Some(reply::json(421, &missing));
    }
    let Some(token) = request.cookie(TOKEN).filter(|token| !token.is_empty()) else {
        return Some(Canned::session_over().reply());
    };
    if !account.sessions.holds(token, now) {
        return Some(lost(account.options.lost_session));
    }
    if account.options.terms_pending || !account.options.photos {
        return Some(Canned::authentication_failed().reply());
    }
    if !has_keys(&account, request, now) {
        let missing = json!({
            "requestUUID": random::uuid(),
            "errorReason": "Missing PCS cookies from the request",
            "errorCode": 423,
        });
        return Some(reply::json(423, &missing));
    }
    None
}

fn has_keys(account: &Account, request: &Request, now: SystemTime) -> bool {
    !account.options.protected
        || super::pcs::NEEDED
            .iter()
            .all(|name| request.cookie(name).is_some_and(|value| account.approval.holds(value, now)))
}

fn lost(how: LostSession) -> Reply {
    match how {
        LostSession::MissingToken => Canned::session_over(),
        LostSession::InvalidSession => Canned::invalid_session(),
        LostSession::Required => {
            Canned::database_error(421, "AUTHENTICATION_REQUIRED", "request needs authorization")
        }
        LostSession::Failed => Canned::authentication_failed(),
    }
    .reply()
}

/// Renews the session with an answer of the database: a cookie without an end, as recorded on answers to query,
/// batch and modify.
pub(crate) fn renew_session(state: &State, request: &Request, reply: &mut Reply) {
    let mut account = state.account();
    let lifetime = account.options.lifetimes.session;
    let token = account.sessions.issue(state.clock.now(), lifetime);
    let mut cookies = CookieJar::for_host(&request.host);
    cookies.session(TOKEN, &token);
    cookies.add_to(reply);
}

//! What a request to the sign-in host needs before anybody looks at its content.

use std::time::SystemTime;

use super::conversation::{Conversation, Lost};
use crate::account::{Account, AccountOptions};
use crate::kind::Kind;
use crate::reply::{self, Reply};
use crate::request::Request;

/// The key of the iCloud web page, which is its OAuth client id too.
const WIDGET_KEY: &str = "d39ba9916b7251055b22c7f910e2ea796ee65e98b2ddecea8f5dde8d9d1a815d";

const SIGN_IN_ORIGINS: [&str; 2] = ["https://idmsa.apple.com", "https://idmsa.apple.com.cn"];
const HOME_ORIGINS: [&str; 2] = ["https://www.icloud.com", "https://www.icloud.com.cn"];

/// Headers that a browser does not send with a code or the wish for trust.
const NOT_OF_A_BROWSER: [&str; 4] = [
    "x-apple-auth-attributes",
    "x-apple-i-fd-client-info",
    "x-apple-fd-client-info",
    "x-apple-offer-security-upgrade",
];

/// The refusal of a request without the right widget key, OAuth headers or origin.
pub(super) fn refusal(options: &AccountOptions, request: &Request) -> Option<Reply> {
    if request.kind == Kind::Authorize {
        let right = request.parameter("client_id") == Some(WIDGET_KEY);
        return (!right).then(|| reply::status(400));
    }
    let is = |name, value| request.header(name) == Some(value);
    if !is("x-apple-widget-key", WIDGET_KEY) && !is("x-apple-oauth-client-id", WIDGET_KEY) {
        return Some(reply::status(401));
    }
    let foreign = |origin| !SIGN_IN_ORIGINS.contains(&origin) && !HOME_ORIGINS.contains(&origin);
    if request.header("origin").map_or(options.strictness.oauth, foreign) {
        return Some(reply::status(403));
    }
    let first_factor = matches!(request.kind, Kind::Init | Kind::Complete);
    if first_factor && options.strictness.oauth && !has_oauth_headers(request) {
        return Some(reply::status(400));
    }
    if request.kind == Kind::Trust && options.strictness.browser && !from_a_browser(request) {
        return Some(reply::status(400));
    }
    None
}

fn has_oauth_headers(request: &Request) -> bool {
    let is = |name, value| request.header(name) == Some(value);
    is("x-apple-oauth-client-type", "firstPartyAuth")
        && is("x-apple-oauth-require-grant-code", "true")
        && is("x-apple-oauth-response-mode", "web_message")
        && is("x-apple-oauth-response-type", "code")
        && request.header("x-apple-oauth-redirect-uri").is_some_and(|uri| HOME_ORIGINS.contains(&uri))
        && request.header("x-apple-oauth-state").is_some()
}

/// Whether a request looks like one of the web page at the end of a sign-in.
pub(super) fn from_a_browser(request: &Request) -> bool {
    request.header("origin").is_some_and(|origin| HOME_ORIGINS.contains(&origin))
        && NOT_OF_A_BROWSER.iter().all(|name| request.header(name).is_none())
}

/// The conversation that a request continues.
pub(super) fn conversation(
    account: &mut Account,
    request: &Request,
    now: SystemTime,
) -> Result<Conversation, Lost> {
    let strict = account.options.strictness.nonces;
    let scnt = request.header("scnt").filter(|scnt| !scnt.is_empty());
    let mut conversation = match request.kind {
        Kind::Authorize | Kind::Federate | Kind::Init => {
            account.conversations.take_or_begin(scnt, strict, now)?
        }
        Kind::Complete => {
            let body = request.json();
            let proof_id = body["c"].as_str().unwrap_or_default();
            account.conversations.take_by_proof(proof_id).ok_or(Lost::Stale)?
        }
        _ if strict => continued(account, request, scnt)?,
        _ => account.conversations.take_newest(scnt, client(request))?,
    };
    let first_factor = matches!(request.kind, Kind::Init | Kind::Complete);
    let attributes = request.header("x-apple-auth-attributes").filter(|_| strict && first_factor);
    if attributes.is_some_and(|attributes| !conversation.has_attributes(attributes)) {
        return Err(Lost::Stale);
    }
    let lifetime = account.options.lifetimes.conversation;
    let begins = matches!(request.kind, Kind::Authorize | Kind::Federate | Kind::Init);
    if !begins && !conversation.verified() && conversation.touched + lifetime <= now {
        return Err(Lost::Expired);
    }
    if conversation.client.is_empty() || begins {
        client(request).clone_into(&mut conversation.client);
    }
    Ok(conversation)
}

/// The conversation of the latest nonce, if the session id goes with it.
fn continued(account: &mut Account, request: &Request, scnt: Option<&str>) -> Result<Conversation, Lost> {
    let session_id = request.header("x-apple-id-session-id").unwrap_or_default();
    let tokens = &account.tokens;
    account.conversations.take(scnt.ok_or(Lost::Stale)?, |conversation| {
        // Some clients send the session token there, and Apple lets them.
        conversation.has_session_id(session_id) || tokens.is_of(session_id, conversation.id)
    })
}

/// The client id: the state of OAuth, or what the sign-in page is opened with.
fn client(request: &Request) -> &str {
    request
        .header("x-apple-oauth-state")
        .or_else(|| request.parameter("state"))
        .or_else(|| request.parameter("frame_id"))
        .unwrap_or_default()
}

//! The account services: session tokens become cookies.

mod account_login;
mod cookies;
pub(crate) mod pcs;
pub(crate) mod session;

#[cfg(test)]
mod tests;

use std::time::SystemTime;

use serde_json::json;

use crate::account::Account;
use crate::kind::Kind;
use crate::random;
use crate::reply::{self, Reply, set_header};
use crate::request::Request;
use crate::state::State;
use cookies::CookieJar;

pub(crate) use session::{renew_session, session_refusal};

/// The pages that may ask.
const HOME_ORIGINS: [&str; 2] = ["https://www.icloud.com", "https://www.icloud.com.cn"];

/// What a handler works with.
struct Turn<'a> {
    account: &'a mut Account,
    request: &'a Request,
    cookies: CookieJar,
    now: SystemTime,
}

/// Answers a request to the setup host.
pub(crate) fn answer(state: &State, request: &Request) -> Reply {
    let mut account = state.account();
    let strict = account.options.strictness.browser;
    if strict && !request.header("origin").is_some_and(|origin| HOME_ORIGINS.contains(&origin)) {
        return reply::status(403);
    }
    let partition = account.options.partition.to_string();
    if account.options.partition_only && !request.host.starts_with(&format!("p{partition}-")) {
        let mut reply = reply::html(421, "<html><body>421 Misdirected Request</body></html>");
        set_header(&mut reply, "x-apple-user-partition", &partition);
        return reply;
    }
    let now = state.clock.now();
    let cookies = CookieJar::for_host(&request.host);
    let mut turn = Turn { account: &mut account, request, cookies, now };
    let mut reply = match request.kind {
        Kind::AccountLogin => turn.account_login(),
        Kind::Validate => turn.validate(),
        Kind::Logout => turn.logout(),
        Kind::WebAccessState => turn.web_access_state(),
        Kind::DeviceConsent => turn.device_consent(),
        Kind::RequestPcs => turn.request_pcs(),
        _ => reply::status(404),
    };
    turn.cookies.add_to(&mut reply);
    set_header(&mut reply, "x-apple-request-uuid", &random::uuid());
    set_header(&mut reply, "x-apple-user-partition", &partition);
    reply
}

/// The answer to a client that is not signed in.
fn not_signed_in() -> Reply {
    reply::json(421, &json!({ "success": false, "error": "Missing X-APPLE-WEBAUTH-TOKEN cookie" }))
}

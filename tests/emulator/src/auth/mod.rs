//! The sign-in host.

mod challenge;
pub(crate) mod codes;
pub(crate) mod conversation;
mod guard;
mod second_factor;
mod sign_in;
pub(crate) mod srp;
mod trust;

#[cfg(test)]
mod tests;

use std::time::SystemTime;

use serde_json::{Value, json};

use crate::account::Account;
use crate::kind::Kind;
use crate::random;
use crate::reply::{self, Reply, set_header};
use crate::request::Request;
use crate::state::State;
use conversation::{Conversation, Lost};

/// What a handler works with.
struct Turn<'a> {
    state: &'a State,
    account: &'a mut Account,
    conversation: &'a mut Conversation,
    request: &'a Request,
    now: SystemTime,
}

/// Answers a request to the sign-in host.
pub(crate) fn answer(state: &State, request: &Request) -> Reply {
    match request.kind {
        // The address is retired.
        Kind::RetiredPush => return reply::status(405),
        Kind::LegacySignIn => return unavailable(),
        _ => {}
    }
    let now = state.clock.now();
    let mut account = state.account();
    if let Some(refusal) = guard::refusal(&account.options, request) {
        return refusal;
    }
    let mut conversation = match guard::conversation(&mut account, request, now) {
        Ok(conversation) => conversation,
        Err(Lost::Stale) => return reply::json(401, &errors(&[("-20100", "Your session is not valid.")])),
        Err(Lost::Expired) => return reply::status(421),
    };
    let turn = Turn { state, account: &mut account, conversation: &mut conversation, request, now };
    let mut reply = turn.take();
    account.conversations.put_back(conversation, &mut reply, now);
    reply
}

impl Turn<'_> {
    fn take(mut self) -> Reply {
        match self.request.kind {
            Kind::Authorize => sign_in::authorize(),
            Kind::Federate => self.federate(),
            Kind::Init => self.init(),
            Kind::Complete => self.complete(),
            Kind::Repair => self.repair(),
            Kind::Challenge => self.challenge(),
            Kind::Push => self.push(),
            Kind::Sms | Kind::Voice => self.call_phone(),
            Kind::DeviceCode | Kind::PhoneCode => self.submit(),
            Kind::Trust => self.trust(),
            _ => reply::status(404),
        }
    }

    /// Adds what proves the sign-in: a new session token and its companions.
    fn grant(&mut self, reply: &mut Reply) {
        let token = self.account.tokens.issue_session(
            self.conversation.id,
            self.conversation.verified(),
            self.now,
            &self.account.options.lifetimes,
        );
        set_header(reply, "x-apple-session-token", &token);
        set_header(reply, "x-apple-oauth-grant-code", &random::token());
        self.introduce(reply);
    }

    /// Adds what every answer after the password tells of the account.
    fn introduce(&self, reply: &mut Reply) {
        let country = match self.account.options.region {
            crate::account::Region::World => "USA",
            crate::account::Region::China => "CHN",
        };
        set_header(reply, "x-apple-id-account-country", country);
        set_header(reply, "x-apple-twosv-trust-eligible", "true");
    }
}

/// What a throttled or retired sign-in gets.
fn unavailable() -> Reply {
    let title = "503 Service Temporarily Unavailable";
    reply::html(503, format!("<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"))
}

/// A body with errors, as the first half of a sign-in spells it.
fn errors(errors: &[(&str, &str)]) -> Value {
    json!({ "serviceErrors": listed(errors) })
}

/// A body with errors, as the second half of a sign-in spells it.
fn code_errors(errors: &[(&str, &str)]) -> Value {
    json!({ "service_errors": listed(errors), "hasError": true })
}

fn listed(errors: &[(&str, &str)]) -> Vec<Value> {
    let entry = |(code, message): &(&str, &str)| json!({ "code": code, "title": message, "message": message, "suppressDismissal": false });
    errors.iter().map(entry).collect()
}

//! The sign-in host as a client sees it, without the network.

mod client;
mod first_factor;
mod second_factor;
mod strictness;

use std::time::Duration;

use serde_json::{Value, json};

use crate::account::{AccountHandle, AccountOptions};
use crate::clock::Clock;
use crate::library::{LibraryHandle, LibrarySpec};
use crate::state::State;
use client::{Answer, Client};

const MINUTES: fn(u64) -> Duration = |n| Duration::from_secs(60 * n);

/// A server for the account that `change` makes of the ordinary one.
fn server(change: impl FnOnce(&mut AccountOptions)) -> (std::sync::Arc<State>, AccountHandle) {
    // Few rounds: the mathematics is tested with Apple's number elsewhere.
    let mut account = AccountOptions { iterations: 10, ..AccountOptions::default() };
    change(&mut account);
    let clock = Clock::default();
    let library = LibraryHandle::new(&LibrarySpec::plain(0), clock.clone());
    let state = std::sync::Arc::new(State::new(clock, library, account, None));
    let handle = AccountHandle::new(std::sync::Arc::clone(&state));
    (state, handle)
}

fn code(code: &str) -> Value {
    json!({ "securityCode": { "code": code } })
}

fn phone_code(id: u32, mode: &str, code: &str) -> Value {
    json!({ "phoneNumber": { "id": id }, "mode": mode, "securityCode": { "code": code } })
}

fn error_code(answer: &Answer) -> Option<&str> {
    let errors = ["serviceErrors", "service_errors"].into_iter().find_map(|key| answer.body.get(key))?;
    errors[0]["code"].as_str()
}

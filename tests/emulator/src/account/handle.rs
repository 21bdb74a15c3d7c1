//! The account as tests and its owner see it.

use std::sync::Arc;

use super::{Account, AccountOptions};
use crate::auth::codes::{Channel, Code};
use crate::state::State;

/// The owner's and the operator's side of an account.
#[derive(Clone, Debug)]
pub struct AccountHandle {
    state: Arc<State>,
}

impl AccountHandle {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Account) -> T) -> T {
        act(&mut self.state.account())
    }

    /// The account as it is now.
    pub fn options(&self) -> AccountOptions {
        self.with(|account| account.options.clone())
    }

    /// Changes what the account is like. For the password there is [`AccountHandle::set_password`].
    pub fn change(&self, change: impl FnOnce(&mut AccountOptions)) {
        self.with(|account| change(&mut account.options));
    }

    /// The owner changes the password; sessions and trust stay.
    pub fn set_password(&self, password: &str) {
        self.with(|account| account.set_password(password));
    }

    /// The latest code that arrived there.
    pub fn last_code(&self, channel: Channel) -> Option<String> {
        self.with(|account| account.last_code(channel).map(ToOwned::to_owned))
    }

    /// How many codes have arrived in all.
    pub fn codes_arrived(&self) -> usize {
        self.with(|account| account.arrived.len())
    }

    /// A code from the settings of a device without network: nothing was pushed, and it is good for any sign-in.
    pub fn offline_code(&self) -> String {
        let now = self.state.clock.now();
        self.with(|account| {
            let code = Code::new(now + account.options.lifetimes.code);
            account.offline_code.insert(code).text().to_owned()
        })
    }

    /// The cookies of all clients lose their worth. Their session tokens are still good for new ones.
    pub fn expire_sessions(&self) {
        self.with(|account| account.sessions.clear());
    }

    /// The cookies and the session tokens of all clients lose their worth: only a password helps. Trust stays.
    pub fn expire_session_tokens(&self) {
        self.with(|account| {
            account.sessions.clear();
            account.tokens.drop_sessions();
        });
    }

    /// No client is trusted any more; living cookies stay.
    pub fn expire_trust(&self) {
        self.with(|account| {
            account.tokens.drop_trust();
            account.conversations.clear();
        });
    }

    /// The owner approves, on a device, that the web may see protected data for a while.
    pub fn approve_adp(&self) {
        let now = self.state.clock.now();
        self.with(|account| account.approval.approve(now, &account.options.lifetimes));
    }

    /// The approval ends before its time.
    pub fn withdraw_adp(&self) {
        self.with(|account| account.approval.withdraw());
    }
}

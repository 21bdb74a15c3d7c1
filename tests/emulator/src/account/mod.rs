//! The account and everything that its servers remember about it.

mod handle;
mod options;
mod throttle;
mod tokens;

use std::time::SystemTime;

pub use handle::AccountHandle;
pub use options::{
    AccountOptions, Lifetimes, ListHtml, ListJson, LostSession, Phone, PhoneAnswer, Protocol, PushAnswer,
    Region, Repair, SecondFactor, Strictness, SubmitAnswer,
};
pub(crate) use throttle::Throttle;
pub(crate) use tokens::{Tokens, Worth};

use crate::auth::codes::{Channel, Code, SentCode};
use crate::auth::conversation::Conversations;
use crate::auth::srp::Verifier;
use crate::random;
use crate::setup::pcs::Approval;
use crate::setup::session::Sessions;

/// The account, as the servers see it.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) options: AccountOptions,
    pub(crate) verifier: Verifier,
    pub(crate) conversations: Conversations,
    pub(crate) tokens: Tokens,
    pub(crate) sessions: Sessions,
    pub(crate) approval: Approval,
    pub(crate) throttle: Throttle,
    /// Wrong passwords since the last right one.
    pub(crate) wrong_passwords: u32,
    /// Wrong codes since the last right one.
    pub(crate) wrong_codes: u32,
    /// No code is accepted until then.
    pub(crate) codes_locked_until: Option<SystemTime>,
    /// When codes were sent to phones.
    pub(crate) texts: Vec<SystemTime>,
    /// A code that a device without network shows; good in any sign-in.
    pub(crate) offline_code: Option<Code>,
    /// All codes that arrived somewhere.
    pub(crate) arrived: Vec<SentCode>,
}

impl Account {
    pub(crate) fn new(options: AccountOptions) -> Self {
        Self {
            verifier: verifier(&options, &options.password),
            options,
            conversations: Conversations::default(),
            tokens: Tokens::default(),
            sessions: Sessions::default(),
            approval: Approval::default(),
            throttle: Throttle::default(),
            wrong_passwords: 0,
            wrong_codes: 0,
            codes_locked_until: None,
            texts: Vec::new(),
            offline_code: None,
            arrived: Vec::new(),
        }
    }

    fn set_password(&mut self, password: &str) {
        self.verifier = verifier(&self.options, password);
        password.clone_into(&mut self.options.password);
    }

    pub(crate) fn codes_locked(&self, now: SystemTime) -> bool {
        self.codes_locked_until.is_some_and(|until| now < until)
    }

    pub(crate) fn last_code(&self, channel: Channel) -> Option<&str> {
        self.arrived.iter().rev().find(|sent| sent.channel == channel).map(|sent| sent.code.as_str())
    }
}

fn verifier(options: &AccountOptions, password: &str) -> Verifier {
    Verifier::new(password, options.protocol, options.iterations, random::bytes::<16>().to_vec())
}

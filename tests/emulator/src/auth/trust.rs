//! Trust in a client.

use serde_json::json;

use super::Turn;
use super::conversation::Stage;
use crate::account::SecondFactor;
use crate::reply::{self, Reply, set_header};

impl Turn<'_> {
    /// The client is trusted from now on: a new trust token, and a new session token with it. Asked again in a
    /// living sign-in, trust is renewed.
    pub(super) fn trust(&mut self) -> Reply {
        match self.conversation.stage {
            // There is nothing to trust without a second factor.
            _ if self.account.options.second_factor == SecondFactor::None => reply::status(404),
            Stage::SignedIn => {
                let mut reply = reply::status(204);
                self.add_trust_token(&mut reply);
                self.grant(&mut reply);
                reply
            }
            Stage::Repairing => reply::json(412, &json!({ "authType": "hsa2" })),
            Stage::Challenged => reply::json(409, &self.challenge_body()),
            Stage::Fresh | Stage::Proving { .. } => reply::status(401),
        }
    }

    pub(super) fn add_trust_token(&mut self, reply: &mut Reply) {
        let lifetimes = &self.account.options.lifetimes;
        let token = self.account.tokens.issue_trust(&self.conversation.client, self.now, lifetimes);
        set_header(reply, "x-apple-twosv-trust-token", &token);
    }
}

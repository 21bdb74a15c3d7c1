//! The first factor: SRP, and the repair step after it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::conversation::Stage;
use super::srp::{Exchange, Verifier};
use super::{Turn, errors, unavailable};
use crate::account::{Region, Repair, SecondFactor};
use crate::auth::codes::Channel;
use crate::random;
use crate::reply::{self, Reply, set_header};

/// So many wrong passwords in a row lock the account.
const WRONG_PASSWORDS: u32 = 5;

/// The sign-in page: first cookies and nonces.
pub(super) fn authorize() -> Reply {
    let mut reply = reply::html(200, "<html><head><title>Sign In</title></head><body></body></html>");
    offer_hashcash(&mut reply);
    reply
}

impl Turn<'_> {
    /// Whether the account belongs to an organisation with a sign-in of its own.
    pub(super) fn federate(&mut self) -> Reply {
        reply::json(200, &json!({ "federated": self.account.options.managed }))
    }

    /// The salt and B for the client's A.
    pub(super) fn init(&mut self) -> Reply {
        if self.account.throttle.blocked(self.now) {
            // Even this counts as another try.
            self.account.throttle.admit(self.account.options.sign_in_budget, self.now);
            return unavailable();
        }
        let body = self.request.json();
        let Some((name, a)) = half_proof(&body, self.account.options.protocol.name()) else {
            return reply::status(400);
        };
        let verifier = self.verifier(&name);
        // Apple knows the name in lower case only: the proof of a client that hashed it otherwise does not fit.
        let Some(exchange) = Exchange::start(&verifier, &name.to_lowercase(), &a) else {
            return reply::status(400);
        };
        let proof_id = format!("d-{}-{}:MSA", self.conversation.id, random::uuid());
        let told = json!({
            "iteration": verifier.iterations,
            "salt": STANDARD.encode(&verifier.salt),
            "protocol": verifier.protocol.name(),
            "version": 1,
            "b": STANDARD.encode(exchange.b),
            "c": proof_id,
        });
        self.conversation.stage = Stage::Proving { exchange: Box::new(exchange), proof_id, name };
        reply::json(200, &told)
    }

    /// The verifier of an account; a name that nobody has gets one that no password fits.
    fn verifier(&self, name: &str) -> Verifier {
        let options = &self.account.options;
        if name.eq_ignore_ascii_case(&options.name) {
            return self.account.verifier.clone();
        }
        let salt = random::bytes::<16>().to_vec();
        Verifier::new(&random::token(), options.protocol, options.iterations, salt)
    }

    /// Checks the proof of the password.
    pub(super) fn complete(&mut self) -> Reply {
        if !self.account.throttle.admit(self.account.options.sign_in_budget, self.now) {
            return unavailable();
        }
        let stage = std::mem::replace(&mut self.conversation.stage, Stage::Fresh);
        let Stage::Proving { exchange, name, .. } = stage else {
            return reply::status(400);
        };
        let body = self.request.json();
        let decode =
            |field: &str| STANDARD.decode(body[field].as_str().unwrap_or_default()).unwrap_or_default();
        if self.account.options.locked {
            return reply::json(403, &errors(&[("-20209", "This Apple Account has been locked.")]));
        }
        let proven = exchange.proven(&decode("m1"), &decode("m2"));
        let wrong_side =
            Region::of(&self.request.host) == Region::China && self.account.options.region == Region::World;
        if !proven || wrong_side || body["accountName"] != name.as_str() {
            return self.refuse_password(&name);
        }
        self.account.wrong_passwords = 0;
        if self.account.options.managed {
            let message = "This Apple Account can only be used with the sign-in of its organisation.";
            return reply::json(403, &errors(&[("-22320", message)]));
        }
        let mut reply = self.welcome(&body["trustTokens"]);
        offer_hashcash(&mut reply);
        reply
    }

    fn refuse_password(&mut self, name: &str) -> Reply {
        if name.eq_ignore_ascii_case(&self.account.options.name) {
            self.account.wrong_passwords += 1;
            self.account.options.locked |= self.account.wrong_passwords >= WRONG_PASSWORDS;
        }
        let message = "Check the account information you entered and try again.";
        reply::json(401, &errors(&[("-20101", message)]))
    }

    /// The password was right: what is still open?
    fn welcome(&mut self, trust_tokens: &Value) -> Reply {
        if self.account.options.second_factor == SecondFactor::None {
            return self.enter("sa");
        }
        let trusted = trust_tokens.as_array().into_iter().flatten().filter_map(Value::as_str).any(|token| {
            self.account.tokens.trusted_until(token, Some(&self.conversation.client), self.now).is_some()
        });
        if trusted && !self.account.options.challenge_in_spite_of_trust {
            return self.enter("hsa2");
        }
        self.conversation.stage = Stage::Challenged;
        self.conversation.codes = super::codes::Codes::default();
        if self.account.options.pushes_unasked {
            self.deliver(Channel::Device);
        }
        let mut reply = reply::json(409, &self.challenge_body());
        self.grant(&mut reply);
        set_header(&mut reply, "location", "/auth");
        reply
    }

    /// No second factor is needed (any more), but perhaps a repair step is wanted.
    fn enter(&mut self, kind: &str) -> Reply {
        let repair = self.account.options.repair != Repair::None;
        self.conversation.stage = if repair { Stage::Repairing } else { Stage::SignedIn };
        let mut reply = reply::json(if repair { 412 } else { 200 }, &json!({ "authType": kind }));
        self.grant(&mut reply);
        reply
    }

    /// Passes over a repair step.
    pub(super) fn repair(&mut self) -> Reply {
        match (&self.conversation.stage, self.account.options.repair) {
            (Stage::Repairing, Repair::NeedsOwner) => {
                reply::json(412, &json!({ "authType": "hsa2", "repairRequired": true }))
            }
            (Stage::Repairing, _) => {
                self.conversation.stage = Stage::SignedIn;
                let mut reply = reply::json(200, &json!({}));
                self.grant(&mut reply);
                reply
            }
            _ => reply::status(409),
        }
    }
}

/// The name and A out of a request, if it offers the protocol of the account.
fn half_proof(body: &Value, protocol: &str) -> Option<(String, Vec<u8>)> {
    let offered = body["protocols"].as_array()?.iter().any(|offered| offered == protocol);
    let a = STANDARD.decode(body["a"].as_str()?).ok()?;
    offered.then_some((body["accountName"].as_str()?.to_owned(), a))
}

/// Apple offers a proof of work here; no client of iCloud does it.
fn offer_hashcash(reply: &mut Reply) {
    set_header(reply, "x-apple-hc-bits", "11");
    set_header(reply, "x-apple-hc-challenge", &random::token());
}

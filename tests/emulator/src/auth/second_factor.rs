//! The second factor: a code is asked for and handed in.

use std::time::Duration;

use serde_json::{Value, json};

use super::codes::Channel;
use super::conversation::Stage;
use super::{Turn, code_errors, guard};
use crate::account::{PhoneAnswer, PushAnswer, SubmitAnswer};
use crate::kind::Kind;
use crate::reply::{self, Reply, set_header};

/// So many wrong codes lock the second factor.
const WRONG_CODES: u32 = 5;

/// So many codes go to phones within [`TEXT_WINDOW`].
const TEXTS: usize = 5;
const TEXT_WINDOW: Duration = Duration::from_secs(60 * 60);

/// The status of all requests while the second factor is locked.
const LOCKED: u16 = 423;

impl Turn<'_> {
    /// A code is made and arrives.
    pub(super) fn deliver(&mut self, channel: Channel) {
        let sent = self.conversation.codes.renew(channel, self.now + self.account.options.lifetimes.code);
        self.state.announce(&sent);
        self.account.arrived.push(sent);
    }

    /// A code is asked for on the trusted devices.
    pub(super) fn push(&mut self) -> Reply {
        if let Some(refusal) = self.not_asked_for() {
            return refusal;
        }
        let (status, arrives) = match self.account.options.push {
            PushAnswer::Sent => (202, true),
            PushAnswer::SentConflict => (409, true),
            PushAnswer::Lost => (202, false),
            PushAnswer::Refused(status) => (status, false),
        };
        // Without a device, or with security keys, the push is accepted all the same and goes nowhere.
        if arrives && self.has_devices() {
            self.deliver(Channel::Device);
        }
        let body = json!({
            "trustedDeviceCount": u8::from(self.has_devices()),
            "securityCode": self.security_code(),
            "phoneNumberVerification": self.verification(),
        });
        reply::json(status, &body)
    }

    /// A code is asked for by text message or call.
    pub(super) fn call_phone(&mut self) -> Reply {
        if let Some(refusal) = self.not_asked_for() {
            return refusal;
        }
        let Some(channel) = self.known_phone(&self.request.json()) else {
            return self.unknown_phone();
        };
        if self.too_many_texts() {
            return reply::json(LOCKED, &self.verification().into());
        }
        let status = match self.account.options.phone {
            PhoneAnswer::Sent => 200,
            PhoneAnswer::SentConflict => 409,
            PhoneAnswer::Unavailable => {
                let message = "Verification codes can't be sent to this phone number at this time.";
                return reply::json(412, &code_errors(&[("-28248", message)]));
            }
        };
        self.account.texts.push(self.now);
        self.deliver(channel);
        let mut body = self.verification();
        body.insert("mode".to_owned(), json!(if self.request.kind == Kind::Voice { "voice" } else { "sms" }));
        reply::json(status, &body.into())
    }

    /// A code is handed in.
    pub(super) fn submit(&mut self) -> Reply {
        if let Some(refusal) = self.not_asked_for() {
            return refusal;
        }
        let body = self.request.json();
        let Some(code) = body["securityCode"]["code"].as_str() else {
            return reply::status(400);
        };
        let channel = match self.request.kind {
            Kind::DeviceCode => Channel::Device,
            _ => match self.known_phone(&body) {
                Some(channel) => channel,
                None => return self.unknown_phone(),
            },
        };
        let offline = channel == Channel::Device
            && self.account.offline_code.as_ref().is_some_and(|known| known.accepts(code, self.now));
        if !offline && !self.conversation.codes.accepts(channel, code, self.now) {
            return self.wrong_code();
        }
        self.account.wrong_codes = 0;
        self.accept(code)
    }

    /// Nobody has given a password, everything is over already, or the second factor is locked.
    fn not_asked_for(&self) -> Option<Reply> {
        if !matches!(self.conversation.stage, Stage::Challenged) {
            return Some(reply::status(401));
        }
        self.account.codes_locked(self.now).then(|| self.locked())
    }

    fn locked(&self) -> Reply {
        let mut body = self.verification();
        if let Value::Object(errors) =
            code_errors(&[("-22982", "Too many verification codes have been entered. Try again later.")])
        {
            body.extend(errors);
        }
        reply::json(LOCKED, &body.into())
    }

    fn wrong_code(&mut self) -> Reply {
        self.account.wrong_codes += 1;
        if self.account.wrong_codes >= WRONG_CODES {
            self.account.wrong_codes = 0;
            self.account.codes_locked_until = Some(self.now + self.account.options.lifetimes.code_lock);
            return self.locked();
        }
        let mut reply = reply::json(400, &code_errors(&[("-21669", "Incorrect verification code.")]));
        set_header(&mut reply, "x-apple-i-ercd", "-21669");
        reply
    }

    fn accept(&mut self, code: &str) -> Reply {
        let submit = self.account.options.submit;
        self.conversation.stage = match submit {
            SubmitAnswer::Repair => Stage::Repairing,
            _ => Stage::SignedIn,
        };
        match submit {
            SubmitAnswer::Success => {
                let device = self.request.kind == Kind::DeviceCode;
                let mut reply =
                    if device { reply::status(204) } else { reply::json(200, &self.verification().into()) };
                self.grant(&mut reply);
                reply
            }
            SubmitAnswer::Conflict { session_token, edp, trust_token } => {
                let mut reply = reply::json(409, &self.accepted(code));
                self.introduce(&mut reply);
                let strict = self.account.options.strictness.browser;
                if session_token && (!strict || guard::from_a_browser(self.request)) {
                    self.grant(&mut reply);
                }
                if edp {
                    set_header(&mut reply, "x-apple-edp", "true");
                }
                if trust_token {
                    self.add_trust_token(&mut reply);
                }
                reply
            }
            SubmitAnswer::Repair => {
                let mut reply = reply::json(412, &self.accepted(code));
                self.grant(&mut reply);
                reply
            }
        }
    }

    /// The body for a right code when the status does not say so. It holds the code.
    fn accepted(&self, code: &str) -> Value {
        let mut body = self.verification();
        let mut security_code = self.security_code();
        security_code["code"] = json!(code);
        security_code["valid"] = json!(true);
        body.insert("securityCode".to_owned(), security_code);
        body.into()
    }

    /// The way to the phone that the body names, if the account has that phone.
    fn known_phone(&self, body: &Value) -> Option<Channel> {
        let id = body["phoneNumber"]["id"].as_u64()?;
        let id = self.phones().iter().map(|phone| phone.id).find(|known| u64::from(*known) == id)?;
        match body["mode"].as_str() {
            Some("sms") => Some(Channel::Sms(id)),
            Some("voice") => Some(Channel::Voice(id)),
            _ => None,
        }
    }

    /// The body of this refusal holds the right phones.
    fn unknown_phone(&self) -> Reply {
        let mut body = self.verification();
        body.insert("phoneNumber".to_owned(), json!({ "nonFTEU": false }));
        reply::json(412, &body.into())
    }

    pub(super) fn too_many_texts(&self) -> bool {
        let recent = self.account.texts.iter().filter(|at| **at + TEXT_WINDOW > self.now);
        recent.count() >= TEXTS
    }
}

//! Advanced Data Protection: a device of the owner lets the web in, for a while.

use std::collections::HashMap;
use std::time::SystemTime;

use serde_json::json;

use super::session::TOKEN;
use super::{Turn, not_signed_in};
use crate::account::Lifetimes;
use crate::random;
use crate::reply::{self, Reply};

/// The cookies that the photos of a protected account need.
pub(super) const NEEDED: [&str; 2] = ["X-APPLE-WEBAUTH-PCS-Photos", "X-APPLE-WEBAUTH-PCS-Sharing"];

/// Whether the owner has let the web in.
#[derive(Debug, Default)]
pub(crate) struct Approval {
    until: Option<SystemTime>,
    /// A device shows the question.
    asked: bool,
    /// How often clients have looked for the answer.
    looks: u32,
    cookies: HashMap<String, SystemTime>,
}

impl Approval {
    pub(crate) fn approve(&mut self, now: SystemTime, lifetimes: &Lifetimes) {
        self.until = Some(now + lifetimes.approval);
        self.asked = false;
        self.looks = 0;
    }

    pub(crate) fn withdraw(&mut self) {
        *self = Self::default();
    }

    pub(super) fn holds(&self, cookie: &str, now: SystemTime) -> bool {
        self.cookies.get(cookie).is_some_and(|expires| now < *expires)
    }

    /// Until when the web is let in.
    fn given(&self, now: SystemTime) -> Option<SystemTime> {
        self.until.filter(|until| now < *until)
    }

    fn issue(&mut self, until: SystemTime) -> String {
        let value = format!("{}=", random::token());
        self.cookies.insert(value.clone(), until);
        value
    }
}

impl Turn<'_> {
    /// Is the account protected, and has a device agreed?
    pub(super) fn web_access_state(&mut self) -> Reply {
        if !self.signed_in() {
            return not_signed_in();
        }
        if self.account.approval.asked {
            self.look();
        }
        let consented = self.account.approval.given(self.now).is_some();
        let body = json!({
            "isICDRSDisabled": self.account.options.protected,
            "isDeviceConsentedForPCS": consented || !self.account.options.protected,
        });
        reply::json(200, &body)
    }

    /// A device shall ask its owner.
    pub(super) fn device_consent(&mut self) -> Reply {
        if !self.signed_in() {
            return not_signed_in();
        }
        self.account.approval.asked = true;
        reply::json(200, &json!({ "isDeviceConsentNotificationSent": true }))
    }

    /// The cookies for the keys of a service.
    pub(super) fn request_pcs(&mut self) -> Reply {
        if !self.account.options.web_access {
            return reply::status(500);
        }
        if !self.signed_in() {
            return not_signed_in();
        }
        if !self.account.options.protected {
            return self.hand_out_keys(self.now + self.account.options.lifetimes.trust);
        }
        if self.account.approval.asked {
            self.look();
        }
        if let Some(until) = self.account.approval.given(self.now) {
            return self.hand_out_keys(until);
        }
        let message = if self.account.approval.asked {
            "Cookies not available yet on server."
        } else {
            "Requested the device to upload cookies."
        };
        self.account.approval.asked = true;
        reply::json(200, &json!({ "status": "failure", "message": message, "isWebAccessAllowed": true }))
    }

    fn hand_out_keys(&mut self, until: SystemTime) -> Reply {
        for name in NEEDED {
            let value = self.account.approval.issue(until);
            self.cookies.until(name, &value, until);
        }
        reply::json(
            200,
            &json!({ "status": "success", "message": "Cookies are available.", "isWebAccessAllowed": true }),
        )
    }

    /// A client looks for the answer; an impatient owner gives it after so many looks.
    fn look(&mut self) {
        let approval = &mut self.account.approval;
        approval.looks += 1;
        if self.account.options.approves_after.is_some_and(|looks| approval.looks >= looks) {
            approval.approve(self.now, &self.account.options.lifetimes);
        }
    }

    pub(super) fn signed_in(&self) -> bool {
        self.request.cookie(TOKEN).is_some_and(|token| self.account.sessions.holds(token, self.now))
    }
}

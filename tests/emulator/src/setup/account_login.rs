//! accountLogin, validate and logout.

use serde_json::{Map, Value, json};

use super::session::{TOKEN, USER};
use super::{Turn, not_signed_in};
use crate::account::{Region, SecondFactor, Worth};
use crate::random;
use crate::reply::{self, Reply};

/// Cookies for services that no client of the photos needs.
const OTHER_KEYS: [&str; 4] = [
    "X-APPLE-WEBAUTH-PCS-Documents",
    "X-APPLE-WEBAUTH-PCS-News",
    "X-APPLE-WEBAUTH-PCS-Notes",
    "X-APPLE-WEBAUTH-PCS-Sharing",
];
const UNTRUSTED: &str = "X-APPLE-WEBAUTH-HSA-LOGIN";
const TRUSTED: &str = "X-APPLE-WEBAUTH-HSA-TRUST";

impl Turn<'_> {
    /// A session token becomes cookies.
    pub(super) fn account_login(&mut self) -> Reply {
        let body = self.request.json();
        let Some(token) = body["dsWebAuthToken"].as_str().filter(|token| !token.is_empty()) else {
            return reply::json(400, &json!({ "success": false, "error": "Missing apple_id field" }));
        };
        let verified = match self.account.tokens.worth(token, self.now) {
            Worth::Unknown => {
                return reply::json(400, &json!({ "success": false, "error": "Invalid Session Token" }));
            }
            Worth::Expired => {
                return reply::json(421, &json!({ "success": false, "error": "Invalid global session" }));
            }
            Worth::Good { trusted } => trusted,
        };
        if Region::of(&self.request.host) != self.account.options.region {
            return self.other_side();
        }
        let trust_token = body["trustToken"].as_str().unwrap_or_default();
        let trust = self.account.tokens.trusted_until(trust_token, None, self.now);
        let trusted = verified || trust.is_some() || self.account.options.second_factor == SecondFactor::None;
        self.set_sign_in_cookies();
        if trusted {
            self.cookies.remove(UNTRUSTED);
            if let Some(until) = trust {
                let value = format!("v=1:t={}", random::token());
                self.cookies.until(TRUSTED, &value, until);
            }
            self.set_session_cookies();
        } else {
            self.cookies.session(UNTRUSTED, &format!("v=2:t=Cw==BST_{}~~", random::token()));
        }
        reply::json(200, &self.description(trusted))
    }

    /// The account lives on the other side of the wall.
    fn other_side(&self) -> Reply {
        let domain = match self.account.options.region {
            Region::World => "iCloud.com",
            Region::China => "iCloud.com.cn",
        };
        let status = if self.account.options.redirects { 302 } else { 200 };
        reply::json(
            status,
            &json!({ "domainToUse": domain, "dsInfo": { "dsid": self.account.options.dsid } }),
        )
    }

    /// Are the cookies still good? Then they are renewed.
    pub(super) fn validate(&mut self) -> Reply {
        if !self.signed_in() || self.account.options.validate_refuses {
            return not_signed_in();
        }
        self.set_session_cookies();
        reply::json(200, &self.description(true))
    }

    /// The session ends; unless the client stays trusted, trust ends too.
    pub(super) fn logout(&mut self) -> Reply {
        if !self.signed_in() {
            return not_signed_in();
        }
        if let Some(token) = self.request.cookie(TOKEN) {
            self.account.sessions.end(token);
        }
        if self.request.json()["trustBrowser"] != true {
            self.account.tokens.drop_trust();
            self.cookies.remove(TRUSTED);
        }
        for name in [TOKEN, USER, "X-APPLE-DS-WEB-SESSION-TOKEN"] {
            self.cookies.remove(name);
        }
        reply::json(200, &json!({ "success": true }))
    }

    fn set_sign_in_cookies(&mut self) {
        let ticket = || format!("v=1:t=Cw==BST_{}~~", random::token());
        let now = self.now;
        self.cookies.session("X-APPLE-UNIQUE-CLIENT-ID", "Cw==");
        self.cookies.session("X-APPLE-WEBAUTH-LOGIN", &ticket());
        let user = format!("v=1:s=1:d={}", self.account.options.dsid);
        self.cookies.days(USER, &user, now, 30);
        self.cookies.days("X_APPLE_WEB_KB-ONXHCNAXFAIPPFDMR5UZVNO6NIMY", &ticket(), now, 60);
        self.cookies.session("X-APPLE-WEBAUTH-VALIDATE", &ticket());
        self.cookies.days("X-APPLE-DS-WEB-SESSION-TOKEN", &format!("{}=", random::token()), now, 30);
    }

    /// The cookies of a trusted session.
    fn set_session_cookies(&mut self) {
        let lifetimes = self.account.options.lifetimes;
        let token = self.account.sessions.issue(self.now, lifetimes.session);
        self.cookies.until(TOKEN, &token, self.now + lifetimes.trust);
        let ticket = format!("v=1:t=EQ==BST_{}~~", random::token());
        self.cookies.session("X-APPLE-WEBAUTH-VALIDATE", &ticket);
        // The keys of a protected account are handed out by requestPCS only.
        if !self.account.options.protected {
            for name in OTHER_KEYS {
                self.cookies.until(name, &format!("{}=", random::token()), self.now + lifetimes.trust);
            }
        }
    }

    /// The account and its services.
    fn description(&self, trusted: bool) -> Value {
        let options = &self.account.options;
        let factor = options.second_factor != SecondFactor::None;
        let (first, last) = options.full_name.split_once(' ').unwrap_or((&options.full_name, ""));
        json!({
            "dsInfo": {
                "dsid": options.dsid,
                "appleId": options.name,
                "primaryEmail": options.name,
                "fullName": options.full_name,
                "firstName": first,
                "lastName": last,
                "hsaVersion": if factor { 2 } else { 0 },
                "hsaEnabled": factor,
                "hasICloudQualifyingDevice": true,
                "isWebAccessAllowed": options.web_access,
                "iCDPEnabled": options.protected,
                "isManagedAppleID": options.managed,
                "locked": options.locked,
                "statusCode": 2,
                "countryCode": "USA",
                "languageCode": "en-us",
                "locale": "en-us_US",
            },
            "webservices": self.services(trusted),
            "hasMinimumDeviceForPhotosWeb": true,
            "iCDPEnabled": options.protected,
            "pcsEnabled": true,
            "pcsServiceIdentitiesIncluded": false,
            "pcsDeleted": false,
            "hsaTrustedBrowser": trusted,
            "hsaChallengeRequired": factor && !trusted,
            "termsUpdateNeeded": options.terms_pending,
            "isExtendedLogin": true,
            "version": 2,
            "requestInfo": { "country": "US", "timeZone": "EST", "region": "NC" },
            "apps": { "photos": {}, "iclouddrive": {} },
        })
    }

    /// The services; those of the photos only for a session that may use them.
    fn services(&self, trusted: bool) -> Value {
        let options = &self.account.options;
        let url = |service: &str| {
            let (partition, suffix) = (options.partition, options.region.suffix());
            format!("https://p{partition}-{service}.icloud.com{suffix}:443")
        };
        let mut services = Map::new();
        services.insert("account".to_owned(), json!({ "url": url("setup"), "status": "active" }));
        services.insert("push".to_owned(), json!({ "url": url("pushws"), "status": "active" }));
        if trusted && options.web_access && options.photos && !options.terms_pending {
            let keyed = |service| json!({ "pcsRequired": true, "url": url(service), "status": "active" });
            services.insert("ckdatabasews".to_owned(), keyed("ckdatabasews"));
            services.insert("photos".to_owned(), keyed("photosws"));
            services.insert("photosupload".to_owned(), keyed("uploadphotosws"));
        }
        services.into()
    }
}

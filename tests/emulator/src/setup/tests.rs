//! The account services and the check of sessions, without the network.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http_body_util::BodyExt as _;
use hyper::{HeaderMap, Method};
use serde_json::{Value, json};

use super::{answer, renew_session, session_refusal};
use crate::account::{AccountHandle, AccountOptions, LostSession, Region, SecondFactor};
use crate::clock::Clock;
use crate::kind::{Kind, Role};
use crate::library::{LibraryHandle, LibrarySpec};
use crate::reply::{self, Reply};
use crate::request::Request;
use crate::state::State;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// A browser's store of cookies, and a session token of the given worth.
struct Browser {
    state: Arc<State>,
    account: AccountHandle,
    cookies: Vec<(String, String)>,
    set_cookies: Vec<String>,
    token: String,
    host: &'static str,
}

struct Answer {
    status: u16,
    body: Value,
}

impl Browser {
    fn new(trusted: bool, change: impl FnOnce(&mut AccountOptions)) -> Self {
        let mut options = AccountOptions { iterations: 1, ..AccountOptions::default() };
        change(&mut options);
        let clock = Clock::default();
        let library = LibraryHandle::new(&LibrarySpec::plain(0), clock.clone());
        let state = Arc::new(State::new(clock, library, options, None));
        let lifetimes = state.account().options.lifetimes;
        let token = state.account().tokens.issue_session(1, trusted, SystemTime::now(), &lifetimes);
        Self {
            account: AccountHandle::new(Arc::clone(&state)),
            state,
            cookies: Vec::new(),
            set_cookies: Vec::new(),
            token,
            host: "setup.icloud.com",
        }
    }

    fn request(&self, role: Role, host: &str, path: &str, body: &Value) -> Request {
        let body = body.to_string().into_bytes();
        Request {
            kind: Kind::of(role, &Method::POST, path, &body).unwrap(),
            method: Method::POST,
            host: host.to_owned(),
            path: path.to_owned(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            cookies: self.cookies.clone(),
            body: body.into(),
            connection: 0,
            effects: Vec::new(),
        }
    }

    async fn keep(&mut self, reply: Reply) -> Answer {
        let (parts, body) = reply.into_parts();
        self.set_cookies.clear();
        for line in parts.headers.get_all("set-cookie") {
            let line = line.to_str().unwrap();
            self.set_cookies.push(line.to_owned());
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.trim_matches('"').to_owned()));
            }
        }
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status.as_u16(), body: serde_json::from_slice(&body).unwrap_or(Value::Null) }
    }

    async fn post(&mut self, call: &str, body: Value) -> Answer {
        let request = self.request(Role::Setup, self.host, &format!("/setup/ws/1/{call}"), &body);
        let reply = answer(&self.state, &request);
        self.keep(reply).await
    }

    async fn login(&mut self) -> Answer {
        let body = json!({ "dsWebAuthToken": self.token, "extended_login": true, "trustToken": "" });
        self.post("accountLogin", body).await
    }

    /// What the database thinks of the cookies; an accepted request renews the session.
    async fn query(&mut self) -> Answer {
        let path = "/database/1/com.apple.photos.cloud/production/private/records/query";
        let request = self.request(Role::Photos, "p61-ckdatabasews.icloud.com", path, &json!({}));
        let reply = session_refusal(&self.state, &request).unwrap_or_else(|| {
            let mut reply = reply::json(200, &json!({}));
            renew_session(&self.state, &request, &mut reply);
            reply
        });
        self.keep(reply).await
    }

    fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[tokio::test]
async fn an_untrusted_session_has_a_reduced_map_and_no_way_to_the_photos() {
    let mut browser = Browser::new(false, |_| {});
    let answer = browser.login().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["hsaChallengeRequired"], true);
    assert_eq!(answer.body["dsInfo"]["hsaVersion"], 2);
    assert_eq!(answer.body["webservices"]["ckdatabasews"], Value::Null);
    assert!(browser.cookie("X-APPLE-WEBAUTH-HSA-LOGIN").is_some());
    let refusal = browser.query().await;
    assert_eq!((refusal.status, &refusal.body["success"]), (421, &json!(false)));
}

#[tokio::test]
async fn a_trusted_session_reaches_the_photos_and_is_renewed_by_them() {
    let mut browser = Browser::new(true, |_| {});
    browser.cookies.push(("X-APPLE-WEBAUTH-HSA-LOGIN".to_owned(), "old".to_owned()));
    let answer = browser.login().await;
    assert_eq!(answer.body["hsaTrustedBrowser"], true);
    assert_eq!(answer.body["webservices"]["ckdatabasews"]["url"], "https://p61-ckdatabasews.icloud.com:443");
    assert_eq!(browser.cookie("X-APPLE-WEBAUTH-HSA-LOGIN"), None, "taken away by an empty value");

    let first = browser.cookies.clone();
    for _ in 0..3 {
        browser.state.clock.advance(5 * HOUR);
        assert_eq!(browser.query().await.status, 200);
        assert!(browser.set_cookies.iter().all(|line| !line.contains("Expires")));
    }
    browser.cookies = first;
    let refusal = browser.query().await;
    assert_eq!((refusal.status, &refusal.body["error"]), (421, &json!(2)), "the first cookie has aged");
}

#[tokio::test]
async fn cookies_come_in_all_their_odd_forms() {
    let mut browser = Browser::new(true, |_| {});
    browser.login().await;
    let line =
        |start: &str| browser.set_cookies.iter().find(|line| line.starts_with(start)).unwrap().as_str();
    assert!(
        line("X-APPLE-WEBAUTH-USER=").starts_with("X-APPLE-WEBAUTH-USER=\"v=1:s=1:d=10203040506\";Expires=")
    );
    let after_weekday = |line: &str| line.split_once("Expires=").unwrap().1[3..5].to_owned();
    assert_eq!(after_weekday(line("X-APPLE-WEBAUTH-USER=")), ", ");
    assert_ne!(after_weekday(line("X-APPLE-WEBAUTH-TOKEN=")), ", ");
    assert!(!line("X-APPLE-WEBAUTH-VALIDATE=").contains("Expires"));
    assert!(
        line("X-APPLE-WEBAUTH-HSA-LOGIN=").starts_with("X-APPLE-WEBAUTH-HSA-LOGIN=;Expires=Thu, 01-Jan-1970")
    );
}

#[tokio::test]
async fn session_tokens_are_told_apart() {
    let mut browser = Browser::new(true, |_| {});
    let answer = browser.post("accountLogin", json!({ "dsWebAuthToken": null })).await;
    assert_eq!((answer.status, &answer.body["error"]), (400, &json!("Missing apple_id field")));
    let answer = browser.post("accountLogin", json!({ "dsWebAuthToken": "made up" })).await;
    assert_eq!((answer.status, &answer.body["error"]), (400, &json!("Invalid Session Token")));
    browser.state.clock.advance(31 * 24 * HOUR);
    assert_eq!(browser.login().await.status, 421);
}

#[tokio::test]
async fn validate_renews_a_session_and_logout_ends_it() {
    let mut browser = Browser::new(true, |_| {});
    assert_eq!(browser.post("validate", Value::Null).await.status, 421);
    browser.login().await;
    let before = browser.cookie("X-APPLE-WEBAUTH-TOKEN").unwrap().to_owned();
    assert_eq!(browser.post("validate", Value::Null).await.status, 200);
    assert_ne!(browser.cookie("X-APPLE-WEBAUTH-TOKEN"), Some(before.as_str()));
    browser.account.change(|account| account.validate_refuses = true);
    assert_eq!(browser.post("validate", Value::Null).await.status, 421);
    assert_eq!(browser.query().await.status, 200, "the session itself is good");
    let kept = browser.cookies.clone();
    assert_eq!(browser.post("logout", json!({ "trustBrowser": true })).await.body["success"], true);
    assert_eq!(browser.cookie("X-APPLE-WEBAUTH-TOKEN"), None);
    browser.cookies = kept;
    browser.account.expire_sessions();
    assert_eq!(browser.query().await.status, 421);
    assert_eq!(browser.login().await.status, 200, "the session token is still good");
    browser.account.expire_session_tokens();
    assert_eq!(browser.login().await.status, 400);
}

#[tokio::test]
async fn an_account_on_the_other_side_is_sent_there() {
    let mut browser = Browser::new(true, |account| account.region = Region::China);
    let answer = browser.login().await;
    assert_eq!((answer.status, &answer.body["domainToUse"]), (200, &json!("iCloud.com.cn")));
    assert_eq!(answer.body["webservices"], Value::Null);
    browser.account.change(|account| account.redirects = true);
    let answer = browser.login().await;
    assert_eq!((answer.status, &answer.body["domainToUse"]), (302, &json!("iCloud.com.cn")));
    browser.host = "setup.icloud.com.cn";
    let answer = browser.login().await;
    assert_eq!(
        answer.body["webservices"]["ckdatabasews"]["url"],
        "https://p61-ckdatabasews.icloud.com.cn:443"
    );
    assert!(browser.set_cookies.iter().all(|line| line.contains("Domain=.icloud.com.cn")));
}

#[tokio::test]
async fn what_the_owner_has_switched_off_stays_off() {
    let mut browser = Browser::new(true, |account| account.web_access = false);
    let answer = browser.login().await;
    assert_eq!(answer.body["dsInfo"]["isWebAccessAllowed"], false);
    assert_eq!(answer.body["webservices"]["ckdatabasews"], Value::Null);
    let refusal = browser.query().await;
    assert_eq!((refusal.status, &refusal.body["serverErrorCode"]), (403, &json!("ACCESS_DENIED")));
    browser.account.change(|account| (account.web_access, account.terms_pending) = (true, true));
    let answer = browser.login().await;
    assert_eq!(answer.body["termsUpdateNeeded"], true);
    assert_eq!(answer.body["webservices"]["ckdatabasews"], Value::Null);
    assert_eq!(browser.query().await.status, 401);
}

#[tokio::test]
async fn the_end_of_a_session_is_told_as_configured() {
    let mut browser = Browser::new(true, |_| {});
    browser.login().await;
    browser.account.expire_sessions();
    for (how, status, pointer, value) in [
        (LostSession::MissingToken, 421, "/error", json!("Missing X-APPLE-WEBAUTH-TOKEN cookie")),
        (LostSession::InvalidSession, 421, "/reason", json!("Invalid global session")),
        (LostSession::Required, 421, "/serverErrorCode", json!("AUTHENTICATION_REQUIRED")),
        (LostSession::Failed, 401, "/serverErrorCode", json!("AUTHENTICATION_FAILED")),
    ] {
        browser.account.change(|account| account.lost_session = how);
        let refusal = browser.query().await;
        assert_eq!((refusal.status, refusal.body.pointer(pointer)), (status, Some(&value)), "{how:?}");
    }
}

#[tokio::test]
async fn an_account_that_has_moved_is_found_at_its_new_place() {
    let mut browser = Browser::new(true, |_| {});
    browser.login().await;
    browser.account.change(|account| account.partition = 62);
    assert_eq!(browser.query().await.status, 421);
    let answer = browser.login().await;
    assert_eq!(answer.body["webservices"]["ckdatabasews"]["url"], "https://p62-ckdatabasews.icloud.com:443");
}

#[tokio::test]
async fn a_protected_account_needs_its_owner_every_hour() {
    let mut browser = Browser::new(true, |account| account.protected = true);
    let answer = browser.login().await;
    assert_eq!(answer.body["iCDPEnabled"], true);
    assert_eq!(browser.query().await.status, 423);
    let pcs = || json!({ "appName": "photos", "derivedFromUserAction": true });
    let state = browser.post("requestWebAccessState", json!({})).await.body;
    assert_eq!((&state["isICDRSDisabled"], &state["isDeviceConsentedForPCS"]), (&json!(true), &json!(false)));
    assert_eq!(
        browser.post("enableDeviceConsentForPCS", json!({})).await.body["isDeviceConsentNotificationSent"],
        true
    );
    assert_eq!(browser.post("requestPCS", pcs()).await.body["status"], "failure");
    browser.account.approve_adp();
    assert_eq!(browser.post("requestWebAccessState", json!({})).await.body["isDeviceConsentedForPCS"], true);
    assert_eq!(browser.post("requestPCS", pcs()).await.body["status"], "success");
    assert_eq!(browser.query().await.status, 200);
    browser.state.clock.advance(HOUR);
    assert_eq!(browser.query().await.status, 423, "the approval has ended");

    browser.account.change(|account| account.approves_after = Some(2));
    let messages = [browser.post("requestPCS", pcs()).await, browser.post("requestPCS", pcs()).await]
        .map(|answer| answer.body["message"].as_str().unwrap().to_owned());
    assert_eq!(messages, ["Requested the device to upload cookies.", "Cookies not available yet on server."]);
    assert_eq!(browser.post("requestPCS", pcs()).await.body["status"], "success");
    assert_eq!(browser.query().await.status, 200);
}

#[tokio::test]
async fn an_ordinary_account_gets_its_keys_for_the_asking() {
    let mut browser = Browser::new(false, |account| account.second_factor = SecondFactor::None);
    assert_eq!(browser.post("requestPCS", json!({})).await.status, 421);
    assert_eq!(browser.login().await.body["dsInfo"]["hsaVersion"], 0);
    assert_eq!(browser.post("requestWebAccessState", json!({})).await.body["isICDRSDisabled"], false);
    assert_eq!(browser.post("requestPCS", json!({})).await.body["status"], "success");
    assert!(browser.cookie("X-APPLE-WEBAUTH-PCS-Photos").is_some());
}

#[tokio::test]
async fn a_partition_may_want_its_own_host() {
    let mut browser = Browser::new(true, |account| account.partition_only = true);
    assert_eq!(browser.login().await.status, 421);
    for (host, status) in [("p60-setup.icloud.com", 421), ("p61-setup.icloud.com", 200)] {
        browser.host = host;
        assert_eq!(browser.login().await.status, status, "{host}");
    }
}

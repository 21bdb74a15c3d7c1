//! The account services: is the session good, and where is the photos database?

use jiff::Timestamp;
use reqwest::Method as Verb;
use serde_json::{Value, json};

use crate::icloud::client::{Answer, Client, Request};
use crate::icloud::error::Error;
use crate::icloud::hosts;
use crate::settings::Region;

/// What an answer of `validate` or `accountLogin` says about the session.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Signed in.
    Ready(Services),
    /// The session is over, or was none.
    NotSignedIn,
    /// A second factor is still open.
    SecondFactor,
    /// The account lives in the other world.
    OtherWorld(Region),
}

/// What a signed-in session can use.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Services {
    pub(super) dsid: Option<String>,
    pub(super) photos_url: String,
    /// Whether Advanced Data Protection is on.
    pub(super) protected: bool,
}

/// Calls one of the account services, once.
pub(super) async fn call(client: &Client, path: &str, body: &Value) -> Result<Answer, Error> {
    call_at(client, hosts::setup(client.region()), path, body).await
}

/// The account services on the host that the answer's partition names, if it names one.
pub(super) fn partition_base(answer: &Answer, region: Region) -> Option<String> {
    hosts::partition_setup(region, answer.header("x-apple-user-partition")?)
}

/// Calls one of the account services at `base`, once.
pub(super) async fn call_at(client: &Client, base: &str, path: &str, body: &Value) -> Result<Answer, Error> {
    let home = client.home();
    let url = format!("{base}/{path}");
    let request = Request::new(Verb::POST, url)
        .header("accept", "application/json")
        .header("origin", home)
        .header("referer", &format!("{home}/"))
        .json(body);
    client.send(request).await
}

/// The body of `accountLogin`.
pub(super) fn login_body(client: &Client) -> Value {
    client.session(|session| {
        json!({
            "accountCountryCode": session.country,
            "dsWebAuthToken": session.session_token,
            "extended_login": true,
            "trustToken": session.trust_token.as_deref().unwrap_or_default(),
        })
    })
}

/// Reads an answer that is neither throttling nor a failure of the server. Conditions that only the owner can
/// change are errors.
pub(super) fn standing(answer: &Answer, region: Region) -> Result<Standing, Error> {
    let body = answer.json();
    let body = body.as_ref();
    let named = body.and_then(|body| body.get("domainToUse")).and_then(Value::as_str);
    if let Some(other) = named.and_then(hosts::region_of).filter(|other| *other != region) {
        return Ok(Standing::OtherWorld(other));
    }
    match (answer.status, body) {
        (200..=299, Some(body)) => read(body, region),
        (400..=499, _) => Ok(Standing::NotSignedIn),
        (status, _) => {
            Err(Error::protocol(format!("the account services answered {status} without an account")))
        }
    }
}

fn read(body: &Value, region: Region) -> Result<Standing, Error> {
    let owner = body.get("dsInfo").unwrap_or(&Value::Null);
    let is = |value: &Value, name: &str, expected: bool| value.get(name) == Some(&Value::Bool(expected));
    if is(body, "termsUpdateNeeded", true) {
        return Err(Error::TermsPending { home: hosts::home(region) });
    }
    if is(owner, "isManagedAppleID", true) {
        return Err(Error::Managed);
    }
    if is(owner, "locked", true) {
        return Err(Error::AccountLocked { message: None });
    }
    if is(owner, "isWebAccessAllowed", false) {
        return Err(Error::WebAccessOff);
    }
    let is_open = is(body, "hsaChallengeRequired", true) || !is(body, "hsaTrustedBrowser", true);
    match owner.get("hsaVersion").and_then(Value::as_u64) {
        Some(1) if is_open => return Err(Error::TwoStepVerification),
        Some(2) if is_open => return Ok(Standing::SecondFactor),
        _ if is(body, "hsaChallengeRequired", true) => return Ok(Standing::SecondFactor),
        _ => {}
    }
    let service = body.get("webservices").and_then(|services| services.get("ckdatabasews"));
    let photos_url = service.and_then(|service| service.get("url")).and_then(Value::as_str);
    let photos_url = photos_url.ok_or(Error::NotSetUp)?.to_owned();
    let protected = is(owner, "iCDPEnabled", true) || is(body, "iCDPEnabled", true);
    let dsid = owner.get("dsid").and_then(|dsid| dsid.as_str().map(str::to_owned));
    Ok(Standing::Ready(Services { dsid, photos_url, protected }))
}

/// Enters a good standing into the session.
pub(super) fn accept(client: &Client, services: &Services) {
    client.session(|session| {
        session.dsid.clone_from(&services.dsid);
        session.photos_url = Some(services.photos_url.clone());
        session.validated_at = Some(Timestamp::now());
    });
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::header::HeaderMap;

    use super::*;

    fn body() -> Value {
        json!({
            "dsInfo": { "dsid": "1", "hsaVersion": 2, "isWebAccessAllowed": true, "locked": false },
            "hsaTrustedBrowser": true, "hsaChallengeRequired": false,
            "webservices": { "ckdatabasews": { "url": "https://p1-ckdatabasews.icloud.com:443", "pcsRequired": true } },
        })
    }

    fn standing_of(status: u16, body: &str) -> Result<Standing, Error> {
        let body = Bytes::from(body.to_owned());
        standing(&Answer { host: "h".into(), status, headers: HeaderMap::new(), body }, Region::World)
    }

    fn with(path: &[&str], value: Value) -> Result<Standing, Error> {
        let mut changed = body();
        let place = path.iter().fold(&mut changed, |inner, name| &mut inner[*name]);
        *place = value;
        standing_of(200, &changed.to_string())
    }

    #[test]
    fn a_trusted_session_is_ready() {
        let Ok(Standing::Ready(services)) = standing_of(200, &body().to_string()) else {
            panic!("not ready")
        };
        assert_eq!(services.photos_url, "https://p1-ckdatabasews.icloud.com:443");
        assert!(!services.protected, "every account has pcsRequired");
    }

    #[test]
    fn an_open_second_factor_is_seen() {
        assert_eq!(with(&["hsaChallengeRequired"], json!(true)).unwrap(), Standing::SecondFactor);
        assert_eq!(with(&["hsaTrustedBrowser"], json!(false)).unwrap(), Standing::SecondFactor);
        assert!(matches!(with(&["hsaTrustedBrowser"], json!(false)), Ok(Standing::SecondFactor)));
    }

    #[test]
    fn conditions_of_the_account_are_named() {
        assert!(matches!(with(&["termsUpdateNeeded"], json!(true)), Err(Error::TermsPending { .. })));
        assert!(matches!(with(&["dsInfo", "isManagedAppleID"], json!(true)), Err(Error::Managed)));
        assert!(matches!(with(&["dsInfo", "locked"], json!(true)), Err(Error::AccountLocked { .. })));
        assert!(matches!(with(&["dsInfo", "isWebAccessAllowed"], json!(false)), Err(Error::WebAccessOff)));
        assert!(matches!(with(&["webservices"], json!({})), Err(Error::NotSetUp)));
        let old = |value: &mut Value| value["dsInfo"]["hsaVersion"] = json!(1);
        let mut changed = body();
        old(&mut changed);
        changed["hsaTrustedBrowser"] = json!(false);
        assert!(matches!(standing_of(200, &changed.to_string()), Err(Error::TwoStepVerification)));
        assert!(
            matches!(with(&["dsInfo", "iCDPEnabled"], json!(true)), Ok(Standing::Ready(s)) if s.protected)
        );
    }

    #[test]
    fn the_other_world_is_seen_behind_any_status() {
        for status in [200, 302, 421] {
            let found = standing_of(status, r#"{"domainToUse":"iCloud.com.cn"}"#).unwrap();
            assert_eq!(found, Standing::OtherWorld(Region::China), "{status}");
        }
        assert_eq!(standing_of(421, r#"{"domainToUse":"iCloud.com"}"#).unwrap(), Standing::NotSignedIn);
    }

    #[test]
    fn refusals_and_nonsense_are_told_apart() {
        for status in [400, 401, 403, 421, 450] {
            assert_eq!(standing_of(status, "<html>").unwrap(), Standing::NotSignedIn);
        }
        assert!(matches!(standing_of(200, "<html>"), Err(Error::Protocol { .. })));
        assert!(matches!(standing_of(302, ""), Err(Error::Protocol { .. })));
    }
}

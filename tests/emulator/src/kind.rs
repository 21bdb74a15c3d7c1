//! What a request asks for: the map of the emulated hosts.

use hyper::Method;
use serde_json::Value;

/// The part that a host plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// `idmsa.apple.com`.
    SignIn,
    /// `setup.icloud.com` and `pNN-setup.icloud.com`.
    Setup,
    /// `pNN-ckdatabasews.icloud.com`.
    Photos,
    /// `cvws.icloud-content.com`.
    Content,
}

impl Role {
    /// The part of `host` (a name without port), of the world or of mainland China.
    pub fn of(host: &str) -> Option<Self> {
        let world = host.strip_suffix(".cn").unwrap_or(host);
        if world == "idmsa.apple.com" {
            return Some(Self::SignIn);
        }
        if world.ends_with(".icloud-content.com") {
            return Some(Self::Content);
        }
        match without_partition(world.strip_suffix(".icloud.com")?) {
            "setup" => Some(Self::Setup),
            "ckdatabasews" => Some(Self::Photos),
            _ => None,
        }
    }
}

/// `p61-setup` is `setup` of partition 61.
fn without_partition(name: &str) -> &str {
    match name.split_once('-') {
        Some((partition, rest)) if is_partition(partition) => rest,
        _ => name,
    }
}

fn is_partition(text: &str) -> bool {
    text.strip_prefix('p').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The sign-in page: first cookies and nonces.
    Authorize,
    /// Whether the account belongs to an organisation.
    Federate,
    /// First half of SRP.
    Init,
    /// Second half of SRP.
    Complete,
    /// The dead sign-in with a plain password.
    LegacySignIn,
    /// Passing over a repair step.
    Repair,
    /// Which second factors there are.
    Challenge,
    /// Ask for a code on the trusted devices.
    Push,
    /// The retired address for the same.
    RetiredPush,
    /// Ask for a code by text message.
    Sms,
    /// Ask for a code by a call.
    Voice,
    /// A code of a device is submitted.
    DeviceCode,
    /// A code of a text message or a call is submitted.
    PhoneCode,
    /// This client is to be trusted.
    Trust,
    /// Session token becomes cookies.
    AccountLogin,
    /// Are the cookies still good?
    Validate,
    /// The session is to end.
    Logout,
    /// Advanced Data Protection: is web access open?
    WebAccessState,
    /// Advanced Data Protection: ask a device.
    DeviceConsent,
    /// Cookies for the keys of a service.
    RequestPcs,
    /// The list of zones.
    Zones,
    /// Which zones changed.
    DatabaseChanges,
    /// What changed in a zone.
    ZoneChanges,
    /// One query.
    Query,
    /// Several queries, mostly counts.
    Batch,
    /// Records by name.
    Lookup,
    /// Changes of records.
    Modify,
    /// Bytes of a file.
    Content,
}

impl Kind {
    /// What `method` on `path` means on a host of `role`; the body tells a text message from a call.
    pub fn of(role: Role, method: &Method, path: &str, body: &[u8]) -> Option<Self> {
        match role {
            Role::SignIn => sign_in(method, path.strip_prefix("/appleauth/auth")?, body),
            Role::Setup => setup(method, path.strip_prefix("/setup/ws/1/")?),
            Role::Photos => photos(method, path),
            Role::Content => (method == Method::GET || method == Method::HEAD).then_some(Self::Content),
        }
    }
}

fn sign_in(method: &Method, path: &str, body: &[u8]) -> Option<Kind> {
    Some(match (method.as_str(), path) {
        ("GET", "/authorize/signin") => Kind::Authorize,
        ("POST", "/federate") => Kind::Federate,
        ("POST", "/signin/init") => Kind::Init,
        ("POST", "/signin/complete") => Kind::Complete,
        ("POST", "/signin") => Kind::LegacySignIn,
        ("POST", "/repair/complete") => Kind::Repair,
        ("GET", "" | "/") => Kind::Challenge,
        ("PUT", "/verify/trusteddevice/securitycode") => Kind::Push,
        ("PUT" | "POST", "/verify/trusteddevice") => Kind::RetiredPush,
        ("PUT", "/verify/phone") if wants_voice(body) => Kind::Voice,
        ("PUT", "/verify/phone") => Kind::Sms,
        ("POST", "/verify/trusteddevice/securitycode") => Kind::DeviceCode,
        ("POST", "/verify/phone/securitycode") => Kind::PhoneCode,
        ("GET", "/2sv/trust") => Kind::Trust,
        _ => return None,
    })
}

fn wants_voice(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(body).is_ok_and(|body| body["mode"] == "voice")
}

fn setup(method: &Method, call: &str) -> Option<Kind> {
    if method != Method::POST {
        return None;
    }
    Some(match call {
        "accountLogin" => Kind::AccountLogin,
        "validate" => Kind::Validate,
        "logout" => Kind::Logout,
        "requestWebAccessState" => Kind::WebAccessState,
        "enableDeviceConsentForPCS" => Kind::DeviceConsent,
        "requestPCS" => Kind::RequestPcs,
        _ => return None,
    })
}

fn photos(method: &Method, path: &str) -> Option<Kind> {
    if method != Method::POST {
        return None;
    }
    let path = path.strip_prefix("/database/1/com.apple.photos.cloud/production/")?;
    let call = path.strip_prefix("private/").or_else(|| path.strip_prefix("shared/"))?;
    Some(match call {
        "zones/list" => Kind::Zones,
        "changes/database" => Kind::DatabaseChanges,
        "changes/zone" => Kind::ZoneChanges,
        "records/query" => Kind::Query,
        "internal/records/query/batch" => Kind::Batch,
        "records/lookup" => Kind::Lookup,
        "records/modify" => Kind::Modify,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_play_their_parts() {
        assert_eq!(Role::of("idmsa.apple.com"), Some(Role::SignIn));
        assert_eq!(Role::of("setup.icloud.com.cn"), Some(Role::Setup));
        assert_eq!(Role::of("p61-setup.icloud.com"), Some(Role::Setup));
        assert_eq!(Role::of("p61-ckdatabasews.icloud.com"), Some(Role::Photos));
        assert_eq!(Role::of("cvws-h2.icloud-content.com"), Some(Role::Content));
        assert_eq!(Role::of("px-ckdatabasews.icloud.com"), None);
        assert_eq!(Role::of("www.apple.com"), None);
    }

    #[test]
    fn a_call_is_told_from_a_text_message_by_its_body() {
        let of = |body: &str| {
            Kind::of(Role::SignIn, &Method::PUT, "/appleauth/auth/verify/phone", body.as_bytes())
        };
        assert_eq!(of(r#"{"phoneNumber":{"id":3},"mode":"voice"}"#), Some(Kind::Voice));
        assert_eq!(of(r#"{"phoneNumber":{"id":3},"mode":"sms"}"#), Some(Kind::Sms));
    }

    #[test]
    fn unknown_calls_have_no_kind() {
        assert_eq!(Kind::of(Role::Setup, &Method::GET, "/setup/ws/1/validate", b""), None);
        assert_eq!(Kind::of(Role::SignIn, &Method::POST, "/appleauth/auth/bridge/step/0", b""), None);
    }
}

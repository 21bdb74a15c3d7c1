//! Removes what must not leave the machine.
//!
//! Headers and addresses pass by a list of what is harmless; bodies pass as JSON without the fields that are
//! known to be secret or personal. A body that is no JSON does not pass.

use reqwest::Url;
use reqwest::header::HeaderMap;
use serde_json::{Map, Value, json};

const REDACTED: &str = "[redacted]";

/// Headers of answers that help and hide nothing.
const HARMLESS_HEADERS: [&str; 9] = [
    "content-type",
    "content-length",
    "content-range",
    "date",
    "retry-after",
    "x-apple-i-rscd",
    "x-apple-i-ercd",
    "x-apple-hc-bits",
    "x-apple-edp",
];

/// Query parameters that help and hide nothing.
const HARMLESS_PARAMETERS: [&str; 4] =
    ["remapEnums", "getCurrentSyncToken", "isRememberMeEnabled", "language"];

/// Fields of requests and answers that are secrets, or say who the owner is or what he photographs. The names
/// are compared without case.
const SECRET_FIELDS: [&str; 44] = [
    "a",
    "accountname",
    "adsid",
    "appleid",
    "appleidalias",
    "appleidentries",
    "b",
    "c",
    "captionenc",
    "challenge",
    "dsid",
    "dsprsid",
    "dswebauthtoken",
    "downloadurl",
    "email",
    "filenameenc",
    "firstname",
    "fullname",
    "icloudappleidalias",
    "keyhandles",
    "keynames",
    "lasttwodigits",
    "lastname",
    "locationenc",
    "m1",
    "m2",
    "notificationid",
    "numberwithdialcode",
    "obfuscatednumber",
    "password",
    "phonenumber",
    "primaryemail",
    "recoveryurl",
    "recoveryweburl",
    "salt",
    "securitycode",
    "trusttoken",
    "trusttokens",
    "url",
    "verificationcode",
    "wrappingkey",
    "albumnameenc",
    "extendeddescenc",
    "keywordsenc",
];

/// The address without what identifies the account; of a content address only the host.
pub(super) fn url(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    if host.contains("content") || host.contains("cdn") {
        return format!("https://{host}/{REDACTED}");
    }
    let query: Vec<String> = url
        .query_pairs()
        .map(|(name, value)| {
            let value = if HARMLESS_PARAMETERS.contains(&&*name) { value } else { REDACTED.into() };
            format!("{name}={value}")
        })
        .collect();
    let separator = if query.is_empty() { "" } else { "?" };
    format!("https://{host}{}{separator}{}", url.path(), query.join("&"))
}

/// The harmless headers in the form of HAR.
pub(super) fn headers(headers: &HeaderMap) -> Vec<Value> {
    HARMLESS_HEADERS
        .iter()
        .filter_map(|name| Some(json!({ "name": name, "value": headers.get(*name)?.to_str().ok()? })))
        .collect()
}

/// A body without secrets.
pub(super) fn body(body: &[u8]) -> String {
    if body.is_empty() {
        return String::new();
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(mut value) => {
            clean(&mut value);
            value.to_string()
        }
        Err(_) => format!("[{} bytes that are no JSON]", body.len()),
    }
}

fn clean(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(name, value)| clean_field(name, value)),
        Value::Array(items) => items.iter_mut().for_each(clean),
        Value::String(text) if text.starts_with("https://") => {
            *text = Url::parse(text).map_or_else(|_| REDACTED.to_owned(), |address| url(&address));
        }
        _ => {}
    }
}

fn clean_field(name: &str, value: &mut Value) {
    let is_secret = SECRET_FIELDS.contains(&name.to_ascii_lowercase().as_str());
    match value {
        // What a code is, is secret; how long it is and whether codes are locked, is not.
        Value::Object(flags) if name == "securityCode" => keep_flags(flags),
        // The services' addresses name a partition, no secret; they pass cleaned.
        Value::String(text) if name == "url" && text.contains("ws.icloud.com") => clean(value),
        Value::Null | Value::Bool(_) => {}
        _ if is_secret => *value = REDACTED.into(),
        _ => clean(value),
    }
}

fn keep_flags(flags: &mut Map<String, Value>) {
    for (name, value) in flags {
        if name != "length" && !value.is_boolean() {
            *value = REDACTED.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_pass_and_the_rest_does() {
        let request = json!({
            "accountName": "hush", "a": "hush", "c": ["hush"], "trustTokens": ["hush"], "protocols": ["s2k"],
            "securityCode": { "code": "hush", "length": 6, "valid": true },
            "phoneNumber": { "id": "hush" }, "dsInfo": { "fullName": "hush", "hsaVersion": 2 },
            "fields": { "filenameEnc": { "value": "hush" }, "resOriginalRes": { "value": {
                "downloadURL": "https://cvws.icloud-content.com/hush", "size": 7, "wrappingKey": "hush" } } },
            "any": "https://cvws.icloud-content.com/hush?x=hush",
            "webservices": { "ckdatabasews": { "url": "https://p61-ckdatabasews.icloud.com:443" } },
        });
        let text = body(request.to_string().as_bytes());
        assert!(!text.contains("hush"), "{text}");
        for kept in ["s2k", "\"valid\":true", "\"hsaVersion\":2", "\"size\":7", "p61-ckdatabasews"] {
            assert!(text.contains(kept), "{kept} in {text}");
        }
        assert!(!body(b"<html>hush</html>").contains("hush"));
    }

    #[test]
    fn addresses_and_headers_pass_by_a_list() {
        let address = |text: &str| url(&Url::parse(text).unwrap());
        assert_eq!(
            address("https://idmsa.apple.com/appleauth/auth/authorize/signin?state=hush&language=en_US"),
            "https://idmsa.apple.com/appleauth/auth/authorize/signin?state=[redacted]&language=en_US"
        );
        assert!(!address("https://cvws.icloud-content.com/B/hush?k=hush").contains("hush"));
        let mut all = HeaderMap::new();
        for name in ["set-cookie", "scnt", "x-apple-session-token", "location"] {
            all.insert(name, "hush".parse().unwrap());
        }
        all.insert("retry-after", "7".parse().unwrap());
        assert_eq!(headers(&all), [json!({ "name": "retry-after", "value": "7" })]);
    }
}

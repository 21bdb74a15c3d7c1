//! Reads the answers of the sign-in host, in all the shapes that they have had.
//!
//! Apple moves its fields about; so each is looked for in the whole answer, whatever the path.

use serde_json::{Map, Value};

use super::factor::{Challenge, Phone};

/// A code's length where Apple does not say it.
const USUAL_LENGTH: usize = 6;
/// Names of keys, texts of errors and the like are cut to so many characters before they are shown.
const LONGEST_TEXT: usize = 200;

/// What an answer says, as far as it says it.
#[derive(Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "Apple's answer is a set of flags")]
pub(super) struct Reading {
    pub(super) phones: Vec<Phone>,
    pub(super) devices: Option<bool>,
    pub(super) code_length: Option<usize>,
    /// Security keys: `Some`, with their names, if the account wants one.
    pub(super) keys: Option<Vec<String>>,
    pub(super) managed: bool,
    /// `hsa2`, `hsa`, `sa` …
    pub(super) kind: Option<String>,
    /// Whether the code in question is right.
    pub(super) valid: Option<bool>,
    /// No more codes are checked.
    pub(super) locked: bool,
    /// No more codes are sent.
    pub(super) too_many_sent: bool,
    /// For a while, no code is sent.
    pub(super) cooling_down: bool,
    /// Errors: code and words.
    pub(super) errors: Vec<ServiceError>,
    pub(super) has_error: bool,
}

/// An error as the sign-in host words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServiceError {
    pub(super) code: String,
    pub(super) message: Option<String>,
}

impl Reading {
    /// Reads JSON, or the JSON inside the HTML of the sign-in page. Never fails: what is not understood says nothing.
    pub(super) fn of(body: &[u8]) -> Self {
        let value = serde_json::from_slice(body).ok().or_else(|| boot_args(body));
        value.as_ref().map(Self::of_value).unwrap_or_default()
    }

    fn of_value(value: &Value) -> Self {
        let code = find(value, "securityCode").filter(|code| code.is_object()).unwrap_or(&Value::Null);
        let flag = |name: &str| code.get(name) == Some(&Value::Bool(true));
        let errors = ["service_errors", "serviceErrors"].iter().filter_map(|name| find(value, name));
        let has_error =
            ["hasError", "has_error"].iter().any(|name| find(value, name) == Some(&Value::Bool(true)));
        Self {
            phones: phones(value),
            devices: devices(value),
            code_length: code.get("length").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok()),
            keys: keys(value),
            managed: find(value, "managedAccount") == Some(&Value::Bool(true)),
            kind: ["authType", "auth_type", "authenticationType"]
                .iter()
                .find_map(|name| text(find(value, name)?)),
            valid: code.get("valid").and_then(Value::as_bool),
            locked: flag("tooManyCodesValidated") || flag("securityCodeLocked"),
            too_many_sent: flag("tooManyCodesSent"),
            cooling_down: flag("securityCodeCooldown"),
            errors: errors.filter_map(Value::as_array).flatten().filter_map(service_error).collect(),
            has_error,
        }
    }

    /// Adds what a further answer says.
    pub(super) fn merge(&mut self, other: Self) {
        if !other.phones.is_empty() {
            self.phones = other.phones;
        }
        self.devices = other.devices.or(self.devices);
        self.code_length = other.code_length.or(self.code_length);
        self.keys = other.keys.or(self.keys.take());
        self.managed |= other.managed;
        self.kind = other.kind.or(self.kind.take());
        self.locked |= other.locked;
        self.too_many_sent |= other.too_many_sent;
        self.cooling_down |= other.cooling_down;
    }

    pub(super) fn has(&self, code: &str) -> bool {
        self.errors.iter().any(|error| error.code == code)
    }

    pub(super) fn is_error(&self) -> bool {
        self.has_error || !self.errors.is_empty()
    }

    /// Apple's words about what is wrong.
    pub(super) fn message(&self) -> Option<String> {
        let error = self.errors.first()?;
        Some(match &error.message {
            Some(message) => format!("{message} [{}]", error.code),
            None => format!("error {}", error.code),
        })
    }

    pub(super) fn challenge(&self) -> Challenge {
        Challenge {
            // An account whose answer does not say has devices, as a rule; and a push to none does no harm.
            devices: self.devices.unwrap_or(true),
            phones: self.phones.clone(),
            code_length: self.code_length.filter(|length| (4..=10).contains(length)).unwrap_or(USUAL_LENGTH),
        }
    }
}

/// The JSON of `<script type="application/json" class="boot_args">`.
fn boot_args(body: &[u8]) -> Option<Value> {
    let html = std::str::from_utf8(body).ok()?;
    let (_, rest) = html.split_once("boot_args")?;
    let (_, rest) = rest.split_once('>')?;
    let (json, _) = rest.split_once("</script")?;
    serde_json::from_str(json.trim()).ok()
}

/// The first field of this name, at any depth, that is not null; the outer ones first.
fn find<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let below: Box<dyn Iterator<Item = &Value>> = match value {
        Value::Object(fields) => {
            if let Some(found) = fields.get(name).filter(|found| !found.is_null()) {
                return Some(found);
            }
            Box::new(fields.values())
        }
        Value::Array(items) => Box::new(items.iter()),
        _ => return None,
    };
    below.into_iter().find_map(|inner| find(inner, name))
}

/// The list of phones, or the single one where there is no list.
fn phones(value: &Value) -> Vec<Phone> {
    let list = find(value, "trustedPhoneNumbers").and_then(Value::as_array);
    let many: Vec<Phone> = list.into_iter().flatten().filter_map(phone).collect();
    if many.is_empty() {
        return find(value, "trustedPhoneNumber").and_then(phone).into_iter().collect();
    }
    many
}

fn phone(value: &Value) -> Option<Phone> {
    let fields = value.as_object()?;
    let id = fields.get("id")?;
    let id = id.as_u64().or_else(|| id.as_str()?.parse().ok())?;
    let named = |name: &str| fields.get(name).and_then(text);
    let digits = || named("lastTwoDigits").map(|digits| format!("••{digits}"));
    Some(Phone {
        id: u32::try_from(id).ok()?,
        number: named("numberWithDialCode")
            .or_else(|| named("obfuscatedNumber"))
            .or_else(digits)
            .unwrap_or_default(),
        mode: named("pushMode").unwrap_or_else(|| "sms".to_owned()),
        non_fteu: fields.get("nonFTEU").and_then(Value::as_bool),
    })
}

fn devices(value: &Value) -> Option<bool> {
    let none = find(value, "noTrustedDevices").and_then(Value::as_bool).map(|none| !none);
    none.or_else(|| find(value, "hasTrustedDevices").and_then(Value::as_bool))
}

fn keys(value: &Value) -> Option<Vec<String>> {
    let is_filled = |value: &Value| match value {
        Value::Object(fields) => !Map::is_empty(fields),
        Value::Array(items) => !items.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => false,
    };
    let names = find(value, "keyNames").filter(|names| is_filled(names));
    if names.is_none() && !find(value, "fsaChallenge").is_some_and(is_filled) {
        return None;
    }
    Some(names.and_then(Value::as_array).into_iter().flatten().filter_map(text).collect())
}

fn service_error(value: &Value) -> Option<ServiceError> {
    let code = value.get("code")?;
    let code = text(code).or_else(|| code.as_i64().map(|code| code.to_string()))?;
    let message = ["message", "title"].iter().find_map(|name| text(value.get(name)?));
    Some(ServiceError { code, message })
}

/// A text that may be shown: short, without control characters.
fn text(value: &Value) -> Option<String> {
    let text: String = value.as_str()?.chars().filter(|c| !c.is_control()).take(LONGEST_TEXT).collect();
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;

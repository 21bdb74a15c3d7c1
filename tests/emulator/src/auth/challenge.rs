//! How the second factors are told.

use serde_json::{Map, Value, json};

use super::Turn;
use crate::account::{ListHtml, ListJson, Phone, SecondFactor};
use crate::random;
use crate::reply::{self, Reply};

/// Digits of a code.
const CODE_LENGTH: usize = 6;

impl Turn<'_> {
    /// The answer to GET: JSON if it is asked for, else a page.
    pub(super) fn challenge(&mut self) -> Reply {
        let status = if self.account.options.list_conflict { 409 } else { 200 };
        let wants_json =
            self.request.header("accept").is_some_and(|accept| accept.contains("application/json"));
        if wants_json {
            reply::json(status, &self.challenge_json())
        } else {
            reply::html(status, page(&self.boot_args()))
        }
    }

    /// The body of the answer to the password when a second factor is needed.
    pub(super) fn challenge_body(&self) -> Value {
        match &self.account.options.second_factor {
            SecondFactor::SecurityKeys(names) if !self.account.options.keys_told_late => self.keys(names),
            _ => json!({ "authType": "hsa2" }),
        }
    }

    fn challenge_json(&self) -> Value {
        if let SecondFactor::SecurityKeys(names) = &self.account.options.second_factor {
            return self.keys(names);
        }
        let mut body = match self.account.options.list_json {
            ListJson::Nested => object(json!({ "phoneNumberVerification": self.verification() })),
            ListJson::Top => self.verification(),
            ListJson::Singular => {
                let mut body = self.verification();
                body.remove("trustedPhoneNumbers");
                body
            }
            ListJson::Absent => object(json!({ "hsa2Account": true })),
        };
        body.insert("noTrustedDevices".to_owned(), json!(!self.has_devices()));
        body.insert("authenticationType".to_owned(), json!("hsa2"));
        body.insert("securityCode".to_owned(), self.security_code());
        body.into()
    }

    /// What an account with security keys tells instead of everything else.
    fn keys(&self, names: &[String]) -> Value {
        let handles: Vec<String> = names.iter().map(|_| random::token()).collect();
        json!({
            "accountName": self.account.options.name,
            "cancelled": false,
            "fsaChallenge": { "challenge": random::token(), "keyHandles": handles, "rpId": "apple.com" },
            "keyNames": names,
            "passkeyAutofill": false,
            "requirePrf": false,
        })
    }

    /// What the page tells its own program.
    fn boot_args(&self) -> Value {
        let devices = self.has_devices();
        let mut two_sv = object(json!({
            "supportedPushModes": ["voice", "sms"],
            "authFactors": ["robocall", "sms", "generatedcode"],
            "source_returnurl": "https://idmsa.apple.com/",
            "sourceAppId": 1159,
        }));
        let keyed = matches!(self.account.options.second_factor, SecondFactor::SecurityKeys(_));
        match self.account.options.list_html {
            _ if keyed => {}
            ListHtml::Direct => {
                two_sv.insert("phoneNumberVerification".to_owned(), self.verification().into());
            }
            ListHtml::Bridge => {
                let bridge = json!({
                    "phoneNumberVerification": self.verification(),
                    "apnsTopic": "com.apple.idmsauthwidget",
                    "apnsEnvironment": "prod",
                    "webSocketUrl": "websocket.push.apple.com",
                });
                two_sv.insert("bridgeInitiateData".to_owned(), bridge);
            }
            ListHtml::Absent => {}
        }
        let route = if devices { "auth/bridge/step" } else { "auth/verify/phone" };
        json!({
            "direct": {
                "authUserType": "hsa2",
                "authType": "hsa2",
                "authInitialRoute": route,
                "hasTrustedDevices": devices,
                "twoSV": two_sv,
                "urlContext": "/appleauth",
            },
            "additional": { "canRoute2sv": true },
        })
    }

    /// The heart of all shapes: phones and the state of the codes.
    pub(super) fn verification(&self) -> Map<String, Value> {
        let phones: Vec<Value> = self.phones().iter().map(told).collect();
        let mut verification = object(json!({
            "securityCode": self.security_code(),
            "authenticationType": "hsa2",
            "recoveryUrl": "https://iforgot.apple.com/phone/add",
            "autoVerified": false,
            "showAutoVerificationUI": false,
            "hideSendSMSCodeOption": false,
            "supportsRecovery": true,
            "hsa2Account": true,
            "restrictedAccount": false,
            "managedAccount": false,
        }));
        if let Some(first) = phones.first() {
            verification.insert("trustedPhoneNumber".to_owned(), first.clone());
        }
        verification.insert("trustedPhoneNumbers".to_owned(), phones.into());
        verification
    }

    /// The state of the codes.
    pub(super) fn security_code(&self) -> Value {
        let locked = self.account.codes_locked(self.now);
        json!({
            "length": CODE_LENGTH,
            "tooManyCodesSent": self.too_many_texts(),
            "tooManyCodesValidated": locked,
            "securityCodeLocked": locked,
            "securityCodeCooldown": self.account.options.cooling_down,
        })
    }

    pub(super) fn has_devices(&self) -> bool {
        matches!(self.account.options.second_factor, SecondFactor::Codes { devices: true, .. })
    }

    pub(super) fn phones(&self) -> &[Phone] {
        match &self.account.options.second_factor {
            SecondFactor::Codes { phones, .. } => phones,
            _ => &[],
        }
    }
}

/// A phone as the list tells it: all but its last digits hidden.
pub(super) fn told(phone: &Phone) -> Value {
    let hidden = format!("(•••) •••-••{}", phone.last_digits);
    let mut told = object(json!({
        "id": phone.id,
        "numberWithDialCode": format!("+1 {hidden}"),
        "obfuscatedNumber": hidden,
        "lastTwoDigits": phone.last_digits,
        "pushMode": phone.mode,
    }));
    if let Some(flag) = phone.non_fteu {
        told.insert("nonFTEU".to_owned(), flag.into());
    }
    told.into()
}

fn page(boot_args: &Value) -> String {
    // `<` would end the script too early.
    let boot_args = boot_args.to_string().replace('<', "\\u003c");
    format!(
        "<!DOCTYPE html>\n<html>\n<head><title>Two-Factor Authentication</title></head>\n<body>\n\
         <script type=\"application/json\" class=\"boot_args\">\n{boot_args}\n</script>\n</body>\n</html>\n"
    )
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

//! The calls of the sign-in host. Each is sent once and never repeated here.

use jiff::Timestamp;
use reqwest::{Method as Verb, Url};
use serde_json::{Value, json};

use super::factor::{Method, Phone};
use crate::icloud::client::{Answer, Client, Request};
use crate::icloud::error::Error;
use crate::icloud::hosts::{AUTH, AUTH_ORIGIN, WIDGET_KEY};

/// The part of the conversation: the page that the calls seem to come from differs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The password: calls come from the sign-in host's own frame.
    Password,
    /// The second factor and later: calls come from the web page (reported from browser traffic in 2026).
    SecondFactor,
}

/// Speaks to the sign-in host.
#[derive(Clone, Copy)]
pub(super) struct Auth<'a>(pub(super) &'a Client);

impl Auth<'_> {
    /// Opens the conversation: first cookies and attributes.
    pub(super) async fn authorize(self) -> Result<Answer, Error> {
        let state = self.0.session(|session| session.client_id.clone());
        let query = [
            ("frame_id", state.as_str()),
            ("iframeId", &state),
            ("state", &state),
            ("language", "en_US"),
            ("skVersion", "7"),
            ("client_id", WIDGET_KEY),
            ("redirect_uri", self.0.home()),
            ("response_type", "code"),
            ("response_mode", "web_message"),
            ("authVersion", "latest"),
        ];
        let url = Url::parse_with_params(&format!("{AUTH}/authorize/signin"), query)
            .map_err(|_| Error::protocol("the address of the sign-in page"))?;
        self.send(Part::Password, Request::new(Verb::GET, url.into())).await
    }

    /// Begins the proof of the password.
    pub(super) async fn init(self, body: &Value) -> Result<Answer, Error> {
        self.post(Part::Password, "/signin/init", body).await
    }

    /// Completes the proof of the password.
    pub(super) async fn complete(self, body: &Value) -> Result<Answer, Error> {
        self.post(Part::Password, "/signin/complete?isRememberMeEnabled=true", body).await
    }

    /// Says that the account's "repair" step is skipped.
    pub(super) async fn repair(self) -> Result<Answer, Error> {
        self.post(Part::SecondFactor, "/repair/complete", &json!({})).await
    }

    /// What kinds of second factor there are, as JSON or as the web page.
    pub(super) async fn state(self, as_page: bool) -> Result<Answer, Error> {
        let accept = if as_page { "text/html" } else { "application/json" };
        self.send(Part::SecondFactor, Request::new(Verb::GET, AUTH.to_owned()).header("accept", accept)).await
    }

    /// Asks for a code: exactly once for each wish of the person. `phone` is the one that the method names.
    pub(super) async fn ask(self, method: Method, phone: Option<&Phone>) -> Result<Answer, Error> {
        let mode = match method {
            // No body at all: so the web page does it.
            Method::Device => {
                let url = format!("{AUTH}/verify/trusteddevice/securitycode");
                return self.send(Part::SecondFactor, Request::new(Verb::PUT, url)).await;
            }
            Method::Sms(_) => "sms",
            Method::Voice(_) => "voice",
        };
        let mut number = json!({ "id": phone.map(|phone| phone.id) });
        if let Some(flag) = phone.and_then(|phone| phone.non_fteu) {
            number["nonFTEU"] = flag.into();
        }
        let body = json!({ "phoneNumber": number, "mode": mode });
        let request = Request::new(Verb::PUT, format!("{AUTH}/verify/phone")).json(&body);
        self.send(Part::SecondFactor, request).await
    }

    /// Submits a code on the address that matches where it came from.
    pub(super) async fn submit(self, code: &str, asked: Option<Method>) -> Result<Answer, Error> {
        let code = json!({ "code": code });
        let phone =
            |id: u32, mode: &str| json!({ "phoneNumber": { "id": id }, "securityCode": code, "mode": mode });
        let (path, body) = match asked {
            Some(Method::Sms(id)) => ("/verify/phone/securitycode", phone(id, "sms")),
            Some(Method::Voice(id)) => ("/verify/phone/securitycode", phone(id, "voice")),
            Some(Method::Device) | None => {
                ("/verify/trusteddevice/securitycode", json!({ "securityCode": code }))
            }
        };
        self.post(Part::SecondFactor, path, &body).await
    }

    /// Asks Apple to trust this client.
    pub(super) async fn trust(self) -> Result<Answer, Error> {
        self.send(Part::SecondFactor, Request::new(Verb::GET, format!("{AUTH}/2sv/trust"))).await
    }

    async fn post(self, part: Part, path: &str, body: &Value) -> Result<Answer, Error> {
        self.send(part, Request::new(Verb::POST, format!("{AUTH}{path}")).json(body)).await
    }

    async fn send(self, part: Part, request: Request) -> Result<Answer, Error> {
        let answer = self.0.send(self.with_headers(part, request)).await?;
        self.absorb(&answer);
        if let Some(bits) = answer.header("x-apple-hc-bits") {
            // A proof of work that no client does yet. Should Apple insist one day, this shows it.
            let challenge = answer.header("x-apple-hc-challenge").unwrap_or_default();
            tracing::debug!(bits, challenge, "the sign-in host offers a proof of work");
        }
        Ok(answer)
    }

    fn with_headers(self, part: Part, mut request: Request) -> Request {
        let home = self.0.home();
        let origin = if part == Part::Password { AUTH_ORIGIN } else { home };
        if !request.headers.contains_key("accept") {
            request = request.header("accept", "application/json");
        }
        request = request
            .header("content-type", "application/json")
            .header("origin", origin)
            .header("referer", &format!("{origin}/"))
            .header("x-apple-widget-key", WIDGET_KEY)
            .header("x-apple-oauth-client-id", WIDGET_KEY)
            .header("x-apple-oauth-client-type", "firstPartyAuth")
            .header("x-apple-oauth-redirect-uri", home)
            .header("x-apple-oauth-require-grant-code", "true")
            .header("x-apple-oauth-response-mode", "web_message")
            .header("x-apple-oauth-response-type", "code");
        self.0.session(|session| {
            let mut request = request
                .header("x-apple-oauth-state", &session.client_id)
                .header("x-apple-frame-id", &session.client_id);
            // The attributes belong to the proof of the password only; later the web page leaves them out.
            let attributes = session.auth_attributes.as_ref().filter(|_| part == Part::Password);
            for (name, value) in [
                ("scnt", session.scnt.as_ref()),
                ("x-apple-id-session-id", session.session_id.as_ref()),
                ("x-apple-auth-attributes", attributes),
            ] {
                if let Some(value) = value {
                    request = request.header(name, value);
                }
            }
            request
        })
    }

    /// Keeps what every answer, refusals included, renews.
    fn absorb(self, answer: &Answer) {
        self.0.session(|session| {
            let kept = [
                ("scnt", &mut session.scnt),
                ("x-apple-id-session-id", &mut session.session_id),
                ("x-apple-session-token", &mut session.session_token),
                ("x-apple-id-account-country", &mut session.country),
                ("x-apple-auth-attributes", &mut session.auth_attributes),
                ("x-apple-twosv-trust-token", &mut session.trust_token),
            ];
            for (name, place) in kept {
                if let Some(value) = answer.header(name) {
                    *place = Some(value.to_owned());
                }
            }
            if answer.header("x-apple-twosv-trust-token").is_some() {
                session.trusted_at = Some(Timestamp::now());
            }
        });
    }
}

/// The status that counts: Apple sometimes hides it in a header behind a 200.
pub(super) fn real_status(answer: &Answer) -> u16 {
    match answer.header("x-apple-i-rscd").and_then(|text| text.parse().ok()) {
        Some(status @ 400..=599) if answer.status == 200 => status,
        _ => answer.status,
    }
}

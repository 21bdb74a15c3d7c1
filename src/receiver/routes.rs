//! Requests and their answers.

use hyper::StatusCode;
use hyper::header::HeaderValue;
use hyper::http::request::Parts;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tracing::{error, info};

use crate::mfa::exchange::{Answer, Error, Exchange, Method, Request, Wish};

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Value,
    /// The method that would have been right.
    pub(super) allow: Option<&'static str>,
}

impl Reply {
    /// An answer that is only a sentence.
    pub(super) fn message(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, body: json!({ "message": message.into() }), allow: None }
    }
}

/// What the receiver answers to.
#[derive(Debug)]
pub(super) struct Routes {
    exchange: Exchange,
    /// What a proxy may leave in front of the paths.
    base: String,
}

impl Routes {
    /// The paths are understood with and without `base` in front of them.
    pub(super) fn new(exchange: Exchange, base: &str) -> Self {
        let base = base.trim_matches('/');
        Self { exchange, base: if base.is_empty() { String::new() } else { format!("/{base}") } }
    }

    /// Answers a request. Blocks.
    pub(super) fn answer(&self, head: &Parts) -> Reply {
        if from_another_site(head) {
            return Reply::message(StatusCode::FORBIDDEN, "Web pages of other sites may not do this");
        }
        let path = head.uri.path();
        let path = path.strip_prefix(&self.base).filter(|rest| rest.starts_with('/')).unwrap_or(path);
        let query = head.uri.query().unwrap_or_default();
        match (path.strip_prefix("/api").unwrap_or(path), head.method.as_str()) {
            ("/mfa", "POST") => self.code(query),
            ("/resend_mfa", "POST") => self.resend(query),
            ("/state", "GET") => self.state(),
            ("/mfa" | "/resend_mfa", method) => wrong_method(method, "POST"),
            ("/state", method) => wrong_method(method, "GET"),
            _ => Reply::message(StatusCode::NOT_FOUND, "Not found; there are /mfa, /resend_mfa and /state"),
        }
    }

    fn code(&self, query: &str) -> Reply {
        self.while_waiting(|request| {
            let code = request.code(parameter(query, "code").unwrap_or_default())?;
            let message = format!("Read MFA code: {}", code.expose_secret());
            self.exchange.answer(&Answer::Code(code))?;
            info!("A code was handed in.");
            Ok(message)
        })
    }

    fn resend(&self, query: &str) -> Reply {
        self.while_waiting(|request| {
            let Some(wish) = wish(query) else {
                let message = "Method does not match expected format";
                return Err(Refusal::Reply(Reply::message(StatusCode::BAD_REQUEST, message)));
            };
            self.exchange.answer(&Answer::Resend(request.resolve(wish)?))?;
            let name = parameter(query, "method").unwrap_or_default();
            info!("A code was asked for by {name}.");
            Ok(format!("Requesting MFA resend with method {name}"))
        })
    }

    fn state(&self) -> Reply {
        let body = match self.exchange.waiting() {
            Ok(None) => json!({ "state": "idle" }),
            Ok(Some(request)) => json!({
                "state": "waiting",
                "since": request.since,
                "until": request.until,
                "methods": request.methods,
                "phones": request.phones,
                "asked": request.asked,
                "last_error": request.last_error,
            }),
            Err(error) => return failed(&error),
        };
        Reply { status: StatusCode::OK, body, allow: None }
    }

    /// First of all somebody must wait for an answer.
    fn while_waiting(&self, handle: impl FnOnce(&Request) -> Result<String, Refusal>) -> Reply {
        let result = match self.exchange.waiting() {
            Ok(Some(request)) => handle(&request),
            Ok(None) => Err(Refusal::Exchange(Error::NobodyWaits)),
            Err(error) => Err(Refusal::Exchange(error)),
        };
        match result {
            Ok(message) => Reply::message(StatusCode::OK, message),
            Err(Refusal::Reply(reply)) => reply,
            Err(Refusal::Exchange(error)) => refused(&error),
        }
    }
}

enum Refusal {
    Reply(Reply),
    Exchange(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Exchange(error)
    }
}

fn refused(error: &Error) -> Reply {
    match error {
        Error::NobodyWaits => {
            Reply::message(StatusCode::PRECONDITION_FAILED, "MFA code not expected at this time")
        }
        Error::NotACode { digits } => {
            let message = format!("Unexpected MFA code format! Expecting {digits} digits");
            Reply::message(StatusCode::BAD_REQUEST, message)
        }
        Error::NoSuchPhone(_) | Error::WhichPhone(_) | Error::NoSuchMethod => {
            Reply::message(StatusCode::BAD_REQUEST, error.to_string())
        }
        Error::Busy { .. } | Error::Io { .. } => failed(error),
    }
}

fn failed(error: &Error) -> Reply {
    error!("Cannot answer a request: {error}.");
    Reply::message(StatusCode::INTERNAL_SERVER_ERROR, "Internal error, see the journal")
}

fn wrong_method(method: &str, right: &'static str) -> Reply {
    let message = format!("Method not supported: {method}; use {right}");
    Reply { allow: Some(right), ..Reply::message(StatusCode::METHOD_NOT_ALLOWED, message) }
}

/// Any page in a browser can send a form to a local address; browsers say when one does.
fn from_another_site(head: &Parts) -> bool {
    let site = head.headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    site.is_some_and(|site| site != b"same-origin" && site != b"none")
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// `method=sms&phoneNumberId=2`
fn wish(query: &str) -> Option<Wish> {
    let method = match parameter(query, "method")? {
        "device" => Method::Device,
        "sms" => Method::Sms,
        "voice" => Method::Voice,
        _ => return None,
    };
    let phone = parameter(query, "phoneNumberId").map(str::parse).transpose().ok()?;
    Some(Wish { method, phone })
}

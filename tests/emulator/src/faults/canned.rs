//! Ready-made wrong answers, in the shapes that clients have reported.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::random::uuid;
use crate::reply::{self, Reply};

/// An answer that is given in place of the right one.
#[derive(Clone, Debug)]
pub struct Canned {
    status: u16,
    retry_after: Option<u64>,
    header: Option<(&'static str, &'static str)>,
    content_type: Option<&'static str>,
    body: Bytes,
}

impl Canned {
    /// Any answer in JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            retry_after: None,
            header: None,
            content_type: Some("application/json; charset=UTF-8"),
            body: body.to_string().into(),
        }
    }

    /// Any answer in HTML: an error page with 200 is met too.
    pub fn html(status: u16, title: &str) -> Self {
        let page = format!("<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>");
        Self {
            status,
            retry_after: None,
            header: None,
            content_type: Some("text/html;charset=UTF-8"),
            body: page.into(),
        }
    }

    /// A bare status.
    pub fn status(status: u16) -> Self {
        Self { status, retry_after: None, header: None, content_type: None, body: Bytes::new() }
    }

    /// Adds `Retry-After`, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Adds a header of Apple's.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }

    /// An error of the database: `{"uuid","serverErrorCode","reason"}`.
    pub fn database_error(status: u16, code: &str, reason: &str) -> Self {
        Self::json(status, &json!({ "uuid": uuid(), "serverErrorCode": code, "reason": reason }))
    }

    /// Too fast, said by the database (429 or 503).
    pub fn throttled(status: u16) -> Self {
        Self::database_error(status, "THROTTLED", "Request throttled")
    }

    /// Too fast or too busy, said by a page.
    pub fn unavailable() -> Self {
        Self::html(503, "503 Service Temporarily Unavailable")
    }

    /// The session is over, said by the database (421).
    pub fn session_over() -> Self {
        Self::json(421, &json!({ "error": "Missing X-APPLE-WEBAUTH-TOKEN cookie", "success": false }))
    }

    /// The session is over, said in the other way of the database (401).
    pub fn authentication_failed() -> Self {
        Self::database_error(401, "AUTHENTICATION_FAILED", "no auth method found")
    }

    /// The session is unknown (421).
    pub fn invalid_session() -> Self {
        Self::json(421, &json!({ "reason": "Invalid global session", "error": 2 }))
    }

    /// Web access is off, or the account is throttled for hours (403).
    pub fn access_denied() -> Self {
        Self::database_error(403, "ACCESS_DENIED", "private db access disabled for this account")
    }

    /// A download URL is too old (410).
    pub fn expired_url() -> Self {
        Self::status(410)
    }

    pub(crate) fn reply(&self) -> Reply {
        let mut answer = reply::with_content(self.status, self.content_type, self.body.clone());
        if let Some(seconds) = self.retry_after {
            reply::set_header(&mut answer, "retry-after", &seconds.to_string());
        }
        if let Some((name, value)) = self.header {
            reply::set_header(&mut answer, name, value);
        }
        answer
    }
}

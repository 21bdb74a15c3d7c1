//! Reads the places where the photos database hides its errors, at the top level of an answer.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::client::Answer;
use super::error::Error;

/// An answer that is none.
pub(super) struct Problem {
    /// The status that the error stands for; an error may hide in an answer with status 200.
    pub(super) status: u16,
    /// Whether the answer says that the session is over, in contrast to a misdirected connection.
    pub(super) session_is_over: bool,
    pub(super) error: Error,
}

/// The fields of an error; those of a good answer are skipped.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Top {
    server_error_code: Option<String>,
    reason: Option<String>,
    error_reason: Option<String>,
    error_code: Option<IgnoredAny>,
    /// A text (`Missing … cookie`) or a number.
    error: Option<serde_json::Value>,
}

/// The problem of an answer, or `None` if it is JSON without an error at its top level.
pub(super) fn of(answer: &Answer) -> Option<Problem> {
    let top: Option<Top> = serde_json::from_slice(&answer.body).ok();
    let is_json = top.is_some();
    let top = top.unwrap_or_default();
    let has_error = top.server_error_code.is_some() || top.error.is_some() || top.error_code.is_some();
    if answer.is_success() && is_json && !has_error {
        return None;
    }
    let code = top.server_error_code;
    let reason = top.reason.or(top.error_reason).or_else(|| Some(top.error?.as_str()?.to_owned()));
    let status = match code.as_deref() {
        Some(code) => status_of(code).unwrap_or(answer.status),
        // Something on the way answers in the place of Apple, or Apple's own front page: worth another try.
        None if answer.is_success() && !is_json => 502,
        None => answer.status,
    };
    // An error behind a good status must not pass for success.
    let status = if (200..300).contains(&status) { 400 } else { status };
    let session_is_over = code.as_deref() == Some("AUTHENTICATION_REQUIRED")
        || reason.as_deref().is_some_and(|reason| reason.contains("cookie") || reason.contains("session"));
    let error = match code.as_deref() {
        Some("ACCESS_DENIED") => {
            Error::AccessDenied { reason: reason.unwrap_or_else(|| "no reason given".into()) }
        }
        Some("THROTTLED") => Error::Throttled { retry_after: answer.retry_after() },
        _ if matches!(status, 429 | 503) => Error::Throttled { retry_after: answer.retry_after() },
        _ => Error::Server { host: answer.host.clone(), status: answer.status, code, reason },
    };
    let status = if matches!(error, Error::AccessDenied { .. }) { 403 } else { status };
    Some(Problem { status, session_is_over, error })
}

/// The status that goes with an error code, whatever the status line says.
fn status_of(code: &str) -> Option<u16> {
    match code {
        "AUTHENTICATION_REQUIRED" | "AUTHENTICATION_FAILED" => Some(401),
        "TRY_AGAIN_LATER" | "RETRY_LATER" | "CAS_OP_LOCK" => Some(502),
        "THROTTLED" => Some(503),
        "INTERNAL_ERROR" => Some(500),
        "BAD_REQUEST" | "ATOMIC_ERROR" | "QUOTA_EXCEEDED" => Some(400),
        "ZONE_NOT_FOUND" | "NOT_FOUND" | "UNKNOWN_ITEM" => Some(404),
        _ => None,
    }
}

/// The error of a request that still fails after the session was renewed.
pub(super) fn after_renewal(error: Error) -> Error {
    match error {
        Error::Server { status: 423, .. } => Error::ApprovalNeeded,
        // Misdirected even with a fresh session: reported by clients for accounts without access on the web.
        Error::Server { status: 421, reason, .. } => {
            Error::AccessDenied { reason: reason.unwrap_or_else(|| "misdirected request".to_owned()) }
        }
        Error::Server { code, reason, status, .. } => Error::SessionLost {
            reason: reason.or(code).unwrap_or_else(|| format!("status {status} after a new sign-in")),
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::header::HeaderMap;

    use super::*;

    fn problem(status: u16, body: &str) -> Option<Problem> {
        let body = Bytes::from(body.to_owned());
        of(&Answer { host: "h".into(), status, headers: HeaderMap::new(), body })
    }

    #[test]
    fn good_answers_have_no_problem() {
        for body in
            ["{}", r#"{"records":[],"syncToken":"x"}"#, r#"{"zones":[{"serverErrorCode":"ZONE_NOT_FOUND"}]}"#]
        {
            assert!(problem(200, body).is_none(), "{body}");
        }
    }

    #[test]
    fn all_places_are_looked_at() {
        for (status, body, expected) in [
            (401, r#"{"serverErrorCode":"AUTHENTICATION_REQUIRED","reason":"r"}"#, 401),
            (421, r#"{"serverErrorCode":"AUTHENTICATION_REQUIRED"}"#, 401),
            (200, r#"{"serverErrorCode":"TRY_AGAIN_LATER","reason":"CAS"}"#, 502),
            (503, r#"{"serverErrorCode":"TRY_AGAIN_LATER","reason":"CAS"}"#, 502),
            (200, r#"{"serverErrorCode":"SOMETHING_NEW"}"#, 400),
            (421, r#"{"error":"Missing X-APPLE-WEBAUTH-TOKEN cookie","success":false}"#, 421),
            (421, r#"{"reason":"Invalid global session","error":2}"#, 421),
            (423, r#"{"errorReason":"Missing PCS cookies from the request","errorCode":423}"#, 423),
            (403, r#"{"serverErrorCode":"ACCESS_DENIED","reason":"r"}"#, 403),
            (401, r#"{"serverErrorCode":"ACCESS_DENIED","reason":"r"}"#, 403),
            (503, "<html>", 503),
            (200, "<html>", 502),
            (200, "", 502),
            (404, "", 404),
        ] {
            assert_eq!(problem(status, body).map(|p| p.status), Some(expected), "{status} {body}");
        }
    }

    #[test]
    fn a_session_that_is_over_is_told_from_a_misdirected_connection() {
        let is_over = |body| problem(421, body).is_some_and(|p| p.session_is_over);
        assert!(is_over(r#"{"error":"Missing X-APPLE-WEBAUTH-TOKEN cookie","success":false}"#));
        assert!(is_over(r#"{"reason":"Invalid global session","error":2}"#));
        assert!(!is_over("Misdirected Request"));
    }

    #[test]
    fn a_closed_database_is_not_mistaken_for_a_lost_session() {
        let problem =
            problem(401, r#"{"serverErrorCode":"ACCESS_DENIED","reason":"private db access disabled"}"#);
        assert!(matches!(problem.unwrap().error, Error::AccessDenied { .. }));
    }
}

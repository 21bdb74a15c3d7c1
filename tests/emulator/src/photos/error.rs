//! How the database says no.

use serde_json::{Value, json};

use crate::{Reply, random};

/// A refusal of a whole call, or of one zone or record in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: u16,
    code: &'static str,
    reason: String,
}

impl Refusal {
    pub(crate) fn bad_request(reason: impl Into<String>) -> Self {
        Self { status: 400, code: "BAD_REQUEST", reason: reason.into() }
    }

    pub(crate) fn zone_not_found() -> Self {
        Self { status: 404, code: "ZONE_NOT_FOUND", reason: "Zone does not exist".into() }
    }

    pub(crate) fn not_found() -> Self {
        Self { status: 404, code: "NOT_FOUND", reason: "Record not found".into() }
    }

    pub(crate) fn conflict() -> Self {
        Self { status: 409, code: "CONFLICT", reason: "oplock failure".into() }
    }

    pub(crate) fn atomic() -> Self {
        Self { status: 400, code: "ATOMIC_ERROR", reason: "another operation of the batch failed".into() }
    }

    /// As the answer to the whole call.
    pub(crate) fn reply(&self) -> Reply {
        let body = json!({"uuid": random::uuid(), "serverErrorCode": self.code, "reason": self.reason});
        crate::json(self.status, &body)
    }

    /// As the answer for one zone or record, named by the given field.
    pub(crate) fn part(&self, field: &str, name: &Value) -> Value {
        json!({field: name, "serverErrorCode": self.code, "reason": self.reason})
    }
}

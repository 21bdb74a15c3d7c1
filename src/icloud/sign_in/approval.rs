//! Advanced Data Protection: a device of the owner lets this client in, for about an hour.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Flow, Notice};
use crate::icloud::error::Error;

/// The cookies that open the photos.
const COOKIES: [&str; 2] = ["X-APPLE-WEBAUTH-PCS-Photos", "X-APPLE-WEBAUTH-PCS-Sharing"];
/// How often is looked whether a device has answered.
const POLL: Duration = Duration::from_secs(10);
/// How long.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

impl Flow {
    /// Gets the approval if there is none. Without a person nothing pops up on a device: then only an approval
    /// given earlier helps.
    pub(super) async fn approval(&self) -> Result<(), Error> {
        let is_open = self.client.session(|session| {
            let now = Timestamp::now();
            COOKIES.iter().all(|name| session.cookies.named(name, now).next().is_some())
        });
        if is_open { Ok(()) } else { self.request_approval().await }
    }

    /// Asks for the approval, and waits for it.
    pub(super) async fn request_approval(&self) -> Result<(), Error> {
        let until = Timestamp::now() + PATIENCE;
        let state = self.approval_call("requestWebAccessState", &json!({})).await?;
        if says(&state, "isICDRSDisabled", false) {
            return Ok(());
        }
        if says(&state, "isDeviceConsentedForPCS", false) {
            if !self.options.by_person {
                return Err(Error::ApprovalNeeded);
            }
            self.approval_call("enableDeviceConsentForPCS", &json!({})).await?;
            self.notify(&Notice::ApprovalWanted(until));
            self.poll("requestWebAccessState", &json!({}), until, |state| {
                says(state, "isDeviceConsentedForPCS", true)
            })
            .await?;
        } else {
            self.notify(&Notice::ApprovalWanted(until));
        }
        let wish = json!({ "appName": "photos", "derivedFromUserAction": true });
        self.poll("requestPCS", &wish, until, |answer| answer.get("status") == Some(&json!("success"))).await
    }

    async fn poll(
        &self,
        path: &str,
        body: &Value,
        until: Timestamp,
        is_done: impl Fn(&Value) -> bool,
    ) -> Result<(), Error> {
        loop {
            let answer = self.approval_call(path, body).await?;
            if is_done(&answer) {
                return Ok(());
            }
            if says(&answer, "isWebAccessAllowed", false) {
                return Err(Error::WebAccessOff);
            }
            if Timestamp::now() >= until {
                return Err(Error::ApprovalNeeded);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn approval_call(&self, path: &str, body: &Value) -> Result<Value, Error> {
        let answer = match self.setup_call(path, body).await {
            // Reported by clients: so the service answers when access on the web is off.
            Err(Error::Server { status: 500, .. }) => return Err(Error::WebAccessOff),
            other => other?,
        };
        match answer.json() {
            Some(value) if answer.is_success() => Ok(value),
            _ if matches!(answer.status, 401 | 421 | 450) => {
                Err(Error::SessionLost { reason: format!("the approval service answered {}", answer.status) })
            }
            _ => Err(super::server_error(&answer)),
        }
    }
}

fn says(value: &Value, name: &str, expected: bool) -> bool {
    value.get(name) == Some(&Value::Bool(expected))
}

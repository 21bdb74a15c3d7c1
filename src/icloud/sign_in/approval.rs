//! Advanced Data Protection: a device of the owner lets this client in, for about an hour.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Flow, Notice};
use crate::icloud::error::Error;

/// The cookies that open the photos.
const COOKIES: [&str; 2] = ["X-APPLE-WEBAUTH-PCS-Photos", "X-APPLE-WEBAUTH-PCS-Sharing"];
/// How long is waited for the keys where no device may be asked, and one has approved the access already.
const UNASKED: Duration = Duration::from_secs(60);
/// How soon is looked whether a device has answered; each look waits twice as long as the one before,
const FIRST_POLL: Duration = Duration::from_secs(1);
/// up to this.
const LONGEST_POLL: Duration = Duration::from_secs(10);

impl Flow {
    /// Gets the approval if there is none.
    pub(super) async fn approval(&self) -> Result<(), Error> {
        let is_open = self.client.session(|session| {
            let now = Timestamp::now();
            COOKIES.iter().all(|name| session.cookies.named(name, now).next().is_some())
        });
        if is_open { Ok(()) } else { self.request_approval().await }
    }

    /// Asks for the approval, and waits for it. Where nothing may pop up on a device, only an approval that was
    /// given earlier helps: nobody could give another one, so that there is nothing to wait for.
    pub(super) async fn request_approval(&self) -> Result<(), Error> {
        let until = Timestamp::now() + self.options.approval.unwrap_or(UNASKED);
        let state = self.approval_call("requestWebAccessState", &json!({})).await?;
        if says(&state, "isICDRSDisabled", false) {
            return Ok(());
        }
        let mut said = false;
        if says(&state, "isDeviceConsentedForPCS", false) {
            if self.options.approval.is_none() {
                return Err(Error::ApprovalNeeded);
            }
            self.approval_call("enableDeviceConsentForPCS", &json!({})).await?;
            self.await_approval(until, &mut said);
            self.poll("requestWebAccessState", &json!({}), until, &mut said, |state| {
                says(state, "isDeviceConsentedForPCS", true)
            })
            .await?;
        }
        let wish = json!({ "appName": "photos", "derivedFromUserAction": true });
        let is_done = |answer: &Value| answer.get("status") == Some(&json!("success"));
        self.poll("requestPCS", &wish, until, &mut said, is_done).await?;
        if said {
            self.notify(&Notice::Approved);
        }
        Ok(())
    }

    /// Says what is waited for; later it only says it again.
    fn await_approval(&self, until: Timestamp, said: &mut bool) {
        let first = !std::mem::replace(said, true);
        self.notify(&Notice::ApprovalWanted { until, first });
    }

    async fn poll(
        &self,
        path: &str,
        body: &Value,
        until: Timestamp,
        said: &mut bool,
        is_done: impl Fn(&Value) -> bool,
    ) -> Result<(), Error> {
        let mut pause = FIRST_POLL;
        loop {
            let answer = self.approval_call(path, body).await?;
            if is_done(&answer) {
                return Ok(());
            }
            if says(&answer, "isWebAccessAllowed", false) {
                return Err(Error::WebAccessOff);
            }
            let left = Duration::try_from(until.duration_since(Timestamp::now())).unwrap_or_default();
            if left.is_zero() {
                return Err(Error::ApprovalNeeded);
            }
            self.await_approval(until, said);
            tokio::time::sleep(pause.min(left)).await;
            pause = (pause * 2).min(LONGEST_POLL);
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

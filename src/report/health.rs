//! Pings for those who watch whether backups happen (the protocol of healthchecks.io).

use std::time::Duration;

use tracing::{debug, warn};

use super::web;

/// Tells a health check when a run starts and how it ends. A ping that fails is a warning and nothing more.
#[derive(Debug)]
pub struct HealthCheck {
    /// Whoever knows the address can fake a backup, so it is never logged.
    url: String,
    client: reqwest::Client,
}

/// A slow health check must not hold up a run.
const TIMEOUT: Duration = Duration::from_secs(10);

impl HealthCheck {
    /// The check at an address without a slash at its end.
    pub fn new(url: &str) -> Option<Self> {
        match web::client(TIMEOUT) {
            Ok(client) => Some(Self { url: url.to_owned(), client }),
            Err(error) => {
                warn!("The health check cannot be reached: {error}.");
                None
            }
        }
    }

    /// A run starts.
    pub async fn started(&self) {
        self.ping("/start", String::new()).await;
    }

    /// A run ended well or not; `log` is the end of its log.
    pub async fn ended(&self, well: bool, log: String) {
        self.ping(if well { "" } else { "/fail" }, log).await;
    }

    async fn ping(&self, path: &str, body: String) {
        let request = self.client.post(format!("{}{path}", self.url)).body(body);
        match request.send().await.and_then(reqwest::Response::error_for_status) {
            Ok(_) => debug!("The health check was told{}.", path.replace('/', ": ")),
            Err(error) => warn!("The health check was not told: {}.", error.without_url()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server hears of a ping that it answers with `status`.
    async fn heard(status: &str, end: &str, ping: impl AsyncFnOnce(HealthCheck)) -> String {
        web::tests::heard(status, end, async |address| {
            ping(HealthCheck::new(&format!("http://{address}/uuid")).unwrap()).await;
        })
        .await
    }

    #[tokio::test]
    async fn start_success_and_failure_have_their_addresses() {
        let request = heard("200 OK", "", async |check| check.started().await).await;
        assert!(request.starts_with("POST /uuid/start HTTP/1.1\r\n"), "{request}");
        let request =
            heard("200 OK", "the log", async |check| check.ended(true, "the log".into()).await).await;
        assert!(
            request.starts_with("POST /uuid HTTP/1.1\r\n") && request.ends_with("\r\n\r\nthe log"),
            "{request}"
        );
        let request = heard("500 Oops", "", async |check| check.ended(false, String::new()).await).await;
        assert!(request.starts_with("POST /uuid/fail HTTP/1.1\r\n"), "{request}");
    }
}

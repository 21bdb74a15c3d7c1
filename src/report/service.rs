//! What systemd hears of a running service.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// Tells systemd the state of the service. Does nothing where there is no systemd to hear it.
#[derive(Debug, Clone, Default)]
pub struct Service {
    last: Arc<Mutex<Option<Instant>>>,
}

impl Service {
    /// More often than this, a status that changes all the time is not sent.
    const PAUSE: Duration = Duration::from_secs(1);

    /// Says what is being done (`systemctl status` shows it).
    pub fn status(&self, text: &str) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        notify(&[NotifyState::Status(text)]);
    }

    /// The same for a status that changes all the time. The text is only made if it is sent.
    pub fn progress(&self, text: impl FnOnce() -> String) {
        let due = {
            let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            last.is_none_or(|last| last.elapsed() >= Self::PAUSE)
        };
        if due {
            self.status(&text());
        }
    }

    /// Says that the service is about to end.
    pub fn stopping(&self) {
        notify(&[NotifyState::Stopping]);
    }
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(false, state) {
        tracing::debug!("Cannot notify systemd: {error}.");
    }
}

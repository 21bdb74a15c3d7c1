//! The time of the emulated servers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A clock that shows the real time plus whatever a test has advanced it by.
///
/// Everything that ages (codes, conversations, sessions, trust, download URLs) is judged by it.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    ahead: Arc<Mutex<Duration>>,
}

impl Clock {
    /// The time of the emulated servers.
    pub fn now(&self) -> SystemTime {
        SystemTime::now() + *self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// [`Clock::now`] in whole seconds since 1970.
    pub fn seconds(&self) -> u64 {
        self.since_epoch().as_secs()
    }

    /// [`Clock::now`] in milliseconds since 1970.
    pub fn milliseconds(&self) -> i64 {
        i64::try_from(self.since_epoch().as_millis()).unwrap_or(i64::MAX)
    }

    /// Lets `duration` pass at once.
    pub fn advance(&self, duration: Duration) {
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) += duration;
    }

    fn since_epoch(&self) -> Duration {
        self.now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

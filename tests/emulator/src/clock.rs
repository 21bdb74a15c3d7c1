//! The time of the emulated servers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A clock that shows the real time plus whatever a test has advanced it by, and may run fast.
///
/// Everything that ages (codes, conversations, sessions, trust, download URLs) is judged by it.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    lead: Arc<Mutex<Lead>>,
}

/// How far the clock is ahead of the real time.
#[derive(Debug, Default)]
struct Lead {
    ahead: Duration,
    /// Since when it runs fast, and how much time it gains in a second.
    gaining: Option<(Instant, u32)>,
}

impl Lead {
    fn now(&self) -> Duration {
        let gained = self.gaining.map(|(since, rate)| since.elapsed() * rate);
        self.ahead + gained.unwrap_or_default()
    }
}

impl Clock {
    /// The time of the emulated servers.
    pub fn now(&self) -> SystemTime {
        SystemTime::now() + self.lead().now()
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
        self.lead().ahead += duration;
    }

    /// From now on, `rate` seconds pass in one; 1 is the ordinary pace.
    pub fn run(&self, rate: u32) {
        let mut lead = self.lead();
        lead.ahead = lead.now();
        lead.gaining = (rate > 1).then(|| (Instant::now(), rate - 1));
    }

    fn since_epoch(&self) -> Duration {
        self.now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    fn lead(&self) -> MutexGuard<'_, Lead> {
        self.lead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_clock_keeps_what_it_gained() {
        let clock = Clock::default();
        let begin = clock.now();
        clock.run(100_000);
        std::thread::sleep(Duration::from_millis(20));
        clock.run(1);
        let gained = clock.now().duration_since(begin).unwrap();
        assert!(gained >= Duration::from_secs(2_000), "{gained:?}");
        clock.advance(Duration::from_secs(60));
        assert!(clock.now().duration_since(begin).unwrap() >= gained + Duration::from_secs(60));
    }
}

//! One pace for all workers: the user's rate, and a back-off that everybody shares when Apple asks for it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::settings::{Limit, Rate};

/// The longest pause inside a run. If Apple asks for more, the run ends and says so.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(120);
/// The longest pause that we choose ourselves.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(60);
/// Metadata requests are at least this far apart, whatever the user's rate. Apple answers in tenths of a second, so
/// that this is felt only where something is wrong.
const CLOSEST: Duration = Duration::from_millis(5);
/// While Apple throttles, requests are this far apart, doubled with every level of the back-off.
const CAREFUL_SPACING: Duration = Duration::from_millis(50);
/// So many good answers in a row lower the level by one.
const CALM: u32 = 10;

/// The shared pace.
pub(super) struct Pace {
    spacing: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When the next metadata request may go.
    next: Option<Instant>,
    /// Nobody sends before this.
    resume: Option<Instant>,
    /// When throttling was last met.
    met: Option<Instant>,
    /// How often it was met lately; 0: never.
    level: u32,
    calm: u32,
}

impl Pace {
    pub(super) fn new(rate: Rate) -> Self {
        let spacing = match rate.requests {
            Limit::AtMost(requests) => rate.interval / requests.max(1),
            Limit::Infinite => Duration::ZERO,
        };
        Self { spacing: spacing.max(CLOSEST), state: Mutex::default() }
    }

    /// Waits until a metadata request may be sent.
    pub(super) async fn metadata_turn(&self) {
        self.turn(self.spacing).await;
    }

    /// Waits while Apple wants a pause; the user's rate does not apply to contents.
    pub(super) async fn content_turn(&self) {
        self.turn(Duration::ZERO).await;
    }

    async fn turn(&self, spacing: Duration) {
        loop {
            let turn = self.lock().reserve(spacing, Instant::now());
            tokio::time::sleep_until(turn).await;
            // Somebody may have met throttling meanwhile.
            if !self.lock().is_pausing(Instant::now()) {
                return;
            }
        }
    }

    /// A request sent at `sent` met throttling: everybody pauses. Many workers that meet the same throttling at
    /// once count as one.
    pub(super) fn throttled(&self, sent: Instant, retry_after: Option<Duration>) {
        self.lock().throttled(sent, retry_after, Instant::now());
    }

    /// A request was answered properly.
    pub(super) fn went_well(&self) {
        self.lock().went_well();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn reserve(&mut self, spacing: Duration, now: Instant) -> Instant {
        let careful =
            if self.level == 0 { Duration::ZERO } else { CAREFUL_SPACING * (1 << self.level.min(5)) };
        let spacing = spacing.max(careful);
        let mut turn = self.resume.map_or(now, |resume| resume.max(now));
        if !spacing.is_zero() {
            turn = self.next.map_or(turn, |next| next.max(turn));
            self.next = Some(turn + spacing);
        }
        turn
    }

    fn is_pausing(&self, now: Instant) -> bool {
        self.resume.is_some_and(|resume| resume > now)
    }

    fn throttled(&mut self, sent: Instant, retry_after: Option<Duration>, now: Instant) {
        self.calm = 0;
        if self.met.is_none_or(|met| sent > met) {
            self.level = (self.level + 1).min(16);
            self.met = Some(now);
        }
        let pause = retry_after.unwrap_or_else(|| back_off(self.level - 1)).min(LONGEST_PAUSE);
        self.resume = self.resume.max(Some(now + pause));
    }

    fn went_well(&mut self) {
        if self.level == 0 {
            return;
        }
        self.calm += 1;
        if self.calm >= CALM {
            self.calm = 0;
            self.level -= 1;
        }
    }
}

/// The pause before the next try after `tries` failed repetitions: 1, 2, 4 … 60 seconds, less up to a quarter,
/// so that several clients do not march in step.
pub(super) fn back_off(tries: u32) -> Duration {
    let full = Duration::from_secs(1_u64 << tries.min(6)).min(LONGEST_BACK_OFF);
    full.mul_f64(1.0 - 0.25 * random_fraction())
}

/// A number from 0 to 1. Without a source of randomness there is no jitter, which is harmless.
pub(super) fn random_fraction() -> f64 {
    f64::from(getrandom::u32().unwrap_or_default()) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_rate_spaces_the_requests() {
        let mut state = State::default();
        let now = Instant::now();
        let turns: Vec<_> = (0..3).map(|_| state.reserve(second(2), now) - now).collect();
        assert_eq!(turns, [second(0), second(2), second(4)]);
        assert_eq!(state.reserve(second(2), now + second(60)), now + second(60), "no debt is kept");
    }

    #[test]
    fn no_rate_is_without_bounds() {
        for requests in [Limit::Infinite, Limit::AtMost(1_000_000)] {
            let pace = Pace::new(Rate { requests, interval: second(1) });
            let now = Instant::now();
            let turns = (0..201).map(|_| pace.lock().reserve(pace.spacing, now));
            assert_eq!(turns.last(), Some(now + second(1)));
        }
    }

    #[test]
    fn throttling_of_one_stops_all_and_counts_once() {
        let mut state = State::default();
        let sent = Instant::now();
        let now = sent + second(1);
        for _ in 0..5 {
            state.throttled(sent, Some(second(7)), now);
        }
        assert_eq!(state.level, 1);
        assert_eq!(state.reserve(Duration::ZERO, now), now + second(7));
        assert!(state.reserve(Duration::ZERO, now) > now + second(7), "and then one after the other");
    }

    #[tokio::test]
    async fn who_waits_for_a_turn_waits_for_a_later_pause_too() {
        let pace = Pace::new(Rate { requests: Limit::AtMost(1), interval: Duration::from_millis(50) });
        pace.metadata_turn().await;
        let begin = Instant::now();
        tokio::join!(pace.metadata_turn(), async {
            pace.throttled(Instant::now(), Some(Duration::from_millis(200)));
        });
        assert!(begin.elapsed() >= Duration::from_millis(200));
    }

    #[test]
    fn repeated_throttling_pauses_longer_and_calm_ends_it() {
        let mut state = State::default();
        let mut now = Instant::now();
        let mut last = Duration::ZERO;
        for _ in 0..5 {
            now += second(200);
            state.throttled(now, None, now + second(1));
            let pause = state.reserve(Duration::ZERO, now) - now;
            assert!(pause > last, "{pause:?} after {last:?}");
            last = pause;
        }
        for _ in 0..5 * CALM {
            state.went_well();
        }
        let later = now + second(200);
        assert_eq!((state.level, state.reserve(Duration::ZERO, later)), (0, later));
    }

    #[test]
    fn no_pause_is_longer_than_the_longest() {
        let mut state = State::default();
        let now = Instant::now();
        state.throttled(now, Some(second(86_400)), now);
        assert_eq!(state.reserve(Duration::ZERO, now), now + LONGEST_PAUSE);
        for tries in 0..200 {
            let pause = back_off(tries);
            assert!(pause <= LONGEST_BACK_OFF && pause >= Duration::from_millis(750), "{tries}: {pause:?}");
        }
    }
}

//! How many downloads run at once.

use std::time::Duration;

use crate::settings::{Limit, Threads};

/// Never fewer with `auto`.
const FEWEST: usize = 4;
/// Never more, whatever the options say: beyond this, Apple throttles rather than delivers.
pub(super) const MOST: usize = 32;
/// How long throughput is measured before the number changes.
pub(super) const WINDOW: Duration = Duration::from_secs(3);
/// What a file counts beside its bytes: many small files are bound by round trips, not by bytes.
const FILE_WORTH: u64 = 64 * 1024;
/// Windows without growth after the server asked to slow down.
const CALM: u32 = 10;

/// The number, and how it came about.
#[derive(Debug)]
pub(super) struct Pace {
    limit: usize,
    automatic: bool,
    best: u64,
    calm: u32,
}

impl Pace {
    pub(super) fn new(threads: Threads) -> Self {
        let (limit, automatic) = match threads {
            Threads::Auto => (FEWEST, true),
            Threads::Fixed(Limit::Infinite) => (MOST, false),
            Threads::Fixed(Limit::AtMost(most)) => {
                (usize::try_from(most).unwrap_or(MOST).clamp(1, MOST), false)
            }
        };
        Self { limit, automatic, best: 0, calm: 0 }
    }

    /// Downloads that may run now.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// A window ended, in which all of the downloads were busy.
    pub(super) fn measured(&mut self, bytes: u64, files: u64) {
        if !self.automatic {
            return;
        }
        if self.calm > 0 {
            self.calm -= 1;
            return;
        }
        let throughput = bytes.saturating_add(files.saturating_mul(FILE_WORTH));
        if throughput > self.best / 20 * 21 {
            self.best = throughput;
            self.limit = (self.limit + self.limit / 2).min(MOST);
        } else {
            // What was best once fades, so that a better network is noticed.
            self.best = throughput.max(self.best / 50 * 49);
            if throughput < self.best / 2 {
                self.limit = (self.limit - 1).max(FEWEST);
            }
        }
    }

    /// The server asked to slow down.
    pub(super) fn throttled(&mut self) {
        if self.calm == CALM {
            // One and the same request to slow down reaches many downloads.
            return;
        }
        self.calm = CALM;
        self.best = 0;
        let fewest = if self.automatic { FEWEST } else { 1 };
        self.limit = (self.limit / 2).max(fewest.min(self.limit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_number_stays_within_what_is_sensible() {
        for (threads, limit) in [
            (Threads::Fixed(Limit::Infinite), 32),
            (Threads::Fixed(Limit::AtMost(1000)), 32),
            (Threads::Fixed(Limit::AtMost(7)), 7),
            (Threads::Auto, 4),
        ] {
            assert_eq!(Pace::new(threads).limit(), limit);
        }
    }

    #[test]
    fn it_grows_with_throughput_and_no_further() {
        let mut pace = Pace::new(Threads::Auto);
        for round in 1..20 {
            pace.measured(round * 1_000_000, 0);
        }
        assert_eq!(pace.limit(), MOST);
        let mut flat = Pace::new(Threads::Auto);
        flat.measured(1_000_000, 0);
        let reached = flat.limit();
        for _ in 0..5 {
            flat.measured(1_000_000, 0);
        }
        assert_eq!(flat.limit(), reached);
    }

    #[test]
    fn small_files_count_by_number() {
        let mut pace = Pace::new(Threads::Auto);
        (1..20).for_each(|round| pace.measured(1000, round * 10));
        assert_eq!(pace.limit(), MOST);
    }

    #[test]
    fn throttling_halves_it_once_and_calms_it() {
        let mut pace = Pace::new(Threads::Auto);
        (1..20).for_each(|round| pace.measured(round * 1_000_000, 0));
        pace.throttled();
        pace.throttled();
        assert_eq!(pace.limit(), 16);
        pace.measured(u64::MAX, 0);
        assert_eq!(pace.limit(), 16);
        for _ in 0..100 {
            pace.throttled();
            pace.measured(0, 0);
        }
        assert_eq!(pace.limit(), 4);
    }
}

//! The limit on sign-ins with a password.

use std::time::{Duration, SystemTime};

/// Sign-ins within this time count.
const WINDOW: Duration = Duration::from_secs(60 * 60);

/// The first block; each further attempt within it makes it twice as long.
const FIRST_BLOCK: Duration = Duration::from_secs(15 * 60);

/// No block grows beyond this.
const LONGEST_BLOCK: Duration = Duration::from_secs(24 * 60 * 60);

/// Counts sign-ins, and blocks those above the budget for a time that grows with each try.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    recent: Vec<SystemTime>,
    block: Option<(SystemTime, Duration)>,
}

impl Throttle {
    /// Counts an attempt; false if it is blocked.
    pub(crate) fn admit(&mut self, budget: Option<u32>, now: SystemTime) -> bool {
        let Some(budget) = budget else {
            return true;
        };
        if let Some((until, length)) = self.block {
            if now < until {
                let longer = (length * 2).min(LONGEST_BLOCK);
                self.block = Some((now + longer, longer));
                return false;
            }
            *self = Self::default();
        }
        self.recent.retain(|at| *at + WINDOW > now);
        if self.recent.len() >= budget as usize {
            self.block = Some((now + FIRST_BLOCK, FIRST_BLOCK));
            return false;
        }
        self.recent.push(now);
        true
    }

    /// Whether a block is on; asking does not lengthen it.
    pub(crate) fn blocked(&self, now: SystemTime) -> bool {
        self.block.is_some_and(|(until, _)| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_try_within_a_block_makes_it_longer() {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        let start = SystemTime::UNIX_EPOCH;
        let mut throttle = Throttle::default();
        assert!(throttle.admit(Some(2), start) && throttle.admit(Some(2), start));
        assert!(!throttle.admit(Some(2), start), "over the budget");
        assert!(!throttle.admit(Some(2), start + minutes(14)), "within the block: now 30 minutes from here");
        assert!(throttle.blocked(start + minutes(43)));
        assert!(!throttle.blocked(start + minutes(44)));
        assert!(throttle.admit(Some(2), start + minutes(44)));
    }

    #[test]
    fn without_a_budget_nothing_is_blocked() {
        let mut throttle = Throttle::default();
        assert!((0..100).all(|_| throttle.admit(None, SystemTime::UNIX_EPOCH)));
    }
}

//! Which answers of the photos database are worth another try, as a table.
//!
//! The sign-in host and the account services have no such table: their calls are never repeated, because every
//! attempt counts against the account, and repetition prolongs a block.

use std::ops::RangeInclusive;

use crate::settings::Limit;

/// What a status of the database calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A good answer.
    Good,
    /// Try again after a pause, at most so many times.
    Again(u32),
    /// Everybody slows down, then try again.
    SlowDown,
    /// Try again over a new connection once, then renew the session.
    Reconnect,
    /// The session is over: renew it, then try again.
    Renew,
    /// Nothing to be done.
    Fail,
}

/// Without a limit of the user's: about a quarter of an hour of pauses.
const SENSIBLE_RETRIES: u32 = 20;

/// What the database's statuses call for; the first row that fits counts.
const DATABASE: &[(RangeInclusive<u16>, Verdict)] = &[
    (200..=299, Verdict::Good),
    (401..=401, Verdict::Renew),
    (408..=408, Verdict::Again(u32::MAX)),
    (409..=409, Verdict::Again(1)),
    (421..=421, Verdict::Reconnect),
    (423..=423, Verdict::Renew),
    (429..=429, Verdict::SlowDown),
    (450..=450, Verdict::Renew),
    (500..=500, Verdict::Again(3)),
    (503..=503, Verdict::SlowDown),
    (501..=501, Verdict::Fail),
    (502..=599, Verdict::Again(u32::MAX)),
    (0..=u16::MAX, Verdict::Fail),
];

/// Reads the table.
pub(super) fn verdict(status: u16) -> Verdict {
    let row = DATABASE.iter().find(|(statuses, _)| statuses.contains(&status));
    row.map_or(Verdict::Fail, |(_, verdict)| *verdict)
}

/// The user's number of retries, bounded by what is sensible.
pub(super) fn retries(limit: Limit) -> u32 {
    match limit {
        Limit::AtMost(retries) => retries,
        Limit::Infinite => SENSIBLE_RETRIES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_refusals_of_the_database_only_the_known_ones_are_repeated() {
        for status in 400..500 {
            let repeated = verdict(status) != Verdict::Fail;
            assert_eq!(repeated, [401, 408, 409, 421, 423, 429, 450].contains(&status), "{status}");
        }
    }

    #[test]
    fn every_status_has_the_expected_verdict() {
        for status in 0..=999 {
            let expected = match status {
                200..=299 => Verdict::Good,
                429 | 503 => Verdict::SlowDown,
                421 => Verdict::Reconnect,
                401 | 423 | 450 => Verdict::Renew,
                409 => Verdict::Again(1),
                500 => Verdict::Again(3),
                408 | 502 | 504..=599 => Verdict::Again(u32::MAX),
                _ => Verdict::Fail,
            };
            assert_eq!(verdict(status), expected, "{status}");
        }
    }

    #[test]
    fn no_limit_is_still_a_limit() {
        assert_eq!(retries(Limit::AtMost(3)), 3);
        assert!(retries(Limit::Infinite) < 100);
    }
}

//! What the servers were asked, how often and how much at once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::kind::{Kind, Role};

/// The journal of requests keeps so many of the latest.
const JOURNAL: usize = 4096;

/// One answered request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What it asked for.
    pub kind: Kind,
    /// The status of the answer; 0 if the connection was cut instead.
    pub status: u16,
    /// When it came, by the real clock: to judge how fast a client asks.
    pub at: SystemTime,
}

/// Figures about the requests since the start or the last reset.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    requests: BTreeMap<Kind, u64>,
    in_flight: BTreeMap<Role, u64>,
    peaks: BTreeMap<Role, u64>,
    answers: BTreeMap<(Kind, u16), u64>,
    sent: u64,
    journal: VecDeque<Seen>,
}

impl Statistics {
    /// How many requests of `kind` came.
    pub fn count(&self, kind: Kind) -> u64 {
        self.requests.get(&kind).copied().unwrap_or(0)
    }

    /// How many requests of `kind` were answered with `status`; 0 stands for connections that were cut.
    pub fn answered(&self, kind: Kind, status: u16) -> u64 {
        self.answers.get(&(kind, status)).copied().unwrap_or(0)
    }

    /// How many requests came in all.
    pub fn total(&self) -> u64 {
        self.requests.values().sum()
    }

    /// How many requests were answered at once, at most, by the hosts of `role`.
    pub fn peak(&self, role: Role) -> u64 {
        self.peaks.get(&role).copied().unwrap_or(0)
    }

    /// Bytes of the bodies of all answers.
    pub fn bytes_sent(&self) -> u64 {
        self.sent
    }

    /// The latest requests (some thousands), oldest first.
    pub fn journal(&self) -> impl Iterator<Item = &Seen> {
        self.journal.iter()
    }
}

/// The live figures.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters(Arc<Mutex<Statistics>>);

impl Counters {
    fn lock(&self) -> MutexGuard<'_, Statistics> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn snapshot(&self) -> Statistics {
        self.lock().clone()
    }

    /// Forgets everything but the requests that are being answered.
    pub(crate) fn reset(&self) {
        let mut statistics = self.lock();
        let in_flight = std::mem::take(&mut statistics.in_flight);
        *statistics = Statistics { peaks: in_flight.clone(), in_flight, ..Statistics::default() };
    }

    /// Counts a request; it is in flight until the guard is dropped.
    pub(crate) fn begin(&self, role: Role, kind: Kind) -> InFlight {
        let mut statistics = self.lock();
        *statistics.requests.entry(kind).or_default() += 1;
        let now = statistics.in_flight.entry(role).or_default();
        *now += 1;
        let now = *now;
        let peak = statistics.peaks.entry(role).or_default();
        *peak = now.max(*peak);
        InFlight { counters: self.clone(), role }
    }

    pub(crate) fn answered(&self, kind: Kind, status: u16, at: SystemTime) {
        let mut statistics = self.lock();
        *statistics.answers.entry((kind, status)).or_default() += 1;
        if statistics.journal.len() == JOURNAL {
            statistics.journal.pop_front();
        }
        statistics.journal.push_back(Seen { kind, status, at });
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct InFlight {
    counters: Counters,
    role: Role,
}

impl InFlight {
    pub(crate) fn sent(&self, bytes: usize) {
        self.counters.lock().sent += bytes as u64;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(now) = self.counters.lock().in_flight.get_mut(&self.role) {
            *now = now.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_the_most_at_once_and_survives_the_end_of_requests() {
        let counters = Counters::default();
        let first = counters.begin(Role::Content, Kind::Content);
        drop(counters.begin(Role::Content, Kind::Content));
        drop(counters.begin(Role::Content, Kind::Content));
        drop(first);
        let statistics = counters.snapshot();
        assert_eq!((statistics.count(Kind::Content), statistics.peak(Role::Content)), (3, 2));
        counters.reset();
        assert_eq!(counters.snapshot().peak(Role::Content), 0);
    }
}

//! What the emulated servers know.

use std::sync::{Mutex, PoisonError};

use crate::clock::Clock;
use crate::faults::Faults;
use crate::library::LibraryHandle;
use crate::statistics::Counters;

/// Everything that the hosts share.
#[derive(Debug)]
pub struct State {
    /// The time.
    pub clock: Clock,
    /// The library of the account.
    pub library: LibraryHandle,
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    unexpected: Mutex<Vec<String>>,
}

impl State {
    pub(crate) fn new(clock: Clock, library: LibraryHandle) -> Self {
        Self {
            clock,
            library,
            faults: Faults::default(),
            counters: Counters::default(),
            unexpected: Mutex::default(),
        }
    }

    /// Records a request that no Apple server would know; the test that made it fails in the end.
    pub fn record_unexpected(&self, what: impl Into<String>) {
        let what = what.into();
        tracing::warn!("unexpected request: {what}");
        self.unexpected.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    pub(crate) fn unexpected(&self) -> Vec<String> {
        self.unexpected.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

//! What the emulated servers know.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::account::{Account, AccountOptions};
use crate::auth::codes::SentCode;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::library::LibraryHandle;
use crate::statistics::Counters;

/// Told of every code that arrives.
pub(crate) type Announcer = Box<dyn Fn(&SentCode) + Send + Sync>;

/// Everything that the hosts share.
pub struct State {
    /// The time.
    pub clock: Clock,
    /// The library of the account.
    pub library: LibraryHandle,
    pub(crate) account: Mutex<Account>,
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    announcer: Option<Announcer>,
    unexpected: Mutex<Vec<String>>,
}

impl State {
    pub(crate) fn new(
        clock: Clock,
        library: LibraryHandle,
        account: AccountOptions,
        announcer: Option<Announcer>,
    ) -> Self {
        Self {
            clock,
            library,
            account: Mutex::new(Account::new(account)),
            faults: Faults::default(),
            counters: Counters::default(),
            announcer,
            unexpected: Mutex::default(),
        }
    }

    pub(crate) fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn announce(&self, code: &SentCode) {
        if let Some(announcer) = &self.announcer {
            announcer(code);
        }
    }

    /// The partition of the account, which is part of download URLs too.
    pub fn partition(&self) -> u32 {
        self.account().options.partition
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

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

//! Faults: what tests let go wrong.

mod canned;
mod spoil;

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::kind::{Kind, Role};
use crate::request::Request;

pub use canned::Canned;
pub(crate) use spoil::{delay, early_answer, spoil};

/// Something that goes wrong for some requests.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The requests it may hit.
    pub on: Selector,
    /// Which of those it hits.
    pub when: When,
    /// What happens to them.
    pub what: Effect,
}

/// The requests that a fault may hit.
#[derive(Clone)]
pub enum Selector {
    /// All.
    Any,
    /// Those of one kind.
    Kind(Kind),
    /// Those to the hosts of one role.
    Role(Role),
    /// Those that a test chooses.
    Matching(Arc<dyn Fn(&Request) -> bool + Send + Sync>),
}

impl Selector {
    /// Those for which `choose` says yes.
    pub fn matching(choose: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Self {
        Self::Matching(Arc::new(choose))
    }

    fn selects(&self, role: Role, request: &Request) -> bool {
        match self {
            Self::Any => true,
            Self::Kind(kind) => *kind == request.kind,
            Self::Role(wanted) => *wanted == role,
            Self::Matching(choose) => choose(request),
        }
    }
}

impl fmt::Debug for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("Any"),
            Self::Kind(kind) => write!(f, "{kind:?}"),
            Self::Role(role) => write!(f, "{role:?}"),
            Self::Matching(_) => f.write_str("Matching(..)"),
        }
    }
}

/// Which of the selected requests are hit, counted from the moment the fault was added.
#[derive(Clone, Debug)]
pub enum When {
    /// All.
    Always,
    /// The first so many.
    Times(u64),
    /// Those with these numbers; the first is 0.
    Numbers(Range<u64>),
    /// Each with this probability, drawn from the seed: the same in every run.
    Chance {
        /// From 0 (never) to 1 (always).
        probability: f64,
        /// Seed of the draw.
        seed: u64,
    },
}

impl When {
    fn hits(&self, number: u64) -> bool {
        match self {
            Self::Always => true,
            Self::Times(times) => number < *times,
            Self::Numbers(range) => range.contains(&number),
            Self::Chance { probability, seed } => draw(*seed, number) < *probability,
        }
    }
}

/// A number from 0 to below 1 that depends on nothing but its arguments.
fn draw(seed: u64, number: u64) -> f64 {
    let digest = Sha256::new().chain_update(seed.to_be_bytes()).chain_update(number.to_be_bytes()).finalize();
    let drawn = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    f64::from(drawn) / (f64::from(u32::MAX) + 1.0)
}

/// What happens to a request that is hit.
#[derive(Clone, Debug)]
pub enum Effect {
    /// The answer comes later by so much.
    Latency(Duration),
    /// Another answer comes in place of the right one; the request has no other consequence.
    Answer(Canned),
    /// The connection is cut in place of an answer.
    Reset,
    /// The body ends after so many bytes although its length was promised.
    Truncate(u64),
    /// The byte at this place of the body is not the right one.
    Flip(u64),
    /// After so many bytes of the body nothing comes any more.
    Hang(u64),
    /// The body comes with so many bytes in a second.
    Slow(u64),
    /// This and all later requests on the same connection are answered with 421 and no JSON, as when a pooled
    /// connection has reached the wrong partition.
    Misdirect,
    /// A list holds no more than so many records although more follow. Only for pages of records.
    ShortPage(usize),
    /// A count is off by so much.
    WrongCount(i64),
    /// A list is empty although more follows.
    EmptyPage,
    /// The records have no download addresses.
    MissingUrls,
    /// The master of a page's last asset comes only with the page after it.
    SplitPairs,
    /// The fields of one asset of the answer have types that they never have.
    GarbledRecord,
    /// Every record of the answer comes twice.
    RepeatedRecords,
    /// A range of a file is answered with the whole file.
    IgnoreRange,
}

/// The faults of an emulator; tests add and clear them while it runs.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    faults: Vec<Pending>,
    misdirected: HashSet<u64>,
}

#[derive(Debug)]
struct Pending {
    fault: Fault,
    selected: u64,
}

impl Faults {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on, `fault` happens too.
    pub fn add(&self, fault: Fault) {
        self.lock().faults.push(Pending { fault, selected: 0 });
    }

    /// `what` happens to the next `times` requests of `kind`.
    pub fn next(&self, times: u64, kind: Kind, what: Effect) {
        self.add(Fault { on: Selector::Kind(kind), when: When::Times(times), what });
    }

    /// From now on, nothing goes wrong.
    pub fn clear(&self) {
        *self.lock() = Inner::default();
    }

    /// The effects on a request that has just come; counts it.
    pub(crate) fn effects(&self, role: Role, request: &Request) -> Vec<Effect> {
        let mut inner = self.lock();
        let mut effects = Vec::new();
        for Pending { fault, selected } in &mut inner.faults {
            if fault.on.selects(role, request) {
                if fault.when.hits(*selected) {
                    effects.push(fault.what.clone());
                }
                *selected += 1;
            }
        }
        if effects.iter().any(|effect| matches!(effect, Effect::Misdirect)) {
            inner.misdirected.insert(request.connection);
        } else if inner.misdirected.contains(&request.connection) {
            effects.push(Effect::Misdirect);
        }
        effects
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_hit_the_requests_they_are_meant_for() {
        assert!(When::Always.hits(7));
        assert!(When::Times(2).hits(1) && !When::Times(2).hits(2));
        assert!(!When::Numbers(3..5).hits(2) && When::Numbers(3..5).hits(4) && !When::Numbers(3..5).hits(5));
    }

    #[test]
    fn a_chance_is_the_same_in_every_run_and_about_right() {
        let when = When::Chance { probability: 0.3, seed: 11 };
        let hits = (0..1000).filter(|&n| when.hits(n)).count();
        assert!((250..350).contains(&hits), "{hits} of 1000");
        assert!((0..100).all(|n| when.hits(n) == when.hits(n)));
        assert!((0..100).all(|n| !When::Chance { probability: 0.0, seed: 1 }.hits(n)));
        assert!((0..100).all(|n| When::Chance { probability: 1.0, seed: 1 }.hits(n)));
    }
}

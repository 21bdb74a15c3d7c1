//! The library behind the photos database.

use crate::clock::Clock;

/// What library to generate.
#[derive(Clone, Debug, Default)]
pub struct Specification {
    /// Seed of everything random in it.
    pub seed: u64,
    /// How many assets it has.
    pub assets: usize,
}

/// The library, shared by the servers and the test that changes it.
#[derive(Clone, Debug)]
pub struct LibraryHandle {}

impl LibraryHandle {
    /// Generates a library whose changes are dated by `clock`.
    pub fn new(_specification: &Specification, _clock: Clock) -> Self {
        Self {}
    }
}

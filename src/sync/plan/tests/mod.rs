//! The plan, held against a model of a disk.

mod examples;
pub(crate) mod generate;
mod properties;
pub(crate) mod world;

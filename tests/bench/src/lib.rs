//! Measures icps, and prints ratios: to something that does the same work by the plainest means, to the number of
//! assets, to the limits that the program promises. Absolute figures say more about the machine.
//!
//! Four programs, to be run in release mode after `cargo build --release -p icps`:
//! - `checksum`: the checksum of a file against plain SHA-1.
//! - `scan`: reading a library directory against `find -printf`.
//! - `verify`: reading a library again against plain SHA-1 over the same files.
//! - `sync`: the real program against emulated servers, for the first time and with nothing to do.

#![allow(clippy::missing_errors_doc, reason = "whatever fails ends the measurement")]

pub mod figures;
pub mod listing;
pub mod machine;
pub mod tree;
pub mod usage;

/// Whatever keeps a measurement from being made.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

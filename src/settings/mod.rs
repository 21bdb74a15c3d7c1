//! Configuration: command line, environment, file, defaults.

mod values;

pub use values::{Limit, MaxDelete, MfaPush, Rate, Region, Threads};

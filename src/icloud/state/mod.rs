//! The state directory: what has to survive between runs.

mod file;

pub(super) use file::write_private;

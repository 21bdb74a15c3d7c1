//! The steps of the story, in its order.

pub(crate) mod accounts;
pub(crate) mod archive;
pub(crate) mod codes;
pub(crate) mod desktop;
pub(crate) mod disk;
pub(crate) mod failures;
pub(crate) mod install;
pub(crate) mod password;
pub(crate) mod runs;
pub(crate) mod scrub;
pub(crate) mod token;
pub(crate) mod upkeep;

/// The events of `src/events.rs` that are met here.
const MFA_WANTED: &str = "6a68231d56cf24fe87c9cae5b4ed43dc";
const DAMAGED_FILE: &str = "184061e1aa4b14fed436037e60158acc";
const RUN_FINISHED: &str = "a35b88f4ee7eb27431f5e5f061d5df7e";

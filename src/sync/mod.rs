//! Plan what makes the local library mirror the remote one, guard it, apply it.

pub mod plan;
mod policy;

pub use policy::Policy;

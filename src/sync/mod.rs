//! Plan what makes the local library mirror the remote one, guard it, apply it.
//!
//! [`plan::plan`] compares, [`guard::judge`] allows, [`apply::apply`] does, and the [`Outcome`] says what came of
//! it. Nothing but the guard decides about deletions; nothing but apply touches the disk. A verification takes the
//! short way from [`plan::repair`] to [`apply::repair`]: downloads alone.

pub mod apply;
mod dry_run;
pub mod guard;
pub mod observer;
pub mod outcome;
pub mod plan;
mod policy;

pub use apply::{Context, Options, Source, apply};
pub use dry_run::{Bytes, DryRun};
pub use guard::{Held, HeldReason, Shortage, Verdict, judge};
pub use observer::{Observer, Phase};
pub use outcome::{Outcome, Stopped, Subject, Warning};
pub use plan::{Amount, Plan, plan};
pub use policy::Policy;

//! A faithful fake of Apple's iCloud Photos servers, for tests and demonstrations.
//!
//! An [`Emulator`] is an HTTPS proxy on the loopback interface. It answers for Apple's host names with
//! certificates of an authority made for the run, so that an unmodified client needs only two variables in
//! its environment (see [`Emulator::environment`]). The sign-in host verifies real SRP proofs, the photos
//! database serves a generated library that tests may change while it runs, and [`Faults`] spoil answers.
//!
//! ```no_run
//! # fn main() -> Result<(), icloud_emulator::StartError> {
//! let emulator = icloud_emulator::Emulator::builder().start()?;
//! for (name, value) in emulator.environment() {
//!     assert!(!name.is_empty(), "{name}={value}");
//! }
//! # Ok(())
//! # }
//! ```

mod account;
mod auth;
mod builder;
mod clock;
pub mod content;
mod emulator;
mod faults;
mod kind;
pub mod library;
pub mod photos;
mod random;
mod reply;
mod request;
mod server;
mod setup;
mod state;
mod statistics;

pub use account::{
    AccountHandle, AccountOptions, Lifetimes, ListHtml, ListJson, LostSession, Phone, PhoneAnswer, Protocol,
    PushAnswer, Region, Repair, SecondFactor, Strictness, SubmitAnswer,
};
pub use auth::codes::{Channel, SentCode};
pub use builder::{Builder, StartError};
pub use clock::Clock;
pub use emulator::Emulator;
pub use faults::{Canned, Effect, Fault, Faults, Selector, When};
pub use kind::{Kind, Role};
pub use library::LibraryHandle;
pub use reply::{Body, Reply, html, json, status, streamed};
pub use request::Request;
pub use state::State;
pub use statistics::{Seen, Statistics};

//! Apple's servers: sign-in, the photos database, downloads.
//!
//! [`sign_in()`] turns a [`Client`] and what the state directory remembers into an [`Account`]; everything that
//! reads photos goes through [`Account::database`] and [`Account::content`], which pace, retry and renew.

mod account;
mod capture;
mod client;
pub mod cookies;
mod database_error;
pub mod download;
mod error;
mod hosts;
mod pace;
pub mod photos;
mod retry;
mod secret_url;
mod session;
mod sign_in;
mod srp;
mod state;

pub use account::{Account, Area};
pub use client::{Client, ClientOptions, Route};
pub use error::Error;
pub(crate) use pace::LONGEST_PAUSE;
pub use secret_url::SecretUrl;
pub use session::Session;
pub use sign_in::{
    Challenge, Credentials, Method, Nobody, Notice, PasswordSource, PersonSource, Phone, SecondFactor,
    SignInOptions, Step, Unanswered, Waiting, sign_in,
};
pub use state::{Overview, StateDir};

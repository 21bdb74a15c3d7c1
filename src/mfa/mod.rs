//! The exchange of second-factor requests and answers through runtime files, and the person at a terminal.

pub mod exchange;
mod person;
mod terminal;

pub use person::{Manners, Person};

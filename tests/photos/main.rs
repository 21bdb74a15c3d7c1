//! Reading and downloading a library, through the library crate against emulated servers over real TLS.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "tests")]

mod downloading;
mod reading;
mod support;

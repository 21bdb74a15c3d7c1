//! Signing in, through the library against emulated servers over real TLS, and what Apple would have seen of it.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "tests")]

mod asking;
mod environment;
mod nevers;
mod password;
mod renewal;
mod second_factor;
mod situations;
mod stored_session;
mod support;

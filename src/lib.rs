//! **icps** makes a local directory mirror an iCloud Photos library, as a citizen of systemd.
//!
//! # The way of the data
//!
//! ```text
//!             Apple                                   disk
//!               │                                       │
//!         icloud::photos                          library::scan
//!    (records → model, by page)               (files, links → model)
//!               │                                       │
//!               ▼                                       ▼
//!         RemoteLibrary ───────►  sync::plan  ◄─── LocalLibrary
//!                             (pure; no I/O, no clock)
//!                                    │
//!                                   Plan        what to download, touch, link, move, delete
//!                                    │
//!                                sync::apply
//!                      ┌─────────────┼──────────────┐
//!               icloud::download  library::store  library::albums
//!                                    │
//!                                 Outcome ───► report (journal, status, progress, summary)
//! ```
//!
//! # The floors
//!
//! A module uses only modules of lower floors.
//!
//! | floor | modules | what they do |
//! | --- | --- | --- |
//! | 4 | `main` | parse, dispatch, exit code |
//! | 3 | [`commands`] | one file a command; each reads like its story |
//! | 2 | [`sync`], [`mfa`], [`report`] | plan and apply; the exchange of codes; what the outside hears |
//! | 2 | [`archive`] | what iCloud may lose once an album is archived |
//! | 2 | [`generator`], [`receiver`] | configuration into drop-ins for the units; codes over HTTP |
//! | 1 | [`icloud`], [`library`] | Apple's protocol; the directory on disk. They do not know each other |
//! | 0 | [`model`], [`settings`], [`exit`], [`events`] | values, configuration, exit codes, names of journal events |

pub mod archive;
pub mod commands;
pub mod events;
pub mod exit;
pub mod generator;
pub mod icloud;
pub mod library;
pub mod mfa;
pub mod model;
pub mod receiver;
pub mod report;
pub mod settings;
pub mod sync;

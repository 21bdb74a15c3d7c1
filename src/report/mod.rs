//! What the outside hears: log, progress, summary, status.

mod crash;
mod health;
mod journal;
mod lines;
mod log;
mod metrics;
mod progress;
mod record;
mod screen;
mod service;
mod units;
mod web;

pub use crash::CrashReports;
pub use health::HealthCheck;
pub use log::Log;
pub use metrics::{Metrics, write_prometheus};
pub use progress::Progress;
pub use record::{LastRun, LastVerification, Outcome};
pub use screen::Screen;
pub use service::Service;
pub use units::{bytes, count, duration, number};

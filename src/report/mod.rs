//! What the outside hears: log, progress, summary, status.

mod journal;
mod lines;
mod log;
mod progress;
mod record;
mod screen;
mod service;
mod units;

pub use log::Log;
pub use progress::Progress;
pub use record::{LastRun, Outcome};
pub use screen::Screen;
pub use service::Service;
pub use units::{bytes, count, duration};

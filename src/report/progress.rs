//! How far a run is: bars on a terminal, a line now and then elsewhere, the status for systemd.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tracing::info;

use super::units::{bytes, count, number};
use super::{Screen, Service};

/// The progress of one phase of a run: so many files, and bytes if they matter.
///
/// Cheap to clone; may be advanced from any thread.
#[derive(Debug, Clone)]
pub struct Progress(Arc<Phase>);

#[derive(Debug)]
struct Phase {
    what: &'static str,
    thing: &'static str,
    things: AtomicU64,
    total_things: AtomicU64,
    bytes: AtomicU64,
    total_bytes: u64,
    bar: ProgressBar,
    service: Service,
    /// When the last line was logged; `None` on a terminal, where a bar says it all.
    logged: Option<Mutex<Instant>>,
}

/// Where nobody sees a bar, a long phase is heard of this often.
const LOG_EVERY: Duration = Duration::from_secs(60);

const COUNTING: &str = "{spinner} {prefix} {msg}";
const BY_THINGS: &str = "{prefix} [{bar:30}] {msg}, {eta} left";
const BY_BYTES: &str = "{prefix} [{bar:30}] {msg}, {bytes_per_sec}, {eta} left";

impl Progress {
    /// Begins a phase, such as `Reading` of so many `asset`s. Totals of 0 are not known yet, or do not matter.
    pub fn begin(
        screen: &Screen,
        service: &Service,
        what: &'static str,
        thing: &'static str,
        total_things: u64,
        total_bytes: u64,
    ) -> Self {
        let bar = screen.bar(ProgressStyle::default_spinner());
        bar.set_prefix(what);
        let progress = Self(Arc::new(Phase {
            what,
            thing,
            things: AtomicU64::new(0),
            total_things: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            total_bytes,
            bar,
            service: service.clone(),
            logged: (!screen.is_terminal()).then(|| Mutex::new(Instant::now())),
        }));
        progress.expect(total_things);
        service.status(&progress.text());
        progress
    }

    /// Says how many things there will be.
    pub fn expect(&self, total_things: u64) {
        let phase = &self.0;
        phase.total_things.store(total_things, Ordering::Relaxed);
        let (template, length) = match (phase.total_bytes, total_things) {
            (0, 0) => (COUNTING, 0),
            (0, things) => (BY_THINGS, things),
            (bytes, _) => (BY_BYTES, bytes),
        };
        // The templates are constants; one with a mistake would show the plain bar instead.
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        phase.bar.set_style(style.progress_chars("=> "));
        phase.bar.set_length(length);
    }

    /// So many more bytes are done; negative if some have to be done again.
    #[expect(clippy::cast_sign_loss, reason = "adding a negative number wraps around to the right sum")]
    pub fn bytes(&self, more: i64) {
        self.0.bytes.fetch_add(more as u64, Ordering::Relaxed);
        self.show();
    }

    /// So many more things are done.
    pub fn things(&self, more: u64) {
        self.0.things.fetch_add(more, Ordering::Relaxed);
        self.show();
    }

    /// So many things are done in all.
    pub fn reached(&self, things: u64) {
        self.0.things.fetch_max(things, Ordering::Relaxed);
        self.show();
    }

    /// How far it came, in words.
    pub fn text(&self) -> String {
        format!("{}: {}", self.0.what, self.amount())
    }

    fn amount(&self) -> String {
        let phase = &self.0;
        let (things, total) =
            (phase.things.load(Ordering::Relaxed), phase.total_things.load(Ordering::Relaxed));
        let mut text = match total {
            0 => count(things, phase.thing),
            total => format!("{} of {}", number(things), count(total, phase.thing)),
        };
        if phase.total_bytes > 0 {
            let done = bytes(phase.bytes.load(Ordering::Relaxed));
            text.push_str(&[", ", &done, " of ", &bytes(phase.total_bytes)].concat());
        }
        text
    }

    fn show(&self) {
        let phase = &self.0;
        if !phase.bar.is_hidden() {
            let position = if phase.total_bytes > 0 { &phase.bytes } else { &phase.things };
            phase.bar.set_position(position.load(Ordering::Relaxed));
            phase.bar.set_message(self.amount());
        }
        phase.service.progress(|| self.text());
        self.log_now_and_then();
    }

    fn log_now_and_then(&self) {
        let Some(logged) = &self.0.logged else { return };
        {
            let mut logged = logged.lock().unwrap_or_else(PoisonError::into_inner);
            if logged.elapsed() < LOG_EVERY {
                return;
            }
            *logged = Instant::now();
        }
        info!("{}.", self.text());
    }
}

impl Drop for Phase {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

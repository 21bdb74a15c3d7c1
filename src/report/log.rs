//! The log: to the journal if that is where the output goes, else as lines on standard error.

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use super::Screen;
use super::journal::is_journal;
use super::lines::{Lines, Tail};
use crate::settings::{LogLevel, Logging};

/// The log of this process. The default one is empty and stays so.
#[derive(Debug, Clone, Default)]
pub struct Log {
    tail: Tail,
    run: String,
}

impl Log {
    /// Begins to log. Only the first call of a process has an effect.
    pub fn start(settings: &Logging, screen: &Screen) -> Self {
        let stream = std::env::var("JOURNAL_STREAM").ok();
        let in_journal =
            is_journal(io::stderr(), stream.as_deref()) || is_journal(io::stdout(), stream.as_deref());
        let run = run_id();
        let journal = in_journal.then(|| journal_layer(&run)).flatten();
        let on_screen = journal.is_none() || settings.to_terminal;
        let tail = Tail::default();
        let lines = Lines {
            screen: on_screen.then(|| screen.clone()),
            suppress_warnings: settings.suppress_warnings,
            tail: tail.clone(),
        };
        let filtered = lines.and_then(journal).with_filter(filter(settings.level));
        // Fails if the process logs already.
        let _ = tracing_subscriber::registry().with(filtered).try_init();
        Self { tail, run }
    }

    /// The end of the log so far, at most 100 kB of it.
    pub fn tail(&self) -> String {
        self.tail.text()
    }

    /// The identity of this run: what systemd calls the invocation.
    pub fn run(&self) -> &str {
        &self.run
    }
}

fn run_id() -> String {
    let invocation = std::env::var("INVOCATION_ID").ok();
    invocation.filter(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).unwrap_or_else(
        || {
            let mut random = [0; 16];
            // Without randomness the process number must do: it names a run well enough.
            if getrandom::fill(&mut random).is_err() {
                random[..4].copy_from_slice(&std::process::id().to_be_bytes());
            }
            format!("{:032x}", u128::from_be_bytes(random))
        },
    )
}

fn journal_layer<S>(run: &str) -> Option<impl Layer<S> + use<S>>
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span>,
{
    // Without the prefix being taken away, MESSAGE_ID would arrive as F_MESSAGE_ID and mean nothing.
    let layer = tracing_journald::layer().ok()?.with_field_prefix(None);
    let priorities = PriorityMappings {
        error: Priority::Error,
        warn: Priority::Warning,
        info: Priority::Informational,
        debug: Priority::Debug,
        trace: Priority::Debug,
    };
    let layer = layer.with_syslog_identifier("icps".to_owned()).with_priority_mappings(priorities);
    Some(layer.with_custom_fields([("ICPS_RUN", run)]))
}

/// What the libraries have to say matters only when it is a warning.
fn filter(level: LogLevel) -> Targets {
    let (own, others) = match level {
        LogLevel::Debug => (LevelFilter::DEBUG, LevelFilter::INFO),
        LogLevel::Info => (LevelFilter::INFO, LevelFilter::WARN),
        LogLevel::Warn => (LevelFilter::WARN, LevelFilter::WARN),
        LogLevel::Error => (LevelFilter::ERROR, LevelFilter::ERROR),
    };
    Targets::new().with_default(others).with_target("icps", own)
}

//! Log events as lines of text: for the terminal, for files, for those who get the end of a run's log.

use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Zoned;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::Screen;

/// The end of the log of this run.
#[derive(Debug, Clone, Default)]
pub(super) struct Tail(Arc<Mutex<TailLines>>);

#[derive(Debug, Default)]
struct TailLines {
    lines: VecDeque<String>,
    bytes: usize,
}

impl Tail {
    /// As much as a health check takes.
    const MAX_BYTES: usize = 100_000;

    fn push(&self, line: String) {
        let mut tail = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tail.bytes += line.len() + 1;
        tail.lines.push_back(line);
        while tail.bytes > Self::MAX_BYTES {
            let Some(first) = tail.lines.pop_front() else { break };
            tail.bytes -= first.len() + 1;
        }
    }

    /// The last lines, at most 100 kB of them.
    pub(super) fn text(&self) -> String {
        let tail = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tail.lines.iter().fold(String::with_capacity(tail.bytes), |text, line| text + line + "\n")
    }
}

/// Turns events into lines.
pub(super) struct Lines {
    /// Where they go; `None` if the journal has them.
    pub(super) screen: Option<Screen>,
    /// Whether warnings stay away from the screen.
    pub(super) suppress_warnings: bool,
    pub(super) tail: Tail,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let level = *event.metadata().level();
        let mut text = Text::default();
        event.record(&mut text);
        let stamped = format!("{} {level:<5} {}", Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%:z"), text.line());
        if let Some(screen) =
            self.screen.as_ref().filter(|_| !(self.suppress_warnings && level == Level::WARN))
        {
            if screen.is_terminal() {
                screen.line(&for_people(level, &text.line(), screen.colours()));
            } else {
                screen.line(&stamped);
            }
        }
        self.tail.push(stamped);
    }
}

/// A line for somebody who watches: no time, and a word only where it matters.
fn for_people(level: Level, line: &str, colours: bool) -> String {
    let (word, colour) = match level {
        Level::ERROR => ("Error: ", "\x1b[1;31m"),
        Level::WARN => ("Warning: ", "\x1b[1;33m"),
        Level::INFO => return line.to_owned(),
        _ => ("Debug: ", "\x1b[2m"),
    };
    if colours { format!("{colour}{word}\x1b[0m{line}") } else { format!("{word}{line}") }
}

/// The message of an event and its fields.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Text {
    fn line(&self) -> String {
        if self.fields.is_empty() {
            self.message.clone()
        } else {
            format!("{} ({})", self.message, self.fields)
        }
    }

    fn add(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        match field.name() {
            "message" => escape(&mut self.message, value),
            // For the journal: the message says it in words.
            name if name == "message_id" || name.starts_with("icps_") => {}
            name => {
                if !self.fields.is_empty() {
                    self.fields.push_str(", ");
                }
                self.fields.push_str(name);
                self.fields.push('=');
                escape(&mut self.fields, value);
            }
        }
    }
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.add(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format_args!("{value:?}"));
    }
}

/// Names of photos and albums come from the network: they must neither forge lines nor command the terminal.
fn escape(output: &mut String, value: fmt::Arguments<'_>) {
    struct Escaped<'a>(&'a mut String);
    impl Write for Escaped<'_> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for character in text.chars() {
                match character {
                    // Also the marks that change the direction of writing.
                    '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                        self.0.extend(character.escape_unicode());
                    }
                    control if control.is_control() => self.0.extend(control.escape_default()),
                    other => self.0.push(other),
                }
            }
            Ok(())
        }
    }
    // Writing to a string cannot fail; a Display that fails has written what it could.
    let _ = Escaped(output).write_fmt(value);
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    fn lines(log: impl FnOnce()) -> String {
        let tail = Tail::default();
        let layer = Lines { screen: None, suppress_warnings: false, tail: tail.clone() };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        tail.text()
    }

    #[test]
    fn a_line_has_time_level_message_and_fields() {
        let text = lines(|| {
            let error = std::io::Error::other("no route");
            tracing::warn!(message_id = "0123", icps_asset = "x", tries = 3, why = %error, "It failed.");
        });
        let line = text.split_once(' ').unwrap().1;
        assert_eq!(line, "WARN  It failed. (tries=3, why=no route)\n");
        assert!(text.starts_with("20"), "{text}");
    }

    #[test]
    fn hostile_names_stay_in_their_line() {
        let name = "a\n2026 INFO forged \x1b[31mred\u{202e}";
        let text = lines(|| tracing::info!(name, "Album {name} is new."));
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.contains('\x1b') && !text.contains('\u{202e}'), "{text}");
        assert!(text.contains("a\\n2026"), "{text}");
    }

    #[test]
    fn the_tail_keeps_the_end() {
        let text = lines(|| {
            for number in 0..5000 {
                tracing::info!("Line number {number} of many.");
            }
        });
        assert!(text.len() <= Tail::MAX_BYTES, "{}", text.len());
        assert!(text.ends_with("Line number 4999 of many.\n"));
        assert!(!text.contains("Line number 0 of"));
    }
}

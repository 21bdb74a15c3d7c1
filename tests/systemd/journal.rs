//! The journal of a guest: what was said since some moment, and what is about to be said.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Instant;

use serde_json::Value;

use crate::guest::{Guest, PATIENCE};

/// A place in the journal.
#[derive(Debug, Clone)]
pub(crate) struct Moment(String);

/// An entry of the journal.
#[derive(Debug, Clone)]
pub(crate) struct Entry(Value);

impl Entry {
    /// A field; empty if the entry has none of that name.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_default()
    }

    pub(crate) fn message(&self) -> &str {
        self.field("MESSAGE")
    }

    /// An entry in a line of JSON. `journalctl --after-cursor` of Debian 12 would leave out the first that matches, so
    /// the entry at the moment itself is read too, and is none.
    fn after(Moment(cursor): &Moment, line: &str) -> Option<Self> {
        let entry = Self(serde_json::from_str(line).ok()?);
        (entry.field("__CURSOR") != cursor).then_some(entry)
    }
}

impl Guest {
    /// Now, in the journal.
    pub(crate) fn moment(&self) -> Moment {
        let last: Value = serde_json::from_str(&self.shell("journalctl --lines=1 --output=json")).unwrap();
        Moment(last["__CURSOR"].as_str().unwrap().to_owned())
    }

    /// What a unit, and systemd about it, said since then.
    pub(crate) fn entries(&self, unit: &str, since: &Moment) -> Vec<Entry> {
        let Moment(cursor) = since;
        let text = self.shell(&format!("journalctl --unit='{unit}' --cursor='{cursor}' --output=json"));
        text.lines().filter_map(|line| Entry::after(since, line)).collect()
    }

    /// The same as text.
    pub(crate) fn messages(&self, unit: &str, since: &Moment) -> String {
        let entries = self.entries(unit, since);
        entries.iter().map(Entry::message).collect::<Vec<_>>().join("\n")
    }

    /// Waits until a unit, or systemd about it, has said something since then.
    pub(crate) fn hear(
        &self,
        unit: &str,
        since: &Moment,
        what: &str,
        is_it: impl Fn(&Entry) -> bool,
    ) -> Entry {
        let Moment(cursor) = since;
        // Without a reader it ends at the next entry, at the latest when its time is up.
        let follow = format!(
            "exec timeout {} journalctl --follow --no-tail --unit='{unit}' --cursor='{cursor}' --output=json",
            PATIENCE.as_secs()
        );
        let mut reader = self.command(&follow).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let (send, receive) = mpsc::channel();
        let lines = BufReader::new(reader.stdout.take().unwrap()).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        let deadline = Instant::now() + PATIENCE;
        let found = loop {
            let Ok(line) = receive.recv_timeout(deadline.saturating_duration_since(Instant::now())) else {
                break None;
            };
            let Some(entry) = Entry::after(since, &line) else { continue };
            if is_it(&entry) {
                break Some(entry);
            }
        };
        let _ = reader.kill();
        let _ = reader.wait();
        found.unwrap_or_else(|| panic!("{unit} never said {what}\n{}", self.last_words()))
    }
}

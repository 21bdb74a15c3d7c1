//! A terminal at which the administrator sits.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use crate::guest::{Guest, PATIENCE};

/// Interrupts the command, as a line.
pub(crate) const CONTROL_C: &str = "\u{3}";

/// A command that runs on a terminal of its own.
pub(crate) struct Terminal {
    child: Child,
    keyboard: Option<ChildStdin>,
    screen: Receiver<Vec<u8>>,
    /// What was shown and not waited for yet.
    shown: String,
}

impl Terminal {
    /// Starts a command, which must not contain single quotes.
    pub(crate) fn run(guest: &Guest, command: &str) -> Self {
        let mut script = guest.command(&format!(
            "exec env --default-signal=INT script --quiet --return --flush --command '{command}' /dev/null"
        ));
        let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = child.stdout.take().unwrap();
        let (send, screen) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                if send.send(buffer[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { keyboard: child.stdin.take(), child, screen, shown: String::new() }
    }

    /// Waits until the command shows some text, and gives everything up to its end.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.shown.find(text) {
                let rest = self.shown.split_off(at + text.len());
                return std::mem::replace(&mut self.shown, rest);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(bytes) = self.screen.recv_timeout(left) else {
                panic!("{text:?} was never shown, but:\n{}", self.shown);
            };
            self.shown.push_str(&String::from_utf8_lossy(&bytes));
        }
    }

    /// Types a line.
    pub(crate) fn type_line(&mut self, line: &str) {
        let keyboard = self.keyboard.as_mut().expect("the terminal is open");
        keyboard.write_all(format!("{line}\n").as_bytes()).and_then(|()| keyboard.flush()).unwrap();
    }

    /// Waits for the end of the command: its exit status, and the rest of what it showed.
    pub(crate) fn finish(mut self) -> (Option<i32>, String) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            while let Ok(bytes) = self.screen.recv_timeout(Duration::from_millis(100)) {
                self.shown.push_str(&String::from_utf8_lossy(&bytes));
            }
            if Instant::now() > deadline {
                let _ = self.child.kill();
                panic!("the command does not end:\n{}", self.shown);
            }
        };
        while let Ok(bytes) = self.screen.recv() {
            self.shown.push_str(&String::from_utf8_lossy(&bytes));
        }
        (status.code(), self.shown)
    }
}

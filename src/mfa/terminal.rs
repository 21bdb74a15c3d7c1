//! Lines that a person types, without a thread that blocks on them.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;

use nix::fcntl::OFlag;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use zeroize::Zeroizing;

/// The terminal of this process.
#[derive(Debug)]
pub(super) struct Terminal {
    input: pipe::Receiver,
    typed: Zeroizing<Vec<u8>>,
}

impl Terminal {
    /// The terminal, if somebody sits there. To be called within a tokio runtime.
    pub(super) fn open() -> Option<Self> {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        // Opened anew: standard input is shared with the shell, which would not survive its being non-blocking.
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open("/dev/tty").ok()?;
        // A terminal is read like a pipe, line by line.
        let input = pipe::Receiver::from_file_unchecked(file).ok()?;
        Some(Self { input, typed: Zeroizing::default() })
    }

    /// Prints what the person should know.
    #[expect(clippy::unused_self, reason = "who prints must have the terminal")]
    pub(super) fn say(&self, text: &str) {
        let mut output = io::stderr().lock();
        // A person who closed the terminal will not answer either.
        let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    }

    /// The next line. May be abandoned at any time; what was typed so far is kept. Waits for ever once the
    /// person has closed the input.
    pub(super) async fn line(&mut self) -> io::Result<Zeroizing<String>> {
        loop {
            if let Some(end) = self.typed.iter().position(|byte| *byte == b'\n') {
                let rest = self.typed.split_off(end + 1);
                let line = std::mem::replace(&mut *self.typed, rest);
                let line = Zeroizing::new(line);
                return Ok(Zeroizing::new(String::from_utf8_lossy(&line).trim().to_owned()));
            }
            let mut bytes = Zeroizing::new([0; 256]);
            match self.input.read(&mut bytes[..]).await? {
                0 => return std::future::pending().await,
                count => self.typed.extend_from_slice(&bytes[..count]),
            }
        }
    }
}

//! How a generator speaks: to the journal if it is there, to the kernel's log before that.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;

const NAME: &str = "icps-generator";
const JOURNAL: &str = "/run/systemd/journal/socket";
const KERNEL: &str = "/dev/kmsg";

/// Tells an error to the journal or the kernel's log, and to whoever runs the generator by hand.
pub fn report(error: &str) {
    let error = error.replace(char::is_control, " ");
    if to_journal(&error).is_err() {
        // In a container there may be no kernel log, and at boot no journal: then the console has to do.
        let _ = to_kernel(&error);
    }
    let _ = writeln!(io::stderr(), "{NAME}: {error}");
}

/// Never waits: the journal may itself wait for the manager, and the manager waits for its generators.
fn to_journal(error: &str) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    let message = format!("PRIORITY=3\nSYSLOG_IDENTIFIER={NAME}\nMESSAGE={error}\n");
    socket.send_to(message.as_bytes(), JOURNAL).map(drop)
}

fn to_kernel(error: &str) -> io::Result<()> {
    OpenOptions::new().write(true).open(KERNEL)?.write_all(format!("<3>{NAME}: {error}\n").as_bytes())
}

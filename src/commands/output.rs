//! Standard output and standard error of commands that answer a question and end.

use std::io::{self, Write};

/// Prints a line on standard output. Who closed it does not want to hear more.
pub(super) fn print(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// Prints a line on standard error.
pub(super) fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

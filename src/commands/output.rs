//! Standard output and standard error of commands that answer a question and end.

use std::fmt::Display;
use std::io::{self, BufWriter, Write};

/// Prints on standard output, piece by piece: a text may be long. Who closed it does not want to hear more.
pub(super) fn print(text: impl Display) {
    let mut output = BufWriter::new(io::stdout().lock());
    let _ = writeln!(output, "{text}").and_then(|()| output.flush());
}

/// Prints a line on standard error.
pub(super) fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

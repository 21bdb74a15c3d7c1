//! Reading a library directory against `find -printf`, both with warm caches.

#![allow(clippy::print_stdout, reason = "the figures are what this program is for")]

use std::process::{Command, Stdio};

use clap::Parser;
use icps::library::{Library, OpenOptions};
use icps_bench::figures::{medians, number, ratio};
use icps_bench::{Result, tree};

/// Compares the scan of a library with find.
#[derive(Debug, Parser)]
struct Cli {
    /// Files in the library.
    #[arg(long, default_value_t = 100_000)]
    files: u32,
    /// How often each of the two reads it.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let root = tempfile::tempdir()?;
    tree::invent(root.path(), cli.files)?;
    let library = Library::open(root.path(), &OpenOptions::default())?;
    let mut found = 0;
    let [scan, find] = medians(
        cli.rounds,
        [
            &mut || {
                found = library.scan()?.files.len();
                Ok(())
            },
            &mut || {
                let mut find = Command::new("find");
                find.arg(root.path()).args(["-printf", "%i %y %s %T@ %p\\n"]);
                find.stdout(Stdio::null()).status()?;
                Ok(())
            },
        ],
    )?;
    assert_eq!(found, cli.files as usize, "the scan missed files");
    let rate = |time: std::time::Duration| ratio(number(u64::from(cli.files)), time.as_secs_f64());
    println!("scan          {:8.1} ms  {:9.0} files/s", scan.as_secs_f64() * 1e3, rate(scan));
    println!("find -printf  {:8.1} ms  {:9.0} files/s", find.as_secs_f64() * 1e3, rate(find));
    println!("scan takes {:.2} x the time of find", ratio(scan.as_secs_f64(), find.as_secs_f64()));
    Ok(())
}

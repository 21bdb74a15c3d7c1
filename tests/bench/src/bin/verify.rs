//! Verifying a library against plain SHA-1 over the same files, with as many threads; the files come from the disk, as
//! far as its file system lets go of its cache (one in memory cannot).

#![allow(clippy::print_stdout, reason = "the figures are what this program is for")]

use std::fs::File;
use std::hint::black_box;
use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use icps::library::{Damaged, Inspection, Listener, OpenOptions};
use icps_bench::figures::{medians, number, ratio};
use icps_bench::{Result, tree};
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use rayon::prelude::*;
use sha1::{Digest as _, Sha1};

/// Compares the verification of a library with plain SHA-1.
#[derive(Debug, Parser)]
struct Cli {
    /// Files in the library.
    #[arg(long, default_value_t = 1000)]
    files: u32,
    /// Size of each, in bytes.
    #[arg(long, default_value_t = 2 << 20)]
    size: usize,
    /// How often each of the two reads them.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Where the library is put meanwhile: a directory on the kind of disk that is to be measured.
    #[arg(long, default_value = "/var/tmp")]
    directory: PathBuf,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let root = tempfile::Builder::new().prefix("icps-bench-").tempdir_in(&cli.directory)?;
    let files = tree::sound(root.path(), cli.files, cli.size)?;
    let inspection = Inspection::open(root.path(), &OpenOptions::default())?;
    let mut intact = 0;
    let [verify, plain] = medians(
        cli.rounds,
        [
            &mut || {
                forget(&files)?;
                intact = inspection.verify(&Nobody)?.intact;
                Ok(())
            },
            &mut || {
                forget(&files)?;
                files.par_iter().try_for_each_init(|| vec![0; 256 * 1024], |buffer, file| hash(file, buffer))
            },
        ],
    )?;
    assert_eq!(intact, u64::from(cli.files), "not all files were verified");
    let total = number(u64::from(cli.files)) * number(cli.size as u64) / 1e6;
    let rate = |time: Duration| ratio(total, time.as_secs_f64());
    println!(
        "verify       {:7.0} MB/s  {:9.0} files/s",
        rate(verify),
        f64::from(cli.files) / verify.as_secs_f64()
    );
    println!("plain SHA-1  {:7.0} MB/s", rate(plain));
    println!("verify is {:.2} x plain SHA-1", ratio(rate(verify), rate(plain)));
    Ok(())
}

/// Lets the kernel forget the contents.
fn forget(files: &[PathBuf]) -> Result<()> {
    for file in files {
        posix_fadvise(File::open(file)?, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?;
    }
    Ok(())
}

fn hash(path: &PathBuf, buffer: &mut [u8]) -> Result<()> {
    let (mut file, mut hasher) = (File::open(path)?, Sha1::new());
    loop {
        match file.read(buffer)? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    black_box(hasher.finalize());
    Ok(())
}

/// Hears nothing and never stops.
struct Nobody;

impl Listener for Nobody {
    fn begin(&self, _: u64, _: u64) {}

    fn read(&self, _: u64) {}

    fn checked(&self) {}

    fn damaged(&self, _: &Damaged) {}

    fn is_stopped(&self) -> bool {
        false
    }
}

//! The checksum of a file against plain SHA-1 in memory and against `sha1sum`.

#![allow(clippy::print_stdout, reason = "the figures are what this program is for")]

use std::fs::File;
use std::hint::black_box;
use std::process::{Command, Stdio};

use icps::library::checksum::Hasher;
use icps_bench::Result;
use icps_bench::figures::{medians, number, ratio};
use sha1::{Digest as _, Sha1};

/// Bytes to hash.
const SIZE: usize = 256 << 20;
const ROUNDS: usize = 5;

fn main() -> Result<()> {
    let bytes: Vec<u8> =
        (0..SIZE / 8).flat_map(|n| (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes()).collect();
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), &bytes)?;
    let times = medians(
        ROUNDS,
        [
            &mut || {
                black_box(Sha1::digest(black_box(&bytes)));
                Ok(())
            },
            &mut || {
                let mut hasher = Hasher::new();
                hasher.update(black_box(&bytes));
                black_box(hasher.finish());
                Ok(())
            },
            &mut || {
                let mut hasher = Hasher::new();
                hasher.update_from(&mut File::open(file.path())?)?;
                black_box(hasher.finish());
                Ok(())
            },
            &mut || {
                Command::new("sha1sum").arg(file.path()).stdout(Stdio::null()).status()?;
                Ok(())
            },
        ],
    )?;
    let throughput = times.map(|time| ratio(number(SIZE as u64) / 1e6, time.as_secs_f64()));
    let [plain, memory, disk, sha1sum] = throughput;
    println!("plain SHA-1 in memory     {plain:7.0} MB/s");
    println!("checksum in memory        {memory:7.0} MB/s  {:.2} x plain SHA-1", ratio(memory, plain));
    println!("checksum of a cached file {disk:7.0} MB/s  {:.2} x plain SHA-1", ratio(disk, plain));
    println!(
        "sha1sum of the same file  {sha1sum:7.0} MB/s  checksum is {:.2} x sha1sum",
        ratio(disk, sha1sum)
    );
    Ok(())
}

//! The real program against emulated servers: first syncs, and syncs with nothing to do.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the figures are what this program is for")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use icloud_emulator::library::{AlbumSpec, LibrarySpec};
use icloud_emulator::{Kind, Role};
use icps_bench::figures::{number, ratio};
use icps_bench::listing::RANKS;
use icps_bench::machine::{Machine, Run};
use icps_bench::{Result, listing, tree, usage};

/// Measures syncs of libraries of different sizes.
#[derive(Debug, Parser)]
struct Cli {
    /// Libraries to sync for the first time, in assets.
    #[arg(long, value_delimiter = ',', default_value = "10000")]
    first: Vec<usize>,
    /// Libraries to sync again although nothing changed, in assets; the directory is made without a sync.
    #[arg(long, value_delimiter = ',', default_value = "10000,100000")]
    unchanged: Vec<usize>,
    /// Size of each original, in bytes.
    #[arg(long, default_value_t = 200)]
    size: u64,
    /// What a family has, with Live Photos, videos and edits, instead of nothing but stills.
    #[arg(long)]
    family: bool,
    /// Albums of each library.
    #[arg(long, default_value_t = 3)]
    albums: usize,
    /// The most photos of an album.
    #[arg(long, default_value_t = 200)]
    members: usize,
    /// Further arguments of the program, such as --download-threads=32.
    #[arg(long, value_delimiter = ' ', allow_hyphen_values = true)]
    arguments: Vec<String>,
    /// Where the libraries are put meanwhile: a directory on the kind of disk that is to be measured.
    #[arg(long, default_value = "/var/tmp")]
    directory: PathBuf,
}

/// The most memory that a run with nothing to do may have at once: assets, bytes.
const LIMITS: [(usize, u64); 2] = [(100_000, 150_000_000), (1_000_000, 1_000_000_000)];

fn main() -> ExitCode {
    if let Some(code) = usage::measured() {
        return code;
    }
    match Bench::new(Cli::parse()).and_then(|bench| bench.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

struct Bench {
    cli: Cli,
    /// The peak memory of a sync of an empty library, in KiB.
    empty: u64,
}

impl Bench {
    fn new(cli: Cli) -> Result<Self> {
        let machine = Machine::new(LibrarySpec::plain(0), &cli.directory)?;
        let run = machine.sync(&[])?;
        println!(
            "an empty library: {:.1} s, {:.1} MB",
            run.usage.wall.as_secs_f64(),
            megabytes(run.usage.peak)
        );
        Ok(Self { cli, empty: run.usage.peak })
    }

    fn run(&self) -> Result<()> {
        self.cli.first.iter().try_for_each(|assets| self.first(*assets))?;
        self.cli.unchanged.iter().try_for_each(|assets| self.unchanged(*assets))
    }

    fn first(&self, assets: usize) -> Result<()> {
        let machine = self.machine(assets)?;
        let arguments: Vec<_> = self.cli.arguments.iter().map(String::as_str).collect();
        let run = machine.sync(&arguments)?;
        self.print(&format!("{assets} assets for the first time"), assets, &run);
        let threads = usize::try_from(run.statistics.peak(Role::Content))?.max(1);
        let files = usize::try_from(run.statistics.count(Kind::Content))?;
        let disk = tree::durably(&machine.path("disk"), files, usize::try_from(self.cli.size)?, threads)?;
        compare(&run, disk, &format!("writing and syncing {files} files with {threads} threads alone"));
        self.again(&machine, assets)
    }

    fn unchanged(&self, assets: usize) -> Result<()> {
        let machine = self.machine(assets)?;
        tree::mirror(&machine.library(), machine.emulator.library())?;
        let title = format!("{assets} assets that are there, albums for the first time");
        self.print(&title, assets, &machine.sync(&[])?);
        self.again(&machine, assets)
    }

    fn machine(&self, assets: usize) -> Result<Machine> {
        let mixture = if self.cli.family { LibrarySpec::small() } else { LibrarySpec::plain(assets) };
        let (albums, members) = (self.cli.albums, self.cli.members);
        let albums = AlbumSpec { albums, members, ..mixture.albums.clone() };
        let spec = LibrarySpec { assets, albums, ..mixture }.sizes(self.cli.size, self.cli.size);
        Machine::new(spec, &self.cli.directory)
    }

    fn again(&self, machine: &Machine, assets: usize) -> Result<()> {
        let listing = listing::duration(machine, assets)?;
        let run = machine.sync(&[])?;
        if !run.log.contains("Nothing to do") {
            return Err(format!("there was something to do:\n{}", run.log).into());
        }
        self.print(&format!("{assets} assets, nothing changed"), assets, &run);
        compare(&run, listing, "fetching the pages of the list alone");
        for (of, limit) in LIMITS.iter().filter(|(of, _)| *of == assets) {
            let kept = if run.usage.peak * 1024 < *limit { "kept" } else { "EXCEEDED" };
            println!("  limit    {:.0} MB for {of} assets: {kept}", number(*limit) / 1e6);
        }
        Ok(())
    }

    fn print(&self, title: &str, assets: usize, run: &Run) {
        let count = number(assets as u64);
        let (wall, cpu) = (run.usage.wall.as_secs_f64(), run.usage.cpu().as_secs_f64());
        let beyond = number(run.usage.peak.saturating_sub(self.empty)) * 1024.0;
        println!("{title}");
        println!("  time     {wall:.2} s, {:.0} assets/s", ratio(count, wall));
        println!(
            "  CPU      {cpu:.2} s ({:.2} s of them in the kernel), {:.0} us/asset; the servers {:.2} s",
            run.usage.system.as_secs_f64(),
            ratio(cpu * 1e6, count),
            run.servers.as_secs_f64()
        );
        println!(
            "  memory   {:.1} MB at most, {:.0} bytes/asset beyond an empty library",
            megabytes(run.usage.peak),
            ratio(beyond, count)
        );
        print_requests(assets, run);
    }
}

/// Prints how long a run took, measured by the least that it has to do.
fn compare(run: &Run, least: Duration, what: &str) {
    let (wall, least) = (run.usage.wall.as_secs_f64(), least.as_secs_f64());
    println!("  ratio    {:.2} x the {least:.2} s of {what}", ratio(wall, least));
}

fn print_requests(assets: usize, run: &Run) {
    let statistics = &run.statistics;
    let kinds = [
        ("queries", Kind::Query),
        ("counts", Kind::Batch),
        ("look-ups", Kind::Lookup),
        ("contents", Kind::Content),
    ];
    let list: Vec<_> =
        kinds.iter().map(|(name, kind)| format!("{} {name}", statistics.count(*kind))).collect();
    let known: u64 = kinds.iter().map(|(_, kind)| statistics.count(*kind)).sum();
    let pages = assets.div_ceil(RANKS) as u64;
    println!(
        "  requests {}: {}, {} others; {:.3} queries/page; at most {} and {} at once to database and contents; {:.1} MB",
        statistics.total(),
        list.join(", "),
        statistics.total() - known,
        ratio(number(statistics.count(Kind::Query)), number(pages)),
        statistics.peak(Role::Photos),
        statistics.peak(Role::Content),
        number(statistics.bytes_sent()) / 1e6
    );
}

/// Kibibytes as megabytes.
fn megabytes(kib: u64) -> f64 {
    number(kib) * 1024.0 / 1e6
}

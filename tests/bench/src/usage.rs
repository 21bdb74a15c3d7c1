//! What a process used.

use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use serde::{Deserialize, Serialize};

use crate::Result;

/// The first argument that makes a program of this package run another one and report.
const MEASURE: &str = "--measure-program";

/// What a process used from its start to its end.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Usage {
    /// From start to end.
    pub wall: Duration,
    /// Of all threads, in user mode.
    pub user: Duration,
    /// Of all threads, in the kernel.
    pub system: Duration,
    /// The most memory it had at once, in KiB.
    pub peak: u64,
}

impl Usage {
    /// Time of all processors.
    pub fn cpu(&self) -> Duration {
        self.user + self.system
    }
}

/// Processor time of this process so far.
pub fn own_cpu() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    Ok(microseconds(usage.user_time().num_microseconds() + usage.system_time().num_microseconds()))
}

/// Runs a program to its end and says what it used, and what it wrote to standard error.
///
/// A copy of this program stands in between: the kernel remembers the most memory of all children together, and a
/// child inherits the peak of the process that started it, which may hold a million assets for the emulator.
pub fn measure(command: &Command) -> Result<(Usage, String)> {
    let mut outer = Command::new(std::env::current_exe()?);
    outer.arg(MEASURE).arg(command.get_program()).args(command.get_args());
    outer.env_clear();
    outer.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let Output { status, stdout, stderr } = outer.stdin(Stdio::null()).output()?;
    let stderr = String::from_utf8_lossy(&stderr).into_owned();
    if !status.success() {
        return Err(format!("{} failed:\n{stderr}", Path::new(command.get_program()).display()).into());
    }
    Ok((serde_json::from_slice(&stdout)?, stderr))
}

/// To be called first in `main`: plays the part of the copy if this is one.
pub fn measured() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != MEASURE {
        return None;
    }
    let mut command = Command::new(arguments.next()?);
    let code = run(command.args(arguments)).unwrap_or(ExitCode::FAILURE);
    Some(code)
}

fn run(command: &mut Command) -> Result<ExitCode> {
    let begin = Instant::now();
    let status = command.stdout(Stdio::null()).status()?;
    let wall = begin.elapsed();
    let used = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let usage = Usage {
        wall,
        user: microseconds(used.user_time().num_microseconds()),
        system: microseconds(used.system_time().num_microseconds()),
        peak: u64::try_from(used.max_rss())?,
    };
    serde_json::to_writer(std::io::stdout(), &usage)?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn microseconds(count: i64) -> Duration {
    Duration::from_micros(u64::try_from(count).unwrap_or_default())
}

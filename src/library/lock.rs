//! One process a library.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::Error;
use super::dir::Dir;
use super::layout::LOCK;

/// An exclusive lock on the library, for as long as it lives.
///
/// The kernel holds it (`flock`) and frees it when the process ends in whatever way. The content of the file -
/// PID, unit, start, a line each - is for messages, and for the TypeScript program, which reads the PID and
/// respects it.
#[derive(Debug)]
pub(crate) struct Lock {
    root: Dir,
    file: Flock<File>,
}

impl Lock {
    /// Takes the lock or says who has it. `force` replaces the lock file, whoever holds it.
    pub(crate) fn take(root: Dir, holder: &str, force: bool) -> Result<Self, Error> {
        if force && root.unlink(LOCK)? {
            tracing::warn!(path = %root.path_of(LOCK).display(), "the lock of the library is taken by force");
        }
        loop {
            let file = root.open_file(LOCK, OFlag::O_RDWR | OFlag::O_CREAT)?;
            let mut file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(file) => file,
                Err((mut file, Errno::EWOULDBLOCK)) => {
                    return Err(Error::Locked { holder: Note::read(&mut file).to_string() });
                }
                Err((_, errno)) => return Err(Error::io("lock", root.path_of(LOCK), errno)),
            };
            // A holder removes the file when it is done: the lock may be on a file that has no name any more.
            if !is_current(&root, &file)? {
                continue;
            }
            let note = Note::read(&mut file);
            if note.is_foreign_and_alive() {
                return Err(Error::Locked { holder: format!("{note} (icloud-photos-sync)") });
            }
            write_note(&mut file, holder).map_err(|e| Error::io("write", root.path_of(LOCK), e))?;
            return Ok(Self { root, file });
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Removed before the kernel frees it, and only if nobody has taken it by force.
        let removed = is_current(&self.root, &self.file)
            .and_then(|ours| if ours { self.root.unlink(LOCK) } else { Ok(false) });
        if let Err(error) = removed {
            tracing::debug!(%error, "the lock file stays; it is no lock any more");
        }
    }
}

fn is_current(root: &Dir, file: &File) -> Result<bool, Error> {
    let ours = file.metadata().map_err(|e| Error::io("examine", root.path_of(LOCK), e))?;
    Ok(root.stat(LOCK)?.is_some_and(|named| named.inode == ours.ino()))
}

fn write_note(file: &mut File, holder: &str) -> std::io::Result<()> {
    let note = format!("{}\n{}\n{:.0}\n", std::process::id(), holder.replace('\n', " "), Timestamp::now());
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(note.as_bytes())
}

/// What a lock file says about its holder.
#[derive(Debug, Default)]
struct Note {
    pid: Option<i32>,
    /// Who wrote it and when; the TypeScript program writes its PID alone.
    details: Option<(String, Option<Timestamp>)>,
}

impl Note {
    fn read(file: &mut File) -> Self {
        let mut text = String::new();
        if file.take(1000).read_to_string(&mut text).is_err() {
            return Self::default();
        }
        let mut lines = text.lines().map(str::trim);
        let pid = lines.next().and_then(|pid| pid.parse().ok()).filter(|pid| *pid > 0);
        let details =
            lines.next().map(|holder| (holder.to_owned(), lines.next().and_then(|at| at.parse().ok())));
        Self { pid, details }
    }

    /// Whether another program that does not use `flock` wrote it and still runs.
    fn is_foreign_and_alive(&self) -> bool {
        let Some(pid) = self.pid.filter(|_| self.details.is_none()) else { return false };
        // Another user's process cannot be signalled, but it lives.
        matches!(kill(Pid::from_raw(pid), None), Ok(()) | Err(Errno::EPERM))
    }
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "PID {pid}")?,
            None => f.write_str("another process")?,
        }
        let Some((holder, since)) = &self.details else { return Ok(()) };
        write!(f, " ({holder})")?;
        let Some(since) = since else { return Ok(()) };
        let (since, now) =
            (since.to_zoned(TimeZone::system()), Timestamp::now().to_zoned(TimeZone::system()));
        let day = if since.date() == now.date() { "" } else { "%F " };
        write!(f, " since {}", since.strftime(&format!("{day}%H:%M:%S")))
    }
}

#[cfg(test)]
mod tests;

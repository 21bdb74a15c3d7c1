//! A directory held open.
//!
//! All work in the library goes through these handles: each name is a single component, looked up relative to
//! an open directory and never through a symlink. A hostile name or a directory that was replaced by a symlink
//! can therefore not lead out of the library. Only the library's root itself is opened by path.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{self, AtFlags, OFlag, RenameFlags};
use nix::sys::stat::{self, FileStat, Mode, SFlag, UtimensatFlags};
use nix::sys::time::TimeSpec;
use nix::unistd::{self, UnlinkatFlags};

use super::Error;

/// An open directory of the library.
#[derive(Debug)]
pub(crate) struct Dir {
    fd: OwnedFd,
    /// Where it was when it was opened; for messages only.
    path: PathBuf,
}

/// What an entry of a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    File,
    Directory,
    Symlink,
    Other,
}

/// What is known about an entry without opening it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stat {
    pub(crate) kind: EntryKind,
    pub(crate) size: u64,
    /// Milliseconds since 1970 UTC.
    pub(crate) modified: i64,
    pub(crate) inode: u64,
}

/// One entry of a directory.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: OsString,
    pub(crate) kind: EntryKind,
}

const DIRECTORY: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

impl Dir {
    /// Opens the library's root, which may be reached through symlinks: that is the user's choice.
    pub(crate) fn open_root(path: &Path) -> Result<Self, Error> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        match fcntl::open(path, flags, Mode::empty()) {
            Ok(fd) => Ok(Self { fd, path: path.to_owned() }),
            Err(Errno::ENOENT) => Err(Error::Missing { path: path.to_owned() }),
            Err(errno) => Err(Error::io("open", path, errno)),
        }
    }

    /// Another handle on the same directory.
    pub(crate) fn reopen(&self) -> Result<Self, Error> {
        match fcntl::openat(&self.fd, ".", DIRECTORY, Mode::empty()) {
            Ok(fd) => Ok(Self { fd, path: self.path.clone() }),
            Err(errno) => Err(Error::io("open", &self.path, errno)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of an entry, for messages.
    pub(crate) fn path_of(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// Opens a subdirectory.
    pub(crate) fn open(&self, name: impl AsRef<OsStr>) -> Result<Self, Error> {
        let name = name.as_ref();
        self.find(name)?.ok_or_else(|| Error::Missing { path: self.path_of(name) })
    }

    /// Opens a subdirectory, if it exists.
    pub(crate) fn find(&self, name: impl AsRef<OsStr>) -> Result<Option<Self>, Error> {
        let name = component(name.as_ref())?;
        let path = self.path_of(name);
        match fcntl::openat(&self.fd, name, DIRECTORY, Mode::empty()) {
            Ok(fd) => Ok(Some(Self { fd, path })),
            Err(Errno::ENOENT) => Ok(None),
            Err(Errno::ELOOP | Errno::ENOTDIR) => Err(Error::NotADirectory { path }),
            Err(errno) => Err(Error::io("open", path, errno)),
        }
    }

    /// Opens a subdirectory after creating it if need be. The umask and a setgid bit decide its mode.
    pub(crate) fn create(&self, name: impl AsRef<OsStr>) -> Result<Self, Error> {
        let name = component(name.as_ref())?;
        match stat::mkdirat(&self.fd, name, Mode::from_bits_truncate(0o777)) {
            Ok(()) | Err(Errno::EEXIST) => self.open(name),
            Err(errno) => Err(self.failed("create", name, errno)),
        }
    }

    /// Opens a file with these flags, without following a symlink or waiting for a pipe.
    pub(crate) fn open_file(&self, name: impl AsRef<OsStr>, flags: OFlag) -> Result<File, Error> {
        let name = component(name.as_ref())?;
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        match fcntl::openat(&self.fd, name, flags, Mode::from_bits_truncate(0o666)) {
            Ok(fd) => Ok(File::from(fd)),
            Err(Errno::ENOENT) => Err(Error::Missing { path: self.path_of(name) }),
            Err(errno) => Err(self.failed("open", name, errno)),
        }
    }

    /// Opens a regular file for reading, if it exists and is one.
    pub(crate) fn read_file(&self, name: impl AsRef<OsStr>) -> Result<Option<File>, Error> {
        let name = name.as_ref();
        let file = match self.open_file(name, OFlag::O_RDONLY) {
            Err(Error::Missing { .. }) => return Ok(None),
            other => other?,
        };
        let found = file.metadata().map_err(|e| Error::io("examine", self.path_of(name), e))?;
        if found.is_file() {
            Ok(Some(file))
        } else {
            Err(Error::io("read", self.path_of(name), io::Error::other("it is no regular file")))
        }
    }

    /// Looks at an entry; `None` if there is none.
    pub(crate) fn stat(&self, name: impl AsRef<OsStr>) -> Result<Option<Stat>, Error> {
        let name = component(name.as_ref())?;
        match stat::fstatat(&self.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(Some(Stat::from(&found))),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(self.failed("examine", name, errno)),
        }
    }

    /// The target of a symlink; `None` if there is no such entry or it is no symlink.
    pub(crate) fn read_link(&self, name: impl AsRef<OsStr>) -> Result<Option<OsString>, Error> {
        let name = component(name.as_ref())?;
        match fcntl::readlinkat(&self.fd, name) {
            Ok(target) => Ok(Some(target)),
            Err(Errno::ENOENT | Errno::EINVAL) => Ok(None),
            Err(errno) => Err(self.failed("read", name, errno)),
        }
    }

    /// Creates a symlink. `false` if the name is taken.
    pub(crate) fn symlink(&self, target: &str, name: impl AsRef<OsStr>) -> Result<bool, Error> {
        let name = component(name.as_ref())?;
        match unistd::symlinkat(target, &self.fd, name) {
            Ok(()) => Ok(true),
            Err(Errno::EEXIST) => Ok(false),
            Err(errno) => Err(self.failed("create", name, errno)),
        }
    }

    /// Renames an entry, replacing what has the new name.
    pub(crate) fn rename(
        &self,
        name: impl AsRef<OsStr>,
        to: &Self,
        new: impl AsRef<OsStr>,
    ) -> Result<(), Error> {
        let (name, new) = (component(name.as_ref())?, component(new.as_ref())?);
        match fcntl::renameat(&self.fd, name, &to.fd, new) {
            Ok(()) => Ok(()),
            Err(Errno::ENOENT) => Err(Error::Missing { path: self.path_of(name) }),
            Err(errno) => Err(to.failed("rename to", new, errno)),
        }
    }

    /// Renames an entry. `false` if the new name is taken.
    pub(crate) fn rename_new(
        &self,
        name: impl AsRef<OsStr>,
        to: &Self,
        new: impl AsRef<OsStr>,
    ) -> Result<bool, Error> {
        let (name, new) = (component(name.as_ref())?, component(new.as_ref())?);
        match fcntl::renameat2(&self.fd, name, &to.fd, new, RenameFlags::RENAME_NOREPLACE) {
            Ok(()) => Ok(true),
            Err(Errno::EEXIST) => Ok(false),
            Err(Errno::ENOENT) => Err(Error::Missing { path: self.path_of(name) }),
            // Some network file systems do not know the flag.
            Err(Errno::EINVAL | Errno::ENOSYS) => {
                if to.stat(new)?.is_some() {
                    return Ok(false);
                }
                self.rename(name, to, new).map(|()| true)
            }
            Err(errno) => Err(to.failed("rename to", new, errno)),
        }
    }

    /// Swaps two entries in one atomic step. `false` where the file system cannot.
    pub(crate) fn exchange(
        &self,
        name: impl AsRef<OsStr>,
        with: &Self,
        other: impl AsRef<OsStr>,
    ) -> Result<bool, Error> {
        let (name, other) = (component(name.as_ref())?, component(other.as_ref())?);
        match fcntl::renameat2(&self.fd, name, &with.fd, other, RenameFlags::RENAME_EXCHANGE) {
            Ok(()) => Ok(true),
            Err(Errno::EINVAL | Errno::ENOSYS) => Ok(false),
            Err(errno) => Err(with.failed("exchange", other, errno)),
        }
    }

    /// Removes a file or symlink. `false` if there was none.
    pub(crate) fn unlink(&self, name: impl AsRef<OsStr>) -> Result<bool, Error> {
        self.remove(name.as_ref(), UnlinkatFlags::NoRemoveDir)
    }

    /// Removes an empty directory. `false` if there was none.
    pub(crate) fn remove_dir(&self, name: impl AsRef<OsStr>) -> Result<bool, Error> {
        self.remove(name.as_ref(), UnlinkatFlags::RemoveDir)
    }

    fn remove(&self, name: &OsStr, flag: UnlinkatFlags) -> Result<bool, Error> {
        match unistd::unlinkat(&self.fd, component(name)?, flag) {
            Ok(()) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(self.failed("remove", name, errno)),
        }
    }

    /// Sets the mtime of a file, or of a symlink itself.
    pub(crate) fn set_modified(&self, name: impl AsRef<OsStr>, modified: i64) -> Result<(), Error> {
        let name = component(name.as_ref())?;
        match stat::utimensat(
            &self.fd,
            name,
            &TimeSpec::UTIME_OMIT,
            &time_spec(modified),
            UtimensatFlags::NoFollowSymlink,
        ) {
            Ok(()) => Ok(()),
            Err(Errno::ENOENT) => Err(Error::Missing { path: self.path_of(name) }),
            Err(errno) => Err(self.failed("set the time of", name, errno)),
        }
    }

    /// Calls `visit` for each entry but `.` and `..`, with its inode number.
    pub(crate) fn for_each(
        &self,
        mut visit: impl FnMut(&OsStr, u64, Option<EntryKind>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let failed = |errno: Errno| Error::io("read", &self.path, errno);
        // A handle of its own, so that readers do not share one position.
        let mut reader = nix::dir::Dir::openat(&self.fd, ".", DIRECTORY, Mode::empty()).map_err(failed)?;
        for entry in reader.iter() {
            let entry = entry.map_err(failed)?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name != "." && name != ".." {
                visit(name, entry.ino(), entry.file_type().map(EntryKind::from))?;
            }
        }
        Ok(())
    }

    /// All entries, in no particular order.
    pub(crate) fn entries(&self) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        self.for_each(|name, _, kind| {
            // Not every file system tells the kind along with the name.
            let kind = match kind {
                Some(kind) => Some(kind),
                None => self.stat(name)?.map(|found| found.kind),
            };
            entries.extend(kind.map(|kind| Entry { name: name.to_owned(), kind }));
            Ok(())
        })?;
        Ok(entries)
    }

    /// Makes the entries themselves durable.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        unistd::fsync(&self.fd).map_err(|errno| Error::io("sync", &self.path, errno))
    }

    /// Bytes that this user can still write to the file system.
    pub(crate) fn free_space(&self) -> Result<u64, Error> {
        let found =
            nix::sys::statvfs::fstatvfs(&self.fd).map_err(|errno| Error::io("examine", &self.path, errno))?;
        Ok(found.blocks_available().saturating_mul(found.fragment_size()))
    }

    fn failed(&self, action: &'static str, name: &OsStr, errno: Errno) -> Error {
        Error::io(action, self.path_of(name), errno)
    }
}

/// Refuses what is not the name of an entry of the directory itself.
fn component(name: &OsStr) -> Result<&OsStr, Error> {
    let bytes = name.as_bytes();
    if bytes.is_empty() || bytes == b"." || bytes == b".." || bytes.contains(&b'/') || bytes.contains(&0) {
        return Err(Error::UnsafeName { name: name.to_string_lossy().into_owned() });
    }
    Ok(name)
}

/// Milliseconds since 1970 as the system's time.
pub(crate) fn time_spec(milliseconds: i64) -> TimeSpec {
    TimeSpec::new(milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000) * 1_000_000)
}

impl From<&FileStat> for Stat {
    fn from(found: &FileStat) -> Self {
        Self {
            kind: EntryKind::from(SFlag::from_bits_truncate(found.st_mode & SFlag::S_IFMT.bits())),
            size: u64::try_from(found.st_size).unwrap_or(0),
            modified: found.st_mtime.saturating_mul(1000) + found.st_mtime_nsec / 1_000_000,
            inode: found.st_ino,
        }
    }
}

impl From<SFlag> for EntryKind {
    fn from(flags: SFlag) -> Self {
        match flags {
            SFlag::S_IFREG => Self::File,
            SFlag::S_IFDIR => Self::Directory,
            SFlag::S_IFLNK => Self::Symlink,
            _ => Self::Other,
        }
    }
}

impl From<nix::dir::Type> for EntryKind {
    fn from(kind: nix::dir::Type) -> Self {
        match kind {
            nix::dir::Type::File => Self::File,
            nix::dir::Type::Directory => Self::Directory,
            nix::dir::Type::Symlink => Self::Symlink,
            _ => Self::Other,
        }
    }
}

//! What a setup makes on disk.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::thread;

use nix::fcntl::OFlag;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{setfsgid, setfsuid};
use zeroize::Zeroizing;

use super::error::Error;
use super::place::Owner;

/// The group is for those who shall see the photos; what is made below belongs to it too.
const SERVICE_LIBRARY: u32 = 0o2750;
const OWN_LIBRARY: u32 = 0o750;

/// While this lives, no signal ends the process: what is begun is written to its end.
pub(super) struct Undisturbed(SigSet);

impl Undisturbed {
    pub(super) fn begin() -> Self {
        let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
        // It fails for no reason but a wrong argument.
        let _ = signals.thread_block();
        Self(signals)
    }
}

impl Drop for Undisturbed {
    fn drop(&mut self) {
        let _ = self.0.thread_unblock();
    }
}

/// Whether a library can be kept there. Changes nothing.
pub(super) fn check_library(path: &Path, owner: Option<Owner>) -> Result<(), String> {
    if !path.exists() {
        let above = path.ancestors().find(|above| above.exists()).unwrap_or(Path::new("/"));
        return match tempfile::tempfile_in(above) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("it cannot be made in {}: {}", above.display(), reason(&error))),
        };
    }
    if !path.is_dir() {
        return Err("it is not a directory".to_owned());
    }
    match (can_write(path, owner), owner) {
        (Ok(()), _) => Ok(()),
        (Err(_), Some(_)) if is_unused(path) => Ok(()),
        (Err(error), Some(_)) => Err(format!(
            "the service cannot write there ({}); give it to the service: chown -R _icps:_icps {}",
            reason(&error),
            path.display()
        )),
        (Err(error), None) => Err(format!("you cannot write there: {}", reason(&error))),
    }
}

/// Tries it with a file that has no name. The directories above do not count: the unit mounts the library into its
/// own view.
fn can_write(path: &Path, owner: Option<Owner>) -> io::Result<()> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
    let directory = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
    let Some(owner) = owner else { return tempfile::tempfile_in(path).map(drop) };
    // These identities belong to a thread, and end with it.
    let attempt = thread::spawn(move || {
        setfsgid(owner.gid);
        setfsuid(owner.uid);
        tempfile::tempfile_in(path).map(drop)
    });
    attempt.join().unwrap_or_else(|_| Err(io::Error::other("the attempt failed")))
}

/// An empty directory of root may be given to the service.
fn is_unused(path: &Path) -> bool {
    let of_root = fs::metadata(path).is_ok_and(|metadata| metadata.uid() == 0);
    of_root && fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

/// Makes the directory of the library, if it is not there, and gives it to whom it is for.
pub(super) fn make_library(path: &Path, owner: Option<Owner>) -> Result<(), Error> {
    let failed = |error| Error::io("make", path)(error);
    if path.exists() {
        return match owner.filter(|_| can_write(path, owner).is_err() && is_unused(path)) {
            Some(owner) => give(path, owner, SERVICE_LIBRARY).map_err(failed),
            None => Ok(()),
        };
    }
    let above = path.parent().unwrap_or(path);
    fs::create_dir_all(above).map_err(Error::io("make", above))?;
    let made = DirBuilder::new().mode(OWN_LIBRARY).create(path);
    made.and_then(|()| owner.map_or(Ok(()), |owner| give(path, owner, SERVICE_LIBRARY))).map_err(failed)
}

/// Makes the state directory, as systemd would; then whatever root does by hand is done as its owner.
pub(super) fn make_state(path: &Path, owner: Owner) -> Result<(), Error> {
    if path.exists() {
        return Ok(());
    }
    let above = path.parent().unwrap_or(path);
    fs::create_dir_all(above).map_err(Error::io("make", above))?;
    let made = DirBuilder::new().mode(0o700).create(path);
    made.and_then(|()| give(path, owner, 0o700)).map_err(Error::io("make", path))
}

/// Through a handle, so that nobody can put something else in its place meanwhile.
fn give(path: &Path, owner: Owner, mode: u32) -> io::Result<()> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
    let directory = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    fchown(&directory, Some(owner.uid.as_raw()), Some(owner.gid.as_raw()))?;
    directory.set_permissions(Permissions::from_mode(mode))
}

/// The text of a file; of one that does not exist, none.
pub(super) fn read(path: &Path) -> Result<Zeroizing<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Zeroizing::default()),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

/// Replaces a file as a whole. With a `reader`, its group may read a new one, and an old one keeps its mode; else
/// the file is for its owner alone, as it holds a secret.
pub(super) fn replace(path: &Path, content: &[u8], reader: Option<Owner>) -> Result<(), Error> {
    // What a link leads to is replaced, not the link.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = target.parent().unwrap_or(Path::new("/"));
    make_directory(directory, reader).map_err(Error::io("make", directory))?;
    let now = fs::metadata(&target).ok();
    let mode = match (reader, &now) {
        (Some(_), Some(now)) => now.mode() & 0o777,
        (Some(_), None) => 0o640,
        (None, _) => 0o600,
    };
    let owner =
        now.map(|now| (now.uid(), now.gid())).or_else(|| reader.map(|reader| (0, reader.gid.as_raw())));
    let written = tempfile::NamedTempFile::new_in(directory).and_then(|mut file| {
        file.write_all(content)?;
        if let Some((uid, gid)) = owner {
            fchown(file.as_file(), Some(uid), Some(gid))?;
        }
        file.as_file().set_permissions(Permissions::from_mode(mode))?;
        file.as_file().sync_all()?;
        file.persist(&target)?;
        File::open(directory)?.sync_all()
    });
    written.map_err(Error::io("write", path))
}

fn make_directory(path: &Path, reader: Option<Owner>) -> io::Result<()> {
    let mode = if reader.is_some() { 0o755 } else { 0o700 };
    DirBuilder::new().recursive(true).mode(mode).create(path)
}

/// The cause without the path that `tempfile` adds.
fn reason(error: &io::Error) -> String {
    error.kind().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_needs_a_directory_to_write_to() {
        let home = tempfile::TempDir::new().unwrap();
        fs::write(home.path().join("file"), "").unwrap();
        let check = |name: &str| check_library(&home.path().join(name), None);
        assert_eq!(check("."), Ok(()));
        assert_eq!(check("new/and/deep"), Ok(()));
        assert_eq!(check("file").unwrap_err(), "it is not a directory");
        assert!(check("file/below").is_err());
        assert!(check_library(Path::new("/proc/icps"), None).is_err());
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn a_library_is_made_once() {
        let home = tempfile::TempDir::new().unwrap();
        let path = home.path().join("a/b");
        make_library(&path, None).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
        make_library(&path, None).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o700, "what is there is left alone");
    }

    #[test]
    fn a_file_with_a_secret_is_for_its_owner_alone() {
        let home = tempfile::TempDir::new().unwrap();
        let (path, link) = (home.path().join("conf"), home.path().join("link"));
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        replace(&link, b"new", None).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 2, "nothing is left behind");
    }

    #[test]
    fn a_file_that_others_read_keeps_its_mode() {
        let home = tempfile::TempDir::new().unwrap();
        let path = home.path().join("conf");
        let me = Owner { uid: nix::unistd::geteuid(), gid: nix::unistd::getegid() };
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        replace(&path, b"new", Some(me)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o644);
    }
}

//! As whom the program acts.
//!
//! Root who types a command means the service: what root wrote into its state or library, the service could
//! not read any more. So the process becomes the user to whom the state directory belongs.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::{fs, io};

use nix::unistd::{Gid, Uid, User, geteuid, initgroups, setgid, setuid};
use tracing::info;

use crate::settings::Directories;

/// Becomes the owner of the state directory, if root runs the program by hand and another user owns it. To be
/// called before there are threads that do anything.
pub(super) fn become_owner(directories: &Directories) -> io::Result<()> {
    // A unit that runs as root means it.
    if !geteuid().is_root() || std::env::var_os("STATE_DIRECTORY").is_some() {
        return Ok(());
    }
    let Ok(state) = fs::metadata(&directories.state) else { return Ok(()) };
    let (uid, gid) = (Uid::from_raw(state.uid()), Gid::from_raw(state.gid()));
    let Some(user) = User::from_uid(uid)?.filter(|user| !user.uid.is_root()) else { return Ok(()) };
    for directory in [&directories.runtime, &directories.cache] {
        create_for(directory, uid, gid)?;
    }
    let name = std::ffi::CString::new(user.name.clone())?;
    initgroups(&name, gid)?;
    setgid(gid)?;
    setuid(uid)?;
    info!("Acting as {}, to whom {} belongs.", user.name, directories.state.display());
    Ok(())
}

/// Creates below `/run` and `/var/cache` what only root may create there.
fn create_for(directory: &Path, uid: Uid, gid: Gid) -> io::Result<()> {
    if directory.exists() {
        return Ok(());
    }
    fs::create_dir_all(directory)?;
    chown(directory, Some(uid.as_raw()), Some(gid.as_raw()))
}

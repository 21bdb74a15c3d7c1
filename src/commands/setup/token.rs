//! The sign-in, by a process that reads what was written down.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, fchown};
use std::path::Path;
use std::process::Command;

use nix::sys::memfd::{MFdFlags, memfd_create};
use secrecy::{ExposeSecret, SecretString};

use super::disk::Undisturbed;
use super::error::Error;
use super::place::{Owner, Place};
use crate::exit::Exit;
use crate::settings::{Answers, written_variables};

const PROGRAM: &str = "/proc/self/exe";

/// Signs in with `icps token`, which becomes the user of the service by itself, and asks for a code on the terminal.
pub(super) fn sign_in(answers: &Answers, place: &Place, password: &SecretString) -> Result<Exit, Error> {
    let failed = |error| Error::io("run", Path::new(PROGRAM))(error);
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.arg("token");
    if let Some(account) = &place.account {
        command.args(["--account", account.as_str()]);
    }
    if answers.named {
        command.arg("--config").arg(&place.file);
    }
    // What is written down counts, not what led to it.
    for name in written_variables().chain(["CREDENTIALS_DIRECTORY"]) {
        command.env_remove(name);
    }
    command.envs(answers.others.iter().map(|(name, value)| (name, value.as_str())));
    let secret = match place.owner {
        Some(owner) => Some(in_memory(password, owner).map_err(failed)?),
        None => None,
    };
    if let Some(secret) = &secret {
        command.arg("--password-file").arg(format!("/proc/self/fd/{}", secret.as_raw_fd()));
    }
    let mut child = command.spawn().map_err(failed)?;
    // A Ctrl-C is for the child, which says how far it came.
    let _undisturbed = Undisturbed::begin();
    let status = child.wait().map_err(failed)?;
    Ok(status.code().and_then(Exit::from_code).unwrap_or(Exit::Failed))
}

/// A file that is on no disk, for the child to inherit: an argument or the environment could be seen by others.
fn in_memory(password: &SecretString, owner: Owner) -> io::Result<File> {
    // Without MFD_CLOEXEC.
    let mut file = File::from(memfd_create("icps-password", MFdFlags::empty())?);
    file.write_all(password.expose_secret().as_bytes())?;
    fchown(&file, Some(owner.uid.as_raw()), Some(owner.gid.as_raw()))?;
    file.set_permissions(Permissions::from_mode(0o400))?;
    Ok(file)
}

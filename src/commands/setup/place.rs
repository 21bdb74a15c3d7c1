//! For whom a setup is, and what follows from it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::{Gid, Uid, geteuid};

use super::credential::Store;
use super::error::Error;
use crate::commands::output::complain;
use crate::settings::{AccountName, Answers, SERVICE_USER, User};

/// Where the library of the service is, unless the configuration says otherwise.
const SERVICE_LIBRARY: &str = "/srv/icloud-photos-library";

/// Exists while systemd runs the machine.
const BOOTED: &str = "/run/systemd/system";

/// Whom a setup is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whom {
    /// The units of the system.
    Service,
    /// The units of a user's own manager.
    Person,
    /// Whoever names the configuration file on the command line.
    OwnFile,
}

/// The user of the service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner {
    pub(super) uid: Uid,
    pub(super) gid: Gid,
}

/// Where things go.
pub(super) struct Place {
    whom: Whom,
    pub(super) account: Option<AccountName>,
    /// The configuration file.
    pub(super) file: PathBuf,
    /// The library, if nobody says otherwise.
    pub(super) library: String,
    /// To whom files have to belong that are not for the person who sets up.
    pub(super) owner: Option<Owner>,
    /// Where the password goes, if not into the configuration file.
    pub(super) store: Option<Store>,
}

impl Place {
    pub(super) fn find(account: Option<&AccountName>, answers: &Answers) -> Result<Self, Error> {
        let whom = match User::current() {
            _ if answers.named => Whom::OwnFile,
            User::Service => Whom::Service,
            User::Person => Whom::Person,
        };
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        Ok(Self {
            whom,
            account: account.cloned(),
            file: answers.file.clone(),
            library: match whom {
                Whom::Service => library(Path::new(SERVICE_LIBRARY), account),
                Whom::Person | Whom::OwnFile => library(&home.join("Pictures/iCloud"), account),
            },
            owner: if whom == Whom::Service { Some(owner()?) } else { None },
            store: (whom == Whom::Service).then(|| Store::of(account.map(AccountName::as_str))),
        })
    }

    pub(super) fn whom(&self) -> &'static str {
        match self.whom {
            Whom::Service => "For the service of this machine:",
            Whom::Person => "For you alone (root sets up the service of this machine):",
            Whom::OwnFile => "For whoever uses this configuration file:",
        }
    }

    /// How this program is called for what was set up.
    pub(super) fn command(&self, command: &str) -> String {
        let sudo = if self.whom == Whom::Service { "sudo " } else { "" };
        let file = match self.whom {
            Whom::OwnFile => format!(" --config {}", self.file.display()),
            _ => String::new(),
        };
        let account = self.account.as_ref().map(|name| format!(" --account {}", name.as_str()));
        format!("{sudo}icps{file}{} {command}", account.unwrap_or_default())
    }

    /// What a person does next.
    pub(super) fn next_steps(&self) -> String {
        let (systemctl, instance) = match (self.whom, &self.account) {
            (Whom::Service, None) => ("sudo systemctl", String::new()),
            (Whom::Service, Some(name)) => ("sudo systemctl", format!("@{}", name.as_str())),
            (Whom::Person, None) => ("systemctl --user", String::new()),
            // A user's manager has no units for further accounts, and none that read another file.
            (Whom::Person, Some(_)) | (Whom::OwnFile, _) => {
                return format!("\nAll is set up.\n  Sync now:           {}", self.command("sync"));
            }
        };
        let socket = match &self.account {
            Some(_) => format!("\n  Receive codes:      {systemctl} enable --now icps-mfa{instance}.socket"),
            None => String::new(),
        };
        let linger = match self.whom {
            Whom::Person => "\n  Also when you are logged out:  loginctl enable-linger",
            _ => "",
        };
        format!(
            "\nAll is set up.\n  Sync by the timer:  {systemctl} enable --now icps{instance}.timer\n  \
             Sync now:           {systemctl} start --no-block icps-sync{instance}.service{socket}\n  \
             See how it goes:    {}{linger}",
            self.command("status"),
        )
    }

    /// Has the generator read the file, so that the units know schedule and library.
    pub(super) fn reload_units(&self) {
        let manager = match self.whom {
            Whom::Service => "--system",
            Whom::Person => "--user",
            Whom::OwnFile => return,
        };
        if !Path::new(BOOTED).exists() {
            return;
        }
        let reload = Command::new("systemctl").args([manager, "daemon-reload"]).stdin(Stdio::null()).output();
        if !reload.is_ok_and(|output| output.status.success()) {
            complain(&format!("Warning: the units do not know it yet: systemctl {manager} daemon-reload"));
        }
    }
}

/// Every account has a library of its own.
fn library(base: &Path, account: Option<&AccountName>) -> String {
    let name = account.map(|name| format!("-{}", name.as_str())).unwrap_or_default();
    format!("{}{name}", base.display())
}

fn owner() -> Result<Owner, Error> {
    if !geteuid().is_root() {
        return Err(Error::NotRoot);
    }
    let user = nix::unistd::User::from_name(SERVICE_USER).ok().flatten().ok_or(Error::NoServiceUser)?;
    Ok(Owner { uid: user.uid, gid: user.gid })
}

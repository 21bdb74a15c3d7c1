//! Where state, runtime files and caches live.
//!
//! Under systemd the unit names the directories (`$STATE_DIRECTORY` and its siblings), for a further account
//! already with its name. By hand, root and the service user use the service's directories, so that
//! `icps status` and `icps mfa` speak of the service; anybody else uses the XDG directories.

use std::path::{Path, PathBuf};

use super::Lookup;
use super::error::Error;

/// The directories of one account. They need not exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directories {
    /// Survives reboots: session, trust token, record of the last run. Mode 0700.
    pub state: PathBuf,
    /// Gone after a reboot: the exchange of codes.
    pub runtime: PathBuf,
    /// May be deleted at any time.
    pub cache: PathBuf,
}

/// Who runs the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum User {
    /// Root, or the user that the package made for the service.
    Service,
    /// A person.
    Person,
}

/// The user that the package makes for the service.
pub const SERVICE_USER: &str = "_icps";

impl User {
    /// The user of this process.
    pub(crate) fn current() -> Self {
        let id = nix::unistd::geteuid();
        let is_service = || {
            let user = nix::unistd::User::from_uid(id).ok().flatten();
            user.is_some_and(|user| user.name == SERVICE_USER)
        };
        if id.is_root() || is_service() { Self::Service } else { Self::Person }
    }
}

/// One kind of directory.
struct Kind {
    what: &'static str,
    unit: &'static str,
    xdg: &'static str,
    service: &'static str,
    home: Option<&'static str>,
}

const STATE: Kind = Kind {
    what: "the state",
    unit: "STATE_DIRECTORY",
    xdg: "XDG_STATE_HOME",
    service: "/var/lib/icps",
    home: Some(".local/state"),
};

const RUNTIME: Kind = Kind {
    what: "runtime files",
    unit: "RUNTIME_DIRECTORY",
    xdg: "XDG_RUNTIME_DIR",
    service: "/run/icps",
    home: None,
};

const CACHE: Kind = Kind {
    what: "the cache",
    unit: "CACHE_DIRECTORY",
    xdg: "XDG_CACHE_HOME",
    service: "/var/cache/icps",
    home: Some(".cache"),
};

impl Directories {
    /// The directories for `account`, the unnamed one if there is none.
    pub(crate) fn find(account: Option<&str>, user: User, environment: &Lookup<'_>) -> Result<Self, Error> {
        let state = find(&STATE, account, user, environment)
            .ok_or(Error::NoDirectory(STATE.what, "XDG_STATE_HOME"))?;
        // A login without a session of its own has no $XDG_RUNTIME_DIR; the state directory is as private.
        let runtime = find(&RUNTIME, account, user, environment).unwrap_or_else(|| state.join("run"));
        let cache = find(&CACHE, account, user, environment)
            .ok_or(Error::NoDirectory(CACHE.what, "XDG_CACHE_HOME"))?;
        Ok(Self { state, runtime, cache })
    }
}

fn find(kind: &Kind, account: Option<&str>, user: User, environment: &Lookup<'_>) -> Option<PathBuf> {
    // A unit may name several directories, separated by colons; the first is the program's own.
    if let Some(given) = absolute(environment, kind.unit) {
        let first = given.to_str().and_then(|text| text.split(':').next()).map(PathBuf::from);
        return first.or(Some(given));
    }
    let base = match (user, absolute(environment, kind.xdg)) {
        // $XDG_RUNTIME_DIR is set by every login, so it does not tell root's wish.
        (User::Service, None) => PathBuf::from(kind.service),
        (User::Service, Some(_)) if kind.home.is_none() => PathBuf::from(kind.service),
        (_, Some(base)) => base.join("icps"),
        (User::Person, None) => absolute(environment, "HOME")?.join(kind.home?).join("icps"),
    };
    Some(match account {
        Some(name) => base.join(name),
        None => base,
    })
}

/// The configuration files to try, in order; the first that exists counts.
pub(crate) fn configuration_files(
    account: Option<&str>,
    user: User,
    environment: &Lookup<'_>,
) -> Vec<PathBuf> {
    let name = format!("{}.conf", account.unwrap_or("icps"));
    let own = match user {
        User::Service => None,
        User::Person => absolute(environment, "XDG_CONFIG_HOME")
            .or_else(|| absolute(environment, "HOME").map(|home| home.join(".config"))),
    };
    own.into_iter()
        .map(|base| base.join("icps"))
        .chain([PathBuf::from("/etc/icps")])
        .map(|d| d.join(&name))
        .collect()
}

fn absolute(environment: &Lookup<'_>, name: &str) -> Option<PathBuf> {
    environment(name).map(PathBuf::from).filter(|path| Path::is_absolute(path))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn directories(account: Option<&str>, user: User, environment: &[(&str, &str)]) -> [String; 3] {
        let lookup = |name: &str| {
            environment.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(*value))
        };
        let found = Directories::find(account, user, &lookup).unwrap();
        [found.state, found.runtime, found.cache].map(|path| path.display().to_string())
    }

    #[test]
    fn the_unit_decides() {
        let unit = [
            ("STATE_DIRECTORY", "/var/lib/icps/alice:/var/lib/other"),
            ("RUNTIME_DIRECTORY", "/run/icps/alice"),
            ("CACHE_DIRECTORY", "/var/cache/icps/alice"),
            ("XDG_STATE_HOME", "/ignored"),
        ];
        let expected = ["/var/lib/icps/alice", "/run/icps/alice", "/var/cache/icps/alice"];
        assert_eq!(directories(Some("alice"), User::Service, &unit), expected);
        assert_eq!(directories(None, User::Person, &unit), expected);
    }

    #[test]
    fn by_hand_root_and_the_service_user_use_the_service_s() {
        let login = [("HOME", "/root"), ("XDG_RUNTIME_DIR", "/run/user/0")];
        let expected = ["/var/lib/icps", "/run/icps", "/var/cache/icps"];
        assert_eq!(directories(None, User::Service, &login), expected);
        assert_eq!(directories(None, User::Service, &[]), expected);
        assert_eq!(directories(Some("bob"), User::Service, &[])[0], "/var/lib/icps/bob");
    }

    #[test]
    fn a_person_uses_the_xdg_directories() {
        let home = [("HOME", "/home/a"), ("XDG_RUNTIME_DIR", "/run/user/1000")];
        let expected = ["/home/a/.local/state/icps", "/run/user/1000/icps", "/home/a/.cache/icps"];
        assert_eq!(directories(None, User::Person, &home), expected);
        let xdg = [("HOME", "/home/a"), ("XDG_STATE_HOME", "/s"), ("XDG_CACHE_HOME", "/c")];
        let expected = ["/s/icps/bob", "/s/icps/bob/run", "/c/icps/bob"];
        assert_eq!(directories(Some("bob"), User::Person, &xdg), expected);
    }

    #[test]
    fn without_a_home_there_is_nowhere_to_go() {
        let nothing = |_: &str| None;
        assert!(matches!(Directories::find(None, User::Person, &nothing), Err(Error::NoDirectory(..))));
    }
}

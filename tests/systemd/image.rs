//! Debian systems to boot: made once, kept outside the repository, copied for each run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::succeed;

/// A release of Debian.
#[derive(Debug)]
pub(crate) struct Release {
    pub(crate) codename: &'static str,
    pub(crate) version: &'static str,
    /// What its systemd wants to be told about the control groups of a host that has the old ones too.
    pub(crate) environment: &'static [(&'static str, &'static str)],
}

pub(crate) const BOOKWORM: Release = Release { codename: "bookworm", version: "12", environment: &[] };
pub(crate) const TRIXIE: Release =
    Release { codename: "trixie", version: "13", environment: &[("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1")] };

/// What a small server has, what a user's manager needs, and what the tests use themselves.
const PACKAGES: &str =
    "systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,curl,ca-certificates,procps";

impl Release {
    /// A system of its own in `directory`, which must not exist yet.
    pub(crate) fn copy_to(&self, directory: &Path) {
        succeed(Command::new("cp").args(["-a", "--reflink=auto", "--"]).arg(self.image()).arg(directory));
    }

    fn image(&self) -> PathBuf {
        let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(|| "/var/cache".into(), PathBuf::from);
        let cache = cache.join("icps-tests");
        let image = cache.join(self.codename);
        // Other packages make another image.
        let complete = cache.join(format!("{}.packages", self.codename));
        if fs::read_to_string(&complete).is_ok_and(|packages| packages == PACKAGES) {
            return image;
        }
        fs::create_dir_all(&cache).unwrap();
        if image.exists() {
            fs::remove_dir_all(&image).unwrap();
        }
        succeed(
            Command::new("mmdebstrap")
                .args(["--quiet", "--variant=minbase"])
                .arg(format!("--include={PACKAGES}"))
                .arg(self.codename)
                .arg(&image),
        );
        fs::write(complete, PACKAGES).unwrap();
        image
    }
}

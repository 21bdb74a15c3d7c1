//! The package under test: what `packaging/build-deb` builds.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;
use std::{fs, io};

/// What the package is made of. What debhelper leaves in `debian` is not part of it.
const SOURCES: [&str; 13] = [
    "Cargo.toml",
    "Cargo.lock",
    "src",
    "systemd",
    "packaging/generate",
    "packaging/icps.conf",
    "debian/changelog",
    "debian/control",
    "debian/icps.install",
    "debian/icps.links",
    "debian/icps.postrm",
    "debian/icps.prerm",
    "debian/rules",
];

/// The package, built if there is none that is newer than its sources.
pub(crate) fn package() -> &'static Path {
    static PACKAGE: OnceLock<PathBuf> = OnceLock::new();
    PACKAGE.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
        let newest_source = SOURCES.iter().map(|source| newest(&root.join(source)).unwrap()).max().unwrap();
        built(&root).filter(|(_, time)| *time >= newest_source).map_or_else(
            || {
                build(&root);
                built(&root).expect("packaging/build-deb makes a package").0
            },
            |(package, _)| package,
        )
    })
}

fn build(root: &Path) {
    let status = Command::new(root.join("packaging/build-deb"))
        // Those of this test must not get into the package.
        .env_remove("CARGO_TARGET_DIR")
        .status()
        .unwrap();
    assert!(status.success(), "packaging/build-deb: {status}");
}

/// The newest package, and when it was built.
fn built(root: &Path) -> Option<(PathBuf, SystemTime)> {
    let entries = fs::read_dir(root.join("target")).ok()?.filter_map(Result::ok);
    let packages = entries.filter(|entry| {
        let is_package = entry.path().extension().is_some_and(|kind| kind == "deb");
        is_package && entry.file_name().to_string_lossy().starts_with("icps_")
    });
    packages
        .filter_map(|entry| Some((entry.path(), entry.metadata().ok()?.modified().ok()?)))
        .max_by_key(|(_, time)| *time)
}

fn newest(path: &Path) -> io::Result<SystemTime> {
    let mut newest = fs::metadata(path)?.modified()?;
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            newest = newest.max(self::newest(&entry?.path())?);
        }
    }
    Ok(newest)
}

//! Opening the library: the right one, and alone.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tracing::warn;

use super::failure::Failure;
use super::run::{Run, blocking};
use crate::library::{Inspection, Library, OpenOptions, View};

/// What the state directory knows of the library, so that another disk in its place is noticed.
#[derive(Serialize, Deserialize)]
struct Known {
    id: String,
}

const NAME: &str = "library.json";

/// Opens and locks the library of the settings, and remembers it.
pub(super) async fn open(run: &Run) -> Result<Arc<Library>, Failure> {
    run.service.status("Opening the library");
    let Place { root, options, state } = place(run);
    blocking(move || Ok::<_, Failure>(settled(Library::open(&root, &options)?, &state))).await
}

/// Locks the library of the settings, and leaves it as it is.
pub(super) async fn inspect(run: &Run) -> Result<Inspection, Failure> {
    run.service.status("Opening the library");
    let Place { root, options, .. } = place(run);
    blocking(move || Inspection::open(&root, &options)).await
}

/// Opens for changes what was only looked at before, and remembers it.
pub(super) async fn open_inspected(run: &Run, inspection: Inspection) -> Result<Arc<Library>, Failure> {
    let state = run.settings.directories.state.clone();
    blocking(move || Ok::<_, Failure>(settled(inspection.into_library()?, &state))).await
}

/// Where the library is, and what is known of it.
struct Place {
    root: PathBuf,
    options: OpenOptions,
    state: PathBuf,
}

fn place(run: &Run) -> Place {
    let settings = &run.settings.library;
    let state = run.settings.directories.state.clone();
    let options = OpenOptions {
        force: settings.force,
        adopt: settings.adopt,
        known_id: known(&state).map(|known| known.id),
        holder: holder(run.name),
    };
    Place { root: settings.data_dir.clone(), options, state }
}

fn settled(library: Library, state: &Path) -> Arc<Library> {
    if known(state).is_none_or(|known| known.id != library.id()) {
        remember(state, library.id()).unwrap_or_else(|error| {
            warn!("Cannot remember the library in {}: {error}.", state.display());
        });
    }
    Arc::new(library)
}

/// Looks at the library of the settings; it may be locked, or not exist yet.
pub(super) async fn look(run: &Run) -> Result<Arc<View>, Failure> {
    let Place { root, options, .. } = place(run);
    blocking(move || View::open(&root, &options).map(Arc::new)).await
}

fn known(state: &Path) -> Option<Known> {
    serde_json::from_slice(&fs::read(state.join(NAME)).ok()?).ok()
}

fn remember(state: &Path, id: &str) -> io::Result<()> {
    let mut file = tempfile::Builder::new()
        .prefix(".library")
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(state)?;
    serde_json::to_writer(&mut file, &Known { id: id.to_owned() })?;
    file.write_all(b"\n")?;
    file.persist(state.join(NAME))?;
    Ok(())
}

/// What those who find the library locked are told: the unit, or the command.
fn holder(command: &str) -> String {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    unit(&groups).map_or_else(|| format!("icps {command}"), str::to_owned)
}

/// The service in the last line that names one: `0::/system.slice/icps-sync.service`.
fn unit(groups: &str) -> Option<&str> {
    groups.lines().rev().find_map(|line| line.rsplit('/').next().filter(|name| name.ends_with(".service")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_the_unit() {
        assert_eq!(unit("0::/system.slice/icps-sync.service\n"), Some("icps-sync.service"));
        assert_eq!(unit("0::/user.slice/user-0.slice/session-1.scope\n"), None);
        assert_eq!(unit(""), None);
    }

    #[test]
    fn what_is_remembered_is_known() {
        let state = tempfile::TempDir::new().unwrap();
        assert!(known(state.path()).is_none());
        remember(state.path(), "abc").unwrap();
        assert_eq!(known(state.path()).unwrap().id, "abc");
    }
}

use std::fs;
use std::os::unix::fs::symlink;

use secrecy::ExposeSecret as _;
use tempfile::TempDir;

use super::testing::{Fixture, tree};
use super::*;

fn known(id: &str) -> OpenOptions {
    OpenOptions { known_id: Some(id.to_owned()), ..OpenOptions::default() }
}

#[test]
fn the_first_opening_lays_the_library_out_and_gives_it_an_id() {
    let fixture = Fixture::new();
    assert_eq!(
        tree(fixture.root()),
        [
            ".icps",
            ".icps/library.json",
            ".icps/partial",
            ".icps/staging",
            ".icps/trash",
            ".library.lock",
            "_All-Photos",
            "_Archive",
            "_Archive/.stash",
            "_Shared-Photos"
        ]
    );
    let id = fixture.library.id().to_owned();
    assert_eq!(id.len(), 32);
    assert_eq!(fixture.reopen().library.id(), id);
    assert_ne!(Fixture::new().library.id(), id);
}

#[test]
fn the_root_is_created_but_not_the_directories_above_it() {
    let above = TempDir::new().unwrap();
    assert!(Library::open(&above.path().join("a/b"), &OpenOptions::default()).is_err());
    assert!(tree(above.path()).is_empty());
    Library::open(&above.path().join("library"), &OpenOptions::default()).unwrap();
    assert!(above.path().join("library/_All-Photos").is_dir());
}

#[test]
fn another_disk_or_none_changes_nothing_until_it_is_adopted() {
    let mount_point = TempDir::new().unwrap();
    for root in [mount_point.path().to_owned(), mount_point.path().join("missing")] {
        let error = Library::open(&root, &known("0123")).unwrap_err();
        assert!(matches!(error, Error::NoLibrary { .. }) && error.needs_decision(), "{error}");
        assert!(error.to_string().contains("--adopt-library"), "{error}");
    }
    assert!(tree(mount_point.path()).is_empty());

    let fixture = Fixture::new();
    let (root, id) = (fixture.root().to_owned(), fixture.library.id().to_owned());
    let error = Library::open(&root, &known("0123")).unwrap_err();
    assert!(matches!(error, Error::OtherLibrary { .. }) && error.needs_decision(), "{error}");
    assert!(error.to_string().contains(&id) && error.to_string().contains("0123"), "{error}");

    drop(fixture.library);
    let adopted = Library::open(&root, &OpenOptions { adopt: true, ..known("0123") }).unwrap();
    assert_eq!(adopted.id(), id);
    let begun = Library::open(mount_point.path(), &OpenOptions { adopt: true, ..known("0123") }).unwrap();
    assert_ne!(begun.id(), "0123");
}

#[test]
fn a_damaged_id_is_no_missing_id() {
    let directory = TempDir::new().unwrap();
    fs::create_dir(directory.path().join(".icps")).unwrap();
    for content in ["", "{}", r#"{"id":""}"#] {
        fs::write(directory.path().join(".icps/library.json"), content).unwrap();
        let error = Library::open(directory.path(), &OpenOptions::default()).unwrap_err();
        assert!(matches!(error, Error::Unreadable { .. }), "{error}");
    }
}

#[test]
fn a_directory_of_the_layout_that_leads_elsewhere_is_refused() {
    for name in ["_All-Photos", "_Shared-Photos", "_Archive", "_Archive/.stash", ".icps", ".icps/partial"] {
        let (directory, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(elsewhere.path(), &path).unwrap();
        let error = Library::open(directory.path(), &OpenOptions::default()).unwrap_err();
        assert!(matches!(&error, Error::NotADirectory { path: named } if *named == path), "{name}: {error}");
        assert!(tree(elsewhere.path()).is_empty(), "{name}");
    }
}

#[test]
fn the_root_itself_may_be_a_symlink() {
    let (real, above) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    symlink(real.path(), above.path().join("photos")).unwrap();
    let library = Library::open(&above.path().join("photos"), &OpenOptions::default()).unwrap();
    assert!(real.path().join("_All-Photos").is_dir());
    assert_eq!(library.root(), above.path().join("photos"));
}

#[test]
fn a_library_of_the_other_program_is_taken_over_if_its_version_is_understood() {
    let directory = TempDir::new().unwrap();
    let resources = directory.path().join(".icloud-photos-sync");
    fs::write(&resources, r#"{"libraryVersion": 2, "trustToken": "secret"}"#).unwrap();
    let error = Library::open(directory.path(), &OpenOptions::default()).unwrap_err();
    assert!(matches!(error, Error::LibraryVersion { .. }), "{error}");
    assert!(
        error.to_string().contains("version 2") && error.to_string().contains("only version 1"),
        "{error}"
    );
    assert_eq!(tree(directory.path()), [".icloud-photos-sync"]);

    fs::write(&resources, r#"{"libraryVersion": 1, "trustToken": "secret"}"#).unwrap();
    Library::open(directory.path(), &OpenOptions::default()).unwrap();
    assert_eq!(legacy_trust_token(directory.path()).unwrap().expose_secret(), "secret");

    for unusable in [r#"{"libraryVersion": 1}"#, r#"{"trustToken": ""}"#, "no JSON"] {
        fs::write(&resources, unusable).unwrap();
        Library::open(directory.path(), &OpenOptions::default()).unwrap();
        assert!(legacy_trust_token(directory.path()).is_none(), "{unusable}");
    }
}

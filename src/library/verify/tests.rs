use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use proptest::prelude::*;
use tempfile::TempDir;

use super::super::testing::{Fixture, key_of, tree};
use super::super::{Error, Inspection, Library, OpenOptions};
use super::{Damage, Damaged, Findings, Listener};
use crate::model::{FileKey, Zone};

/// Counts what it hears, and stops after so many bytes.
#[derive(Default)]
struct Ear {
    files: AtomicU64,
    bytes: AtomicU64,
    damaged: AtomicU64,
    stop_after: Option<u64>,
    stopped: AtomicBool,
}

impl Listener for Ear {
    fn begin(&self, _: u64, _: u64) {}

    fn read(&self, bytes: u64) {
        let read = self.bytes.fetch_add(bytes, Ordering::SeqCst) + bytes;
        if self.stop_after.is_some_and(|most| read >= most) {
            self.stopped.store(true, Ordering::SeqCst);
        }
    }

    fn checked(&self) {
        self.files.fetch_add(1, Ordering::SeqCst);
    }

    fn damaged(&self, _: &Damaged) {
        self.damaged.fetch_add(1, Ordering::SeqCst);
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }
}

fn verify(root: &Path) -> Findings {
    let ear = Ear::default();
    let findings = Inspection::open(root, &OpenOptions::default()).unwrap().verify(&ear).unwrap();
    assert_eq!(ear.files.into_inner(), findings.files);
    assert_eq!(ear.damaged.into_inner(), findings.damaged.len() as u64);
    findings
}

/// A library on disk that nobody has open.
fn library(contents: &[Vec<u8>]) -> (TempDir, Vec<FileKey>) {
    let directory = TempDir::new().unwrap();
    drop(Library::open(directory.path(), &OpenOptions::default()).unwrap());
    let mut keys = Vec::new();
    for (n, content) in contents.iter().enumerate() {
        let zone = if n % 3 == 2 { Zone::Shared } else { Zone::Primary };
        let key = FileKey { zone, ..key_of(content) };
        fs::write(path_of(directory.path(), &key), content).unwrap();
        keys.push(key);
    }
    (directory, keys)
}

fn path_of(root: &Path, key: &FileKey) -> PathBuf {
    root.join(key.zone.directory()).join(key.file_name())
}

fn contents(number: usize) -> Vec<Vec<u8>> {
    (0..number).map(|n| format!("photo {n}").into_bytes()).collect()
}

#[test]
fn each_kind_of_damage_is_told() {
    let contents = contents(5);
    let (directory, keys) = library(&contents);
    let path = |n: usize| path_of(directory.path(), &keys[n]);
    fs::write(path(0), "").unwrap();
    fs::write(path(1), &contents[4]).unwrap();
    fs::write(path(2), "photo").unwrap();
    let mut found: BTreeMap<FileKey, (u64, Damage)> = BTreeMap::new();
    let findings = verify(directory.path());
    for Damaged { key, size, damage } in findings.damaged {
        found.insert(key, (size, damage));
    }
    let expected = [
        (keys[0], (0, Damage::Empty)),
        (keys[1], (7, Damage::Foreign { of: keys[4] })),
        (keys[2], (5, Damage::Content { computed: key_of(b"photo").checksum })),
    ];
    assert_eq!(found, expected.into());
    assert_eq!((findings.files, findings.intact, findings.bytes), (5, 2, 7 + 5 + 7 + 7));
    assert!(findings.complete);
}

#[test]
fn a_file_that_cannot_be_read_is_damaged_and_stops_nothing() {
    let (directory, keys) = library(&contents(3));
    let path = path_of(directory.path(), &keys[0]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&path).is_ok() {
        // Nothing is unreadable for root.
        return;
    }
    let findings = verify(directory.path());
    assert!(
        matches!(&findings.damaged[..], [Damaged { key, damage: Damage::Unreadable { .. }, .. }] if *key == keys[0])
    );
    assert_eq!(findings.intact, 2);
}

#[test]
fn what_has_no_name_of_an_asset_is_a_stray_and_unknown_kinds_are_counted() {
    let (directory, _) = library(&contents(1));
    let photos = directory.path().join("_All-Photos");
    // A checksum whose first byte is 0x02.
    fs::write(photos.join("Arv-EeVEGAQ0o5_2szwFFOVX1ICw.jpeg"), "whatever").unwrap();
    for name in ["notes.txt", ".DS_Store"] {
        fs::write(photos.join(name), "mine").unwrap();
    }
    let findings = verify(directory.path());
    assert_eq!((findings.files, findings.intact, findings.unverifiable), (2, 1, 1));
    assert_eq!(findings.damaged, []);
    assert_eq!(findings.strays, [PathBuf::from("_All-Photos/notes.txt")]);
}

#[test]
fn a_library_of_another_program_is_verified_and_left_as_it_is() {
    let directory = TempDir::new().unwrap();
    let (photos, key) = (directory.path().join("_All-Photos"), key_of(b"photo"));
    fs::create_dir(&photos).unwrap();
    fs::write(path_of(directory.path(), &key), "photo").unwrap();
    let before = tree(directory.path());
    assert_eq!(verify(directory.path()).intact, 1);
    assert_eq!(tree(directory.path()), before);
}

#[test]
fn where_there_is_no_library_none_is_made() {
    let directory = TempDir::new().unwrap();
    for path in [directory.path().join("missing"), directory.path().to_owned()] {
        let opened = Inspection::open(&path, &OpenOptions::default());
        assert!(matches!(opened, Err(Error::NotALibrary { .. })), "{opened:?}");
        let options = OpenOptions { known_id: Some("1".to_owned()), ..OpenOptions::default() };
        let opened = Inspection::open(&path, &options);
        assert!(matches!(opened, Err(Error::NoLibrary { .. })), "{opened:?}");
    }
    assert_eq!(tree(directory.path()), [""; 0]);
}

#[test]
fn the_lock_is_held_until_the_library_is_closed() {
    let fixture = Fixture::new();
    let open = || Inspection::open(fixture.root(), &OpenOptions::default());
    assert!(matches!(open(), Err(Error::Locked { .. })));
    let (root, id) = (fixture.root().to_owned(), fixture.library.id().to_owned());
    drop(fixture.library);
    let library = Inspection::open(&root, &OpenOptions::default()).unwrap().into_library().unwrap();
    assert_eq!(library.id(), id);
    assert!(matches!(Inspection::open(&root, &OpenOptions::default()), Err(Error::Locked { .. })));
}

#[test]
fn it_stops_in_the_middle_of_a_file_and_says_so() {
    let film = vec![7; 20 << 20];
    let (directory, _) = library(&[film.clone(), contents(1).remove(0)]);
    let ear = Ear { stop_after: Some(1 << 20), ..Ear::default() };
    let findings = Inspection::open(directory.path(), &OpenOptions::default()).unwrap().verify(&ear).unwrap();
    assert!(!findings.complete && findings.damaged.is_empty(), "{findings:?}");
    assert!(ear.bytes.into_inner() < 4 << 20);
    let findings = verify(directory.path());
    assert_eq!((findings.complete, findings.intact), (true, 2), "and in one go it is read in portions");
}

/// What may happen to a file.
#[derive(Debug, Clone)]
enum Blow {
    Flip(prop::sample::Index),
    Cut(prop::sample::Index),
    Empty,
    Append,
    Swap,
}

fn blow() -> impl Strategy<Value = Blow> {
    prop_oneof![
        any::<prop::sample::Index>().prop_map(Blow::Flip),
        any::<prop::sample::Index>().prop_map(Blow::Cut),
        Just(Blow::Empty),
        Just(Blow::Append),
        Just(Blow::Swap),
    ]
}

fn strike(blow: &Blow, content: &[u8], other: &[u8]) -> Vec<u8> {
    let mut content = content.to_vec();
    match blow {
        Blow::Flip(at) => {
            let at = at.index(content.len() * 8);
            content[at / 8] ^= 1 << (at % 8);
        }
        Blow::Cut(at) => content.truncate(at.index(content.len())),
        Blow::Empty => content.clear(),
        Blow::Append => content.push(0),
        Blow::Swap => content = other.to_vec(),
    }
    content
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn exactly_the_damaged_files_are_found(
        sizes in prop::collection::vec(prop_oneof![4 => 1_usize..3000, 1 => 262_000_usize..263_000], 1..30),
        blows in prop::collection::vec((any::<prop::sample::Index>(), blow()), 0..12),
    ) {
        // Each content is another, however small it is.
        let contents: Vec<Vec<u8>> = (0_u8..).zip(&sizes).map(|(n, size)| {
            [&[n][..], &vec![n ^ 0x5A; *size]].concat()
        }).collect();
        let (directory, keys) = library(&contents);
        let mut expected: BTreeMap<FileKey, u64> = BTreeMap::new();
        for (at, blow) in &blows {
            let at = at.index(keys.len());
            let content = strike(blow, &contents[at], &contents[(at + 1) % contents.len()]);
            fs::write(path_of(directory.path(), &keys[at]), &content).unwrap();
            expected.insert(keys[at], content.len() as u64);
            if content == contents[at] {
                // The only file cannot be swapped with another.
                expected.remove(&keys[at]);
            }
        }
        let before = tree(directory.path());
        let findings = verify(directory.path());
        let found: BTreeMap<FileKey, u64> = findings.damaged.iter().map(|file| (file.key, file.size)).collect();
        prop_assert_eq!(&found, &expected);
        prop_assert_eq!(findings.intact, (keys.len() - expected.len()) as u64);
        prop_assert_eq!(tree(directory.path()), before);
    }
}

//! The library is read again, and what the disk has spoilt is fetched anew.

use std::fs;
use std::path::PathBuf;

use super::DAMAGED_FILE;
use crate::library;
use crate::scene::Scene;

const VERIFY: &str = "icps-verify.service";
const TIMER: &str = "icps-verify.timer";

pub(crate) fn find_and_repair(scene: &Scene) {
    let (guest, jane) = (&scene.guest, &scene.jane);
    let root = scene.library(jane);
    // It stays on until the package goes.
    guest.shell(&format!("systemctl enable --now {TIMER}"));
    assert_eq!(guest.property(TIMER, "ActiveState"), "active");
    assert_eq!(guest.property(VERIFY, "ReadWritePaths"), jane.data_dir);
    guest.start_and_succeed(VERIFY);
    assert_eq!(guest.exit_status(VERIFY), "0");

    let begin = guest.moment();
    let file = spoil(scene, &library::stem(&jane.apple.library().visible_assets()[0].files[0].checksum));
    guest.start_and_succeed(VERIFY);
    assert_eq!(guest.exit_status(VERIFY), "3", "{}", guest.last_words());
    let name = file.file_name().unwrap().to_str().unwrap();
    let entries = guest.entries(VERIFY, &begin);
    let named = entries
        .iter()
        .any(|entry| entry.field("MESSAGE_ID") == DAMAGED_FILE && entry.field("ICPS_ASSET") == name);
    assert!(named, "{}", guest.messages(VERIFY, &begin));
    library::assert_complete(&root, jane.apple.library());
    assert!(guest.shell("icps status").contains("1 damaged, 1 of them repaired"));

    // What iCloud does not have any more stays damaged, which a monitor hears of; trying again is no use.
    let gone = jane.apple.library().visible_assets().remove(0);
    jane.apple.library().delete(gone.asset);
    spoil(scene, &library::stem(&gone.files[0].checksum));
    guest.shell(&format!("systemctl start {VERIFY} || true"));
    assert_eq!(guest.result(VERIFY), "exit-code");
    assert_eq!(guest.exit_status(VERIFY), "1", "{}", guest.last_words());
    assert_eq!(guest.property(VERIFY, "ActiveState"), "failed", "it is not tried again");
    guest.shell(&format!("systemctl reset-failed {VERIFY}"));
    guest.start_and_succeed("icps-sync.service");
    library::assert_complete(&root, jane.apple.library());
}

/// Alters a file in its place.
fn spoil(scene: &Scene, stem: &str) -> PathBuf {
    let files = fs::read_dir(scene.library(&scene.jane).join("_All-Photos")).unwrap();
    let mut paths = files.map(|entry| entry.unwrap().path());
    let path = paths.find(|path| path.file_stem().is_some_and(|name| name == stem)).unwrap();
    let mut content = fs::read(&path).unwrap();
    content[0] ^= 1;
    fs::write(&path, content).unwrap();
    path
}

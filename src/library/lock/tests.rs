use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::*;

/// Set for a copy of this test program that is to hold the lock of that directory.
const CHILD: &str = "ICPS_TEST_HOLD_LOCK_OF";

fn take(root: &Path, force: bool) -> Result<Lock, Error> {
    Lock::take(Dir::open_root(root).unwrap(), "icps-sync.service", force)
}

/// Another process that holds the lock, and its output, which must stay open.
fn holder(root: &Path) -> (Child, impl Sized) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "library::lock::tests::another_process_holds_the_lock", "--nocapture"])
        .env(CHILD, root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with("LOCKED")));
    (child, lines)
}

#[test]
fn another_process_holds_the_lock() {
    if let Some(root) = std::env::var_os(CHILD) {
        let _lock = take(Path::new(&root), false).unwrap();
        writeln!(std::io::stdout(), "LOCKED").unwrap();
        std::io::stdin().read_line(&mut String::new()).unwrap();
        return;
    }
    let directory = TempDir::new().unwrap();
    let root = directory.path();
    let (mut child, _output) = holder(root);
    let message = take(root, false).unwrap_err().to_string();
    let expected = format!("library is locked by PID {} (icps-sync.service) since ", child.id());
    assert!(message.starts_with(&expected), "{message}");
    assert!(message.ends_with("; use --force only if you are sure"), "{message}");

    child.kill().unwrap();
    child.wait().unwrap();
    assert!(root.join(LOCK).exists(), "a killed process cannot tidy up");
    drop(take(root, false).expect("the kernel freed the lock"));
    assert!(!root.join(LOCK).exists());
}

#[test]
fn force_takes_the_lock_and_keeps_it() {
    let directory = TempDir::new().unwrap();
    let root = directory.path();
    let (mut child, _output) = holder(root);
    let ours = take(root, true).unwrap();
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    assert!(root.join(LOCK).exists(), "the former holder removes only its own lock");
    assert!(take(root, false).is_err());
    drop(ours);
    take(root, false).unwrap();
}

#[test]
fn a_lock_file_of_the_other_program_counts_while_its_process_lives() {
    let directory = TempDir::new().unwrap();
    let root = directory.path();
    let living = std::os::unix::process::parent_id();
    std::fs::write(root.join(LOCK), living.to_string()).unwrap();
    let message = take(root, false).unwrap_err().to_string();
    assert!(message.contains(&format!("PID {living} (icloud-photos-sync)")), "{message}");
    assert!(root.join(LOCK).exists());

    let mut dead = Command::new("true").spawn().unwrap();
    dead.wait().unwrap();
    std::fs::write(root.join(LOCK), dead.id().to_string()).unwrap();
    take(root, false).unwrap();
    for nonsense in ["", "0", "-1", "what\never"] {
        std::fs::write(root.join(LOCK), nonsense).unwrap();
        take(root, false).unwrap();
    }
}

#[test]
fn the_other_program_finds_our_pid_in_the_first_line() {
    let directory = TempDir::new().unwrap();
    let _lock = take(directory.path(), false).unwrap();
    let content = std::fs::read_to_string(directory.path().join(LOCK)).unwrap();
    assert_eq!(content.lines().next().unwrap(), std::process::id().to_string());
}

#[test]
fn a_symlink_in_place_of_the_lock_file_is_not_followed() {
    let directory = TempDir::new().unwrap();
    let victim = directory.path().join("victim");
    std::fs::write(&victim, "precious").unwrap();
    std::os::unix::fs::symlink(&victim, directory.path().join(LOCK)).unwrap();
    assert!(take(directory.path(), false).is_err());
    assert_eq!(std::fs::read_to_string(victim).unwrap(), "precious");
}

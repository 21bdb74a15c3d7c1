//! Runs that meet, are stopped, come by themselves, or lose the machine.

use std::time::Duration;

use icloud_emulator::Effect;

use super::RUN_FINISHED;
use crate::guest::Guest;
use crate::library;
use crate::process::said;
use crate::scene::{HALF, HANGS, LARGE, Scene};

const SYNC: &str = "icps-sync.service";

/// The second run finds the library locked; the first one is stopped in the middle and goes on where it was.
pub(crate) fn meet_and_stop(scene: &Scene) {
    let (guest, jane) = (&scene.guest, &scene.jane);
    jane.add_photos(HANGS);
    let begin = guest.moment();
    guest.shell(&format!("systemctl start --no-block {SYNC}"));
    scene.wait_for_the_middle(jane);
    let status = guest.property(SYNC, "StatusText");
    assert!(status.starts_with("Downloading") && status.contains("of 6 files"), "{status}");

    let first = guest.property(SYNC, "MainPID");
    guest.shell(&format!("systemctl start --no-block {SYNC}"));
    assert_eq!(guest.property(SYNC, "MainPID"), first, "one service runs once");
    let second = guest.try_shell(&format!("{} icps sync", jane.environment()));
    assert_eq!(second.status.code(), Some(75), "{}", said(&second));
    for part in ["locked by PID", &first, SYNC] {
        assert!(said(&second).contains(part), "{part}: {}", said(&second));
    }
    let third = guest.try_shell(&format!(
        "systemd-run --quiet --wait --collect --unit=another -p User=_icps -p StateDirectory=icps \
         -p RuntimeDirectory=icps -p RuntimeDirectoryPreserve=yes env {} icps sync",
        jane.environment()
    ));
    let third_said = guest.messages("another.service", &begin);
    assert_eq!(third.status.code(), Some(75), "{third_said}");
    assert!(third_said.contains(&format!("locked by PID {first} ({SYNC})")), "{third_said}");

    guest.shell(&format!("systemctl stop {SYNC}"));
    assert_eq!(guest.property(SYNC, "Result"), "success", "{}", guest.last_words());
    assert_eq!(guest.exit_status(SYNC), "0");
    assert!(guest.messages(SYNC, &begin).contains("Stopped on request"), "{}", guest.messages(SYNC, &begin));
    assert!(library::partial(&scene.library(jane)) >= HALF, "what has come is kept");

    go_on(scene);
}

/// The next run fetches what is missing, and of the large file only the rest.
fn go_on(scene: &Scene) {
    let (guest, jane) = (&scene.guest, &scene.jane);
    jane.apple.faults().clear();
    jane.apple.reset_statistics();
    guest.start_and_succeed(SYNC);
    assert_eq!(jane.fetched(), 1);
    let sent = jane.apple.statistics().bytes_sent();
    assert!(sent < LARGE, "{sent} bytes came, as if nothing had been there");
    library::assert_complete(&scene.library(jane), jane.apple.library());
}

/// Somebody is sure that the unit hangs, and takes its lock. The unit leaves that lock alone, and can be stopped.
pub(crate) fn take_by_force(scene: &Scene) {
    let (guest, jane) = (&scene.guest, &scene.jane);
    jane.add_photos(HANGS);
    guest.shell(&format!("systemctl start --no-block {SYNC}"));
    scene.wait_for_the_middle(jane);
    jane.apple.faults().clear();
    let forced = guest.try_shell(&format!("{} icps sync --force", jane.environment()));
    assert_eq!(forced.status.code(), Some(0), "{}", said(&forced));
    assert!(said(&forced).contains("lock of the library is taken by force"), "{}", said(&forced));
    library::assert_complete(&scene.library(jane), jane.apple.library());
    assert_eq!(guest.property(SYNC, "ActiveState"), "activating", "it hangs on");

    guest.shell(&format!("systemctl stop {SYNC}"));
    assert_eq!(guest.property(SYNC, "Result"), "success", "{}", guest.last_words());
    library::assert_complete(&scene.library(jane), jane.apple.library());
    guest.start_and_succeed(SYNC);
}

/// The timer elapses by itself, and there is something new.
pub(crate) fn elapse(scene: &Scene) {
    let (guest, jane) = (&scene.guest, &scene.jane);
    jane.add_photos(Effect::Latency(Duration::from_millis(1)));
    let begin = guest.moment();
    let triggered = guest.property("icps.timer", "LastTriggerUSec");
    let_elapse(guest, "icps.timer");
    guest.hear(SYNC, &begin, "that it is done", |entry| entry.field("MESSAGE_ID") == RUN_FINISHED);
    assert_eq!(guest.result(SYNC), "success", "{}", guest.last_words());
    assert_ne!(guest.property("icps.timer", "LastTriggerUSec"), triggered);
    library::assert_complete(&scene.library(jane), jane.apple.library());
    // Afterwards it waits for the next time, which is known to the status.
    guest.shell("rm /etc/systemd/system/icps.timer.d/50-soon.conf; systemctl daemon-reload; systemctl restart icps.timer");
    let status = guest.shell("icps status --json");
    assert!(status.contains("\"next_run\": \"20"), "{status}");
}

/// Lets a timer elapse in some seconds, with the drop-in of an administrator who wants to see that it does.
pub(crate) fn let_elapse(guest: &Guest, timer: &str) {
    let soon = guest.shell("date --date='+3 seconds' '+%F %T'");
    guest.write(
        &format!("/etc/systemd/system/{timer}.d/50-soon.conf"),
        &format!("[Timer]\nOnCalendar=\nOnCalendar={soon}\nRandomizedDelaySec=0\nAccuracySec=1us\n"),
    );
    guest.shell(&format!("systemctl daemon-reload; systemctl restart {timer}"));
}

/// The machine restarts in the middle of a sync; nothing is lost, and nobody has to sign in again.
pub(crate) fn reboot(scene: &mut Scene) {
    let jane = &scene.jane;
    jane.add_photos(HANGS);
    scene.guest.shell(&format!("systemctl start --no-block {SYNC}"));
    scene.wait_for_the_middle(jane);
    scene.guest.reboot();

    let guest = &scene.guest;
    let before = guest.shell(&format!("journalctl --boot=-1 --unit={SYNC} --lines=20"));
    assert!(before.contains("Stopped on request"), "{before}");
    for unit in ["icps.timer", "icps@alice.timer", "icps-mfa.socket", "icps-mfa@alice.socket"] {
        assert_eq!(guest.property(unit, "ActiveState"), "active", "{unit}");
    }
    let arrived = scene.jane.apple.account().codes_arrived();
    go_on(scene);
    assert_eq!(scene.jane.apple.account().codes_arrived(), arrived);
}

//! Runs that fail: which are tried again, how often, and who is told.

use icloud_emulator::{Channel, Kind};

use super::accounts::ALICES_SYNC;
use super::runs::let_elapse;
use crate::guest::Guest;
use crate::journal::Moment;
use crate::scene::Scene;
use crate::terminal::Terminal;

const SYNC: &str = "icps-sync.service";
const HANDLER: &str = "icps-failed@icps-sync.service";
const ALICES_HANDLER: &str = "icps-failed@icps-sync@alice.service";

/// Somebody else holds the library: the run is tried again until it is free, but not for ever. When it is given up, the
/// administrator's own unit hears of it.
pub(crate) fn try_again(scene: &Scene) {
    let (guest, jane) = (&scene.guest, &scene.jane);
    let drop_in = format!("/etc/systemd/system/{SYNC}.d/40-soon.conf");
    guest.write(&drop_in, "[Service]\nRestartSec=1s\n");
    guest.write(
        "/etc/systemd/system/icps-failed@.service.d/tell.conf",
        "[Unit]\nConditionFileIsExecutable=\n[Service]\nExecStart=\n\
         ExecStart=echo \"%i has failed: ${MONITOR_UNIT} ended with ${MONITOR_EXIT_STATUS}\"\n",
    );
    guest.shell(&format!("systemctl daemon-reload; systemctl reset-failed {SYNC}"));
    // Ready when it has the lock.
    let hold = format!(
        "systemd-run --quiet --unit=holder --service-type=notify -p NotifyAccess=all -p User=_icps \
         flock --exclusive --no-fork {}/.library.lock sh -c 'systemd-notify --ready; exec sleep infinity'",
        jane.data_dir
    );

    let begin = guest.moment();
    guest.shell(&hold);
    guest.shell(&format!("systemctl start --no-block {SYNC}"));
    guest.wait_until("the run is tried again", || restarts(guest, SYNC) > 0);
    guest.shell("systemctl stop holder.service");
    guest.wait_until("the run that is tried again succeeds", || {
        guest.property(SYNC, "ActiveState") == "inactive" && guest.property(SYNC, "Result") == "success"
    });
    assert_eq!(told(guest, &begin), [""; 0], "of what comes right by itself, nobody is told");

    guest.write(&drop_in, "[Unit]\nStartLimitBurst=3\n[Service]\nRestartSec=1s\n");
    guest.shell(&format!("systemctl daemon-reload; systemctl reset-failed {SYNC}"));
    let begin = guest.moment();
    guest.shell(&hold);
    guest.shell(&format!("systemctl start --no-block {SYNC}"));
    guest.wait_until("it is given up", || guest.property(SYNC, "ActiveState") == "failed");
    assert_eq!(
        (restarts(guest, SYNC), guest.exit_status(SYNC).as_str()),
        (3, "75"),
        "{}",
        guest.last_words()
    );
    let message = "icps-sync has failed: icps-sync.service ended with 75";
    guest.hear(HANDLER, &begin, "that the sync has failed", |entry| entry.message() == message);
    assert_eq!(told(guest, &begin), [message], "once, when it is given up");
    let explained = guest.shell(&format!("journalctl -x -u {SYNC}"));
    for part in ["Subject: Another process works on the library", "There are no stale locks"] {
        assert!(explained.contains(part), "{part}: {explained}");
    }

    guest.shell(&format!(
        "systemctl stop holder.service
         rm {drop_in} /etc/systemd/system/icps-failed@.service.d/tell.conf
         systemctl daemon-reload; systemctl reset-failed {SYNC}"
    ));
    guest.start_and_succeed(SYNC);
}

/// What the administrator was told since then.
fn told(guest: &Guest, since: &Moment) -> Vec<String> {
    let entries = guest.entries(HANDLER, since).into_iter();
    entries
        .filter(|entry| entry.field("SYSLOG_IDENTIFIER") == "echo")
        .map(|entry| entry.message().to_owned())
        .collect()
}

fn restarts(guest: &Guest, unit: &str) -> u32 {
    guest.property(unit, "NRestarts").parse().unwrap()
}

/// Nobody hands in a code: the run fails at once and for good, a program of the administrator hears of it, and the next
/// run of the timer does not try to sign in.
pub(crate) fn give_no_code(scene: &Scene) {
    let (guest, alice) = (&scene.guest, &scene.alice);
    let impatient = format!("/etc/systemd/system/{ALICES_SYNC}.d/40-impatient.conf");
    guest.write(&impatient, "[Service]\nEnvironment=MFA_TIMEOUT=1\n");
    guest.write(
        "/etc/icps/on-failure",
        "#!/bin/sh\necho \"$1 has failed: $MONITOR_UNIT, $MONITOR_SERVICE_RESULT, $MONITOR_EXIT_STATUS\"\n",
    );
    guest.shell("chmod 0755 /etc/icps/on-failure; rm /var/lib/icps/alice/session.json");
    let begin = guest.moment();
    guest.shell(&format!("systemctl daemon-reload; systemctl start --no-block {ALICES_SYNC}"));
    guest.wait_until("the run has failed", || guest.property(ALICES_SYNC, "ActiveState") == "failed");
    assert_eq!((restarts(guest, ALICES_SYNC), guest.exit_status(ALICES_SYNC).as_str()), (0, "4"));
    guest.hear(ALICES_HANDLER, &begin, "that the sync has failed", |entry| {
        entry.message() == "icps-sync@alice has failed: icps-sync@alice.service, exit-code, 4"
    });
    let explained = guest.shell(&format!("journalctl -x -u {ALICES_SYNC}"));
    for part in ["Subject: Nobody gave the second factor", "will not try to sign in again until a person has"]
    {
        assert!(explained.contains(part), "{part}: {explained}");
    }

    alice.apple.reset_statistics();
    let begin = guest.moment();
    let_elapse(guest, "icps@alice.timer");
    let done = |entry: &crate::journal::Entry| {
        entry.message().contains("`icps --account alice token` once, by hand")
    };
    guest.hear(ALICES_SYNC, &begin, "what to do", done);
    assert_eq!(guest.result(ALICES_SYNC), "exit-code");
    for kind in [Kind::Init, Kind::Complete, Kind::Push, Kind::Sms] {
        assert_eq!(alice.apple.statistics().count(kind), 0, "{kind:?}: neither password nor code is spent");
    }

    // What the message says puts it right.
    let arrived = alice.apple.account().codes_arrived();
    let command = format!("env {} icps --account alice token", alice.environment());
    let mut terminal = Terminal::run(guest, &command);
    terminal.wait_for("Password of");
    terminal.type_line(&alice.apple.account().options().password);
    terminal.wait_for("Code: ");
    terminal.type_line(&alice.code(guest, arrived, Channel::Device));
    let (status, shown) = terminal.finish();
    assert_eq!(status, Some(0), "{shown}");
    guest.shell(&format!("rm {impatient} /etc/icps/on-failure; systemctl daemon-reload"));
    guest.start_and_succeed(ALICES_SYNC);
}

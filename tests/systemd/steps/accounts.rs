//! A second account, side by side with the first.

use icloud_emulator::Channel;

use super::MFA_WANTED;
use super::install::MEMBER;
use super::runs::let_elapse;
use crate::library;
use crate::scene::Scene;
use crate::terminal::Terminal;

pub(crate) const ALICES_SYNC: &str = "icps-sync@alice.service";

/// The setup goes to its end this time: Alice has a device at hand, and types the code.
pub(crate) fn add(scene: &Scene) {
    let (guest, alice) = (&scene.guest, &scene.alice);
    let account = alice.apple.account().options();
    scene.lead_to_apple(alice, "icps-sync@alice.service.d/20-proxy.conf");
    let command = format!("env {} icps --account alice setup", alice.environment());
    let mut terminal = Terminal::run(guest, &command);
    for (question, answer) in [
        ("Apple ID: ", account.name.as_str()),
        ("Password", &account.password),
        ("Library directory [/srv/icloud-photos-library-alice]: ", alice.data_dir),
        ("When to sync", ""),
        ("Region", ""),
        ("Write this down", ""),
    ] {
        terminal.wait_for(question);
        terminal.type_line(answer);
    }
    terminal.wait_for("Code: ");
    terminal.type_line(&alice.code(guest, 0, Channel::Device));
    let (status, shown) = terminal.finish();
    assert_eq!(status, Some(0), "{shown}");
    let next = ["systemctl enable --now icps@alice.timer", "systemctl enable --now icps-mfa@alice.socket"];
    for part in ["Signed in", "All is set up"].iter().chain(&next) {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    for (path, mode) in [
        ("/etc/icps/alice.conf", "root:_icps 640"),
        ("/etc/credstore.encrypted/icps.alice.password.enc", "root:root 600"),
        (alice.data_dir, "_icps:_icps 2750"),
        ("/var/lib/icps/alice/session.json", "_icps:_icps 600"),
    ] {
        assert_eq!(guest.shell(&format!("stat --format='%U:%G %a' '{path}'")), mode, "{path}");
    }
    // What comes next is for one who has no session yet.
    guest.shell("rm /var/lib/icps/alice/session.json");
    guest.shell(&next.join("; "));
    assert_eq!(guest.property("icps@alice.timer", "ActiveState"), "active");
    assert_eq!(guest.shell("stat --format='%U:%G %a' /run/icps/alice/mfa.sock"), "root:_icps 660");
}

/// The timer starts Alice's first sync while the other account syncs too. Nobody is there, so Apple is not asked to
/// wake anybody up; later somebody has a text message sent to the second phone.
pub(crate) fn sync_side_by_side(scene: &Scene) {
    let Scene { guest, jane, alice, .. } = scene;
    let (begin, arrived) = (guest.moment(), alice.apple.account().codes_arrived());
    let_elapse(guest, "icps@alice.timer");
    let wants = guest
        .hear(ALICES_SYNC, &begin, "that it wants a code", |entry| entry.field("MESSAGE_ID") == MFA_WANTED);
    for command in ["icps --account alice mfa resend device", "icps --account alice mfa CODE"] {
        assert!(wants.message().contains(command), "{command}: {wants:?}");
    }
    guest.wait_until("the status asks for a code", || {
        guest.property(ALICES_SYNC, "StatusText").contains("icps --account alice mfa CODE")
    });
    guest.start_and_succeed("icps-sync.service");
    assert_eq!(guest.property(ALICES_SYNC, "ActiveState"), "activating", "it waits for its own code");
    assert_eq!(jane.ask(guest, MEMBER, "GET", "/state").0, r#"{"state":"idle"}"#);
    assert_eq!(alice.apple.account().codes_arrived(), arrived, "nobody is woken up");
    let state = alice.ask(guest, MEMBER, "GET", "/state").0;
    assert!(state.contains("waiting") && state.contains("22"), "the second phone is named: {state}");

    let (body, status) = alice.ask(guest, MEMBER, "POST", "/resend_mfa?method=sms&phoneNumberId=2");
    assert_eq!(status, "200", "{body}");
    let code = alice.code(guest, arrived, Channel::Sms(2));
    let (_, status) = alice.ask(guest, MEMBER, "POST", &format!("/mfa?code={code}"));
    assert_eq!(status, "200");
    assert_eq!(guest.result(ALICES_SYNC), "success", "{}", guest.last_words());
    library::assert_complete(&scene.library(alice), alice.apple.library());
    library::assert_complete(&scene.library(jane), jane.apple.library());
    assert_eq!(guest.shell("stat --format='%U %a' /var/lib/icps/alice/session.json"), "_icps 600");
    // systemd goes on naming the timer, whoever starts the service next; the program knows better.
    assert!(guest.shell("cat /var/lib/icps/alice/last-trigger").parse::<u64>().is_ok());
    assert!(guest.shell("journalctl ICPS_ACCOUNT=alice --lines=5").contains("done"));
}

//! A second account, side by side with the first.

use icloud_emulator::Channel;

use super::MFA_WANTED;
use super::install::MEMBER;
use super::runs::let_elapse;
use crate::library;
use crate::scene::Scene;

const ALICES_SYNC: &str = "icps-sync@alice.service";

/// Alice's password is encrypted with the key of this machine.
pub(crate) fn add(scene: &Scene) {
    let (guest, alice) = (&scene.guest, &scene.alice);
    let account = alice.apple.account().options();
    guest
        .write("/root/alice.conf", &format!("DATA_DIR={}\nAPPLE_ID_USER={}\n", alice.data_dir, account.name));
    guest.write("/root/password", &account.password);
    guest.shell(&format!(
        "install -d -o _icps -g _icps -m 0750 '{}'
         install -m 0640 -g _icps /root/alice.conf /etc/icps/alice.conf
         systemd-creds encrypt --name=icps.alice.password.enc /root/password \
             /etc/credstore.encrypted/icps.alice.password.enc
         rm /root/password",
        alice.data_dir
    ));
    scene.lead_to_apple(alice, "icps-sync@alice.service.d/20-proxy.conf");
    guest.shell("systemctl daemon-reload; systemctl enable --now icps-mfa@alice.socket icps@alice.timer");
    assert_eq!(guest.property("icps@alice.timer", "ActiveState"), "active");
    assert_eq!(guest.shell("stat --format='%U:%G %a' /run/icps/alice/mfa.sock"), "root:_icps 660");
}

/// The timer starts Alice's first sync while the other account syncs too. Nobody is there, so Apple is not asked to
/// wake anybody up; later somebody has a text message sent to the second phone.
pub(crate) fn sync_side_by_side(scene: &Scene) {
    let Scene { guest, jane, alice, .. } = scene;
    let begin = guest.moment();
    let_elapse(guest, "icps@alice.timer");
    guest.hear(ALICES_SYNC, &begin, "that it wants a code", |entry| entry.field("MESSAGE_ID") == MFA_WANTED);
    guest.start_and_succeed("icps-sync.service");
    assert_eq!(guest.property(ALICES_SYNC, "ActiveState"), "activating", "it waits for its own code");
    assert_eq!(jane.ask(guest, MEMBER, "GET", "/state").0, r#"{"state":"idle"}"#);
    assert_eq!(alice.apple.account().codes_arrived(), 0, "nobody is woken up");
    let state = alice.ask(guest, MEMBER, "GET", "/state").0;
    assert!(state.contains("waiting") && state.contains("22"), "the second phone is named: {state}");

    let (body, status) = alice.ask(guest, MEMBER, "POST", "/resend_mfa?method=sms&phoneNumberId=2");
    assert_eq!(status, "200", "{body}");
    let code = alice.code(guest, 0, Channel::Sms(2));
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

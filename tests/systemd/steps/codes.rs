//! The first sync, which Apple wants a code for.

use icloud_emulator::Channel;

use super::install::{MEMBER, STRANGER};
use super::{MFA_WANTED, RUN_FINISHED};
use crate::library;
use crate::process::said;
use crate::scene::Scene;

pub(crate) fn sync_with_a_code(scene: &Scene) {
    let (guest, jane) = (&scene.guest, &scene.jane);
    let (begin, arrived) = (guest.moment(), jane.apple.account().codes_arrived());
    guest.shell("systemctl start --no-block icps-sync.service");

    // The journal and the status ask for a code.
    let asks = guest.hear("icps-sync.service", &begin, "that it wants a code", |entry| {
        entry.field("MESSAGE_ID") == MFA_WANTED
    });
    assert!(asks.message().contains("icps mfa"), "{asks:?}");
    guest.wait_until("the status asks for a code", || {
        guest.property("icps-sync.service", "StatusText").contains("icps mfa CODE")
    });
    assert!(guest.shell("systemctl status icps-sync.service || true").contains("icps mfa CODE"));
    let explained = guest.shell("journalctl -x -u icps-sync.service");
    for part in
        ["Subject: Apple wants a second factor", "icps mfa resend device", "start over with \"icps token\""]
    {
        assert!(explained.contains(part), "{part}: {explained}");
    }
    assert!(guest.shell("icps mfa status").contains("device"), "{}", guest.shell("icps mfa status"));

    // Another user cannot even reach the receiver.
    let refused = guest.try_shell_as(STRANGER, &jane.curl("POST", "/mfa?code=000000"));
    assert!(!refused.status.success(), "{}", said(&refused));
    assert!(
        said(&refused).contains("ermission denied") || said(&refused).contains("connect"),
        "{}",
        said(&refused)
    );

    let code = jane.code(guest, arrived, Channel::Device);
    let wrong = if code == "000000" { "111111" } else { "000000" };
    let (body, status) = jane.ask(guest, MEMBER, "POST", "/mfa?code=12345");
    assert_eq!((body.contains("Expecting 6 digits"), status.as_str()), (true, "400"), "{body}");
    let (body, status) = jane.ask(guest, MEMBER, "POST", &format!("/mfa?code={wrong}"));
    assert_eq!((body.contains(wrong), status.as_str()), (true, "200"), "{body}");
    guest.wait_until("the state tells of the wrong code", || {
        jane.ask(guest, MEMBER, "GET", "/state").0.contains("Incorrect")
    });
    let (_, status) = jane.ask(guest, MEMBER, "POST", &format!("/mfa?code={code}"));
    assert_eq!(status, "200");

    guest.hear("icps-sync.service", &begin, "that it is done", |entry| {
        entry.field("MESSAGE_ID") == RUN_FINISHED
    });
    assert_eq!(guest.result("icps-sync.service"), "success", "{}", guest.last_words());
    library::assert_complete(&scene.library(jane), jane.apple.library());
    let said = guest.messages("icps-sync.service", &begin);
    for secret in [&code, &jane.apple.account().options().password] {
        assert!(!said.contains(secret.as_str()), "a secret is in the journal:\n{said}");
    }
    let (_, status) = jane.ask(guest, MEMBER, "POST", &format!("/mfa?code={code}"));
    assert_eq!(status, "412", "nobody waits any more");
}

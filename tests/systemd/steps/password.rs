//! The password is stored nowhere.

use std::fs;

use icloud_emulator::Kind;

use super::runs::let_elapse;
use crate::guest::Guest;
use crate::scene::Scene;
use crate::terminal::Terminal;

const SYNC: &str = "icps-sync.service";
const QUESTION: &str = "Password of the Apple ID";

/// A run of the timer fails at once; one that a person starts has systemd ask, on the terminal or through its agents.
pub(crate) fn ask(scene: &Scene) {
    let (guest, jane) = (&scene.guest, &scene.jane);
    let store = "/etc/credstore.encrypted/icps.password.enc";
    guest.shell(&format!("mv {store} /root/"));
    end_session(scene);
    jane.apple.reset_statistics();

    let begin = guest.moment();
    let_elapse(guest, "icps.timer");
    let advice =
        "systemd-creds encrypt --name=icps.password.enc - /etc/credstore.encrypted/icps.password.enc";
    guest.hear(SYNC, &begin, "where to put the password", |entry| entry.message().contains(advice));
    guest.wait_until("the run has failed for good", || guest.property(SYNC, "SubState") == "failed");
    assert_eq!(guest.exit_status(SYNC), "78");
    guest.shell("rm /etc/systemd/system/icps.timer.d/50-soon.conf; systemctl daemon-reload; systemctl restart icps.timer");

    // The one who was asked went away.
    guest.shell(&format!("systemctl start --no-block {SYNC}"));
    wait_for_question(guest);
    guest.shell("systemctl stop 'icps-password@*.service'");
    guest.result(SYNC);
    assert_eq!(guest.exit_status(SYNC), "78");
    assert_eq!(jane.apple.statistics().count(Kind::Init), 0, "nobody signs in without a password");

    // An agent on another terminal.
    guest.shell(&format!("systemctl start --no-block {SYNC}"));
    wait_for_question(guest);
    type_password(scene, Terminal::run(guest, "systemd-tty-ask-password-agent --query"));
    assert_eq!(guest.result(SYNC), "success", "{}", guest.last_words());

    // systemctl is an agent itself.
    end_session(scene);
    type_password(scene, Terminal::run(guest, &format!("systemctl start {SYNC}")));
    assert_eq!(guest.property(SYNC, "Result"), "success", "{}", guest.last_words());
    assert_eq!(jane.apple.statistics().count(Kind::Complete), 2);

    guest.shell(&format!("mv /root/icps.password.enc {store}"));
    assert_eq!(guest.shell("systemctl --failed --no-legend"), "", "no question is left behind");
}

fn wait_for_question(guest: &Guest) {
    guest.wait_until("systemd asks", || {
        guest.shell("cat /run/systemd/ask-password/ask.* 2>/dev/null || true").contains(QUESTION)
    });
}

fn type_password(scene: &Scene, mut terminal: Terminal) {
    let password = scene.jane.apple.account().options().password;
    terminal.wait_for(QUESTION);
    terminal.type_line(&password);
    let (status, shown) = terminal.finish();
    assert_eq!(status, Some(0), "{shown}");
    assert!(!shown.contains(&password), "{shown}");
}

/// Apple ends the session; with the trust in this machine, the password is enough for another one.
fn end_session(scene: &Scene) {
    scene.jane.apple.account().expire_session_tokens();
    let path = scene.guest.path("/var/lib/icps/session.json");
    let mut session: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    session["validated_at"] = serde_json::Value::Null;
    fs::write(path, session.to_string()).unwrap();
}

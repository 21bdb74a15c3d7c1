//! A user backs up alone, with the user's own units.

use icloud_emulator::Channel;

use super::MFA_WANTED;
use crate::guest::Guest;
use crate::library;
use crate::process::said;
use crate::scene::{Scene, curl};

const USER: &str = "desktop";
const HOME: &str = "/home/desktop";

/// Everything is below the home, and the manager of the system has nothing to do with it.
pub(crate) fn sync_as_a_user(scene: &Scene) {
    let (guest, jane) = (&scene.guest, &scene.jane);
    guest.shell(&format!("useradd --create-home {USER}; loginctl enable-linger {USER}"));
    let id = guest.shell(&format!("id --user {USER}"));
    guest.wait_until("the user's manager runs", || {
        guest.property(&format!("user@{id}.service"), "ActiveState") == "active"
    });
    let account = jane.apple.account().options();
    guest.write(
        &format!("{HOME}/.config/icps/icps.conf"),
        &format!(
            "APPLE_ID_USER={}\nAPPLE_ID_PWD={}\nDATA_DIR={HOME}/Pictures/iCloud\nSCHEDULE=45 5 * * *\n",
            account.name, account.password
        ),
    );
    guest.write(
        &format!("{HOME}/.config/systemd/user/icps-sync.service.d/proxy.conf"),
        &format!("[Service]\nEnvironment={}\n", jane.environment()),
    );
    guest.shell(&format!(
        "mkdir --parents {HOME}/Pictures/iCloud
         chown --recursive {USER}: {HOME}; chmod 0600 {HOME}/.config/icps/icps.conf"
    ));

    as_user(
        guest,
        "systemctl --user daemon-reload; systemctl --user enable --now icps-mfa.socket icps.timer",
    );
    let calendar = as_user(guest, "systemctl --user show --property=TimersCalendar icps.timer");
    assert!(calendar.contains("*-*-* 05:45:00"), "{calendar}");

    let arrived = jane.apple.account().codes_arrived();
    as_user(guest, "systemctl --user start --no-block icps-sync.service");
    let code = jane.code(guest, arrived, Channel::Device);
    let hand_over = curl("$XDG_RUNTIME_DIR/icps/mfa.sock", "POST", &format!("/mfa?code={code}"));
    // The device may show the code before the run waits for it.
    guest.wait_until("the code is taken", || as_user(guest, &hand_over).ends_with("200"));
    let show = "systemctl --user show --value --property";
    guest.wait_until("the user's sync has ended", || {
        as_user(guest, &format!("{show}=SubState icps-sync.service")) == "dead"
    });
    let journal = guest.shell(&format!("journalctl _UID={id} --output=cat"));
    assert_eq!(as_user(guest, &format!("{show}=Result icps-sync.service")), "success", "{journal}");
    library::assert_complete(&guest.path(&format!("{HOME}/Pictures/iCloud")), jane.apple.library());
    let state = format!("{HOME}/.local/state/icps/session.json");
    assert_eq!(guest.shell(&format!("stat --format='%U %a' {state}")), format!("{USER} 600"));
    assert!(!guest.shell(&format!("journalctl _UID={id} MESSAGE_ID={MFA_WANTED}")).is_empty());
    let status = as_user(guest, "icps status");
    assert!(
        status.contains("sync done")
            && status.contains("Next run:              20")
            && status.contains(" 05:"),
        "{status}"
    );
    as_user(guest, "systemctl --user disable --now icps-mfa.socket icps.timer");
    guest.shell(&format!("loginctl disable-linger {USER}"));
}

/// What a command of the user prints, who has a session but no terminal.
fn as_user(guest: &Guest, script: &str) -> String {
    let session = format!(
        "export HOME={HOME} XDG_RUNTIME_DIR=/run/user/$(id --user); \
         export DBUS_SESSION_BUS_ADDRESS=unix:path=$XDG_RUNTIME_DIR/bus; {script}"
    );
    let output = guest.try_shell_as(USER, &session);
    assert!(output.status.success(), "{script}: {}\n{}", said(&output), guest.last_words());
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

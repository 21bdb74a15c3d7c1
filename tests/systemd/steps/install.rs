//! The package is installed, and an account is set up.

use crate::guest::Guest;
use crate::package::package;
use crate::process::said;
use crate::scene::Scene;
use crate::terminal::{CONTROL_C, Terminal};

/// May hand in codes, as a member of the group.
pub(crate) const MEMBER: &str = "member";
/// Is just another user.
pub(crate) const STRANGER: &str = "stranger";

pub(crate) fn install_with_apt(scene: &Scene) {
    let guest = &scene.guest;
    std::fs::copy(package(), guest.path("/root/icps.deb")).unwrap();
    guest.shell("apt-get install --yes ./icps.deb");
    assert_eq!(guest.shell("dpkg-query --show --showformat='${db:Status-Status}' icps"), "installed");
    assert_eq!(guest.shell("getent passwd _icps | cut -d: -f7"), "/usr/sbin/nologin");
    assert_eq!(guest.shell("stat --format='%U:%G %a' /etc/icps/icps.conf"), "root:_icps 640");
    assert_eq!(guest.property("icps-mfa.socket", "ActiveState"), "active");
    assert_eq!(guest.property("icps-mfa.socket", "UnitFileState"), "enabled");
    assert_eq!(guest.shell("stat --format='%U:%G %a' /run/icps/mfa.sock"), "root:_icps 660");
    assert_eq!(guest.shell("stat --format='%U:%G %a' /run/icps/password.sock"), "_icps:_icps 600");
    // Nothing that could sign in runs before there is a configuration.
    for timer in ["icps.timer", "icps-verify.timer"] {
        assert_eq!(guest.property(timer, "UnitFileState"), "disabled", "{timer}");
    }
    for unit in [
        "icps.timer",
        "icps-verify.timer",
        "icps-sync.service",
        "icps-token.service",
        "icps-verify.service",
        "icps-mfa.service",
    ] {
        assert_eq!(guest.property(unit, "ActiveState"), "inactive", "{unit}");
        assert_eq!(guest.property(unit, "ConditionTimestampMonotonic"), "0", "{unit} has been started");
    }
    assert_eq!(guest.shell("journalctl --quiet --identifier=icps --identifier=icps-mfa"), "");
    guest.shell(&format!("useradd --groups _icps {MEMBER}; useradd {STRANGER}"));
}

/// The units as this release of systemd sees them.
pub(crate) fn judge_units(scene: &Scene) {
    let guest = &scene.guest;
    let verdict = guest.try_shell(
        "systemd-analyze verify --man=no --recursive-errors=yes /usr/lib/systemd/system/icps*.{service,socket,timer}",
    );
    assert!(verdict.status.success() && said(&verdict).is_empty(), "{}", said(&verdict));
    for (unit, limit) in [
        ("icps-sync.service", 1.1),
        ("icps-token.service", 1.1),
        ("icps-verify.service", 1.1),
        ("icps-sync@alice.service", 1.1),
        ("icps-verify@alice.service", 1.1),
        ("icps-mfa.service", 0.2),
        ("icps-mfa@alice.service", 0.2),
        ("icps-password@1.service", 0.5),
    ] {
        let exposure = exposure(guest, unit);
        println!("    {unit}: exposure {exposure}");
        assert!(exposure <= limit, "{unit}: {exposure} is more than {limit}");
    }
}

fn exposure(guest: &Guest, unit: &str) -> f64 {
    let table = guest.shell(&format!("systemd-analyze security --no-pager '{unit}'"));
    let last = table.lines().last().unwrap();
    let number = last.split_whitespace().find_map(|word| word.parse().ok());
    number.unwrap_or_else(|| panic!("no exposure in {last:?}"))
}

/// Answers the questions of `icps setup` on a terminal. Nobody has a device at hand, so the sign-in is left for later.
pub(crate) fn set_up(scene: &Scene) {
    let (guest, jane) = (&scene.guest, &scene.jane);
    let account = jane.apple.account().options();
    scene.lead_to_apple(jane, "icps-.service.d/10-proxy.conf");
    let mut terminal = Terminal::run(guest, &format!("env {} icps setup", jane.environment()));
    for (question, answer) in [
        ("Apple ID: ", account.name.as_str()),
        ("Password", &account.password),
        ("Library directory [/srv/icloud-photos-library]: ", ""),
        ("When to sync", "15 3 * * *"),
        ("Region", ""),
        ("Write this down", "y"),
        ("Code: ", CONTROL_C),
    ] {
        terminal.wait_for(question);
        terminal.type_line(answer);
    }
    let (status, shown) = terminal.finish();
    assert_eq!(status, Some(130), "{shown}");

    let configuration = guest.shell("cat /etc/icps/icps.conf");
    for line in [&format!("APPLE_ID_USER={}", account.name), "SCHEDULE=15 3 * * *"] {
        assert!(configuration.contains(line), "{line}: {configuration}");
    }
    assert!(!configuration.contains(&account.password), "the password is a credential");
    for (path, mode) in [
        ("/etc/icps/icps.conf", "root:_icps 640"),
        ("/etc/credstore.encrypted/icps.password.enc", "root:root 600"),
        (jane.data_dir, "_icps:_icps 2750"),
        ("/var/lib/icps", "_icps:_icps 700"),
    ] {
        assert_eq!(guest.shell(&format!("stat --format='%U:%G %a' {path}")), mode, "{path}");
    }
    assert_eq!(guest.property("icps-sync.service", "ReadWritePaths"), jane.data_dir);
    let calendar = guest.property("icps.timer", "TimersCalendar");
    assert!(calendar.contains("*-*-* 03:15:00"), "{calendar}");
}

pub(crate) fn enable_timer(scene: &Scene) {
    let guest = &scene.guest;
    guest.shell("systemctl enable --now icps.timer");
    assert_eq!(guest.property("icps.timer", "ActiveState"), "active");
    assert_eq!(guest.property("icps.timer", "UnitFileState"), "enabled");
    assert_ne!(guest.property("icps.timer", "NextElapseUSecRealtime"), "");
    assert_eq!(guest.property("icps-sync.service", "ActiveState"), "inactive");
}

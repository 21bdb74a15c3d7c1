//! The package is installed, and an account is set up.

use crate::guest::Guest;
use crate::package::package;
use crate::process::said;
use crate::scene::Scene;

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
    // Nothing runs before there is a configuration.
    assert_eq!(guest.property("icps.timer", "UnitFileState"), "disabled");
    assert_eq!(guest.property("icps.timer", "ActiveState"), "inactive");
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
        ("icps-sync@alice.service", 1.1),
        ("icps-mfa.service", 0.2),
        ("icps-mfa@alice.service", 0.2),
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

/// Writes the configuration, and the password as a credential.
pub(crate) fn set_up(scene: &Scene) {
    let guest = &scene.guest;
    let account = scene.jane.apple.account().options();
    guest.shell(&format!("install -d -o _icps -g _icps -m 0750 {}", scene.jane.data_dir));
    guest.shell(&format!("echo 'APPLE_ID_USER={}' >> /etc/icps/icps.conf", account.name));
    guest.shell(&format!("(umask 077; printf %s '{}' > /etc/credstore/icps.password)", account.password));
    scene.lead_to_apple(&scene.jane, "icps-.service.d/10-proxy.conf");
    guest.shell("systemctl daemon-reload");
    let writable = guest.property("icps-sync.service", "ReadWritePaths");
    assert_eq!(writable, scene.jane.data_dir);
}

pub(crate) fn enable_timer(scene: &Scene) {
    let guest = &scene.guest;
    guest.shell("systemctl enable --now icps.timer");
    assert_eq!(guest.property("icps.timer", "ActiveState"), "active");
    assert_eq!(guest.property("icps.timer", "UnitFileState"), "enabled");
    assert_ne!(guest.property("icps.timer", "NextElapseUSecRealtime"), "");
    assert_eq!(guest.property("icps-sync.service", "ActiveState"), "inactive");
}

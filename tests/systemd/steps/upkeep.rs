//! The package is upgraded, and purged in the end.

use crate::library;
use crate::scene::{HANGS, Scene};

const SYNC: &str = "icps-sync.service";

/// A newer version is installed during a sync, which goes on.
pub(crate) fn upgrade(scene: &Scene) {
    let (guest, jane) = (&scene.guest, &scene.jane);
    guest.shell(
        "dpkg-deb --raw-extract icps.deb next
         sed -i 's/^Version: .*/&+next/' next/DEBIAN/control
         echo '#NEWS=1' >> next/etc/icps/icps.conf
         dpkg-deb --build next icps-next.deb",
    );
    jane.add_photos(HANGS);
    guest.shell(&format!("systemctl start --no-block {SYNC}"));
    scene.wait_for_the_middle(jane);
    let run = guest.property(SYNC, "InvocationID");
    let configuration = guest.shell("cat /etc/icps/icps.conf");

    // As unattended-upgrades does it: the administrator's configuration stays, the new one is put beside it.
    guest.shell("apt-get install --yes --option=Dpkg::Options::=--force-confold ./icps-next.deb");
    assert!(guest.shell("dpkg-query --show --showformat='${Version}' icps").ends_with("+next"));
    assert_eq!(guest.property(SYNC, "InvocationID"), run, "the sync goes on");
    assert_eq!(guest.property(SYNC, "ActiveState"), "activating");
    assert_eq!(guest.shell("cat /etc/icps/icps.conf"), configuration);
    assert!(guest.shell("cat /etc/icps/icps.conf.dpkg-dist").ends_with("#NEWS=1"));
    assert_eq!(guest.shell("stat --format='%U:%G %a' /etc/icps/icps.conf"), "root:_icps 640");
    for unit in ["icps.timer", "icps@alice.timer", "icps-mfa.socket", "icps-mfa@alice.socket"] {
        assert_eq!(guest.property(unit, "ActiveState"), "active", "{unit}");
        assert_eq!(guest.property(unit, "UnitFileState"), "enabled", "{unit}");
    }
    jane.apple.faults().clear();
    guest.shell(&format!("systemctl stop {SYNC}"));
    guest.start_and_succeed(SYNC);
    library::assert_complete(&scene.library(jane), jane.apple.library());
}

/// The programs go; configuration, credentials and state stay for those who come back.
pub(crate) fn remove(scene: &Scene) {
    let guest = &scene.guest;
    let configuration = guest.shell("cat /etc/icps/icps.conf");
    guest.shell("apt-get remove --yes icps");
    assert_eq!(guest.shell("dpkg-query --show --showformat='${db:Status-Status}' icps"), "config-files");
    assert_eq!(
        guest
            .shell("ls -d /usr/bin/icps /usr/libexec/icps /usr/lib/systemd/system/icps* 2>/dev/null || true"),
        ""
    );
    assert_eq!(guest.shell("cat /etc/icps/icps.conf"), configuration);
    guest.shell(
        "test -f /etc/icps/alice.conf
         test -f /etc/credstore.encrypted/icps.password.enc
         test -f /var/lib/icps/session.json
         test -f /var/lib/icps/alice/session.json",
    );
    assert_eq!(guest.shell("systemctl list-units --no-legend --state=active 'icps*' || true"), "");
    assert_eq!(guest.shell("systemctl --failed --no-legend"), "");
}

/// State, credentials and configuration go; the libraries stay.
pub(crate) fn purge(scene: &Scene) {
    let guest = &scene.guest;
    guest.shell("apt-get purge --yes icps");
    assert_eq!(
        guest.shell("ls -d /etc/icps /var/lib/icps /var/cache/icps /run/icps /etc/credstore*/icps.* /usr/lib/systemd/system/icps* 2>/dev/null || true"),
        ""
    );
    assert_eq!(guest.shell("find /etc/systemd/system /var/lib/systemd/timers /var/lib/systemd/deb-systemd-helper-enabled -name '*icps*' -not -path '*.d/*' -not -name '*.d'"), "");
    assert_eq!(
        guest.shell(
            "systemctl list-units --all --no-legend 'icps*.timer' 'icps*.socket' 'icps-sync*' 'icps-verify*' 'icps-mfa*'"
        ),
        ""
    );
    assert_eq!(guest.shell("systemctl --failed --no-legend"), "");
    for account in [&scene.jane, &scene.alice] {
        library::assert_complete(&scene.library(account), account.apple.library());
    }
}

//! The library moves to another disk, which fills up and goes away.

use icloud_emulator::Effect;

use crate::guest::Guest;
use crate::library;
use crate::scene::{HALF, HANGS, LARGE, Scene};

const SYNC: &str = "icps-sync.service";
const DISK: &str = "/mnt/disk";
const MOUNT: &str = "mnt-disk.mount";
const UNIT: &str = "/etc/systemd/system/mnt-disk.mount";

/// Another `SCHEDULE` and another `DATA_DIR`; the units follow.
pub(crate) fn move_library(scene: &mut Scene) {
    let guest = &scene.guest;
    guest.write(UNIT, "[Mount]\nWhat=tmpfs\nWhere=/mnt/disk\nType=tmpfs\nOptions=size=64M,mode=0755\n");
    guest.shell(&format!("systemctl daemon-reload; systemctl start {MOUNT}"));
    guest.shell(&format!("cp -a {}/. {DISK}/; chown --reference={0} {DISK}", scene.jane.data_dir));
    // The new one would hold the same library, so the old one goes.
    guest.shell(&format!("mv {} /srv/old", scene.jane.data_dir));
    configure(guest, &format!("DATA_DIR={DISK}\nSCHEDULE=30 4 * * 1-5\nMIN_FREE=1MiB"));
    assert_eq!(guest.property(SYNC, "ReadWritePaths"), DISK);
    assert!(guest.property(SYNC, "RequiresMountsFor").split_whitespace().any(|path| path == DISK));
    let calendar = guest.property("icps.timer", "TimersCalendar");
    assert!(calendar.contains("Mon..Fri *-*-* 04:30:00"), "{calendar}");

    scene.jane.data_dir = DISK;
    scene.jane.apple.reset_statistics();
    let (guest, jane) = (&scene.guest, &scene.jane);
    guest.start_and_succeed(SYNC);
    assert_eq!(jane.fetched(), 0, "a library may be moved");
    assert_complete_inside(scene);
}

/// Lines for the configuration; what it said about the same names goes.
fn configure(guest: &Guest, lines: &str) {
    for line in lines.lines() {
        let (name, _) = line.split_once('=').unwrap();
        guest.shell(&format!(
            "sed -i '/^{name}=/d' /etc/icps/icps.conf; echo '{line}' >> /etc/icps/icps.conf"
        ));
    }
    guest.shell("systemctl daemon-reload");
}

/// Mounts of the guest are not seen from outside, so what is there is copied to where it is.
fn assert_complete_inside(scene: &Scene) {
    let guest = &scene.guest;
    guest.shell(&format!("rm -rf /srv/look; cp -a {DISK} /srv/look"));
    library::assert_complete(&guest.path("/srv/look"), scene.jane.apple.library());
}

fn partial_inside(guest: &Guest) -> u64 {
    let size = guest.shell(&format!("cat {DISK}/.icps/partial/* 2>/dev/null | wc -c"));
    size.parse().unwrap()
}

/// Something else takes the last free byte during a download.
pub(crate) fn fill(scene: &Scene) {
    let (guest, jane) = (&scene.guest, &scene.jane);
    jane.add_photos(Effect::Slow(LARGE / 10));
    let begin = guest.moment();
    guest.shell(&format!("systemctl start --no-block {SYNC}"));
    guest.wait_until("the download is in its middle", || partial_inside(guest) > LARGE / 10);
    guest.shell(&format!("cat /dev/zero > {DISK}/filler 2>/dev/null || true"));
    let result = guest.result(SYNC);
    let said = guest.messages(SYNC, &begin);
    // All that fits is there; what is missing is a warning, and no reason to try again in vain.
    assert_eq!((result.as_str(), guest.exit_status(SYNC).as_str()), ("success", "3"), "{said}");
    assert!(said.contains("The disk is too small"), "{said}");
    assert!(partial_inside(guest) > 0, "what has come of it is kept");

    jane.apple.faults().clear();
    guest.shell(&format!("rm {DISK}/filler; systemctl reset-failed {SYNC} || true"));
    guest.start_and_succeed(SYNC);
    assert_complete_inside(scene);
}

/// The disk goes away: during a sync, while nothing runs, and so that another one is in its place.
pub(crate) fn take_away(scene: &mut Scene) {
    let (guest, jane) = (&scene.guest, &scene.jane);
    jane.add_photos(HANGS);
    let begin = guest.moment();
    guest.shell(&format!("systemctl start --no-block {SYNC}"));
    guest.wait_until("the download is in its middle", || partial_inside(guest) == HALF);
    // The sync ends in order before the disk goes.
    guest.shell(&format!("cp -a {DISK} /srv/kept; systemctl stop {MOUNT}"));
    assert_eq!(guest.property(SYNC, "ActiveState"), "inactive");
    assert!(guest.messages(SYNC, &begin).contains("Stopped on request"), "{}", guest.messages(SYNC, &begin));
    jane.apple.faults().clear();

    // It cannot be mounted: no sync begins.
    guest.shell(&format!("mv {UNIT} /root/; systemctl daemon-reload; systemctl mask {MOUNT}"));
    let refused = guest.try_shell(&format!("systemctl start {SYNC}"));
    assert!(!refused.status.success());
    guest.shell(&format!("systemctl unmask {MOUNT}; systemctl daemon-reload"));

    // Nothing is mounted there: the directory is not taken for a library.
    refuse(guest, "the empty directory");
    // Another disk is mounted there.
    guest.shell(&format!("mv /root/mnt-disk.mount {UNIT}; systemctl daemon-reload; systemctl start {MOUNT}"));
    guest.shell(&format!("chown _icps:_icps {DISK}"));
    refuse(guest, "an empty disk");

    // The right one is back.
    guest.shell(&format!("cp -a /srv/kept/. {DISK}/"));
    guest.start_and_succeed(SYNC);
    assert_complete_inside(scene);

    // The rest of the story is told on a disk that survives.
    scene.guest.shell(&format!("cp -a {DISK} /srv/icloud-photos-library"));
    configure(&scene.guest, "DATA_DIR=/srv/icloud-photos-library");
    scene.jane.data_dir = "/srv/icloud-photos-library";
    scene.guest.shell(&format!("systemctl stop {MOUNT}"));
    scene.guest.start_and_succeed(SYNC);
}

/// A sync asks for a decision and leaves the directory as it was.
fn refuse(guest: &Guest, what: &str) {
    let begin = guest.moment();
    assert!(!guest.try_shell(&format!("systemctl start {SYNC}")).status.success(), "{what}");
    assert_eq!(guest.exit_status(SYNC), "5", "{what}: {}", guest.messages(SYNC, &begin));
    assert_eq!(guest.property(SYNC, "SubState"), "failed", "{what}: it is not tried again");
    assert!(guest.messages(SYNC, &begin).contains("Is the disk mounted"), "{}", guest.messages(SYNC, &begin));
    assert_eq!(guest.shell(&format!("find {DISK} -type f | wc -l")), "0", "{what} stays as it was");
}

//! `icps daemon`: for those who come from a container.

use super::output::complain;
use crate::exit::Exit;

/// Says what replaces the daemon.
pub(super) fn run() -> Exit {
    complain(
        "There is no daemon: a systemd timer starts each sync, and SCHEDULE in /etc/icps/icps.conf says when.\n\
         \n\
         Sync by the timer from now on:  sudo systemctl enable --now icps.timer\n\
         Sync now:                       sudo systemctl start icps-sync.service",
    );
    Exit::Usage
}

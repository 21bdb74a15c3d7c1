//! Who began a run: a person or a timer.
//!
//! systemd names the timer in `$TRIGGER_UNIT`, when it tries a run again too. But it goes on naming it, with the time
//! of that very elapse, when a person starts the same service later. So an elapse counts as the occasion of a run
//! only until a run that it began has ended for good.

use std::fs;
use std::path::Path;

use tracing::debug;

use crate::exit::Exit;

/// The file of the state directory that holds the elapse that is spent.
const SPENT: &str = "last-trigger";

/// Whether a person started this run.
pub(super) fn is_by_person(state: &Path) -> bool {
    let spent = || fs::read_to_string(state.join(SPENT)).ok();
    std::env::var_os("TRIGGER_UNIT").is_none() || elapse().is_some_and(|elapse| spent() == Some(elapse))
}

/// A run has ended. If systemd will not try it again, it was the last one that its timer began.
pub(super) fn ended(state: &Path, exit: Exit) {
    let Some(elapse) = elapse().filter(|_| is_for_good(exit)) else { return };
    if let Err(error) = fs::write(state.join(SPENT), elapse) {
        debug!("Cannot remember the timer's elapse: {error}.");
    }
}

/// When the timer elapsed, as systemd writes it.
fn elapse() -> Option<String> {
    std::env::var("TRIGGER_TIMER_REALTIME_USEC")
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether the units leave it at such an end.
fn is_for_good(exit: Exit) -> bool {
    match exit {
        Exit::Failed | Exit::TryLater => false,
        Exit::Done
        | Exit::Usage
        | Exit::Warnings
        | Exit::PersonNeeded
        | Exit::DecisionNeeded
        | Exit::Refused
        | Exit::Config => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_for_good_if_the_unit_says_so() {
        let unit = include_str!("../../systemd/system/icps-sync.service");
        let listed = |name: &str| {
            let line = unit.lines().find_map(|line| line.strip_prefix(name)).expect("the unit has it");
            line.split_whitespace()
                .filter_map(|status| match status {
                    "NOPERM" => Some(77),
                    "CONFIG" => Some(78),
                    number => number.parse().ok(),
                })
                .collect::<Vec<i32>>()
        };
        let ends = [listed("SuccessExitStatus="), listed("RestartPreventExitStatus="), vec![0]].concat();
        for code in 0..256 {
            if let Some(exit) = Exit::from_code(code) {
                assert_eq!(is_for_good(exit), ends.contains(&code), "{exit:?}");
            }
        }
    }
}

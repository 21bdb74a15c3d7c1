//! After any sequence of changes in iCloud, a sync leaves exactly what a first sync into an empty directory would.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use common::{Machine, picture};
use icloud_emulator::library::{LibrarySpec, Rng, SharedLibrary};
use proptest::prelude::*;

/// Syncs, changes the library, syncs again, and compares with a fresh sync of another machine.
fn follow(seed: u64, rounds: usize, changes_a_round: usize) -> Result<(), TestCaseError> {
    let spec = LibrarySpec::every_oddity(160).seeded(seed).shared(SharedLibrary::Owner(30));
    let machine = Machine::new(spec);
    machine.sync().expect(0);
    let mut rng = Rng::new(seed);
    let mut log = Vec::new();
    for _ in 0..rounds {
        for _ in 0..changes_a_round {
            // Times that differ by less than a second are the same to a sync.
            machine.emulator.clock().advance(Duration::from_secs(2));
            log.push(machine.emulator.library().mutate(&mut rng));
        }
        let run = machine.run(&["sync", "--max-delete", "100%"]);
        prop_assert!(run.code == Some(0), "{:?}\n{}\nafter {:#?}", run.code, run.stderr, log);
        let found =
            common::differences(&machine.library(), machine.emulator.library(), common::Wanted::default());
        prop_assert!(found.is_empty(), "{:#?}\nafter {:#?}", found, log);
    }
    let followed = picture(&machine.library());
    let fresh_root = machine.path("fresh");
    let fresh = machine
        .icps(&["sync", "--data-dir", fresh_root.to_str().unwrap()])
        .env("STATE_DIRECTORY", machine.path("fresh-state"))
        .output()
        .map(common::Run::from)
        .unwrap();
    prop_assert!(fresh.code == Some(0), "{}", fresh.stderr);
    let fresh = picture(&fresh_root);
    for (path, text) in &followed {
        prop_assert!(
            fresh.get(path) == Some(text),
            "{path:?}: {text} but {:?}\nafter {log:#?}",
            fresh.get(path)
        );
    }
    prop_assert_eq!(followed.len(), fresh.len(), "the fresh tree holds more; after {:#?}", log);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn many_changes_at_a_time(seed in 0_u64..1_000_000) {
        follow(seed, 3, 100)?;
    }

    #[test]
    fn few_changes_at_a_time(seed in 0_u64..1_000_000) {
        follow(seed, 8, 4)?;
    }
}

//! Names from the network become file names: never a path, never empty, never too long, never twice.

#![no_main]

use std::collections::HashSet;

use icps::library::names::{self, FileName};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    file_name(&names::sanitise(text));
    // Many albums in one directory, as many as there are lines.
    let entries: Vec<_> = text.lines().map(FileName::album).enumerate().collect();
    let taken: HashSet<String> = names::reserved_at_root().map(str::to_owned).collect();
    let assigned = names::assign(&entries, &taken);
    assert_eq!(assigned.len(), entries.len());
    assigned.iter().for_each(|name| file_name(name));
    assert!(assigned.iter().all(|name| !taken.contains(name)));
    assert_eq!(assigned.iter().collect::<HashSet<_>>().len(), assigned.len());
});

fn file_name(name: &str) {
    assert!(!name.is_empty() && name.len() <= 255, "{name:?}");
    assert!(!name.starts_with('.'), "{name:?}");
    assert!(!name.contains(['/', '\0']), "{name:?}");
}

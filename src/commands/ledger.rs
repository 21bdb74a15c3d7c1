//! The account that every sync ends with: what Apple counts, what was listed, what is on disk, what failed.

use serde_json::{Value, json};

use crate::model::{AlbumKind, Zone};
use crate::report::{bytes, count, number};
use crate::sync::Outcome;
use crate::sync::outcome::{AlbumLedger, ZoneLedger};

/// How many names a brief account lists.
pub(super) const MOST_NAMES: usize = 100;

/// Everything, for `--json`.
pub(super) fn full(outcome: &Outcome) -> Value {
    account(outcome, usize::MAX, |_| true)
}

/// What the state directory keeps: zones, what failed, and the albums that lack something.
pub(super) fn brief(outcome: &Outcome) -> Value {
    account(outcome, MOST_NAMES, |album| album.failed > 0 || album.listed.is_none())
}

fn account(outcome: &Outcome, most: usize, album_wanted: impl Fn(&AlbumLedger) -> bool) -> Value {
    let warnings = outcome.warnings.iter().take(most).map(ToString::to_string);
    let albums = outcome.album_ledger.iter().filter(|album| album_wanted(album)).take(most);
    json!({
        "complete": outcome.complete(),
        "zones": outcome.zones.iter().map(zone).collect::<Vec<_>>(),
        "albums": albums.map(album).collect::<Vec<_>>(),
        "downloaded": {"files": outcome.downloaded.files, "bytes": outcome.downloaded.bytes},
        "deleted": {"files": outcome.deleted.files, "bytes": outcome.deleted.bytes},
        "deletions_held": outcome.held.as_ref().map(ToString::to_string),
        "left_out_for_space": outcome.shortage.map(|shortage| shortage.left_out.files),
        "warning_count": outcome.warnings.len(),
        "warnings": warnings.collect::<Vec<_>>(),
        "notices": outcome.notices.iter().take(most).collect::<Vec<_>>(),
        "stopped": outcome.stopped.as_ref().map(ToString::to_string),
    })
}

fn zone(zone: &ZoneLedger) -> Value {
    json!({
        "zone": name(zone.zone),
        "counted_by_apple": zone.counted,
        "assets_listed": zone.listed,
        "files": zone.files.files,
        "bytes": zone.files.bytes,
        "files_on_disk": zone.on_disk,
        "files_failed": zone.failed,
    })
}

fn album(album: &AlbumLedger) -> Value {
    json!({
        "record": album.record.as_str(),
        "name": album.name,
        "kind": match album.kind { AlbumKind::Folder => "folder", AlbumKind::Album => "album" },
        "assets_listed": album.listed,
        "links": album.links,
        "links_failed": album.failed,
    })
}

fn name(zone: Zone) -> &'static str {
    match zone {
        Zone::Primary => "primary",
        Zone::Shared => "shared",
    }
}

/// The account in one sentence.
pub(super) fn sentence(outcome: &Outcome) -> String {
    let (mut files, mut on_disk, mut size, mut assets) = (0, 0, 0, 0);
    for zone in &outcome.zones {
        files += zone.files.files;
        on_disk += zone.on_disk;
        size += zone.files.bytes;
        assets += zone.listed;
    }
    let found = format!("iCloud has {} in {}, {}", count(assets, "asset"), count(files, "file"), bytes(size));
    let state = match (on_disk == files, outcome.complete()) {
        (true, true) => "all of them are on disk".to_owned(),
        (true, false) => "all that could be read are on disk".to_owned(),
        (false, _) => format!("{} of the files are on disk", number(on_disk)),
    };
    let warnings = match outcome.warnings.len() {
        0 => String::new(),
        number => format!("; {}", count(number as u64, "warning")),
    };
    format!("{found}; {state}{warnings}.")
}

/// The account in figures, for Prometheus.
pub(super) fn figures(outcome: &Outcome) -> Vec<(&'static str, u64)> {
    let sum = |figure: fn(&ZoneLedger) -> u64| outcome.zones.iter().map(figure).sum();
    vec![
        ("assets_listed", sum(|zone| zone.listed)),
        ("files", sum(|zone| zone.files.files)),
        ("bytes", sum(|zone| zone.files.bytes)),
        ("files_on_disk", sum(|zone| zone.on_disk)),
        ("files_failed", sum(|zone| zone.failed)),
        ("files_downloaded", outcome.downloaded.files),
        ("files_deleted", outcome.deleted.files),
        ("warnings", outcome.warnings.len() as u64),
    ]
}

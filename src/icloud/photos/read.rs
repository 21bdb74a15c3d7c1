//! Reads the whole library, and says how far it can be trusted.

use std::collections::HashSet;

use super::albums;
use super::database::{Bounded, Database};
use super::listing::{self, Gaps};
use super::page::Page;
use super::pairing::{Paired, Pairing};
use super::query::{self, List};
use super::zones::{Libraries, Library};
use super::{ReadProgress, Wanted};
use crate::icloud::Error;
use crate::model::{Album, Problem, RemoteLibrary, Zone, ZoneTally};

/// All visible assets by capture date, the newest first.
const VISIBLE: &str = "CPLAssetAndMasterByAssetDateWithoutHiddenOrDeleted";
/// The count that goes with [`VISIBLE`].
const VISIBLE_COUNT: &str = "CPLAssetByAssetDateWithoutHiddenOrDeleted";
/// How many records one look-up may name.
pub(super) const NAMES_PER_LOOKUP: usize = 100;

/// The server's count is an estimate: clients report that it differs from the list by some items. A list that
/// has no holes and is shorter than the count by no more than this is taken as complete.
fn tolerance(counted: u64) -> u64 {
    2 + counted / 1000
}

/// Hears how far the reading is.
pub(super) type Progress<'a> = &'a (dyn Fn(ReadProgress) + Sync);

/// Reads these libraries, the personal one first.
pub(super) async fn read<D: Database>(
    database: &D,
    libraries: &Libraries,
    wanted: Wanted,
    progress: Progress<'_>,
) -> Result<RemoteLibrary, Error> {
    let database = &Bounded::new(database);
    let mut remote = RemoteLibrary::default();
    remote.problems.extend(libraries.unlisted.clone());
    for library in &libraries.found {
        match read_library(database, library, wanted, progress).await {
            Ok(content) => content.add_to(&mut remote),
            // What is wrong with the shared library shall not keep the personal one from its backup.
            Err(error) if library.zone == Zone::Shared && error.is_of_one_library() => {
                remote.problems.push(Problem {
                    subject: library.name.clone(),
                    reason: error.to_string(),
                    blocks_deletion: true,
                });
            }
            Err(error) => return Err(error),
        }
    }
    // A record that comes on several pages has one problem.
    let mut seen = HashSet::new();
    remote.problems.retain(|problem| seen.insert((problem.subject.clone(), problem.reason.clone())));
    Ok(remote)
}

/// What one library holds.
struct Content {
    paired: Paired,
    albums: Vec<Album>,
    tally: ZoneTally,
}

impl Content {
    /// The personal library comes first, so that the positions of album members stay right.
    fn add_to(self, remote: &mut RemoteLibrary) {
        remote.assets.extend(self.paired.assets);
        remote.albums.extend(self.albums);
        remote.zones.push(self.tally);
        remote.pending.extend(self.paired.pending);
        remote.problems.extend(self.paired.problems);
    }
}

async fn read_library<D: Database>(
    database: &D,
    library: &Library,
    wanted: Wanted,
    progress: Progress<'_>,
) -> Result<Content, Error> {
    library.require_indexed(database).await?;
    let (counted, before) = count(database, library).await?;
    let (mut paired, gaps) = read_assets(database, library, wanted, counted, progress).await?;

    // Albums belong to the personal library; the shared one is listed in none.
    let mut albums = Vec::new();
    if library.zone == Zone::Primary {
        let report = |read, found| progress(ReadProgress::Albums { read, found });
        let (read, problems) = albums::read(database, library, &paired, report).await?;
        albums = read;
        paired.problems.extend(problems);
    }

    let (counted, after) = count(database, library).await?;
    let tally = ZoneTally { zone: library.zone, counted, listed: paired.listed };
    let stable = before.is_some() && before == after;
    let doubt = doubt(&tally, gaps, stable);
    paired.problems.extend(doubt.map(|reason| Problem {
        subject: library.name.clone(),
        reason,
        blocks_deletion: true,
    }));
    Ok(Content { paired, albums, tally })
}

/// Why the listing may be incomplete although every page was read.
fn doubt(tally: &ZoneTally, gaps: Gaps, stable: bool) -> Option<String> {
    let ZoneTally { counted, listed, .. } = *tally;
    let missing = counted.saturating_sub(listed);
    if missing > tolerance(counted) || (gaps.0 && missing > 0) {
        Some(format!("Apple counts {counted} photos and videos but lists only {listed}"))
    } else if stable {
        None
    } else {
        Some("the library changed while it was listed".to_owned())
    }
}

async fn count<D: Database>(database: &D, library: &Library) -> Result<(u64, Option<Box<str>>), Error> {
    let (counts, token) = library.counts(database, &[VISIBLE_COUNT.to_owned()]).await?;
    Ok((counts.first().copied().unwrap_or_default(), token))
}

async fn read_assets<D: Database>(
    database: &D,
    library: &Library,
    wanted: Wanted,
    counted: u64,
    progress: Progress<'_>,
) -> Result<(Paired, Gaps), Error> {
    let keys = query::asset_keys(wanted);
    let list = List { library, index: VISIBLE, parent: None, keys: &keys, records_per_rank: 2 };
    let mut pairing = Pairing::new(library.zone, wanted);
    let mut listed = 0;
    let expected = usize::try_from(counted).unwrap_or(usize::MAX);
    let gaps = listing::read(database, &list, expected, |page| {
        listed += page.assets.len() as u64;
        pairing.add(page);
        progress(ReadProgress::Assets { zone: library.zone, listed, counted });
    })
    .await?;
    for names in pairing.missing_masters().chunks(NAMES_PER_LOOKUP) {
        let names: Vec<_> = names.iter().collect();
        let body = query::lookup(library, &names, &keys);
        let answer = database.call(library.area, "records/lookup", &body).await?;
        let page = Page::parse(&answer).map_err(|e| Error::protocol(format!("records/lookup: {e}")))?;
        pairing.add_masters(page);
    }
    Ok((pairing.finish(), gaps))
}

//! Reads a list to its end: windows of absolute ranks, several at once, short and empty pages healed.

use futures_util::{StreamExt as _, stream};

use super::database::{Database, PARALLEL};
use super::page::Page;
use super::query::List;
use crate::icloud::Error;

/// After this many windows without anything, in a row, the list is over whatever the count says.
const EMPTY_WINDOWS: usize = 5;
/// A photo that arrives meanwhile pushes the last page into the next one. More repetitions than this, in a row,
/// and the server does not heed the rank.
const REPETITIONS: usize = 10;

/// Reads the whole list and hands over its pages in the order of the ranks. Says whether something is missing
/// in the middle: ranks that stayed empty although others follow.
///
/// `counted` is the server's estimate. What is below it is read in windows side by side; what may be beyond
/// is probed until a page is empty. Ranks count assets, so a page covers as many as it holds assets, however
/// many were asked for.
///
/// While photos arrive, an asset may be pushed into a window that was answered before its own, and be missed. The
/// zone's sync token has changed then, which the caller notices, and the next run finds the asset.
pub(super) async fn read<D: Database>(
    database: &D,
    list: &List<'_>,
    counted: usize,
    mut take: impl FnMut(Page) + Send,
) -> Result<Gaps, Error> {
    let width = list.ranks_per_page();
    let starts = (0..counted).step_by(width);
    let windows = starts.map(|start| window(database, list, start, counted.min(start + width)));
    let mut windows = stream::iter(windows).buffered(PARALLEL);
    let (mut gaps, mut short, mut empty) = (Gaps(false), false, 0);
    while let Some(window) = windows.next().await {
        let Window { pages, complete } = window?;
        gaps.0 |= short && !pages.is_empty();
        short |= !complete;
        empty = if pages.is_empty() { empty + 1 } else { 0 };
        if empty == EMPTY_WINDOWS {
            tracing::info!("{} ends before the {counted} entries that Apple counts", list.index);
            return Ok(gaps);
        }
        pages.into_iter().for_each(&mut take);
    }
    let beyond = probe(database, list, counted, take).await?;
    gaps.0 |= short && beyond > 0;
    Ok(gaps)
}

/// Whether a list has holes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gaps(pub(super) bool);

/// What the ranks of one window gave.
struct Window {
    pages: Vec<Page>,
    /// Whether they reach to its end.
    complete: bool,
}

/// The pages of the ranks from `start` to `end`.
async fn window<D: Database>(
    database: &D,
    list: &List<'_>,
    start: usize,
    end: usize,
) -> Result<Window, Error> {
    let mut pages = Vec::new();
    let mut rank = start;
    let mut repeated = false;
    while rank < end {
        let page = page(database, list, rank, end - rank).await?;
        let ranks = page.ranks();
        if ranks == 0 {
            // Empty pages in the middle of a list are reported; some are gone when asked again.
            if repeated {
                tracing::info!("{} is empty from {rank} to {end}", list.index);
                return Ok(Window { pages, complete: false });
            }
            repeated = true;
        } else {
            repeated = false;
            rank += ranks;
            pages.push(page);
        }
    }
    Ok(Window { pages, complete: true })
}

/// Reads on from `start` until a page is empty; the number of ranks that it found.
async fn probe<D: Database>(
    database: &D,
    list: &List<'_>,
    start: usize,
    mut take: impl FnMut(Page) + Send,
) -> Result<usize, Error> {
    let mut rank = start;
    let (mut previous, mut repetitions) = (Vec::new(), 0);
    loop {
        let page = page(database, list, rank, list.ranks_per_page()).await?;
        if page.ranks() == 0 {
            return Ok(rank - start);
        }
        let entries = entries(&page);
        repetitions = if entries == previous { repetitions + 1 } else { 0 };
        if repetitions > REPETITIONS {
            return Err(Error::protocol(format!("{} repeats a page for ever", list.index)));
        }
        previous = entries;
        rank += page.ranks();
        take(page);
    }
}

/// What holds a rank in a page, by name.
fn entries(page: &Page) -> Vec<String> {
    let assets = page.assets.iter().map(|asset| asset.record.to_string());
    let relations = page.relations.iter().map(|relation| relation.asset.to_string());
    let unreadable = page.unreadable.iter().map(|record| record.subject.clone());
    assets.chain(relations).chain(unreadable).collect()
}

async fn page<D: Database>(database: &D, list: &List<'_>, rank: usize, ranks: usize) -> Result<Page, Error> {
    let answer = database.call(list.library.area, "records/query", &list.window(rank, ranks)).await?;
    Page::parse(&answer).map_err(|e| Error::protocol(format!("{} from {rank}: {e}", list.index)))
}

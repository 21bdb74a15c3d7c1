//! Looks a batch of downloads up, just before they are fetched.

use std::ops::Range;
use std::time::Instant;

use super::Context;
use super::fetch::{Failure, Located, wish};
use super::source::Source;
use crate::icloud::Error;
use crate::icloud::photos::{Missing, Wish};
use crate::model::Zone;
use crate::sync::plan::Download;

/// Files in one look-up; Apple takes about two hundred names.
pub(super) const FILES: usize = 100;
/// Bytes in one batch: with more, the last addresses would be old when their turn comes.
pub(super) const BYTES: u64 = 2 << 30;
/// Requests that may be spent on finding the one record of a batch that the server chokes on.
const REQUESTS: u32 = 20;

/// What was found of a batch.
pub(super) struct Batch<L> {
    pub(super) found: Vec<Located<L>>,
    pub(super) failed: Vec<(Download, Failure)>,
}

/// Looks up a batch; the order of what is found is that of the batch.
pub(super) async fn locate<S: Source>(
    context: &Context<'_, S>,
    batch: &[Download],
) -> Result<Batch<S::Location>, Error> {
    let mut answers: Vec<Option<Result<S::Location, Missing>>> = batch.iter().map(|_| None).collect();
    for zone in Zone::ALL {
        let (places, wishes): (Vec<usize>, Vec<Wish>) = batch
            .iter()
            .enumerate()
            .filter(|(_, download)| download.key.zone == zone)
            .filter_map(|(at, download)| Some((at, wish(context, download)?)))
            .unzip();
        let found = ask_in(context, zone, &wishes).await?;
        for (at, answer) in places.into_iter().zip(found) {
            answers[at] = Some(answer);
        }
    }
    let since = Instant::now();
    let mut located = Batch { found: Vec::with_capacity(batch.len()), failed: Vec::new() };
    for (&download, answer) in batch.iter().zip(answers) {
        match answer.unwrap_or(Err(Missing::NotReady)) {
            Ok(location) => located.found.push(Located { download, location, since }),
            Err(missing) => located.failed.push((download, missing.into())),
        }
    }
    Ok(located)
}

/// Trouble with the shared library shall not keep the personal one from its backup.
async fn ask_in<S: Source>(
    context: &Context<'_, S>,
    zone: Zone,
    wishes: &[Wish],
) -> Result<Vec<Result<S::Location, Missing>>, Error> {
    let refuse = |reason: &String| wishes.iter().map(|_| Err(Missing::Refused(reason.clone()))).collect();
    if zone == Zone::Primary {
        return ask(context.source, zone, wishes).await;
    }
    if let Some(reason) = context.shared_trouble.get() {
        return Ok(refuse(reason));
    }
    match ask(context.source, zone, wishes).await {
        Err(error) if error.is_of_one_library() => {
            Ok(refuse(context.shared_trouble.get_or_init(|| error.to_string())))
        }
        found => found,
    }
}

/// One record that the server chokes on must not keep the others from being found: what fails is halved.
async fn ask<S: Source>(
    source: &S,
    zone: Zone,
    wishes: &[Wish],
) -> Result<Vec<Result<S::Location, Missing>>, Error> {
    let mut answers = Vec::with_capacity(wishes.len());
    let mut parts: Vec<Range<usize>> = Vec::new();
    if !wishes.is_empty() {
        parts.push(0..wishes.len());
    }
    let mut requests = 0;
    // The part on top of the stack is always the next in order.
    while let Some(part) = parts.pop() {
        requests += 1;
        match source.locate(zone, &wishes[part.clone()]).await {
            Ok(found) => {
                let missing = part.len().saturating_sub(found.len());
                answers.extend(found.into_iter().take(part.len()));
                answers.extend((0..missing).map(|_| Err(Missing::NotReady)));
            }
            Err(error) if error.is_of_one_list() && requests < REQUESTS => {
                if part.len() == 1 {
                    answers.push(Err(Missing::Refused(error.to_string())));
                } else {
                    let middle = part.start + part.len() / 2;
                    parts.push(middle..part.end);
                    parts.push(part.start..middle);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(answers)
}

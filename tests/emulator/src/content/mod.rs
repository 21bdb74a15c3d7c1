//! The host of the files.

#[cfg(test)]
mod tests;
pub(crate) mod url;

use bytes::Bytes;
use futures_util::stream;
use serde_json::json;

use crate::faults::Effect;
use crate::library::Content;
use crate::reply::set_header;
use crate::{Reply, Request, State, json, streamed};

/// Answers a request for the bytes of a file.
#[allow(clippy::unused_async, reason = "the frame awaits it")]
pub async fn content(state: &State, request: &Request) -> Reply {
    let key = state.library.read().database_constant;
    let mut reply = match url::read(&key, request) {
        None => refusal(400),
        Some(ticket) if ticket.expiry <= state.clock.seconds() => refusal(410),
        Some(ticket) => file(ticket.content, wanted_range(request)),
    };
    let name = request.path.rsplit('/').next().unwrap_or_default().replace('$', "%24");
    set_header(&mut reply, "access-control-allow-origin", "https://www.icloud.com");
    set_header(
        &mut reply,
        "content-disposition",
        &format!("attachment; filename=\"{name}\"; filename*=UTF-8''{name}"),
    );
    reply
}

/// Recorded: 400 with an empty object; reported: 410 for what has expired.
fn refusal(status: u16) -> Reply {
    json(status, &json!({}))
}

/// What a `Range` header asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Range {
    Whole,
    From { first: u64, last: Option<u64> },
    Last(u64),
}

/// Only single ranges of bytes are understood; everything else is answered with the whole file.
fn wanted_range(request: &Request) -> Range {
    if request.effects.iter().any(|effect| matches!(effect, Effect::IgnoreRange)) {
        return Range::Whole;
    }
    let header = request.header("range").and_then(|value| value.strip_prefix("bytes="));
    header.and_then(parse_range).unwrap_or(Range::Whole)
}

fn parse_range(text: &str) -> Option<Range> {
    let (first, last) = text.split_once('-')?;
    match (first, last) {
        ("", last) => last.parse().ok().map(Range::Last),
        (first, "") => Some(Range::From { first: first.parse().ok()?, last: None }),
        (first, last) => {
            let (first, last) = (first.parse().ok()?, last.parse().ok()?);
            (first <= last).then_some(Range::From { first, last: Some(last) })
        }
    }
}

fn file(content: Content, range: Range) -> Reply {
    let size = content.size;
    let (first, end) = match range {
        Range::Whole => (0, size),
        Range::From { first, last } => (first, last.map_or(size, |last| size.min(last.saturating_add(1)))),
        Range::Last(count) => (size.saturating_sub(count), size),
    };
    if range != Range::Whole && first >= size {
        let mut reply = crate::status(416);
        set_header(&mut reply, "content-range", &format!("bytes */{size}"));
        return reply;
    }
    let status = if range == Range::Whole { 200 } else { 206 };
    let pieces = content.pieces(first, end - first).map(|piece| Ok(Bytes::from(piece)));
    let mut reply = streamed(status, "application/octet-stream", end - first, stream::iter(pieces));
    set_header(&mut reply, "accept-ranges", "bytes");
    if status == 206 {
        set_header(&mut reply, "content-range", &format!("bytes {first}-{}/{size}", end - 1));
    }
    reply
}

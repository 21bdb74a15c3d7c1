//! How the effects of faults are brought about.

use std::future::pending;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http_body_util::{BodyDataStream, BodyExt as _, StreamBody};
use hyper::body::Frame;

use super::{Canned, Effect};
use crate::reply::{Body, Reply};

/// Time for buffered bytes to leave.
const FLUSH: Duration = Duration::from_millis(20);

type Chunks = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// How long the answer is held back.
pub(crate) fn delay(effects: &[Effect]) -> Duration {
    effects
        .iter()
        .map(|effect| match effect {
            Effect::Latency(duration) => *duration,
            _ => Duration::ZERO,
        })
        .sum()
}

/// What comes in place of the right answer; an error cuts the connection.
pub(crate) fn early_answer(effects: &[Effect]) -> Option<io::Result<Reply>> {
    effects.iter().find_map(|effect| match effect {
        Effect::Reset => Some(Err(io::Error::new(io::ErrorKind::ConnectionReset, "cut off by a fault"))),
        Effect::Answer(canned) => Some(Ok(canned.reply())),
        Effect::Misdirect => Some(Ok(Canned::html(421, "421 Misdirected Request").reply())),
        _ => None,
    })
}

/// The answer with its body spoiled; the promised length stays.
pub(crate) fn spoil(effects: &[Effect], reply: Reply) -> Reply {
    effects.iter().fold(reply, |reply, effect| match *effect {
        Effect::Truncate(at) => with_chunks(reply, |chunks| truncate(chunks, at)),
        Effect::Hang(at) => with_chunks(reply, |chunks| hang(chunks, at)),
        Effect::Flip(at) => with_chunks(reply, |chunks| flip(chunks, at)),
        Effect::Slow(rate) => with_chunks(reply, |chunks| slow(chunks, rate)),
        _ => reply,
    })
}

fn with_chunks<S>(reply: Reply, change: impl FnOnce(Chunks) -> S) -> Reply
where
    S: Stream<Item = io::Result<Bytes>> + Send + 'static,
{
    reply.map(|body: Body| {
        let changed = change(Box::pin(BodyDataStream::new(body)));
        StreamBody::new(changed.map(|chunk| chunk.map(Frame::data))).boxed_unsync()
    })
}

/// The first `limit` bytes of a stream.
fn first(chunks: Chunks, limit: u64) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::unfold((chunks, limit), |(mut chunks, left)| async move {
        if left == 0 {
            return None;
        }
        let chunk = chunks.next().await?.map(|mut bytes| {
            bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            bytes
        });
        let taken = chunk.as_ref().map_or(0, |bytes| bytes.len() as u64);
        Some((chunk, (chunks, left - taken)))
    })
}

fn truncate(chunks: Chunks, at: u64) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let cut = stream::once(async {
        // What comes before the cut has to leave first: an error drops what is still buffered.
        tokio::time::sleep(FLUSH).await;
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, "cut off by a fault"))
    });
    first(chunks, at).chain(cut)
}

fn hang(chunks: Chunks, at: u64) -> impl Stream<Item = io::Result<Bytes>> + Send {
    first(chunks, at).chain(stream::pending())
}

fn flip(chunks: Chunks, at: u64) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let mut place = 0_u64;
    chunks.map(move |chunk| {
        let bytes = chunk?;
        let start = place;
        place += bytes.len() as u64;
        if !(start..place).contains(&at) {
            return Ok(bytes);
        }
        let mut changed = bytes.to_vec();
        if let Some(byte) = usize::try_from(at - start).ok().and_then(|i| changed.get_mut(i)) {
            *byte ^= 0x01;
        }
        Ok(changed.into())
    })
}

/// Sends `rate` bytes a second, in ten portions; a rate of 0 sends nothing at all.
fn slow(chunks: Chunks, rate: u64) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let portion = usize::try_from(rate.div_ceil(10)).unwrap_or(usize::MAX);
    let portions = chunks.flat_map(move |chunk| stream::iter(portions(chunk, portion)));
    portions.then(move |chunk| async move {
        if rate == 0 {
            pending::<()>().await;
        }
        let bytes = chunk?;
        let milliseconds = bytes.len() as u64 * 1000 / rate;
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        Ok(bytes)
    })
}

fn portions(chunk: io::Result<Bytes>, size: usize) -> Vec<io::Result<Bytes>> {
    let mut rest = match chunk {
        Ok(bytes) => bytes,
        Err(error) => return vec![Err(error)],
    };
    let mut portions = Vec::new();
    while !rest.is_empty() {
        portions.push(Ok(rest.split_to(size.clamp(1, rest.len()))));
    }
    portions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::streamed;

    async fn spoiled(effect: Effect) -> (Vec<u8>, bool) {
        let chunks = ["abc", "defg", "hij"].map(|text| Ok(Bytes::from(text)));
        let reply = spoil(&[effect], streamed(200, "application/octet-stream", 10, stream::iter(chunks)));
        assert_eq!(reply.headers()["content-length"], "10", "the promise stays");
        let mut body = BodyDataStream::new(reply.into_body());
        let mut received = Vec::new();
        loop {
            match tokio::time::timeout(Duration::from_millis(50), body.next()).await {
                Ok(Some(Ok(bytes))) => received.extend_from_slice(&bytes),
                Ok(None) => return (received, true),
                Ok(Some(Err(_))) | Err(_) => return (received, false),
            }
        }
    }

    #[tokio::test]
    async fn bodies_are_spoiled_where_asked() {
        assert_eq!(spoiled(Effect::Truncate(5)).await, (b"abcde".to_vec(), false));
        assert_eq!(spoiled(Effect::Hang(4)).await, (b"abcd".to_vec(), false));
        assert_eq!(spoiled(Effect::Flip(3)).await, (b"abceefghij".to_vec(), true));
        assert_eq!(spoiled(Effect::Slow(1_000_000)).await, (b"abcdefghij".to_vec(), true));
    }
}

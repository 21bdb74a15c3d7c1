//! A source of files that fails on command.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::icloud::Error;
use crate::icloud::download::FetchError;
use crate::icloud::photos::{Missing, Wish};
use crate::model::{Checksum, Zone};
use crate::sync::apply::{Body, Source};
use crate::sync::plan::tests::generate::{content, number};

/// What happens to the next request for a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The address is not accepted.
    Expired,
    /// The connection breaks after so many bytes.
    Break(usize),
    /// All bytes come, one of them wrong.
    Flip,
    /// The server asks to slow down.
    Throttle,
    /// The server asks to wait for so long.
    ThrottleFor(Duration),
    /// Nothing is there, and trying again is no use.
    Permanent,
    /// No more bytes come, and no end.
    Hang,
}

/// The files of `generate`, by number.
#[derive(Debug, Default)]
pub(crate) struct Server {
    pub(crate) faults: Mutex<HashMap<Checksum, VecDeque<Fault>>>,
    /// The look-up of these records is refused, whoever is asked for with them.
    pub(crate) chokes_on: Option<Checksum>,
    /// After so many look-ups, the session is lost.
    pub(crate) look_ups_until_lost: Option<usize>,
    /// The asset of this file is gone.
    pub(crate) gone: Option<Checksum>,
    /// If there is one, no file is sent before it is cancelled.
    pub(crate) gate: Option<CancellationToken>,
    pub(crate) look_ups: AtomicUsize,
    pub(crate) offsets: Mutex<Vec<u64>>,
    pub(crate) active: AtomicUsize,
    pub(crate) most_active: AtomicUsize,
}

impl Server {
    pub(crate) fn fault(&self, checksum: Checksum, faults: impl IntoIterator<Item = Fault>) {
        self.faults.lock().unwrap().entry(checksum).or_default().extend(faults);
    }

    fn next_fault(&self, checksum: &Checksum) -> Option<Fault> {
        self.faults.lock().unwrap().get_mut(checksum)?.pop_front()
    }
}

impl Source for Server {
    type Location = Checksum;
    type Body = Pieces;

    async fn locate(&self, _: Zone, wishes: &[Wish]) -> Result<Vec<Result<Checksum, Missing>>, Error> {
        let look_ups = self.look_ups.fetch_add(1, Ordering::SeqCst);
        if self.look_ups_until_lost.is_some_and(|most| look_ups >= most) {
            return Err(Error::SessionLost { reason: "a test".to_owned() });
        }
        if wishes.iter().any(|wish| Some(wish.checksum) == self.chokes_on) {
            return Err(Error::protocol("a record"));
        }
        let found = |wish: &Wish| {
            if Some(wish.checksum) == self.gone { Err(Missing::Gone) } else { Ok(wish.checksum) }
        };
        Ok(wishes.iter().map(found).collect())
    }

    async fn fetch(&self, location: &Checksum, offset: u64) -> Result<(u64, Pieces), FetchError> {
        let active = self.active.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_active.fetch_max(active, Ordering::SeqCst);
        if let Some(gate) = &self.gate {
            gate.cancelled().await;
        }
        self.active.fetch_sub(1, Ordering::SeqCst);
        self.offsets.lock().unwrap().push(offset);
        let mut bytes = content(number(location));
        let mut end = End::Whole;
        match self.next_fault(location) {
            None => {}
            Some(Fault::Expired) => return Err(FetchError::Expired { status: 410 }),
            Some(Fault::Throttle) => return Err(FetchError::Throttled { retry_after: None }),
            Some(Fault::ThrottleFor(wait)) => {
                return Err(FetchError::Throttled { retry_after: Some(wait) });
            }
            Some(Fault::Permanent) => return Err(FetchError::Permanent { what: "no".to_owned() }),
            Some(Fault::Flip) => bytes[0] ^= 1,
            Some(Fault::Break(at)) => {
                bytes.truncate(at);
                end = End::Broken;
            }
            Some(Fault::Hang) => {
                bytes.truncate(5);
                end = End::Never;
            }
        }
        let from = usize::try_from(offset).unwrap().min(bytes.len());
        let pieces = bytes[from..].chunks(7).map(Bytes::copy_from_slice).collect();
        Ok((offset, Pieces { pieces, end }))
    }
}

#[derive(Debug, Clone, Copy)]
enum End {
    Whole,
    Broken,
    Never,
}

/// A file in small pieces.
#[derive(Debug)]
pub(crate) struct Pieces {
    pieces: VecDeque<Bytes>,
    end: End,
}

impl Body for Pieces {
    async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        match (self.pieces.pop_front(), self.end) {
            (Some(piece), _) => Ok(Some(piece)),
            (None, End::Whole) => Ok(None),
            (None, End::Broken) => Err(FetchError::Transient { what: "broken".to_owned() }),
            (None, End::Never) => std::future::pending().await,
        }
    }
}

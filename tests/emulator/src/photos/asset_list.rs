//! Pages of the lists of assets.
//!
//! Ranks count assets. A page holds the masters first, each once, then the assets, then, in an album, the
//! relations.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::error::Refusal;
use super::fields::Wanted;
use super::filter::Filters;
use super::{Call, spoil};
use crate::faults::Effect;
use crate::library::feed::RecordKey;
use crate::library::rank::RankIndex;
use crate::library::record::Album;
use crate::library::zone::{Zone, at};

/// A page of a list of the zone: two records for an asset.
pub(crate) fn page(
    call: &Call<'_>,
    zone: &Zone,
    list: &RankIndex,
    filters: &Filters,
    body: &Value,
) -> Result<Value, Refusal> {
    answer(call, zone, list, filters, body, None)
}

/// A page of the content of an album: three records for an asset.
pub(crate) fn members(
    call: &Call<'_>,
    zone: &Zone,
    filters: &Filters,
    body: &Value,
    by_position: bool,
) -> Result<Value, Refusal> {
    let parent = filters.parent.as_deref();
    let parent = parent.ok_or_else(|| Refusal::bad_request("missing required filter 'parentId'"))?;
    let index = zone.find_album(parent).filter(|index| !zone.albums[at(*index)].deleted);
    let Some(index) = index else {
        return Ok(call.with_token(zone, json!({"records": []})));
    };
    let Album { by_date, by_position: positions, .. } = &zone.albums[at(index)];
    answer(call, zone, if by_position { positions } else { by_date }, filters, body, Some(index))
}

fn answer(
    call: &Call<'_>,
    zone: &Zone,
    list: &RankIndex,
    filters: &Filters,
    body: &Value,
    album: Option<u32>,
) -> Result<Value, Refusal> {
    let per_asset = if album.is_some() { 3 } else { 2 };
    if body["resultsLimit"].as_u64().is_some_and(|limit| limit < per_asset as u64) {
        return Err(Refusal::bad_request("resultsLimit is too small"));
    }
    let count = call.limit(body) / per_asset;
    let window = Window::new(zone, list, filters, body)?;
    let ranks = if call.request.empty_page() { Vec::new() } else { window.ranks(count) };
    let items: Vec<u32> = ranks.iter().filter_map(|rank| list.get(*rank)).map(|(_, item)| item).collect();
    let wanted = Wanted::of(body);
    let scribe = call.scribe(zone, &wanted);
    let mut records: Vec<Value> =
        masters(call, zone, list, &ranks, &items).into_iter().map(|master| scribe.master(master)).collect();
    records.extend(items.iter().map(|item| scribe.asset(*item)));
    if let Some(album) = album {
        records.extend(items.iter().map(|item| {
            let key = RecordKey::Relation(album, *item);
            scribe.relation(album, *item, zone.sequence(key))
        }));
    }
    let mut answer = json!({"records": spoil::spoil(call.request, records)});
    let end = ranks.last().filter(|rank| window.goes_on_after(**rank)).and_then(|rank| list.get(*rank));
    if let Some((key, item)) = end {
        answer["continuationMarker"] = marker(key, &zone.assets[at(item)].uuid.to_string()).into();
    }
    Ok(call.with_token(zone, answer))
}

/// The masters of a page, each once, in the order of the assets.
fn masters(call: &Call<'_>, zone: &Zone, list: &RankIndex, ranks: &[usize], items: &[u32]) -> Vec<u32> {
    let master = |item: u32| zone.assets[at(item)].master;
    let mut masters: Vec<u32> = Vec::with_capacity(items.len());
    let mut seen = std::collections::HashSet::new();
    if call.has(|effect| matches!(effect, Effect::SplitPairs)) {
        // The last asset's master comes only with the following page.
        let before = ranks.first().and_then(|rank| list.get(rank.checked_sub(1)?));
        let shifted = before.map(|(_, item)| item).into_iter();
        let kept = items.len().saturating_sub(1);
        masters.extend(
            shifted.chain(items[..kept].iter().copied()).map(master).filter(|index| seen.insert(*index)),
        );
        return masters;
    }
    masters.extend(items.iter().map(|item| master(*item)).filter(|index| seen.insert(*index)));
    masters
}

/// The part of a list that a query is about, and where in it the page begins.
struct Window {
    /// First rank and the rank after the last.
    bounds: (usize, usize),
    start: usize,
    descending: bool,
}

impl Window {
    fn new(zone: &Zone, list: &RankIndex, filters: &Filters, body: &Value) -> Result<Self, Refusal> {
        let rank = |key: i64, item: u32| list.search(key, item).unwrap_or_else(|place| place);
        let first = filters.newest.map_or(0, |newest| rank(newest, 0));
        let end = filters.oldest.map_or(list.len(), |oldest| rank(oldest, u32::MAX));
        let start = match body["continuationMarker"].as_str() {
            None => Some(first + filters.start_rank.unwrap_or(0)),
            Some(text) => {
                let (key, name) =
                    read_marker(text).ok_or_else(|| Refusal::bad_request("Invalid continuation format"))?;
                let item = zone.find_asset(&name).unwrap_or(u32::MAX);
                match (list.search(key, item), filters.descending) {
                    (Ok(rank), false) => Some(rank + 1),
                    (Err(place), false) => Some(place),
                    (Ok(place) | Err(place), true) => place.checked_sub(1),
                }
            }
        };
        let descending = filters.descending;
        // Nothing is left below rank 0.
        let start = start.unwrap_or(usize::MAX);
        Ok(Self { bounds: (first, end), start, descending })
    }

    fn ranks(&self, count: usize) -> Vec<usize> {
        let (first, end) = self.bounds;
        if self.start >= end {
            return Vec::new();
        }
        if self.descending {
            return (first..=self.start).rev().take(count).collect();
        }
        (self.start..end).take(count).collect()
    }

    fn goes_on_after(&self, rank: usize) -> bool {
        let (first, end) = self.bounds;
        if self.descending { rank > first } else { rank + 1 < end }
    }
}

/// A marker in the recorded form: a small protocol buffer with the last sort value and the last asset.
fn marker(key: i64, name: &str) -> String {
    let mut bytes = vec![0x12, 0x09, 0x19];
    bytes.extend(key.to_be_bytes());
    let length = u8::try_from(name.len()).unwrap_or(0);
    bytes.extend([0x1a, length + 4, 0x0a, length]);
    bytes.extend(name.bytes());
    bytes.extend([0x10, 0x01]);
    STANDARD.encode(bytes)
}

fn read_marker(text: &str) -> Option<(i64, String)> {
    let bytes = STANDARD.decode(text).ok()?;
    let key = i64::from_be_bytes(bytes.get(3..11)?.try_into().ok()?);
    let length = usize::from(*bytes.get(14)?);
    let name = String::from_utf8(bytes.get(15..15 + length)?.to_vec()).ok()?;
    Some((key, name))
}

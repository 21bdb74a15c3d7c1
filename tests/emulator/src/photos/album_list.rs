//! The lists of albums: one level of the tree at a time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Call;
use super::error::Refusal;
use super::fields::Wanted;
use super::filter::Filters;
use crate::library::feed::RecordKey;
use crate::library::record::AlbumKind;
use crate::library::zone::{Zone, at};

const ROOT: &str = "----Root-Folder----";

/// A page of the albums below a folder; without one, the root records and the top level.
pub(crate) fn page(call: &Call<'_>, zone: &Zone, filters: &Filters, body: &Value) -> Result<Value, Refusal> {
    let albums = match filters.parent.as_deref() {
        None => roots(zone).chain(zone.children(None)).collect(),
        Some(ROOT) => zone.children(None),
        Some(parent) => zone.find_album(parent).map_or_else(Vec::new, |folder| zone.children(Some(folder))),
    };
    let start = match body["continuationMarker"].as_str() {
        None => filters.start_rank.unwrap_or(0),
        Some(marker) => {
            let last =
                read_marker(marker).ok_or_else(|| Refusal::bad_request("Invalid continuation format"))?;
            let name = |index: &u32| *zone.albums[at(*index)].record == *last;
            albums.iter().position(name).map_or(albums.len(), |position| position + 1)
        }
    };
    let limit = call.limit(body).max(1);
    let rest = albums.get(start..).unwrap_or_default();
    let page = if call.request.empty_page() { &[] } else { &rest[..rest.len().min(limit)] };
    let wanted = Wanted::of(body);
    let scribe = call.scribe(zone, &wanted);
    let records: Vec<Value> = page.iter().map(|index| scribe.record(RecordKey::Album(*index), 0)).collect();
    let mut answer = json!({"records": records});
    if let Some(last) = page.last().filter(|_| page.len() < rest.len()) {
        answer["continuationMarker"] = marker(&zone.albums[at(*last)].record).into();
    }
    Ok(call.with_token(zone, answer))
}

fn roots(zone: &Zone) -> impl Iterator<Item = u32> + '_ {
    (0..).zip(&zone.albums).filter(|(_, album)| album.kind == AlbumKind::Root).map(|(index, _)| index)
}

/// A small protocol buffer with the name of the last album.
fn marker(name: &str) -> String {
    let length = u8::try_from(name.len()).unwrap_or(0);
    let mut bytes = vec![0x1a, length + 4, 0x0a, length];
    bytes.extend(name.bytes());
    bytes.extend([0x10, 0x01]);
    STANDARD.encode(bytes)
}

fn read_marker(text: &str) -> Option<String> {
    let bytes = STANDARD.decode(text).ok()?;
    let length = usize::from(*bytes.get(3)?);
    String::from_utf8(bytes.get(4..4 + length)?.to_vec()).ok()
}

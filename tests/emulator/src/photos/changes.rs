//! The lists of zones, and what changed in them.

use serde_json::{Value, json};

use super::error::Refusal;
use super::fields::Wanted;
use super::scribe::zone_id;
use super::{Call, find_zone, spoil};
use crate::library::feed::{BadToken, Feed, decode_token, encode_token};
use crate::library::zone::{Presence, Zone};

/// `zones/list`: the zones of an area.
pub(crate) fn zones(call: &Call<'_>) -> Value {
    let zones: Vec<Value> = of_area(call).map(|zone| entry(zone, false)).collect();
    json!({"zones": zones, "syncToken": database_token(call), "moreComing": false})
}

/// `changes/database`: the zones that changed since a token.
pub(crate) fn database(call: &Call<'_>, body: &Value) -> Result<Value, Refusal> {
    let library = call.library;
    let since = match body["syncToken"].as_str() {
        None => None,
        Some(token) => Some(
            decode_token(token, &library.database_constant, library.database_sequence)
                .map_err(|bad| Refusal::bad_request(bad.reason()))?,
        ),
    };
    let changed = of_area(call).filter(|zone| since.is_none_or(|since| zone.database_sequence > since));
    let zones: Vec<Value> = changed.map(|zone| entry(zone, true)).collect();
    Ok(json!({"zones": zones, "syncToken": database_token(call), "moreComing": false}))
}

fn of_area<'a>(call: &'a Call<'_>) -> impl Iterator<Item = &'a Zone> {
    let zones = call.library.zones.iter().filter(|zone| zone.area == call.area);
    zones.filter(|zone| zone.presence != Presence::Absent)
}

fn entry(zone: &Zone, with_token: bool) -> Value {
    let mut entry = json!({"zoneID": zone_id(zone)});
    if zone.presence == Presence::Deleted {
        entry["deleted"] = true.into();
    } else if with_token {
        entry["syncToken"] = zone.feed.token().into();
    }
    entry
}

fn database_token(call: &Call<'_>) -> String {
    encode_token(call.library.database_sequence, &call.library.database_constant)
}

/// `changes/zone`: the changes of zones since their tokens. What is wrong with one stays with that one.
pub(crate) fn zone_changes(call: &Call<'_>, body: &Value) -> Result<Value, Refusal> {
    let zones =
        body["zones"].as_array().ok_or_else(|| Refusal::bad_request("missing required field 'zones'"))?;
    let answers = zones
        .iter()
        .map(|wish| changes(call, wish).unwrap_or_else(|refusal| refusal.part("zoneID", &wish["zoneID"])));
    Ok(json!({"zones": answers.collect::<Vec<_>>()}))
}

fn changes(call: &Call<'_>, wish: &Value) -> Result<Value, Refusal> {
    let zone = find_zone(call.library, call.area, &wish["zoneID"])?;
    let answer = |token: String, more: bool, records: Vec<Value>| {
        Ok(json!({"zoneID": zone_id(zone), "syncToken": token, "moreComing": more, "records": records}))
    };
    let since = match wish["syncToken"].as_str() {
        // Reported: the full history begins with an empty page, and the empty token means "caught up".
        None => return answer(zone.feed.token_at(Feed::start()), true, Vec::new()),
        Some("") => zone.feed.last(),
        Some(token) => {
            zone.feed.read_token(token).map_err(|bad: BadToken| Refusal::bad_request(bad.reason()))?
        }
    };
    if call.request.empty_page() {
        return answer(zone.feed.token_at(since), true, Vec::new());
    }
    let end = zone.feed.last().min(since + call.limit(wish) as u64);
    let wanted = Wanted::of(wish);
    let scribe = call.scribe(zone, &wanted);
    let records = (since + 1..=end).filter_map(|sequence| {
        let key = zone.feed.record_at(sequence)?;
        zone.is_last_change(key, sequence).then(|| scribe.record(key, sequence))
    });
    let records = spoil::spoil(call.request, records.collect());
    answer(zone.feed.token_at(end), end < zone.feed.last(), records)
}

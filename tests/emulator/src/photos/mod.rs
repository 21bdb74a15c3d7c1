//! The photos database.

mod album_list;
mod asset_list;
mod changes;
mod error;
mod fields;
mod filter;
mod modify;
mod place;
mod query;
mod scribe;
mod spoil;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use self::error::Refusal;
use self::fields::Wanted;
use self::scribe::Scribe;
use crate::content::url::Signer;
use crate::faults::Effect;
use crate::kind::Kind;
use crate::library::zone::Zone;
use crate::library::{Area, Library};
use crate::{Reply, Request, State};

/// The most records of one answer, whatever the client asks for (reported by clients).
const PAGE: usize = 200;

/// Answers a request to the database; its cookies have been checked.
#[allow(clippy::unused_async, reason = "the frame awaits it")]
pub async fn database(state: &State, request: &Request) -> Reply {
    let body = request.json();
    if !body.is_object() {
        return Refusal::bad_request("Invalid JSON").reply();
    }
    let area = if request.path.contains("/production/shared/") { Area::Shared } else { Area::Private };
    if request.kind == Kind::Modify {
        return answer(modify::modify(state, request, area, &body));
    }
    let library = &*state.library.read();
    let signer = Signer::new(library.database_constant, state, request);
    let call = Call { state, request, library, area, signer };
    answer(match request.kind {
        Kind::Zones => Ok(changes::zones(&call)),
        Kind::DatabaseChanges => changes::database(&call, &body),
        Kind::ZoneChanges => changes::zone_changes(&call, &body),
        Kind::Batch => batch(&call, &body),
        Kind::Lookup => lookup(&call, &body),
        _ => query::query(&call, &body),
    })
}

fn answer(result: Result<Value, Refusal>) -> Reply {
    match result {
        Ok(value) => crate::json(200, &value),
        Err(refusal) => refusal.reply(),
    }
}

/// One call to the database.
struct Call<'a> {
    state: &'a State,
    request: &'a Request,
    library: &'a Library,
    area: Area,
    signer: Signer,
}

impl Call<'_> {
    /// The zone that a body names. `PrimarySync` needs no owner; a wrong one is refused.
    fn zone(&self, body: &Value) -> Result<&Zone, Refusal> {
        find_zone(self.library, self.area, &body["zoneID"])
    }

    fn scribe<'a>(&'a self, zone: &'a Zone, wanted: &'a Wanted) -> Scribe<'a> {
        let without = self.has(|effect| matches!(effect, Effect::MissingUrls));
        Scribe { zone, wanted, signer: (!without).then_some(&self.signer) }
    }

    fn has(&self, wanted: impl Fn(&Effect) -> bool) -> bool {
        self.request.effects.iter().any(wanted)
    }

    /// How many records this answer may have: what the client wants, the server allows, and faults leave.
    fn limit(&self, body: &Value) -> usize {
        let wanted = body["resultsLimit"].as_u64().and_then(|limit| usize::try_from(limit).ok());
        let limit = wanted.unwrap_or(PAGE).min(PAGE);
        self.request.short_page().map_or(limit, |short| limit.min(short))
    }

    /// An answer, with the token of the zone if the client asks for tokens.
    fn with_token(&self, zone: &Zone, mut answer: Value) -> Value {
        if wants_token(self.request) {
            answer["syncToken"] = zone.feed.token().into();
        }
        answer
    }

    fn unexpected(&self, what: impl std::fmt::Display) {
        self.state.record_unexpected(format!("{:?}: {what}", self.request.kind));
    }
}

fn wants_token(request: &Request) -> bool {
    request.parameter("getCurrentSyncToken").is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn find_zone<'a>(library: &'a Library, area: Area, zone_id: &Value) -> Result<&'a Zone, Refusal> {
    let name = zone_id["zoneName"]
        .as_str()
        .ok_or_else(|| Refusal::bad_request("missing required field 'zoneID'"))?;
    let owner = zone_id["ownerRecordName"].as_str();
    library
        .zone(area, name)
        .filter(|zone| zone.is_there() && owner.is_none_or(|owner| owner == zone.owner))
        .ok_or_else(Refusal::zone_not_found)
}

fn batch(call: &Call<'_>, body: &Value) -> Result<Value, Refusal> {
    let queries =
        body["batch"].as_array().ok_or_else(|| Refusal::bad_request("missing required field 'batch'"))?;
    let answers = queries.iter().map(|query| {
        query::query(call, query).unwrap_or_else(|refusal| refusal.part("zoneID", &query["zoneID"]))
    });
    Ok(json!({"batch": answers.collect::<Vec<_>>()}))
}

fn lookup(call: &Call<'_>, body: &Value) -> Result<Value, Refusal> {
    let zone = call.zone(body)?;
    let wanted = Wanted::of(body);
    let scribe = call.scribe(zone, &wanted);
    let names =
        body["records"].as_array().ok_or_else(|| Refusal::bad_request("missing required field 'records'"))?;
    let records = names.iter().map(|record| {
        let name = record["recordName"].as_str().unwrap_or_default();
        match zone.find(name) {
            Some(key) => scribe.record(key, zone.sequence(key)),
            None => Refusal::not_found().part("recordName", &name.into()),
        }
    });
    let records = spoil::spoil(call.request, records.collect());
    Ok(call.with_token(zone, json!({"records": records})))
}

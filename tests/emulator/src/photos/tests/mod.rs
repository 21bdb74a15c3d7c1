//! The photos database, asked as a client asks.

mod albums;
mod lists;
mod modify;
mod records;
mod zones;

use std::collections::{BTreeMap, BTreeSet};

use http_body_util::BodyExt as _;
use hyper::{HeaderMap, Method};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::database;
use crate::faults::Effect;
use crate::kind::Kind;
use crate::library::{
    AssetView, Edit, Form, LibraryHandle, LibrarySpec, NewAsset, Rng as Numbers, SharedLibrary, ZoneKind,
};
use crate::{AccountOptions, Clock, Request, State};

const VISIBLE: &str = "CPLAssetAndMasterByAssetDateWithoutHiddenOrDeleted";

fn state(spec: &LibrarySpec) -> State {
    let clock = Clock::default();
    State::new(clock.clone(), LibraryHandle::new(spec, clock), AccountOptions::default(), None)
}

fn request(kind: Kind, area: &str, body: &Value, effects: &[Effect]) -> Request {
    Request {
        kind,
        method: Method::POST,
        host: "p61-ckdatabasews.icloud.com".into(),
        path: format!("/database/1/com.apple.photos.cloud/production/{area}/call"),
        query: vec![("getCurrentSyncToken".into(), "True".into())],
        headers: HeaderMap::new(),
        cookies: Vec::new(),
        body: body.to_string().into(),
        connection: 1,
        effects: effects.to_vec(),
    }
}

fn send(state: &State, request: &Request) -> (u16, Value) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let reply = database(state, request).await;
        let status = reply.status().as_u16();
        let body = reply.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    })
}

fn ask(state: &State, kind: Kind, body: &Value) -> (u16, Value) {
    send(state, &request(kind, "private", body, &[]))
}

fn ok(state: &State, kind: Kind, body: &Value) -> Value {
    let (status, answer) = ask(state, kind, body);
    assert_eq!(status, 200, "{answer}");
    answer
}

fn filter(name: &str, kind: &str, value: &Value) -> Value {
    json!({"fieldName": name, "comparator": "EQUALS", "fieldValue": {"type": kind, "value": value}})
}

fn list(kind: &str, rank: usize, direction: &str, limit: usize, more: &[Value]) -> Value {
    let mut filters =
        vec![filter("startRank", "INT64", &rank.into()), filter("direction", "STRING", &direction.into())];
    filters.extend_from_slice(more);
    json!({
        "query": {"recordType": kind, "filterBy": filters},
        "resultsLimit": limit,
        "zoneID": {"zoneName": "PrimarySync"},
    })
}

fn of_type<'a>(answer: &'a Value, kind: &str) -> Vec<&'a Value> {
    answer["records"].as_array().unwrap().iter().filter(|record| record["recordType"] == kind).collect()
}

fn names(answer: &Value, kind: &str) -> Vec<String> {
    of_type(answer, kind).iter().map(|record| record["recordName"].as_str().unwrap().to_owned()).collect()
}

fn visible(state: &State) -> Vec<AssetView> {
    let mut assets = state.library.visible_assets();
    assets.retain(|asset| asset.zone == ZoneKind::Primary);
    assets
}

fn count(state: &State, id: &str) -> i64 {
    let body = json!({"batch": [{
        "resultsLimit": 1,
        "query": {"recordType": "HyperionIndexCountLookup", "filterBy": {
            "fieldName": "indexCountID", "comparator": "IN",
            "fieldValue": {"type": "STRING_LIST", "value": [id]}}},
        "zoneWide": true,
        "zoneID": {"zoneName": "PrimarySync"},
    }]});
    let answer = ok(state, Kind::Batch, &body);
    assert_eq!(answer["batch"][0]["records"][0]["recordName"], id);
    answer["batch"][0]["records"][0]["fields"]["itemCount"]["value"].as_i64().unwrap()
}

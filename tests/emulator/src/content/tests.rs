use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::header::RANGE;
use hyper::{HeaderMap, Method};
use proptest::prelude::*;
use serde_json::Value;

use super::content;
use super::url::Signer;
use crate::faults::Effect;
use crate::kind::Kind;
use crate::library::{File, LibraryHandle, LibrarySpec};
use crate::request::parse_query;
use crate::{AccountOptions, Clock, Request, State};

fn state() -> State {
    let clock = Clock::default();
    State::new(
        clock.clone(),
        LibraryHandle::new(&LibrarySpec::plain(0), clock),
        AccountOptions::default(),
        None,
    )
}

fn request(url: &str, range: Option<&str>, effects: &[Effect]) -> Request {
    let uri: hyper::Uri = url.replace('{', "%7B").replace('}', "%7D").parse().unwrap();
    let mut headers = HeaderMap::new();
    if let Some(range) = range {
        headers.insert(RANGE, range.parse().unwrap());
    }
    Request {
        kind: Kind::Content,
        method: Method::GET,
        host: uri.host().unwrap().to_owned(),
        path: uri.path().to_owned(),
        query: parse_query(uri.query().unwrap()),
        headers,
        cookies: Vec::new(),
        body: bytes::Bytes::new(),
        connection: 1,
        effects: effects.to_vec(),
    }
}

fn address(state: &State, file: &File) -> String {
    let any = request("https://p61-ckdatabasews.icloud.com/x?y", None, &[]);
    let key = state.library.read().database_constant;
    Signer::new(key, state, &any).address(file, "PrimarySync")
}

fn get(state: &State, url: &str, range: Option<&str>, effects: &[Effect]) -> (u16, HeaderMap, Vec<u8>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let reply = content(state, &request(url, range, effects)).await;
        let (parts, body) = reply.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (parts.status.as_u16(), parts.headers, bytes.to_vec())
    })
}

#[test]
fn an_address_has_the_recorded_form_and_gives_the_file() {
    let state = state();
    let file = File::new(5, 100_000, "public.jpeg");
    let url = address(&state, &file);
    let (start, query) = url.split_once('?').unwrap();
    let segment =
        start.strip_prefix("https://cvws.icloud-content.com/B/").unwrap().strip_suffix("/${f}").unwrap();
    assert_eq!(segment.len(), 56);
    assert!(segment.starts_with(&file.checksum.to_base64().replace('+', "-").replace('/', "_")));
    let names: Vec<_> = parse_query(query).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["o", "v", "x", "a", "e", "k", "fl", "r", "ckc", "ckz", "y", "p", "s"]);
    let (status, headers, bytes) = get(&state, &url, None, &[]);
    assert_eq!(
        (status, &headers["content-length"], &headers["accept-ranges"]),
        (200, &"100000".parse().unwrap(), &"bytes".parse().unwrap())
    );
    assert_eq!(bytes, file.content.bytes());
}

#[test]
fn an_address_expires_and_cannot_be_forged() {
    let state = state();
    let url = address(&state, &File::new(5, 100, "public.jpeg"));
    for forged in [
        url.replace("&e=1", "&e=2"),
        url.replace("&a=B", "&a=C"),
        url.replace("&s=", "&s=x"),
        url.replace("&k=", "&q="),
    ] {
        let (status, _, body) = get(&state, &forged, None, &[]);
        assert_eq!((status, &body[..]), (400, &b"{}"[..]), "{forged}");
    }
    state.clock.advance(Duration::from_secs(3599));
    assert_eq!(get(&state, &url, None, &[]).0, 200);
    state.clock.advance(Duration::from_secs(2));
    let (status, _, body) = get(&state, &url, None, &[]);
    assert_eq!((status, serde_json::from_slice::<Value>(&body).unwrap()), (410, serde_json::json!({})));
}

#[test]
fn a_range_past_the_end_is_416_and_a_host_may_ignore_ranges() {
    let state = state();
    let file = File::new(5, 100, "public.jpeg");
    let url = address(&state, &file);
    let (status, headers, _) = get(&state, &url, Some("bytes=100-"), &[]);
    assert_eq!((status, &headers["content-range"]), (416, &"bytes */100".parse().unwrap()));
    let (status, _, body) = get(&state, &url, Some("bytes=40-"), &[Effect::IgnoreRange]);
    assert_eq!((status, body.len()), (200, 100));
    assert_eq!(get(&state, &url, Some("bytes=-30"), &[]).2, file.content.bytes()[70..]);
    assert_eq!(get(&state, &url, Some("lines=1-2"), &[]).0, 200);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_range_is_the_same_slice_of_the_whole(first in 0_usize..150_000, length in 1_usize..100_000, open: bool) {
        let state = state();
        let file = File::new(7, 150_000, "com.apple.quicktime-movie");
        let last = first + length - 1;
        let range = if open { format!("bytes={first}-") } else { format!("bytes={first}-{last}") };
        let (status, headers, body) = get(&state, &address(&state, &file), Some(&range), &[]);
        let end = if open { 150_000 } else { 150_000.min(last + 1) };
        prop_assert_eq!(status, 206);
        prop_assert_eq!(headers["content-range"].to_str().unwrap(), format!("bytes {first}-{}/150000", end - 1));
        prop_assert_eq!(&body, &file.content.bytes()[first..end]);
    }
}

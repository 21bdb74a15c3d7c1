use super::*;
use crate::account::Strictness;
use crate::auth::codes::Channel;

const DEVICE: &str = "/verify/trusteddevice/securitycode";

#[tokio::test]
async fn every_answer_brings_new_nonces_and_the_old_ones_are_refused() {
    let (state, account) = server(|_| {});
    let mut client = Client::new(&state);
    let mut seen = std::collections::HashSet::new();
    let answers = [
        client.sign_in("Correct-Horse-7!").await,
        client.get("").await,
        client.put(DEVICE, Value::Null).await,
        client.post(DEVICE, code("x")).await,
    ];
    for answer in &answers {
        for name in ["scnt", "x-apple-id-session-id", "x-apple-auth-attributes"] {
            assert!(seen.insert(answer.header(name).unwrap().to_owned()), "{name} is new");
        }
    }
    let latest = client.headers.clone();
    for name in ["scnt", "x-apple-id-session-id"] {
        client.headers = latest.clone();
        client.headers.insert(name, answers[1].headers[name].clone());
        assert_eq!(client.get("").await.status, 401, "stale {name}");
        client.headers.remove(name);
        assert_eq!(client.get("").await.status, 401, "missing {name}");
    }
    client.headers = latest;
    let right = account.last_code(Channel::Device).unwrap();
    assert_eq!(client.post(DEVICE, code(&right)).await.status, 409, "refusals have changed nothing");
}

#[tokio::test]
async fn a_stale_nonce_spoils_a_new_sign_in_too() {
    let (state, _) = server(|_| {});
    let mut client = Client::new(&state);
    client.sign_in("Correct-Horse-7!").await;
    let old = client.headers.clone();
    client.get("").await;
    client.headers = old;
    assert_eq!(client.sign_in("Correct-Horse-7!").await.status, 401);
    client.headers.remove("scnt");
    assert_eq!(client.sign_in("Correct-Horse-7!").await.status, 409);
}

#[tokio::test]
async fn the_session_token_is_taken_for_the_session_id() {
    let (state, _) = server(|_| {});
    let mut client = Client::new(&state);
    client.sign_in("Correct-Horse-7!").await;
    client.headers.insert("x-apple-id-session-id", client.session_token.parse().unwrap());
    assert_eq!(client.get("").await.status, 200);
}

#[tokio::test]
async fn a_lenient_server_takes_old_nonces_and_few_headers() {
    let (state, _) = server(|account| account.strictness = Strictness::lenient());
    let mut client = Client::new(&state);
    client.headers.remove("x-apple-oauth-redirect-uri");
    client.headers.remove("origin");
    client.sign_in("Correct-Horse-7!").await;
    let old = client.headers.clone();
    client.get("").await;
    client.headers = old;
    assert_eq!(client.get("").await.status, 200);
}

#[tokio::test]
async fn headers_that_clients_need_are_missed() {
    let (state, _) = server(|_| {});
    for (name, status) in [
        ("x-apple-oauth-state", 400),
        ("x-apple-oauth-redirect-uri", 400),
        ("x-apple-oauth-require-grant-code", 400),
        ("origin", 403),
    ] {
        let mut client = Client::new(&state);
        client.headers.remove(name);
        assert_eq!(client.sign_in("Correct-Horse-7!").await.status, status, "{name}");
    }
    let mut client = Client::new(&state);
    client.headers.remove("x-apple-widget-key");
    client.headers.remove("x-apple-oauth-client-id");
    assert_eq!(client.sign_in("Correct-Horse-7!").await.status, 401);
    let mut client = Client::new(&state);
    client.headers.insert("origin", "https://example.com".parse().unwrap());
    assert_eq!(client.sign_in("Correct-Horse-7!").await.status, 403);
}

#[tokio::test]
async fn a_client_that_looks_like_no_browser_gets_no_token() {
    let (state, account) = server(|account| account.strictness.browser = true);
    let mut client = Client::new(&state);
    client.headers.insert("origin", "https://idmsa.apple.com".parse().unwrap());
    client.sign_in("Correct-Horse-7!").await;
    client.put(DEVICE, Value::Null).await;
    let answer = client.post(DEVICE, code(&account.last_code(Channel::Device).unwrap())).await;
    assert_eq!((answer.status, &answer.body["securityCode"]["valid"]), (409, &json!(true)));
    assert_eq!(answer.header("x-apple-session-token"), None);
    assert_eq!(client.get("/2sv/trust").await.status, 400);
    client.headers.insert("origin", "https://www.icloud.com".parse().unwrap());
    assert_eq!(client.get("/2sv/trust").await.status, 204);
}

#[tokio::test]
async fn attributes_may_be_left_out_but_not_be_old() {
    let (state, _) = server(|_| {});
    let mut client = Client::new(&state);
    let path =
        format!("/authorize/signin?client_id={}", client.headers["x-apple-widget-key"].to_str().unwrap());
    let page = client.get(&path).await;
    client.headers.insert("x-apple-auth-attributes", page.headers["x-apple-auth-attributes"].clone());
    // The test's client never takes the newer ones: good for the first half, stale for the second.
    assert_eq!(client.sign_in("Correct-Horse-7!").await.status, 401);
    client.headers.remove("x-apple-auth-attributes");
    client.headers.remove("scnt");
    assert_eq!(client.sign_in("Correct-Horse-7!").await.status, 409);
}

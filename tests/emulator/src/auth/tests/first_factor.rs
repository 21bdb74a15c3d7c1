use super::*;
use crate::account::{Protocol, Repair, SecondFactor};

#[tokio::test]
async fn the_right_password_leads_to_the_second_factor() {
    for protocol in [Protocol::S2k, Protocol::S2kFo] {
        let (state, _) = server(|account| account.protocol = protocol);
        let mut client = Client::new(&state);
        let answer = client.sign_in("Correct-Horse-7!").await;
        assert_eq!(answer.status, 409);
        assert_eq!(answer.body["authType"], "hsa2");
        assert!(answer.header("x-apple-session-token").is_some());
        assert_eq!(answer.header("x-apple-id-account-country"), Some("USA"));
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_too_many_lock_the_account() {
    let (state, _) = server(|_| {});
    let mut client = Client::new(&state);
    for _ in 0..5 {
        let answer = client.sign_in("correct-horse-7!").await;
        assert_eq!((answer.status, error_code(&answer)), (401, Some("-20101")));
        assert_eq!(answer.header("x-apple-session-token"), None);
    }
    let answer = client.sign_in("Correct-Horse-7!").await;
    assert_eq!((answer.status, error_code(&answer)), (403, Some("-20209")));
}

#[tokio::test]
async fn an_unknown_account_looks_like_a_wrong_password() {
    let (state, _) = server(|_| {});
    let mut client = Client::new(&state);
    client.name = "nobody@example.com".to_owned();
    let answer = client.sign_in("Correct-Horse-7!").await;
    assert_eq!((answer.status, error_code(&answer)), (401, Some("-20101")));
}

#[tokio::test]
async fn a_capital_in_the_name_spoils_the_proof() {
    let (state, _) = server(|_| {});
    let mut client = Client::new(&state);
    client.name = "Jane.Doe@example.com".to_owned();
    assert_eq!(client.sign_in("Correct-Horse-7!").await.status, 401);
}

#[tokio::test]
async fn a_changed_password_counts_at_once() {
    let (state, account) = server(|_| {});
    account.set_password("new");
    let mut client = Client::new(&state);
    assert_eq!(client.sign_in("Correct-Horse-7!").await.status, 401);
    assert_eq!(client.sign_in("new").await.status, 409);
}

#[tokio::test]
async fn an_account_without_second_factor_enters_at_once_or_after_a_repair_step() {
    let (state, account) = server(|account| account.second_factor = SecondFactor::None);
    let mut client = Client::new(&state);
    assert_eq!(client.sign_in("Correct-Horse-7!").await.status, 200);
    assert_eq!(client.get("/2sv/trust").await.status, 404, "nothing to trust");

    account.change(|account| account.repair = Repair::Passable);
    let answer = client.sign_in("Correct-Horse-7!").await;
    assert_eq!((answer.status, &answer.body["authType"]), (412, &json!("sa")));
    assert_eq!(client.post("/repair/complete", json!({})).await.status, 200);
    assert_eq!(client.account_login().await.body["hsaTrustedBrowser"], true);

    account.change(|account| account.repair = Repair::NeedsOwner);
    client.sign_in("Correct-Horse-7!").await;
    assert_eq!(client.post("/repair/complete", json!({})).await.status, 412);
}

#[tokio::test]
async fn accounts_of_organisations_are_refused() {
    let (state, _) = server(|account| account.managed = true);
    let answer = Client::new(&state).sign_in("Correct-Horse-7!").await;
    assert_eq!((answer.status, error_code(&answer)), (403, Some("-22320")));
}

#[tokio::test]
async fn too_many_sign_ins_are_blocked_with_a_page() {
    let (state, _) = server(|account| account.sign_in_budget = Some(1));
    let mut client = Client::new(&state);
    assert_eq!(client.sign_in("Correct-Horse-7!").await.status, 409);
    for _ in 0..2 {
        let answer = client.sign_in("Correct-Horse-7!").await;
        assert_eq!(answer.status, 503);
        assert!(answer.text.contains("Service Temporarily Unavailable"));
    }
    state.clock.advance(MINUTES(15));
    assert_eq!(client.sign_in("Correct-Horse-7!").await.status, 503, "each try has made it longer");
    state.clock.advance(MINUTES(24 * 60));
    assert_eq!(client.sign_in("Correct-Horse-7!").await.status, 409);
}

#[tokio::test]
async fn retired_addresses_stay_retired() {
    let (state, _) = server(|_| {});
    let mut client = Client::new(&state);
    let body = json!({ "accountName": "a", "password": "b" });
    assert_eq!(client.post("/signin?isRememberMeEnabled=true", body).await.status, 503);
    client.sign_in("Correct-Horse-7!").await;
    assert_eq!(client.put("/verify/trusteddevice", Value::Null).await.status, 405);
}

#[tokio::test]
async fn a_client_that_begins_with_the_page_goes_on_with_its_nonces() {
    let (state, _) = server(|_| {});
    let mut client = Client::new(&state);
    let id = client.headers["x-apple-widget-key"].to_str().unwrap().to_owned();
    let page = client.get(&format!("/authorize/signin?client_id={id}&state=auth-1")).await;
    assert_eq!(page.status, 200);
    assert!(page.header("x-apple-hc-challenge").is_some());
    let body = json!({ "accountName": client.name, "rememberMe": true });
    assert_eq!(client.post("/federate?isRememberMeEnabled=true", body).await.status, 200);
    assert_eq!(client.sign_in("Correct-Horse-7!").await.status, 409);
}

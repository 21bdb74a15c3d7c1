use super::*;
use crate::account::{ListHtml, ListJson, PhoneAnswer, PushAnswer, SecondFactor, SubmitAnswer};
use crate::auth::codes::Channel;

const PUSH: &str = "/verify/trusteddevice/securitycode";
const DEVICE: &str = "/verify/trusteddevice/securitycode";
const PHONE: &str = "/verify/phone";
const PHONE_CODE: &str = "/verify/phone/securitycode";

async fn challenged(state: &std::sync::Arc<State>) -> Client {
    let mut client = Client::new(state);
    assert_eq!(client.sign_in("Correct-Horse-7!").await.status, 409);
    client
}

fn sms(id: u32) -> Value {
    json!({ "phoneNumber": { "id": id }, "mode": "sms" })
}

#[tokio::test]
async fn a_code_leads_to_trust_and_trust_makes_codes_needless() {
    let (state, account) = server(|_| {});
    let mut client = challenged(&state).await;
    assert_eq!(client.account_login().await.body["hsaChallengeRequired"], true);
    assert_eq!(account.last_code(Channel::Device), None, "nobody has asked yet");
    assert_eq!(client.put(PUSH, Value::Null).await.status, 202);
    let answer = client.post(DEVICE, code(&account.last_code(Channel::Device).unwrap())).await;
    assert_eq!(answer.status, 409);
    assert_eq!(answer.body["securityCode"]["valid"], true);
    assert_eq!(answer.body["authenticationType"], "hsa2");

    let before = client.session_token.clone();
    assert_eq!(client.get("/2sv/trust").await.status, 204);
    assert_ne!(client.session_token, before);
    let login = client.account_login().await;
    assert_eq!((login.status, &login.body["hsaTrustedBrowser"]), (200, &json!(true)));
    client.session_token = before;
    assert_eq!(client.account_login().await.status, 400, "the newer token took its place");

    assert_eq!(client.sign_in("Correct-Horse-7!").await.status, 200, "trusted");
    client.headers.insert("x-apple-oauth-state", "auth-another".parse().unwrap());
    assert_eq!(client.sign_in("Correct-Horse-7!").await.status, 409, "trust is bound to the client");
}

#[tokio::test]
async fn trust_ends_and_can_be_renewed_before_that() {
    let (state, account) = server(|_| {});
    let mut client = challenged(&state).await;
    client.put(PUSH, Value::Null).await;
    client.post(DEVICE, code(&account.last_code(Channel::Device).unwrap())).await;
    client.get("/2sv/trust").await;
    state.clock.advance(MINUTES(29 * 24 * 60));
    assert_eq!(client.get("/2sv/trust").await.status, 204, "a living sign-in renews trust");
    state.clock.advance(MINUTES(29 * 24 * 60));
    assert_eq!(client.sign_in("Correct-Horse-7!").await.status, 200);
    state.clock.advance(MINUTES(2 * 24 * 60));
    assert_eq!(client.sign_in("Correct-Horse-7!").await.status, 409);
    account.expire_trust();
    assert_eq!(client.account_login().await.body["hsaTrustedBrowser"], false);
}

#[tokio::test]
async fn a_new_code_kills_the_old_one_and_codes_die_of_age() {
    let (state, account) = server(|_| {});
    let mut client = challenged(&state).await;
    client.put(PUSH, Value::Null).await;
    let old = account.last_code(Channel::Device).unwrap();
    client.put(PUSH, Value::Null).await;
    let new = account.last_code(Channel::Device).unwrap();
    if old != new {
        let answer = client.post(DEVICE, code(&old)).await;
        assert_eq!((answer.status, error_code(&answer)), (400, Some("-21669")));
        assert_eq!(answer.header("x-apple-i-ercd"), Some("-21669"));
    }
    state.clock.advance(MINUTES(9));
    assert_eq!(client.get("").await.status, 200, "keeps the sign-in alive");
    state.clock.advance(MINUTES(1));
    assert_eq!(client.post(DEVICE, code(&new)).await.status, 400, "ten minutes old");
}

#[tokio::test]
async fn a_sign_in_that_is_silent_for_too_long_is_over() {
    let (state, account) = server(|_| {});
    let mut client = challenged(&state).await;
    client.put(PUSH, Value::Null).await;
    state.clock.advance(MINUTES(10));
    assert_eq!(client.post(DEVICE, code(&account.last_code(Channel::Device).unwrap())).await.status, 421);
}

#[tokio::test]
async fn a_code_is_good_on_its_own_way_only() {
    let (state, account) = server(|_| {});
    let mut client = challenged(&state).await;
    assert_eq!(client.put(PHONE, sms(7)).await.status, 200);
    let texted = account.last_code(Channel::Sms(7)).unwrap();
    assert_eq!(client.post(DEVICE, code(&texted)).await.status, 400);
    assert_eq!(client.post(PHONE_CODE, phone_code(3, "sms", &texted)).await.status, 400, "the other phone");
    assert_eq!(client.post(PHONE_CODE, phone_code(7, "voice", &texted)).await.status, 400, "the other mode");
    assert_eq!(client.post(PHONE_CODE, phone_code(7, "sms", &texted)).await.status, 409);
}

#[tokio::test]
async fn a_phone_that_is_not_there_is_answered_with_those_that_are() {
    let (state, account) = server(|_| {});
    let mut client = challenged(&state).await;
    let answer = client.put(PHONE, sms(1)).await;
    assert_eq!(answer.status, 412);
    assert_eq!(answer.body["phoneNumber"]["id"], Value::Null);
    assert_eq!(answer.body["trustedPhoneNumbers"][0]["id"], 3);
    account.change(|account| account.phone = PhoneAnswer::Unavailable);
    assert_eq!(error_code(&client.put(PHONE, sms(3)).await), Some("-28248"));
    account.change(|account| account.phone = PhoneAnswer::SentConflict);
    let voice = json!({ "phoneNumber": { "id": 3 }, "mode": "voice" });
    assert_eq!(client.put(PHONE, voice).await.status, 409);
    assert!(account.last_code(Channel::Voice(3)).is_some(), "it was made all the same");
}

#[tokio::test]
async fn five_wrong_codes_lock_even_the_right_one() {
    let (state, account) = server(|_| {});
    let mut client = challenged(&state).await;
    client.put(PUSH, Value::Null).await;
    let right = account.last_code(Channel::Device).unwrap();
    let wrong = if right == "000000" { "000001" } else { "000000" };
    for _ in 0..4 {
        assert_eq!(client.post(DEVICE, code(wrong)).await.status, 400);
    }
    let answer = client.post(DEVICE, code(wrong)).await;
    assert_eq!((answer.status, error_code(&answer)), (423, Some("-22982")));
    assert_eq!(client.post(DEVICE, code(&right)).await.body["securityCode"]["securityCodeLocked"], true);
    assert_eq!(client.put(PUSH, Value::Null).await.status, 423);
}

#[tokio::test]
async fn a_code_of_a_device_without_network_is_good() {
    let (state, account) = server(|_| {});
    let mut client = challenged(&state).await;
    let offline = account.offline_code();
    assert_eq!(client.post(PHONE_CODE, phone_code(3, "sms", &offline)).await.status, 400);
    assert_eq!(client.post(DEVICE, code(&offline)).await.status, 409);
}

#[tokio::test]
async fn a_right_code_is_answered_as_configured() {
    let conflict =
        |session_token, edp, trust_token| SubmitAnswer::Conflict { session_token, edp, trust_token };
    for (submit, status, session, edp, trust) in [
        (SubmitAnswer::Success, 204, true, false, false),
        (conflict(true, true, true), 409, true, true, true),
        (conflict(false, false, false), 409, false, false, false),
        (SubmitAnswer::Repair, 412, true, false, false),
    ] {
        let (state, account) = server(|account| account.submit = submit);
        let mut client = challenged(&state).await;
        client.put(PUSH, Value::Null).await;
        let answer = client.post(DEVICE, code(&account.last_code(Channel::Device).unwrap())).await;
        assert_eq!(answer.status, status, "{submit:?}");
        assert_eq!(answer.header("x-apple-session-token").is_some(), session, "{submit:?}");
        assert_eq!(answer.header("x-apple-edp").is_some(), edp, "{submit:?}");
        assert_eq!(answer.header("x-apple-twosv-trust-token").is_some(), trust, "{submit:?}");
        if submit == SubmitAnswer::Repair {
            assert_eq!(answer.body["securityCode"]["valid"], true);
            assert_eq!(client.get("/2sv/trust").await.status, 412);
            assert_eq!(client.post("/repair/complete", json!({})).await.status, 200);
        }
        assert_eq!(client.get("/2sv/trust").await.status, 204, "{submit:?}");
        assert_eq!(client.account_login().await.body["hsaTrustedBrowser"], true, "{submit:?}");
    }
}

#[tokio::test]
async fn the_list_has_the_shape_that_is_configured() {
    let (state, account) = server(|_| {});
    let mut client = challenged(&state).await;
    for (shape, pointer) in [
        (ListJson::Nested, "/phoneNumberVerification/trustedPhoneNumbers/1/id"),
        (ListJson::Top, "/trustedPhoneNumbers/1/id"),
        (ListJson::Singular, "/trustedPhoneNumber/id"),
    ] {
        account.change(|account| account.list_json = shape);
        let list = client.get("").await.body;
        let id = if shape == ListJson::Singular { 3 } else { 7 };
        assert_eq!(list.pointer(pointer), Some(&json!(id)), "{shape:?}");
        assert_eq!(list["noTrustedDevices"], false);
    }
    account.change(|account| account.list_json = ListJson::Absent);
    assert!(!client.get("").await.text.contains("honeNumber"));

    client.accept = "*/*";
    for (shape, place) in [
        (ListHtml::Direct, "/direct/twoSV/phoneNumberVerification"),
        (ListHtml::Bridge, "/direct/twoSV/bridgeInitiateData/phoneNumberVerification"),
    ] {
        account.change(|account| account.list_html = shape);
        let page = client.get("").await.text;
        let (_, rest) = page.split_once("class=\"boot_args\">").unwrap();
        let arguments: Value = serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap();
        assert_eq!(arguments.pointer(&format!("{place}/trustedPhoneNumbers/0/id")), Some(&json!(3)));
        assert_eq!(arguments.pointer("/direct/hasTrustedDevices"), Some(&json!(true)));
    }
    account.change(|account| account.list_conflict = true);
    assert_eq!(client.get("").await.status, 409);
}

#[tokio::test]
async fn an_account_with_keys_tells_them_and_no_code_ever_comes() {
    let keys = || SecondFactor::SecurityKeys(vec!["Blue key".to_owned(), "Spare".to_owned()]);
    let (state, account) = server(|account| account.second_factor = keys());
    let mut client = Client::new(&state);
    let answer = client.sign_in("Correct-Horse-7!").await;
    assert_eq!((answer.status, &answer.body["keyNames"][1]), (409, &json!("Spare")));
    assert_eq!(client.get("").await.body["fsaChallenge"]["rpId"], "apple.com");
    assert_eq!(client.put(PUSH, Value::Null).await.status, 202);
    assert_eq!(account.codes_arrived(), 0);

    account.change(|account| account.keys_told_late = true);
    let answer = client.sign_in("Correct-Horse-7!").await;
    assert_eq!((answer.status, &answer.body["keyNames"]), (409, &Value::Null));
    assert_eq!(client.get("").await.body["keyNames"][0], "Blue key");
}

#[tokio::test]
async fn a_push_may_be_lost_or_refused_and_texts_run_out() {
    let (state, account) = server(|account| account.push = PushAnswer::Lost);
    let mut client = challenged(&state).await;
    assert_eq!(client.put(PUSH, Value::Null).await.status, 202);
    account.change(|account| account.push = PushAnswer::Refused(412));
    assert_eq!(client.put(PUSH, Value::Null).await.status, 412);
    assert_eq!(account.codes_arrived(), 0);
    for _ in 0..5 {
        assert_eq!(client.put(PHONE, sms(3)).await.status, 200);
    }
    let answer = client.put(PHONE, sms(3)).await;
    assert_eq!((answer.status, &answer.body["securityCode"]["tooManyCodesSent"]), (423, &json!(true)));
}

#[tokio::test]
async fn trust_may_suffice_although_a_code_is_asked_for() {
    let (state, account) = server(|account| account.challenge_in_spite_of_trust = true);
    let mut client = challenged(&state).await;
    client.put(PUSH, Value::Null).await;
    client.post(DEVICE, code(&account.last_code(Channel::Device).unwrap())).await;
    client.get("/2sv/trust").await;
    assert_eq!(client.sign_in("Correct-Horse-7!").await.status, 409);
    assert_eq!(client.account_login().await.body["hsaChallengeRequired"], false);
}

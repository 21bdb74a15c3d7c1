use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(value: &Value) -> Reading {
    Reading::of(value.to_string().as_bytes())
}

fn listed() -> Value {
    json!([
        { "id": 3, "numberWithDialCode": "+49 ••• 81", "pushMode": "sms", "lastTwoDigits": "81" },
        { "id": 7, "obfuscatedNumber": "••• 12", "pushMode": "voice", "nonFTEU": true },
    ])
}

fn page(direct: &Value) -> String {
    let args = json!({ "direct": direct });
    format!(
        "<html><script>1</script><script type=\"application/json\" class=\"boot_args\">\n{args}\n</script></html>"
    )
}

#[test]
fn phones_are_found_in_every_shape() {
    for value in [
        json!({ "trustedPhoneNumbers": listed() }),
        json!({ "phoneNumberVerification": { "trustedPhoneNumbers": listed(), "trustedPhoneNumber": { "id": 3 } } }),
        json!({ "anything": [{ "new": { "trustedPhoneNumbers": listed() } }] }),
    ] {
        let ids: Vec<u32> = read(&value).phones.iter().map(|phone| phone.id).collect();
        assert_eq!(ids, [3, 7], "{value}");
    }
    for value in [
        json!({ "trustedPhoneNumber": { "id": 5, "lastTwoDigits": "81" } }),
        json!({ "trustedPhoneNumbers": [], "trustedPhoneNumber": { "id": "5" } }),
    ] {
        assert_eq!(read(&value).phones.first().map(|phone| phone.id), Some(5), "{value}");
    }
}

#[test]
fn phones_are_found_in_the_page_old_and_new() {
    let list = json!({ "trustedPhoneNumbers": listed() });
    for direct in [
        json!({ "hasTrustedDevices": false, "twoSV": { "phoneNumberVerification": list } }),
        json!({ "hasTrustedDevices": false, "twoSV": { "bridgeInitiateData": { "phoneNumberVerification": list } } }),
        json!({ "hasTrustedDevices": false, "phoneNumberVerification": list }),
    ] {
        let reading = Reading::of(page(&direct).as_bytes());
        assert_eq!((reading.phones.len(), reading.devices), (2, Some(false)), "{direct}");
    }
}

#[test]
fn a_phone_keeps_what_has_to_be_sent_back() {
    let phones = read(&json!({ "trustedPhoneNumbers": listed() })).phones;
    assert_eq!((phones[0].number.as_str(), phones[0].non_fteu), ("+49 ••• 81", None));
    assert_eq!((phones[1].mode.as_str(), phones[1].non_fteu), ("voice", Some(true)));
}

#[test]
fn without_an_id_there_is_no_phone() {
    for phone in
        [json!({}), json!({ "id": -1 }), json!({ "id": "x" }), json!(1), json!({ "id": 5_000_000_000_u64 })]
    {
        assert!(
            read(&json!({ "trustedPhoneNumbers": [phone], "trustedPhoneNumber": phone })).phones.is_empty()
        );
    }
}

#[test]
fn keys_are_recognised_and_named() {
    let named = json!({ "fsaChallenge": { "challenge": "x" }, "keyNames": ["blue", "spare"] });
    assert_eq!(read(&named).keys, Some(vec!["blue".to_owned(), "spare".to_owned()]));
    assert_eq!(read(&json!({ "fsaChallenge": { "challenge": "x" } })).keys, Some(Vec::new()));
    assert_eq!(read(&json!({ "fsaChallenge": null, "keyNames": [] })).keys, None);
}

#[test]
fn flags_and_errors_are_read_in_both_spellings() {
    let wrong = json!({ "service_errors": [{ "code": "-21669", "title": "Incorrect" }], "hasError": true });
    assert!(read(&wrong).has("-21669") && read(&wrong).is_error());
    let refused = json!({ "serviceErrors": [{ "code": -20101, "message": "Check\nit" }] });
    assert_eq!(read(&refused).message().as_deref(), Some("Checkit [-20101]"));
    let locked =
        json!({ "phoneNumberVerification": { "securityCode": { "length": 4, "securityCodeLocked": true } } });
    assert!(read(&locked).locked && !read(&locked).is_error());
    assert_eq!(read(&locked).challenge().code_length, 4);
    assert_eq!(read(&json!({ "securityCode": { "valid": true, "code": "123456" } })).valid, Some(true));
    assert_eq!(read(&json!({ "securityCode": { "length": 99 } })).challenge().code_length, USUAL_LENGTH);
}

#[test]
fn a_later_answer_adds_and_does_not_erase() {
    let mut reading =
        read(&json!({ "trustedPhoneNumbers": listed(), "noTrustedDevices": true, "authType": "hsa2" }));
    reading.merge(Reading::of(b"<html>"));
    assert_eq!(
        (reading.phones.len(), reading.devices, reading.kind.as_deref()),
        (2, Some(false), Some("hsa2"))
    );
}

proptest! {
    #[test]
    fn any_answer_is_survived(text in "\\PC*") {
        let _ = Reading::of(text.as_bytes());
        let _ = Reading::of(page(&Value::String(text)).as_bytes());
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut html = b"boot_args>".to_vec();
        html.extend(&bytes);
        html.extend(b"</script>");
        let _ = (Reading::of(&bytes), Reading::of(&html));
    }
}

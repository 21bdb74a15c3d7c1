//! Codes: read as Apple means it, and nothing asked of anybody who is not there.

use icloud_emulator::{Canned, Channel, Kind, PhoneAnswer, Repair, SubmitAnswer, When};
use icps::icloud::{Error, Method, Unanswered};

use crate::support::{Act, World, pass};

#[tokio::test]
async fn every_way_of_saying_yes_is_understood() {
    let conflict =
        |session_token, edp, trust_token| SubmitAnswer::Conflict { session_token, edp, trust_token };
    for submit in [
        SubmitAnswer::Success,
        conflict(true, false, false),
        conflict(true, true, false),
        conflict(true, true, true),
        conflict(false, false, false),
    ] {
        for method in [Method::Device, Method::Sms(7)] {
            let world = World::new(|account| account.submit = submit);
            let channel = if method == Method::Device { Channel::Device } else { Channel::Sms(7) };
            let mut person = world.shy_person([Act::Ask(method), Act::Read(channel)]);
            world.sign_in(&mut person).await.unwrap_or_else(|error| panic!("{submit:?} {method:?}: {error}"));
            assert_eq!((world.costs(), person.accepted), ([1, 1, 1], Some(true)), "{submit:?} {method:?}");
            assert!(world.overview().trust_expiry.is_some());
        }
    }
}

#[tokio::test]
async fn a_right_code_may_want_a_repair() {
    for (repair, works) in [(Repair::Passable, true), (Repair::NeedsOwner, false)] {
        let world = World::new(|account| {
            account.submit = SubmitAnswer::Repair;
            account.repair = repair;
        });
        let outcome = world.sign_in(&mut world.person([Act::Read(Channel::Device)])).await;
        assert_eq!(outcome.is_ok(), works, "{outcome:?}");
        assert!(works || matches!(outcome, Err(Error::RepairNeeded { .. })));
        assert_eq!((world.seen(Kind::Repair), world.costs()), (1, [1, 1, 1]));
    }
}

#[tokio::test]
async fn a_code_for_an_unknown_phone_is_answered_with_the_right_ones() {
    let world = World::new(|_| {});
    let refused = serde_json::json!({ "phoneNumber": {}, "trustedPhoneNumbers": [{ "id": 7 }] });
    world.spoil(Kind::PhoneCode, When::Times(1), Canned::json(412, &refused));
    let mut person = world.shy_person([
        Act::Ask(Method::Sms(3)),
        Act::Read(Channel::Sms(3)),
        Act::AskLater(Method::Sms(7)),
        Act::Read(Channel::Sms(7)),
    ]);
    world.sign_in(&mut person).await.unwrap();
    assert!(person.errors()[0].contains("does not know this phone"), "{:?}", person.errors());
    let refused = &person.shown[2];
    assert_eq!(refused.asked, None, "nothing is awaited from a phone that is none");
    assert_eq!(refused.challenge.phones.iter().map(|phone| phone.id).collect::<Vec<_>>(), [7]);
    assert_eq!(world.costs(), [1, 2, 2]);
}

#[tokio::test]
async fn wrong_codes_are_tried_three_times_and_cost_nothing_else() {
    let world = World::new(|_| {});
    let wrong = || Act::Type("000000");
    let mut person = world.person([wrong(), wrong(), Act::Read(Channel::Device)]);
    world.sign_in(&mut person).await.unwrap();
    assert_eq!((world.costs(), person.errors().len()), ([1, 1, 3], 2));

    let world = World::new(|_| {});
    let mut person = world.person([wrong(), wrong(), wrong(), Act::Read(Channel::Device)]);
    let error = world.sign_in(&mut person).await.unwrap_err();
    assert!(matches!(error, Error::WrongCodes), "{error}");
    assert_eq!((world.costs(), person.accepted), ([1, 1, 3], Some(false)));
}

#[tokio::test]
async fn a_refusal_that_is_not_about_the_code_does_not_pass_for_a_wrong_one() {
    for (status, expired) in [(401, true), (403, true), (421, true), (404, false), (405, false), (410, false)]
    {
        let world = World::new(|_| {});
        world.spoil(Kind::DeviceCode, When::Always, Canned::status(status));
        let error = world.sign_in(&mut world.person([Act::Offline, Act::Offline])).await.unwrap_err();
        assert_eq!(matches!(error, Error::CodeExpired), expired, "{status}: {error}");
        assert!(expired || matches!(error, Error::Server { status: s, .. } if s == status), "{error}");
        assert_eq!(world.costs(), [1, 1, 1], "{status}");
    }
}

#[tokio::test]
async fn an_answer_that_calls_the_code_wrong_is_believed_whatever_its_status() {
    for status in [200, 400, 409] {
        let world = World::new(|_| {});
        let wrong = serde_json::json!({ "securityCode": { "code": "1", "valid": false } });
        world.spoil(Kind::DeviceCode, When::Times(1), Canned::json(status, &wrong));
        let mut person = world.person([Act::Type("000000"), Act::Read(Channel::Device)]);
        world.sign_in(&mut person).await.unwrap();
        assert_eq!(person.errors().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_refusal_that_hides_behind_a_200_is_seen() {
    let wrong = serde_json::json!({ "serviceErrors": [{ "code": "-20101", "message": "wrong" }] });
    let world = World::new(|_| {});
    world.spoil(Kind::Complete, When::Always, Canned::json(200, &wrong).header("x-apple-i-rscd", "401"));
    let error = world.sign_in(&mut world.person([])).await.unwrap_err();
    assert!(matches!(error, Error::CredentialsRefused { remembered: false }), "{error}");
    for status in ["401", "403"] {
        let world = World::new(|_| {});
        world.spoil(Kind::DeviceCode, When::Always, Canned::status(200).header("x-apple-i-rscd", status));
        let error = world.sign_in(&mut world.person([Act::Offline])).await.unwrap_err();
        assert!(matches!(error, Error::CodeExpired), "{status}: {error}");
        assert_eq!(world.seen(Kind::Trust), 0, "{status}");
    }
}

#[tokio::test]
async fn what_is_no_code_is_not_sent() {
    let world = World::new(|_| {});
    let mut person =
        world.person([Act::Type("12345"), Act::Type("abcdef"), Act::Type(""), Act::Read(Channel::Device)]);
    world.sign_in(&mut person).await.unwrap();
    assert_eq!((world.costs(), person.errors().len()), ([1, 1, 1], 3));
}

#[tokio::test]
async fn too_many_wrong_codes_end_it_and_are_known_before_the_next_code_is_asked_for() {
    let mut world = World::new(|_| {});
    let wrong = || Act::Type("000000");
    let error = world.sign_in(&mut world.person([wrong(), wrong(), wrong()])).await.unwrap_err();
    assert!(matches!(error, Error::WrongCodes), "{error}");
    pass(world.state.path(), jiff::SignedDuration::from_mins(1));
    let error = world.sign_in(&mut world.person([wrong(), wrong(), wrong()])).await.unwrap_err();
    assert!(matches!(error, Error::TooManyCodes), "the fifth locks: {error}");

    world.emulator.reset_statistics();
    pass(world.state.path(), jiff::SignedDuration::from_mins(1));
    let error = world.sign_in(&mut world.person([Act::Read(Channel::Device)])).await.unwrap_err();
    assert!(matches!(error, Error::TooManyCodes), "{error}");
    assert_eq!(world.costs(), [1, 0, 0], "the list says so; no code is asked for");
    assert!(world.overview().next_attempt.is_some(), "and the status says until when");

    world.by_person = false;
    let error = world.sign_in(&mut world.person([])).await.unwrap_err();
    assert!(matches!(error, Error::Breaker { .. }), "{error}");
    assert_eq!(world.costs(), [1, 0, 0], "unattended runs do not even send the password");
}

#[tokio::test]
async fn each_lock_flag_stops_what_it_is_about() {
    let list = |flag: &str| serde_json::json!({ "trustedPhoneNumbers": [{ "id": 3 }], "securityCode": { "length": 6, flag: true } });
    for flag in ["tooManyCodesValidated", "securityCodeLocked"] {
        let world = World::new(|_| {});
        world.spoil(Kind::Challenge, When::Always, Canned::json(200, &list(flag)));
        let error = world.sign_in(&mut world.person([])).await.unwrap_err();
        assert!(matches!(error, Error::TooManyCodes), "{flag}: {error}");
        assert_eq!(world.costs(), [1, 0, 0], "{flag}");
    }
    for flag in ["tooManyCodesSent", "securityCodeCooldown"] {
        let world = World::new(|_| {});
        world.spoil(Kind::Challenge, When::Always, Canned::json(200, &list(flag)));
        let mut person = world.person([Act::Offline]);
        world.sign_in(&mut person).await.unwrap();
        assert_eq!(world.costs(), [1, 0, 1], "{flag}: no code is asked for, but one that is there counts");
        assert!(person.errors()[0].contains("still counts"), "{flag}: {:?}", person.errors());
    }
    // Beside a good status, the flag is about the code that was just sent.
    let ways =
        [(PhoneAnswer::Sent, Act::Read(Channel::Sms(3)), 1), (PhoneAnswer::SentConflict, Act::Offline, 2)];
    for (phone, then, errors) in ways {
        let world = World::new(|account| (account.cooling_down, account.phone) = (true, phone));
        let mut person = world.person([Act::Ask(Method::Sms(3)), then]);
        world.sign_in(&mut person).await.unwrap();
        assert_eq!((world.seen(Kind::Push), world.seen(Kind::Sms)), (0, 1), "no push after such a list");
        assert_eq!(person.errors().len(), errors, "{phone:?}: {:?}", person.errors());
    }
}

#[tokio::test]
async fn a_run_without_a_person_asks_for_nothing_and_remembers_it() {
    let mut world = World::new(|_| {});
    world.by_person = false;
    let nobody = || world.shy_person([Act::Leave(Unanswered::NobodyThere)]);
    let error = world.sign_in(&mut nobody()).await.unwrap_err();
    assert!(matches!(error, Error::SecondFactorNeeded), "{error}");
    assert_eq!(world.costs(), [1, 0, 0]);
    for _ in 0..2 {
        let error = world.sign_in(&mut nobody()).await.unwrap_err();
        assert!(matches!(error, Error::SecondFactorUnanswered { .. }), "{error}");
    }
    assert_eq!(world.costs(), [1, 0, 0], "not even the password is sent again");
    assert!(world.overview().unanswered_since.is_some());

    world.by_person = true;
    world.sign_in(&mut world.person([Act::Read(Channel::Device)])).await.unwrap();
    assert!(world.overview().unanswered_since.is_none());
}

#[tokio::test]
async fn a_code_that_was_not_answered_in_time_is_not_asked_for_again_by_a_timer() {
    let mut world = World::new(|_| {});
    world.by_person = false;
    let error = world.sign_in(&mut world.person([])).await.unwrap_err();
    assert!(matches!(error, Error::SecondFactorUnanswered { .. }), "{error}");
    assert_eq!(world.costs(), [1, 1, 0]);
    world.sign_in(&mut world.person([])).await.unwrap_err();
    assert_eq!(world.costs(), [1, 1, 0]);
}

#[tokio::test]
async fn a_run_that_is_killed_while_it_waits_is_remembered() {
    let mut world = World::new(|_| {});
    let mut person = world.person([Act::Dawdle]);
    let killed = tokio::time::timeout(std::time::Duration::from_secs(2), world.sign_in(&mut person)).await;
    assert!(killed.is_err() && person.shown.len() == 1);
    let mut client = String::new();
    world.edit_session(|session| client = session["client_id"].as_str().unwrap().to_owned());

    world.by_person = false;
    let error = world.sign_in(&mut world.person([])).await.unwrap_err();
    assert!(matches!(error, Error::SecondFactorUnanswered { .. }), "{error}");
    world.edit_session(|session| assert_eq!(session["client_id"], client.as_str()));
    assert_eq!(world.costs(), [1, 1, 0]);
}

#[tokio::test]
async fn a_conversation_that_is_over_says_so() {
    let world = World::new(|_| {});
    let error = world.sign_in(&mut world.person([Act::TooLate(Channel::Device)])).await.unwrap_err();
    assert!(matches!(error, Error::CodeExpired), "{error}");
}

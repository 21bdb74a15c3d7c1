//! Codes: asked for once, read as Apple means it.

use icloud_emulator::{
    Channel, Kind, ListHtml, ListJson, Phone, PhoneAnswer, PushAnswer, Repair, SecondFactor, SubmitAnswer,
};
use icps::icloud::{Error, Method, Unanswered};

use crate::support::{Act, World};

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
async fn phones_are_found_wherever_apple_lists_them() {
    for (json, html, conflict) in [
        (ListJson::Nested, ListHtml::Absent, false),
        (ListJson::Top, ListHtml::Absent, true),
        (ListJson::Singular, ListHtml::Absent, false),
        (ListJson::Absent, ListHtml::Direct, false),
        (ListJson::Absent, ListHtml::Bridge, true),
    ] {
        let world = World::new(|account| {
            (account.list_json, account.list_html, account.list_conflict) = (json, html, conflict);
        });
        let mut person = world.shy_person([Act::Ask(Method::Sms(3)), Act::Read(Channel::Sms(3))]);
        world.sign_in(&mut person).await.unwrap_or_else(|error| panic!("{json:?} {html:?}: {error}"));
        assert_eq!(person.shown[0].challenge.phones[0].id, 3);
        assert!(person.shown[0].challenge.phones[0].number.ends_with("81"));
    }
}

#[tokio::test]
async fn without_a_list_no_phone_is_guessed_and_a_device_still_helps() {
    let world = World::new(|account| {
        (account.list_json, account.list_html) = (ListJson::Absent, ListHtml::Absent);
    });
    let mut person = world.person([Act::Ask(Method::Sms(1)), Act::Read(Channel::Device)]);
    world.sign_in(&mut person).await.unwrap();
    assert_eq!((world.seen(Kind::Sms), person.errors().len()), (0, 1));
}

#[tokio::test]
async fn without_a_device_the_only_phone_is_asked_for_at_once() {
    let world = World::new(|account| {
        account.second_factor = SecondFactor::Codes { devices: false, phones: vec![Phone::new(5, "81")] };
    });
    world.sign_in(&mut world.person([Act::Read(Channel::Sms(5))])).await.unwrap();
    assert_eq!((world.seen(Kind::Push), world.seen(Kind::Sms)), (0, 1));
}

#[tokio::test]
async fn without_a_device_and_with_several_phones_the_person_chooses() {
    let world = World::new(|account| {
        let phones = vec![Phone::new(5, "81"), Phone::new(9, "42")];
        account.second_factor = SecondFactor::Codes { devices: false, phones };
    });
    let mut person =
        world.person([Act::Ask(Method::Device), Act::Ask(Method::Voice(9)), Act::Read(Channel::Voice(9))]);
    world.sign_in(&mut person).await.unwrap();
    assert_eq!((world.seen(Kind::Push), world.seen(Kind::Sms), world.seen(Kind::Voice)), (0, 0, 1));
}

#[tokio::test]
async fn a_request_answered_with_409_counts_as_sent() {
    let world = World::new(|account| {
        (account.push, account.phone) = (PushAnswer::SentConflict, PhoneAnswer::SentConflict);
    });
    let mut person = world.person([Act::Ask(Method::Sms(3)), Act::Read(Channel::Sms(3))]);
    world.sign_in(&mut person).await.unwrap();
    assert_eq!(person.shown[0].asked, Some(Method::Device));
    assert!(person.errors().is_empty(), "{:?}", person.errors());
}

#[tokio::test]
async fn a_push_that_fails_or_never_arrives_leaves_other_ways() {
    for push in
        [PushAnswer::Lost, PushAnswer::Refused(405), PushAnswer::Refused(412), PushAnswer::Refused(429)]
    {
        let world = World::new(|account| account.push = push);
        let mut person = world.person([Act::Ask(Method::Sms(3)), Act::Read(Channel::Sms(3))]);
        world.sign_in(&mut person).await.unwrap_or_else(|error| panic!("{push:?}: {error}"));
        assert_eq!(person.errors().is_empty(), push == PushAnswer::Lost, "{push:?}");
        assert_eq!(world.seen(Kind::Push), 1);

        let world = World::new(|account| account.push = push);
        world.sign_in(&mut world.person([Act::Offline])).await.unwrap();
    }
}

#[tokio::test]
async fn a_number_that_gets_no_codes_is_told_to_the_person() {
    let world = World::new(|account| account.phone = PhoneAnswer::Unavailable);
    let mut person = world.person([Act::Ask(Method::Sms(3)), Act::Read(Channel::Device)]);
    world.sign_in(&mut person).await.unwrap();
    assert!(person.errors()[0].contains("number"), "{:?}", person.errors());
    assert_eq!(person.shown[1].asked, Some(Method::Device), "the device's code is still the one awaited");
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
async fn what_is_no_code_is_not_sent() {
    let world = World::new(|_| {});
    let mut person =
        world.person([Act::Type("12345"), Act::Type("abcdef"), Act::Type(""), Act::Read(Channel::Device)]);
    world.sign_in(&mut person).await.unwrap();
    assert_eq!((world.costs(), person.errors().len()), ([1, 1, 1], 3));
}

#[tokio::test]
async fn too_many_wrong_codes_end_it() {
    let world = World::new(|_| {});
    for _ in 0..2 {
        let script = [Act::Type("000000"), Act::Type("000000"), Act::Type("000000")];
        let _ = world.sign_in(&mut world.person(script)).await.unwrap_err();
    }
    let error = world.sign_in(&mut world.person([Act::Type("000000")])).await.unwrap_err();
    assert!(matches!(error, Error::TooManyCodes), "{error}");
}

#[tokio::test]
async fn codes_are_not_asked_for_in_a_row() {
    let world = World::new(|_| {});
    let mut person =
        world.person([Act::Ask(Method::Device), Act::Ask(Method::Device), Act::Read(Channel::Device)]);
    world.sign_in(&mut person).await.unwrap();
    assert_eq!((world.seen(Kind::Push), person.errors().len()), (1, 2));
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

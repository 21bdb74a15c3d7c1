//! Codes: asked for by the ways that there are, once for each wish, and rarely.

use icloud_emulator::{
    Canned, Channel, Kind, ListHtml, ListJson, Phone, PhoneAnswer, PushAnswer, SecondFactor, When,
};
use icps::icloud::{Method, Notice, Unanswered};

use crate::support::{Act, World, pass};

#[tokio::test]
async fn phones_are_found_wherever_apple_lists_them() {
    for (json, html) in [
        (ListJson::Nested, ListHtml::Absent),
        (ListJson::Top, ListHtml::Absent),
        (ListJson::Singular, ListHtml::Absent),
        (ListJson::Absent, ListHtml::Direct),
        (ListJson::Absent, ListHtml::Bridge),
    ] {
        for conflict in [false, true] {
            let world = World::new(|account| {
                (account.list_json, account.list_html, account.list_conflict) = (json, html, conflict);
            });
            let mut person = world.shy_person([Act::Ask(Method::Sms(3)), Act::Read(Channel::Sms(3))]);
            let outcome = world.sign_in(&mut person).await;
            outcome.unwrap_or_else(|error| panic!("{json:?} {html:?} {conflict}: {error}"));
            assert_eq!(person.shown[0].challenge.phones[0].id, 3);
            assert!(person.shown[0].challenge.phones[0].number.ends_with("81"));
            let pages = u64::from(json == ListJson::Absent);
            assert_eq!(world.seen(Kind::Challenge), 1 + pages, "the page only if JSON has no phones");
        }
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
    for (method, channel) in [
        (Method::Sms(3), Channel::Sms(3)),
        (Method::Sms(7), Channel::Sms(7)),
        (Method::Voice(7), Channel::Voice(7)),
    ] {
        let world = World::new(|account| {
            (account.push, account.phone) = (PushAnswer::SentConflict, PhoneAnswer::SentConflict);
        });
        let mut person = world.person([Act::AskLater(method), Act::Read(channel)]);
        world.sign_in(&mut person).await.unwrap();
        assert_eq!((person.shown[0].asked, person.shown[1].asked), (Some(Method::Device), Some(method)));
        assert!(person.errors().is_empty(), "{:?}", person.errors());
        assert_eq!(world.costs(), [1, 2, 1]);
    }
}

#[tokio::test]
async fn a_push_that_fails_leaves_other_ways_at_once_and_takes_none_by_itself() {
    for status in [404, 405, 410, 412, 423, 429, 500] {
        let world = World::new(|account| account.push = PushAnswer::Refused(status));
        let mut person = world.person([Act::Ask(Method::Sms(3)), Act::Read(Channel::Sms(3))]);
        world.sign_in(&mut person).await.unwrap_or_else(|error| panic!("{status}: {error}"));
        assert_eq!((person.errors().len(), person.shown[0].asked), (1, None), "{status}");
        assert_eq!((world.seen(Kind::Push), world.seen(Kind::Sms)), (1, 1), "{status}");

        let world = World::new(|account| account.push = PushAnswer::Refused(status));
        world.sign_in(&mut world.person([Act::Offline])).await.unwrap();
        assert_eq!(world.costs(), [1, 1, 1], "{status}: the code of a device without network is taken");
    }
}

#[tokio::test]
async fn a_pause_that_apple_wants_before_another_code_is_kept() {
    let world = World::new(|_| {});
    world.spoil(Kind::Push, When::Always, Canned::status(429).retry_after(2 * 3600));
    let mut person = world.person([
        Act::Ask(Method::Device),
        Act::AskLater(Method::Device),
        Act::Ask(Method::Sms(3)),
        Act::Read(Channel::Sms(3)),
    ]);
    world.sign_in(&mut person).await.unwrap();
    assert_eq!((world.seen(Kind::Push), world.seen(Kind::Sms)), (1, 1));
    let errors = person.errors();
    assert!(errors[0].contains("120 minutes") && errors[1].contains("by this way before"), "{errors:?}");
}

#[tokio::test]
async fn a_push_that_never_arrives_leaves_other_ways() {
    for (way, then) in [
        (Act::AskLater(Method::Sms(3)), Act::Read(Channel::Sms(3))),
        (Act::AskLater(Method::Voice(7)), Act::Read(Channel::Voice(7))),
        (Act::Type("no code"), Act::Offline),
    ] {
        let world = World::new(|account| account.push = PushAnswer::Lost);
        let mut person = world.person([way.clone(), then]);
        world.sign_in(&mut person).await.unwrap_or_else(|error| panic!("{way:?}: {error}"));
        assert_eq!((world.seen(Kind::Push), world.seen(Kind::Complete)), (1, 1), "{way:?}");
    }
}

#[tokio::test]
async fn a_number_that_gets_no_codes_is_told_to_the_person() {
    for method in [Method::Sms(3), Method::Voice(3)] {
        let world = World::new(|account| account.phone = PhoneAnswer::Unavailable);
        let mut person = world.person([Act::AskLater(method), Act::Read(Channel::Device)]);
        world.sign_in(&mut person).await.unwrap();
        assert!(person.errors()[0].contains("number"), "{:?}", person.errors());
        assert_eq!(person.shown[1].asked, Some(Method::Device), "the device's code is still the one awaited");
    }
}

#[tokio::test]
async fn phones_that_are_not_the_accounts_any_more_are_replaced_by_those_of_the_refusal() {
    let phones = |ids: &[u32]| SecondFactor::Codes {
        devices: true,
        phones: ids.iter().map(|id| Phone::new(*id, "55")).collect(),
    };
    let world = World::new(|account| account.second_factor = phones(&[4]));
    // As when the owner changes his phones between the list and the wish for a code.
    let list = serde_json::json!({ "trustedPhoneNumbers": [{ "id": 1, "obfuscatedNumber": "•• 55" }] });
    world.spoil(Kind::Challenge, When::Always, Canned::json(200, &list));
    let script = [Act::Ask(Method::Sms(1)), Act::Ask(Method::Sms(1)), Act::Ask(Method::Sms(4))];
    let mut person = world.shy_person(script.into_iter().chain([Act::Read(Channel::Sms(4))]));
    world.sign_in(&mut person).await.unwrap();
    let ids = |at: usize| person.shown[at].challenge.phones.iter().map(|phone| phone.id).collect::<Vec<_>>();
    assert_eq!((ids(0), ids(1)), (vec![1], vec![4]));
    assert!(person.errors()[1].contains("no phone with the id 1"), "{:?}", person.errors());
    assert_eq!(world.costs(), [1, 2, 1], "the wrong id went out once");
}

#[tokio::test]
async fn texts_run_out() {
    let world = World::new(|_| {});
    let full = serde_json::json!({ "securityCode": { "length": 6, "tooManyCodesSent": true } });
    world.spoil(Kind::Sms, When::Always, Canned::json(423, &full));
    let mut person = world.shy_person([Act::Ask(Method::Sms(3)), Act::Offline]);
    world.sign_in(&mut person).await.unwrap();
    assert!(person.errors()[0].contains("no more codes"), "{:?}", person.errors());
}

#[tokio::test]
async fn codes_are_asked_for_half_a_minute_apart_and_three_times_again_of_which_once_by_another_way() {
    let world = World::new(|_| {});
    let device = Method::Device;
    let mut person = world.person([
        Act::Ask(device),
        Act::Ask(Method::Sms(3)),
        Act::AskLater(device),
        Act::AskLater(device),
        Act::AskLater(device),
        Act::AskLater(Method::Sms(3)),
        Act::AskLater(Method::Voice(3)),
        Act::Read(Channel::Sms(3)),
    ]);
    world.sign_in(&mut person).await.unwrap();
    assert_eq!([Kind::Push, Kind::Sms, Kind::Voice].map(|kind| world.seen(kind)), [3, 1, 0]);
    let errors = person.errors();
    assert!(errors[0].contains("seconds") && errors[1].contains("seconds"), "{errors:?}");
    assert!(errors[2].contains("another way") && errors[3].contains("next may be wanted at"), "{errors:?}");
    assert_eq!((errors.len(), world.seen(Kind::Complete)), (4, 1));
}

#[tokio::test]
async fn a_run_that_follows_close_on_another_waits_before_it_asks_for_a_code() {
    let world = World::new(|_| {});
    let leave = || world.person([Act::Leave(Unanswered::Cancelled)]);
    world.sign_in(&mut leave()).await.unwrap_err();
    let mut person = world.person([Act::Read(Channel::Device)]);
    let is_said =
        || world.notices.lock().unwrap().iter().any(|notice| matches!(notice, Notice::CodeLater(_)));
    let time_passes = async {
        while !is_said() {
            tokio::task::yield_now().await;
        }
        assert_eq!(world.seen(Kind::Push), 1, "not within half a minute");
        pass(world.state.path(), jiff::SignedDuration::from_mins(1));
    };
    let (outcome, ()) = tokio::join!(world.sign_in(&mut person), time_passes);
    outcome.unwrap();
    assert_eq!((world.seen(Kind::Push), person.errors().len()), (2, 0));
}

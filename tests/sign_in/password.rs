//! The password is sent rarely, and never twice if it was refused.

use icloud_emulator::{Canned, Channel, Effect, Fault, Kind, Protocol, SecondFactor, Selector, When};
use icps::icloud::{Error, Unanswered};

use crate::support::{Act, PASSWORD, World, pass};

#[tokio::test]
async fn both_protocols_prove_the_password() {
    for protocol in [Protocol::S2k, Protocol::S2kFo] {
        let world = World::new(|account| {
            account.protocol = protocol;
            account.second_factor = SecondFactor::None;
        });
        world.sign_in(&mut world.person([])).await.unwrap();
        assert_eq!(world.costs(), [1, 0, 0], "{protocol:?}");
    }
}

#[tokio::test]
async fn a_refused_password_is_not_sent_again_until_it_changes() {
    let mut world = World::new(|_| {});
    world.password = "wrong";
    let error = world.sign_in(&mut world.person([])).await.unwrap_err();
    assert!(matches!(error, Error::CredentialsRefused { remembered: false }), "{error}");
    for by_person in [false, true] {
        world.by_person = by_person;
        let error = world.sign_in(&mut world.person([])).await.unwrap_err();
        assert!(matches!(error, Error::CredentialsRefused { remembered: true }), "{error}");
    }
    assert_eq!(world.costs(), [1, 0, 0]);
    assert!(world.overview().credentials_refused);

    world.password = PASSWORD;
    world.sign_in(&mut world.person([Act::Read(Channel::Device)])).await.unwrap();
    assert!(!world.overview().credentials_refused);
}

#[tokio::test]
async fn throttling_stops_at_once_and_for_longer_than_a_run() {
    for kind in [Kind::Authorize, Kind::Init, Kind::Complete] {
        let world = World::new(|_| {});
        world.emulator.faults().add(Fault {
            on: Selector::Kind(kind),
            when: When::Always,
            what: Effect::Answer(Canned::html(503, "Service Temporarily Unavailable")),
        });
        let error = world.sign_in(&mut world.person([])).await.unwrap_err();
        assert!(
            matches!(error, Error::Throttled { retry_after: Some(wait) } if wait.as_secs() > 3500),
            "{error}"
        );
        let total = world.emulator.statistics().total();
        for _ in 0..3 {
            let error = world.sign_in(&mut world.person([])).await.unwrap_err();
            assert!(matches!(error, Error::Breaker { .. }), "{error}");
        }
        assert_eq!(world.emulator.statistics().total(), total, "{kind:?}: nothing more is sent");
        assert_eq!(world.seen(kind), 1);
    }
}

#[tokio::test]
async fn throttled_services_do_not_cost_passwords() {
    let world = World::new(|account| account.second_factor = SecondFactor::None);
    world.emulator.faults().add(Fault {
        on: Selector::Kind(Kind::AccountLogin),
        when: When::Always,
        what: Effect::Answer(Canned::unavailable()),
    });
    for _ in 0..3 {
        world.sign_in(&mut world.person([])).await.unwrap_err();
    }
    assert_eq!((world.costs(), world.seen(Kind::AccountLogin)), ([1, 0, 0], 1));
}

#[tokio::test]
async fn apples_wish_for_a_pause_is_remembered() {
    let world = World::new(|_| {});
    world.emulator.faults().add(Fault {
        on: Selector::Kind(Kind::Init),
        when: When::Always,
        what: Effect::Answer(Canned::status(429).retry_after(20_000)),
    });
    world.sign_in(&mut world.person([])).await.unwrap_err();
    let (until, _) = world.overview().next_attempt.unwrap();
    assert!(until.duration_since(jiff::Timestamp::now()).as_secs() > 19_900);
}

#[tokio::test]
async fn a_block_that_grows_with_every_sign_in_is_sat_out() {
    let world = World::new(|account| {
        account.second_factor = SecondFactor::None;
        account.sign_in_budget = Some(1);
    });
    world.sign_in(&mut world.person([])).await.unwrap();
    world.age_validation();
    world.emulator.account().expire_session_tokens();
    let error = world.sign_in(&mut world.person([])).await.unwrap_err();
    assert!(matches!(error, Error::Throttled { .. }), "{error}");
    for _ in 0..3 {
        let error = world.sign_in(&mut world.person([])).await.unwrap_err();
        assert!(matches!(error, Error::Breaker { .. }), "{error}");
    }
    assert_eq!(world.costs(), [2, 0, 0]);
    // Any further sign-in would have made the quarter of an hour half an hour.
    world.emulator.clock().advance(std::time::Duration::from_secs(16 * 60));
    pass(world.state.path(), jiff::SignedDuration::from_hours(2));
    world.sign_in(&mut world.person([])).await.unwrap();
    assert!(world.overview().next_attempt.is_none());
}

#[tokio::test]
async fn a_locked_account_is_left_alone_until_a_person_says_otherwise() {
    let mut world = World::new(|account| account.locked = true);
    let error = world.sign_in(&mut world.person([])).await.unwrap_err();
    assert!(matches!(error, Error::AccountLocked { .. }), "{error}");
    world.by_person = false;
    let error = world.sign_in(&mut world.person([])).await.unwrap_err();
    assert!(matches!(error, Error::Breaker { .. }), "{error}");
    assert_eq!(world.costs(), [1, 0, 0]);
    world.emulator.account().change(|account| account.locked = false);
    world.by_person = true;
    world.sign_in(&mut world.person([Act::Read(Channel::Device)])).await.unwrap();
    assert!(world.overview().next_attempt.is_none());
}

#[tokio::test]
async fn unattended_runs_send_the_password_rarely() {
    let mut world = World::new(|_| {});
    world.set_up().await;
    world.by_person = false;
    for expected in [true, false] {
        world.age_validation();
        world.emulator.account().expire_session_tokens();
        let outcome = world.sign_in(&mut world.person([])).await;
        assert_eq!(outcome.is_ok(), expected, "{outcome:?}");
        assert!(expected || matches!(outcome, Err(Error::Budget { .. })));
    }
    assert_eq!(world.costs(), [1, 0, 0]);
}

#[tokio::test]
async fn a_stale_beginning_is_begun_again_once() {
    for (times, works) in [(1, true), (2, false)] {
        let world = World::new(|account| account.second_factor = SecondFactor::None);
        world.emulator.faults().add(Fault {
            on: Selector::Kind(Kind::Init),
            when: When::Times(times),
            what: Effect::Answer(Canned::status(401)),
        });
        let outcome = world.sign_in(&mut world.person([])).await;
        assert_eq!((outcome.is_ok(), world.seen(Kind::Init)), (works, 2));
        assert!(!matches!(outcome, Err(Error::CredentialsRefused { .. })), "this is no wrong password");
    }
}

#[tokio::test]
async fn any_other_refusal_is_not_repeated() {
    for status in [400, 403, 404, 405, 500, 502] {
        let world = World::new(|_| {});
        world.emulator.faults().add(Fault {
            on: Selector::Kind(Kind::Complete),
            when: When::Always,
            what: Effect::Answer(Canned::status(status)),
        });
        world.sign_in(&mut world.person([])).await.unwrap_err();
        assert_eq!(world.costs(), [1, 0, 0], "{status}");
    }
}

#[tokio::test]
async fn two_processes_sign_in_one_after_the_other() {
    let world = World::new(|_| {});
    let (mut one, mut other) = (world.person([Act::Read(Channel::Device)]), world.person([]));
    let (first, second) = tokio::join!(world.sign_in(&mut one), world.sign_in(&mut other));
    first.unwrap();
    second.unwrap();
    assert_eq!(world.costs(), [1, 1, 1], "the second uses the session of the first");
}

#[tokio::test]
async fn no_secret_is_in_errors_or_the_capture() {
    let world = World::new(|_| {});
    let har = world.state.path().join("capture.har");
    let options = icps::icloud::ClientOptions { capture: Some(har.clone()), ..world.client_options() };
    let mut person = world.person([Act::Type("000000"), Act::Read(Channel::Device)]);
    world.sign_in_with(options, &mut person).await.unwrap();
    let code = world.emulator.account().last_code(Channel::Device).unwrap();
    let session: serde_json::Value =
        serde_json::from_slice(&std::fs::read(world.session_path()).unwrap()).unwrap();
    let text = wait_for_entries(&har, "2sv/trust").await;
    assert!(text.contains("signin/complete"));
    for secret in [
        PASSWORD,
        &code,
        "jane.doe",
        session["trust_token"].as_str().unwrap(),
        session["session_token"].as_str().unwrap(),
        session["scnt"].as_str().unwrap(),
        session["client_id"].as_str().unwrap(),
    ] {
        assert!(!text.to_lowercase().contains(&secret.to_lowercase()), "{secret}");
    }
    let shown = format!("{:?} {:?}", person.errors(), world.options());
    assert!(!shown.contains(&code) && !shown.contains(PASSWORD));
}

/// The capture is written by a thread of its own.
async fn wait_for_entries(path: &std::path::Path, wanted: &str) -> String {
    loop {
        let text = std::fs::read_to_string(path).unwrap();
        if text.contains(wanted) && serde_json::from_str::<serde_json::Value>(&text).is_ok() {
            return text;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn breaking_off_is_no_refusal() {
    let world = World::new(|_| {});
    let error = world.sign_in(&mut world.person([Act::Leave(Unanswered::Cancelled)])).await.unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error}");
}

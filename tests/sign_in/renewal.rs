//! A session that ends in the middle of a run is renewed once, for all workers.

use icloud_emulator::{Canned, Channel, Effect, Fault, Kind, LostSession, Selector, When};
use std::sync::Arc;

use icps::icloud::{Account, Area, Error, SignInOptions};
use serde_json::json;

use crate::support::{Act, World};

async fn call(account: &Account) -> Result<(), Error> {
    account.database(Area::Private, "zones/list", &json!({})).await.map(drop)
}

fn fault(kind: Kind, when: When, answer: Canned) -> Fault {
    Fault { on: Selector::Kind(kind), when, what: Effect::Answer(answer) }
}

#[tokio::test]
async fn every_way_of_losing_a_session_is_healed_by_the_session_token() {
    for how in
        [LostSession::MissingToken, LostSession::InvalidSession, LostSession::Required, LostSession::Failed]
    {
        let world = World::new(|account| account.lost_session = how);
        let account = world.set_up().await;
        world.emulator.account().expire_sessions();
        call(&account).await.unwrap_or_else(|error| panic!("{how:?}: {error}"));
        assert_eq!((world.seen(Kind::AccountLogin), world.costs()), (1, [0, 0, 0]), "{how:?}");
    }
}

#[tokio::test]
async fn many_workers_wait_for_one_renewal() {
    let world = World::new(|_| {});
    let account = world.set_up().await;
    world.emulator.account().expire_session_tokens();
    let calls = (0..8).map(|_| call(&account));
    for outcome in futures_util::future::join_all(calls).await {
        outcome.unwrap();
    }
    assert_eq!((world.costs(), world.seen(Kind::Complete)), ([1, 0, 0], 1));
}

#[tokio::test]
async fn a_session_that_ends_again_at_once_is_given_up() {
    let world = World::new(|_| {});
    let account = world.set_up().await;
    world.emulator.faults().add(fault(Kind::Zones, When::Always, Canned::authentication_failed()));
    let error = call(&account).await.unwrap_err();
    assert!(matches!(error, Error::SessionLost { .. }), "{error}");
    assert_eq!((world.seen(Kind::Zones), world.seen(Kind::AccountLogin)), (2, 1));
    call(&account).await.unwrap_err();
    assert_eq!(world.seen(Kind::AccountLogin), 1, "not renewed again so soon");
}

#[tokio::test]
async fn without_trust_no_code_is_asked_for_in_the_middle_of_a_run() {
    let world = World::new(|_| {});
    let account = world.set_up().await;
    world.emulator.account().expire_session_tokens();
    world.emulator.account().expire_trust();
    let error = call(&account).await.unwrap_err();
    assert!(matches!(error.situation(), Error::SecondFactorNeeded), "{error}");
    assert_eq!(world.costs(), [1, 0, 0]);
}

/// Options of a run whose person can be called again.
fn with_person(world: &World) -> SignInOptions {
    let person = Arc::new(std::sync::Mutex::new(vec![world.person([Act::Read(Channel::Device)])]));
    SignInOptions {
        person: Some(Arc::new(move || Box::new(person.lock().unwrap().pop().expect("called once")))),
        ..world.options()
    }
}

#[tokio::test]
async fn a_person_is_asked_if_the_session_was_taken_on_faith() {
    let mut world = World::new(|_| {});
    for (by_person, is_confirmed, asked) in
        [(true, false, true), (true, true, false), (false, false, false), (false, true, false)]
    {
        world.by_person = true;
        let _ = std::fs::remove_file(world.state.path().join("sign-in.json"));
        world.set_up().await;
        world.by_person = by_person;
        if is_confirmed {
            world.age_validation();
        }
        let options = with_person(&world);
        let account = world.sign_in_as(world.client_options(), options, &mut world.person([])).await.unwrap();
        world.emulator.account().expire_session_tokens();
        world.emulator.account().expire_trust();
        let outcome = call(&account).await;
        let case = format!("by a person: {by_person}, confirmed in this run: {is_confirmed}");
        assert_eq!(outcome.is_ok(), asked, "{case}: {outcome:?}");
        let refused = outcome.as_ref().err().map(Error::situation);
        assert!(asked || matches!(refused, Some(Error::SecondFactorNeeded)), "{case}: {outcome:?}");
        let codes = u64::from(asked);
        assert_eq!(world.costs(), [1, codes, codes], "{case}");
        assert_eq!(world.overview().unanswered_since.is_some(), !asked, "{case}");
    }
}

#[tokio::test]
async fn one_401_of_the_database_costs_no_password() {
    let world = World::new(|_| {});
    let account = world.set_up().await;
    world.emulator.faults().add(fault(Kind::Zones, When::Times(1), Canned::authentication_failed()));
    call(&account).await.unwrap();
    assert_eq!((world.seen(Kind::Zones), world.seen(Kind::AccountLogin)), (2, 1));
    assert_eq!(world.costs(), [0, 0, 0]);
}

#[tokio::test]
async fn renewals_with_the_password_have_a_budget_in_a_persons_run_too() {
    let world = World::new(|_| {});
    for expected in [true, false] {
        // Another run, so that the pause between renewals of one run is not what stops it.
        let account =
            if expected { world.set_up().await } else { world.sign_in(&mut world.person([])).await.unwrap() };
        world.emulator.account().expire_session_tokens();
        let outcome = call(&account).await;
        assert_eq!(outcome.is_ok(), expected, "{outcome:?}");
        let refused = outcome.as_ref().err().map(Error::situation);
        assert!(expected || matches!(refused, Some(Error::Budget { .. })), "{outcome:?}");
    }
    assert_eq!(world.costs(), [1, 0, 0]);
}

#[tokio::test]
async fn an_account_that_moved_is_followed() {
    let world = World::new(|_| {});
    let account = world.set_up().await;
    world.emulator.account().change(|account| account.partition = 99);
    call(&account).await.unwrap();
    assert_eq!((world.seen(Kind::AccountLogin), world.costs()), (1, [0, 0, 0]));
}

#[tokio::test]
async fn a_misdirected_connection_is_replaced_without_a_renewal() {
    let world = World::new(|_| {});
    let account = world.set_up().await;
    world.emulator.faults().add(Fault {
        on: Selector::Kind(Kind::Zones),
        when: When::Times(1),
        what: Effect::Misdirect,
    });
    call(&account).await.unwrap();
    assert_eq!((world.seen(Kind::Zones), world.seen(Kind::AccountLogin)), (2, 0));
}

#[tokio::test]
async fn throttling_is_waited_for_and_too_long_a_wish_ends_the_run() {
    let world = World::new(|_| {});
    let account = world.set_up().await;
    world.emulator.faults().add(fault(Kind::Zones, When::Times(1), Canned::throttled(503).retry_after(1)));
    let begin = std::time::Instant::now();
    call(&account).await.unwrap();
    assert!(begin.elapsed().as_millis() >= 990 && world.seen(Kind::Zones) == 2);

    world.emulator.faults().add(fault(Kind::Zones, When::Always, Canned::throttled(429).retry_after(3600)));
    let error = call(&account).await.unwrap_err();
    assert!(
        matches!(error, Error::Throttled { retry_after: Some(wait) } if wait.as_secs() == 3600),
        "{error}"
    );
    assert_eq!(world.seen(Kind::Zones), 3);
}

#[tokio::test]
async fn a_closed_database_is_not_knocked_at_again() {
    let world = World::new(|_| {});
    let account = world.set_up().await;
    world.emulator.faults().add(fault(Kind::Zones, When::Always, Canned::access_denied()));
    let error = call(&account).await.unwrap_err();
    assert!(matches!(error, Error::AccessDenied { .. }), "{error}");
    assert_eq!((world.seen(Kind::Zones), world.seen(Kind::AccountLogin)), (1, 0));
}

#[tokio::test]
async fn retries_end() {
    let world = World::new(|_| {});
    world.set_up().await;
    let options = icps::icloud::ClientOptions {
        max_retries: icps::settings::Limit::AtMost(1),
        ..world.client_options()
    };
    let account = world.sign_in_with(options, &mut world.person([])).await.unwrap();
    world.emulator.faults().add(fault(Kind::Zones, When::Always, Canned::html(502, "Bad Gateway")));
    let error = call(&account).await.unwrap_err();
    assert!(matches!(error, Error::Server { status: 502, .. }), "{error}");
    assert_eq!(world.seen(Kind::Zones), 2);
}

#[tokio::test]
async fn rotated_cookies_reach_the_disk() {
    let world = World::new(|_| {});
    let account = world.set_up().await;
    let cookies = || {
        let session: serde_json::Value =
            serde_json::from_slice(&std::fs::read(world.session_path()).unwrap()).unwrap();
        session["cookies"].clone()
    };
    let before = cookies();
    let query =
        json!({ "query": { "recordType": "CheckIndexingState" }, "zoneID": { "zoneName": "PrimarySync" } });
    account.database(Area::Private, "records/query", &query).await.unwrap();
    account.persist().await.unwrap();
    assert_ne!(cookies(), before);
}

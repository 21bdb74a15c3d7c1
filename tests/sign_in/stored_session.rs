//! The stored session spares passwords and codes.

use icloud_emulator::{Canned, Channel, Effect, Fault, Kind, Selector, When};
use icps::icloud::{Error, Notice};

use crate::support::{Act, World};

#[tokio::test]
async fn a_session_that_was_good_minutes_ago_asks_nothing() {
    let world = World::new(|_| {});
    world.set_up().await;
    world.sign_in(&mut world.person([])).await.unwrap();
    assert_eq!(world.emulator.statistics().total(), 0);
}

#[tokio::test]
async fn an_older_session_is_validated_and_no_password_is_fetched() {
    let world = World::new(|_| {});
    world.set_up().await;
    let fetched = *world.passwords_fetched.lock().unwrap();
    world.age_validation();
    world.sign_in(&mut world.person([])).await.unwrap();
    assert_eq!((world.seen(Kind::Validate), world.emulator.statistics().total()), (1, 1));
    assert_eq!(*world.passwords_fetched.lock().unwrap(), fetched);
}

#[tokio::test]
async fn what_validate_refuses_account_login_may_accept() {
    let world = World::new(|_| {});
    world.set_up().await;
    world.age_validation();
    world.emulator.account().change(|account| account.validate_refuses = true);
    world.sign_in(&mut world.person([])).await.unwrap();
    assert_eq!((world.seen(Kind::AccountLogin), world.costs()), (1, [0, 0, 0]));
}

#[tokio::test]
async fn with_trust_the_password_is_enough() {
    let world = World::new(|_| {});
    world.set_up().await;
    world.age_validation();
    world.emulator.account().expire_session_tokens();
    world.sign_in(&mut world.person([])).await.unwrap();
    assert_eq!(world.costs(), [1, 0, 0]);
}

#[tokio::test]
async fn trust_can_suffice_although_a_second_factor_is_named() {
    let world = World::new(|account| account.challenge_in_spite_of_trust = true);
    world.set_up().await;
    world.age_validation();
    world.emulator.account().expire_session_tokens();
    world.sign_in(&mut world.person([])).await.unwrap();
    assert_eq!(world.costs(), [1, 0, 0]);
}

#[tokio::test]
async fn throttling_and_failures_of_the_services_do_not_lead_to_the_password() {
    for (status, throttles) in [(503, true), (429, true), (500, false), (502, false)] {
        let world = World::new(|_| {});
        world.set_up().await;
        world.age_validation();
        world.emulator.faults().add(Fault {
            on: Selector::Kind(Kind::Validate),
            when: When::Always,
            what: Effect::Answer(Canned::html(status, "no")),
        });
        let error = world.sign_in(&mut world.person([])).await.unwrap_err();
        assert_eq!(matches!(error, Error::Throttled { .. }), throttles, "{status}: {error}");
        assert_eq!(world.emulator.statistics().total(), 1, "{status}: nothing else is tried");

        let again = world.sign_in(&mut world.person([])).await.unwrap_err();
        assert_eq!(matches!(again, Error::Breaker { .. }), throttles, "{status}: {again}");
        assert_eq!(world.overview().next_attempt.is_some(), throttles);
    }
}

#[tokio::test]
async fn a_broken_connection_is_no_reason_for_the_password() {
    let world = World::new(|_| {});
    world.set_up().await;
    world.age_validation();
    world.emulator.faults().add(Fault {
        on: Selector::Kind(Kind::Validate),
        when: When::Always,
        what: Effect::Reset,
    });
    let error = world.sign_in(&mut world.person([])).await.unwrap_err();
    assert!(matches!(error, Error::Network { .. }), "{error}");
    assert_eq!(world.costs(), [0, 0, 0]);
}

#[tokio::test]
async fn a_misdirected_connection_is_replaced() {
    let world = World::new(|account| account.validate_refuses = true);
    world.set_up().await;
    world.age_validation();
    world.emulator.faults().add(Fault {
        on: Selector::Kind(Kind::AccountLogin),
        when: When::Times(1),
        what: Effect::Misdirect,
    });
    world.sign_in(&mut world.person([])).await.unwrap();
    assert_eq!((world.seen(Kind::AccountLogin), world.costs()), (2, [0, 0, 0]));
}

#[tokio::test]
async fn trust_is_prolonged_in_good_time_without_a_code() {
    let days = |n: u64| std::time::Duration::from_secs(n * 86_400);
    let world = World::new(|account| account.lifetimes.trust = days(10));
    let before = world.set_up().await.trust_expiry().unwrap();
    world.emulator.account().change(|account| account.lifetimes.trust = days(30));
    world.age_validation();
    let account = world.sign_in(&mut world.person([])).await.unwrap();
    assert_eq!((world.seen(Kind::Trust), world.costs()), (1, [0, 0, 0]));
    assert!(account.trust_expiry().unwrap() > before);
    assert!(world.notices.lock().unwrap().contains(&Notice::TrustProlonged));
    world.age_validation();
    world.emulator.account().expire_session_tokens();
    world.sign_in(&mut world.person([])).await.unwrap();
    assert_eq!(world.costs(), [1, 0, 0], "the new trust is a good one");
}

#[tokio::test]
async fn trust_is_prolonged_on_request_however_much_is_left() {
    let mut world = World::new(|_| {});
    let before = world.set_up().await.trust_expiry().unwrap();
    world.sign_in(&mut world.person([])).await.unwrap();
    assert_eq!(world.seen(Kind::Trust), 0, "nobody asked for it");

    world.prolong_trust = true;
    world.emulator.account().change(|account| account.lifetimes.trust *= 2);
    for times in 1..=2 {
        let account = world.sign_in(&mut world.person([])).await.unwrap();
        assert_eq!((world.seen(Kind::Trust), world.costs()), (times, [0, 0, 0]));
        assert!(account.trust_expiry().unwrap() > before);
    }
    assert!(world.notices.lock().unwrap().contains(&Notice::TrustProlonged));
}

#[tokio::test]
async fn a_request_to_prolong_trust_that_fails_changes_nothing() {
    let mut world = World::new(|_| {});
    world.set_up().await;
    let mut before = serde_json::Value::Null;
    world.edit_session(|session| before = session.clone());
    world.prolong_trust = true;
    for what in [Effect::Answer(Canned::html(503, "no")), Effect::Reset] {
        world.emulator.faults().clear();
        world.emulator.faults().add(Fault { on: Selector::Kind(Kind::Trust), when: When::Always, what });
        world.sign_in(&mut world.person([])).await.unwrap();
        world.edit_session(|session| {
            for part in ["trust_token", "session_token", "cookies"] {
                assert_eq!(session[part], before[part], "{part}");
            }
        });
        assert_eq!(world.notices.lock().unwrap().last(), Some(&Notice::TrustKept));
    }
}

#[tokio::test]
async fn trust_that_cannot_be_prolonged_is_kept_and_warned_about() {
    let world = World::new(|_| {});
    world.set_up().await;
    world.age_validation();
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(5 * 24);
    let mut token = String::new();
    world.edit_session(|session| {
        token = session["trust_token"].as_str().unwrap().to_owned();
        session["scnt"] = "stale".into();
        for cookie in session["cookies"].as_array_mut().unwrap() {
            if cookie["name"].as_str().unwrap().starts_with("X-APPLE-WEBAUTH-HSA-TRUST") {
                cookie["expires"] = soon.to_string().into();
            }
        }
    });
    world.sign_in(&mut world.person([])).await.unwrap();
    world.edit_session(|session| assert_eq!(session["trust_token"], token.as_str()));
    let notices = world.notices.lock().unwrap().clone();
    assert!(notices.iter().any(|notice| matches!(notice, Notice::TrustExpires(_))), "{notices:?}");
    assert!(!notices.contains(&Notice::TrustProlonged));
}

#[tokio::test]
async fn a_new_trust_counts_only_once_it_has_worked() {
    let days = |n: u64| std::time::Duration::from_secs(n * 86_400);
    let world = World::new(|account| account.lifetimes.trust = days(10));
    world.set_up().await;
    let old = world.session()["trust_token"].clone();
    world.spoil(Kind::AccountLogin, When::Always, Canned::status(500));
    for _ in 0..2 {
        world.age_validation();
        world.sign_in(&mut world.person([])).await.unwrap();
        assert_eq!(world.session()["trust_token"], old, "the new one did not work");
    }
    assert_eq!(world.seen(Kind::Trust), 1, "nor is it tried twice a day");
    assert!(!world.notices.lock().unwrap().contains(&Notice::TrustProlonged));

    world.emulator.faults().clear();
    world.age_validation();
    world.edit_session(|session| session["trust_tried_at"] = serde_json::Value::Null);
    world.sign_in(&mut world.person([])).await.unwrap();
    assert!(world.notices.lock().unwrap().contains(&Notice::TrustProlonged), "the next day it works");
    assert_ne!(world.session()["trust_token"], old);
    assert_eq!(world.costs(), [0, 0, 0]);
}

#[tokio::test]
async fn trust_is_not_prolonged_while_there_are_weeks_left() {
    let world = World::new(|account| account.lifetimes.trust = std::time::Duration::from_secs(15 * 86_400));
    world.set_up().await;
    world.age_validation();
    world.sign_in(&mut world.person([])).await.unwrap();
    assert_eq!(world.seen(Kind::Trust), 0);
}

#[tokio::test]
async fn from_seven_days_on_every_run_warns() {
    let world = World::new(|_| {});
    world.set_up().await;
    for (hours, warned) in [(8 * 24, 0), (7 * 24 + 1, 0), (7 * 24 - 1, 1), (24, 1), (-5, 1)] {
        let expiry = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(hours);
        for is_fresh in [true, false, true] {
            world.edit_session(|session| {
                // Whether the trust can be prolonged is another question.
                session["trust_tried_at"] = jiff::Timestamp::now().to_string().into();
                for cookie in session["cookies"].as_array_mut().unwrap() {
                    if cookie["name"].as_str().unwrap().starts_with("X-APPLE-WEBAUTH-HSA-TRUST") {
                        cookie["expires"] = expiry.to_string().into();
                    }
                }
                if !is_fresh {
                    session["validated_at"] = serde_json::Value::Null;
                }
            });
            world.notices.lock().unwrap().clear();
            world.sign_in(&mut world.person([])).await.unwrap();
            let notices = world.notices.lock().unwrap().clone();
            let warnings = notices.iter().filter(|notice| matches!(notice, Notice::TrustExpires(_))).count();
            assert_eq!(warnings, warned, "{hours} h left, fresh: {is_fresh}: {notices:?}");
        }
    }
}

#[tokio::test]
async fn a_reduced_map_of_services_is_replaced_once_there_is_trust() {
    let world = World::new(|_| {});
    world.set_up().await;
    world.age_validation();
    world.emulator.account().expire_session_tokens();
    world.emulator.account().expire_trust();
    // The account has moved meanwhile: what was known of its services is worth nothing.
    world.emulator.account().change(|account| account.partition = 99);
    let sight = world.watch();
    let account = world.sign_in(&mut world.person([Act::Read(Channel::Device)])).await.unwrap();
    // Refused, then with the reduced map, then with all of it.
    assert_eq!((world.seen(Kind::AccountLogin), world.costs()), (3, [1, 1, 1]));
    let address = world.session()["photos_url"].clone();
    assert_eq!(address, "https://p99-ckdatabasews.icloud.com:443");
    account.database(icps::icloud::Area::Private, "zones/list", &serde_json::json!({})).await.unwrap();
    assert_eq!(sight.of(Kind::Zones)[0].host, "p99-ckdatabasews.icloud.com");
}

#[tokio::test]
async fn misdirected_twice_the_host_of_the_partition_is_tried_once() {
    let world = World::new(|_| {});
    world.set_up().await;
    world.emulator.account().change(|account| account.partition_only = true);
    world.age_validation();
    let sight = world.watch();
    world.sign_in(&mut world.person([])).await.unwrap();
    let hosts: Vec<String> = sight.of(Kind::AccountLogin).into_iter().map(|call| call.host).collect();
    assert_eq!(hosts, ["setup.icloud.com", "setup.icloud.com", "p61-setup.icloud.com"]);
    let connections: std::collections::HashSet<u64> =
        sight.all().iter().map(|call| call.connection).collect();
    assert!(connections.len() >= 3, "each over new connections");
    assert_eq!(world.costs(), [0, 0, 0]);

    let world = World::new(|account| {
        account.partition_only = true;
        account.region = icloud_emulator::Region::China;
    });
    let sight = world.watch();
    let options =
        icps::icloud::ClientOptions { region: icps::settings::Region::China, ..world.client_options() };
    world.sign_in_with(options, &mut world.person([Act::Read(Channel::Device)])).await.unwrap();
    let last = sight.of(Kind::AccountLogin).pop().unwrap();
    assert_eq!((last.host.as_str(), world.costs()), ("p61-setup.icloud.com.cn", [1, 1, 1]));
}

#[tokio::test]
async fn a_partition_that_is_no_number_leads_nowhere() {
    for hostile in ["61.example.com/", "61@example.com", "p61", "999999", ""] {
        let world = World::new(|_| {});
        world.set_up().await;
        world.age_validation();
        let answer = Canned::html(421, "Misdirected Request").header("x-apple-user-partition", hostile);
        world.spoil(Kind::Validate, When::Always, answer.clone());
        world.spoil(Kind::AccountLogin, When::Always, answer);
        let sight = world.watch();
        world.sign_in(&mut world.person([])).await.unwrap_err();
        let known = ["setup.icloud.com", "idmsa.apple.com"];
        assert!(sight.all().iter().all(|call| known.contains(&call.host.as_str())), "{hostile:?}");
        assert_eq!(world.costs(), [1, 0, 0], "{hostile:?}: the password once, with trust");
        assert!(world.emulator.unexpected().is_empty());
    }
}

#[tokio::test]
async fn a_refreshed_token_needs_a_code_again() {
    let mut world = World::new(|_| {});
    world.set_up().await;
    world.refresh_token = true;
    let mut person = world.person([Act::Read(Channel::Device)]);
    world.sign_in(&mut person).await.unwrap();
    assert_eq!((world.costs(), person.accepted), ([1, 1, 1], Some(true)));
}

#[tokio::test]
async fn a_given_trust_token_spares_the_code_until_it_has_a_successor() {
    let mut world = World::new(|_| {});
    world.set_up().await;
    let mut token = String::new();
    world.edit_session(|session| {
        token = session["trust_token"].take().as_str().unwrap().to_owned();
        session["session_token"] = serde_json::Value::Null;
        session["cookies"] = serde_json::json!([]);
    });
    world.trust_token = Some(Box::leak(token.into_boxed_str()));
    world.sign_in(&mut world.person([])).await.unwrap();
    assert_eq!(world.costs(), [1, 0, 0]);
    world.edit_session(|session| session["trust_token"] = "successor".into());
    world.sign_in(&mut world.person([])).await.unwrap();
    world.edit_session(|session| assert_eq!(session["trust_token"], "successor"));
}

#[tokio::test]
async fn a_damaged_session_costs_a_sign_in_and_is_kept() {
    let world = World::new(|_| {});
    world.set_up().await;
    std::fs::write(world.session_path(), "{\"client_id\":").unwrap();
    world.sign_in(&mut world.person([Act::Read(Channel::Device)])).await.unwrap();
    let kept = std::fs::read_dir(world.state.path()).unwrap();
    assert!(kept.into_iter().any(|e| e.unwrap().file_name().to_string_lossy().contains("damaged")));
}

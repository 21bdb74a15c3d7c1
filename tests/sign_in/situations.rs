//! Conditions of the account are named, and cost no more than finding them out.

use icloud_emulator::{Canned, Channel, Effect, Fault, Kind, Region, Repair, SecondFactor, Selector, When};
use icps::icloud::{Error, Notice};

use crate::support::{Act, World};

#[tokio::test]
async fn security_keys_are_named_and_nothing_is_pushed() {
    let world = World::new(|account| {
        account.second_factor = SecondFactor::SecurityKeys(vec!["blue".into(), "spare".into()]);
    });
    for told_late in [false, true] {
        world.emulator.reset_statistics();
        world.emulator.account().change(|account| account.keys_told_late = told_late);
        let error = world.sign_in(&mut world.person([])).await.unwrap_err();
        assert!(error.to_string().contains("blue, spare"), "{error}");
        assert_eq!((world.costs(), world.seen(Kind::Challenge)), ([1, 0, 0], u64::from(told_late)));
    }
}

#[tokio::test]
async fn a_managed_account_is_refused_with_the_reason() {
    let world = World::new(|account| account.managed = true);
    let error = world.sign_in(&mut world.person([])).await.unwrap_err();
    assert!(matches!(error, Error::Managed), "{error}");
}

#[tokio::test]
async fn terms_are_left_to_the_owner() {
    let world = World::new(|_| {});
    world.set_up().await;
    world.emulator.account().change(|account| account.terms_pending = true);
    world.age_validation();
    let error = world.sign_in(&mut world.person([])).await.unwrap_err();
    assert!(matches!(error, Error::TermsPending { .. }), "{error}");
    assert!(error.to_string().contains("www.icloud.com"));
    assert_eq!(world.costs(), [0, 0, 0]);
}

#[tokio::test]
async fn terms_found_after_the_code_keep_the_trust() {
    let world = World::new(|account| account.terms_pending = true);
    let error = world.sign_in(&mut world.person([Act::Read(Channel::Device)])).await.unwrap_err();
    assert!(matches!(error, Error::TermsPending { .. }), "{error}");
    world.emulator.account().change(|account| account.terms_pending = false);
    world.sign_in(&mut world.person([])).await.unwrap();
    assert_eq!(world.costs(), [1, 1, 1], "after the terms are accepted, nothing is asked for again");
}

#[tokio::test]
async fn web_access_and_photos_that_are_off_are_told_apart() {
    let world = World::new(|account| account.web_access = false);
    let error = world.sign_in(&mut world.person([Act::Read(Channel::Device)])).await.unwrap_err();
    assert!(matches!(error, Error::WebAccessOff), "{error}");
    let world = World::new(|account| account.photos = false);
    let error = world.sign_in(&mut world.person([Act::Read(Channel::Device)])).await.unwrap_err();
    assert!(matches!(error, Error::NotSetUp), "{error}");
}

#[tokio::test]
async fn a_repair_is_passed_over_once_or_left_to_the_owner() {
    for (repair, works) in [(Repair::Passable, true), (Repair::NeedsOwner, false)] {
        let world = World::new(|account| {
            account.second_factor = SecondFactor::None;
            account.repair = repair;
        });
        let outcome = world.sign_in(&mut world.person([])).await;
        assert_eq!(outcome.is_ok(), works, "{outcome:?}");
        assert!(works || matches!(outcome, Err(Error::RepairNeeded { .. })));
        assert_eq!((world.costs(), world.seen(Kind::Repair)), ([1, 0, 0], 1));
    }
}

#[tokio::test]
async fn an_account_of_the_other_world_is_followed_once_and_stays_there() {
    use icps::settings::Region as Configured;
    for (configured, lives, found) in [
        (Configured::World, Region::China, Configured::China),
        (Configured::China, Region::World, Configured::World),
    ] {
        // The other world is named with status 200, or as the body of a redirect that must not be followed.
        for redirects in [false, true] {
            let world = World::new(|account| (account.region, account.redirects) = (lives, redirects));
            let options = || icps::icloud::ClientOptions { region: configured, ..world.client_options() };
            let sight = world.watch();
            world.sign_in_with(options(), &mut world.person([Act::Read(Channel::Device)])).await.unwrap();
            assert!(world.notices.lock().unwrap().contains(&Notice::OtherWorld(found)));
            assert_eq!((world.costs(), world.seen(Kind::AccountLogin)), ([1, 1, 1], 2));
            let passwords = sight.of(Kind::Complete);
            assert!(passwords.iter().all(|call| call.host == "idmsa.apple.com"), "for both worlds");

            world.age_validation();
            world.emulator.reset_statistics();
            world.sign_in_with(options(), &mut world.person([])).await.unwrap();
            assert_eq!(world.emulator.statistics().total(), 1, "the next run goes there at once");
        }
    }
}

#[tokio::test]
async fn an_account_that_is_sent_to_and_fro_is_an_error_and_no_loop() {
    let world = World::new(|_| {});
    world.emulator.faults().add(Fault {
        on: Selector::matching(|call| call.kind == Kind::AccountLogin && call.host == "setup.icloud.com"),
        when: When::Always,
        what: Effect::Answer(Canned::json(302, &serde_json::json!({ "domainToUse": "iCloud.com.cn" }))),
    });
    let error = world.sign_in(&mut world.person([Act::Read(Channel::Device)])).await.unwrap_err();
    assert!(matches!(error, Error::WrongRegion { .. }), "{error}");
    assert_eq!((world.costs(), world.seen(Kind::AccountLogin)), ([1, 1, 1], 2));
}

#[tokio::test]
async fn the_password_of_an_account_in_china_goes_to_the_common_host() {
    let world = World::new(|account| account.region = Region::China);
    let options =
        icps::icloud::ClientOptions { region: icps::settings::Region::China, ..world.client_options() };
    world.sign_in_with(options, &mut world.person([Act::Read(Channel::Device)])).await.unwrap();
    assert_eq!(world.costs(), [1, 1, 1]);
    assert!(world.notices.lock().unwrap().is_empty());
}

#[tokio::test]
async fn protected_data_is_opened_by_an_approval_given_earlier() {
    let mut world = World::new(|account| account.protected = true);
    world.by_person = false;
    world.emulator.account().approve_adp();
    world.sign_in(&mut world.person([Act::Read(Channel::Device)])).await.unwrap();
    assert_eq!((world.seen(Kind::DeviceConsent), world.seen(Kind::RequestPcs)), (0, 1));
}

#[tokio::test]
async fn protected_data_stays_closed_to_a_run_that_nobody_watches() {
    let mut world = World::new(|account| account.protected = true);
    world.by_person = false;
    let error = world.sign_in(&mut world.person([Act::Read(Channel::Device)])).await.unwrap_err();
    assert!(matches!(error, Error::ApprovalNeeded), "{error}");
    assert_eq!(world.seen(Kind::DeviceConsent), 0, "nothing pops up at night");
}

#[tokio::test]
async fn a_person_is_asked_to_approve_the_access_to_protected_data() {
    let world = World::new(|account| {
        account.protected = true;
        account.approves_after = Some(1);
    });
    world.sign_in(&mut world.person([Act::Read(Channel::Device)])).await.unwrap();
    assert_eq!((world.seen(Kind::DeviceConsent), world.seen(Kind::RequestPcs)), (1, 1));
    let notices = world.notices.lock().unwrap().clone();
    assert!(notices.iter().any(|notice| matches!(notice, Notice::ApprovalWanted { .. })), "{notices:?}");
}

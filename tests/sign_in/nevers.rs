//! What a sign-in never does, counted by what Apple would have seen.

use icloud_emulator::{
    Canned, Channel, Effect, Fault, Kind, Request, Role, Selector, Strictness, SubmitAnswer, When,
};
use icps::icloud::{Error, Method, Notice};
use serde_json::json;

use crate::support::{Act, World};

const REFUSALS: [u16; 4] = [401, 403, 405, 412];

/// The calls so far, in order.
fn course(world: &World) -> Vec<Kind> {
    world.emulator.statistics().journal().map(|seen| seen.kind).collect()
}

fn is_on_sign_in_host(request: &Request) -> bool {
    Role::of(&request.host) == Some(Role::SignIn)
}

#[tokio::test]
async fn a_sign_in_takes_these_steps_and_no_others() {
    let world = World::new(|_| {});
    let mut person = world.person([Act::Type("000000"), Act::Read(Channel::Device)]);
    world.sign_in(&mut person).await.unwrap();
    let first_factor = [Kind::Authorize, Kind::Init, Kind::Complete];
    let second_factor = [Kind::Challenge, Kind::Push, Kind::DeviceCode, Kind::DeviceCode, Kind::Trust];
    let expected = [&first_factor[..], &second_factor, &[Kind::AccountLogin]].concat();
    assert_eq!(course(&world), expected, "no password and no push between a code and its answer");
}

#[tokio::test]
async fn no_refusal_is_answered_by_trying_again() {
    // Each step that can be refused, and how often Apple may see it then.
    let refused = |kind: Kind, status: u16| match (kind, status) {
        // A stale beginning says nothing about the password: once more, from the very beginning. The list is read
        // as JSON and as the page. After a right code, once more with another trust.
        (Kind::Init, 401) | (Kind::Challenge, 412) | (Kind::AccountLogin, _) => 2,
        _ => 1,
    };
    for kind in [
        Kind::Init,
        Kind::Complete,
        Kind::Challenge,
        Kind::Push,
        Kind::Sms,
        Kind::DeviceCode,
        Kind::Trust,
        Kind::AccountLogin,
    ] {
        for status in REFUSALS {
            let world = World::new(|_| {});
            world.spoil(kind, When::Always, Canned::status(status));
            let script = if kind == Kind::Sms { vec![Act::Ask(Method::Sms(3))] } else { vec![Act::Offline] };
            let mut person = if kind == Kind::Sms { world.shy_person(script) } else { world.person(script) };
            let _ = world.sign_in(&mut person).await;
            assert_eq!(world.seen(kind), refused(kind, status), "{kind:?} {status}");
            let [passwords, asked, typed] = world.costs();
            assert!(passwords <= 1 && asked <= 1 && typed <= 1, "{kind:?} {status}: {:?}", world.costs());
        }
    }
    for status in REFUSALS {
        let world = World::new(|_| {});
        world.set_up().await;
        world.age_validation();
        world.spoil(Kind::Validate, When::Always, Canned::status(status));
        world.sign_in(&mut world.person([])).await.unwrap();
        assert_eq!((world.seen(Kind::Validate), world.costs()), (1, [0, 0, 0]), "{status}");
    }
}

#[tokio::test]
async fn a_password_whose_answer_was_lost_is_not_sent_again() {
    for kind in [Kind::Init, Kind::Complete] {
        let world = World::new(|_| {});
        let on = Selector::Kind(kind);
        world.emulator.faults().add(Fault { on, when: When::Always, what: Effect::Reset });
        let error = world.sign_in(&mut world.person([])).await.unwrap_err();
        assert!(matches!(error, Error::Network { .. }), "{error}");
        assert_eq!(world.seen(kind), 1, "{kind:?}");
    }
}

#[tokio::test]
async fn a_misdirected_beginning_is_begun_again_over_new_connections() {
    let world = World::new(|_| {});
    let on = Selector::Kind(Kind::Init);
    world.emulator.faults().add(Fault { on, when: When::Times(1), what: Effect::Misdirect });
    world.sign_in(&mut world.person([Act::Read(Channel::Device)])).await.unwrap();
    assert_eq!((world.seen(Kind::Init), world.costs()), (2, [1, 1, 1]));
}

#[tokio::test]
async fn no_start_asks_for_a_code_while_there_is_trust() {
    let world = World::new(|_| {});
    world.set_up().await;
    for _ in 0..5 {
        world.age_validation();
        world.emulator.account().expire_session_tokens();
        world.sign_in(&mut world.person([])).await.unwrap();
    }
    assert_eq!(world.costs(), [5, 0, 0]);
}

#[tokio::test]
async fn no_error_costs_the_trust() {
    let refused = json!({ "serviceErrors": [{ "code": "-20101", "message": "wrong" }] });
    let answers = [
        (Kind::Validate, Canned::status(500)),
        (Kind::AccountLogin, Canned::status(400)),
        (Kind::AccountLogin, Canned::status(401)),
        (Kind::AccountLogin, Canned::html(421, "Misdirected Request")),
        (Kind::AccountLogin, Canned::unavailable()),
        (Kind::Authorize, Canned::unavailable()),
        (Kind::Init, Canned::status(401)),
        (Kind::Init, Canned::status(403)),
        (Kind::Init, Canned::unavailable()),
        (Kind::Complete, Canned::json(401, &refused)),
        (Kind::Complete, Canned::status(403)),
        (Kind::Complete, Canned::status(421)),
        (Kind::Complete, Canned::status(429)),
        (Kind::Complete, Canned::status(500)),
    ];
    for (kind, answer) in answers {
        let world = World::new(|_| {});
        world.set_up().await;
        let (token, client) = (world.session()["trust_token"].clone(), world.session()["client_id"].clone());
        world.age_validation();
        if kind != Kind::Validate {
            world.emulator.account().expire_session_tokens();
        }
        world.spoil(kind, When::Always, answer.clone());
        let error = world.sign_in(&mut world.person([])).await.unwrap_err();
        let session = world.session();
        assert_eq!((&session["trust_token"], &session["client_id"]), (&token, &client), "{kind:?}: {error}");

        world.emulator.faults().clear();
        std::fs::remove_file(world.state.path().join("sign-in.json")).unwrap();
        world
            .sign_in(&mut world.person([]))
            .await
            .unwrap_or_else(|later| panic!("{kind:?} {answer:?}: {later}"));
        assert_eq!(world.seen(Kind::Push), 0, "{kind:?} {answer:?}: no code was needed");
    }
}

#[tokio::test]
async fn it_is_the_same_client_on_the_same_machine_in_every_run() {
    let mut world = World::new(|_| {});
    let sight = world.watch();
    world.set_up().await;
    let mut devices = Vec::new();
    for refresh in [false, true] {
        world.age_validation();
        world.emulator.account().expire_session_tokens();
        let cookies = world.session()["cookies"].clone();
        let device = cookies.as_array().unwrap().iter().find(|cookie| cookie["name"] == "aasp").unwrap();
        devices.push(device["value"].as_str().unwrap().trim_matches('"').to_owned());
        world.refresh_token = refresh;
        world.sign_in(&mut world.person([Act::Read(Channel::Device)])).await.unwrap();
    }
    let client = world.session()["client_id"].as_str().unwrap().to_owned();
    let calls: Vec<Request> = sight.all().into_iter().filter(is_on_sign_in_host).collect();
    assert!(calls.len() > 15);
    for call in &calls {
        let state = call.header("x-apple-oauth-state");
        assert_eq!(
            (state, call.header("x-apple-frame-id")),
            (Some(client.as_str()), state),
            "{:?}",
            call.kind
        );
    }
    let begins = sight.of(Kind::Authorize);
    let brought: Vec<Option<&str>> = begins.iter().map(|begin| begin.cookie("aasp")).collect();
    assert_eq!(brought, [None, Some(devices[0].as_str()), Some(devices[1].as_str())]);
}

#[tokio::test]
async fn retired_ways_and_the_bridge_are_never_used() {
    let mut world = World::new(|account| account.list_json = icloud_emulator::ListJson::Absent);
    let sight = world.watch();
    world.legacy_login = true;
    let script =
        [Act::AskLater(Method::Sms(3)), Act::AskLater(Method::Voice(7)), Act::Read(Channel::Voice(7))];
    world.sign_in(&mut world.person(script)).await.unwrap();
    assert!(world.notices.lock().unwrap().contains(&Notice::LegacyLoginIsGone));
    assert_eq!(world.seen(Kind::Challenge), 2, "the page was read, which names the bridge as its route");
    assert_eq!((world.seen(Kind::LegacySignIn), world.seen(Kind::RetiredPush)), (0, 0));
    for call in sight.all() {
        assert!(!call.path.contains("bridge") && call.path != "/appleauth/auth/signin", "{}", call.path);
    }
    assert!(world.emulator.unexpected().is_empty());
    assert_eq!(world.seen(Kind::Complete), 1, "SRP is used although the old way was asked for");
}

#[tokio::test]
async fn headers_are_those_of_the_web_page() {
    let world = World::new(|_| {});
    let sight = world.watch();
    world.sign_in(&mut world.person([Act::Type("000000"), Act::Read(Channel::Device)])).await.unwrap();
    let browser = sight.all()[0].header("user-agent").unwrap().to_owned();
    assert!(browser.starts_with("Mozilla/5.0"), "{browser}");
    for call in sight.all() {
        let kind = call.kind;
        assert_eq!(call.header("user-agent"), Some(browser.as_str()), "{kind:?}");
        let by_password = matches!(kind, Kind::Authorize | Kind::Init | Kind::Complete);
        let origin = if by_password { "https://idmsa.apple.com" } else { "https://www.icloud.com" };
        assert_eq!(call.header("origin"), Some(origin), "{kind:?}");
        assert_eq!(call.header("referer"), Some(format!("{origin}/").as_str()), "{kind:?}");
        let echoed = call.header("x-apple-auth-attributes").is_some();
        assert_eq!(echoed, matches!(kind, Kind::Init | Kind::Complete), "{kind:?}: only with the password");
        for refused in ["x-apple-i-fd-client-info", "x-apple-offer-security-upgrade", "x-apple-hc"] {
            assert!(call.header(refused).is_none(), "{kind:?} {refused}");
        }
    }
    let push = &sight.of(Kind::Push)[0];
    assert!(push.body.is_empty(), "the wish for a push has no body at all");
    let init = sight.of(Kind::Init)[0].json();
    assert_eq!(init["accountName"], "jane.doe@example.com", "a capital letter would spoil the proof");
}

#[tokio::test]
async fn servers_of_every_strictness_are_content() {
    for strictness in
        [Strictness::lenient(), Strictness::default(), Strictness { browser: true, ..Strictness::default() }]
    {
        let world = World::new(|account| account.strictness = strictness);
        world.sign_in(&mut world.person([Act::Read(Channel::Device)])).await.unwrap();
        assert_eq!(world.costs(), [1, 1, 1], "{strictness:?}");
    }
}

#[tokio::test]
async fn the_newest_nonces_are_echoed_those_of_refusals_included() {
    let world = World::new(|account| account.push = icloud_emulator::PushAnswer::Refused(405));
    let sight = world.watch();
    let mut person = world.person([
        Act::Ask(Method::Sms(3)),
        Act::Type("000000"),
        Act::AskLater(Method::Sms(7)),
        Act::Type("000001"),
        Act::Read(Channel::Sms(7)),
    ]);
    world.sign_in(&mut person).await.unwrap();
    let statuses: Vec<u16> = world.emulator.statistics().journal().map(|seen| seen.status).collect();
    for refusal in [400, 405, 409] {
        assert!(statuses.contains(&refusal), "{statuses:?}");
    }
    let calls: Vec<Request> = sight.all().into_iter().filter(is_on_sign_in_host).collect();
    for name in ["scnt", "x-apple-id-session-id"] {
        let values: Vec<&str> = calls.iter().filter_map(|call| call.header(name)).collect();
        let different: std::collections::HashSet<&&str> = values.iter().collect();
        assert_eq!(values.len(), calls.len() - 1, "{name}: all but the first call");
        assert_eq!(different.len(), values.len(), "{name}: never the same twice");
    }
    assert!(!statuses.contains(&401), "the emulator refuses whatever is not the newest: {statuses:?}");
}

#[tokio::test]
async fn a_right_code_that_does_not_lead_in_is_followed_up_once_and_no_code_is_asked_for() {
    for (failures, works) in [(1, true), (u64::MAX, false)] {
        let world = World::new(|account| {
            account.submit = SubmitAnswer::Conflict { session_token: false, edp: true, trust_token: false };
        });
        world.spoil(Kind::AccountLogin, When::Times(failures), Canned::status(401));
        let mut person = world.person([Act::Read(Channel::Device), Act::Read(Channel::Device)]);
        let outcome = world.sign_in(&mut person).await;
        assert_eq!(outcome.is_ok(), works, "{outcome:?}");
        assert!(works || matches!(outcome, Err(Error::Incomplete)), "{outcome:?}");
        assert_eq!((world.seen(Kind::Trust), world.seen(Kind::AccountLogin)), (2, 2));
        assert_eq!((world.costs(), person.shown.len()), ([1, 1, 1], 1), "nobody is asked again");
    }
}

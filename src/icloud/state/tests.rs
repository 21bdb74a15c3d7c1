use secrecy::SecretString;

use super::*;

fn state() -> (tempfile::TempDir, StateDir) {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(&dir.path().join("state")).unwrap();
    (dir, state)
}

fn at(minutes: i64) -> Timestamp {
    let start: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
    start + jiff::SignedDuration::from_mins(minutes)
}

#[test]
fn the_client_stays_the_same_client() {
    let (_dir, state) = state();
    let mut first = state.session(" User@Example.com ").unwrap();
    state.save(&mut first).unwrap();
    assert_eq!(state.session("user@example.com").unwrap().client_id, first.client_id);
}

#[test]
fn the_session_of_another_account_is_kept_for_its_return() {
    let (_dir, state) = state();
    let mut one = state.session("one@example.com").unwrap();
    one.trust_token = Some("precious".into());
    state.save(&mut one).unwrap();
    let mut other = state.session("other@example.com").unwrap();
    assert!(other.trust_token.is_none() && other.client_id != one.client_id);
    state.save(&mut other).unwrap();
    let back = state.session("one@example.com").unwrap();
    assert_eq!((back.client_id, back.trust_token), (one.client_id, one.trust_token));
}

#[test]
fn damaged_files_are_kept_and_do_not_stop_the_program() {
    let (_dir, state) = state();
    std::fs::write(state.0.join(SESSION), "{\"trust_token\": ").unwrap();
    std::fs::write(state.0.join(RECORD), "]").unwrap();
    state.session("user@example.com").unwrap();
    state.record().unwrap();
    let names: Vec<_> = std::fs::read_dir(&state.0).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(
        names.iter().filter(|name| name.to_string_lossy().contains(".damaged-")).count(),
        2,
        "{names:?}"
    );
}

#[test]
fn a_younger_trust_of_another_process_survives() {
    let (_dir, state) = state();
    let mut ours = state.session("user@example.com").unwrap();
    let mut theirs = Session { trust_token: Some("young".into()), trusted_at: Some(at(0)), ..ours.clone() };
    state.save(&mut theirs).unwrap();
    state.save(&mut ours).unwrap();
    assert_eq!(state.session("user@example.com").unwrap().trust_token.as_deref(), Some("young"));
    assert_eq!(ours.trust_token.as_deref(), Some("young"));
}

#[test]
fn doors_close_for_longer_and_longer_and_across_restarts() {
    let (_dir, state) = state();
    let mut last = at(0);
    for _ in 0..4 {
        state.update(|record| record.close(Door::SignIn, None, "throttled", at(0))).unwrap();
        let (until, _) = state.record().unwrap().closed(Door::SignIn, at(0)).unwrap();
        assert!(until > last, "{until} after {last}");
        last = until;
    }
    let record = state.record().unwrap();
    assert!(record.closed(Door::Setup, at(0)).is_none(), "the other door is open");
    assert!(record.closed(Door::SignIn, last).is_none(), "and this one opens at last");
    state.update(Record::password_accepted).unwrap();
    assert!(state.record().unwrap().closed(Door::SignIn, at(0)).is_none());
}

#[test]
fn apples_wish_for_a_longer_pause_is_honoured() {
    let mut record = Record::default();
    record.close(Door::Setup, Some(Duration::from_secs(7 * 3600)), "throttled", at(0));
    assert!(record.closed(Door::Setup, at(7 * 60 - 1)).is_some());
    record.close(Door::Setup, Some(Duration::MAX), "throttled", at(0));
    assert!(record.closed(Door::Setup, at(49 * 60)).is_none(), "but not for ever");
    assert!(record.closed(Door::Setup, at(-3000)).is_none(), "nor if the clock was wrong");
}

#[test]
fn refused_credentials_are_known_again_and_not_readable() {
    let (_dir, state) = state();
    let (wrong, right) = (SecretString::from("hush"), SecretString::from("other"));
    state.update(|record| record.refuse("a@example.com", &wrong)).unwrap().unwrap();
    let record = state.record().unwrap();
    assert!(record.is_refused("a@example.com", &wrong));
    assert!(!record.is_refused("a@example.com", &right));
    assert!(!record.is_refused("b@example.com", &wrong));
    let text = std::fs::read_to_string(state.0.join(RECORD)).unwrap();
    assert!(!text.contains("hush") && !text.contains("example"));
}

#[test]
fn unattended_runs_have_a_budget() {
    let mut record = Record::default();
    assert_eq!(record.spend_proof(at(0)), Ok(()));
    assert_eq!(record.spend_proof(at(29)), Err(at(30)));
    assert_eq!(record.spend_proof(at(30)), Ok(()));
    assert_eq!(record.spend_proof(at(60)), Ok(()));
    assert_eq!(record.spend_proof(at(120)), Err(at(24 * 60)));
    assert_eq!(record.spend_proof(at(24 * 60)), Ok(()));
    assert_eq!(record.spend_proof(at(24 * 60 + 5)), Err(at(24 * 60 + 30)));
}

#[test]
fn codes_are_asked_for_half_a_minute_apart_by_whatever_way() {
    let mut record = Record::default();
    let after = |seconds: i64| at(0) + jiff::SignedDuration::from_secs(seconds);
    assert_eq!(record.spend_code(Way::Device, at(0)), Ok(()));
    for way in [Way::Device, Way::Sms] {
        assert_eq!(record.spend_code(way, after(29)), Err(NoCode::TooSoon(after(30))), "{way:?}");
    }
    assert_eq!(record.spend_code(Way::Sms, after(30)), Ok(()));
    // What Apple refused is not on its way.
    record.settle_code(None, after(30));
    assert_eq!(record.spend_code(Way::Voice, after(31)), Ok(()));
    // If Apple wants a pause, it is for this way only, and may be longer than the hour that is looked at.
    record.settle_code(Some(Duration::from_secs(2 * 3600)), after(31));
    assert_eq!(record.spend_code(Way::Device, after(32)), Ok(()));
    record.settle_code(None, after(32));
    let open = after(31) + jiff::SignedDuration::from_hours(2);
    assert_eq!(record.spend_code(Way::Voice, at(119)), Err(NoCode::EnoughByThisWay(open)));
    assert_eq!(record.spend_code(Way::Voice, at(121)), Ok(()));
}

#[test]
fn codes_are_asked_for_again_three_times_an_hour_and_once_by_another_way() {
    let (_dir, state) = state();
    let spend = |way, minute| state.update(|record| record.spend_code(way, at(minute))).unwrap();
    for minute in [0, 1, 2] {
        assert_eq!(spend(Way::Device, minute), Ok(()));
    }
    assert_eq!(spend(Way::Device, 3), Err(NoCode::EnoughByThisWay(at(60))), "across restarts");
    assert_eq!(spend(Way::Sms, 3), Ok(()));
    assert_eq!(spend(Way::Sms, 4), Err(NoCode::Enough(at(60))));
    assert_eq!(spend(Way::Voice, 4), Err(NoCode::Enough(at(60))));
    assert_eq!(spend(Way::Device, 60), Ok(()), "the first one is an hour old");
}

#[test]
fn pauses_are_jittered_within_a_quarter() {
    let hours = |record: &mut Record| {
        record.close(Door::SignIn, None, "throttled", at(0));
        record.closed(Door::SignIn, at(0)).unwrap().0.duration_since(at(0)).as_secs_f64() / 3600.0
    };
    let firsts: Vec<f64> = (0..20).map(|_| hours(&mut Record::default())).collect();
    assert!(firsts.iter().all(|pause| (1.0..=1.25).contains(pause)), "{firsts:?}");
    assert!(firsts.iter().any(|pause| (pause - firsts[0]).abs() > f64::EPSILON), "{firsts:?}");
    let mut record = Record::default();
    let grown: Vec<f64> = (0..7).map(|_| hours(&mut record)).collect();
    for (pause, full) in grown.iter().zip([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 48.0]) {
        assert!((full..=(full * 1.25_f64).min(48.0)).contains(pause), "{grown:?}");
    }
}

#[tokio::test]
async fn only_one_signs_in_at_a_time() {
    let (_dir, state) = state();
    let first = state.lock(|| panic!("nobody is there")).await.unwrap();
    let waiting = std::cell::Cell::new(false);
    let second = state.lock(|| waiting.set(true));
    tokio::pin!(second);
    assert!(tokio::time::timeout(Duration::from_millis(20), &mut second).await.is_err());
    assert!(waiting.get());
    drop(first);
    second.await.unwrap();
}

#[test]
fn the_overview_needs_no_files() {
    let (_dir, state) = state();
    let overview = state.overview().unwrap();
    assert!(
        overview.trust_expiry.is_none() && overview.next_attempt.is_none() && !overview.credentials_refused
    );
}

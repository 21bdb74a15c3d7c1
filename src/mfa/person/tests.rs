use std::sync::{Arc, Mutex};

use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;

use super::*;

fn manners() -> Manners {
    Manners {
        push: MfaPush::Auto,
        attended: true,
        timeout: Duration::from_secs(20),
        terminal: false,
        account: None,
    }
}

fn person(manners: Manners) -> (TempDir, Exchange, Person) {
    let runtime = TempDir::new().unwrap();
    let exchange = Exchange::new(runtime.path());
    let person = Person::new(exchange.clone(), manners, |_| {});
    (runtime, exchange, person)
}

fn waiting() -> Waiting {
    Waiting {
        challenge: Challenge { devices: true, phones: Vec::new(), code_length: 6 },
        asked: Some(Method::Device),
        last_error: None,
    }
}

#[test]
fn who_asks_apple_depends_on_who_started_the_run() {
    let devices = waiting().challenge;
    let nothing = Challenge { devices: false, ..devices.clone() };
    for (push, attended, asked) in [
        (MfaPush::Auto, true, true),
        (MfaPush::Auto, false, false),
        (MfaPush::Always, false, true),
        (MfaPush::Never, true, false),
    ] {
        let (_runtime, _, person) = person(Manners { push, attended, ..manners() });
        assert_eq!(person.first_request(&devices).is_some(), asked, "{push:?}, attended: {attended}");
        assert_eq!(person.first_request(&nothing), None, "{push:?}");
    }
}

#[tokio::test]
async fn a_code_comes_through_the_exchange() {
    let (_runtime, exchange, mut person) = person(manners());
    let answering = exchange.clone();
    let waiting = waiting();
    let (step, ()) = tokio::join!(person.next(&waiting), async {
        let request = answering.waiting().unwrap().expect("a request");
        assert_eq!((request.digits, request.methods.as_slice()), (6, &[exchange::Method::Device][..]));
        assert_eq!(request.asked, Some(Wish { method: exchange::Method::Device, phone: None }));
        answering.answer(&Answer::Code(SecretString::from("123 456"))).unwrap();
    });
    assert!(matches!(step, Ok(Step::Code(code)) if code.expose_secret() == "123456"));
    person.finished(true);
    assert!(exchange.waiting().unwrap().is_none());
}

#[tokio::test]
async fn a_wrong_code_is_said_to_those_who_wait() {
    let (_runtime, exchange, mut person) = person(manners());
    let first = waiting();
    let again = Waiting { last_error: Some("The code is wrong.".into()), ..waiting() };
    let code = Answer::Code(SecretString::from("000000"));
    let (step, ()) = tokio::join!(person.next(&first), async { exchange.answer(&code).unwrap() });
    assert!(step.is_ok());
    let since = exchange.waiting().unwrap().unwrap().since;
    let (step, ()) = tokio::join!(person.next(&again), async {
        let request = exchange.waiting().unwrap().unwrap();
        assert_eq!(request.last_error.as_deref(), Some("The code is wrong."));
        assert_eq!(request.since, since, "it is still the same request");
        exchange.answer(&code).unwrap();
    });
    assert!(step.is_ok());
}

#[tokio::test]
async fn phones_that_apple_names_later_can_be_wished_for() {
    let (_runtime, exchange, mut person) = person(manners());
    let first = waiting();
    let reading = br#"{"trustedPhoneNumbers":[{"id":4,"obfuscatedNumber":"55"}],"noTrustedDevices":false}"#;
    let again = Waiting { challenge: Challenge::read(reading), asked: None, last_error: None };
    let device = Answer::Resend(Wish { method: exchange::Method::Device, phone: None });
    let (step, ()) = tokio::join!(person.next(&first), async { exchange.answer(&device).unwrap() });
    assert!(step.is_ok());
    let text = Answer::Resend(Wish { method: exchange::Method::Sms, phone: Some(4) });
    let (step, ()) = tokio::join!(person.next(&again), async {
        assert_eq!(exchange.waiting().unwrap().unwrap().phones[0].id, 4);
        exchange.answer(&text).unwrap();
    });
    assert!(matches!(step, Ok(Step::Ask(Method::Sms(4)))), "{step:?}");
}

#[test]
fn whoever_waits_for_a_device_is_told_at_once_what_else_there_is() {
    let (_runtime, _, person) = person(manners());
    let with_phone = Challenge::read(br#"{"trustedPhoneNumbers":[{"id":4}],"noTrustedDevices":false}"#);
    let said = |challenge: Challenge, asked: Method| {
        let waiting = Waiting { challenge, asked: Some(asked), last_error: None };
        instructions(&person.request(&waiting, waiting.asked.map(wish)), false)
    };
    let text = said(with_phone.clone(), Method::Device);
    for part in ["Allow the sign-in", "icps mfa resend", "sms", "airplane mode"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let text = said(waiting().challenge, Method::Device);
    assert!(text.contains("airplane mode") && !text.contains("sms"), "there is no phone: {text}");
    assert!(!said(with_phone, Method::Sms(4)).contains("airplane mode"));
}

#[tokio::test]
async fn impossible_wishes_are_refused_and_waiting_goes_on() {
    let (_runtime, exchange, mut person) = person(manners());
    let waiting = waiting();
    let wish = |method| Answer::Resend(Wish { method, phone: Some(1) });
    let (step, ()) = tokio::join!(person.next(&waiting), async {
        exchange.answer(&wish(exchange::Method::Sms)).unwrap();
        while exchange.waiting().unwrap().unwrap().last_error.is_none() {
            tokio::task::yield_now().await;
        }
        exchange.answer(&wish(exchange::Method::Device)).unwrap();
    });
    assert!(matches!(step, Ok(Step::Ask(Method::Device))));
}

#[tokio::test]
async fn nobody_answers() {
    let (_runtime, exchange, mut person) =
        person(Manners { timeout: Duration::from_millis(50), ..manners() });
    assert_eq!(person.next(&waiting()).await.err(), Some(Unanswered::TimedOut));
    person.finished(false);
    assert!(exchange.waiting().unwrap().is_none());
}

#[tokio::test]
async fn a_second_run_asks_nobody() {
    let (_runtime, exchange, mut first) = person(Manners { timeout: Duration::from_millis(50), ..manners() });
    let waiting = waiting();
    let mut second = Person::new(exchange, manners(), |_| {});
    let (one, two) = tokio::join!(first.next(&waiting), second.next(&waiting));
    assert_eq!(one.err(), Some(Unanswered::TimedOut));
    assert_eq!(two.err(), Some(Unanswered::NobodyThere));
}

#[tokio::test]
async fn the_status_says_what_is_waited_for() {
    let runtime = TempDir::new().unwrap();
    let heard = Arc::new(Mutex::new(String::new()));
    let ear = Arc::clone(&heard);
    let manners = Manners { timeout: Duration::from_millis(1), ..manners() };
    let mut person =
        Person::new(Exchange::new(runtime.path()), manners, move |text| ear.lock().unwrap().push_str(text));
    let unasked = Waiting { asked: None, ..waiting() };
    assert!(person.next(&unasked).await.is_err());
    assert!(heard.lock().unwrap().contains("icps mfa resend device"), "{heard:?}");
}

#[tokio::test]
async fn an_account_with_a_name_is_told_to_name_it() {
    let runtime = TempDir::new().unwrap();
    let heard = Arc::new(Mutex::new(String::new()));
    let ear = Arc::clone(&heard);
    let manners = Manners { timeout: Duration::from_millis(1), account: "alice".parse().ok(), ..manners() };
    let mut person =
        Person::new(Exchange::new(runtime.path()), manners, move |text| ear.lock().unwrap().push_str(text));
    let unasked = Waiting { asked: None, ..waiting() };
    assert!(person.next(&unasked).await.is_err());
    for command in ["`icps --account alice mfa resend device`", "`icps --account alice mfa CODE`"] {
        assert!(heard.lock().unwrap().contains(command), "{command}: {heard:?}");
    }
}

#[test]
fn typed_lines() {
    let request = Request {
        pid: 1,
        digits: 6,
        since: Timestamp::UNIX_EPOCH,
        until: Timestamp::UNIX_EPOCH,
        methods: Vec::new(),
        phones: Vec::new(),
        asked: None,
        last_error: None,
    };
    let wish = |line: &str| match request.read_line(line) {
        Ok(Answer::Resend(Wish { method, phone })) => Some((method, phone)),
        _ => None,
    };
    assert_eq!(wish("sms"), Some((exchange::Method::Sms, None)));
    assert_eq!(wish(" SMS  2 "), Some((exchange::Method::Sms, Some(2))));
    assert_eq!(wish("voice 3"), Some((exchange::Method::Voice, Some(3))));
    assert_eq!(wish("device"), Some((exchange::Method::Device, None)));
    assert_eq!(wish("sms two"), None);
    assert!(matches!(request.read_line("123456"), Ok(Answer::Code(_))));
    assert!(matches!(request.read_line("help"), Err(Error::NotACode { .. })));
}

use std::time::Duration;

use jiff::ToSpan;
use tempfile::TempDir;

use super::*;

fn request() -> Request {
    let now = Timestamp::now();
    Request {
        pid: std::process::id(),
        digits: 6,
        since: now,
        until: now + 10.minutes(),
        methods: vec![Method::Device, Method::Sms, Method::Voice],
        phones: vec![Phone { id: 2, number: "•• ••12".into() }, Phone { id: 5, number: "•• ••34".into() }],
        asked: None,
        last_error: None,
    }
}

fn exchange() -> (TempDir, Exchange) {
    let runtime = TempDir::new().unwrap();
    let exchange = Exchange::new(runtime.path());
    (runtime, exchange)
}

fn code(text: &str) -> Answer {
    Answer::Code(SecretString::from(text))
}

/// The next answer; the limit only ends a test that has failed.
async fn next(waiter: &mut Waiter) -> Answer {
    tokio::time::timeout(Duration::from_secs(20), waiter.answer()).await.expect("an answer").unwrap()
}

fn text(answer: &Answer) -> String {
    match answer {
        Answer::Code(code) => code.expose_secret().to_owned(),
        Answer::Resend(wish) => format!("{wish:?}"),
    }
}

#[tokio::test]
async fn nobody_waits_before_and_after() {
    let (_runtime, exchange) = exchange();
    assert!(exchange.waiting().unwrap().is_none());
    assert!(matches!(exchange.answer(&code("123456")), Err(Error::NobodyWaits)));
    let waiter = exchange.open(request()).unwrap();
    assert_eq!(exchange.waiting().unwrap().as_ref(), Some(waiter.request()));
    exchange.answer(&code("123456")).unwrap();
    drop(waiter);
    assert!(exchange.waiting().unwrap().is_none());
    assert!(!exchange.path("request.json").exists());
    assert!(!exchange.path("answer.json").exists(), "an unread answer is removed");
}

#[tokio::test]
async fn answers_arrive_one_after_the_other_and_are_consumed() {
    let (_runtime, exchange) = exchange();
    let mut waiter = exchange.open(request()).unwrap();
    exchange.answer(&code("111111")).unwrap();
    assert_eq!(text(&next(&mut waiter).await), "111111");
    assert!(!exchange.path("answer.json").exists());
    let wish = Wish { method: Method::Sms, phone: Some(5) };
    exchange.answer(&Answer::Resend(wish)).unwrap();
    assert!(matches!(next(&mut waiter).await, Answer::Resend(got) if got == wish));
    exchange.answer(&code("222222")).unwrap();
    exchange.answer(&code("333333")).unwrap();
    assert_eq!(text(&next(&mut waiter).await), "333333", "the last one counts");
}

#[tokio::test]
async fn a_sleeping_waiter_is_woken() {
    let (_runtime, exchange) = exchange();
    let mut waiter = exchange.open(request()).unwrap();
    let sender = exchange.clone();
    let waiting = tokio::spawn(async move { text(&next(&mut waiter).await) });
    tokio::task::yield_now().await;
    sender.answer(&code("123456")).unwrap();
    assert_eq!(waiting.await.unwrap(), "123456");
}

#[tokio::test]
async fn what_lay_there_before_the_request_is_thrown_away() {
    let (_runtime, exchange) = exchange();
    drop(exchange.open(request()).unwrap());
    let answer = |at: Timestamp, code: &str| {
        let text = format!(r#"{{"at": "{at}", "code": "{code}"}}"#);
        fs::write(exchange.path("new"), text).unwrap();
        fs::rename(exchange.path("new"), exchange.path("answer.json")).unwrap();
    };
    answer(Timestamp::now() + 1.hour(), "111111");
    let mut waiter = exchange.open(request()).unwrap();
    // Written while it waits, but by somebody who answered an earlier request.
    answer(Timestamp::now() - 1.hour(), "222222");
    assert!(exchange.take(waiter.request().since).unwrap().is_none());
    exchange.answer(&code("333333")).unwrap();
    assert_eq!(text(&next(&mut waiter).await), "333333");
}

#[tokio::test]
async fn nonsense_is_thrown_away() {
    let (_runtime, exchange) = exchange();
    let waiter = exchange.open(request()).unwrap();
    for nonsense in ["", "{", "{}", r#"{"code": "1"}"#, r#"{"at": "now", "code": "1"}"#, "\u{0}"] {
        fs::write(exchange.path("answer.json"), nonsense).unwrap();
        assert!(exchange.take(waiter.request().since).unwrap().is_none(), "{nonsense:?}");
        assert!(!exchange.path("answer.json").exists(), "{nonsense:?}");
    }
}

#[tokio::test]
async fn one_waits_at_a_time() {
    let (_runtime, exchange) = exchange();
    let first = exchange.open(request()).unwrap();
    let Err(Error::Busy { waiter }) = exchange.open(request()) else { panic!("two wait") };
    assert_eq!(waiter, format!("process {}", std::process::id()));
    assert!(exchange.waiting().unwrap().is_some(), "the first one's request is untouched");
    drop(first);
    exchange.open(request()).unwrap();
}

#[tokio::test]
async fn a_request_of_a_dead_process_is_stale() {
    let (_runtime, exchange) = exchange();
    let waiter = exchange.open(request()).unwrap();
    let left = fs::read(exchange.path("request.json")).unwrap();
    drop(waiter);
    // As after a kill: the files are there, the lock is gone.
    fs::write(exchange.path("request.json"), left).unwrap();
    assert!(exchange.waiting().unwrap().is_none());
    assert!(matches!(exchange.answer(&code("123456")), Err(Error::NobodyWaits)));
}

#[tokio::test]
async fn a_request_ends() {
    let (_runtime, exchange) = exchange();
    let _waiter = exchange.open(Request { until: Timestamp::now() - 1.second(), ..request() }).unwrap();
    assert!(exchange.waiting().unwrap().is_none());
}

#[tokio::test]
async fn an_update_is_seen() {
    let (_runtime, exchange) = exchange();
    let mut waiter = exchange.open(request()).unwrap();
    waiter.update(|request| request.last_error = Some("The code is wrong.".into())).unwrap();
    let seen = exchange.waiting().unwrap().unwrap();
    assert_eq!(seen.last_error.as_deref(), Some("The code is wrong."));
}

#[tokio::test]
async fn files_are_for_the_owner_alone() {
    let (_runtime, exchange) = exchange();
    let _waiter = exchange.open(request()).unwrap();
    exchange.answer(&code("123456")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&exchange.directory), 0o700);
    for name in ["request.json", "answer.json", "waiter.lock"] {
        assert_eq!(mode(&exchange.path(name)), 0o600, "{name}");
    }
    let names = fs::read_dir(&exchange.directory).unwrap().count();
    assert_eq!(names, 3, "no temporary file is left");
}

#[test]
fn codes_are_known_by_their_form() {
    let request = request();
    for good in ["123456", " 123 456\n", "123-456"] {
        assert_eq!(request.code(good).unwrap().expose_secret(), "123456", "{good:?}");
    }
    for bad in ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "sms"] {
        assert!(matches!(request.code(bad), Err(Error::NotACode { digits: 6 })), "{bad:?}");
    }
}

#[test]
fn phones_are_never_guessed() {
    let two = request();
    let sms = |phone| Wish { method: Method::Sms, phone };
    assert!(
        matches!(two.resolve(sms(None)), Err(Error::WhichPhone(list)) if list == "2 (•• ••12), 5 (•• ••34)")
    );
    assert!(matches!(two.resolve(sms(Some(1))), Err(Error::NoSuchPhone(_))));
    assert_eq!(two.resolve(sms(Some(5))).unwrap().phone, Some(5));
    let one = Request { phones: vec![Phone { id: 7, number: "•".into() }], ..request() };
    assert_eq!(one.resolve(sms(None)).unwrap().phone, Some(7));
    let device = Wish { method: Method::Device, phone: Some(9) };
    assert_eq!(one.resolve(device).unwrap().phone, None);
    let no_device = Request { methods: vec![Method::Sms], ..request() };
    assert!(matches!(no_device.resolve(device), Err(Error::NoSuchMethod)));
}

//! The receiver on sockets of its own, asked byte by byte.

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::{Timestamp, ToSpan};
use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

use super::*;
use crate::mfa::exchange::{Answer, Method, Phone, Request, Waiter, Wish};

struct Receiver {
    directory: tempfile::TempDir,
    server: JoinHandle<io::Result<()>>,
}

const PATIENT: Limits =
    Limits { connections: 16, patience: Duration::from_secs(10), idle: Duration::from_secs(600) };

impl Receiver {
    fn start(limits: Limits, base: &'static str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = std::os::unix::net::UnixListener::bind(directory.path().join("mfa.sock")).unwrap();
        let routes = Routes::new(Exchange::new(directory.path()), base);
        let server = tokio::spawn(async move {
            let listeners = [Listener::unix(socket)?];
            serve::serve(&listeners, routes, &limits).await
        });
        Self { directory, server }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    async fn connect(&self) -> UnixStream {
        UnixStream::connect(self.path().join("mfa.sock")).await.unwrap()
    }

    /// Sends a request as it is, and returns all that comes back.
    async fn raw(&self, request: &[u8]) -> String {
        let mut stream = self.connect().await;
        // It may answer and hang up before it has read everything.
        let _ = stream.write_all(request).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    /// Status and body.
    async fn ask(&self, line: &str) -> (u16, serde_json::Value) {
        let answer = self.raw(format!("{line} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("content-type: application/json"), "{head}");
        (status(&answer), serde_json::from_str(body).unwrap())
    }

    async fn message(&self, line: &str) -> (u16, String) {
        let (status, body) = self.ask(line).await;
        (status, body["message"].as_str().unwrap().to_owned())
    }

    fn wait_for_code(&self) -> Waiter {
        let now = Timestamp::now();
        let request = Request {
            pid: std::process::id(),
            digits: 6,
            since: now,
            until: now + 10.minutes(),
            methods: vec![Method::Device, Method::Sms],
            phones: vec![phone(2), phone(5)],
            asked: None,
            last_error: Some("The code is wrong.".into()),
        };
        Exchange::new(self.path()).open(request).unwrap()
    }
}

fn phone(id: u32) -> Phone {
    Phone { id, number: format!("•••• {id}") }
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {answer:?}")).parse().unwrap()
}

#[tokio::test]
async fn a_code_reaches_the_waiting_run() {
    for path in ["/mfa", "/api/mfa"] {
        let receiver = Receiver::start(PATIENT, "");
        let mut waiter = receiver.wait_for_code();
        let answer = receiver.message(&format!("POST {path}?code=123456")).await;
        assert_eq!(answer, (200, "Read MFA code: 123456".into()));
        match waiter.answer().await.unwrap() {
            Answer::Code(code) => assert_eq!(code.expose_secret(), "123456"),
            Answer::Resend(wish) => panic!("{wish:?}"),
        }
    }
}

#[tokio::test]
async fn a_wish_reaches_the_waiting_run() {
    let sms = Wish { method: Method::Sms, phone: Some(2) };
    let device = Wish { method: Method::Device, phone: None };
    for (query, name, expected) in [
        ("method=sms&phoneNumberId=2", "sms", sms),
        ("phoneNumberId=2&method=sms", "sms", sms),
        ("method=device", "device", device),
    ] {
        let receiver = Receiver::start(PATIENT, "");
        let mut waiter = receiver.wait_for_code();
        let answer = receiver.message(&format!("POST /resend_mfa?{query}")).await;
        assert_eq!(answer, (200, format!("Requesting MFA resend with method {name}")), "{query}");
        assert!(
            matches!(waiter.answer().await.unwrap(), Answer::Resend(wish) if wish == expected),
            "{query}"
        );
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let receiver = Receiver::start(PATIENT, "");
    let _waiter = receiver.wait_for_code();
    let format = "Unexpected MFA code format! Expecting 6 digits";
    for query in
        ["", "?", "?code=", "?code=12345", "?code=1234567", "?code=12345x", "?kode=123456", "?code=%31"]
    {
        let answer = receiver.message(&format!("POST /mfa{query}")).await;
        assert_eq!(answer, (400, format.into()), "{query}");
    }
    let method = "Method does not match expected format";
    for query in
        ["", "?method=fax", "?method=SMS", "?method=sms&phoneNumberId=x", "?method=sms&phoneNumberId=-1"]
    {
        let answer = receiver.message(&format!("POST /resend_mfa{query}")).await;
        assert_eq!(answer, (400, method.into()), "{query}");
    }
    // Well formed, but not for this account.
    for query in ["?method=voice", "?method=sms", "?method=sms&phoneNumberId=1"] {
        assert_eq!(receiver.ask(&format!("POST /resend_mfa{query}")).await.0, 400, "{query}");
    }
    assert!(!receiver.path().join("mfa/answer.json").exists());
}

#[tokio::test]
async fn nothing_is_expected_when_nobody_waits() {
    let receiver = Receiver::start(PATIENT, "");
    let unexpected = (412, "MFA code not expected at this time".to_owned());
    for line in [
        "POST /mfa?code=123456",
        "POST /mfa?code=x",
        "POST /resend_mfa?method=sms&phoneNumberId=2",
        "POST /api/resend_mfa?method=fax",
    ] {
        assert_eq!(receiver.message(line).await, unexpected, "{line}");
    }
    drop(receiver.wait_for_code());
    assert_eq!(receiver.message("POST /mfa?code=123456").await, unexpected);
}

#[tokio::test]
async fn the_state_is_told() {
    let receiver = Receiver::start(PATIENT, "");
    assert_eq!(receiver.ask("GET /state").await, (200, serde_json::json!({ "state": "idle" })));
    let waiter = receiver.wait_for_code();
    let (status, state) = receiver.ask("GET /api/state").await;
    assert_eq!(status, 200);
    assert_eq!(state["state"], "waiting");
    assert_eq!(state["until"], waiter.request().until.to_string());
    assert_eq!(state["methods"], serde_json::json!(["device", "sms"]));
    assert_eq!(state["phones"][1], serde_json::json!({ "id": 5, "number": "•••• 5" }));
    assert_eq!(state["last_error"], "The code is wrong.");
}

#[tokio::test]
async fn other_paths_and_methods_are_named() {
    let receiver = Receiver::start(PATIENT, "");
    for line in ["GET /", "POST /mfa/", "GET /states", "POST /api", "POST /api/api/mfa", "GET /mfa.sock"] {
        assert_eq!(receiver.ask(line).await.0, 404, "{line}");
    }
    for (line, allowed) in
        [("GET /mfa?code=123456", "POST"), ("PUT /api/resend_mfa", "POST"), ("POST /state", "GET")]
    {
        let answer = receiver.raw(format!("{line} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await;
        assert_eq!(status(&answer), 405, "{line}");
        assert!(answer.contains(&format!("allow: {allowed}\r\n")), "{answer}");
    }
}

#[tokio::test]
async fn a_base_path_may_stand_in_front() {
    for base in ["/photos/x", "photos/x/"] {
        let receiver = Receiver::start(PATIENT, base);
        assert_eq!(receiver.ask("GET /photos/x/state").await.0, 200, "{base}");
        assert_eq!(receiver.ask("GET /photos/x/api/state").await.0, 200, "{base}");
        assert_eq!(receiver.ask("GET /state").await.0, 200, "{base}");
        assert_eq!(receiver.ask("GET /photos/xstate").await.0, 404, "{base}");
    }
}

#[tokio::test]
async fn a_page_of_another_site_is_refused() {
    let receiver = Receiver::start(PATIENT, "");
    let _waiter = receiver.wait_for_code();
    for (site, expected) in [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)] {
        let request = format!("POST /mfa?code=123456 HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: {site}\r\n\r\n");
        assert_eq!(status(&receiver.raw(request.as_bytes()).await), expected, "{site}");
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let receiver = Receiver::start(PATIENT, "");
    let long = "x".repeat(9 * 1024);
    let head = receiver.raw(format!("GET /state HTTP/1.1\r\nHost: {long}\r\n\r\n").as_bytes()).await;
    assert_eq!(status(&head), 431);
    let line = receiver.raw(format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await;
    assert!(matches!(status(&line), 414 | 431), "{line}");
    for (size, expected) in [(1024, 200), (1025, 413)] {
        let body = "x".repeat(size);
        let request = format!("GET /state HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n{body}");
        assert_eq!(status(&receiver.raw(request.as_bytes()).await), expected, "{size}");
    }
    let chunked = format!(
        "GET /state HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n500\r\n{}\r\n0\r\n\r\n",
        "x".repeat(0x500)
    );
    assert_eq!(status(&receiver.raw(chunked.as_bytes()).await), 413);
    assert_eq!(status(&receiver.raw(b"nonsense\r\n\r\n").await), 400);
}

#[tokio::test]
async fn a_slow_client_is_cut_off() {
    let receiver = Receiver::start(Limits { patience: Duration::from_millis(100), ..PATIENT }, "");
    let started = Instant::now();
    assert_eq!(receiver.raw(b"GET /state HTT").await, "");
    assert!(started.elapsed() >= Duration::from_millis(100));
}

#[tokio::test]
async fn further_connections_wait_until_one_ends() {
    let receiver = Receiver::start(Limits { connections: 2, ..PATIENT }, "");
    let first = receiver.connect().await;
    let _second = receiver.connect().await;
    let mut waiting = Box::pin(receiver.ask("GET /state"));
    let early = tokio::time::timeout(Duration::from_millis(100), &mut waiting).await;
    assert!(early.is_err(), "{early:?}");
    drop(first);
    assert_eq!(waiting.await.0, 200);
}

#[tokio::test]
async fn it_leaves_when_nobody_comes() {
    let limits = Limits { idle: Duration::from_millis(150), ..PATIENT };
    let mut receiver = Receiver::start(limits, "");
    let idle = receiver.connect().await;
    let early = tokio::time::timeout(Duration::from_millis(400), &mut receiver.server).await;
    assert!(early.is_err(), "it left although there was a connection");
    drop(idle);
    receiver.server.await.unwrap().unwrap();
}

#[tokio::test]
async fn sockets_of_both_kinds_are_served_together() {
    let directory = tempfile::tempdir().unwrap();
    let unix = std::os::unix::net::UnixListener::bind(directory.path().join("mfa.sock")).unwrap();
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    let routes = Routes::new(Exchange::new(directory.path()), "");
    tokio::spawn(async move {
        let listeners = [Listener::unix(unix).unwrap(), Listener::tcp(tcp).unwrap()];
        serve::serve(&listeners, routes, &PATIENT).await
    });
    for _ in 0..3 {
        let mut answer = String::new();
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /state HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(status(&answer), 200);
        let mut answer = String::new();
        let mut stream = UnixStream::connect(directory.path().join("mfa.sock")).await.unwrap();
        stream.write_all(b"GET /state HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(status(&answer), 200);
    }
}

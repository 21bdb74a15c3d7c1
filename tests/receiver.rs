//! The receiver as it is installed: its program, on a socket that it is passed, asked with curl.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use icps::mfa::exchange::{Answer, Exchange, Method, Request};
use jiff::{Timestamp, ToSpan};
use secrecy::ExposeSecret;

struct Receiver {
    child: Child,
    directory: tempfile::TempDir,
    log: File,
}

impl Receiver {
    /// Passes a socket the way systemd does: as descriptor 3, announced to this very process.
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = UnixListener::bind(directory.path().join("mfa.sock")).unwrap();
        let log = tempfile::tempfile().unwrap();
        let child = Command::new("sh")
            .args(["-c", r#"LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" 3<&0 </dev/null"#])
            .arg(env!("CARGO_BIN_EXE_icps-mfa"))
            .env("RUNTIME_DIRECTORY", directory.path())
            .stdin(Stdio::from(OwnedFd::from(socket)))
            .stderr(log.try_clone().unwrap())
            .spawn()
            .unwrap();
        Self { child, directory, log }
    }

    /// Body and status, or nothing where there is no curl.
    fn curl(&self, arguments: &[&str]) -> Option<(String, String)> {
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--max-time", "20", "--write-out", "\n%{http_code}"])
            .arg("--unix-socket")
            .arg(self.directory.path().join("mfa.sock"))
            .args(arguments)
            .output();
        match output {
            Ok(output) => {
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                let text = String::from_utf8(output.stdout).unwrap();
                text.rsplit_once('\n').map(|(body, status)| (body.to_owned(), status.to_owned()))
            }
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "CI needs curl: {error}");
                eprintln!("SKIPPED: curl: {error}");
                None
            }
        }
    }

    fn log(mut self) -> String {
        let mut text = String::new();
        self.log.rewind().unwrap();
        self.log.read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn request() -> Request {
    Request {
        pid: std::process::id(),
        digits: 6,
        since: Timestamp::now(),
        until: Timestamp::now() + 10.minutes(),
        methods: vec![Method::Device],
        phones: Vec::new(),
        asked: None,
        last_error: None,
    }
}

#[tokio::test]
async fn a_code_is_handed_over_and_never_logged() {
    let receiver = Receiver::start();
    let mut waiter = Exchange::new(receiver.directory.path()).open(request()).unwrap();
    let Some(answer) = receiver.curl(&["-X", "POST", "http://localhost/mfa?code=314159"]) else { return };
    assert_eq!(answer, (r#"{"message":"Read MFA code: 314159"}"#.into(), "200".into()));
    match waiter.answer().await.unwrap() {
        Answer::Code(code) => assert_eq!(code.expose_secret(), "314159"),
        Answer::Resend(wish) => panic!("{wish:?}"),
    }
    receiver.curl(&["-X", "POST", "http://localhost/mfa?code=31415x"]);
    let log = receiver.log();
    assert!(log.contains("A code was handed in."), "{log}");
    assert!(!log.contains("31415"), "{log}");
}

#[tokio::test]
async fn nobody_waits() {
    let receiver = Receiver::start();
    let Some(answer) = receiver.curl(&["-X", "POST", "http://localhost/mfa?code=123456"]) else { return };
    assert_eq!(answer, (r#"{"message":"MFA code not expected at this time"}"#.into(), "412".into()));
    let state = receiver.curl(&["http://localhost/state"]).unwrap();
    assert_eq!(state, (r#"{"state":"idle"}"#.into(), "200".into()));
}

#[test]
fn started_by_hand_it_says_what_to_do() {
    let run = |directory: Option<&Path>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_icps-mfa"));
        command.env_remove("RUNTIME_DIRECTORY").env_remove("LISTEN_FDS");
        directory.map(|directory| command.env("RUNTIME_DIRECTORY", directory));
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = run(Some(Path::new("/nowhere")));
    assert_eq!(code, Some(78));
    assert!(said.contains("icps-mfa.socket"), "{said}");
    let (code, said) = run(None);
    assert_eq!(code, Some(78));
    assert!(said.contains("RUNTIME_DIRECTORY"), "{said}");
}

//! The emulator through its network side: the proxy, TLS, both versions of HTTP, faults and figures.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use icloud_emulator::{Canned, Effect, Emulator, Fault, Kind, Role, Selector, When};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const SETUP: &str = "setup.icloud.com";
const VALIDATE: &str = "https://setup.icloud.com/setup/ws/1/validate";

fn emulator() -> Emulator {
    Emulator::builder().start().unwrap()
}

async fn connect(emulator: &Emulator, host: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(emulator.address()).await.unwrap();
    stream
        .write_all(format!("CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    (stream, String::from_utf8(answer).unwrap())
}

/// TLS that trusts nothing but the authority of the emulator.
async fn tls(emulator: &Emulator, stream: TcpStream, host: &str, alpn: &[u8]) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(emulator.ca_file()).unwrap()).unwrap();
    let provider = rustls::crypto::ring::default_provider();
    let mut configuration = ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    configuration.alpn_protocols = vec![alpn.to_vec()];
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let stream = TlsConnector::from(std::sync::Arc::new(configuration)).connect(name, stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(alpn));
    stream
}

type Sender = http1::SendRequest<Full<Bytes>>;

/// A connection through the proxy, with HTTP/1.1.
async fn http1(emulator: &Emulator, host: &str) -> Sender {
    let (stream, answer) = connect(emulator, host).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let stream = tls(emulator, stream, host, b"http/1.1").await;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn post(url: &str) -> Request<Full<Bytes>> {
    let host = url.strip_prefix("https://").unwrap().split('/').next().unwrap();
    Request::post(url).header("host", host).body(Full::from("null")).unwrap()
}

async fn text(response: Response<Incoming>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn the_proxy_leads_to_apples_hosts_with_certificates_of_the_run() {
    let emulator = emulator();
    let mut sender = http1(&emulator, SETUP).await;
    let response = sender.send_request(post(VALIDATE)).await.unwrap();
    assert_eq!(response.status(), 421);
    assert_eq!(response.headers()["x-apple-user-partition"], "61");
    assert!(text(response).await.contains("Missing X-APPLE-WEBAUTH-TOKEN cookie"));
    let response = sender.send_request(post(VALIDATE)).await.unwrap();
    assert_eq!(response.status(), 421, "the connection is kept");
}

#[tokio::test]
async fn http2_is_spoken_too() {
    let emulator = emulator();
    let (stream, _) = connect(&emulator, SETUP).await;
    let stream = tls(&emulator, stream, SETUP, b"h2").await;
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post(VALIDATE).body(Full::new(Bytes::from("null"))).unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), 421);
}

#[tokio::test]
async fn a_client_without_a_proxy_is_served_on_the_same_address() {
    let emulator = emulator();
    let stream = TcpStream::connect(emulator.address()).await.unwrap();
    let stream = tls(&emulator, stream, "p61-ckdatabasews.icloud.com", b"http/1.1").await;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let url =
        "https://p61-ckdatabasews.icloud.com/database/1/com.apple.photos.cloud/production/private/zones/list";
    assert_eq!(sender.send_request(post(url)).await.unwrap().status(), 421);
    assert_eq!(emulator.statistics().count(Kind::Zones), 1);
}

#[tokio::test]
async fn what_apple_does_not_have_is_recorded_and_fails_the_test() {
    let emulator = emulator();
    let (_, answer) = connect(&emulator, "example.com").await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    let mut sender = http1(&emulator, SETUP).await;
    let response = sender.send_request(post("https://setup.icloud.com/setup/ws/1/getTerms")).await.unwrap();
    assert_eq!(response.status(), 404);
    assert_eq!(
        emulator.unexpected(),
        ["proxy: connection to example.com", "POST https://setup.icloud.com/setup/ws/1/getTerms"]
    );
    let end = std::thread::spawn(move || drop(emulator)).join();
    assert!(end.unwrap_err().downcast_ref::<String>().unwrap().contains("getTerms"));
}

#[tokio::test]
async fn faults_happen_as_often_as_they_should() {
    let emulator = emulator();
    emulator.faults().next(1, Kind::Validate, Effect::Answer(Canned::throttled(503).retry_after(7)));
    let mut sender = http1(&emulator, SETUP).await;
    let response = sender.send_request(post(VALIDATE)).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (503, &"7".parse().unwrap())
    );
    assert!(text(response).await.contains("THROTTLED"));
    assert_eq!(sender.send_request(post(VALIDATE)).await.unwrap().status(), 421, "once only");

    emulator.faults().next(1, Kind::Validate, Effect::Truncate(3));
    let response = http1(&emulator, SETUP).await.send_request(post(VALIDATE)).await.unwrap();
    assert!(response.headers()["content-length"].to_str().unwrap().parse::<u32>().unwrap() > 3);
    assert!(response.into_body().collect().await.is_err());

    emulator.faults().next(1, Kind::Validate, Effect::Reset);
    assert!(http1(&emulator, SETUP).await.send_request(post(VALIDATE)).await.is_err());
    let statuses: Vec<u16> = emulator.statistics().journal().map(|seen| seen.status).collect();
    assert_eq!(statuses, [503, 421, 421, 0]);
}

#[tokio::test]
async fn a_misdirected_connection_stays_so_until_there_is_a_new_one() {
    let emulator = emulator();
    emulator.faults().next(1, Kind::Validate, Effect::Misdirect);
    let mut old = http1(&emulator, SETUP).await;
    for _ in 0..2 {
        let response = old.send_request(post(VALIDATE)).await.unwrap();
        assert_eq!(response.status(), 421);
        assert!(text(response).await.contains("Misdirected"));
    }
    let response = http1(&emulator, SETUP).await.send_request(post(VALIDATE)).await.unwrap();
    assert!(text(response).await.contains("Missing X-APPLE"), "the right host says no for another reason");
}

#[tokio::test]
async fn latency_shows_in_time_and_concurrency_in_the_figures() {
    let emulator = emulator();
    let latency = Duration::from_millis(200);
    emulator.faults().add(Fault {
        on: Selector::Role(Role::Setup),
        when: When::Always,
        what: Effect::Latency(latency),
    });
    let start = Instant::now();
    let mut connections = [http1(&emulator, SETUP).await, http1(&emulator, SETUP).await];
    let [one, two] = &mut connections;
    let (one, two) = tokio::join!(one.send_request(post(VALIDATE)), two.send_request(post(VALIDATE)));
    let length = (text(one.unwrap()).await.len() + text(two.unwrap()).await.len()) as u64;
    assert!(start.elapsed() >= latency);
    let statistics = emulator.statistics();
    assert_eq!((statistics.count(Kind::Validate), statistics.peak(Role::Setup)), (2, 2));
    assert_eq!((statistics.total(), statistics.bytes_sent()), (2, length));
    emulator.reset_statistics();
    assert_eq!(emulator.statistics().total(), 0);
}

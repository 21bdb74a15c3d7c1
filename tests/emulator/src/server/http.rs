//! HTTP/1.1 and HTTP/2, and the way of a request to its host.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::faults;
use crate::kind::{Kind, Role};
use crate::reply::{self, Reply};
use crate::request::{Request, parse_cookies, parse_query};
use crate::state::State;
use crate::statistics::InFlight;
use crate::{auth, content, photos, setup};

/// The longest request body, in bytes.
const LONGEST_BODY: usize = 16 * 1024 * 1024;

static CONNECTIONS: AtomicU64 = AtomicU64::new(0);

/// Serves the requests of one connection until it ends.
pub(super) async fn serve(state: Arc<State>, stream: TlsStream<TcpStream>) -> io::Result<()> {
    let connection = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
    let (_, tls) = stream.get_ref();
    let http2 = tls.alpn_protocol() == Some(b"h2");
    let name = tls.server_name().unwrap_or_default().to_owned();
    let service = service_fn(move |incoming| handle(Arc::clone(&state), name.clone(), connection, incoming));
    let io = TokioIo::new(stream);
    if http2 {
        http2::Builder::new(TokioExecutor::new()).timer(TokioTimer::new()).serve_connection(io, service).await
    } else {
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(io, service).await
    }
    .map_err(io::Error::other)
}

/// Answers one request; an error cuts the connection.
async fn handle(
    state: Arc<State>,
    name: String,
    connection: u64,
    incoming: hyper::Request<Incoming>,
) -> io::Result<Reply> {
    let at = SystemTime::now();
    let (parts, body) = incoming.into_parts();
    let body = Limited::new(body, LONGEST_BODY).collect().await.map_err(io::Error::other)?.to_bytes();
    let host = host_of(&parts).unwrap_or(name);
    let known = Role::of(&host)
        .and_then(|role| Some((role, Kind::of(role, &parts.method, parts.uri.path(), &body)?)));
    let Some((role, kind)) = known else {
        state.record_unexpected(format!("{} https://{host}{}", parts.method, parts.uri.path()));
        return Ok(reply::status(404));
    };
    let request = request(kind, host, parts, body, connection);
    let in_flight = state.counters.begin(role, kind);
    let answer = answer(&state, role, request).await;
    let status = answer.as_ref().map_or(0, |reply| reply.status().as_u16());
    tracing::debug!("{kind:?}: {status}");
    state.counters.answered(kind, status, at);
    answer.map(|reply| measured(reply, in_flight))
}

/// The host that the request names: in HTTP/2 with its address, in HTTP/1.1 with a header.
fn host_of(parts: &hyper::http::request::Parts) -> Option<String> {
    let host = match parts.uri.host() {
        Some(host) => host,
        None => parts.headers.get(HOST)?.to_str().ok()?.split(':').next()?,
    };
    Some(host.to_ascii_lowercase())
}

fn request(
    kind: Kind,
    host: String,
    parts: hyper::http::request::Parts,
    body: Bytes,
    connection: u64,
) -> Request {
    Request {
        kind,
        method: parts.method,
        host,
        path: parts.uri.path().to_owned(),
        query: parse_query(parts.uri.query().unwrap_or_default()),
        cookies: parse_cookies(&parts.headers),
        headers: parts.headers,
        body,
        connection,
        effects: Vec::new(),
    }
}

/// The answer of the host, with the faults that a test wants.
async fn answer(state: &State, role: Role, mut request: Request) -> io::Result<Reply> {
    request.effects = state.faults.effects(role, &request);
    tokio::time::sleep(faults::delay(&request.effects)).await;
    if let Some(early) = faults::early_answer(&request.effects) {
        return early;
    }
    let reply = match role {
        Role::SignIn => auth::answer(state, &request),
        Role::Setup => setup::answer(state, &request),
        Role::Photos => database(state, &request).await,
        Role::Content => content::content(state, &request).await,
    };
    Ok(faults::spoil(&request.effects, reply))
}

/// The database, for those whose session it accepts and renews.
async fn database(state: &State, request: &Request) -> Reply {
    if let Some(refusal) = setup::session_refusal(state, request) {
        return refusal;
    }
    let mut reply = photos::database(state, request).await;
    if matches!(request.kind, Kind::Query | Kind::Batch | Kind::Modify) {
        setup::renew_session(state, request, &mut reply);
    }
    reply
}

/// Counts the bytes of the body; the request is over when its body is.
fn measured(reply: Reply, in_flight: InFlight) -> Reply {
    reply.map(|body| {
        body.map_frame(move |frame| {
            in_flight.sent(frame.data_ref().map_or(0, Bytes::len));
            frame
        })
        .boxed_unsync()
    })
}

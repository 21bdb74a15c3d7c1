//! Connections: how many, how long, how large.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;
use tracing::{debug, error, warn};

use super::routes::{Reply, Routes};

/// Request line and headers together, in bytes.
const MAX_HEAD: usize = 8 * 1024;

/// Nothing that is understood has a body at all.
const MAX_BODY: usize = 1024;

/// How much of the receiver a client may have.
#[derive(Debug)]
pub(super) struct Limits {
    /// Connections at once; further ones wait in the kernel's queue.
    pub(super) connections: usize,
    /// How long one connection may take.
    pub(super) patience: Duration,
    /// How long to stay without a connection.
    pub(super) idle: Duration,
}

/// A socket from systemd.
#[derive(Debug)]
pub(super) enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Listener {
    /// Takes over a listening Unix socket. Needs a runtime.
    pub(super) fn unix(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        UnixListener::from_std(listener).map(Self::Unix)
    }

    /// Takes over a listening TCP socket. Needs a runtime.
    pub(super) fn tcp(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener).map(Self::Tcp)
    }

    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        Poll::Ready(match self {
            Self::Unix(listener) => {
                ready!(listener.poll_accept(context)).map(|(stream, _)| Stream::Unix(stream))
            }
            Self::Tcp(listener) => {
                ready!(listener.poll_accept(context)).map(|(stream, _)| Stream::Tcp(stream))
            }
        })
    }
}

/// Serves until no connection has been there for [`Limits::idle`].
///
/// A client that comes just then is not lost: its connection waits in the socket, which systemd keeps.
pub(super) async fn serve(listeners: &[Listener], routes: Routes, limits: &Limits) -> io::Result<()> {
    let routes = Arc::new(routes);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            stream = accept(listeners), if connections.len() < limits.connections => match stream? {
                Stream::Unix(stream) => connections.spawn(connection(stream, Arc::clone(&routes), limits.patience)),
                Stream::Tcp(stream) => connections.spawn(connection(stream, Arc::clone(&routes), limits.patience)),
            },
            Some(_) = connections.join_next() => continue,
            () = tokio::time::sleep(limits.idle), if connections.is_empty() => return Ok(()),
        };
    }
}

async fn accept(listeners: &[Listener]) -> io::Result<Stream> {
    std::future::poll_fn(|context| {
        let ready = listeners.iter().map(|listener| listener.poll_accept(context)).find(Poll::is_ready);
        ready.unwrap_or(Poll::Pending)
    })
    .await
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin, routes: Arc<Routes>, patience: Duration) {
    let service = service_fn(|request| handle(request, Arc::clone(&routes)));
    let connection = hyper::server::conn::http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    match tokio::time::timeout(patience, connection).await {
        Ok(Ok(())) => {}
        // hyper's errors do not quote the request.
        Ok(Err(error)) => debug!("A connection failed: {error}."),
        Err(_) => warn!("A client was too slow; its connection is closed."),
    }
}

async fn handle(
    request: Request<Incoming>,
    routes: Arc<Routes>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    if Limited::new(body, MAX_BODY).collect().await.is_err() {
        return Ok(response(&Reply::message(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large")));
    }
    // The exchange reads and writes files.
    let reply = tokio::task::spawn_blocking(move || routes.answer(&head)).await.unwrap_or_else(|failure| {
        error!("Cannot answer a request: {failure}.");
        Reply::message(StatusCode::INTERNAL_SERVER_ERROR, "Internal error, see the journal")
    });
    Ok(response(&reply))
}

fn response(reply: &Reply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(reply.body.to_string()));
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(method) = reply.allow {
        headers.insert(ALLOW, HeaderValue::from_static(method));
    }
    response
}

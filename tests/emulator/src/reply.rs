//! Answers.

use std::io;

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt as _};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::Value;

/// The body of an answer: whole or streamed. An error in it breaks the connection.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// An answer.
pub type Reply = Response<Body>;

/// An answer without content. A status that HTTP does not know becomes 500.
pub fn status(status: u16) -> Reply {
    with_content(status, None, Bytes::new())
}

/// An answer in JSON.
pub fn json(status: u16, value: &Value) -> Reply {
    with_content(status, Some("application/json; charset=UTF-8"), value.to_string().into())
}

/// An answer in HTML.
pub fn html(status: u16, page: impl Into<Bytes>) -> Reply {
    with_content(status, Some("text/html;charset=UTF-8"), page.into())
}

/// An answer whose `length` bytes of content are made while they are sent.
pub fn streamed<S>(status: u16, content_type: &'static str, length: u64, content: S) -> Reply
where
    S: Stream<Item = io::Result<Bytes>> + Send + 'static,
{
    let body = StreamBody::new(content.map_ok(Frame::data)).boxed_unsync();
    let mut reply = bare(status, body);
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    reply
}

/// An answer with the given content, which is sent whole.
pub(crate) fn with_content(status: u16, content_type: Option<&str>, content: Bytes) -> Reply {
    let length = content.len();
    let body = Full::new(content).map_err(|never| match never {}).boxed_unsync();
    let mut reply = bare(status, body);
    if let Some(content_type) = content_type.and_then(|text| HeaderValue::from_str(text).ok()) {
        reply.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    if reply.status() != StatusCode::NO_CONTENT {
        reply.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    reply
}

fn bare(status: u16, body: Body) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    reply
}

/// Sets a header; a value that cannot be one is left out.
pub(crate) fn set_header(reply: &mut Reply, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers_mut().insert(name, value);
    }
}

/// Adds a header that may occur several times.
pub(crate) fn add_header(reply: &mut Reply, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers_mut().append(name, value);
    }
}

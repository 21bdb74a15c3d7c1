//! A request as the handlers see it.

use bytes::Bytes;
use hyper::header::COOKIE;
use hyper::{HeaderMap, Method};
use serde_json::Value;

use crate::faults::Effect;
use crate::kind::Kind;

/// A whole request, body included.
#[derive(Clone, Debug)]
pub struct Request {
    /// What it asks for.
    pub kind: Kind,
    /// The method.
    pub method: Method,
    /// The host, in lower case, without port.
    pub host: String,
    /// The path, still percent-encoded.
    pub path: String,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// The headers.
    pub headers: HeaderMap,
    /// The cookies, without the quotes around their values.
    pub cookies: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// The connection it came on: a number that no other connection of this run has.
    pub connection: u64,
    /// The effects of the faults that hit it (see [`Request::short_page`] and its neighbours).
    pub effects: Vec<Effect>,
}

impl Request {
    /// The value of a header, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a query parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// A fault wants this page to hold no more than so many records.
    pub fn short_page(&self) -> Option<usize> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::ShortPage(records) => Some(*records),
            _ => None,
        })
    }

    /// A fault wants this count to be off by so much.
    pub fn wrong_count(&self) -> Option<i64> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::WrongCount(difference) => Some(*difference),
            _ => None,
        })
    }

    /// A fault wants this page to be empty although more follows.
    pub fn empty_page(&self) -> bool {
        self.effects.iter().any(|effect| matches!(effect, Effect::EmptyPage))
    }
}

/// The parameters of a query string.
pub(crate) fn parse_query(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decode(name), percent_decode(value))
        })
        .collect()
}

/// The cookies of all `Cookie` headers; HTTP/2 clients may send one header for each.
pub(crate) fn parse_cookies(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .map(|(name, value)| (name.to_owned(), unquoted(value).to_owned()))
        .collect()
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value)
}

fn percent_decode(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => match (hex(bytes.clone().next()), hex(bytes.clone().nth(1))) {
                (Some(high), Some(low)) => {
                    bytes.nth(1);
                    high << 4 | low
                }
                _ => b'%',
            },
            other => other,
        });
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex(digit: Option<u8>) -> Option<u8> {
    let value = char::from(digit?).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded() {
        assert_eq!(
            parse_query("a=b%20c&d=%7Bf%7D&e&x=100%&y=1+2"),
            [("a", "b c"), ("d", "{f}"), ("e", ""), ("x", "100%"), ("y", "1 2")]
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
        );
    }

    #[test]
    fn cookies_lose_their_quotes_and_keep_their_signs() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "A=\"v=2:t=EQ==~/+\"; B=plain".parse().unwrap());
        headers.append(COOKIE, "C=".parse().unwrap());
        assert_eq!(
            parse_cookies(&headers),
            [("A", "v=2:t=EQ==~/+"), ("B", "plain"), ("C", "")].map(|(n, v)| (n.to_owned(), v.to_owned()))
        );
    }
}

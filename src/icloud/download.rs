//! The content of files: one request, checked answer, bytes as they come.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{self, HeaderMap};
use reqwest::{Response, StatusCode};

use super::{Account, Error, SecretUrl};

/// Why a download did not start, or broke off.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The address is not accepted any more: look the file up again, once.
    #[error("the download address is not accepted (status {status})")]
    Expired {
        /// The HTTP status.
        status: u16,
    },
    /// The address leads nowhere: look the record up again; it may be gone.
    #[error("there is nothing at the download address (status 404)")]
    Gone,
    /// Apple asks to slow down.
    #[error("Apple limits downloads")]
    Throttled {
        /// How long to wait, if Apple says so.
        retry_after: Option<Duration>,
    },
    /// Trying again may help: a broken connection, a server error, a body that is not the file.
    #[error("{what}")]
    Transient {
        /// What happened.
        what: String,
    },
    /// Trying again will not help.
    #[error("{what}")]
    Permanent {
        /// What happened.
        what: String,
    },
}

impl FetchError {
    fn transient(what: impl Into<String>) -> Self {
        Self::Transient { what: what.into() }
    }
}

impl From<Error> for FetchError {
    fn from(error: Error) -> Self {
        match error {
            Error::Throttled { retry_after } => Self::Throttled { retry_after },
            Error::Network { .. } => Self::transient(error.to_string()),
            other => Self::Permanent { what: other.to_string() },
        }
    }
}

/// The bytes of a file, on their way.
#[derive(Debug)]
pub struct Content {
    /// Where in the file the bytes begin: what was asked for, or 0 if the server began anew.
    pub offset: u64,
    remaining: u64,
    response: Response,
    idle_timeout: Option<Duration>,
}

impl Content {
    /// The next bytes; `None` when the file is complete. A body that is shorter or longer than the file is
    /// [`FetchError::Transient`].
    pub async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        match within(self.idle_timeout, self.response.chunk()).await? {
            Ok(Some(bytes)) => {
                self.remaining = self
                    .remaining
                    .checked_sub(bytes.len() as u64)
                    .ok_or_else(|| FetchError::transient("the server sent more than the file has"))?;
                Ok(Some(bytes))
            }
            Ok(None) if self.remaining == 0 => Ok(None),
            Ok(None) => {
                Err(FetchError::transient(format!("the download ended {} bytes early", self.remaining)))
            }
            Err(error) => {
                Err(FetchError::transient(format!("the connection broke: {}", error.without_url())))
            }
        }
    }
}

/// Asks for a file of `size` bytes from `offset` on.
pub(super) async fn fetch(
    account: &Account,
    url: &SecretUrl,
    size: u64,
    offset: u64,
    idle_timeout: Option<Duration>,
) -> Result<Content, FetchError> {
    let mut response = within(idle_timeout, account.content(url, offset)).await??;
    let mut verdict = examine(response.status(), response.headers(), size, offset);
    if offset > 0 && response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
        // What is there already does not fit the file: begin anew.
        response = within(idle_timeout, account.content(url, 0)).await??;
        verdict = examine(response.status(), response.headers(), size, 0);
    }
    let offset = verdict?;
    Ok(Content { offset, remaining: size - offset, response, idle_timeout })
}

/// Where the body of an answer begins in the file, or why it is none.
fn examine(status: StatusCode, headers: &HeaderMap, size: u64, offset: u64) -> Result<u64, FetchError> {
    let begins = match status.as_u16() {
        200 => 0,
        206 => content_range_start(headers).filter(|start| *start == offset && offset < size).ok_or_else(
            || FetchError::transient("the server sent another part of the file than asked for"),
        )?,
        404 => return Err(FetchError::Gone),
        status @ (400 | 401 | 403 | 410) => return Err(FetchError::Expired { status }),
        429 | 503 => return Err(FetchError::Throttled { retry_after: retry_after(headers) }),
        408 | 416 | 421 | 500..=599 => {
            return Err(FetchError::transient(format!("the server answered {status}")));
        }
        _ => return Err(FetchError::Permanent { what: format!("the server answered {status}") }),
    };
    if is_error_page(headers) {
        return Err(FetchError::transient("the server sent an error page instead of the file"));
    }
    match content_length(headers) {
        Some(length) if length != size - begins => {
            let expected = size - begins;
            Err(FetchError::transient(format!("the server sends {length} bytes instead of {expected}")))
        }
        _ => Ok(begins),
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    text(headers, header::CONTENT_LENGTH)?.trim().parse().ok()
}

/// The first position of `Content-Range: bytes 100-199/200`.
fn content_range_start(headers: &HeaderMap) -> Option<u64> {
    let range = text(headers, header::CONTENT_RANGE)?.trim().strip_prefix("bytes ")?;
    range.split_once('-')?.0.trim().parse().ok()
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    text(headers, header::RETRY_AFTER)?.trim().parse().ok().map(Duration::from_secs)
}

/// Files arrive as `application/octet-stream`; errors with the status 200 are reported, as HTML or JSON.
fn is_error_page(headers: &HeaderMap) -> bool {
    text(headers, header::CONTENT_TYPE).is_some_and(|kind| {
        ["text/html", "application/json"].iter().any(|page| kind.trim().starts_with(page))
    })
}

async fn within<T>(
    limit: Option<Duration>,
    future: impl std::future::Future<Output = T>,
) -> Result<T, FetchError> {
    match limit {
        None => Ok(future.await),
        Some(limit) => tokio::time::timeout(limit, future)
            .await
            .map_err(|_| FetchError::transient(format!("no progress for {} s", limit.as_secs()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    fn answer(
        status: u16,
        pairs: &[(header::HeaderName, &'static str)],
        offset: u64,
    ) -> Result<u64, FetchError> {
        examine(StatusCode::from_u16(status).unwrap(), &headers(pairs), 200, offset)
    }

    #[test]
    fn a_body_begins_where_the_server_says() {
        use header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
        assert_eq!(answer(200, &[(CONTENT_LENGTH, "200")], 0).unwrap(), 0);
        assert_eq!(answer(200, &[], 0).unwrap(), 0);
        assert_eq!(answer(200, &[(CONTENT_TYPE, "application/octet-stream")], 150).unwrap(), 0);
        let part = [(CONTENT_RANGE, "bytes 150-199/200"), (CONTENT_LENGTH, "50")];
        assert_eq!(answer(206, &part, 150).unwrap(), 150);
    }

    #[test]
    fn what_is_not_the_file_is_broken() {
        use header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
        for (status, pairs, offset) in [
            (200, vec![(CONTENT_LENGTH, "17")], 0),
            (200, vec![(CONTENT_TYPE, "text/html; charset=utf-8")], 0),
            (200, vec![(CONTENT_TYPE, "application/json")], 0),
            (206, vec![(CONTENT_RANGE, "bytes 100-199/200")], 150),
            (206, vec![], 150),
            (206, vec![(CONTENT_RANGE, "bytes 150-199/200"), (CONTENT_LENGTH, "49")], 150),
            (206, vec![(CONTENT_RANGE, "bytes 200-200/200")], 200),
            (416, vec![], 0),
            (500, vec![], 0),
        ] {
            let result = answer(status, &pairs, offset);
            assert!(matches!(result, Err(FetchError::Transient { .. })), "{status} {pairs:?} {result:?}");
        }
    }

    #[test]
    fn each_status_has_its_remedy() {
        for status in [400, 401, 403, 410] {
            assert!(matches!(answer(status, &[], 0), Err(FetchError::Expired { status: s }) if s == status));
        }
        assert!(matches!(answer(404, &[], 0), Err(FetchError::Gone)));
        assert!(matches!(answer(301, &[], 0), Err(FetchError::Permanent { .. })));
        for (status, after) in [(429, None), (503, Some(Duration::from_secs(7)))] {
            let pairs = after.map(|_| (header::RETRY_AFTER, "7"));
            let result = answer(status, pairs.as_slice(), 0);
            assert!(matches!(result, Err(FetchError::Throttled { retry_after }) if retry_after == after));
        }
    }
}

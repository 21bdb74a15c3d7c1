//! An answer, read completely and looked at for all that Apple hides in it.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::LARGEST_ANSWER;
use crate::icloud::cookies;
use crate::icloud::error::Error;

/// An answer of a metadata service. Its body may hold secrets, so it is not `Debug`.
pub(in crate::icloud) struct Answer {
    pub(in crate::icloud) host: String,
    pub(in crate::icloud) status: u16,
    pub(in crate::icloud) headers: HeaderMap,
    pub(in crate::icloud) body: Bytes,
}

impl Answer {
    /// Reads the body, up to [`LARGEST_ANSWER`].
    pub(super) async fn read(host: String, mut response: reqwest::Response) -> Result<Self, Error> {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| Error::network(&host, error))? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(Error::protocol(format!(
                    "an answer of {host} is longer than {LARGEST_ANSWER} bytes"
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Self { host, status, headers, body: body.freeze() })
    }

    pub(in crate::icloud) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header's value, unless absent or empty.
    pub(in crate::icloud) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().filter(|value| !value.is_empty())
    }

    /// All values of a header. Apple's cookies are ASCII; what is not, is no cookie.
    pub(in crate::icloud) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
    }

    /// The body as JSON; `None` for HTML, nothing, or anything else.
    pub(in crate::icloud) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// How long Apple asks to wait, from the header or the body's `retryAfter`.
    pub(in crate::icloud) fn retry_after(&self) -> Option<Duration> {
        retry_after(&self.headers).or_else(|| {
            let seconds = self.json()?.get("retryAfter")?.as_f64()?;
            Duration::try_from_secs_f64(seconds).ok()
        })
    }
}

/// `Retry-After`, in seconds or as a date.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let wait = cookies::parse_date(text)?.duration_since(Timestamp::now());
    Some(Duration::try_from(wait).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Answer {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Answer { host: "h".into(), status, headers, body: Bytes::from(body.to_owned()) }
    }

    #[test]
    fn the_wished_pause_is_found_wherever_it_is() {
        let seconds = |answer: Answer| answer.retry_after().map(|wait| wait.as_secs());
        assert_eq!(seconds(answer(503, &[("retry-after", " 90 ")], "")), Some(90));
        assert_eq!(seconds(answer(503, &[], "{\"retryAfter\": 30}")), Some(30));
        assert_eq!(seconds(answer(503, &[("retry-after", "Thu, 01 Jan 1970 00:00:00 GMT")], "")), Some(0));
        let year_2100 = seconds(answer(503, &[("retry-after", "Fri, 01 Jan 2100 00:00:00 GMT")], ""));
        assert!(year_2100 > Some(86_400 * 365));
        for text in ["soon", "-1", "1e9999"] {
            assert_eq!(seconds(answer(503, &[("retry-after", text)], "<html>")), None, "{text}");
        }
        assert_eq!(seconds(answer(503, &[], "{\"retryAfter\": -1}")), None);
    }

    #[test]
    fn html_is_no_json_and_no_failure() {
        assert!(answer(200, &[], "<html>").json().is_none());
        assert_eq!(answer(200, &[("scnt", "")], "").header("scnt"), None);
    }
}

//! A network capture (HAR 1.2) for reports of errors, without secrets.

mod redact;

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::mpsc;
use std::time::Instant;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use serde_json::{Value, json};

use super::error::Error;

const HEAD: &str = concat!(
    r#"{"log":{"version":"1.2","creator":{"name":"icps","version":""#,
    env!("CARGO_PKG_VERSION"),
    "\"},\"entries\":[\n"
);
const TAIL: &str = "\n]}}\n";

/// Writes exchanges to a file, from a thread of its own.
pub(super) struct Capture(mpsc::Sender<Exchange>);

impl Capture {
    /// Starts a capture, replacing an earlier one; only its owner may read it.
    pub(super) fn create(path: &Path) -> Result<Self, Error> {
        let state = |source| Error::State { path: path.to_owned(), source };
        // Removed first: an existing file would keep its mode, or lead elsewhere.
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(state(error)),
            _ => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(state)?;
        let mut har = Har::begin(file).map_err(state)?;
        let (sender, receiver) = mpsc::channel::<Exchange>();
        std::thread::Builder::new()
            .name("capture".to_owned())
            .spawn(move || {
                for exchange in receiver {
                    if let Err(error) = har.append(&exchange.entry()) {
                        tracing::warn!(%error, "the network capture ends here");
                        return;
                    }
                }
            })
            .map_err(state)?;
        Ok(Self(sender))
    }

    /// Hands over an exchange. If writing has failed before, it is dropped: a capture never fails a run.
    pub(super) fn write(&self, exchange: Exchange) {
        let _ = self.0.send(exchange);
    }
}

/// A HAR file that is complete after every entry.
struct Har {
    file: File,
    end: u64,
}

impl Har {
    fn begin(mut file: File) -> io::Result<Self> {
        file.write_all(HEAD.as_bytes())?;
        file.write_all(TAIL.as_bytes())?;
        Ok(Self { file, end: HEAD.len() as u64 })
    }

    fn append(&mut self, entry: &Value) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.end))?;
        let separator = if self.end == HEAD.len() as u64 { "" } else { ",\n" };
        let text = format!("{separator}{entry}");
        self.file.write_all(text.as_bytes())?;
        self.file.write_all(TAIL.as_bytes())?;
        self.end += text.len() as u64;
        Ok(())
    }
}

/// A request and its answer, as they were; secrets are removed when the entry is made.
pub(super) struct Exchange {
    started: Timestamp,
    clock: Instant,
    method: Method,
    url: Url,
    sent: Option<Bytes>,
    status: u16,
    headers: HeaderMap,
    received: Option<Bytes>,
    millis: u64,
}

impl Exchange {
    pub(super) fn begin(method: &Method, url: &Url, body: Option<&Bytes>) -> Self {
        Self {
            started: Timestamp::now(),
            clock: Instant::now(),
            method: method.clone(),
            url: url.clone(),
            sent: body.cloned(),
            status: 0,
            headers: HeaderMap::new(),
            received: None,
            millis: 0,
        }
    }

    pub(super) fn end(&mut self, status: u16, headers: &HeaderMap, body: Option<&Bytes>) {
        self.status = status;
        self.headers = headers.clone();
        self.received = body.cloned();
        self.millis = u64::try_from(self.clock.elapsed().as_millis()).unwrap_or(u64::MAX);
    }

    fn entry(&self) -> Value {
        let sent = self.sent.as_ref().map(|body| redact::body(body)).unwrap_or_default();
        let received = self.received.as_ref().map(|body| redact::body(body)).unwrap_or_default();
        let size = self.received.as_ref().map_or(0, Bytes::len);
        json!({
            "startedDateTime": self.started.to_string(),
            "time": self.millis,
            "request": {
                "method": self.method.as_str(),
                "url": redact::url(&self.url),
                "httpVersion": "HTTP/2",
                "headers": [], "cookies": [], "queryString": [], "headersSize": -1, "bodySize": sent.len(),
                "postData": { "mimeType": "application/json", "text": sent },
            },
            "response": {
                "status": self.status,
                "statusText": "",
                "httpVersion": "HTTP/2",
                "headers": redact::headers(&self.headers),
                "cookies": [], "redirectURL": "", "headersSize": -1, "bodySize": size,
                "content": { "size": size, "mimeType": "application/json", "text": received },
            },
            "cache": {},
            "timings": { "send": 0, "wait": self.millis, "receive": 0 },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_whole_after_every_entry_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("capture.har");
        std::fs::write(&path, "an older one").unwrap();
        drop(Capture::create(&path).unwrap());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

        let mut har = Har::begin(File::create(&path).unwrap()).unwrap();
        for count in 0..3 {
            let text = std::fs::read_to_string(&path).unwrap();
            let read: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(read["log"]["entries"].as_array().unwrap().len(), count);
            let url = Url::parse("https://setup.icloud.com/setup/ws/1/accountLogin?dsid=12345").unwrap();
            let body = Bytes::from_static(br#"{"dsWebAuthToken":"hush"}"#);
            let mut exchange = Exchange::begin(&Method::POST, &url, Some(&body));
            exchange.end(200, &HeaderMap::new(), Some(&body));
            har.append(&exchange.entry()).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("accountLogin") && !text.contains("hush") && !text.contains("12345"));
    }
}

//! The HTTP client: one browser-like voice towards Apple, with its own cookies and one pace.

mod answer;
mod http;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};

pub(super) use answer::Answer;

use super::capture::{Capture, Exchange};
use super::error::Error;
use super::pace::Pace;
use super::secret_url::SecretUrl;
use super::session::Session;
use super::{hosts, retry};
use crate::settings::{Limit, Rate, Region};

/// How the client behaves.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// The configured world; Apple may send an account to the other one.
    pub region: Region,
    /// How fast metadata may be asked for.
    pub metadata_rate: Rate,
    /// How often a database request or a download may be repeated.
    pub max_retries: Limit,
    /// Where to write a network capture without secrets (HAR), if at all.
    pub capture: Option<PathBuf>,
    /// The way to the servers.
    pub route: Route,
}

/// The way to the servers, for programs that embed this library. By default all of it is the environment's.
#[derive(Debug, Clone, Default)]
pub struct Route {
    /// The proxy, in place of `HTTPS_PROXY`.
    pub proxy: Option<String>,
    /// The only certificates that are trusted (PEM), in place of the system's and `SSL_CERT_FILE`.
    pub ca_file: Option<PathBuf>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            region: Region::World,
            metadata_rate: Rate::default(),
            max_retries: Limit::AtMost(10),
            capture: None,
            route: Route::default(),
        }
    }
}

/// Speaks to Apple. Clones share connections, cookies and pace.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    options: ClientOptions,
    http: RwLock<reqwest::Client>,
    session: Mutex<Session>,
    pace: Pace,
    capture: Option<Capture>,
}

/// One request, to a host that account cookies may go to.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
}

impl Request {
    pub(super) fn new(method: Method, url: String) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: None }
    }

    /// Adds a header. A value that is no header text is left out: it can only come from a damaged answer.
    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(mut value) = HeaderValue::from_str(value) {
            value.set_sensitive(true);
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    pub(super) fn json(self, body: &serde_json::Value) -> Self {
        self.body(Bytes::from(body.to_string()), "application/json")
    }

    pub(super) fn body(mut self, body: Bytes, content_type: &'static str) -> Self {
        self.body = Some(body);
        self.header("content-type", content_type)
    }
}

impl Client {
    /// Prepares connections; nothing is sent. Roots are the system's (`SSL_CERT_FILE` is honoured), the proxy is
    /// the environment's. [`Error::State`] if the capture cannot be written, [`Error::Network`] if TLS cannot be
    /// set up.
    pub fn new(options: ClientOptions, session: Session) -> Result<Self, Error> {
        let capture = options.capture.as_deref().map(Capture::create).transpose()?;
        let http = RwLock::new(http::build(&options.route)?);
        let pace = Pace::new(options.metadata_rate);
        Ok(Self(Arc::new(Inner { options, http, session: Mutex::new(session), pace, capture })))
    }

    /// Looks at or changes the session. Not to be held across a request.
    pub(super) fn session<R>(&self, use_it: impl FnOnce(&mut Session) -> R) -> R {
        use_it(&mut self.0.session.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn region(&self) -> Region {
        self.session(|session| session.region()).unwrap_or(self.0.options.region)
    }

    pub(super) fn home(&self) -> &'static str {
        hosts::home(self.region())
    }

    pub(super) fn pace(&self) -> &Pace {
        &self.0.pace
    }

    pub(super) fn retries(&self) -> u32 {
        retry::retries(self.0.options.max_retries)
    }

    /// Closes all pooled connections: HTTP/2 may have kept one to a server that no longer serves the account.
    pub(super) fn drop_connections(&self) -> Result<(), Error> {
        let fresh = http::build(&self.0.options.route)?;
        *self.0.http.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    fn http(&self) -> reqwest::Client {
        self.0.http.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends one request once, with the cookies that belong there, and keeps the cookies that come back.
    pub(super) async fn send(&self, request: Request) -> Result<Answer, Error> {
        let url =
            Url::parse(&request.url).map_err(|_| Error::protocol("a service has a malformed address"))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let cookies = self.session(|session| session.cookies.header(&host, url.path(), Timestamp::now()));
        let mut headers = request.headers;
        if let Some(mut cookies) = cookies.and_then(|text| HeaderValue::from_str(&text).ok()) {
            cookies.set_sensitive(true);
            headers.insert(header::COOKIE, cookies);
        }
        let mut exchange = Exchange::begin(&request.method, &url, request.body.as_ref());
        let mut builder = self.http().request(request.method, url).headers(headers);
        if let Some(body) = request.body {
            builder = builder.body(body);
        }
        let response = builder.send().await.map_err(|error| Error::network(&host, error))?;
        let answer = Answer::read(host, response).await?;
        self.session(|session| {
            session.cookies.absorb(&answer.host, answer.all("set-cookie"), Timestamp::now());
        });
        tracing::debug!(host = %answer.host, status = answer.status, bytes = answer.body.len(), "answer");
        if let Some(capture) = &self.0.capture {
            exchange.end(answer.status, &answer.headers, Some(&answer.body));
            capture.write(exchange);
        }
        Ok(answer)
    }

    /// Begins a download. No cookie and nothing of the account is sent.
    pub(super) async fn content(&self, url: &SecretUrl, offset: u64) -> Result<reqwest::Response, Error> {
        self.pace().content_turn().await;
        let sent = tokio::time::Instant::now();
        let home = self.home();
        let mut exchange = Exchange::begin(&Method::GET, url.expose(), None);
        let mut builder = self
            .http()
            .get(url.expose().clone())
            .header(header::ORIGIN, home)
            .header(header::REFERER, format!("{home}/"))
            // A compressed body would not match the size that the library promises.
            .header(header::ACCEPT_ENCODING, "identity");
        if offset > 0 {
            builder = builder.header(header::RANGE, format!("bytes={offset}-"));
        }
        let response = builder.send().await.map_err(|error| Error::network(url.host(), error))?;
        match response.status().as_u16() {
            429 | 503 => self.pace().throttled(sent, answer::retry_after(response.headers())),
            _ if response.status().is_success() => self.pace().went_well(),
            _ => {}
        }
        if let Some(capture) = &self.0.capture {
            exchange.end(response.status().as_u16(), response.headers(), None);
            capture.write(exchange);
        }
        Ok(response)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("options", &self.0.options).finish_non_exhaustive()
    }
}

/// No answer of a metadata service is larger than this.
const LARGEST_ANSWER: usize = 64 << 20;
/// A connection that is not made within this time is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// A connection on which nothing arrives for this long is given up.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

//! A signed-in account: the photos database and the contents of files.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use reqwest::{Method, Url};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::client::{Answer, Client, Request};
use super::error::Error;
use super::pace::{self, LONGEST_PAUSE};
use super::retry::{Verdict, verdict};
use super::secret_url::SecretUrl;
use super::{database_error, hosts};

/// Sessions are renewed at most once in this time: one that does not last is a matter for a person.
const RENEWAL_GAP: Duration = Duration::from_secs(180);

/// While a run lasts, rotated cookies are written to disk this often.
const STORE_GAP: Duration = Duration::from_secs(300);

/// Which part of the photos database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// The account's own libraries.
    Private,
    /// Libraries that others share with the account.
    Shared,
}

impl Area {
    fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Shared => "shared",
        }
    }
}

/// Why a session is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// The session is over.
    Session,
    /// The approval under Advanced Data Protection is over.
    Approval,
}

/// How a session is renewed and stored; implemented by the sign-in.
pub(super) trait Renewal: Send + Sync {
    /// Renews the session without a person.
    fn renew(&self, lost: Lost) -> BoxFuture<'_, Result<(), Error>>;
    /// Writes the session to the state directory.
    fn persist(&self) -> BoxFuture<'_, Result<(), Error>>;
}

/// The latest renewal of each kind.
#[derive(Default)]
struct Renewals {
    session: Option<Renewed>,
    approval: Option<Renewed>,
}

/// A renewal, and what came of it.
struct Renewed {
    at: Instant,
    /// Why it failed, for the other workers that met the same.
    failure: Option<Arc<Error>>,
}

impl Renewals {
    fn of(&mut self, lost: Lost) -> &mut Option<Renewed> {
        match lost {
            Lost::Session => &mut self.session,
            Lost::Approval => &mut self.approval,
        }
    }

    /// Why there is no use in another renewal so soon.
    fn objection(&mut self, lost: Lost) -> Option<Error> {
        let latest = self.of(lost).as_ref().filter(|latest| latest.at.elapsed() < RENEWAL_GAP)?;
        Some(match (&latest.failure, lost) {
            (Some(failure), _) => Error::Renewal(Arc::clone(failure)),
            (None, Lost::Approval) => Error::ApprovalNeeded,
            (None, Lost::Session) => {
                Error::SessionLost { reason: "it ended again right after it was renewed".to_owned() }
            }
        })
    }
}

/// A signed-in account. Clones share everything.
#[derive(Clone)]
pub struct Account(Arc<Inner>);

struct Inner {
    client: Client,
    renewal: Box<dyn Renewal>,
    /// Counts renewals, so that a worker sees that another one has renewed the session meanwhile.
    generation: AtomicU64,
    /// The latest renewals; held while renewing, so that the workers wait for one.
    renewals: Mutex<Renewals>,
    /// When the session was last written to disk.
    stored: std::sync::Mutex<Instant>,
}

impl Account {
    pub(super) fn new(client: Client, renewal: Box<dyn Renewal>) -> Self {
        Self(Arc::new(Inner {
            client,
            renewal,
            generation: AtomicU64::new(0),
            renewals: Mutex::default(),
            stored: std::sync::Mutex::new(Instant::now()),
        }))
    }

    /// Until when Apple lets this client sign in without a code, as far as known.
    pub fn trust_expiry(&self) -> Option<Timestamp> {
        self.0.client.session(|session| session.trust_expiry())
    }

    /// Writes what changed in the session (Apple rotates cookies with every answer) to the state directory. To be
    /// called at the end of a run; during it that happens by itself now and then.
    pub async fn persist(&self) -> Result<(), Error> {
        self.0.renewal.persist().await
    }

    /// A long run must not lose the rotated cookies if it is killed; but not every answer is worth a write.
    async fn persist_now_and_then(&self) {
        {
            let mut stored = self.0.stored.lock().unwrap_or_else(PoisonError::into_inner);
            if stored.elapsed() < STORE_GAP {
                return;
            }
            *stored = Instant::now();
        }
        if let Err(error) = self.persist().await {
            tracing::warn!(%error, "the session cannot be stored");
        }
    }

    /// How often a download may be tried again, from the user's `--max-retries`.
    pub fn retries(&self) -> u32 {
        self.0.client.retries()
    }

    /// Begins the download of a file's content at `offset`, once: the answer may have any status, and the caller
    /// decides what to do about it. No cookies are sent. Throttling slows all workers down, and while it lasts
    /// this waits. [`Error::Network`] if the server was not reached.
    pub async fn content(&self, url: &SecretUrl, offset: u64) -> Result<reqwest::Response, Error> {
        self.0.client.content(url, offset).await
    }

    /// Calls the photos database, for example `records/query`, and returns the body of a good answer: it is JSON
    /// and has no error at its top level. Errors of single records or zones inside are left to the caller.
    ///
    /// Paced by the user's rate; temporary failures are tried again, throttling slows all workers down, a
    /// session that ended is renewed once. Fails with the reason that remains.
    pub async fn database(&self, area: Area, call: &str, body: &serde_json::Value) -> Result<Bytes, Error> {
        let body = Bytes::from(body.to_string());
        let mut patience = Patience::new(self.0.client.retries());
        loop {
            self.0.client.pace().metadata_turn().await;
            // A session that is just being renewed has neither address nor cookies.
            drop(self.0.renewals.lock().await);
            let generation = self.0.generation.load(Ordering::Acquire);
            let sent = Instant::now();
            let outcome = self.0.client.send(self.database_request(area, call, body.clone())?).await;
            let answer = match outcome {
                Ok(answer) => answer,
                Err(error @ Error::Network { .. }) => {
                    patience.pause(u32::MAX, error).await?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let problem = database_error::of(&answer);
            let status = problem.as_ref().map_or(answer.status, |problem| problem.status);
            match (verdict(status), problem) {
                (Verdict::Good, None) => {
                    self.0.client.pace().went_well();
                    self.persist_now_and_then().await;
                    return Ok(answer.body);
                }
                (Verdict::SlowDown, problem) => {
                    let wait = answer.retry_after();
                    if wait.is_some_and(|wait| wait > LONGEST_PAUSE) {
                        return Err(Error::Throttled { retry_after: wait });
                    }
                    self.0.client.pace().throttled(sent, wait);
                    patience.spend(u32::MAX, error_of(&answer, problem))?;
                }
                (Verdict::Again(times), problem) => patience.pause(times, error_of(&answer, problem)).await?,
                (Verdict::Reconnect, problem) => {
                    let is_over = problem.as_ref().is_some_and(|problem| problem.session_is_over);
                    if patience.reconnected || is_over {
                        self.renew_once(&mut patience, generation, Lost::Session, &answer, problem).await?;
                    } else {
                        patience.reconnected = true;
                        self.0.client.drop_connections()?;
                    }
                }
                (Verdict::Renew, problem) => {
                    let lost = if status == 423 { Lost::Approval } else { Lost::Session };
                    self.renew_once(&mut patience, generation, lost, &answer, problem).await?;
                }
                (Verdict::Good | Verdict::Fail, problem) => return Err(error_of(&answer, problem)),
            }
        }
    }

    fn database_request(&self, area: Area, call: &str, body: Bytes) -> Result<Request, Error> {
        let client = &self.0.client;
        let base = client.session(|session| session.photos_url.clone()).ok_or(Error::NotSetUp)?;
        let base = Url::parse(&base).map_err(|_| Error::protocol("the address of the photos service"))?;
        let host = base.host_str().unwrap_or_default();
        if base.scheme() != "https" || !hosts::is_database_host(host) {
            return Err(Error::protocol(format!("the photos service is on the foreign host {host:?}")));
        }
        let base = base.as_str().trim_end_matches('/');
        let area = area.as_str();
        let url = format!(
            "{base}/database/1/com.apple.photos.cloud/production/{area}/{call}?remapEnums=true&getCurrentSyncToken=true"
        );
        let home = client.home();
        Ok(Request::new(Method::POST, url)
            .header("accept", "application/json")
            .header("origin", home)
            .header("referer", &format!("{home}/"))
            .body(body, "text/plain"))
    }

    /// Renews the session for a request, if that was not tried for it yet.
    async fn renew_once(
        &self,
        patience: &mut Patience,
        seen: u64,
        lost: Lost,
        answer: &Answer,
        problem: Option<database_error::Problem>,
    ) -> Result<(), Error> {
        if patience.renewed.contains(&lost) {
            return Err(database_error::after_renewal(error_of(answer, problem)));
        }
        patience.renewed.push(lost);
        let mut renewals = self.0.renewals.lock().await;
        if self.0.generation.load(Ordering::Acquire) > seen {
            return Ok(());
        }
        if let Some(objection) = renewals.objection(lost) {
            return Err(objection);
        }
        tracing::info!(?lost, "the session ended; renewing it");
        // Whatever comes of it, the next worker must not try at once.
        let outcome = self.0.renewal.renew(lost).await.map_err(Arc::new);
        let failure = outcome.as_ref().err().cloned();
        *renewals.of(lost) = Some(Renewed { at: Instant::now(), failure });
        outcome.map_err(Error::Renewal)?;
        self.0.generation.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("trust_expiry", &self.trust_expiry()).finish_non_exhaustive()
    }
}

fn error_of(answer: &Answer, problem: Option<database_error::Problem>) -> Error {
    problem
        .map_or_else(|| Error::protocol(format!("{} answered nothing", answer.host)), |problem| problem.error)
}

/// What one request may still try.
struct Patience {
    left: u32,
    tries: u32,
    reconnected: bool,
    /// What was renewed for it.
    renewed: Vec<Lost>,
}

impl Patience {
    fn new(retries: u32) -> Self {
        Self { left: retries, tries: 0, reconnected: false, renewed: Vec::new() }
    }

    /// Takes one of the tries, of which there are at most `times` for this kind of failure.
    fn spend(&mut self, times: u32, error: Error) -> Result<(), Error> {
        if self.left == 0 || self.tries >= times {
            return Err(error);
        }
        self.left -= 1;
        self.tries += 1;
        tracing::debug!(tries = self.tries, %error, "trying again");
        Ok(())
    }

    async fn pause(&mut self, times: u32, error: Error) -> Result<(), Error> {
        self.spend(times, error)?;
        tokio::time::sleep(pace::back_off(self.tries - 1)).await;
        Ok(())
    }
}

//! Signing in: the cheapest way that works, and never one too many.
//!
//! The order: the stored session (`validate`, then `accountLogin`), the password with the stored trust (which
//! needs no code), and only then a second factor, for which a person must be there. Every password and every code
//! counts against the account, so nothing in here is repeated by itself; what failed is remembered in the state
//! directory, where the next run finds it.

mod approval;
mod auth;
mod code;
mod factor;
mod options;
mod password;
mod reading;
mod renewal;
mod resume;
mod setup;

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

pub use factor::{Challenge, Method, Nobody, Phone, SecondFactor, Step, Unanswered, Waiting};
pub use options::{Credentials, Notice, PasswordSource, PersonSource, SignInOptions};

use super::account::Account;
use super::client::{Answer, Client};
use super::error::Error;
use super::session::Session;
use super::state::{Door, Record, canonical};
use password::Proven;
use reading::Reading;
use setup::Standing;

/// Signs in. What the state directory remembers is used first; the password and the person are asked only if that
/// is not enough. The session is stored whatever comes of it.
///
/// Waits while another process signs in with the same state directory. Fails with the situation of the account,
/// or with what stands in the way of another attempt.
pub async fn sign_in(
    client: Client,
    options: SignInOptions,
    factor: &mut dyn SecondFactor,
) -> Result<Account, Error> {
    let flow = Flow { client: client.clone(), options: Arc::new(options), began: Timestamp::now() };
    let _lock = flow.lock().await?;
    flow.prepare().await?;
    let outcome = flow.run(factor).await;
    let stored = flow.store().await;
    outcome?;
    stored?;
    flow.warn_about_trust();
    Ok(Account::new(client, Box::new(flow)))
}

/// The course of a sign-in, and of its renewals later.
#[derive(Clone)]
struct Flow {
    client: Client,
    options: Arc<SignInOptions>,
    began: Timestamp,
}

impl Flow {
    /// Takes the session from the disk, where another process may have renewed it, and applies the user's wishes.
    async fn prepare(&self) -> Result<(), Error> {
        let (state, username) = (self.options.state.clone(), self.account());
        let stored = blocking(move || state.session(&username)).await?;
        self.client.session(|session| {
            *session = stored;
            if let Some(token) = &self.options.trust_token {
                session.take_given_trust(token.expose_secret(), Timestamp::now());
            }
            if self.options.refresh_token {
                session.forget_trust(Timestamp::now());
            }
        });
        // Before anything is sent: a client that Apple has seen must come back as the same client.
        self.store().await?;
        if self.options.legacy_login {
            self.notify(&Notice::LegacyLoginIsGone);
        }
        Ok(())
    }

    async fn run(&self, factor: &mut dyn SecondFactor) -> Result<(), Error> {
        if self.resume().await? {
            self.prolong_trust().await;
        } else {
            self.begin_anew(factor, self.options.by_person).await?;
        }
        self.update(Record::succeeded).await
    }

    /// Signs in with the password, and a second factor if Apple wants one. `wished`: a person asked for this
    /// sign-in; those that happen by themselves have a budget.
    async fn begin_anew(&self, factor: &mut dyn SecondFactor, wished: bool) -> Result<(), Error> {
        self.check_doors().await?;
        let password = self.password().await?;
        self.check_refusals(&password).await?;
        if !wished {
            self.spend_budget().await?;
        }
        self.client.session(Session::abandon);
        let before = self.client.region();
        match self.with_password(&password, factor).await {
            // The account lives in the other world, which does not know the conversation held in this one.
            Err(Error::Incomplete) if self.client.region() != before => {
                self.with_password(&password, factor).await
            }
            outcome => outcome,
        }
    }

    async fn with_password(
        &self,
        password: &SecretString,
        factor: &mut dyn SecondFactor,
    ) -> Result<(), Error> {
        let answer = match self.prove(password).await? {
            Proven::Accepted => match self.account_login().await? {
                Standing::Ready(services) => return self.settle(&services).await,
                Standing::SecondFactor => None,
                Standing::NotSignedIn | Standing::OtherWorld(_) => return Err(Error::Incomplete),
            },
            Proven::SecondFactor(answer) => {
                if self.trust_suffices().await? {
                    return Ok(());
                }
                Some(answer)
            }
        };
        self.second_factor(answer.as_ref(), factor).await
    }

    /// A session token may come although a second factor is named; with a stored trust it can suffice.
    async fn trust_suffices(&self) -> Result<bool, Error> {
        if self.client.session(|session| session.trust_token.is_none() || session.session_token.is_none()) {
            return Ok(false);
        }
        match self.account_login().await? {
            Standing::Ready(services) => self.settle(&services).await.map(|()| true),
            _ => Ok(false),
        }
    }

    /// Enters a good standing, after the approval of a device where the account demands one.
    async fn settle(&self, services: &setup::Services) -> Result<(), Error> {
        if services.protected {
            self.approval().await?;
        }
        setup::accept(&self.client, services);
        Ok(())
    }

    /// `accountLogin` with the session token, over fresh connections if the old ones lead astray, and once on the
    /// host of the partition if those do too. Follows an account to the other world once.
    async fn account_login(&self) -> Result<Standing, Error> {
        let mut answer = self.setup_call("accountLogin", &setup::login_body(&self.client)).await?;
        if answer.status == 421 {
            self.client.drop_connections()?;
            answer = self.setup_call("accountLogin", &setup::login_body(&self.client)).await?;
        }
        if answer.status == 421 {
            if let Some(base) = setup::partition_base(&answer, self.client.region()) {
                tracing::debug!(%base, "misdirected twice; trying the host of the account's partition");
                let body = setup::login_body(&self.client);
                answer = self
                    .judge_setup(setup::call_at(&self.client, &base, "accountLogin", &body).await?)
                    .await?;
            }
        }
        let Standing::OtherWorld(region) = setup::standing(&answer, self.client.region())? else {
            return setup::standing(&answer, self.client.region());
        };
        let domain = super::hosts::domain(region);
        self.client.session(|session| session.domain = Some(domain.to_owned()));
        self.notify(&Notice::OtherWorld(region));
        let answer = self.setup_call("accountLogin", &setup::login_body(&self.client)).await?;
        match setup::standing(&answer, region)? {
            Standing::OtherWorld(_) => Err(Error::WrongRegion { domain: domain.to_owned() }),
            standing => Ok(standing),
        }
    }

    /// Calls an account service. Throttling closes its door: going on to the password would lengthen the block.
    async fn setup_call(&self, path: &str, body: &serde_json::Value) -> Result<Answer, Error> {
        self.judge_setup(setup::call(&self.client, path, body).await?).await
    }

    async fn judge_setup(&self, answer: Answer) -> Result<Answer, Error> {
        match answer.status {
            429 | 503 => Err(self.throttled(Door::Setup, &answer).await?),
            500.. => Err(server_error(&answer)),
            _ => Ok(answer),
        }
    }

    /// Remembers throttling, and says so.
    async fn throttled(&self, door: Door, answer: &Answer) -> Result<Error, Error> {
        let retry_after = answer.retry_after();
        let reason =
            format!("Apple limits sign-ins at the moment ({} answered {})", answer.host, answer.status);
        self.update(move |record| record.close(door, retry_after, &reason, Timestamp::now())).await?;
        let until = self.next_attempt(door).await?.and_then(|(until, _)| {
            std::time::Duration::try_from(until.duration_since(Timestamp::now())).ok()
        });
        Ok(Error::Throttled { retry_after: until })
    }
}

/// Runs disk work where it may block.
async fn blocking<R: Send + 'static>(
    work: impl FnOnce() -> Result<R, Error> + Send + 'static,
) -> Result<R, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::protocol(format!("a task of the sign-in failed ({error})"))),
    }
}

/// An answer that has no better name, with Apple's words if it has any.
fn server_error(answer: &Answer) -> Error {
    let reading = Reading::of(&answer.body);
    let code = reading.errors.first().map(|error| error.code.clone());
    let reason = reading.errors.first().and_then(|error| error.message.clone());
    Error::Server { host: answer.host.clone(), status: answer.status, code, reason }
}

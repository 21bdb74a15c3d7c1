//! Renewing a session in the middle of a run, and the small change of the flow: lock, disk, notices.

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::resume::VALIDATION_LIFE;
use super::setup::Standing;
use super::{Flow, Nobody, Notice, blocking, canonical};
use crate::icloud::account::{Lost, Renewal};
use crate::icloud::error::Error;
use crate::icloud::state::{Door, Record, SignInLock};

impl Renewal for Flow {
    fn renew(&self, lost: Lost) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            let _lock = self.lock().await?;
            let outcome = match lost {
                Lost::Session => self.renew_session().await,
                Lost::Approval => self.request_approval().await,
            };
            let stored = self.store().await;
            outcome.and(stored)
        })
    }

    fn persist(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.store())
    }
}

impl Flow {
    /// The session token first, and the password only if that is refused. No code is asked for, unless the person
    /// has hardly begun the run and no run has asked Apple whether the session is good.
    async fn renew_session(&self) -> Result<(), Error> {
        self.adopt_renewal_of_others().await?;
        if let Some((until, reason)) = self.next_attempt(Door::Setup).await? {
            return Err(Error::Breaker { until, reason });
        }
        if self.client.session(|session| session.session_token.is_some()) {
            if let Standing::Ready(services) = self.account_login().await? {
                return self.settle(&services).await;
            }
        }
        match &self.options.person {
            Some(person) if self.is_taken_on_faith() => self.begin_anew(&mut *person(), true).await,
            _ => self.begin_anew(&mut Nobody, false).await,
        }?;
        self.update(Record::succeeded).await
    }

    /// Whether this run has just begun with a session that was good shortly before, so that it was not looked at.
    fn is_taken_on_faith(&self) -> bool {
        let (now, began) = (Timestamp::now(), self.began);
        let is_confirmed = self.client.session(|session| session.validated_at >= Some(began));
        self.options.by_person && !is_confirmed && now.duration_since(began) < VALIDATION_LIFE
    }

    /// Another process may have signed in while this one ran.
    async fn adopt_renewal_of_others(&self) -> Result<(), Error> {
        let (state, username) = (self.options.state.clone(), self.account());
        let stored = blocking(move || state.session(&username)).await?;
        self.client.session(|session| {
            if stored.validated_at > session.validated_at && stored.session_token.is_some() {
                *session = stored;
            }
        });
        Ok(())
    }

    pub(super) async fn lock(&self) -> Result<SignInLock, Error> {
        self.options.state.lock(|| self.notify(&Notice::OtherSignIn)).await
    }

    pub(super) fn notify(&self, notice: &Notice) {
        tracing::debug!(?notice, "sign-in");
        (self.options.notice)(notice);
    }

    pub(super) fn account(&self) -> String {
        canonical(&self.options.credentials.username)
    }

    /// Writes the session, taking over a younger trust that another process wrote.
    pub(super) async fn store(&self) -> Result<(), Error> {
        let (state, mut session) =
            (self.options.state.clone(), self.client.session(|session| session.clone()));
        let stored = blocking(move || state.save(&mut session).map(|()| session)).await?;
        self.client.session(|session| session.adopt_younger_trust(&stored));
        Ok(())
    }

    pub(super) async fn record(&self) -> Result<Record, Error> {
        let state = self.options.state.clone();
        blocking(move || state.record()).await
    }

    pub(super) async fn update<R: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Record) -> R + Send + 'static,
    ) -> Result<R, Error> {
        let state = self.options.state.clone();
        blocking(move || state.update(change)).await
    }

    pub(super) async fn next_attempt(&self, door: Door) -> Result<Option<(Timestamp, String)>, Error> {
        Ok(self.record().await?.closed(door, Timestamp::now()))
    }
}

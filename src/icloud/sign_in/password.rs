//! The proof of the password: once, and only if nothing speaks against it.

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::auth::{Auth, real_status};
use super::reading::Reading;
use super::{Flow, blocking, server_error};
use crate::icloud::client::Answer;
use crate::icloud::error::Error;
use crate::icloud::session::Session;
use crate::icloud::srp::{self, Ephemeral, Protocol, Refused};
use crate::icloud::state::{Door, Record};

/// Values on which implementations disagree come once in 128 times; so often in a row is no chance.
const INIT_TRIES: u32 = 4;

/// Accepts what real services send, spare bits included.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What Apple says to the password.
pub(super) enum Proven {
    /// That is enough.
    Accepted,
    /// A second factor is wanted; the answer says something about it.
    SecondFactor(Answer),
}

/// How an attempt ended.
enum Attempt {
    Answered(Answer),
    /// The conversation was stale, or the values unusable: another beginning is no second guess at the password.
    BeginAgain,
}

impl Flow {
    /// Whether an earlier failure forbids to send the password now.
    pub(super) async fn check_doors(&self) -> Result<(), Error> {
        let record = self.record().await?;
        // Its owner may have unlocked the account, which he can say only by trying.
        let locked = Some(Door::Locked).filter(|_| !self.options.by_person);
        for door in [Door::Setup, Door::SignIn].into_iter().chain(locked) {
            if let Some((until, reason)) = record.closed(door, Timestamp::now()) {
                return Err(Error::Breaker { until, reason });
            }
        }
        match record.unanswered_since {
            Some(since) if !self.options.by_person => Err(Error::SecondFactorUnanswered { since }),
            _ => Ok(()),
        }
    }

    pub(super) async fn password(&self) -> Result<SecretString, Error> {
        let source = self.options.credentials.password.clone();
        blocking(move || source().map_err(|reason| Error::NoPassword { reason })).await
    }

    /// Credentials that Apple refused once are not sent again until they change.
    pub(super) async fn check_refusals(&self, password: &SecretString) -> Result<(), Error> {
        let (record, account, password) = (self.record().await?, self.account(), password.clone());
        let is_refused = blocking(move || Ok(record.is_refused(&account, &password))).await?;
        if is_refused { Err(Error::CredentialsRefused { remembered: true }) } else { Ok(()) }
    }

    /// Counts a use of the password that no person asked for, before it happens.
    pub(super) async fn spend_budget(&self) -> Result<(), Error> {
        let spent = self.update(|record| record.spend_proof(Timestamp::now())).await?;
        spent.map_err(|until| Error::Budget { until })
    }

    /// Proves the password.
    pub(super) async fn prove(&self, password: &SecretString) -> Result<Proven, Error> {
        let mut stale = false;
        for _ in 0..INIT_TRIES {
            match self.attempt(password, stale).await? {
                Attempt::Answered(answer) => return self.judge(answer, password).await,
                Attempt::BeginAgain => {
                    stale = true;
                    // A pooled connection may have been the reason, with HTTP/2 in particular.
                    self.client.drop_connections()?;
                    self.client.session(Session::abandon_conversation);
                }
            }
        }
        Err(Error::protocol("the sign-in host offers only unusable values"))
    }

    async fn attempt(&self, password: &SecretString, stale: bool) -> Result<Attempt, Error> {
        let auth = Auth(&self.client);
        let opened = auth.authorize().await?;
        self.stop_if_throttled(&opened).await?;

        let ephemeral =
            Ephemeral::generate().map_err(|error| Error::protocol(format!("no randomness: {error}")))?;
        let account = self.account();
        let body = json!({
            "a": BASE64_STANDARD.encode(ephemeral.public()),
            "accountName": account,
            "protocols": ["s2k", "s2k_fo"],
        });
        let answer = auth.init(&body).await?;
        self.stop_if_throttled(&answer).await?;
        match real_status(&answer) {
            200..=299 => {}
            // Here it means a stale conversation, not a wrong password.
            401 | 421 | 450 if !stale => return Ok(Attempt::BeginAgain),
            _ => return Err(self.refused(&answer).await?),
        }
        let (challenge, token) = read_challenge(&answer)?;
        let proof = {
            let (account, password) = (account.clone(), password.clone());
            blocking(move || Ok(ephemeral.prove(&account, &password, &challenge))).await?
        };
        let proof = match proof {
            Ok(proof) => proof,
            Err(Refused::Again) => return Ok(Attempt::BeginAgain),
            Err(Refused::Hostile(what)) => {
                return Err(Error::protocol(format!("the sign-in host sent {what}")));
            }
        };
        let trust: Vec<String> =
            self.client.session(|session| session.trust_token.clone()).into_iter().collect();
        let body = json!({
            "accountName": account,
            "c": token,
            "m1": BASE64_STANDARD.encode(proof.m1),
            "m2": BASE64_STANDARD.encode(proof.m2),
            "rememberMe": true,
            "trustTokens": trust,
        });
        let answer = auth.complete(&body).await?;
        match real_status(&answer) {
            421 | 450 if !stale => Ok(Attempt::BeginAgain),
            _ => Ok(Attempt::Answered(answer)),
        }
    }

    /// Reads the answer to the proof.
    async fn judge(&self, answer: Answer, password: &SecretString) -> Result<Proven, Error> {
        self.stop_if_throttled(&answer).await?;
        match real_status(&answer) {
            200..=299 => {
                self.password_accepted().await?;
                Ok(Proven::Accepted)
            }
            409 => {
                self.password_accepted().await?;
                Ok(Proven::SecondFactor(answer))
            }
            412 => {
                self.password_accepted().await?;
                self.repair(&answer).await?;
                Ok(Proven::Accepted)
            }
            401 if !Reading::of(&answer.body).has("-20209") => {
                let (account, password) = (self.account(), password.clone());
                let remembered = self.update(move |record| record.refuse(&account, &password));
                if let Err(error) = remembered.await? {
                    tracing::warn!(%error, "the refused credentials are not remembered");
                }
                Err(Error::CredentialsRefused { remembered: false })
            }
            _ => Err(self.refused(&answer).await?),
        }
    }

    /// Skips the "repair" that Apple wants (a notice, advice about the password), once. If it cannot be skipped, it
    /// is the owner's turn.
    pub(super) async fn repair(&self, wanted: &Answer) -> Result<(), Error> {
        let answer = Auth(&self.client).repair().await?;
        self.stop_if_throttled(&answer).await?;
        if answer.is_success() {
            return Ok(());
        }
        let message = Reading::of(&wanted.body).message().or_else(|| Reading::of(&answer.body).message());
        Err(Error::RepairNeeded { message, home: self.client.home() })
    }

    pub(super) async fn stop_if_throttled(&self, answer: &Answer) -> Result<(), Error> {
        match real_status(answer) {
            429 | 503 => Err(self.throttled(Door::SignIn, answer).await?),
            _ => Ok(()),
        }
    }

    /// The meaning of a refusal that is not about the password.
    async fn refused(&self, answer: &Answer) -> Result<Error, Error> {
        let reading = Reading::of(&answer.body);
        // The account belongs to an organisation's identity provider.
        if reading.has("-22320") {
            return Ok(Error::Managed);
        }
        if reading.has("-20209") || matches!(real_status(answer), 403 | 423) {
            let error = Error::AccountLocked { message: reading.message() };
            let (reason, wait) = (error.to_string(), answer.retry_after());
            self.update(move |record| record.close(Door::Locked, wait, &reason, Timestamp::now())).await?;
            return Ok(error);
        }
        Ok(server_error(answer))
    }

    async fn password_accepted(&self) -> Result<(), Error> {
        self.update(Record::password_accepted).await
    }
}

/// Reads the answer to `init`: the values, and a token that goes back unchanged.
fn read_challenge(answer: &Answer) -> Result<(srp::Challenge, Value), Error> {
    let wrong = |what: &str| Error::protocol(format!("the sign-in host sent {what}"));
    let body = answer.json().ok_or_else(|| wrong("no JSON to begin with"))?;
    let bytes = |name: &str| {
        let text = body.get(name).and_then(Value::as_str);
        text.and_then(|text| LENIENT.decode(text).ok()).ok_or_else(|| wrong("a value that is no base64"))
    };
    let protocol = match body.get("protocol").and_then(Value::as_str) {
        Some("s2k") => Protocol::S2k,
        Some("s2k_fo") => Protocol::S2kFo,
        _ => return Err(wrong("a protocol that was not offered")),
    };
    let iterations = body.get("iteration").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    let iterations = iterations.ok_or_else(|| wrong("an unreasonable number of iterations"))?;
    let challenge = srp::Challenge { protocol, iterations, salt: bytes("salt")?, public: bytes("b")? };
    let token = body.get("c").filter(|token| !token.is_null()).ok_or_else(|| wrong("no token"))?;
    Ok((challenge, token.clone()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::header::HeaderMap;

    use super::*;

    fn read(body: &Value) -> Result<(srp::Challenge, Value), Error> {
        let body = Bytes::from(body.to_string());
        read_challenge(&Answer { host: "h".into(), status: 200, headers: HeaderMap::new(), body })
    }

    #[test]
    fn spare_bits_in_base64_are_forgiven_and_the_token_is_opaque() {
        let body = json!({ "iteration": 20_064, "salt": "UUN/abcdefghijklmnopqr==", "protocol": "s2k_fo", "b": "qrs",
                           "c": { "any": 1 } });
        let (challenge, token) = read(&body).ok().unwrap();
        assert_eq!((challenge.salt.len(), challenge.protocol), (16, Protocol::S2kFo));
        assert_eq!(token, json!({ "any": 1 }));
    }

    #[test]
    fn a_beginning_that_makes_no_sense_is_refused() {
        let good = json!({ "iteration": 1, "salt": "AAAA", "protocol": "s2k", "b": "AAAA", "c": "x" });
        assert!(read(&good).is_ok());
        for (name, value) in [
            ("iteration", json!(-1)),
            ("iteration", json!(u64::MAX)),
            ("salt", json!("?")),
            ("protocol", json!("plain")),
            ("b", json!(7)),
            ("c", Value::Null),
        ] {
            let mut bad = good.clone();
            bad[name] = value;
            assert!(read(&bad).is_err(), "{name}");
        }
    }
}

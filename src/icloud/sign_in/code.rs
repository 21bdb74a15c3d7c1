//! The second factor: from the question how a code can come to Apple's trust in this client.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::auth::{Auth, real_status};
use super::factor::{Method, SecondFactor, Step, Unanswered, Waiting};
use super::reading::Reading;
use super::setup::Standing;
use super::{Answer, Flow};
use crate::icloud::error::Error;

/// Wrong codes until the sign-in is given up: after a handful, Apple locks.
const TRIES: u32 = 3;

/// By the same way Apple is asked again only after this time.
const CODE_GAP: Duration = Duration::from_secs(30);

/// The conversation about a code.
struct Talk {
    waiting: Waiting,
    /// How and when Apple was last asked for a code.
    last: Option<(Method, Instant)>,
}

/// What became of a code.
enum Checked {
    Right,
    Wrong(String),
    /// Not a code, so it was not sent.
    NotSent(String),
}

impl Flow {
    /// Asks a person for a code until one is right, and completes the sign-in with it. `answer` is the one that
    /// wanted the second factor.
    pub(super) async fn second_factor(
        &self,
        answer: Option<&Answer>,
        factor: &mut dyn SecondFactor,
    ) -> Result<(), Error> {
        let mut reading = answer.map(|answer| Reading::of(&answer.body)).unwrap_or_default();
        self.look_for_phones(&mut reading).await?;
        // From here on a person is needed. Remembered before the wait, which may end with the process.
        self.update(|record| {
            record.unanswered_since.get_or_insert_with(Timestamp::now);
        })
        .await?;
        self.store().await?;
        let outcome = self.converse(reading, factor).await;
        factor.finished(outcome.is_ok());
        outcome?;
        self.update(|record| record.unanswered_since = None).await?;
        self.complete().await
    }

    /// Learns what kinds of second factor there are. JSON first: it is the one that shows security keys.
    async fn look_for_phones(&self, reading: &mut Reading) -> Result<(), Error> {
        check_kind(reading)?;
        for as_page in [false, true] {
            let answer = Auth(&self.client).state(as_page).await?;
            self.stop_if_throttled(&answer).await?;
            reading.merge(Reading::of(&answer.body));
            check_kind(reading)?;
            if !reading.phones.is_empty() {
                break;
            }
        }
        Ok(())
    }

    async fn converse(&self, reading: Reading, factor: &mut dyn SecondFactor) -> Result<(), Error> {
        let waiting = Waiting { challenge: reading.challenge(), asked: None, last_error: None };
        let mut talk = Talk { waiting, last: None };
        if reading.too_many_sent {
            talk.waiting.last_error =
                Some("Apple sends no more codes for some hours; one that came still counts".into());
        } else if let Some(method) = factor.first_request(&talk.waiting.challenge) {
            self.ask(method, &mut talk).await?;
        }
        let mut wrong = 0;
        loop {
            let code = match factor.next(&talk.waiting).await {
                Ok(Step::Ask(method)) => {
                    self.ask(method, &mut talk).await?;
                    continue;
                }
                Ok(Step::Code(code)) => code,
                Err(reason) => return Err(self.unanswered(reason).await?),
            };
            match self.check(&code, &mut talk.waiting).await? {
                Checked::Right => return Ok(()),
                Checked::NotSent(why) => talk.waiting.last_error = Some(why),
                Checked::Wrong(why) => {
                    wrong += 1;
                    if wrong == TRIES {
                        return Err(Error::WrongCodes);
                    }
                    talk.waiting.last_error = Some(why);
                }
            }
        }
    }

    async fn unanswered(&self, reason: Unanswered) -> Result<Error, Error> {
        Ok(match reason {
            Unanswered::NobodyThere => Error::SecondFactorNeeded,
            Unanswered::Cancelled => Error::Cancelled,
            Unanswered::TimedOut => {
                let since = self.record().await?.unanswered_since.unwrap_or_else(Timestamp::now);
                Error::SecondFactorUnanswered { since }
            }
        })
    }

    /// Asks Apple to send a code, once. A failure is told to the person, who may know another way or have a code
    /// already; only a lock ends the sign-in.
    async fn ask(&self, method: Method, talk: &mut Talk) -> Result<(), Error> {
        let waiting = &mut talk.waiting;
        waiting.last_error = None;
        let phone = match method {
            Method::Device if !waiting.challenge.devices => {
                waiting.last_error =
                    Some("no trusted device can show a code; ask for a text message".to_owned());
                return Ok(());
            }
            Method::Device => None,
            Method::Sms(id) | Method::Voice(id) => {
                let phone = waiting.challenge.phones.iter().find(|phone| phone.id == id);
                if phone.is_none() {
                    waiting.last_error = Some(format!("Apple knows no phone with the id {id}"));
                    return Ok(());
                }
                phone.cloned()
            }
        };
        let is_hasty = |(asked, at): &(Method, Instant)| *asked == method && at.elapsed() < CODE_GAP;
        if talk.last.as_ref().is_some_and(is_hasty) {
            waiting.last_error =
                Some("Apple was asked just now; wait half a minute before asking again".to_owned());
            return Ok(());
        }
        if let Err(allowed) = self.update(|record| record.spend_code(Timestamp::now())).await? {
            waiting.last_error =
                Some(format!("Apple was asked for codes enough; the next may be wanted at {allowed:.0}"));
            return Ok(());
        }
        talk.last = Some((method, Instant::now()));
        let answer = Auth(&self.client).ask(method, phone.as_ref()).await?;
        let reading = Reading::of(&answer.body);
        if reading.locked {
            return Err(Error::TooManyCodes);
        }
        match refusal_to_send(&answer, &reading) {
            None => waiting.asked = Some(method),
            Some(why) => waiting.last_error = Some(why),
        }
        if !reading.phones.is_empty() {
            waiting.challenge.phones = reading.phones;
        }
        Ok(())
    }

    /// Submits a code and reads what Apple thinks of it: since June 2026 a right code is answered with 409, so the
    /// status alone says little.
    async fn check(&self, typed: &SecretString, waiting: &mut Waiting) -> Result<Checked, Error> {
        let length = waiting.challenge.code_length;
        let code: Zeroizing<String> = Zeroizing::new(
            typed.expose_secret().chars().filter(|c| !c.is_whitespace() && *c != '-').collect(),
        );
        if code.len() != length || !code.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Checked::NotSent(format!("a code has {length} digits")));
        }
        let answer = Auth(&self.client).submit(&code, waiting.asked).await?;
        self.stop_if_throttled(&answer).await?;
        let reading = Reading::of(&answer.body);
        if reading.locked || reading.has("-22982") {
            return Err(Error::TooManyCodes);
        }
        check_kind(&reading)?;
        let status = real_status(&answer);
        let accepted_by_token = reading.valid.is_none() && answer.header("x-apple-session-token").is_some();
        match status {
            200..=299 if !reading.is_error() => Ok(Checked::Right),
            409 if !reading.is_error() && (reading.valid == Some(true) || accepted_by_token) => {
                Ok(Checked::Right)
            }
            412 if reading.valid == Some(true) => self.repair(&answer).await.map(|()| Checked::Right),
            412 if !reading.phones.is_empty() => {
                waiting.challenge.phones = reading.phones;
                waiting.asked = None;
                Ok(Checked::NotSent(
                    "Apple does not know this phone; choose one of the list again".to_owned(),
                ))
            }
            401 | 403 | 421 | 450 if !reading.is_error() => Err(Error::CodeExpired),
            404 | 405 | 410 | 500.. if !reading.is_error() => Err(super::server_error(&answer)),
            _ => Ok(Checked::Wrong(
                reading.message().unwrap_or_else(|| "Apple did not accept the code".to_owned()),
            )),
        }
    }

    /// Makes Apple trust this client and signs in with it, which proves that all went well. Once more if it did
    /// not; never with another code.
    async fn complete(&self) -> Result<(), Error> {
        for _ in 0..2 {
            let answer = Auth(&self.client).trust().await?;
            self.stop_if_throttled(&answer).await?;
            if answer.status == 404 {
                return Err(Error::TwoStepVerification);
            }
            if let Standing::Ready(services) = self.account_login().await? {
                return self.settle(&services).await;
            }
        }
        Err(Error::Incomplete)
    }
}

/// Stops at accounts for which there are no codes.
fn check_kind(reading: &Reading) -> Result<(), Error> {
    if let Some(names) = &reading.keys {
        return Err(Error::SecurityKeys { names: names.clone() });
    }
    if reading.managed {
        return Err(Error::Managed);
    }
    if reading.kind.as_deref() == Some("hsa") {
        return Err(Error::TwoStepVerification);
    }
    Ok(())
}

/// Why no code is on its way, in words for the person; `None` if one is, as far as Apple tells. A 409 without an
/// error counts as sent (reported by clients).
fn refusal_to_send(answer: &Answer, reading: &Reading) -> Option<String> {
    let status = real_status(answer);
    if reading.has("-28248") {
        return Some("Apple sends no codes to this number at the moment; try another way".to_owned());
    }
    if reading.too_many_sent {
        return Some("Apple sends no more codes for some hours; one that came still counts".to_owned());
    }
    if let Some(message) = reading.message() {
        return Some(message);
    }
    match status {
        200..=299 | 409 => None,
        412 => {
            Some("Apple does not know this phone, or the account needs attention at icloud.com".to_owned())
        }
        423 | 429 | 503 => {
            let minutes = answer.retry_after().map_or(60, |wait| wait.as_secs().div_ceil(60));
            Some(format!(
                "Apple asks to wait {minutes} minutes before another code; one that came still counts"
            ))
        }
        _ => Some(format!(
            "Apple did not send a code ({status}); try a text message, or the code that an iPhone in airplane mode shows \
             under Sign-In & Security"
        )),
    }
}

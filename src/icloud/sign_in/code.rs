//! The second factor: from the question how a code can come to Apple's trust in this client.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::auth::{Auth, real_status};
use super::factor::{Method, SecondFactor, Step, Unanswered, Waiting};
use super::reading::Reading;
use super::setup::Standing;
use super::{Answer, Flow, Notice};
use crate::icloud::error::Error;
use crate::icloud::state::{Door, NoCode, Way};

/// Wrong codes until the sign-in is given up: after a handful, Apple locks.
const TRIES: u32 = 3;

/// How often a run looks whether it is its turn to ask for a code.
const TURN_POLL: Duration = Duration::from_millis(500);

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
        self.update(|record| {
            record.unanswered_since = None;
            record.settle_code(None, Timestamp::now());
        })
        .await?;
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
            if reading.locked {
                return Err(self.codes_locked().await?);
            }
            let is_refused = matches!(real_status(&answer), 401 | 403 | 405 | 421);
            if !reading.phones.is_empty() || is_refused {
                break;
            }
        }
        Ok(())
    }

    /// No code is taken for hours: unattended runs do not even send the password meanwhile.
    async fn codes_locked(&self) -> Result<Error, Error> {
        let reason = Error::TooManyCodes.to_string();
        self.update(move |record| record.close(Door::Locked, None, &reason, Timestamp::now())).await?;
        Ok(Error::TooManyCodes)
    }

    async fn converse(&self, reading: Reading, factor: &mut dyn SecondFactor) -> Result<(), Error> {
        let mut waiting = Waiting { challenge: reading.challenge(), asked: None, last_error: None };
        if let Some(why) = flags_against_sending(&reading) {
            waiting.last_error = Some(why.to_owned());
        } else if let Some(method) = factor.first_request(&waiting.challenge) {
            self.wait_for_turn().await?;
            self.ask(method, &mut waiting).await?;
        }
        let mut wrong = 0;
        loop {
            let code = match factor.next(&waiting).await {
                Ok(Step::Ask(method)) => {
                    self.ask(method, &mut waiting).await?;
                    continue;
                }
                Ok(Step::Code(code)) => code,
                Err(reason) => return Err(self.unanswered(reason).await?),
            };
            match self.check(&code, &mut waiting).await? {
                Checked::Right => return Ok(()),
                Checked::NotSent(why) => waiting.last_error = Some(why),
                Checked::Wrong(why) => {
                    wrong += 1;
                    if wrong == TRIES {
                        return Err(Error::WrongCodes);
                    }
                    waiting.last_error = Some(why);
                }
            }
        }
    }

    /// A run that follows close on another one waits before it asks for its own first code.
    async fn wait_for_turn(&self) -> Result<(), Error> {
        let mut said = false;
        while let Some(allowed) = self.record().await?.code_under_way(Timestamp::now()) {
            if !said {
                self.notify(&Notice::CodeLater(allowed));
                said = true;
            }
            tokio::time::sleep(TURN_POLL).await;
        }
        Ok(())
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
    async fn ask(&self, method: Method, waiting: &mut Waiting) -> Result<(), Error> {
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
        let way = way(method);
        if let Err(why) = self.update(move |record| record.spend_code(way, Timestamp::now())).await? {
            waiting.last_error = Some(not_now(why));
            return Ok(());
        }
        let answer = Auth(&self.client).ask(method, phone.as_ref()).await?;
        let reading = Reading::of(&answer.body);
        if reading.locked {
            return Err(self.codes_locked().await?);
        }
        match refusal_to_send(&answer, &reading) {
            None => waiting.asked = Some(method),
            Some(why) => {
                let pause = wished_pause(&answer);
                self.update(move |record| record.settle_code(pause, Timestamp::now())).await?;
                waiting.last_error = Some(why);
            }
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
            return Err(self.codes_locked().await?);
        }
        check_kind(&reading)?;
        let status = real_status(&answer);
        let accepted_by_token = reading.valid.is_none() && answer.header("x-apple-session-token").is_some();
        match status {
            200..=299 if !reading.is_error() && reading.valid != Some(false) => Ok(Checked::Right),
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

/// How long Apple wants not to be asked by this way.
fn wished_pause(answer: &Answer) -> Option<Duration> {
    let usual = Duration::from_secs(3600);
    matches!(real_status(answer), 423 | 429 | 503).then(|| answer.retry_after().unwrap_or(usual))
}

fn way(method: Method) -> Way {
    match method {
        Method::Device => Way::Device,
        Method::Sms(_) => Way::Sms,
        Method::Voice(_) => Way::Voice,
    }
}

/// Why Apple is not asked now, in words for the person.
fn not_now(why: NoCode) -> String {
    match why {
        NoCode::TooSoon(allowed) => {
            let seconds = allowed.duration_since(Timestamp::now()).as_secs().max(1);
            format!("Apple was asked for a code just now; another one may be wanted in {seconds} seconds")
        }
        NoCode::EnoughByThisWay(allowed) => {
            format!("no more codes by this way before {allowed:.0}; another way may be tried")
        }
        NoCode::Enough(allowed) => {
            format!("Apple was asked for codes enough; the next may be wanted at {allowed:.0}")
        }
    }
}

/// What the flags of an answer say against another code.
fn flags_against_sending(reading: &Reading) -> Option<&'static str> {
    if reading.too_many_sent {
        return Some("Apple sends no more codes for some hours; one that came still counts");
    }
    reading
        .cooling_down
        .then_some("Apple wants a pause before it sends another code; one that came still counts")
}

/// Why no code is on its way, in words for the person; `None` if one is, as far as Apple tells. A 409 without an
/// error counts as sent (reported by clients).
fn refusal_to_send(answer: &Answer, reading: &Reading) -> Option<String> {
    let status = real_status(answer);
    if reading.has("-28248") {
        return Some("Apple sends no codes to this number at the moment; try another way".to_owned());
    }
    // With a good status, the wish for a pause follows from the code that is on its way.
    if let Some(why) =
        flags_against_sending(reading).filter(|_| reading.too_many_sent || !answer.is_success())
    {
        return Some(why.to_owned());
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
            let minutes = wished_pause(answer).unwrap_or_default().as_secs().div_ceil(60);
            Some(format!(
                "Apple asks to wait {minutes} minutes before another code by this way; one that came still counts"
            ))
        }
        _ => Some(format!(
            "Apple did not send a code ({status}); try a text message, or the code that an iPhone in airplane mode shows \
             under Sign-In & Security"
        )),
    }
}

//! The conversation with the person who has the code.

use futures_util::future::BoxFuture;
use secrecy::SecretString;

use super::reading::Reading;

/// A phone that Apple can send codes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone {
    /// Apple's number for it; not always 1, and never to be guessed.
    pub id: u32,
    /// The phone number with most digits hidden.
    pub number: String,
    /// How Apple prefers to reach it: `sms` or `voice`.
    pub mode: String,
    /// A flag of Apple's that has to be sent back if it came.
    pub(super) non_fteu: Option<bool>,
}

/// How the account can be proven to be the person's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Whether trusted devices can show a code.
    pub devices: bool,
    /// The phones, in Apple's order.
    pub phones: Vec<Phone>,
    /// How many digits a code has.
    pub code_length: usize,
}

impl Challenge {
    /// Reads what an answer of the sign-in host, JSON or page, says about the second factor. Any bytes will do:
    /// what is not understood says nothing.
    pub fn read(body: &[u8]) -> Self {
        Reading::of(body).challenge()
    }

    /// The way that needs no choice: the devices, or the only phone where there are none.
    pub fn obvious_method(&self) -> Option<Method> {
        match (self.devices, self.phones.as_slice()) {
            (true, _) => Some(Method::Device),
            (false, [phone]) => Some(Method::Sms(phone.id)),
            (false, _) => None,
        }
    }
}

/// How Apple sends a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Shown on the trusted devices.
    Device,
    /// A text message to the phone with this id.
    Sms(u32),
    /// A call to the phone with this id.
    Voice(u32),
}

/// What a person who is asked for a code should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The ways there are.
    pub challenge: Challenge,
    /// How Apple was asked for a code, if it was.
    pub asked: Option<Method>,
    /// What went wrong with the last step, in words for the person.
    pub last_error: Option<String>,
}

/// What the person does.
#[derive(Debug)]
pub enum Step {
    /// Types a code. Spaces and hyphens in it do not matter.
    Code(SecretString),
    /// Wants a code, or another one.
    Ask(Method),
}

/// Why there is no next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// Nobody can be asked.
    NobodyThere,
    /// Nobody answered in time.
    TimedOut,
    /// The person, or the system, broke off.
    Cancelled,
}

/// Asks a person.
pub trait SecondFactor: Send {
    /// How Apple is asked for a code at once; `None` if only the person may ask for one.
    fn first_request(&self, challenge: &Challenge) -> Option<Method>;
    /// Waits for the person's next step. Called again after each, with what came of it.
    fn next<'a>(&'a mut self, waiting: &'a Waiting) -> BoxFuture<'a, Result<Step, Unanswered>>;
    /// The conversation is over.
    fn finished(&mut self, accepted: bool);
}

/// For runs that nobody watches: asks for nothing, answers nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

impl SecondFactor for Nobody {
    fn first_request(&self, _: &Challenge) -> Option<Method> {
        None
    }

    fn next<'a>(&'a mut self, _: &'a Waiting) -> BoxFuture<'a, Result<Step, Unanswered>> {
        Box::pin(std::future::ready(Err(Unanswered::NobodyThere)))
    }

    fn finished(&mut self, _: bool) {}
}

//! The person who has the code: at a terminal, or behind the exchange.

use std::fmt;
use std::future::pending;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::time::Instant;
use tracing::{info, warn};
use zeroize::Zeroizing;

use super::exchange::{self, Answer, Error, Exchange, Request, Waiter, Wish};
use super::terminal::Terminal;
use crate::events;
use crate::icloud::{Challenge, Method, Phone, SecondFactor, Step, Unanswered, Waiting};
use crate::settings::{AccountName, MfaPush, for_account};

/// What a person who forgot how it goes is told.
const HELP: &str =
    "Type the code, or sms, voice or device (sms 2 for the phone with the id 2) to get another one.";

/// Asks a person for the second factor: through the exchange, and on the terminal if there is one. Whoever
/// answers first is heard.
pub struct Person {
    exchange: Exchange,
    push: MfaPush,
    attended: bool,
    timeout: Duration,
    account: Option<AccountName>,
    status: Box<dyn Fn(&str) + Send>,
    terminal: Option<Terminal>,
    conversation: Option<Conversation>,
}

/// One request, from its opening to its end.
struct Conversation {
    request: Request,
    /// `None` if the exchange cannot be used and the terminal must do.
    waiter: Option<Waiter>,
    deadline: Instant,
}

/// Who may be asked, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manners {
    /// Who asks Apple for a code.
    pub push: MfaPush,
    /// Whether a person started the run; a timer's run does not wake anybody.
    pub attended: bool,
    /// How long to wait for the person.
    pub timeout: Duration,
    /// Whether the terminal may be used, if there is one.
    pub terminal: bool,
    /// Whose code it is; the commands that hand it over name a further account.
    pub account: Option<AccountName>,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}

impl Person {
    /// The person behind that exchange. `status` hears what is being waited for.
    pub fn new(exchange: Exchange, manners: Manners, status: impl Fn(&str) + Send + 'static) -> Self {
        let Manners { push, attended, timeout, terminal, account } = manners;
        let terminal = terminal.then(Terminal::open).flatten();
        Self {
            exchange,
            push,
            attended,
            timeout,
            account,
            status: Box::new(status),
            terminal,
            conversation: None,
        }
    }

    /// Opens the request, or tells those who see it what came of their last step.
    fn announce(&mut self, waiting: &Waiting) -> Result<(), Unanswered> {
        let asked = waiting.asked.map(wish);
        // Apple may have named other phones meanwhile.
        let (methods, phones) = (methods(&waiting.challenge), phones(&waiting.challenge));
        if let Some(conversation) = &mut self.conversation {
            conversation.change(|request| {
                request.asked = asked;
                request.methods.clone_from(&methods);
                request.phones.clone_from(&phones);
                request.last_error.clone_from(&waiting.last_error);
            });
            if let Some(error) = &waiting.last_error {
                warn!("{error}");
            } else {
                let text = instructions(&conversation.request, self.terminal.is_some());
                info!("{}", for_account(self.account.as_ref(), text));
            }
            return Ok(());
        }
        let request = self.request(waiting, asked);
        let waiter = match self.exchange.open(request.clone()) {
            Ok(waiter) => Some(waiter),
            Err(error) if self.terminal.is_some() => {
                warn!("A code can only be typed here: {error}.");
                None
            }
            Err(error) => {
                let text = format!("Nobody can be asked for a code: {error}.");
                warn!("{}", for_account(self.account.as_ref(), text));
                return Err(Unanswered::NobodyThere);
            }
        };
        let text = for_account(self.account.as_ref(), instructions(&request, self.terminal.is_some()));
        info!(message_id = events::MFA_WANTED, "{text}");
        if let Some(error) = &request.last_error {
            warn!("{error}");
        }
        (self.status)(&text);
        let deadline = Instant::now() + self.timeout;
        self.conversation = Some(Conversation { request, waiter, deadline });
        Ok(())
    }

    fn request(&self, waiting: &Waiting, asked: Option<Wish>) -> Request {
        let challenge = &waiting.challenge;
        let since = Timestamp::now();
        Request {
            pid: std::process::id(),
            digits: challenge.code_length,
            since,
            // Only a clock at the end of time could refuse.
            until: since.checked_add(self.timeout).unwrap_or(Timestamp::MAX),
            methods: methods(challenge),
            phones: phones(challenge),
            asked,
            last_error: waiting.last_error.clone(),
        }
    }

    async fn answer(&mut self, waiting: &Waiting) -> Result<Step, Unanswered> {
        self.announce(waiting)?;
        let Self { conversation: Some(conversation), terminal, .. } = self else {
            return Err(Unanswered::NobodyThere);
        };
        loop {
            if let Some(terminal) = terminal {
                terminal.say("Code: ");
            }
            let answer = tokio::select! {
                answer = from_exchange(&mut conversation.waiter) => answer,
                line = from_terminal(terminal) => conversation.request.read_line(&line),
                () = tokio::time::sleep_until(conversation.deadline) => return Err(Unanswered::TimedOut),
            };
            match answer.and_then(|answer| step(&conversation.request, answer)) {
                Ok(step) => return Ok(step),
                Err(error) => conversation.complain(&error),
            }
        }
    }
}

impl Conversation {
    fn change(&mut self, change: impl Fn(&mut Request)) {
        change(&mut self.request);
        let updated = self.waiter.as_mut().map_or(Ok(()), |waiter| waiter.update(&change));
        if let Err(error) = updated {
            warn!("Those who wait for news of the code get none: {error}.");
        }
    }

    fn complain(&mut self, error: &Error) {
        warn!("That does not do: {error}.");
        // Without its directory, the exchange would fail again and again.
        if matches!(error, Error::Io { .. }) {
            self.waiter = None;
        }
        let text = error.to_string();
        self.change(|request| request.last_error = Some(text.clone()));
    }
}

impl Request {
    /// What a person typed.
    fn read_line(&self, line: &str) -> Result<Answer, Error> {
        let mut words = line.split_whitespace();
        let method = match words.next().map(str::to_ascii_lowercase).as_deref() {
            Some("sms") => exchange::Method::Sms,
            Some("voice") => exchange::Method::Voice,
            Some("device") => exchange::Method::Device,
            _ => return self.code(line).map(Answer::Code),
        };
        let phone = match words.next() {
            None => None,
            Some(id) => Some(id.parse().map_err(|_| Error::NoSuchPhone(self.phone_list()))?),
        };
        Ok(Answer::Resend(Wish { method, phone }))
    }
}

async fn from_exchange(waiter: &mut Option<Waiter>) -> Result<Answer, Error> {
    match waiter {
        Some(waiter) => waiter.answer().await,
        None => pending().await,
    }
}

/// The next line that is not empty.
async fn from_terminal(terminal: &mut Option<Terminal>) -> Zeroizing<String> {
    let Some(terminal) = terminal else { return pending().await };
    loop {
        match terminal.line().await {
            Ok(line) if line.is_empty() => terminal.say(&format!("{HELP}\nCode: ")),
            Ok(line) => return line,
            Err(error) => {
                warn!("The terminal cannot be read: {error}.");
                return pending().await;
            }
        }
    }
}

/// What the sign-in shall do; checked, since whoever wrote the answer may know less than this process.
fn step(request: &Request, answer: Answer) -> Result<Step, Error> {
    use secrecy::ExposeSecret;
    match answer {
        Answer::Code(code) => request.code(code.expose_secret()).map(Step::Code),
        Answer::Resend(wish) => match request.resolve(wish)? {
            Wish { method: exchange::Method::Sms, phone: Some(phone) } => Ok(Step::Ask(Method::Sms(phone))),
            Wish { method: exchange::Method::Voice, phone: Some(phone) } => {
                Ok(Step::Ask(Method::Voice(phone)))
            }
            Wish { .. } => Ok(Step::Ask(Method::Device)),
        },
    }
}

fn methods(challenge: &Challenge) -> Vec<exchange::Method> {
    let phones = !challenge.phones.is_empty();
    let methods = [
        challenge.devices.then_some(exchange::Method::Device),
        phones.then_some(exchange::Method::Sms),
        phones.then_some(exchange::Method::Voice),
    ];
    methods.into_iter().flatten().collect()
}

fn phones(challenge: &Challenge) -> Vec<exchange::Phone> {
    let told = |phone: &Phone| exchange::Phone { id: phone.id, number: phone.number.clone() };
    challenge.phones.iter().map(told).collect()
}

/// What helps if a code does not come, for which the sign-in host has no sign.
fn otherwise(request: &Request, resend: &str) -> String {
    if !matches!(request.asked, Some(Wish { method: exchange::Method::Device, .. })) {
        return String::new();
    }
    let text = if request.phones.is_empty() { String::new() } else { format!("{resend}, or ") };
    format!(
        " If nothing pops up: {text}put an iPhone into airplane mode and take the code from its Settings (your \
         name, Sign-In & Security, Get Verification Code)."
    )
}

fn wish(method: Method) -> Wish {
    let (method, phone) = match method {
        Method::Device => (exchange::Method::Device, None),
        Method::Sms(id) => (exchange::Method::Sms, Some(id)),
        Method::Voice(id) => (exchange::Method::Voice, Some(id)),
    };
    Wish { method, phone }
}

/// What the person should do, in one line: here, if there is a terminal, or by the command that hands over codes.
fn instructions(request: &Request, here: bool) -> String {
    let digits = request.digits;
    let hand_over = if here { "type them here" } else { "hand them over with `icps mfa CODE`" };
    let resend = |method| if here { format!("type {method}") } else { format!("`icps mfa resend {method}`") };
    let number = |id: Option<u32>| {
        let phone = request.phones.iter().find(|phone| Some(phone.id) == id);
        phone.map_or_else(|| "the phone".to_owned(), |phone| phone.number.clone())
    };
    let how = match request.asked {
        Some(Wish { method: exchange::Method::Device, .. }) => {
            format!("Allow the sign-in on a trusted device; it then shows {digits} digits; {hand_over}")
        }
        Some(Wish { method: exchange::Method::Sms, phone }) => {
            format!("Apple sends {digits} digits to {}; {hand_over}", number(phone))
        }
        Some(Wish { method: exchange::Method::Voice, phone }) => {
            format!("Apple calls {} and says {digits} digits; {hand_over}", number(phone))
        }
        None if request.methods.contains(&exchange::Method::Device) => format!(
            "Apple was not asked to send it yet; to ask: {}. Once {digits} digits are shown, {hand_over}",
            resend("device")
        ),
        None => format!(
            "Apple was not asked to send it yet; to ask: {}, for one of the phones {}. Once {digits} \
             digits are there, {hand_over}",
            resend("sms"),
            request.phone_list()
        ),
    };
    let until = request.until.to_zoned(TimeZone::system()).strftime("%H:%M");
    let otherwise = otherwise(request, &resend("sms"));
    format!("A code is needed to sign in. {how}.{otherwise} Waiting until {until}.")
}

impl SecondFactor for Person {
    fn first_request(&self, challenge: &Challenge) -> Option<Method> {
        match self.push {
            MfaPush::Always => challenge.obvious_method(),
            MfaPush::Auto if self.attended => challenge.obvious_method(),
            MfaPush::Auto | MfaPush::Never => None,
        }
    }

    fn next<'a>(&'a mut self, waiting: &'a Waiting) -> BoxFuture<'a, Result<Step, Unanswered>> {
        Box::pin(self.answer(waiting))
    }

    fn finished(&mut self, accepted: bool) {
        self.conversation = None;
        if accepted {
            (self.status)("The code was accepted");
        }
    }
}

#[cfg(test)]
mod tests;

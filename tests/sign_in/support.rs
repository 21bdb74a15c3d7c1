//! An emulator, a state directory, and a person with a script.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use icloud_emulator::{
    AccountHandle, AccountOptions, Canned, Channel, Clock, Effect, Emulator, Fault, Kind, Request, Selector,
    When,
};
use icps::icloud::{
    Account, Challenge, Client, ClientOptions, Credentials, Error, Method, Notice, Route, SecondFactor,
    SignInOptions, StateDir, Step, Unanswered, Waiting, sign_in,
};
use secrecy::SecretString;

pub(crate) const PASSWORD: &str = "Correct-Horse-7!";
pub(crate) const USERNAME: &str = "Jane.Doe@Example.com";

/// What the person does next.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Types the latest code that arrived there.
    Read(Channel),
    /// Types the code of a device without network.
    Offline,
    /// Types the latest code that arrived there, when all has become too old.
    TooLate(Channel),
    /// Types this.
    Type(&'static str),
    /// Is out.
    Dawdle,
    /// Asks for a code.
    Ask(Method),
    /// Lets a minute pass, and then asks for a code.
    AskLater(Method),
    /// Gives up.
    Leave(Unanswered),
}

/// A person who acts by a script, and remembers what was shown.
pub(crate) struct Person {
    script: VecDeque<Act>,
    asks_at_once: bool,
    state: PathBuf,
    account: AccountHandle,
    clock: Clock,
    pub(crate) shown: Vec<Waiting>,
    pub(crate) accepted: Option<bool>,
}

impl SecondFactor for Person {
    fn first_request(&self, challenge: &Challenge) -> Option<Method> {
        challenge.obvious_method().filter(|_| self.asks_at_once)
    }

    fn next<'a>(&'a mut self, waiting: &'a Waiting) -> BoxFuture<'a, Result<Step, Unanswered>> {
        self.shown.push(waiting.clone());
        let step = match self.script.pop_front() {
            Some(Act::Read(channel)) => {
                Ok(Step::Code(self.account.last_code(channel).expect("a code").into()))
            }
            Some(Act::TooLate(channel)) => {
                self.clock.advance(std::time::Duration::from_secs(3600));
                Ok(Step::Code(self.account.last_code(channel).expect("a code").into()))
            }
            Some(Act::Offline) => Ok(Step::Code(self.account.offline_code().into())),
            Some(Act::Type(code)) => Ok(Step::Code(code.into())),
            Some(Act::Dawdle) => return Box::pin(std::future::pending()),
            Some(Act::Ask(method)) => Ok(Step::Ask(method)),
            Some(Act::AskLater(method)) => {
                pass(&self.state, jiff::SignedDuration::from_mins(1));
                Ok(Step::Ask(method))
            }
            Some(Act::Leave(reason)) => Err(reason),
            None => Err(Unanswered::TimedOut),
        };
        Box::pin(std::future::ready(step))
    }

    fn finished(&mut self, accepted: bool) {
        self.accepted = Some(accepted);
    }
}

impl Person {
    /// The errors that were shown, in order.
    pub(crate) fn errors(&self) -> Vec<String> {
        self.shown.iter().filter_map(|waiting| waiting.last_error.clone()).collect()
    }
}

/// Lets time pass for the memory of failures: whatever it remembers is so much older.
pub(crate) fn pass(state: &Path, time: jiff::SignedDuration) {
    let path = state.join("sign-in.json");
    let mut record: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    age(&mut record, time);
    std::fs::write(path, record.to_string()).unwrap();
}

fn age(value: &mut serde_json::Value, time: jiff::SignedDuration) {
    match value {
        serde_json::Value::Object(fields) => fields.values_mut().for_each(|inner| age(inner, time)),
        serde_json::Value::Array(items) => items.iter_mut().for_each(|inner| age(inner, time)),
        serde_json::Value::String(text) => {
            if let Ok(at) = text.parse::<jiff::Timestamp>() {
                *text = (at - time).to_string();
            }
        }
        _ => {}
    }
}

/// What Apple saw of a request, without its answer.
#[derive(Clone, Default)]
pub(crate) struct Sight(Arc<Mutex<Vec<Request>>>);

impl Sight {
    /// The requests of a kind, in order.
    pub(crate) fn of(&self, kind: Kind) -> Vec<Request> {
        self.0.lock().unwrap().iter().filter(|request| request.kind == kind).cloned().collect()
    }

    pub(crate) fn all(&self) -> Vec<Request> {
        self.0.lock().unwrap().clone()
    }
}

/// A machine with a state directory, and Apple.
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
pub(crate) struct World {
    pub(crate) emulator: Emulator,
    pub(crate) state: tempfile::TempDir,
    pub(crate) password: &'static str,
    pub(crate) by_person: bool,
    pub(crate) trust_token: Option<&'static str>,
    pub(crate) refresh_token: bool,
    pub(crate) legacy_login: bool,
    pub(crate) prolong_trust: bool,
    pub(crate) passwords_fetched: Arc<Mutex<u32>>,
    pub(crate) notices: Arc<Mutex<Vec<Notice>>>,
}

impl World {
    pub(crate) fn new(change: impl FnOnce(&mut AccountOptions)) -> Self {
        let mut account = AccountOptions { iterations: 1000, ..AccountOptions::default() };
        // The strictest servers that were reported.
        account.strictness.browser = true;
        change(&mut account);
        Self {
            emulator: Emulator::builder().account(account).start().unwrap(),
            state: tempfile::tempdir().unwrap(),
            password: PASSWORD,
            by_person: true,
            trust_token: None,
            refresh_token: false,
            legacy_login: false,
            prolong_trust: false,
            passwords_fetched: Arc::default(),
            notices: Arc::default(),
        }
    }

    pub(crate) fn person(&self, script: impl IntoIterator<Item = Act>) -> Person {
        Person {
            script: script.into_iter().collect(),
            asks_at_once: true,
            state: self.state.path().to_owned(),
            account: self.emulator.account(),
            clock: self.emulator.clock().clone(),
            shown: Vec::new(),
            accepted: None,
        }
    }

    /// Somebody who has to be told to ask for a code.
    pub(crate) fn shy_person(&self, script: impl IntoIterator<Item = Act>) -> Person {
        Person { asks_at_once: false, ..self.person(script) }
    }

    pub(crate) fn client_options(&self) -> ClientOptions {
        let route = Route {
            proxy: Some(self.emulator.proxy_url()),
            ca_file: Some(self.emulator.ca_file().to_owned()),
        };
        ClientOptions { route, ..ClientOptions::default() }
    }

    pub(crate) fn options(&self) -> SignInOptions {
        let (fetched, password) = (Arc::clone(&self.passwords_fetched), self.password);
        let notices = Arc::clone(&self.notices);
        SignInOptions {
            state: StateDir::open(self.state.path()).unwrap(),
            credentials: Credentials {
                username: USERNAME.to_owned(),
                password: Arc::new(move || {
                    *fetched.lock().unwrap() += 1;
                    Ok(password.into())
                }),
            },
            by_person: self.by_person,
            approval: self.by_person.then_some(std::time::Duration::from_secs(300)),
            person: None,
            refresh_token: self.refresh_token,
            prolong_trust: self.prolong_trust,
            trust_token: self.trust_token.map(SecretString::from),
            legacy_login: self.legacy_login,
            notice: Arc::new(move |notice| notices.lock().unwrap().push(*notice)),
        }
    }

    pub(crate) async fn sign_in(&self, person: &mut Person) -> Result<Account, Error> {
        self.sign_in_with(self.client_options(), person).await
    }

    pub(crate) async fn sign_in_with(
        &self,
        options: ClientOptions,
        person: &mut Person,
    ) -> Result<Account, Error> {
        self.sign_in_as(options, self.options(), person).await
    }

    pub(crate) async fn sign_in_as(
        &self,
        client: ClientOptions,
        options: SignInOptions,
        person: &mut Person,
    ) -> Result<Account, Error> {
        let session = StateDir::open(self.state.path()).unwrap().session(USERNAME).unwrap();
        sign_in(Client::new(client, session).unwrap(), options, person).await
    }

    /// Watches what comes to Apple from now on.
    pub(crate) fn watch(&self) -> Sight {
        let sight = Sight::default();
        let seen = Arc::clone(&sight.0);
        let on = Selector::matching(move |request| {
            seen.lock().unwrap().push(request.clone());
            false
        });
        self.emulator.faults().add(Fault { on, when: When::Always, what: Effect::Reset });
        sight
    }

    /// From now on, requests of this kind are answered so.
    pub(crate) fn spoil(&self, kind: Kind, when: When, answer: Canned) {
        let what = Effect::Answer(answer);
        self.emulator.faults().add(Fault { on: Selector::Kind(kind), when, what });
    }

    /// Signs in with a code, as the first run on a machine does, and forgets the figures.
    pub(crate) async fn set_up(&self) -> Account {
        let account = self.sign_in(&mut self.person([Act::Read(Channel::Device)])).await.unwrap();
        self.emulator.reset_statistics();
        account
    }

    /// How often Apple saw this.
    pub(crate) fn seen(&self, kind: Kind) -> u64 {
        self.emulator.statistics().count(kind)
    }

    /// All that counts against an account: passwords, codes asked for, codes submitted.
    pub(crate) fn costs(&self) -> [u64; 3] {
        let sum = |kinds: &[Kind]| kinds.iter().map(|kind| self.seen(*kind)).sum();
        [
            self.seen(Kind::Complete),
            sum(&[Kind::Push, Kind::Sms, Kind::Voice]),
            sum(&[Kind::DeviceCode, Kind::PhoneCode]),
        ]
    }

    /// Lets the session look as if it had not been confirmed lately.
    pub(crate) fn age_validation(&self) {
        self.edit_session(|session| session["validated_at"] = serde_json::Value::Null);
    }

    pub(crate) fn edit_session(&self, edit: impl FnOnce(&mut serde_json::Value)) {
        let path = self.session_path();
        let mut session = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        edit(&mut session);
        std::fs::write(&path, session.to_string()).unwrap();
    }

    /// What is stored of the session.
    pub(crate) fn session(&self) -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(self.session_path()).unwrap()).unwrap()
    }

    pub(crate) fn session_path(&self) -> std::path::PathBuf {
        self.state.path().join("session.json")
    }

    pub(crate) fn overview(&self) -> icps::icloud::Overview {
        StateDir::open(Path::new(self.state.path())).unwrap().overview().unwrap()
    }
}

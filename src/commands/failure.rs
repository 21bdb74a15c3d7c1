//! The one place that turns every error into what the user reads, and into an exit code.

use std::borrow::Cow;
use std::error::Error;

use super::output::complain;
use crate::exit::Exit;
use crate::mfa::exchange;
use crate::settings::{AccountName, CredentialError, for_account};
use crate::sync::Stopped;
use crate::{events, icloud, library, settings};

/// Why a command did not do what it should.
#[derive(Debug)]
pub(super) struct Failure {
    /// What failed, and why.
    pub(super) message: String,
    /// What to do about it, if the message does not say so.
    pub(super) hint: Option<Cow<'static, str>>,
    /// How the program ends.
    pub(super) exit: Exit,
    /// The event in the journal.
    pub(super) event: Option<&'static str>,
}

impl Failure {
    pub(super) fn new(exit: Exit, error: &dyn Error) -> Self {
        Self { message: chain(error), hint: None, exit, event: None }
    }

    pub(super) fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same for the user of this account, whose commands and files have its name in them.
    pub(super) fn of(self, account: Option<&AccountName>) -> Self {
        Self {
            message: for_account(account, self.message),
            hint: self.hint.map(|hint| for_account(account, hint.into_owned()).into()),
            ..self
        }
    }

    fn event(mut self, event: &'static str) -> Self {
        self.event = Some(event);
        self
    }

    /// The message with its hint, as one sentence after the other.
    pub(super) fn text(&self) -> String {
        let message = sentence(&self.message);
        match &self.hint {
            Some(hint) => format!("{message} {}", sentence(hint)),
            None => message,
        }
    }

    /// Tells a person at a terminal; for commands without a log.
    pub(super) fn say(self) -> Exit {
        for line in self.message.lines() {
            complain(&format!("Error: {line}"));
        }
        if let Some(hint) = self.hint {
            complain(&format!("Hint: {hint}"));
        }
        self.exit
    }
}

const PASSWORD_HINT: &str = "store it as a credential of systemd: `icps setup` does that, and so does, as root, \
     `systemd-ask-password -n | systemd-creds encrypt --name=icps.password.enc - \
     /etc/credstore.encrypted/icps.password.enc`; or name a --password-file";

/// The message and those of its causes, as far as they say something new.
fn chain(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        source = cause.source();
    }
    message
}

/// Errors begin in lower case and end without a full stop; what is logged is a sentence.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let capital: String = characters.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    [&capital, characters.as_str(), end].concat()
}

impl From<settings::Error> for Failure {
    fn from(error: settings::Error) -> Self {
        Self::new(error.exit(), &error)
    }
}

impl From<CredentialError> for Failure {
    fn from(error: CredentialError) -> Self {
        let failure = Self::new(Exit::Config, &error);
        match error {
            CredentialError::Missing { what: "password" } | CredentialError::Unanswered { .. } => {
                failure.hint(PASSWORD_HINT)
            }
            CredentialError::Missing { .. } => failure.hint("set APPLE_ID_USER in the configuration file"),
            _ => failure,
        }
    }
}

impl From<exchange::Error> for Failure {
    fn from(error: exchange::Error) -> Self {
        use exchange::Error as E;
        match &error {
            E::NobodyWaits => Self::new(Exit::Failed, &error).hint("start a sign-in with `icps token`"),
            E::Busy { .. } => Self::new(Exit::TryLater, &error),
            E::NotACode { .. } | E::NoSuchPhone(_) | E::WhichPhone(_) | E::NoSuchMethod => {
                Self::new(Exit::Usage, &error)
            }
            E::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
                Self::new(Exit::Failed, &error)
                    .hint("run it as root, or use the receiver: curl --unix-socket /run/icps/mfa.sock …")
            }
            E::Io { .. } => Self::new(Exit::Failed, &error),
        }
    }
}

impl From<icloud::Error> for Failure {
    fn from(error: icloud::Error) -> Self {
        use icloud::Error as E;
        let error = error.situation();
        let exit = match error {
            E::Network { .. }
            | E::Throttled { .. }
            | E::Breaker { .. }
            | E::Budget { .. }
            | E::Indexing { .. }
            | E::Server { status: 500.., .. } => Exit::TryLater,
            E::CredentialsRefused { .. } | E::AccountLocked { .. } => Exit::Refused,
            E::NoPassword { .. } | E::WrongRegion { .. } => Exit::Config,
            E::SecondFactorNeeded
            | E::SecondFactorUnanswered { .. }
            | E::Cancelled
            | E::WrongCodes
            | E::TooManyCodes
            | E::CodeExpired
            | E::Incomplete
            | E::TermsPending { .. }
            | E::SecurityKeys { .. }
            | E::Managed
            | E::TwoStepVerification
            | E::RepairNeeded { .. }
            | E::WebAccessOff
            | E::AccessDenied { .. }
            | E::ApprovalNeeded
            | E::NotSetUp => Exit::PersonNeeded,
            E::SessionLost { .. }
            | E::Server { .. }
            | E::Protocol { .. }
            | E::State { .. }
            | E::Renewal(_) => Exit::Failed,
        };
        let failure = Self::new(exit, error);
        match error {
            E::CredentialsRefused { .. } | E::AccountLocked { .. } => failure.event(events::SIGN_IN_REFUSED),
            E::SecondFactorNeeded | E::SecondFactorUnanswered { .. } | E::ApprovalNeeded => {
                failure.event(events::MFA_NOT_GIVEN)
            }
            E::NoPassword { .. } => failure.hint(PASSWORD_HINT),
            _ => failure,
        }
    }
}

impl From<library::Error> for Failure {
    fn from(error: library::Error) -> Self {
        use library::Error as E;
        match &error {
            E::Locked { .. } => Self::new(Exit::TryLater, &error).event(events::LOCK_HELD),
            decision if decision.needs_decision() => Self::new(Exit::DecisionNeeded, &error),
            E::LibraryVersion { .. } | E::NotADirectory { .. } => Self::new(Exit::Config, &error),
            E::NotAnAlbum { .. } => Self::new(Exit::Usage, &error),
            _ => Self::new(Exit::Failed, &error),
        }
    }
}

impl From<Stopped> for Failure {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Remote(error) => error.into(),
            Stopped::Local(error) => error.into(),
            Stopped::Requested | Stopped::Downloads { .. } => {
                Self { message: stopped.to_string(), hint: None, exit: Exit::TryLater, event: None }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_is_one_sentence_with_its_cause() {
        let source = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let error = icloud::Error::State { path: "/state/session.json".into(), source };
        let failure = Failure::from(error);
        assert_eq!(failure.text(), "Cannot use /state/session.json: permission denied.");
        let failure = Failure::from(exchange::Error::NobodyWaits);
        assert_eq!(failure.text(), "Nobody waits for a code. Start a sign-in with `icps token`.");
    }

    #[test]
    fn an_account_with_a_name_is_told_its_own_commands() {
        let alice = "alice".parse().ok();
        let text = |failure: Failure| failure.of(alice.as_ref()).text();
        let unanswered = text(icloud::Error::SecondFactorNeeded.into());
        assert!(unanswered.contains("run `icps --account alice token` once"), "{unanswered}");
        let nobody = text(exchange::Error::NobodyWaits.into());
        assert_eq!(nobody, "Nobody waits for a code. Start a sign-in with `icps --account alice token`.");
        let password = text(CredentialError::Missing { what: "password" }.into());
        assert!(password.contains("--name=icps.alice.password.enc"), "{password}");
        assert!(password.contains("/etc/credstore.encrypted/icps.alice.password.enc`"), "{password}");
        let source = std::io::ErrorKind::PermissionDenied.into();
        let denied = text(exchange::Error::Io { action: "read", path: "/x".into(), source }.into());
        assert!(denied.contains("--unix-socket /run/icps/alice/mfa.sock"), "{denied}");

        let unnamed = Failure::from(icloud::Error::SecondFactorNeeded).of(None).text();
        assert!(unnamed.contains("run `icps token` once"), "{unnamed}");
    }

    #[test]
    fn exit_codes_follow_the_situation() {
        let throttled = icloud::Error::Throttled { retry_after: None };
        let server = |status| icloud::Error::Server { host: "h".into(), status, code: None, reason: None };
        for (error, exit) in [
            (throttled, Exit::TryLater),
            (icloud::Error::CredentialsRefused { remembered: true }, Exit::Refused),
            (icloud::Error::SecondFactorNeeded, Exit::PersonNeeded),
            (icloud::Error::TermsPending { home: "h" }, Exit::PersonNeeded),
            (server(503), Exit::TryLater),
            (server(404), Exit::Failed),
        ] {
            let text = error.to_string();
            assert_eq!(Failure::from(error).exit, exit, "{text}");
        }
        let locked = library::Error::Locked { holder: "PID 1".into() };
        assert_eq!(Failure::from(locked).exit, Exit::TryLater);
        let other = library::Error::NoLibrary { path: "/x".into(), known: "1".into() };
        assert_eq!(Failure::from(other).exit, Exit::DecisionNeeded);
    }
}

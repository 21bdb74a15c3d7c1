//! What can go wrong with Apple's servers, named by the situation of the user.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

/// A failure that one of Apple's servers, the way to it, or the stored session is the cause of.
///
/// Each says what to do. None holds a password, token, code, cookie or download address.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server was not reached, or the connection broke and kept breaking.
    #[error("cannot reach {host}; check the network, the proxy and the clock of this machine")]
    Network {
        /// The server.
        host: String,
        /// Why; its address is removed, because addresses may hold secrets.
        #[source]
        source: reqwest::Error,
    },
    /// Apple asks to slow down for longer than a run should wait.
    #[error("Apple limits the requests of this account or network{}", wait_text(*.retry_after))]
    Throttled {
        /// How long Apple asks to wait, if it says so.
        retry_after: Option<Duration>,
    },
    /// An earlier failure of the sign-in forbids another attempt before a moment in time.
    #[error("{reason}; signing in is not tried again before {until:.0}")]
    Breaker {
        /// The next allowed time.
        until: Timestamp,
        /// What happened.
        reason: String,
    },
    /// Too many sign-ins with the password by unattended runs.
    #[error(
        "the password was sent too often by unattended runs lately; the next attempt is allowed at {until:.0}, or \
         run `icps token` by hand"
    )]
    Budget {
        /// The next allowed time.
        until: Timestamp,
    },
    /// Apple refused user name or password.
    #[error(
        "Apple refused the user name or the password{}; correct them (the account's own password is needed, not \
         an app-specific one)",
        if *.remembered { ", and they have not changed since; they were not sent again (remove sign-in.json from the \
         state directory to try the same ones once more)" } else { "" }
    )]
    CredentialsRefused {
        /// Whether these very credentials were refused before, so that nothing was sent this time.
        remembered: bool,
    },
    /// No password is at hand, and one is needed.
    #[error("the password is needed to sign in: {reason}")]
    NoPassword {
        /// Why there is none.
        reason: String,
    },
    /// Apple locked the account, or refuses it for reasons of security.
    #[error("Apple locked this account or refuses to sign it in{}; unlock it at https://iforgot.apple.com", detail(.message.as_ref()))]
    AccountLocked {
        /// Apple's words, if any.
        message: Option<String>,
    },
    /// A code is needed and nobody is there to type it. No code was asked for.
    #[error("a second factor is needed and nobody is there; run `icps token` once, by hand")]
    SecondFactorNeeded,
    /// A code was waited for in vain, now or in an earlier run.
    #[error("the second factor was not answered (since {since:.0}); run `icps token` once, by hand")]
    SecondFactorUnanswered {
        /// When it was first left unanswered.
        since: Timestamp,
    },
    /// The person broke off.
    #[error("the sign-in was broken off")]
    Cancelled,
    /// Three wrong codes.
    #[error("three wrong codes were entered; start again with `icps token`")]
    WrongCodes,
    /// Apple accepts no more codes for some time.
    #[error("Apple takes no more codes for this account for some hours; run `icps token` later")]
    TooManyCodes,
    /// The sign-in that a code belonged to is over.
    #[error("the sign-in that the code belongs to has ended; start again with `icps token`")]
    CodeExpired,
    /// The code was right, but Apple did not complete the sign-in.
    #[error("Apple accepted the code but did not complete the sign-in; run `icps token` again later")]
    Incomplete,
    /// New terms wait for the owner.
    #[error("Apple has new terms and conditions: sign in at {home} and accept them, then run again")]
    TermsPending {
        /// The web page.
        home: &'static str,
    },
    /// The account demands a hardware key, which this program cannot ask for.
    #[error("this account signs in with security keys{}, which a program without a browser cannot use; remove the \
             keys in the account's settings to use codes instead", key_names(.names))]
    SecurityKeys {
        /// What the owner called the keys.
        names: Vec<String>,
    },
    /// The account belongs to a company or school.
    #[error(
        "this account is managed by an organisation (federated or managed Apple account), which Apple does \
             not let sign in this way"
    )]
    Managed,
    /// Two-step verification, the predecessor of two-factor authentication.
    #[error("this account uses the old two-step verification; turn on two-factor authentication")]
    TwoStepVerification,
    /// The account wants something from its owner first: a privacy notice, a new password, a phone number.
    #[error("the account needs attention{}: sign in at {home} with a browser and follow what it asks", detail(.message.as_ref()))]
    RepairNeeded {
        /// Apple's words, if any.
        message: Option<String>,
        /// The web page.
        home: &'static str,
    },
    /// The owner switched access on the web off.
    #[error(
        "\"Access iCloud Data on the Web\" is switched off; switch it on in the iCloud settings of a device"
    )]
    WebAccessOff,
    /// The database is closed to this session, without saying why.
    #[error(
        "Apple denies access to the photos: {reason}. Either \"Access iCloud Data on the Web\" is off, or the \
         account is throttled for hours or days; check the first and wait for the second"
    )]
    AccessDenied {
        /// Apple's words.
        reason: String,
    },
    /// Advanced Data Protection is on and no device approved this session.
    #[error(
        "Advanced Data Protection is on and no device approved the access in time; run `icps sync` by hand and \
         approve it on a trusted device (a timer's run asks the devices only with MFA_PUSH=always)"
    )]
    ApprovalNeeded,
    /// The account has no iCloud Photos.
    #[error("iCloud Photos is not set up for this account (no photos service); switch it on on a device")]
    NotSetUp,
    /// Apple sends the account from one world to the other and back.
    #[error("Apple says that this account belongs to {domain}; choose the other --region")]
    WrongRegion {
        /// The domain that Apple names.
        domain: String,
    },
    /// The session ended and could not be renewed without a person.
    #[error("Apple ended the session and it could not be renewed: {reason}")]
    SessionLost {
        /// What stood in the way.
        reason: String,
    },
    /// The session could not be renewed in the middle of a run; all requests that wait for it share the reason.
    #[error(transparent)]
    Renewal(Arc<Self>),
    /// iCloud is still counting; what it lists is not complete.
    #[error("iCloud is still indexing {zone} ({progress} %); run again later")]
    Indexing {
        /// The library that is being indexed.
        zone: String,
        /// How far it is, in percent.
        progress: u8,
    },
    /// The server answered with an error that has no better name.
    #[error("{host} answered {status}{}{}", detail(.code.as_ref()), detail(.reason.as_ref()))]
    Server {
        /// The server.
        host: String,
        /// The HTTP status.
        status: u16,
        /// The server's own code, such as `ZONE_NOT_FOUND`.
        code: Option<String>,
        /// The server's words.
        reason: Option<String>,
    },
    /// The server said something that this program does not understand.
    #[error("an answer of Apple is not understood: {what}; is there a newer version of icps?")]
    Protocol {
        /// Which answer, and what is wrong with it.
        what: String,
    },
    /// A file of the state directory cannot be used.
    #[error("cannot use {}", .path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// The situation that this is about, also if several requests met it at once.
    pub fn situation(&self) -> &Self {
        match self {
            Self::Renewal(shared) => shared.situation(),
            other => other,
        }
    }

    /// Whether it may concern one list or record only, so that others may well be read.
    pub(crate) fn is_of_one_list(&self) -> bool {
        matches!(self, Self::Server { .. } | Self::Protocol { .. })
    }

    /// Whether it may concern one library only, provided that another one was read just before.
    pub(crate) fn is_of_one_library(&self) -> bool {
        self.is_of_one_list() || matches!(self, Self::AccessDenied { .. } | Self::SessionLost { .. })
    }

    /// An answer that is not what the protocol promises.
    pub(crate) fn protocol(what: impl Into<String>) -> Self {
        Self::Protocol { what: what.into() }
    }

    /// A failure on the way to `host`. The address is removed from the cause.
    pub(crate) fn network(host: &str, source: reqwest::Error) -> Self {
        Self::Network { host: host.to_owned(), source: source.without_url() }
    }
}

fn wait_text(wait: Option<Duration>) -> String {
    match wait {
        Some(wait) => format!("; try again in {} minutes", wait.as_secs().div_ceil(60)),
        None => "; try again later".to_owned(),
    }
}

fn detail(text: Option<&String>) -> String {
    text.map(|text| format!(" ({text})")).unwrap_or_default()
}

fn key_names(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) }
}

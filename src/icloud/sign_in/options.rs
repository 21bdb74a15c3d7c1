//! What a sign-in is given.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use super::factor::SecondFactor;
use crate::icloud::state::StateDir;
use crate::settings::Region;

/// Fetches the password when it is needed, which is rare; it may block, and ask a person. The error says why there
/// is none.
pub type PasswordSource = Arc<dyn Fn() -> Result<SecretString, String> + Send + Sync>;

/// Calls the person who started the run.
pub type PersonSource = Arc<dyn Fn() -> Box<dyn SecondFactor> + Send + Sync>;

/// Who signs in.
#[derive(Clone)]
pub struct Credentials {
    /// The Apple account; letter case and surrounding blanks do not matter.
    pub username: String,
    /// Where its password comes from.
    pub password: PasswordSource,
}

impl Credentials {
    /// Credentials that are at hand.
    pub fn known(username: &str, password: SecretString) -> Self {
        Self { username: username.to_owned(), password: Arc::new(move || Ok(password.clone())) }
    }
}

/// What a sign-in is given.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
pub struct SignInOptions {
    /// Where the session and the memory of failures are.
    pub state: StateDir,
    /// Who signs in.
    pub credentials: Credentials,
    /// Whether a person started this run. Unattended runs have a small budget of sign-ins with the password, and
    /// stop at a second factor that nobody answered before.
    pub by_person: bool,
    /// How long is waited for the approval of a trusted device, which Advanced Data Protection wants; `None` if no
    /// device may be asked for it.
    pub approval: Option<Duration>,
    /// Whom to ask for a code when the session that a person's run has begun with turns out to be over.
    pub person: Option<PersonSource>,
    /// Forget the stored trust first.
    pub refresh_token: bool,
    /// Prolong Apple's trust although much of it may be left.
    pub prolong_trust: bool,
    /// A trust token that the user gives; used once, then replaced by its successors.
    pub trust_token: Option<SecretString>,
    /// The user asked for the sign-in without SRP. Apple has switched it off; the answer is a notice.
    pub legacy_login: bool,
    /// Hears what happens on the way.
    pub notice: Arc<dyn Fn(&Notice) + Send + Sync>,
}

/// Something that a person may want to know while it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Another process is signing in; this one waits.
    OtherSignIn,
    /// Apple was asked for a code just now, by a run before; this one asks at this time.
    CodeLater(Timestamp),
    /// A trusted device asks for the approval that Advanced Data Protection wants.
    ApprovalWanted {
        /// So long it is waited for.
        until: Timestamp,
        /// Whether this is said for the first time, or waiting merely goes on.
        first: bool,
    },
    /// The approval that was waited for has come.
    Approved,
    /// Apple's trust in this client ends soon: `icps token` renews it.
    TrustExpires(Timestamp),
    /// Apple's trust was prolonged without a code.
    TrustProlonged,
    /// Apple did not prolong its trust, although that was asked for.
    TrustKept,
    /// The account lives in another world than the configured one; it is followed there.
    OtherWorld(Region),
    /// The sign-in without SRP, which the user asked for, is switched off at Apple; SRP is used.
    LegacyLoginIsGone,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl fmt::Debug for SignInOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignInOptions")
            .field("state", &self.state)
            .field("by_person", &self.by_person)
            .field("refresh_token", &self.refresh_token)
            .finish_non_exhaustive()
    }
}

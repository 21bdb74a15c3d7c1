//! What kind of account the servers know.

use std::time::Duration;

/// An account with all its variants. The default is an ordinary one: a password, a second factor by device or by
/// one of two phones (whose ids are not 1), everything else as Apple answers since June 2026.
///
/// Tests change it while the servers run: `emulator.account().change(|account| account.terms_pending = true)`.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is one peculiarity that accounts do or do not have")]
pub struct AccountOptions {
    /// The account name, in lower case.
    pub name: String,
    /// The password at the start; see [`crate::AccountHandle::set_password`].
    pub password: String,
    /// The name of the owner.
    pub full_name: String,
    /// The number of the account.
    pub dsid: String,
    /// Where the account is kept: another number in the host of the photos database.
    pub partition: u32,
    /// The common setup host answers 421; only the one of the account's partition serves it.
    pub partition_only: bool,
    /// The side of the wall.
    pub region: Region,
    /// A client that asks on the wrong side of the wall is told so with status 302, not 200.
    pub redirects: bool,
    /// How the password becomes a key.
    pub protocol: Protocol,
    /// Rounds of PBKDF2.
    pub iterations: u32,
    /// What is asked for after the password.
    pub second_factor: SecondFactor,
    /// A code is pushed to the devices with the answer to the password, as until early 2026.
    pub pushes_unasked: bool,
    /// How the second factors are told, asked for as JSON.
    pub list_json: ListJson,
    /// How the second factors are told, asked for as a page.
    pub list_html: ListHtml,
    /// The list comes with status 409, not 200.
    pub list_conflict: bool,
    /// What happens when a code is to be pushed to the devices.
    pub push: PushAnswer,
    /// What happens when a code is to be sent to a phone.
    pub phone: PhoneAnswer,
    /// How a right code is answered.
    pub submit: SubmitAnswer,
    /// Whether the account wants a repair step after the password.
    pub repair: Repair,
    /// The password is answered with 409 in spite of a valid trust token; accountLogin then suffices.
    pub challenge_in_spite_of_trust: bool,
    /// The answer to the password does not name the security keys; only the list does.
    pub keys_told_late: bool,
    /// The list says that no code is sent for a while (`securityCodeCooldown`).
    pub cooling_down: bool,
    /// How much the servers insist on.
    pub strictness: Strictness,
    /// The account belongs to an organisation: it is refused.
    pub managed: bool,
    /// The account is locked; wrong passwords bring this about too.
    pub locked: bool,
    /// So many sign-ins with a password within an hour, then 503 for a time that grows with each further one.
    pub sign_in_budget: Option<u32>,
    /// New terms wait to be accepted: a session, but no photos.
    pub terms_pending: bool,
    /// The owner lets the web have access to the data.
    pub web_access: bool,
    /// iCloud Photos is in use.
    pub photos: bool,
    /// `validate` refuses every session; accountLogin accepts them.
    pub validate_refuses: bool,
    /// Advanced Data Protection is on.
    pub protected: bool,
    /// The owner approves a question of Advanced Data Protection when a client has asked so many times whether he
    /// has; none: when the test says so.
    pub approves_after: Option<u32>,
    /// How the end of a session is told by the database.
    pub lost_session: LostSession,
    /// How long things last.
    pub lifetimes: Lifetimes,
}

impl Default for AccountOptions {
    fn default() -> Self {
        Self {
            name: "jane.doe@example.com".to_owned(),
            password: "Correct-Horse-7!".to_owned(),
            full_name: "Jane Doe".to_owned(),
            dsid: "10203040506".to_owned(),
            partition: 61,
            partition_only: false,
            region: Region::World,
            redirects: false,
            protocol: Protocol::S2k,
            iterations: 20_064,
            second_factor: SecondFactor::default(),
            pushes_unasked: false,
            list_json: ListJson::Nested,
            list_html: ListHtml::Bridge,
            list_conflict: false,
            push: PushAnswer::Sent,
            phone: PhoneAnswer::Sent,
            submit: SubmitAnswer::default(),
            repair: Repair::None,
            challenge_in_spite_of_trust: false,
            keys_told_late: false,
            cooling_down: false,
            strictness: Strictness::default(),
            managed: false,
            locked: false,
            sign_in_budget: Some(10),
            terms_pending: false,
            web_access: true,
            photos: true,
            validate_refuses: false,
            protected: false,
            approves_after: None,
            lost_session: LostSession::InvalidSession,
            lifetimes: Lifetimes::default(),
        }
    }
}

/// Where an account is at home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Region {
    /// `icloud.com`.
    World,
    /// `icloud.com.cn`.
    China,
}

impl Region {
    /// What follows `.icloud.com` in the names of its hosts.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::World => "",
            Self::China => ".cn",
        }
    }

    /// The region of a host.
    pub(crate) fn of(host: &str) -> Self {
        if host.strip_suffix(".cn").is_some() { Self::China } else { Self::World }
    }
}

/// How a password becomes a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// From the bytes of its hash.
    S2k,
    /// From the hexadecimal text of its hash.
    S2kFo,
}

impl Protocol {
    /// Its name in the answer to signin/init.
    pub fn name(self) -> &'static str {
        match self {
            Self::S2k => "s2k",
            Self::S2kFo => "s2k_fo",
        }
    }
}

/// What is asked for after the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecondFactor {
    /// Nothing.
    None,
    /// A code.
    Codes {
        /// There are devices that can show one.
        devices: bool,
        /// Phones that can receive one.
        phones: Vec<Phone>,
    },
    /// One of these security keys; there are no codes.
    SecurityKeys(Vec<String>),
}

impl Default for SecondFactor {
    fn default() -> Self {
        Self::Codes { devices: true, phones: vec![Phone::new(3, "81"), Phone::new(7, "42")] }
    }
}

/// A phone that can receive codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    /// Its number in the account: every phone that the account ever had has counted.
    pub id: u32,
    /// The last digits of its number; the others are never told.
    pub last_digits: String,
    /// How it is reached by itself: `sms` or `voice`.
    pub mode: &'static str,
    /// A flag that some lists have and clients give back.
    pub non_fteu: Option<bool>,
}

impl Phone {
    /// A phone for text messages.
    pub fn new(id: u32, last_digits: &str) -> Self {
        Self { id, last_digits: last_digits.to_owned(), mode: "sms", non_fteu: None }
    }
}

/// Shapes of the list of second factors in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListJson {
    /// `phoneNumberVerification.trustedPhoneNumbers`.
    Nested,
    /// `trustedPhoneNumbers` at the top.
    Top,
    /// Only `trustedPhoneNumber`, the first.
    Singular,
    /// No phones at all.
    Absent,
}

/// Shapes of the list of second factors in a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListHtml {
    /// `direct.twoSV.phoneNumberVerification`, until March 2026.
    Direct,
    /// `direct.twoSV.bridgeInitiateData.phoneNumberVerification`.
    Bridge,
    /// A page without a list.
    Absent,
}

/// How much the servers insist on. By default, on all that careful clients do; the real servers put up with less,
/// for there are clients in use that keep old nonces and leave headers out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strictness {
    /// Nonces that are not the latest are refused, and so are attributes (which may be left out).
    pub nonces: bool,
    /// All headers of OAuth have to be there, and an origin.
    pub oauth: bool,
    /// The last steps accept the origin `www.icloud.com` only, and none of the headers that a browser leaves out: a
    /// right code gets no session token otherwise, and trust and cookies are refused.
    pub browser: bool,
}

impl Strictness {
    /// Insists on nothing that a client in use leaves out.
    pub fn lenient() -> Self {
        Self { nonces: false, oauth: false, browser: false }
    }
}

impl Default for Strictness {
    fn default() -> Self {
        Self { nonces: true, oauth: true, browser: false }
    }
}

/// What happens when a code is to be pushed to the devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushAnswer {
    /// 202, and it arrives.
    Sent,
    /// 409, and it arrives all the same.
    SentConflict,
    /// 202, and nothing arrives.
    Lost,
    /// Another status, and nothing arrives.
    Refused(u16),
}

/// What happens when a code is to be sent to a phone. A phone that the account does not have is always answered
/// with 412.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhoneAnswer {
    /// 200, and it arrives.
    Sent,
    /// 409, and it arrives all the same.
    SentConflict,
    /// Error -28248: none can be sent to this number now.
    Unavailable,
}

/// How a right code is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmitAnswer {
    /// 204 for devices, 200 for phones: until May 2026.
    Success,
    /// 409 with `securityCode.valid`.
    Conflict {
        /// A session token comes with it.
        session_token: bool,
        /// The header `X-Apple-Edp` comes with it.
        edp: bool,
        /// A trust token comes with it.
        trust_token: bool,
    },
    /// 412 with `securityCode.valid`: the account wants a repair step.
    Repair,
}

impl Default for SubmitAnswer {
    fn default() -> Self {
        Self::Conflict { session_token: true, edp: false, trust_token: false }
    }
}

/// Whether an account wants a repair step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// No.
    None,
    /// Yes, and it can be passed over.
    Passable,
    /// Yes, and only its owner can do it, in a browser.
    NeedsOwner,
}

/// How the database says that a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostSession {
    /// 421, `Missing X-APPLE-WEBAUTH-TOKEN cookie`.
    MissingToken,
    /// 421, `Invalid global session`.
    InvalidSession,
    /// 421, `AUTHENTICATION_REQUIRED`.
    Required,
    /// 401, `AUTHENTICATION_FAILED`.
    Failed,
}

/// How long things last, by the clock of the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// A code.
    pub code: Duration,
    /// A sign-in between its steps.
    pub conversation: Duration,
    /// The cookies for the database, since they were last renewed.
    pub session: Duration,
    /// A session token.
    pub session_token: Duration,
    /// Trust in a client.
    pub trust: Duration,
    /// What the owner approves under Advanced Data Protection.
    pub approval: Duration,
    /// The lock after too many wrong codes.
    pub code_lock: Duration,
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            code: 10 * MINUTE,
            conversation: 10 * MINUTE,
            session: 8 * HOUR,
            session_token: 30 * DAY,
            trust: 30 * DAY,
            approval: HOUR,
            code_lock: 8 * HOUR,
        }
    }
}

//! The memory of failed sign-ins.

use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::icloud::pace::random_fraction;

/// The longest pause; a later date can only come from a clock that was wrong.
const LONGEST: SignedDuration = SignedDuration::from_hours(48);
/// Unattended runs send the password at most once in this time,
const BUDGET_GAP: SignedDuration = SignedDuration::from_mins(30);
/// and at most so often a day.
const BUDGET_PER_DAY: usize = 3;
/// Apple is asked for a code at most so often an hour: the first time, and three times again,
const CODES_PER_HOUR: usize = 4;
/// of which one is by another way,
const CODES_BY_ONE_WAY: usize = 3;
/// and not again while the one before may still be on its way.
const CODE_GAP: SignedDuration = SignedDuration::from_secs(30);
/// So many refused credentials are remembered.
const REFUSALS: usize = 8;
/// Rounds of the digest of refused credentials: it must not help to guess them.
const ROUNDS: u32 = 100_000;

/// Which service closed its door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::icloud) enum Door {
    /// The account services, asked on every run.
    Setup,
    /// The sign-in host, where every attempt counts.
    SignIn,
    /// The sign-in host, because the account is locked: its owner may have unlocked it meanwhile.
    Locked,
}

/// What is remembered.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::icloud) struct Record {
    setup: Option<Pause>,
    sign_in: Option<Pause>,
    locked: Option<Pause>,
    refusals: Vec<Refusal>,
    pub(in crate::icloud) unanswered_since: Option<Timestamp>,
    /// When unattended runs sent the password.
    proofs: Vec<Timestamp>,
    /// When and how Apple was asked for a code.
    code_requests: Vec<CodeRequest>,
}

/// A code that Apple was asked for.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct CodeRequest {
    at: Timestamp,
    way: Way,
    /// It is not on its way any more: Apple sends none, or it was used.
    #[serde(default)]
    settled: bool,
    /// Apple wants no request by this way before.
    #[serde(default)]
    not_before: Option<Timestamp>,
}

/// A way by which codes come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::icloud) enum Way {
    Device,
    Sms,
    Voice,
}

/// Why Apple is not asked for a code now, and from when on it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::icloud) enum NoCode {
    /// The one before may still arrive.
    TooSoon(Timestamp),
    /// By this way there were enough, or Apple wants a pause; another one is open.
    EnoughByThisWay(Timestamp),
    /// There were enough by all ways.
    Enough(Timestamp),
}

/// A door that stays closed for a while.
#[derive(Clone, Serialize, Deserialize)]
struct Pause {
    until: Timestamp,
    failures: u32,
    reason: String,
}

/// The digest of refused credentials.
#[derive(Serialize, Deserialize)]
struct Refusal {
    salt: [u8; 16],
    digest: [u8; 32],
}

impl Record {
    pub(super) fn load(path: &Path) -> io::Result<Self> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn save(&self, path: &Path) -> io::Result<()> {
        super::write_private(path, &serde_json::to_vec_pretty(self)?)
    }

    /// Closes a door for longer than the last time, or for as long as Apple asks if that is more.
    pub(in crate::icloud) fn close(
        &mut self,
        door: Door,
        retry_after: Option<Duration>,
        reason: &str,
        now: Timestamp,
    ) {
        let first = match door {
            Door::Setup => SignedDuration::from_mins(15),
            Door::SignIn => SignedDuration::from_hours(1),
            Door::Locked => SignedDuration::from_hours(6),
        };
        let pause = self.pause(door);
        let failures = pause.as_ref().map_or(0, |pause| pause.failures);
        let grown = first * (1 << failures.min(7));
        let jittered = grown + grown.mul_f64(0.25 * random_fraction());
        let asked = retry_after.and_then(|wait| SignedDuration::try_from(wait).ok()).unwrap_or_default();
        let until = now + jittered.max(asked).min(LONGEST);
        *pause = Some(Pause { until, failures: failures.saturating_add(1), reason: reason.to_owned() });
    }

    /// Until when a door is closed, and why.
    pub(in crate::icloud) fn closed(&self, door: Door, now: Timestamp) -> Option<(Timestamp, String)> {
        let pause = match door {
            Door::Setup => &self.setup,
            Door::SignIn => &self.sign_in,
            Door::Locked => &self.locked,
        };
        let pause =
            pause.as_ref().filter(|pause| pause.until > now && pause.until.duration_since(now) <= LONGEST)?;
        Some((pause.until, pause.reason.clone()))
    }

    fn pause(&mut self, door: Door) -> &mut Option<Pause> {
        match door {
            Door::Setup => &mut self.setup,
            Door::SignIn => &mut self.sign_in,
            Door::Locked => &mut self.locked,
        }
    }

    /// When the next attempt is allowed, if not now.
    pub(super) fn next_attempt(&self, now: Timestamp) -> Option<(Timestamp, String)> {
        let doors =
            [Door::Setup, Door::SignIn, Door::Locked].into_iter().filter_map(|door| self.closed(door, now));
        doors.max_by_key(|(until, _)| *until)
    }

    /// Remembers credentials that Apple refused.
    pub(in crate::icloud) fn refuse(&mut self, account: &str, password: &SecretString) -> io::Result<()> {
        let mut salt = [0_u8; 16];
        getrandom::fill(&mut salt).map_err(|error| io::Error::other(error.to_string()))?;
        self.refusals.push(Refusal { salt, digest: digest(&salt, account, password) });
        let surplus = self.refusals.len().saturating_sub(REFUSALS);
        self.refusals.drain(..surplus);
        Ok(())
    }

    /// Whether Apple refused these very credentials.
    pub(in crate::icloud) fn is_refused(&self, account: &str, password: &SecretString) -> bool {
        self.refusals.iter().any(|refusal| digest(&refusal.salt, account, password) == refusal.digest)
    }

    pub(super) fn has_refusals(&self) -> bool {
        !self.refusals.is_empty()
    }

    /// Forgets what a successful sign-in disproves.
    pub(in crate::icloud) fn succeeded(&mut self) {
        self.setup = None;
        self.unanswered_since = None;
    }

    /// Forgets what an accepted password disproves.
    pub(in crate::icloud) fn password_accepted(&mut self) {
        self.sign_in = None;
        self.locked = None;
        self.refusals.clear();
    }

    /// Takes one unattended use of the password from the budget, or says when the next is allowed.
    pub(in crate::icloud) fn spend_proof(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        let after_gap = self.proofs.last().filter(|last| **last <= now).map(|last| *last + BUDGET_GAP);
        match after_gap {
            Some(allowed) if allowed > now => Err(allowed),
            _ => spend(&mut self.proofs, BUDGET_PER_DAY, SignedDuration::from_hours(24), now),
        }
    }

    /// Takes one request for a code, or says why not.
    pub(in crate::icloud) fn spend_code(&mut self, way: Way, now: Timestamp) -> Result<(), NoCode> {
        let hour = SignedDuration::from_hours(1);
        let requests = &mut self.code_requests;
        // One in the future comes from a clock that was wrong.
        requests.retain(|request| {
            request.at <= now && (now.duration_since(request.at) < hour || request.not_before > Some(now))
        });
        if let Some(allowed) = self.code_under_way(now) {
            return Err(NoCode::TooSoon(allowed));
        }
        let requests = &mut self.code_requests;
        let pauses =
            requests.iter().filter(|request| request.way == way).filter_map(|request| request.not_before);
        if let Some(allowed) = pauses.max().filter(|allowed| *allowed > now) {
            return Err(NoCode::EnoughByThisWay(allowed));
        }
        let full = |times: Vec<Timestamp>, count: usize| {
            let oldest = times.len().checked_sub(count).and_then(|index| times.get(index).copied());
            oldest.map(|at| at + hour)
        };
        if let Some(allowed) = full(requests.iter().map(|request| request.at).collect(), CODES_PER_HOUR) {
            return Err(NoCode::Enough(allowed));
        }
        let this_way = requests.iter().filter(|request| request.way == way).map(|request| request.at);
        if let Some(allowed) = full(this_way.collect(), CODES_BY_ONE_WAY) {
            return Err(NoCode::EnoughByThisWay(allowed));
        }
        requests.push(CodeRequest { at: now, way, settled: false, not_before: None });
        Ok(())
    }

    /// Until when a code that Apple was asked for may be on its way, so that none is asked for again.
    pub(in crate::icloud) fn code_under_way(&self, now: Timestamp) -> Option<Timestamp> {
        let last = self.code_requests.iter().rev().find(|request| !request.settled && request.at <= now)?;
        Some(last.at + CODE_GAP).filter(|allowed| *allowed > now)
    }

    /// The last code is not on its way any more, so that another one may be asked for at once; by the same way only
    /// after `pause`, if Apple wants one.
    pub(in crate::icloud) fn settle_code(&mut self, pause: Option<Duration>, now: Timestamp) {
        if let Some(last) = self.code_requests.last_mut() {
            last.settled = true;
            if let Some(pause) = pause {
                last.not_before = Some(now + SignedDuration::try_from(pause).unwrap_or(LONGEST).min(LONGEST));
            }
        }
    }
}

/// Enters a use if there are fewer than `count` in `span`, or says when there will be.
fn spend(
    uses: &mut Vec<Timestamp>,
    count: usize,
    span: SignedDuration,
    now: Timestamp,
) -> Result<(), Timestamp> {
    // A use in the future comes from a clock that was wrong.
    uses.retain(|at| *at <= now && now.duration_since(*at) < span);
    if let Some(oldest) = uses.len().checked_sub(count).and_then(|index| uses.get(index)) {
        return Err(*oldest + span);
    }
    uses.push(now);
    Ok(())
}

fn digest(salt: &[u8; 16], account: &str, password: &SecretString) -> [u8; 32] {
    let mut text = Zeroizing::new(account.as_bytes().to_vec());
    text.push(0);
    text.extend_from_slice(password.expose_secret().as_bytes());
    let mut digest = [0_u8; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(&text, salt, ROUNDS, &mut digest);
    digest
}

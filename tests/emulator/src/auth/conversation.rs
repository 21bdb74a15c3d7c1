//! A sign-in in progress: its nonces and how far it has come.

use std::collections::{HashMap, HashSet};
use std::time::SystemTime;

use super::codes::Codes;
use super::srp::Exchange;
use crate::random;
use crate::reply::{Reply, add_header, set_header};

/// One client's talk with the sign-in host.
#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) id: u64,
    /// The client id that the client chose (`X-Apple-OAuth-State`); trust is bound to it.
    pub(crate) client: String,
    pub(crate) stage: Stage,
    pub(crate) codes: Codes,
    pub(crate) touched: SystemTime,
    scnt: String,
    session_id: String,
    attributes: String,
}

/// How far a sign-in has come.
#[derive(Clone, Debug)]
pub(crate) enum Stage {
    /// Nothing is known.
    Fresh,
    /// The client has half a proof, of this exchange with this name.
    Proving {
        /// What the proof has to fit.
        exchange: Box<Exchange>,
        /// Names this exchange in the proof.
        proof_id: String,
        /// The account name it is for.
        name: String,
    },
    /// The password was right, the second factor is open.
    Challenged,
    /// Everything was right, but the account wants a repair step.
    Repairing,
    /// The client is in.
    SignedIn,
}

/// Why a request does not belong to a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Its nonces are missing or not the latest.
    Stale,
    /// It has been silent for too long.
    Expired,
}

/// All sign-ins in progress, by the latest nonce.
#[derive(Debug, Default)]
pub(crate) struct Conversations {
    by_scnt: HashMap<String, Conversation>,
    superseded: HashSet<String>,
    count: u64,
}

impl Conversations {
    /// Takes the conversation that goes with the nonce, or begins one; a superseded nonce is none.
    pub(super) fn take_or_begin(
        &mut self,
        scnt: Option<&str>,
        strict: bool,
        now: SystemTime,
    ) -> Result<Conversation, Lost> {
        if let Some(scnt) = scnt {
            if let Some(conversation) = self.by_scnt.remove(scnt) {
                return Ok(conversation);
            }
            if strict && self.superseded.contains(scnt) {
                return Err(Lost::Stale);
            }
        }
        self.count += 1;
        Ok(Conversation::new(self.count, now))
    }

    /// Takes the conversation whose proof is awaited: the proof names it, whatever the nonce.
    pub(super) fn take_by_proof(&mut self, proof_id: &str) -> Option<Conversation> {
        let awaits =
            |c: &Conversation| matches!(&c.stage, Stage::Proving { proof_id: id, .. } if id == proof_id);
        let scnt = self.by_scnt.values().find(|c| awaits(c))?.scnt.clone();
        self.by_scnt.remove(&scnt)
    }

    /// Takes the conversation that goes with the latest nonce, if `belongs` says that all else fits too.
    pub(super) fn take(
        &mut self,
        scnt: &str,
        belongs: impl FnOnce(&Conversation) -> bool,
    ) -> Result<Conversation, Lost> {
        let fits = self.by_scnt.get(scnt).is_some_and(belongs);
        if fits { self.by_scnt.remove(scnt).ok_or(Lost::Stale) } else { Err(Lost::Stale) }
    }

    /// Takes the conversation of the nonce or else the newest of the client: for servers that are not strict.
    pub(super) fn take_newest(&mut self, scnt: Option<&str>, client: &str) -> Result<Conversation, Lost> {
        if let Some(conversation) = scnt.and_then(|scnt| self.by_scnt.remove(scnt)) {
            return Ok(conversation);
        }
        let of_client = self.by_scnt.values().filter(|c| c.client == client || client.is_empty());
        let newest = of_client.max_by_key(|c| (c.touched, c.id)).map(|c| c.scnt.clone());
        self.by_scnt.remove(&newest.ok_or(Lost::Stale)?).ok_or(Lost::Stale)
    }

    /// Puts a conversation back, with new nonces that the answer tells.
    pub(super) fn put_back(&mut self, mut conversation: Conversation, reply: &mut Reply, now: SystemTime) {
        self.superseded.insert(conversation.scnt.clone());
        conversation.rotate(now);
        set_header(reply, "scnt", &conversation.scnt);
        set_header(reply, "x-apple-id-session-id", &conversation.session_id);
        set_header(reply, "x-apple-auth-attributes", &conversation.attributes);
        add_header(reply, "set-cookie", "dslang=US-EN; Domain=apple.com; Path=/; Secure; HttpOnly");
        add_header(reply, "set-cookie", "site=USA; Domain=apple.com; Path=/; Secure; HttpOnly");
        let conversation_cookie =
            format!("aasp={}; Domain=idmsa.apple.com; Path=/; Secure; HttpOnly", random::token());
        add_header(reply, "set-cookie", &conversation_cookie);
        self.by_scnt.insert(conversation.scnt.clone(), conversation);
    }

    pub(crate) fn clear(&mut self) {
        self.by_scnt.clear();
    }
}

impl Conversation {
    fn new(id: u64, now: SystemTime) -> Self {
        Self {
            id,
            client: String::new(),
            stage: Stage::Fresh,
            codes: Codes::default(),
            touched: now,
            scnt: random::token(),
            session_id: random::token(),
            attributes: random::token(),
        }
    }

    fn rotate(&mut self, now: SystemTime) {
        self.scnt = random::token();
        self.session_id = random::token();
        self.attributes = random::token();
        self.touched = now;
    }

    pub(super) fn has_session_id(&self, session_id: &str) -> bool {
        self.session_id == session_id
    }

    pub(super) fn has_attributes(&self, attributes: &str) -> bool {
        self.attributes == attributes
    }

    /// The second factor was passed or is not needed.
    pub(super) fn verified(&self) -> bool {
        matches!(self.stage, Stage::SignedIn | Stage::Repairing)
    }
}

//! Codes: where they arrive and how long they are good.

use std::time::SystemTime;

use crate::random;

/// A way on which a code reaches its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// The trusted devices.
    Device,
    /// A text message to the phone with this id.
    Sms(u32),
    /// A call to the phone with this id.
    Voice(u32),
}

/// A code that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentCode {
    /// Where.
    pub channel: Channel,
    /// Its six digits.
    pub code: String,
}

/// A code that was made.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    text: String,
    expires: SystemTime,
}

impl Code {
    pub(crate) fn new(expires: SystemTime) -> Self {
        Self { text: random::code(), expires }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn accepts(&self, typed: &str, now: SystemTime) -> bool {
        self.text == typed && now < self.expires
    }
}

/// The codes of one sign-in: the latest to the devices and the latest to a phone; older ones are dead.
#[derive(Debug, Default)]
pub(crate) struct Codes {
    device: Option<Code>,
    phone: Option<(Channel, Code)>,
}

impl Codes {
    /// A new code takes the place of the one before on the same address.
    pub(crate) fn renew(&mut self, channel: Channel, expires: SystemTime) -> SentCode {
        let code = Code::new(expires);
        let sent = SentCode { channel, code: code.text.clone() };
        match channel {
            Channel::Device => self.device = Some(code),
            Channel::Sms(_) | Channel::Voice(_) => self.phone = Some((channel, code)),
        }
        sent
    }

    /// Whether the code is the latest that went this way.
    pub(crate) fn accepts(&self, channel: Channel, typed: &str, now: SystemTime) -> bool {
        match channel {
            Channel::Device => self.device.as_ref().is_some_and(|code| code.accepts(typed, now)),
            _ => self.phone.as_ref().is_some_and(|(sent, code)| *sent == channel && code.accepts(typed, now)),
        }
    }
}

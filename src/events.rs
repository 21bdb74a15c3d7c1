//! The identities of the events in the journal.
//!
//! Each is the `MESSAGE_ID` of one kind of event, sent as the field `message_id`; the message catalog explains
//! them to `journalctl -x`. They never change their meaning.

/// A run began.
pub const RUN_STARTED: &str = "593e3b736b756e1cec3441254ff217dc";
/// A run ended, with its outcome.
pub const RUN_FINISHED: &str = "a35b88f4ee7eb27431f5e5f061d5df7e";
/// A run waits for a code.
pub const MFA_WANTED: &str = "6a68231d56cf24fe87c9cae5b4ed43dc";
/// Nobody gave a code in time.
pub const MFA_NOT_GIVEN: &str = "e7958a7ada38e370f9c3ba2c77b3facb";
/// Apple refused user name or password, or locked the account.
pub const SIGN_IN_REFUSED: &str = "dae5654dd64952b2b61b74bbdf0914e9";
/// A run would have deleted more than it may.
pub const DELETION_GUARD: &str = "9188579d552d755ccb8ae7ca4293837c";
/// A file is not what its checksum says.
pub const DAMAGED_FILE: &str = "184061e1aa4b14fed436037e60158acc";
/// The trust token is about to expire.
pub const TOKEN_EXPIRES: &str = "88b25ad7a6138771e5f5e0165be48c1a";
/// Another process holds the library's lock.
pub const LOCK_HELD: &str = "1287486620d1c25afd85aada1008517a";

/// All identities with their names.
pub const ALL: &[(&str, &str)] = &[
    ("RUN_STARTED", RUN_STARTED),
    ("RUN_FINISHED", RUN_FINISHED),
    ("MFA_WANTED", MFA_WANTED),
    ("MFA_NOT_GIVEN", MFA_NOT_GIVEN),
    ("SIGN_IN_REFUSED", SIGN_IN_REFUSED),
    ("DELETION_GUARD", DELETION_GUARD),
    ("DAMAGED_FILE", DAMAGED_FILE),
    ("TOKEN_EXPIRES", TOKEN_EXPIRES),
    ("LOCK_HELD", LOCK_HELD),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// One malformed identity makes the whole catalog of the machine fail to update.
    #[test]
    fn each_is_unique_and_32_lower_case_hexadecimal_digits() {
        for (name, id) in ALL {
            assert_eq!(id.len(), 32, "{name}");
            assert!(id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{name}");
        }
        assert_eq!(ALL.iter().map(|(_, id)| id).collect::<HashSet<_>>().len(), ALL.len());
    }
}

//! The checksum that Apple gives every file, and that names the file on disk.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// The shortest checksum that is understood: a kind byte and a 160-bit digest. What a person calls a file, such as
/// `IMG_0001`, can be shorter base64; nothing of theirs may be taken for an asset.
const MIN_LEN: usize = 21;
/// The longest checksum that is understood: a kind byte and a 256-bit digest.
const MAX_LEN: usize = 33;

/// The content checksum of one file (`fileChecksum` of a resource).
///
/// 21 bytes in all recorded traffic: the kind byte `0x01` and a salted SHA-1 (see
/// [`Checksum::is_verifiable`]). Other kinds are carried faithfully, but only their size can be checked.
/// Base64 with padding is never needed: lengths that are no multiple of three are refused, so that each
/// checksum has exactly one spelling.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Checksum {
    len: u8,
    bytes: [u8; MAX_LEN],
}

/// Why a text is no checksum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a checksum: {0:?} (expected base64 of {MIN_LEN} to {MAX_LEN} bytes, a multiple of 3)")]
pub struct BadChecksum(String);

impl Checksum {
    /// The kind byte of a salted SHA-1, the only kind seen so far.
    pub const SALTED_SHA1: u8 = 0x01;

    /// A checksum of the known kind from its 20-byte SHA-1.
    pub fn from_sha1(digest: [u8; 20]) -> Self {
        let mut bytes = [0; MAX_LEN];
        bytes[0] = Self::SALTED_SHA1;
        bytes[1..21].copy_from_slice(&digest);
        Self { len: 21, bytes }
    }

    /// Reads the spelling of the server: standard base64.
    pub fn from_base64(text: &str) -> Result<Self, BadChecksum> {
        Self::decode(text, &STANDARD)
    }

    /// Reads the spelling of file names: base64url without padding.
    pub fn from_file_stem(text: &str) -> Result<Self, BadChecksum> {
        Self::decode(text, &URL_SAFE_NO_PAD)
    }

    fn decode(text: &str, alphabet: &impl base64::Engine) -> Result<Self, BadChecksum> {
        let bad = || BadChecksum(text.chars().take(64).collect());
        let mut bytes = [0; MAX_LEN + 3];
        let len = alphabet.decode_slice(text, &mut bytes).map_err(|_| bad())?;
        if !(MIN_LEN..=MAX_LEN).contains(&len) || len % 3 != 0 {
            return Err(bad());
        }
        let mut kept = [0; MAX_LEN];
        kept.copy_from_slice(&bytes[..MAX_LEN]);
        let len = u8::try_from(len).map_err(|_| bad())?;
        Ok(Self { len, bytes: kept })
    }

    /// The bytes, kind byte first.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Whether content can be checked against it: kind byte `0x01` and 20 bytes of SHA-1.
    pub fn is_verifiable(&self) -> bool {
        self.len == 21 && self.bytes[0] == Self::SALTED_SHA1
    }

    /// The spelling of the server: standard base64. Also the record name of the master.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.as_bytes())
    }

    /// The spelling of file names: base64url without padding.
    pub fn to_file_stem(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.as_bytes())
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_file_stem())
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Checksum({self})")
    }
}

impl FromStr for Checksum {
    type Err = BadChecksum;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_file_stem(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_two_spellings_name_the_same_bytes() {
        let sum = Checksum::from_base64("Abv+EeVEGAQ0o5/2szwFFOVX1ICw").unwrap();
        assert_eq!(sum.to_file_stem(), "Abv-EeVEGAQ0o5_2szwFFOVX1ICw");
        assert_eq!(Checksum::from_file_stem("Abv-EeVEGAQ0o5_2szwFFOVX1ICw").unwrap(), sum);
        assert!(sum.is_verifiable());
    }

    #[test]
    fn what_is_no_checksum_is_refused() {
        for text in
            ["", "IMG/0001", "AAAA/../", "Abv+EeVEGAQ0o5/2szwFFOVX1IC", "!!!!", "AA==", &"A".repeat(48)]
        {
            assert!(Checksum::from_base64(text).is_err(), "{text}");
        }
        assert!(Checksum::from_file_stem("Abv+EeVEGAQ0o5/2szwFFOVX1ICw").is_err());
    }

    #[test]
    fn an_unknown_kind_is_carried_but_not_verifiable() {
        let sum = Checksum::from_base64(&STANDARD.encode([2_u8; 33])).unwrap();
        assert!(!sum.is_verifiable());
        assert_eq!(sum.as_bytes().len(), 33);
    }

    proptest! {
        #[test]
        fn a_checksum_survives_both_spellings(digest in any::<[u8; 20]>()) {
            let sum = Checksum::from_sha1(digest);
            prop_assert_eq!(Checksum::from_base64(&sum.to_base64()).unwrap(), sum);
            prop_assert_eq!(Checksum::from_file_stem(&sum.to_file_stem()).unwrap(), sum);
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,80}") {
            if let Ok(sum) = Checksum::from_base64(&text) {
                prop_assert_eq!(sum.to_base64(), text);
            }
        }
    }
}

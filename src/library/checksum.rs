//! Computing the checksum that Apple gives every file.

use std::io::{self, Read};

use sha1::{Digest as _, Sha1};

use crate::model::Checksum;

/// What is hashed before the content; found by comparing recorded downloads with their checksums.
const SALT: &[u8] = b"com.apple.XattrObjectSalt\0com.apple.DataObjectSalt\0";

/// A salted SHA-1 of content that comes in pieces.
#[derive(Debug, Clone)]
pub struct Hasher(Sha1);

impl Hasher {
    /// Nothing hashed yet.
    pub fn new() -> Self {
        Self(Sha1::new_with_prefix(SALT))
    }

    /// Adds the next piece of content.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Adds everything that is left to read; returns how many bytes that was.
    pub fn update_from(&mut self, source: &mut impl Read) -> io::Result<u64> {
        let mut buffer = vec![0; 256 * 1024];
        let mut total = 0;
        loop {
            match source.read(&mut buffer) {
                Ok(0) => return Ok(total),
                Ok(count) => {
                    self.update(&buffer[..count]);
                    total += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The checksum of everything that was added.
    pub fn finish(self) -> Checksum {
        Checksum::from_sha1(self.0.finalize().into())
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(content: &[u8]) -> String {
        let mut hasher = Hasher::new();
        hasher.update(content);
        hasher.finish().to_base64()
    }

    #[test]
    fn known_contents_have_their_known_checksums() {
        assert_eq!(of(b""), "AW2cWT2PxzWixMKuuNMTHJ8CJ3sH");
        assert_eq!(of(b"hello\n"), "Abv+EeVEGAQ0o5/2szwFFOVX1ICw");
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(content in prop::collection::vec(any::<u8>(), 0..2000), cut in 0_usize..2000) {
            let (head, tail) = content.split_at(cut.min(content.len()));
            let mut hasher = Hasher::new();
            hasher.update(head);
            let read = hasher.update_from(&mut io::Cursor::new(tail)).unwrap();
            prop_assert_eq!(read, tail.len() as u64);
            prop_assert_eq!(hasher.finish().to_base64(), of(&content));
        }
    }
}

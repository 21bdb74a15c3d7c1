//! The files of the library. Content is never kept: it is a pure function of a key and a size.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use super::rng::mix;

/// What Apple hashes before the content of a file (checked by clients against recorded downloads).
const SALT: &[u8] = b"com.apple.XattrObjectSalt\0com.apple.DataObjectSalt\0";
/// How much content is made at a time.
const PIECE: usize = 64 * 1024;

/// A checksum as the server announces it: a kind byte and a salted SHA-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Checksum(pub [u8; 21]);

impl Checksum {
    /// The server's spelling: 28 characters of base64.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// Reads the server's spelling.
    pub fn from_base64(text: &str) -> Option<Self> {
        STANDARD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// A short key for maps. A hit must be compared in full.
    pub(crate) fn prefix(&self) -> u64 {
        prefix(&self.0[1..9])
    }
}

pub(crate) fn prefix(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte))
}

/// The bytes of a file, made on demand from any position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Content {
    /// Decides the bytes.
    pub key: u64,
    /// How many bytes there are.
    pub size: u64,
    /// The family whose magic bytes begin the content.
    pub family: Family,
}

/// The container that the content pretends to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// `JFIF`.
    Jpeg,
    /// An ISO media file with the brand `heic`.
    Heic,
    /// An ISO media file with the brand `qt  `.
    Movie,
    /// PNG.
    Png,
    /// No magic bytes.
    Plain,
}

impl Family {
    const ALL: [Self; 5] = [Self::Jpeg, Self::Heic, Self::Movie, Self::Png, Self::Plain];

    fn of(identifier: &str) -> Self {
        match identifier {
            "public.jpeg" => Self::Jpeg,
            "public.heic" => Self::Heic,
            "public.png" => Self::Png,
            "com.apple.quicktime-movie" | "public.mpeg-4" => Self::Movie,
            _ => Self::Plain,
        }
    }

    /// A number for a URL.
    pub(crate) fn code(self) -> u8 {
        Self::ALL.iter().zip(0..).find(|(family, _)| **family == self).map_or(0, |(_, code)| code)
    }

    /// The family with a number from a URL.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    fn magic(self) -> &'static [u8] {
        match self {
            Self::Jpeg => b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0",
            Self::Heic => b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
            Self::Movie => b"\0\0\0\x14ftypqt  \0\0\0\0qt  ",
            Self::Png => b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
            Self::Plain => b"",
        }
    }
}

impl Content {
    /// Fills a buffer with the content from a position on. What lies past the end is undefined.
    pub fn fill(&self, offset: u64, buffer: &mut [u8]) {
        let mut position = offset;
        let mut rest = &mut *buffer;
        while !rest.is_empty() {
            let word = mix(self.key ^ (position / 8).wrapping_mul(0xd134_2543_de82_ef95)).to_le_bytes();
            let from = usize::try_from(position % 8).unwrap_or(0);
            let count = rest.len().min(8 - from);
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(&word[from..from + count]);
            position += count as u64;
            rest = later;
        }
        let magic = self.family.magic();
        if let Ok(start) = usize::try_from(offset) {
            if let Some(visible) = magic.get(start..) {
                for (byte, magic) in buffer.iter_mut().zip(visible) {
                    *byte = *magic;
                }
            }
        }
    }

    /// The content from a position on, in pieces of bounded size; at most `limit` bytes of it.
    pub fn pieces(self, offset: u64, limit: u64) -> impl Iterator<Item = Vec<u8>> + Send + 'static {
        let end = self.size.min(offset.saturating_add(limit));
        let mut position = offset;
        std::iter::from_fn(move || {
            let left = usize::try_from(end.saturating_sub(position)).unwrap_or(usize::MAX);
            if left == 0 {
                return None;
            }
            let mut piece = vec![0; left.min(PIECE)];
            self.fill(position, &mut piece);
            position += piece.len() as u64;
            Some(piece)
        })
    }

    /// The whole content.
    pub fn bytes(&self) -> Vec<u8> {
        self.pieces(0, u64::MAX).flatten().collect()
    }

    /// The checksum that Apple would announce for this content.
    pub fn checksum(&self) -> Checksum {
        let mut hasher = Sha1::new_with_prefix(SALT);
        if self.size <= 512 {
            let mut all = [0; 512];
            let size = usize::try_from(self.size).unwrap_or(0);
            self.fill(0, &mut all[..size]);
            hasher.update(&all[..size]);
        } else {
            self.pieces(0, u64::MAX).for_each(|piece| hasher.update(&piece));
        }
        let mut checksum = [1; 21];
        checksum[1..].copy_from_slice(&hasher.finalize());
        Checksum(checksum)
    }
}

/// One file of a record: content with its type and checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    /// The bytes.
    pub content: Content,
    /// The uniform type identifier.
    pub identifier: &'static str,
    /// The checksum that the server announces.
    pub checksum: Checksum,
}

impl File {
    /// A file whose bytes follow from the key.
    pub fn new(key: u64, size: u64, identifier: &'static str) -> Self {
        let content = Content { key, size, family: Family::of(identifier) };
        Self { content, identifier, checksum: content.checksum() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_salt_is_apples() {
        let checksum = |bytes: &[u8]| {
            let mut sum = vec![1];
            sum.extend(Sha1::new_with_prefix(SALT).chain_update(bytes).finalize());
            STANDARD.encode(sum)
        };
        assert_eq!(checksum(b""), "AW2cWT2PxzWixMKuuNMTHJ8CJ3sH");
        assert_eq!(checksum(b"hello\n"), "Abv+EeVEGAQ0o5/2szwFFOVX1ICw");
    }

    proptest! {
        #[test]
        fn the_announced_checksum_is_that_of_the_bytes(key: u64, size in 0_u64..200_000, jpeg: bool) {
            let file = File::new(key, size, if jpeg { "public.jpeg" } else { "com.example.any" });
            let bytes = file.content.bytes();
            prop_assert_eq!(bytes.len() as u64, size);
            let digest = Sha1::new_with_prefix(SALT).chain_update(&bytes).finalize();
            prop_assert_eq!(&file.checksum.0[1..], &digest[..]);
        }

        #[test]
        fn any_slice_is_the_same_slice_of_the_whole(key: u64, from in 0_u64..3000, len in 0_usize..3000) {
            let content = Content { key, size: 6000, family: Family::Heic };
            let mut slice = vec![0; len];
            content.fill(from, &mut slice);
            let from = usize::try_from(from).unwrap();
            prop_assert_eq!(&slice, &content.bytes()[from..from + len]);
        }
    }
}

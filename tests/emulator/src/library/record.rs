//! The records of a zone, kept compactly; their fields are made when they are asked for.

use std::collections::HashMap;
use std::fmt;

use super::file::File;
use super::kind::{Edit, Form, Name};
use super::rank::RankIndex;
use super::rng::Rng;

/// Thirty days: how long the trash is kept.
pub(crate) const TRASH_MS: i64 = 30 * 24 * 3600 * 1000;

/// The name of an asset or album.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Uuid([u8; 16]);

impl Uuid {
    pub(crate) fn random(rng: &mut Rng) -> Self {
        let mut bytes: [u8; 16] = rng.bytes();
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }

    pub(crate) fn prefix(&self) -> u64 {
        super::file::prefix(&self.0)
    }

    /// Reads the only spelling in use: upper case, with dashes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().filter(|byte| *byte != b'-').map(|byte| char::from(byte).to_digit(16));
        let digits: Option<Vec<u32>> = digits.collect();
        let digits = digits.filter(|digits| digits.len() == 32)?;
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            *byte = u8::try_from(pair[0] * 16 + pair[1]).ok()?;
        }
        Some(Self(bytes)).filter(|uuid| uuid.to_string() == text)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// When a record was written, ms since 1970 UTC, and the sequence number of its last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Stamp {
    pub(crate) created: i64,
    pub(crate) modified: i64,
    pub(crate) sequence: u64,
}

/// A `CPLMaster`: the files as they came.
#[derive(Debug, Clone)]
pub(crate) struct Master {
    pub(crate) stamp: Stamp,
    pub(crate) form: Form,
    pub(crate) name: Name,
    pub(crate) original: File,
    pub(crate) extra: Option<Box<Extra>>,
    /// How many assets on it are neither in the trash nor gone.
    pub(crate) live_assets: u32,
    /// How many assets on it have a record.
    pub(crate) assets: u32,
    /// When all its assets were in the trash.
    pub(crate) trashed: Option<i64>,
    pub(crate) typeless: bool,
    pub(crate) uploading: bool,
    pub(crate) purged: bool,
}

/// The rarer files of a master.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extra {
    pub(crate) alternative: Option<File>,
    pub(crate) movie: Option<File>,
}

impl Master {
    pub(crate) fn alternative(&self) -> Option<&File> {
        self.extra.as_ref()?.alternative.as_ref()
    }

    pub(crate) fn movie(&self) -> Option<&File> {
        self.extra.as_ref()?.movie.as_ref()
    }

    pub(crate) fn file_name(&self) -> Option<String> {
        self.name.resolve(self.form.extension())
    }
}

/// Where an asset is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Live,
    /// In Recently Deleted since a time.
    Trashed(i64),
    /// Moved to the other library; a marked record stays behind.
    Moved(i64),
    /// No record any more, only a tombstone.
    Purged,
}

/// A `CPLAsset`: the photo that a user sees.
#[derive(Debug, Clone)]
pub(crate) struct Asset {
    pub(crate) stamp: Stamp,
    pub(crate) uuid: Uuid,
    pub(crate) master: u32,
    pub(crate) state: State,
    pub(crate) hidden: bool,
    pub(crate) favorite: bool,
    pub(crate) date: i64,
    pub(crate) added: i64,
    pub(crate) edited: Option<Box<Edited>>,
}

/// The rendered results of an edit.
#[derive(Debug, Clone)]
pub(crate) struct Edited {
    pub(crate) edit: Edit,
    pub(crate) picture: Option<File>,
    pub(crate) movie: Option<File>,
}

impl Asset {
    /// Whether it has a record.
    pub(crate) fn exists(&self) -> bool {
        self.state != State::Purged
    }

    /// Whether a user sees it in the library.
    pub(crate) fn is_live(&self) -> bool {
        self.state == State::Live
    }
}

/// What a `CPLAlbum` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AlbumKind {
    Album,
    Folder,
    /// A smart album: no readable content.
    Smart,
    /// One of the two root records.
    Root,
}

impl AlbumKind {
    /// `albumType`.
    pub(crate) fn code(self) -> i64 {
        match self {
            Self::Album => 0,
            Self::Folder | Self::Root => 3,
            Self::Smart => 6,
        }
    }
}

/// A `CPLAlbum` with its members.
#[derive(Debug)]
pub(crate) struct Album {
    pub(crate) stamp: Stamp,
    pub(crate) record: Box<str>,
    pub(crate) name: Name,
    pub(crate) kind: AlbumKind,
    pub(crate) parent: Option<u32>,
    pub(crate) position: i64,
    pub(crate) deleted: bool,
    pub(crate) members: HashMap<u32, Relation>,
    /// The position of the next member; positions are multiples of 1024.
    pub(crate) next_position: i64,
    /// Members that the lists show, newest first.
    pub(crate) by_date: RankIndex,
    /// Members that the lists show, in the user's order (the key is the negated position).
    pub(crate) by_position: RankIndex,
}

impl Album {
    pub(crate) fn new(record: String, name: Name, kind: AlbumKind, parent: Option<u32>, now: i64) -> Self {
        Self {
            stamp: Stamp { created: now, modified: now, sequence: 0 },
            record: record.into(),
            name,
            kind,
            parent,
            position: 0,
            deleted: false,
            members: HashMap::new(),
            next_position: 1024,
            by_date: RankIndex::default(),
            by_position: RankIndex::default(),
        }
    }
}

/// A `CPLContainerRelation`: an asset in an album.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Relation {
    pub(crate) stamp: Stamp,
    pub(crate) position: i64,
}

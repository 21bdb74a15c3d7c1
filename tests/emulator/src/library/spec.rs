//! What library to generate.

/// A library to generate. Everything follows from it: the same specification gives the same library.
#[derive(Debug, Clone, PartialEq)]
pub struct LibrarySpec {
    /// The seed of everything random.
    pub seed: u64,
    /// How many assets `PrimarySync` has.
    pub assets: usize,
    /// The shared library.
    pub shared: SharedLibrary,
    /// Smallest and largest size of an original, in bytes.
    pub sizes: (u64, u64),
    /// Share of originals that have the size `large` instead.
    pub large_share: f64,
    /// Size of large originals, in bytes.
    pub large: u64,
    /// How often the kinds of items occur.
    pub shares: Shares,
    /// The albums of `PrimarySync`.
    pub albums: AlbumSpec,
    /// Go through all kinds, edits, names and dates in turn instead of drawing them.
    pub every_oddity: bool,
    /// Zones that a photo client has to leave alone, and one that is marked as deleted.
    pub foreign_zones: bool,
    /// How many tombstones of long-purged records the change feed holds.
    pub tombstones: usize,
    /// Whether album lists show hidden members too (not recorded either way).
    pub hidden_in_albums: bool,
}

/// Whether there is a shared library, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedLibrary {
    /// There is none.
    None,
    /// The account's own, in the private area, with so many assets.
    Owner(usize),
    /// Somebody else's, in the shared area, with so many assets.
    Participant(usize),
}

/// How often something occurs, from 0 to 1. What is no special kind is a JPEG or HEIC still.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shares {
    /// Live Photos.
    pub live: f64,
    /// Videos.
    pub video: f64,
    /// Raw pictures, alone or with a JPEG.
    pub raw: f64,
    /// Screenshots.
    pub screenshot: f64,
    /// Time-lapse videos.
    pub time_lapse: f64,
    /// Slow-motion videos.
    pub slow_motion: f64,
    /// Panoramas.
    pub panorama: f64,
    /// Bursts of four, one of them picked.
    pub burst: f64,
    /// Files of types that no client knows.
    pub unknown: f64,
    /// Edited items, of those that can be.
    pub edited: f64,
    /// Hidden items.
    pub hidden: f64,
    /// Items in Recently Deleted.
    pub deleted: f64,
    /// Favourites.
    pub favorite: f64,
    /// Second assets on the master of the asset before.
    pub duplicate: f64,
    /// Hostile, missing or oddly spelt file names.
    pub odd_name: f64,
    /// Capture dates before 1970 and beyond reason.
    pub odd_date: f64,
    /// Masters without `itemType`.
    pub typeless: f64,
    /// Items whose upload has not finished.
    pub uploading: f64,
}

/// The album tree.
#[derive(Debug, Clone, PartialEq)]
pub struct AlbumSpec {
    /// How many folders.
    pub folders: usize,
    /// How many albums, an empty one among them.
    pub albums: usize,
    /// How deep the deepest folder is; 1 is the top level.
    pub depth: usize,
    /// The most members of an album.
    pub members: usize,
    /// Hostile and colliding names; records that a client has to ignore.
    pub hostile: bool,
    /// Whether albums of the top level name the root folder as their parent, as on some accounts.
    pub rooted: bool,
}

impl LibrarySpec {
    /// Nothing but stills with tiny contents, and an album: for large numbers.
    pub fn plain(assets: usize) -> Self {
        Self {
            seed: 1,
            assets,
            shared: SharedLibrary::None,
            sizes: (64, 200),
            large_share: 0.0,
            large: 0,
            shares: Shares::default(),
            albums: AlbumSpec {
                folders: 1,
                albums: 3,
                depth: 1,
                members: 200,
                hostile: false,
                rooted: false,
            },
            every_oddity: false,
            foreign_zones: false,
            tombstones: 0,
            hidden_in_albums: false,
        }
    }

    /// A small library with the mixture of an ordinary family.
    pub fn small() -> Self {
        Self {
            assets: 60,
            sizes: (200, 40_000),
            shares: Shares {
                live: 0.25,
                video: 0.1,
                raw: 0.03,
                screenshot: 0.1,
                time_lapse: 0.02,
                slow_motion: 0.03,
                panorama: 0.02,
                burst: 0.0,
                unknown: 0.0,
                edited: 0.15,
                hidden: 0.05,
                deleted: 0.1,
                favorite: 0.1,
                duplicate: 0.03,
                ..Shares::default()
            },
            albums: AlbumSpec { folders: 4, albums: 6, depth: 3, members: 20, hostile: false, rooted: false },
            ..Self::plain(60)
        }
    }

    /// Every kind of oddity that this crate knows, over and over.
    pub fn every_oddity(assets: usize) -> Self {
        Self {
            assets,
            shared: SharedLibrary::Owner(assets / 4),
            albums: AlbumSpec { folders: 8, albums: 24, depth: 4, members: 40, hostile: true, rooted: false },
            every_oddity: true,
            foreign_zones: true,
            tombstones: assets / 2,
            hidden_in_albums: true,
            ..Self::small()
        }
    }

    /// With another seed.
    #[must_use]
    pub fn seeded(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// With a shared library.
    #[must_use]
    pub fn shared(mut self, shared: SharedLibrary) -> Self {
        self.shared = shared;
        self
    }

    /// With other sizes of originals, in bytes.
    #[must_use]
    pub fn sizes(mut self, smallest: u64, largest: u64) -> Self {
        self.sizes = (smallest, largest);
        self
    }
}

impl Default for LibrarySpec {
    fn default() -> Self {
        Self::small()
    }
}

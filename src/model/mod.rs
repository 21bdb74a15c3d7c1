//! The words of the trade: what an asset, an album, a zone and a checksum are.
//!
//! Plain values, shared by every floor above. Nothing here reads a file, a socket or a clock.

mod album;
mod asset;
mod checksum;
mod extension;
mod local;
mod record_name;
mod remote;

pub use album::{Album, AlbumKind};
pub(crate) use asset::printable;
pub use asset::{Asset, AssetFile, FileKey, Kind, Zone};
pub use checksum::{BadChecksum, Checksum};
pub use extension::Extension;
pub use local::{AlbumState, Link, LocalAlbum, LocalFile, LocalLibrary, Taken};
pub use record_name::{BadRecordName, RecordName};
pub use remote::{Problem, RemoteLibrary, ZoneTally};

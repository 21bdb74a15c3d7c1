//! The photo library behind the servers: generated from a seed, changed by tests while a client reads it.
//!
//! Records are kept compactly and their fields are made when they are asked for; the content of a file is a
//! pure function of a key and a size. A library of a million assets therefore fits into memory.

mod change;
mod draft;
pub(crate) mod feed;
mod file;
mod generate;
mod handle;
mod kind;
mod oddities;
mod random;
pub(crate) mod rank;
pub(crate) mod record;
mod rng;
mod spec;
mod view;
pub(crate) mod zone;

pub use file::{Checksum, Content, Family, File};
pub use handle::{AlbumRef, AssetRef, LibraryHandle};
pub use kind::{Edit, Form, Name, NewAsset};
pub use rng::Rng;
pub use spec::{AlbumSpec, LibrarySpec, SharedLibrary, Shares};
pub use view::{AlbumView, AssetView, FileView};
pub use zone::{Area, Presence, ZoneKind};

pub(crate) use handle::Library;
pub(crate) use rng::mix;

#[cfg(test)]
mod tests;

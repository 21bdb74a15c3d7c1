//! Records, lists, albums and look-ups, against a database in memory.

mod fake;
mod locating;
mod pages;
mod reading;

pub(super) use fake::{ALL, asset, checksum, master, name, resource};

/// Readings may be spawned.
#[test]
fn a_reading_can_move_between_threads() {
    fn is_send<T: Send>(_: impl FnOnce(&'static super::Photos) -> T) {}
    is_send(|photos| photos.read(&|_| {}));
    is_send(|photos| photos.locate(crate::model::Zone::Primary, &[]));
}

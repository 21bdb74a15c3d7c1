//! The library directory: layout, scan, store, albums, lock.

//! Ordered lists whose elements are found by rank.

use std::cmp::Reverse;

/// A list of items in descending order of a key; rank 0 has the greatest. Ties are broken by the item.
///
/// A sorted vector: a page is a slice. Insertion moves memory, which at a million items is a fraction of
/// a millisecond.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RankIndex(Vec<(i64, u32)>);

impl RankIndex {
    pub(crate) fn from_unsorted(mut entries: Vec<(i64, u32)>) -> Self {
        entries.sort_unstable_by_key(|entry| order(*entry));
        Self(entries)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn insert(&mut self, key: i64, item: u32) {
        if let Err(rank) = self.search(key, item) {
            self.0.insert(rank, (key, item));
        }
    }

    pub(crate) fn remove(&mut self, key: i64, item: u32) {
        if let Ok(rank) = self.search(key, item) {
            self.0.remove(rank);
        }
    }

    /// The rank of an entry, or where it would be.
    pub(crate) fn search(&self, key: i64, item: u32) -> Result<usize, usize> {
        self.0.binary_search_by_key(&order((key, item)), |entry| order(*entry))
    }

    /// The entry of a rank.
    pub(crate) fn get(&self, rank: usize) -> Option<(i64, u32)> {
        self.0.get(rank).copied()
    }

    pub(crate) fn items(&self) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator + '_ {
        self.0.iter().map(|(_, item)| *item)
    }
}

fn order((key, item): (i64, u32)) -> (Reverse<i64>, u32) {
    (Reverse(key), item)
}

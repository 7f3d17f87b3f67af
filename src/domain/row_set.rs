//! A **row set** is some of the records of one file: one bit per record.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{digest, saturating};

/// Some of the records of one file: one bit per record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowSet {
    words: Vec<u64>,
    records: u64,
    count: u64,
}

impl RowSet {
    /// None of a file's records.
    pub fn none(records: u64) -> Self {
        Self { words: vec![0; saturating::index(records.div_ceil(64))], records, count: 0 }
    }

    /// How many records the file has.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Adds a record; returns `false` if it was in the set already.
    pub fn insert(&mut self, record: u64) -> bool {
        let (word, bit) = ((record / 64) as usize, 1 << (record % 64));
        let is_new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        self.count += u64::from(is_new);
        is_new
    }

    /// Removes a record; returns `false` if it was not in the set.
    pub fn remove(&mut self, record: u64) -> bool {
        let (word, bit) = ((record / 64) as usize, 1 << (record % 64));
        let was_there = record < self.records && self.words[word] & bit != 0;
        if was_there {
            self.words[word] &= !bit;
            self.count -= 1;
        }
        was_there
    }

    /// Whether a record is in the set.
    pub fn contains(&self, record: u64) -> bool {
        record < self.records && self.words[(record / 64) as usize] >> (record % 64) & 1 == 1
    }

    /// The records in the set, in order.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        (0..self.records).filter(|record| self.contains(*record))
    }

    /// How many records are in the set.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The digest of the set.
    pub fn digest(&self) -> String {
        let mut hasher = digest::Hasher::default();
        hasher.add(self.records.to_le_bytes());
        self.words.iter().for_each(|word| hasher.add(word.to_le_bytes()));
        hasher.finish()
    }

    /// The set as bytes: the number of records of the file, then the bits, all little-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let words = self.words.iter().flat_map(|word| word.to_le_bytes());
        self.records.to_le_bytes().into_iter().chain(words).collect()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote; `None` if it is anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        let (records, words) = words.split_first()?;
        let records = u64::from_le_bytes(*records);
        let words: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        if !rest.is_empty() || words.len() as u64 != records.div_ceil(64) {
            return None;
        }
        let count = words.iter().map(|word| u64::from(word.count_ones())).sum();
        let set = Self { words, records, count };
        // A bit beyond the last record is an error.
        (set.iter().count() as u64 == count).then_some(set)
    }
}

impl Serialize for RowSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.to_bytes())
    }
}

impl<'de> Deserialize<'de> for RowSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Vec::<u8>::deserialize(deserializer)?;
        Self::from_bytes(&bytes).ok_or_else(|| serde::de::Error::custom("not a row set"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_set_is_a_set() {
        let mut set = RowSet::none(130);
        assert!(set.insert(0) && set.insert(129) && !set.insert(129));
        assert!(set.contains(129) && !set.contains(128) && !set.contains(1000));
        assert_eq!(set.count(), 2);
        let before = set.digest();
        assert!(set.remove(0) && !set.remove(0) && !set.remove(1000));
        assert_eq!(set.count(), 1);
        assert_ne!(set.digest(), before);
    }

    #[test]
    fn a_row_set_comes_back_from_its_bytes() {
        for records in [0, 1, 63, 64, 65, 1000] {
            let mut set = RowSet::none(records);
            (0..records).filter(|record| record % 3 == 0).for_each(|record| {
                set.insert(record);
            });
            assert_eq!(RowSet::from_bytes(&set.to_bytes()), Some(set.clone()), "{records}");
            let text = serde_json::to_string(&set).expect("JSON");
            assert_eq!(serde_json::from_str::<RowSet>(&text).expect("a set"), set);
        }
        let mut bytes = RowSet::none(10).to_bytes();
        bytes[9] = 0xff;
        assert_eq!(RowSet::from_bytes(&bytes), None, "bits beyond the records");
        assert_eq!(RowSet::from_bytes(&bytes[..12]), None, "cut short");
        assert_eq!(RowSet::from_bytes(&[]), None);
    }
}

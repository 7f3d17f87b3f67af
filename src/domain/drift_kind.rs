//! A **kind of drift** is a way in which a file may differ from the others, or from what the SQL expects. This is the
//! only list: the command line, the configuration, the output and the help use it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A way in which a file may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DriftKind {
    /// A column that no SQL of the dataset reads.
    NewColumn,
    /// A column that the SQL reads and a file lacks.
    MissingColumn,
    /// Columns in another order than in most files.
    MovedColumn,
    /// Another delimiter than in most files.
    OtherDelimiter,
    /// Another quote around fields than in most files.
    OtherQuote,
    /// Another encoding than in most files.
    OtherEncoding,
    /// A byte order mark although most files have none, or none although most have one.
    ByteOrderMark,
    /// Other line endings than in most files.
    OtherLineEnding,
    /// Another compression than that of most files.
    OtherCompression,
    /// Far more or fewer bytes or rows than the days around.
    UnusualSize,
    /// Dates in a file that are far from its own.
    DatesFarAway,
    /// A file that is due and does not exist.
    MissingDays,
    /// Several files for a day.
    SeveralFiles,
    /// The same content as an earlier file.
    SameContent,
    /// Records that cannot be read.
    Rejects,
    /// Values of another type.
    OtherType,
    /// Dates in another format, such as another order of day and month.
    OtherDateFormat,
    /// Text that is encoded twice.
    EncodedTwice,
    /// New values, values that are gone, and distributions that shifted.
    OtherValues,
}

impl DriftKind {
    /// Every kind.
    pub const ALL: [Self; 19] = [
        Self::NewColumn,
        Self::MissingColumn,
        Self::MovedColumn,
        Self::OtherDelimiter,
        Self::OtherQuote,
        Self::OtherEncoding,
        Self::ByteOrderMark,
        Self::OtherLineEnding,
        Self::OtherCompression,
        Self::UnusualSize,
        Self::DatesFarAway,
        Self::MissingDays,
        Self::SeveralFiles,
        Self::SameContent,
        Self::Rejects,
        Self::OtherType,
        Self::OtherDateFormat,
        Self::EncodedTwice,
        Self::OtherValues,
    ];

    /// Its name in the configuration, on the command line and in the output.
    pub fn name(self) -> &'static str {
        match self {
            Self::NewColumn => "new-column",
            Self::MissingColumn => "missing-column",
            Self::MovedColumn => "moved-column",
            Self::OtherDelimiter => "other-delimiter",
            Self::OtherQuote => "other-quote",
            Self::OtherEncoding => "other-encoding",
            Self::ByteOrderMark => "byte-order-mark",
            Self::OtherLineEnding => "other-line-ending",
            Self::OtherCompression => "other-compression",
            Self::UnusualSize => "unusual-size",
            Self::DatesFarAway => "dates-far-away",
            Self::MissingDays => "missing-days",
            Self::SeveralFiles => "several-files",
            Self::SameContent => "same-content",
            Self::Rejects => "rejects",
            Self::OtherType => "other-type",
            Self::OtherDateFormat => "other-date-format",
            Self::EncodedTwice => "encoded-twice",
            Self::OtherValues => "other-values",
        }
    }

    /// What it means, for the help.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::NewColumn => {
                "A column that the SQL does not read, and that is in neither optional_columns nor ignored_columns"
            }
            Self::MissingColumn => {
                "A column that the SQL reads and a file lacks, unless it is optional"
            }
            Self::MovedColumn => {
                "Columns in another order than in most files of these days and the week around them"
            }
            Self::OtherDelimiter => "Another delimiter than in most files",
            Self::OtherQuote => "Another quote around fields than in most files",
            Self::OtherEncoding => "Another encoding than in most files",
            Self::ByteOrderMark => {
                "A byte order mark if most files have none, or the other way round"
            }
            Self::OtherLineEnding => "Other line endings than in most files",
            Self::OtherCompression => "Another compression than most files have",
            Self::UnusualSize => "Three times as many bytes or rows as usual, or a third of them",
            Self::DatesFarAway => {
                "Dates in a file that are further from its file date than in other files"
            }
            Self::MissingDays => "No file on a day that should have one",
            Self::SeveralFiles => "Several files for a day",
            Self::SameContent => "The same content as an earlier file (reads all records)",
            Self::Rejects => "Records that cannot be read, however few (reads all records)",
            Self::OtherType => "Values of another type than in the reference (reads all records)",
            Self::OtherDateFormat => {
                "Dates in another format, such as another order of day and month (reads all records)"
            }
            Self::EncodedTwice => {
                "Text that was encoded twice, such as KÃ¶ln for Köln (reads all records)"
            }
            Self::OtherValues => {
                "New values, missing values, shifted distributions (reads all records)"
            }
        }
    }

    /// Whether it can be seen only by reading all records.
    pub fn needs_records(self) -> bool {
        matches!(
            self,
            Self::SameContent
                | Self::Rejects
                | Self::OtherType
                | Self::OtherDateFormat
                | Self::EncodedTwice
                | Self::OtherValues
        )
    }

    /// Whether it can be seen only in the values of the records.
    pub fn needs_values(self) -> bool {
        self.needs_records() && self != Self::Rejects
    }

    /// Whether files around the range are needed to see it.
    pub fn needs_files_around(self) -> bool {
        self.is_of_most() || self == Self::DatesFarAway || self.needs_values()
    }

    /// Whether it is a difference from how most files are written.
    fn is_of_most(self) -> bool {
        matches!(
            self,
            Self::MovedColumn
                | Self::OtherDelimiter
                | Self::OtherQuote
                | Self::OtherEncoding
                | Self::ByteOrderMark
                | Self::OtherLineEnding
                | Self::OtherCompression
        )
    }
}

impl fmt::Display for DriftKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for DriftKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The name that stands for every kind.
pub const ANY_DRIFT: &str = "any";

/// A name that is not that of a kind of drift.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the kinds of drift are {} and any", DriftKind::ALL.map(DriftKind::name).join(", "))]
pub struct UnknownDriftKind;

impl FromStr for DriftKind {
    type Err = UnknownDriftKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or(UnknownDriftKind)
    }
}

/// Some kinds of drift.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DriftKinds(BTreeSet<DriftKind>);

impl DriftKinds {
    /// Every kind.
    pub fn all() -> Self {
        Self(DriftKind::ALL.into())
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it holds a kind.
    pub fn contains(&self, kind: DriftKind) -> bool {
        self.0.contains(&kind)
    }

    /// Whether `is_so` is true for one of its kinds.
    pub fn any(&self, is_so: fn(DriftKind) -> bool) -> bool {
        self.0.iter().any(|kind| is_so(*kind))
    }
}

impl FromIterator<DriftKind> for DriftKinds {
    fn from_iter<I: IntoIterator<Item = DriftKind>>(kinds: I) -> Self {
        Self(kinds.into_iter().collect())
    }
}

impl fmt::Display for DriftKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|kind| kind.name()).collect();
        f.write_str(&names.join(", "))
    }
}

impl<'de> Deserialize<'de> for DriftKinds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = deserializer.deserialize_seq(Names)?;
        if names.iter().any(|name| name == ANY_DRIFT) {
            return Ok(Self::all());
        }
        names.iter().map(|name| name.parse().map_err(de::Error::custom)).collect()
    }
}

/// Reads a list of names; its errors show how the list is written.
struct Names;

impl<'de> Visitor<'de> for Names {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a list of kinds of drift, such as [\"{}\"] or [\"{ANY_DRIFT}\"]",
            DriftKind::NewColumn
        )
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Self::Value, A::Error> {
        let mut read = Vec::new();
        while let Some(name) = names.next_element()? {
            read.push(name);
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<DriftKinds, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn every_kind_is_known_by_its_name() {
        for kind in DriftKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            assert!(!kind.meaning().is_empty());
        }
        assert_eq!(DriftKinds::all().0.len(), DriftKind::ALL.len(), "none is there twice");
        assert!("new column".parse::<DriftKind>().is_err());
    }

    #[test]
    fn kinds_are_written_as_a_list() {
        let kinds = read("[\"rejects\", \"new-column\"]").expect("two kinds");
        assert_eq!(kinds.to_string(), "new-column, rejects");
        assert!(kinds.any(DriftKind::needs_records) && !kinds.any(DriftKind::needs_values));
        let same = read("[\"same-content\", \"rejects\"]").expect("two kinds");
        assert!(same.any(DriftKind::needs_values), "it is compared by itself");
        assert_eq!(read("[\"any\"]").expect("every kind"), DriftKinds::all());
        let error = read("[\"type\"]").expect_err("not a kind").to_string();
        assert!(error.contains("new-column") && !error.contains("\"type\""), "{error}");
    }
}

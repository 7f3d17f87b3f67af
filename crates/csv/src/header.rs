//! A **header** gives every column of a file its name. Columns are found by name only.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::reject::Reason;

/// The columns that the mirror adds to a file's own.
pub const PROVENANCE: [&str; 3] = ["_file_name", "_row_id", "_line"];

/// The names of a file's columns, in the file's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// One name per column.
    pub names: Vec<String>,
    /// The names as the file writes them, before aliases and suffixes.
    pub written: Vec<String>,
    /// Whether the header ends in a delimiter, so that rows may too.
    pub trailing_delimiter: bool,
    /// How many lines of the file it takes: 0 if its names are given.
    pub lines: usize,
}

/// What is done with a column that has no name, or the name of another column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnusableNames {
    /// The file is refused.
    #[default]
    Refuse,
    /// A blank name becomes `column_7` by its position; the second `city` becomes `city_2`.
    Suffix,
}

/// What a delimiter at the end of a header means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LastDelimiter {
    /// It ends the line: records may have one, too.
    End,
    /// It separates the last two columns; the last one has no name.
    Between,
}

/// Why the header of a file gives no usable names; the file is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHeader {
    /// The file has no record at all.
    #[error(
        "the file has no header: it holds nothing but blank lines, comments and lines that are skipped"
    )]
    Missing,
    /// The header's quotes are not balanced, or it is not text.
    #[error("the header cannot be read: {0}")]
    Unreadable(Reason),
    /// The header is longer than a field may be.
    #[error("the first line is not a header: it does not end within {} MiB", super::MAX_FIELD_BYTES >> 20)]
    Endless,
    /// More columns than a file may have.
    #[error("the header has more than {} columns", super::MAX_COLUMNS)]
    TooManyColumns,
    /// A column has no name.
    #[error("column {position} of the header has no name")]
    BlankName {
        /// Counted from 1.
        position: usize,
    },
    /// Two columns have the same name.
    #[error("columns {first} and {second} of the header are both named `{name}`")]
    DuplicateName {
        /// The name.
        name: String,
        /// Position of the first, counted from 1.
        first: usize,
        /// Position of the second.
        second: usize,
    },
    /// Two columns have names that stand for the same column.
    #[error("columns {first} and {second} of the header are both names of `{name}`")]
    AmbiguousAlias {
        /// The column's own name.
        name: String,
        /// Position of the first, counted from 1.
        first: usize,
        /// Position of the second.
        second: usize,
    },
    /// The delimiter is not given, and the header and the first records do not decide.
    #[error(
        "the delimiter is not certain: several of `,`, `;`, tab and `|` split the header and the first \
         records into the same number of fields each, or none does"
    )]
    UncertainDelimiter,
    /// The first line names one delimiter, and the configuration another.
    #[error(
        "the first line says that `{named}` stands between fields (sep=), and csv.delimiter is `{given}`"
    )]
    OtherDelimiter {
        /// The delimiter that the file names.
        named: char,
        /// The delimiter of the dialect.
        given: char,
    },
    /// The first line says that several characters stand between fields.
    #[error(
        "the first line says that several characters stand between fields (sep=): a delimiter must be one character"
    )]
    SeveralSeparators,
    /// No line is the header that the dialect describes.
    #[error(
        "no line among the first 1000 is the header that csv.header_names or csv.header_pattern describes"
    )]
    NotFound,
    /// A column has the name of a column that the mirror or the table adds.
    #[error("column {position} of the header is named `{name}`, which is reserved")]
    ReservedName {
        /// The name.
        name: String,
        /// Counted from 1.
        position: usize,
    },
    /// The file starts like HTML, XML or JSON.
    #[error("the file is not CSV: it starts like {what}")]
    NotCsv {
        /// What it seems to be.
        what: &'static str,
    },
    /// The file's first bytes are those of another format.
    #[error("this is {what}, not a CSV file")]
    OtherFormat {
        /// What it is.
        what: &'static str,
    },
    /// A name holds a control character.
    #[error(
        "column {position} of the header holds a NUL or another control character: this is not a CSV file, or \
         it is damaged"
    )]
    ControlCharacter {
        /// Counted from 1.
        position: usize,
    },
    /// A column has a number, a date or an e-mail address instead of a name.
    #[error(
        "the first line is not a header: column {position} holds a number, a date or an e-mail address, not a name"
    )]
    LooksLikeData {
        /// Counted from 1.
        position: usize,
    },
}

impl Header {
    /// The columns that have another name in the file: the file's name, and ours.
    pub(crate) fn renamed(&self) -> Vec<(String, String)> {
        let pairs = self.written.iter().zip(&self.names).filter(|(written, name)| written != name);
        pairs.map(|(written, name)| (written.clone(), name.clone())).collect()
    }

    /// Takes the fields of the first record as names. `aliases` maps the name of a column to its other names, and
    /// `last` says what a delimiter at the end of the header means.
    ///
    /// # Errors
    /// [`InvalidHeader`], with positions and names, if the names are not usable.
    pub(crate) fn new(
        mut written: Vec<String>,
        unusable_names: UnusableNames,
        aliases: &BTreeMap<String, Vec<String>>,
        last: LastDelimiter,
    ) -> Result<Self, InvalidHeader> {
        let ends_empty = written.len() > 1 && written.last().is_some_and(String::is_empty);
        let trailing_delimiter = ends_empty && last == LastDelimiter::End;
        if trailing_delimiter {
            written.pop();
        }
        let mut names = written.clone();
        if unusable_names == UnusableNames::Suffix {
            suffix(&mut names);
        }
        for (name, others) in aliases {
            rename(&mut names, name, others)?;
        }
        check(&names)?;
        Ok(Self { names, written, trailing_delimiter, lines: 0 })
    }

    /// Removes the blanks around the names by which the header was found. A name that another column already has stays
    /// as it is.
    #[must_use]
    pub(crate) fn with_trimmed(mut self, wanted: &[String]) -> Self {
        for place in 0..self.names.len() {
            let trimmed = self.names[place].trim();
            let is_wanted = wanted.iter().any(|name| fold(name) == fold(trimmed));
            if is_wanted && !self.names.iter().any(|name| name == trimmed) {
                self.names[place] = trimmed.to_owned();
            }
        }
        self
    }

    /// Takes names that are given, for a file without a header.
    ///
    /// # Errors
    /// [`InvalidHeader`], with positions and names, if the names are not usable.
    pub(crate) fn given(names: Vec<String>) -> Result<Self, InvalidHeader> {
        if names.is_empty() {
            return Err(InvalidHeader::Missing);
        }
        check(&names)?;
        Ok(Self { written: names.clone(), names, trailing_delimiter: false, lines: 0 })
    }
}

/// A name in the form in which names are compared when a header is searched: without blanks around it, in lower case,
/// and with doubled quotes undone.
pub(crate) fn fold(name: &str) -> String {
    name.trim().replace("\"\"", "\"").to_lowercase()
}

/// Makes every name unique.
fn suffix(names: &mut [String]) {
    for (index, name) in names.iter_mut().enumerate() {
        if name.trim().is_empty() {
            *name = format!("column_{}", index + 1);
        }
    }
    // A column whose name occurs once keeps it, even if a suffix would give it to another column.
    let mut taken: HashSet<String> = names.iter().cloned().collect();
    let mut last: HashMap<String, usize> = HashMap::new();
    for name in names.iter_mut() {
        let Some(number) = last.get_mut(name) else {
            last.insert(name.clone(), 1);
            continue;
        };
        let mut suffixed = name.clone();
        while taken.contains(&suffixed) {
            *number += 1;
            suffixed = format!("{name}_{number}");
        }
        taken.insert(suffixed.clone());
        *name = suffixed;
    }
}

/// Renames the column that has one of the other names of `name`.
fn rename(names: &mut [String], name: &String, others: &[String]) -> Result<(), InvalidHeader> {
    if names.contains(name) {
        return Ok(());
    }
    let mut found = names.iter_mut().enumerate().filter(|(_, written)| others.contains(written));
    let (Some((first, written)), second) = (found.next(), found.next()) else { return Ok(()) };
    if let Some((second, _)) = second {
        let name = name.clone();
        return Err(InvalidHeader::AmbiguousAlias { name, first: first + 1, second: second + 1 });
    }
    written.clone_from(name);
    Ok(())
}

fn check(names: &[String]) -> Result<(), InvalidHeader> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (index, name) in names.iter().enumerate() {
        let position = index + 1;
        if name.trim().is_empty() {
            return Err(InvalidHeader::BlankName { position });
        }
        if PROVENANCE.contains(&name.as_str()) || name == "_file_date" {
            return Err(InvalidHeader::ReservedName { name: name.clone(), position });
        }
        if looks_like_data(name) {
            return Err(InvalidHeader::LooksLikeData { position });
        }
        if let Some(first) = seen.insert(name, position) {
            let name = name.clone();
            return Err(InvalidHeader::DuplicateName { name, first, second: position });
        }
    }
    Ok(())
}

/// Whether a name is a number, a date or an e-mail address, so that the header seems to be data.
pub(crate) fn looks_like_data(name: &str) -> bool {
    let name = name.trim();
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let is_number = digits > 0 && name.parse::<f64>().is_ok();
    let has_parts = name.bytes().all(|b| b.is_ascii_digit() || b"-/.".contains(&b));
    let is_date = digits >= 6 && name.len() <= 10 && has_parts;
    is_number || is_date || is_address(name)
}

/// Whether a name is an e-mail address.
fn is_address(name: &str) -> bool {
    let Some((user, domain)) = name.split_once('@') else { return false };
    let Some((host, end)) = domain.rsplit_once('.') else { return false };
    is_address_part(user) && is_address_part(domain) && is_address_part(host) && end.len() > 1
}

/// Whether a text may be a part of an e-mail address.
fn is_address_part(text: &str) -> bool {
    !text.is_empty() && !text.contains([' ', '@'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(names: &[&str]) -> Result<Header, InvalidHeader> {
        Header::new(texts(names), UnusableNames::Refuse, &BTreeMap::new(), LastDelimiter::End)
    }

    fn suffixed(written: &[String], last: LastDelimiter) -> Header {
        Header::new(written.to_vec(), UnusableNames::Suffix, &BTreeMap::new(), last)
            .expect("a header")
    }

    /// The names of a header, if `Order ID` and `no` are other names of `id`.
    fn aliased(written: &[&str]) -> Result<Vec<String>, InvalidHeader> {
        let aliases = BTreeMap::from([("id".to_owned(), texts(&["Order ID", "no"]))]);
        Header::new(texts(written), UnusableNames::Refuse, &aliases, LastDelimiter::End)
            .map(|header| header.names)
    }

    fn texts(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_trailing_delimiter_is_not_a_column() {
        let header = header(&["a", "b", ""]).expect("a header");
        assert_eq!((header.names.len(), header.trailing_delimiter), (2, true));
    }

    #[test]
    fn unusable_names_are_refused_with_their_positions() {
        assert_eq!(header(&["a", " ", "b"]), Err(InvalidHeader::BlankName { position: 2 }));
        assert_eq!(
            header(&["a", "b", "a"]),
            Err(InvalidHeader::DuplicateName { name: "a".into(), first: 1, second: 3 })
        );
        assert!(matches!(header(&["_row_id"]), Err(InvalidHeader::ReservedName { .. })));
        assert!(matches!(header(&["12.50", "x"]), Err(InvalidHeader::LooksLikeData { .. })));
        assert!(matches!(header(&["x", "12/18/2025"]), Err(InvalidHeader::LooksLikeData { .. })));
    }

    #[test]
    fn names_with_digits_and_spaces_are_names() {
        assert!(header(&["c1", "Click ID", "24h", "2024 total", "Infinity pool"]).is_ok());
    }

    #[test]
    fn a_name_by_which_the_header_is_found_has_no_blanks_around() {
        let header = header(&[" name", "id ", " city", "x ", "x"]).expect("a header");
        let header = header.with_trimmed(&texts(&["Name", "id", "x"]));
        assert_eq!(header.names, ["name", "id", " city", "x ", "x"]);
        assert_eq!(header.written, [" name", "id ", " city", "x ", "x"]);
    }

    #[test]
    fn names_get_a_suffix_if_the_dialect_says_so() {
        let written = texts(&["a", "", "a", "a_2", "a", ""]);
        let ended = suffixed(&written, LastDelimiter::End);
        assert_eq!(ended.names, ["a", "column_2", "a_3", "a_2", "a_4"]);
        assert_eq!(ended.written, ["a", "", "a", "a_2", "a"]);
        let divided = suffixed(&written, LastDelimiter::Between);
        assert_eq!(divided.names, ["a", "column_2", "a_3", "a_2", "a_4", "column_6"]);
        assert!(!divided.trailing_delimiter);
    }

    #[test]
    fn a_column_is_found_by_its_own_name_and_then_by_another() {
        assert_eq!(aliased(&["x", "no"]).expect("a header"), ["x", "id"]);
        assert_eq!(aliased(&["no", "id"]).expect("a header"), ["no", "id"]);
        assert_eq!(
            aliased(&["no", "x", "Order ID"]),
            Err(InvalidHeader::AmbiguousAlias { name: "id".into(), first: 1, second: 3 })
        );
    }
}

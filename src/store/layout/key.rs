//! A **key** of staging, parsed: it says what an object is. An object that is not where [`layout`](super) would
//! put it is not ours.

use std::fmt;

use serde::Serialize;

use crate::domain::{FILE_DATE, FileDate};

/// The number of hexadecimal digits of the hash in a name.
const HASH_DIGITS: usize = 16;

/// What an object of staging is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A source file in columnar form.
    Mirrors,
    /// Records of a source file that could not be read.
    Rejects,
    /// What the values of a source file are like.
    Profiles,
    /// Rows to load, or a manifest.
    Staged,
    /// What a run found: bad rows, the accounting.
    Runs,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Mirrors, Self::Rejects, Self::Profiles, Self::Staged, Self::Runs];

    /// Returns the folder that holds all objects of the kind.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Mirrors => "mirror",
            Self::Rejects => "rejects",
            Self::Profiles => "profiles",
            Self::Staged => "staged",
            Self::Runs => "runs",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mirrors => "mirrors",
            other => other.folder(),
        })
    }
}

/// A key of staging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// What the object is.
    pub kind: Kind,
    /// The dataset that it belongs to.
    pub dataset: String,
    /// The file date, if it belongs to a source file.
    pub date: Option<FileDate>,
    /// The last part, without its extension.
    pub name: String,
    /// Whether it was left by a killed write.
    pub is_leftover: bool,
}

impl Key {
    /// Reads a key; `None` if it is not one of ours.
    pub fn read(key: &str) -> Option<Self> {
        let folders: Vec<&str> = key.split('/').collect();
        let (file, is_leftover) = without_upload(folders.last()?);
        let kind = Kind::ALL.into_iter().find(|kind| kind.folder() == folders[0])?;
        let parts = Parts::read(kind, &folders[1..], file)?;
        let date = match parts.date {
            Some(folder) => Some(date_of(folder)?),
            None => None,
        };
        is_dataset(parts.dataset).then(|| Self {
            kind,
            dataset: parts.dataset.to_owned(),
            date,
            name: parts.name.to_owned(),
            is_leftover,
        })
    }

    /// Returns the name of the source file's key, without its extensions and the hash.
    pub fn stem(&self) -> &str {
        self.name.rsplit_once('-').map_or(self.name.as_str(), |(stem, _)| stem)
    }
}

/// The parts of a key.
struct Parts<'a> {
    dataset: &'a str,
    date: Option<&'a str>,
    name: &'a str,
}

impl<'a> Parts<'a> {
    /// Splits a key of a kind, given as the folders below that of the kind and the name of the file.
    fn read(kind: Kind, folders: &[&'a str], file: &'a str) -> Option<Self> {
        let (dataset, date, name) = match (kind, folders) {
            (Kind::Mirrors | Kind::Rejects, [dataset, date, _]) => {
                (dataset, Some(*date), hashed(file, ".parquet")?)
            }
            (Kind::Profiles, [dataset, date, _]) => (dataset, Some(*date), hashed(file, ".json")?),
            (Kind::Staged, [dataset, area, date, _]) if is_hash(area) => {
                (dataset, Some(*date), hashed(file, ".parquet")?)
            }
            (Kind::Staged, [dataset, area, _]) if is_hash(area) && file.starts_with("manifest") => {
                (dataset, None, file.strip_suffix(".json")?)
            }
            (Kind::Runs, [run, dataset, _]) if is_run(run) && file == "accounting.json" => {
                (dataset, None, "accounting")
            }
            (Kind::Runs, [run, dataset, "checks", _]) if is_run(run) => {
                (dataset, None, file.strip_suffix(".parquet")?)
            }
            _ => return None,
        };
        Some(Self { dataset, date, name })
    }
}

/// Splits a file name from the number that a store of this machine appends while it writes; the flag says whether
/// there is one.
fn without_upload(name: &str) -> (&str, bool) {
    match name.rsplit_once('#') {
        Some((name, number)) if is_made_of(number, |byte| byte.is_ascii_digit()) => (name, true),
        _ => (name, false),
    }
}

/// Returns a name that ends with a hash, without its extension.
fn hashed<'a>(name: &'a str, ending: &str) -> Option<&'a str> {
    let name = name.strip_suffix(ending)?;
    let (_, hash) = name.rsplit_once('-')?;
    is_hash(hash).then_some(name)
}

fn date_of(folder: &str) -> Option<FileDate> {
    folder.strip_prefix(FILE_DATE)?.strip_prefix('=')?.parse().ok()
}

fn is_hash(text: &str) -> bool {
    text.len() == HASH_DIGITS && is_made_of(text, |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a name is that of a run: a time, a hyphen and hexadecimal digits.
fn is_run(text: &str) -> bool {
    let Some((time, process)) = text.split_once('-') else { return false };
    time.len() == "20251218T093000123".len()
        && is_made_of(time, |byte| byte.is_ascii_digit() || byte == b'T')
        && is_made_of(process, |byte| byte.is_ascii_hexdigit())
}

fn is_dataset(text: &str) -> bool {
    is_made_of(text, |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

fn is_made_of(text: &str, is_part: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::super as layout;
    use super::*;

    const HASH: &str = "0123456789abcdef";
    const RUN: &str = "20251218T093000123-0abc";

    #[test]
    fn every_key_that_the_layout_builds_is_read() {
        let day: FileDate = "2025-09-22".parse().expect("a day");
        let name = format!("report-1-{HASH}");
        let cases = [
            (layout::mirror("people", day, &name), Kind::Mirrors, Some(day)),
            (layout::rejects_of("people", day, &name), Kind::Rejects, Some(day)),
            (layout::profile("people", day, &name), Kind::Profiles, Some(day)),
            (
                layout::staged_file("people", HASH, day, &format!("{name}.parquet")),
                Kind::Staged,
                Some(day),
            ),
            (layout::batch_manifest("people", HASH, (day, day)), Kind::Staged, None),
            (layout::manifest("people", HASH), Kind::Staged, None),
            (layout::bad_rows(RUN, "people", "no-id"), Kind::Runs, None),
            (layout::accounting(RUN, "people"), Kind::Runs, None),
        ];
        for (key, kind, date) in cases {
            for (written, is_leftover) in [(key.clone(), false), (format!("{key}#12"), true)] {
                let read = Key::read(&written).unwrap_or_else(|| panic!("{written}"));
                assert_eq!((read.kind, read.date), (kind, date), "{written}");
                assert_eq!((read.dataset.as_str(), read.is_leftover), ("people", is_leftover));
            }
        }
        let mirror = layout::mirror("people", day, &name);
        assert_eq!(Key::read(&mirror).expect("ours").stem(), "report-1");
    }

    #[test]
    fn objects_in_other_places_are_not_ours() {
        for key in [
            "",
            "mirror",
            "mirror/notes.txt",
            "mirror/people/notes.txt",
            "mirror/people/_file_date=2025-09-22/notes.parquet",
            "mirror/people/_file_date=2025-02-30/x-0123456789abcdef.parquet",
            "mirror/people/2025-09-22/x-0123456789abcdef.parquet",
            "mirror/people/_file_date=2025-09-22/x-0123456789abcdef.csv",
            "mirror/people/_file_date=2025-09-22/deep/x-0123456789abcdef.parquet",
            "mirror/Peo ple/_file_date=2025-09-22/x-0123456789abcdef.parquet",
            "mirrors/people/_file_date=2025-09-22/x-0123456789abcdef.parquet",
            "staged/people/notes/manifest.json",
            "staged/people/0123456789abcdef/notes.json",
            "runs/mine/people/accounting.json",
            "runs/20251218T093000123-0abc/people/notes.json",
            "people/report_2025-09-22.csv",
        ] {
            assert_eq!(Key::read(key), None, "{key}");
        }
    }
}

//! **Data keys** are the keys of exports, recognised by how they end. Beside `x.csv` there may be others, such as
//! `x.csv.metadata`, `x.csv.md5` or a manifest, and a pattern that is guessed from all keys would match them too.

use std::collections::BTreeMap;

use super::pattern::{Undecided, guess};
use crate::domain::{KeyMatch, KeyPattern};

/// How the names of files with rows end, in lower case.
const DATA: [&str; 9] = ["csv", "tsv", "txt", "psv", "tab", "dat", "data", "asc", "out"];
/// How the names of compressed files end.
const COMPRESSED: [&str; 6] = ["gz", "gzip", "zst", "zstd", "bz2", "bzip2"];
/// How the names of other files beside exports end.
const BESIDE: &str = "metadata meta crc md5 sha1 sha256 sha512 sig sum json yaml yml xml html htm pdf log ok \
    done ctl ready success lock tmp part zip xlsx xls parquet avro orc sql manifest schema idx ods rar 7z tar tgz";

/// How archives and spreadsheets end, which are not read.
const ARCHIVES: [&str; 8] = ["zip", "7z", "rar", "tar", "tgz", "xlsx", "xls", "ods"];

/// The key patterns of a dataset, and what makes them doubtful.
#[derive(Clone, Debug, Default)]
pub struct Keyed {
    /// The patterns; none if no key has a date.
    pub patterns: Vec<KeyPattern>,
    /// Reasons against them, or for other patterns.
    pub doubts: Vec<String>,
}

/// The patterns that find the dates in the keys of exports; none if no key has a date.
///
/// # Errors
/// [`Undecided`].
pub fn patterns(keys: &[&str]) -> Result<Keyed, Undecided> {
    let (data, others) = sorted_out(keys);
    let Some(guessed) = guess(&data)? else { return Ok(Keyed::default()) };
    if !reads_any(&guessed.pattern, &others) {
        return Ok(Keyed { patterns: vec![guessed.pattern], doubts: guessed.doubts });
    }
    let mut by_ending: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for key in data {
        by_ending.entry(ending(key)).or_default().push(key);
    }
    let mut keyed = Keyed::default();
    for keys in by_ending.values() {
        let Some(guessed) = guess(keys)? else { continue };
        // A pattern that still matches other files is worse than none.
        if !reads_any(&guessed.pattern, &others) {
            keyed.patterns.push(guessed.pattern);
            for doubt in guessed.doubts {
                if !keyed.doubts.contains(&doubt) {
                    keyed.doubts.push(doubt);
                }
            }
        }
    }
    Ok(keyed)
}

/// The keys of archives and spreadsheets.
pub fn archives<'a>(keys: &[&'a str]) -> Vec<&'a str> {
    keys.iter().copied().filter(|key| is_archive(key)).collect()
}

fn is_archive(key: &str) -> bool {
    let (last, compression) = parts(key);
    let is_tar = compression.is_some() && last.as_deref() == Some("tar");
    key.contains('.') && (is_tar || last.is_some_and(|last| ARCHIVES.contains(&last.as_str())))
}

fn reads_any(pattern: &KeyPattern, keys: &[&str]) -> bool {
    keys.iter().any(|key| !matches!(pattern.read(key), KeyMatch::Other))
}

/// Splits keys into those that end as exports do, and the others. If none ends so, the first are all keys but those
/// that end as files beside exports do.
fn sorted_out<'a>(keys: &[&'a str]) -> (Vec<&'a str>, Vec<&'a str>) {
    let (data, others): (Vec<&str>, Vec<&str>) = keys.iter().copied().partition(|key| is_data(key));
    match data.is_empty() {
        true => keys.iter().copied().partition(|key| !is_beside(key)),
        false => (data, others),
    }
}

/// The ending of a key's name in lower case, without that of a compression, which comes second.
fn parts(key: &str) -> (Option<String>, Option<String>) {
    let name = key.rsplit('/').next().unwrap_or(key).to_lowercase();
    let mut parts = name.rsplit('.').map(str::to_owned);
    let last = parts.next();
    match last {
        Some(last) if COMPRESSED.contains(&last.as_str()) => (parts.next(), Some(last)),
        last => (last, None),
    }
}

fn is_data(key: &str) -> bool {
    let (last, _) = parts(key);
    key.contains('.') && last.is_some_and(|last| DATA.contains(&last.as_str()))
}

fn is_beside(key: &str) -> bool {
    let (last, _) = parts(key);
    key.contains('.') && last.is_some_and(|last| BESIDE.split(' ').any(|other| other == last))
}

/// How the name of a file with rows ends, as it is written.
fn ending(key: &str) -> String {
    let (last, compression) = parts(key);
    let length = [last, compression].iter().flatten().map(|part| part.len() + 1).sum::<usize>();
    key.get(key.len().saturating_sub(length)..).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(keys: &[&str]) -> Vec<String> {
        patterns(keys).expect("decided").patterns.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_lies_beside_exports_is_left_out() {
        for beside in ["metadata", "crc", "md5", "sha256", "ok"] {
            let keys: Vec<String> = (1..=3)
                .flat_map(|day| {
                    let key = format!("2025-03-0{day}.csv");
                    [key.clone(), format!("{key}.{beside}")]
                })
                .collect();
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            assert_eq!(guessed(&keys), ["{date:%Y-%m-%d}.csv"], "{beside}");
        }
        assert_eq!(
            guessed(&["2025-03-01.csv", "2025-03-02.csv.gz", "2025-03-02.csv.gz.md5"]),
            ["{date:%Y-%m-%d}.csv", "{date:%Y-%m-%d}.csv.gz"]
        );
        assert_eq!(
            guessed(&["a_2025-03-01", "a_2025-03-02", "a_2025-03-02.md5"]),
            ["a_{date:%Y-%m-%d}"]
        );
        assert_eq!(
            guessed(&["o-20251201.csv.gz", "o-20251202.csv.gz"]),
            ["o-{date:%Y%m%d}.csv.gz"]
        );
        assert_eq!(guessed(&["_SUCCESS", "x.csv"]), [""; 0]);
    }
}

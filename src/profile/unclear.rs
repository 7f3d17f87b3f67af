//! A day is **unclear** if its month could be its day: `01/02/2025`. Most unclear days can be settled by the other
//! values of the column, the file date, or the files of neighbouring days.

use std::collections::{BTreeMap, HashMap};

use super::FileProfile;
use crate::domain::FileDate;
use crate::values::{Kind, day};

/// How many days from the file date count as near to it. The smaller distance is tried first, because the two
/// readings of a day can be a month apart.
const NEAR: [i64; 2] = [3, 31];
/// A reading is taken if it is near to the file date more than this many times as often as the other one.
const TIMES: u64 = 9;

/// Rows per kind.
type Kinds = BTreeMap<Kind, u64>;

/// One of the two readings of an unclear day, in the order of [`Kind::Unclear`].
#[derive(Clone, Copy)]
enum Reading {
    One,
    Other,
}

/// How many unclear days of a column are near to the file date, in either reading.
pub(super) struct Nearness {
    date: FileDate,
    one: [u64; 2],
    other: [u64; 2],
}

impl Nearness {
    /// Starts with a file date.
    pub(super) fn to(date: FileDate) -> Self {
        Self { date, one: [0; 2], other: [0; 2] }
    }

    /// Takes a value that occurs in this many rows, if it is an unclear day.
    pub(super) fn add(&mut self, kind: &Kind, value: &str, rows: u64) {
        let Kind::Unclear(..) = kind else { return };
        let Some(day::Written { day, other: Some((other, _)), .. }) = day::written(value) else {
            return;
        };
        let distances = [day, other].map(|day| (day - self.date.0).num_days().abs());
        for (place, near) in NEAR.into_iter().enumerate() {
            let [of_one, of_other] = distances;
            self.one[place] += if of_one <= near { rows } else { 0 };
            self.other[place] += if of_other <= near { rows } else { 0 };
        }
    }

    /// Settles the unclear days of a file's column by its clear days, or else by the reading in which most of them
    /// are near to the file date, if few are in the other reading.
    pub(super) fn settle(&self, kinds: &mut Kinds) {
        let clear = kinds.clone();
        settle_by(kinds, &clear);
        let Some(reading) = self.reading(rows_unclear(kinds)) else { return };
        replace_unclear(kinds, |one, other| match reading {
            Reading::One => Kind::Date(one),
            Reading::Other => Kind::Date(other),
        });
    }

    /// Chooses the reading by the file date, if one of them is clearly nearer.
    fn reading(&self, unclear: u64) -> Option<Reading> {
        self.one.into_iter().zip(self.other).find_map(|(one, other)| {
            if is_meant(one, other, unclear) {
                Some(Reading::One)
            } else if is_meant(other, one, unclear) {
                Some(Reading::Other)
            } else {
                None
            }
        })
    }
}

/// Whether a reading is meant that gives `near` days near to the file date, if the other one gives `other`.
fn is_meant(near: u64, other: u64, unclear: u64) -> bool {
    near * 2 > unclear && near > TIMES * other
}

/// Replaces each unclear kind by the one that is chosen from its two formats.
fn replace_unclear(kinds: &mut Kinds, choose: impl Fn(String, String) -> Kind) {
    for (kind, rows) in std::mem::take(kinds) {
        let settled = match kind {
            Kind::Unclear(one, other) => choose(one, other),
            kind => kind,
        };
        *kinds.entry(settled).or_default() += rows;
    }
}

/// Settles what is unclear in one file by the nearest of the other files in which the column's days are
/// clear. The profiles are in the order of their file dates.
pub fn settle(profiles: &mut [&mut FileProfile]) {
    let mut clear: HashMap<String, Vec<(usize, Kinds)>> = HashMap::new();
    let mut unclear = Vec::new();
    for (file, profile) in profiles.iter().enumerate() {
        for (place, column) in profile.columns.iter().enumerate() {
            if rows_unclear(&column.kinds) > 0 {
                unclear.push((file, place));
            } else if column.kinds.keys().any(Kind::is_date) {
                clear.entry(column.name.clone()).or_default().push((file, column.kinds.clone()));
            }
        }
    }
    for (file, place) in unclear {
        let column = &mut profiles[file].columns[place];
        let clear_files = clear.get(&column.name).map(Vec::as_slice).unwrap_or_default();
        let mut others: Vec<&(usize, Kinds)> = clear_files.iter().collect();
        others.sort_by_key(|(other, _)| other.abs_diff(file));
        for (_, nearest) in others {
            settle_by(&mut column.kinds, nearest);
        }
    }
}

/// Settles unclear days by the reading that is more frequent among the clear days, if there are any.
fn settle_by(kinds: &mut Kinds, clear: &Kinds) {
    replace_unclear(kinds, |one, other| match (dates_in(clear, &one), dates_in(clear, &other)) {
        (None, None) => Kind::Unclear(one, other),
        (of_one, of_other) if of_one >= of_other => Kind::Date(one),
        _ => Kind::Date(other),
    });
}

/// How many rows have a date in this format.
fn dates_in(kinds: &Kinds, format: &str) -> Option<u64> {
    kinds.get(&Kind::Date(format.to_owned())).copied()
}

fn rows_unclear(kinds: &Kinds) -> u64 {
    let unclear = kinds.iter().filter(|(kind, _)| matches!(kind, Kind::Unclear(..)));
    unclear.map(|(_, rows)| rows).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profile;

    fn file(kind: &str) -> FileProfile {
        let kinds = BTreeMap::from([(Kind::from(kind.to_owned()), 5)]);
        let column = Profile { name: "born".to_owned(), kinds, ..Profile::default() };
        FileProfile { rows: 5, columns: vec![column], digest: String::new() }
    }

    fn settled(kinds: &[&str]) -> Vec<String> {
        let mut files: Vec<FileProfile> = kinds.iter().map(|kind| file(kind)).collect();
        settle(&mut files.iter_mut().collect::<Vec<_>>());
        let kinds = files.iter().flat_map(|file| file.columns[0].kinds.keys());
        kinds.map(ToString::to_string).collect()
    }

    #[test]
    fn an_unclear_file_is_read_as_its_neighbour() {
        let (one, other) = ("date %m/%d/%Y", "date %d/%m/%Y");
        let unclear = "date %m/%d/%Y or %d/%m/%Y";
        assert_eq!(
            settled(&[unclear, other, unclear, unclear, one, unclear]),
            [other, other, other, one, one, one]
        );
        assert_eq!(settled(&[unclear, "integer"]), [unclear, "integer"]);
        assert_eq!(settled(&[unclear, "date %Y-%m-%d"]), [unclear, "date %Y-%m-%d"]);
    }

    #[test]
    fn of_two_readings_a_month_apart_the_one_near_the_file_date_is_taken() {
        assert_eq!(settled_by_march(4, "03/04/2025"), ["date %m/%d/%Y"]);
        assert_eq!(settled_by_march(4, "04/03/2025"), ["date %d/%m/%Y"]);
        assert_eq!(settled_by_march(20, "03/04/2025"), ["date %m/%d/%Y or %d/%m/%Y"]);
    }

    /// The kinds of a value in the file of a day of March.
    fn settled_by_march(day: u32, value: &str) -> Vec<String> {
        let date = chrono::NaiveDate::from_ymd_opt(2025, 3, day).expect("a day");
        let kind = Kind::of(value).0;
        let mut nearness = Nearness::to(FileDate(date));
        nearness.add(&kind, value, 2);
        let mut kinds = Kinds::from([(kind, 2)]);
        nearness.settle(&mut kinds);
        kinds.into_keys().map(|kind| kind.to_string()).collect()
    }
}

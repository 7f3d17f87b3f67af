//! A day is **unclear** where its month could be its day: `01/02/2025`. Most can be settled, by what
//! else is known: the other values of the column, the file date, the files of neighbouring days.

use std::collections::{BTreeMap, HashMap};

use super::FileProfile;
use crate::domain::FileDate;
use crate::values::{Kind, day};

/// Days from the file date within which a day is near to it; the first is asked first, because the two readings
/// of a day can lie a month apart.
const NEAR: [i64; 2] = [3, 31];
/// One reading is meant where it is near to the file date so many times as often as the other.
const TIMES: u64 = 9;

/// Rows a kind.
type Kinds = BTreeMap<Kind, u64>;

/// How many unclear days of a column are near to the file date, in the one reading and in the other.
pub struct Nearness {
    date: FileDate,
    one: [u64; 2],
    other: [u64; 2],
}

impl Nearness {
    /// To a file date.
    pub fn to(date: FileDate) -> Self {
        Self { date, one: [0; 2], other: [0; 2] }
    }

    /// Takes a value of so many rows, if it is an unclear day.
    pub fn add(&mut self, kind: &Kind, value: &str, rows: u64) {
        let Kind::Unclear(..) = kind else { return };
        let Some(day::Written { day, other: Some((other, _)), .. }) = day::written(value) else {
            return;
        };
        let distance = |day: chrono::NaiveDate| (day - self.date.0).num_days().abs();
        for (place, near) in NEAR.into_iter().enumerate() {
            self.one[place] += if distance(day) <= near { rows } else { 0 };
            self.other[place] += if distance(other) <= near { rows } else { 0 };
        }
    }

    /// Settles the unclear days of a file's column: by those that are clear, or else by the reading in
    /// which most are near to the file date and few are in the other.
    pub fn settle(&self, kinds: &mut Kinds) {
        let clear = kinds.clone();
        settle_by(kinds, &clear);
        let unclear: u64 = rows_unclear(kinds);
        let is_meant = |near: [u64; 2], not: [u64; 2], place: usize| {
            near[place] * 2 > unclear && near[place] > TIMES * not[place]
        };
        let chosen = (0..NEAR.len()).find_map(|place| {
            let is_one = is_meant(self.one, self.other, place);
            (is_one || is_meant(self.other, self.one, place)).then_some(is_one)
        });
        let choose: fn(&str, &str) -> String = match chosen {
            Some(true) => |one, _| one.to_owned(),
            Some(false) => |_, other| other.to_owned(),
            None => return,
        };
        let before = std::mem::take(kinds);
        for (kind, rows) in before {
            let kind = match kind {
                Kind::Unclear(one, other) => Kind::Date(choose(&one, &other)),
                kind => kind,
            };
            *kinds.entry(kind).or_default() += rows;
        }
    }
}

/// Settles what is unclear in one file by the nearest of the others in which the column's days are
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
        let others = clear.get(&column.name).map(Vec::as_slice).unwrap_or_default();
        let mut others: Vec<_> = others.iter().collect();
        others.sort_by_key(|(other, _)| other.abs_diff(file));
        for (_, nearest) in others {
            settle_by(&mut column.kinds, nearest);
        }
    }
}

/// Turns unclear days into days of the reading that is more frequent among clear ones, if any is.
fn settle_by(kinds: &mut Kinds, clear: &Kinds) {
    let count = |format: &String| clear.get(&Kind::Date(format.clone())).copied();
    let before = std::mem::take(kinds);
    for (kind, rows) in before {
        let kind = match kind {
            Kind::Unclear(one, other) => match (count(&one), count(&other)) {
                (None, None) => Kind::Unclear(one, other),
                (a, b) if a >= b => Kind::Date(one),
                _ => Kind::Date(other),
            },
            kind => kind,
        };
        *kinds.entry(kind).or_default() += rows;
    }
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
    fn of_two_readings_a_month_apart_the_one_of_the_file_date_is_meant() {
        let settled = |day: u32, value: &str| {
            let date = chrono::NaiveDate::from_ymd_opt(2025, 3, day).expect("a day");
            let kind = Kind::of(value).0;
            let mut nearness = Nearness::to(FileDate(date));
            nearness.add(&kind, value, 2);
            let mut kinds = Kinds::from([(kind, 2)]);
            nearness.settle(&mut kinds);
            kinds.into_keys().map(|kind| kind.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(settled(4, "03/04/2025"), ["date %m/%d/%Y"]);
        assert_eq!(settled(4, "04/03/2025"), ["date %d/%m/%Y"]);
        assert_eq!(settled(20, "03/04/2025"), ["date %m/%d/%Y or %d/%m/%Y"]);
    }
}

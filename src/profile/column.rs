//! One **column** of one file, while its values are collected for the profile.

use std::collections::BTreeMap;

use datasketches::hll::{HllSketch, HllType};
use datasketches::tdigest::TDigestMut;
use hashbrown::HashMap;

use super::unclear::Nearness;
use super::{FEW_SHAPES, FEW_VALUES, Profile, SHAPES, SHORT_VALUE};
use crate::domain::{FileDate, saturating};
use crate::values::{Kind, is_encoded_twice, is_null_like, shape};

/// How many different values are held before they are examined; each of them is then examined only once.
const HELD: usize = 4096;
/// The precision of the sketch of different values: 2^12 registers, a standard error of 1.6 %.
const REGISTERS: u8 = 12;
/// The precision of the quantiles.
const COMPRESSION: u16 = 200;

/// Collects the values of a column.
pub(super) struct Column {
    profile: Profile,
    keeps_values: bool,
    held: HashMap<String, u64>,
    /// The bytes of the held values.
    held_bytes: usize,
    /// The most bytes that may be held.
    budget: usize,
    /// Whether values hardly repeat, so that holding them saves nothing.
    is_diverse: bool,
    different: HllSketch,
    numbers: TDigestMut,
    values: Option<BTreeMap<String, u64>>,
    nearness: Nearness,
}

impl Column {
    /// Starts with the column `name` in the file of a day. No value of a personal column is kept. At most `budget`
    /// bytes are held before they are examined.
    pub(super) fn new(
        name: &str,
        is_personal: bool,
        date: FileDate,
        budget: usize,
    ) -> Result<Self, datasketches::error::Error> {
        Ok(Self {
            profile: Profile { name: name.to_owned(), ..Profile::default() },
            keeps_values: !is_personal,
            held: HashMap::new(),
            held_bytes: 0,
            budget,
            is_diverse: false,
            different: HllSketch::new(REGISTERS, HllType::Hll8)?,
            numbers: TDigestMut::new(COMPRESSION)?,
            values: (!is_personal).then(BTreeMap::new),
            nearness: Nearness::to(date),
        })
    }

    /// Takes the values of some rows; NULL counts as null-like.
    pub(super) fn add<'a>(&mut self, values: impl Iterator<Item = Option<&'a str>>) {
        let mut taken: u64 = 0;
        for value in values {
            taken += 1;
            match value {
                None => self.profile.null_like += 1,
                Some("") => self.profile.empty += 1,
                Some(value) if self.is_diverse => self.examine(value, 1),
                Some(value) => self.hold(value),
            }
        }
        if self.held.len() > HELD {
            self.is_diverse =
                self.held.len() as u64 * 2 > self.held.values().sum::<u64>().max(taken);
            self.examine_held();
        }
    }

    /// Holds a value, and examines all held values if they are too large.
    fn hold(&mut self, value: &str) {
        let count = self.held.entry_ref(value).or_insert(0);
        if *count == 0 {
            self.held_bytes += value.len();
        }
        *count += 1;
        if self.held_bytes > self.budget {
            self.examine_held();
        }
    }

    /// Returns the profile of all values.
    pub(super) fn finish(mut self) -> Result<Profile, datasketches::error::Error> {
        self.examine_held();
        let mut profile = self.profile;
        self.nearness.settle(&mut profile.kinds);
        profile.distinct = saturating::nearest(self.different.estimate());
        if self.keeps_values && !self.numbers.is_empty() {
            let ranks: Vec<f64> = (0..=100).map(|percent| f64::from(percent) / 100.0).collect();
            profile.percentiles = self.numbers.quantiles(&ranks)?.unwrap_or_default();
        }
        profile.values = self.values;
        if let Some(values) = &profile.values {
            // All values are known, so their number need not be estimated.
            profile.distinct = values.len() as u64;
        }
        Ok(profile)
    }

    fn examine_held(&mut self) {
        self.held_bytes = 0;
        let mut held: Vec<(String, u64)> = std::mem::take(&mut self.held).into_iter().collect();
        // The result of the sketches depends slightly on the order of the values.
        held.sort_unstable();
        for (value, rows) in held {
            self.examine(&value, rows);
        }
    }

    fn examine(&mut self, value: &str, rows: u64) {
        let profile = &mut self.profile;
        if is_null_like(value) {
            profile.null_like += rows;
            return;
        }
        let length = value.chars().count() as u64;
        profile.shortest = if profile.given == 0 { length } else { profile.shortest.min(length) };
        profile.longest = profile.longest.max(length);
        profile.given += rows;
        self.different.update(value);
        let (kind, number) = Kind::of(value);
        self.nearness.add(&kind, value, rows);
        *profile.kinds.entry(kind).or_default() += rows;
        let shape = shape::of(value);
        if is_encoded_twice(value) {
            profile.encoded_twice += rows;
            if profile.encoded_twice_shapes.len() < FEW_SHAPES {
                profile.encoded_twice_shapes.insert(shape.clone());
            }
        }
        if profile.shapes.len() < SHAPES || profile.shapes.contains_key(&shape) {
            *profile.shapes.entry(shape).or_default() += rows;
        } else {
            profile.other_shapes += rows;
        }
        if let Some(number) = number.filter(|_| self.keeps_values) {
            (0..rows).for_each(|_| self.numbers.update(number));
        }
        let Some(values) = &mut self.values else { return };
        if let Some(count) = values.get_mut(value) {
            *count += rows;
        } else if values.len() < FEW_VALUES && length <= SHORT_VALUE as u64 {
            values.insert(value.to_owned(), rows);
        } else {
            self.values = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day() -> FileDate {
        FileDate(chrono::NaiveDate::from_ymd_opt(2025, 10, 5).expect("a day"))
    }

    fn profile(values: &[&str], is_personal: bool) -> Profile {
        let mut column = Column::new("c", is_personal, day(), 1 << 20).expect("a column");
        column.add(values.iter().copied().map(Some));
        column.finish().expect("a profile")
    }

    #[test]
    fn values_are_counted_by_kind_and_shape() {
        let found = profile(&["95", "0.25", "", "NA", "95", "NEW"], false);
        assert_eq!((found.rows(), found.empty, found.null_like, found.given), (6, 1, 1, 4));
        assert_eq!((found.distinct, found.shortest, found.longest), (3, 2, 4));
        assert_eq!((found.of_kind(&Kind::Integer), found.numbers()), (2, 3));
        assert_eq!(found.shapes["99"], 2);
        assert_eq!((found.percentiles[0], found.percentiles[100]), (0.25, 95.0));
        assert_eq!(found.values.expect("few")["95"], 2);
    }

    #[test]
    fn days_of_two_readings_are_settled_by_the_others_and_by_the_file_date() {
        assert_eq!(kinds(&["01/02/1980", "31/01/1980"]), ["date %d/%m/%Y"]);
        assert_eq!(kinds(&["01/02/1980", "01/31/1980"]), ["date %m/%d/%Y"]);
        assert_eq!(kinds(&["05/10/2025", "04/10/2025", "03/01/2025"]), ["date %d/%m/%Y"]);
        assert_eq!(kinds(&["10/05/2025", "10/04/2025"]), ["date %m/%d/%Y"]);
        assert_eq!(kinds(&["01/02/1980", "03/04/1981"]), ["date %m/%d/%Y or %d/%m/%Y"]);
    }

    fn kinds(values: &[&str]) -> Vec<String> {
        profile(values, false).kinds.into_keys().map(|kind| kind.to_string()).collect()
    }

    #[test]
    fn only_the_shapes_of_texts_that_are_encoded_twice_are_kept() {
        let found = profile(&["KÃ¶ln", "Köln", "KÃ¶ln", "Bonn"], true);
        assert_eq!(found.encoded_twice, 2);
        assert_eq!(found.encoded_twice_shapes.iter().collect::<Vec<_>>(), ["AA?AA"]);
    }

    #[test]
    fn no_value_of_a_personal_column_is_kept() {
        let found = profile(&["4111", "ann@example.com"], true);
        assert_eq!((found.given, found.distinct), (2, 2));
        assert!(found.values.is_none() && found.percentiles.is_empty());
        let text = serde_json::to_string(&found).expect("JSON");
        assert!(!text.contains("ann") && !text.contains("4111"), "{text}");
    }

    #[test]
    fn many_values_are_sketched() {
        let values: Vec<String> = (0..20_000).map(|n| format!("1{n:05}")).collect();
        let mut column = Column::new("id", false, day(), 1 << 20).expect("a column");
        for part in values.chunks(1000) {
            column.add(part.iter().map(|value| Some(value.as_str())));
        }
        let found = column.finish().expect("a profile");
        assert!((19_000..21_000).contains(&found.distinct), "{}", found.distinct);
        assert!((found.percentiles[50] - 110_000.0).abs() < 200.0, "{}", found.percentiles[50]);
        assert_eq!((found.of_kind(&Kind::Integer), found.values), (20_000, None));
    }

    #[test]
    fn long_values_are_not_held() {
        let mut column = Column::new("c", false, day(), 1000).expect("a column");
        for number in 0..100 {
            let value = format!("{number:0400}");
            column.add([Some(value.as_str())].into_iter());
            assert!(column.held_bytes <= 1400 && column.held.len() <= 4);
        }
        let found = column.finish().expect("a profile");
        assert_eq!((found.given, found.longest), (100, 400));
    }
}

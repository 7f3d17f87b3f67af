//! A **doubt** says what is guessed about how the values of a column are read, or what is undecided, and why.

use std::collections::BTreeSet;

use super::numbers::Numbers;
use super::types::Written;
use crate::look::date_formats::{Contradiction, Precision};
use crate::printable::few;
use crate::profile::Profile;
use crate::values::{Kind, Mark};

/// At most this many values of a file are taken for those of rows that are not data: units, totals, a remark.
const ODD_VALUES: u64 = 3;

/// What is guessed about how a column is read, for people. `marked` are the columns that show the decimal mark which
/// the files have in common.
pub(super) fn doubt(
    written: &Written<'_>,
    reading: Option<&str>,
    marked: Option<&[&str]>,
) -> Option<String> {
    let found = written.found;
    // If the values are plain text, there is nothing to guess about dates and numbers.
    if reading.is_none() && !are_all(found, Kind::is_date) && !are_all(found, Kind::is_number) {
        return about_odd_values(found);
    }
    about_dates(written, reading)
        .or_else(|| about_precision(found, reading))
        .or_else(|| about_numbers(written, reading, marked))
}

fn are_all(found: &[&Profile], test: fn(&Kind) -> bool) -> bool {
    found.iter().all(|profile| profile.kinds.keys().all(test))
}

fn about_dates(written: &Written<'_>, reading: Option<&str>) -> Option<String> {
    Some(match written.dates.as_ref()? {
        Contradiction::Mixed(date) => format!(
            "files of {date} have dates in formats that contradict each other, so that the file date cannot decide: \
             {}",
            if reading.is_none() { "left as text" } else { "only the most frequent is read" },
        ),
        Contradiction::Changing(changing) => format!(
            "the format of its dates changes ({changing}, among the files that were read): {}; `backfill drift \
             --deep --propose` finds the day",
            match reading {
                Some(_) => "stage.sql chooses by _file_date, and days in between are NULL",
                None => "left as text",
            },
        ),
    })
}

/// About a column some of whose dates are more precise than others: with a time, or with its offset from UTC.
fn about_precision(found: &[&Profile], reading: Option<&str>) -> Option<String> {
    let kinds = found.iter().flat_map(|profile| profile.kinds.keys());
    let formats = kinds.filter_map(Kind::date_format);
    let precisions: BTreeSet<Precision> = formats.map(|format| Precision::of(&format)).collect();
    let names = precisions.iter().map(|precision| match precision {
        Precision::Day => "days without a time",
        Precision::Time => "times without a zone",
        Precision::Moment => "times with an offset from UTC",
    });
    let names: Vec<&str> = names.collect();
    let what = match reading {
        None => "left as text",
        Some(_) if precisions.contains(&Precision::Moment) => {
            "all are read, those without a zone as UTC: a guess"
        }
        Some(_) => "all are read, days as their midnight",
    };
    (names.len() > 1).then(|| format!("some of its values are {}: {what}", names.join(", some ")))
}

fn about_numbers(
    written: &Written<'_>,
    reading: Option<&str>,
    marked: Option<&[&str]>,
) -> Option<String> {
    let is_number = reading.is_some_and(|reading| reading.contains("try_to_decimal"));
    match written.numbers {
        Numbers::AsOthers(mark) if is_number => Some(format!(
            "read with a decimal {}, which is a guess: its own values do not show it, but those of {} do",
            if mark == Mark::Comma { "comma" } else { "point" },
            few(marked.unwrap_or_default())
        )),
        Numbers::Guessed if is_number => Some(
            "every mark in it is followed by three digits, so that 9,999 may be a whole number or a decimal number, \
             and no other column shows which; read with a decimal point, which is a guess: for a decimal comma, give \
             try_to_decimal ',' as its fourth argument"
                .to_owned(),
        ),
        Numbers::Mixed => Some(format!(
            "some of its numbers have a decimal point, some a decimal comma: {}",
            if reading.is_none() { "left as text" } else { "those with a point are read" },
        )),
        _ => None,
    }
}

/// About a column whose values are numbers or dates but for the same few in each file: those of rows that are not
/// data.
fn about_odd_values(found: &[&Profile]) -> Option<String> {
    let (kind, odd) = odd_values(found, numbers)
        .map(|odd| ("numbers", odd))
        .or_else(|| Some(("dates", odd_values(found, Profile::dates)?)))?;
    Some(format!(
        "all of its values are {kind} except {odd} in each file, such as a row of units or totals: left as text; a \
         WHERE in stage.sql leaves such rows out"
    ))
}

/// How many values are numbers, decimal commas included.
fn numbers(profile: &Profile) -> u64 {
    profile.numbers() + profile.of_kind(&Kind::CommaDecimal)
}

/// How many values in each file are not of a kind, if they are as many in each, and few.
fn odd_values(found: &[&Profile], of_kind: fn(&Profile) -> u64) -> Option<u64> {
    let given = found.iter().filter(|profile| profile.given > 0);
    let mut counts = given.map(|profile| (profile.given - of_kind(profile), of_kind(profile)));
    let (odd, usual) = counts.next()?;
    let are_alike = counts.all(|(other, usual)| other == odd && are_few(other, usual));
    (are_few(odd, usual) && are_alike).then_some(odd)
}

/// Whether a file has odd values, but only a few, and no more than usual ones.
fn are_few(odd: u64, usual: u64) -> bool {
    (1..=ODD_VALUES).contains(&odd) && odd <= usual
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(kinds: &[(&str, u64)]) -> Profile {
        Profile {
            given: kinds.iter().map(|(_, rows)| rows).sum(),
            kinds: kinds.iter().map(|(kind, n)| (Kind::from((*kind).to_owned()), *n)).collect(),
            ..Profile::default()
        }
    }

    #[test]
    fn times_with_and_without_a_zone_in_one_column_are_reported() {
        let file = profile(&[("date %Y-%m-%dT%H:%M:%SZ", 2), ("date %Y-%m-%d %H:%M:%S", 1)]);
        let said = about_precision(&[&file], None).expect("a remark");
        assert_eq!(
            said,
            "some of its values are times without a zone, some times with an offset from UTC: left as text"
        );
        let other = profile(&[("date %Y-%m-%d", 2)]);
        assert_eq!(about_precision(&[&other, &other], None), None);
        assert!(about_precision(&[&other, &file], Some("x")).is_some());
    }

    /// The remark on odd values in a column whose files have these kinds.
    fn odd(files: &[&[(&str, u64)]]) -> Option<String> {
        let files: Vec<Profile> = files.iter().map(|kinds| profile(kinds)).collect();
        about_odd_values(&files.iter().collect::<Vec<_>>())
    }

    #[test]
    fn the_same_few_texts_in_each_file_are_of_rows_that_are_not_data() {
        let units: &[(&str, u64)] = &[("decimal", 40), ("text", 1)];
        let found = odd(&[units, &[("integer", 2), ("text", 1)], &[]]).expect("a remark");
        assert!(found.contains("numbers except 1 in each file"), "{found}");
        let found = odd(&[&[("date %Y-%m-%d", 3), ("text", 2)]]).expect("a remark");
        assert!(found.contains("dates except 2 in each file"), "{found}");
        assert_eq!(odd(&[units, &[("decimal", 40), ("text", 2)]]), None);
        assert_eq!(odd(&[&[("text", 3)]]), None);
        assert_eq!(odd(&[&[("integer", 1), ("text", 2)]]), None);
        assert_eq!(odd(&[]), None);
    }
}

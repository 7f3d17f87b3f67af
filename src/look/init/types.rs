//! The **type** of a column, and the SQL that makes it of text: the type that all values in the files can be read
//! as, or the type that the target has.

use std::collections::{BTreeMap, BTreeSet};

use super::numbers::Numbers;
use super::words::{is_code, is_personal};
use crate::domain::saturating;
use crate::look::date_formats::{Contradiction, Precision, call};
use crate::profile::Profile;
use crate::target::{Column, Target, text_variant};
use crate::values::{Kind, Mark, contradict};

/// Digits of a number that a bigint surely holds.
const WHOLE_DIGITS: u64 = 18;
/// Digits of the largest bigint.
const MOST_WHOLE_DIGITS: u64 = 19;
/// A number so far below the largest bigint, 9.22e18, that the inexact numbers of a profile suffice to compare.
const LARGE: f64 = 9.0e18;
/// The usual digits of a number with decimals.
const DIGITS: u64 = 18;
/// The most decimals of a number with the usual digits.
const MOST_DECIMALS: usize = 8;
/// The digits of a number that needs more than the usual ones.
const MANY_DIGITS: u64 = 38;
/// The decimals of a column some of whose values were not looked at one by one.
const MANY_DECIMALS: usize = 18;

/// Where the types of columns come from.
#[derive(Clone, Copy, Debug)]
pub enum Types<'a> {
    /// All are text.
    Text,
    /// What all values in the files could be read as.
    Guessed,
    /// What the target has.
    Of(&'a Target),
}

/// How the values of a column are written.
pub(super) struct Written<'a> {
    /// Its profile in each file that was looked at.
    pub found: &'a [&'a Profile],
    /// How its numbers are written.
    pub numbers: Numbers,
    /// Whether the formats of its dates contradict each other.
    pub dates: Option<Contradiction>,
}

/// A type, and the SQL that makes it of a text, with `{}` for the column; text itself needs none.
pub(super) type Typed = (String, Option<String>);

/// The type that all values can be read as.
pub(super) fn guessed(name: &str, written: &Written<'_>) -> Typed {
    let kinds = Kinds::of(written.found);
    let has_no_numbers = is_code(name) || is_personal(name);
    if kinds.0.is_empty() || has_no_numbers && !kinds.are_all(Kind::is_date) {
        return ("text".to_owned(), None);
    }
    if kinds.are_all(|kind| *kind == Kind::Boolean) {
        return ("boolean".to_owned(), Some("try_to_bool({})".to_owned()));
    }
    number(written, &kinds).or_else(|| dates(written)).unwrap_or_else(|| ("text".to_owned(), None))
}

/// The kinds of the values of a column.
struct Kinds<'a>(BTreeSet<&'a Kind>);

impl<'a> Kinds<'a> {
    fn of(found: &[&'a Profile]) -> Self {
        Self(found.iter().flat_map(|profile| profile.kinds.keys()).collect())
    }

    fn are_all(&self, test: fn(&Kind) -> bool) -> bool {
        self.0.iter().all(|kind| test(kind))
    }
}

/// The type of a column of numbers; `None` if some values are not, or if no type holds them all.
fn number(written: &Written<'_>, kinds: &Kinds<'_>) -> Option<Typed> {
    let found = written.found;
    let mark = written.numbers.mark().filter(|_| kinds.are_all(Kind::is_number))?;
    let is_whole = match mark {
        Mark::Point => kinds.are_all(|kind| *kind == Kind::Integer),
        Mark::Comma => {
            !has_decimals(found, mark) && kinds.are_all(|kind| *kind != Kind::CommaDecimal)
        }
    };
    let longest = found.iter().map(|profile| profile.longest).max().unwrap_or_default();
    if is_whole && is_bigint(found, longest) {
        return Some(("bigint".to_owned(), Some(whole_number(mark))));
    }
    let decimals = if is_whole { 0 } else { decimals(found, mark) };
    let is_small = !is_whole && longest < DIGITS && decimals <= MOST_DECIMALS;
    let digits = if is_small { DIGITS } else { MANY_DIGITS };
    // A value has at most as many digits before the mark as it has characters.
    let fits = is_small || longest + decimals as u64 <= MANY_DIGITS;
    fits.then(|| (format!("numeric({digits}, {decimals})"), Some(decimal(digits, decimals, mark))))
}

/// The type of a column of dates; `None` if some values are not, or if no call reads them all.
fn dates(written: &Written<'_>) -> Option<Typed> {
    let (formats, precision) = date_formats(written.found)?;
    let reading = match &written.dates {
        None => call(precision.function(), &formats),
        Some(Contradiction::Changing(changing)) => changing.reading(changing.function()?),
        Some(Contradiction::Mixed(_)) => return None,
    };
    Some((precision.data_type().to_owned(), Some(reading)))
}

/// Whether a bigint holds all the whole numbers: those of 19 digits only if none is near the largest.
fn is_bigint(found: &[&Profile], longest: u64) -> bool {
    longest <= WHOLE_DIGITS || found.iter().all(|profile| is_far_below_the_largest(profile))
}

fn is_far_below_the_largest(profile: &Profile) -> bool {
    let ends = [profile.percentiles.first(), profile.percentiles.last()];
    profile.given == 0 || ends.iter().all(|end| end.is_some_and(|n| n.abs() < LARGE))
}

/// Whether `stage.sql` has to give the type that the target has for a column. It need not if dlt keeps values of
/// other types in a column of text beside it: a run puts each text into the column that takes it.
pub(super) fn is_cast(target: &Target, name: &str) -> bool {
    target.guest.dlt().is_none() || target.column(&text_variant(name)).is_none()
}

/// The target's type of a column.
pub(super) fn of_target(target: &Target, name: &str, written: &Written<'_>) -> Typed {
    let Some(column) = target.column(name) else { return ("text".to_owned(), None) };
    if !is_cast(target, name) {
        return (column.type_text.clone(), None);
    }
    let mark = written.numbers.mark().unwrap_or(Mark::Point);
    let reading = match column.type_name.as_str() {
        "int2" | "int4" | "int8" => Some(whole_number(mark)),
        "numeric" => Some(decimal_of_target(column, written.found, mark)),
        // As text: a number that the column would round is then refused.
        "float4" | "float8" => Some("null_like({})".to_owned()),
        "bool" => Some("try_to_bool({})".to_owned()),
        "date" => Some(dates_by("try_to_date", written, &sorted(formats(written.found)))),
        data_type @ ("timestamp" | "timestamptz") => Some(times_of_target(data_type, written)),
        data_type => blank_as_null(data_type, column.category),
    };
    (column.type_text.clone(), reading)
}

fn decimal_of_target(column: &Column, found: &[&Profile], mark: Mark) -> String {
    let (digits, decimals) = match column.precision_and_scale() {
        None => (MANY_DIGITS, decimals(found, mark)),
        // A negative scale keeps no digit after the point, and more before it.
        Some((digits, scale)) => {
            ((digits - scale.min(0)).unsigned_abs().into(), saturating::index(scale))
        }
    };
    let digits = digits.max(decimals as u64).min(MANY_DIGITS);
    decimal(digits, decimals.min(digits as usize), mark)
}

fn times_of_target(data_type: &str, written: &Written<'_>) -> String {
    let formats = sorted(formats(written.found));
    let precisions: BTreeSet<Precision> =
        formats.iter().map(|format| Precision::of(format)).collect();
    if precisions.len() > 1 {
        return by_precision(data_type, &precisions, &formats);
    }
    let precision = precisions.first().copied().unwrap_or(Precision::Day);
    let dates = dates_by(precision.function(), written, &formats);
    match (data_type, precision) {
        ("timestamptz", Precision::Moment) => dates,
        _ => format!("CAST({dates} AS {data_type})"),
    }
}

/// The call of a function that reads dates, or several calls if the file date decides between formats.
fn dates_by(function: &str, written: &Written<'_>, formats: &[String]) -> String {
    match &written.dates {
        Some(Contradiction::Changing(changing)) => changing.reading(function),
        _ => call(function, formats),
    }
}

/// Reads times some of which are more precise than others, with a call for each precision.
fn by_precision(data_type: &str, precisions: &BTreeSet<Precision>, formats: &[String]) -> String {
    let calls = precisions.iter().map(|precision| {
        let own = formats.iter().filter(|format| Precision::of(format) == *precision);
        let call = call(precision.function(), &own.cloned().collect::<Vec<_>>());
        match (data_type, precision) {
            ("timestamptz", Precision::Moment) => call,
            _ => format!("CAST({call} AS {data_type})"),
        }
    });
    format!("coalesce({})", calls.collect::<Vec<_>>().join(", "))
}

/// How a text becomes a type that only the server reads: an empty text is NULL, unless the type has an empty value.
fn blank_as_null(data_type: &str, category: char) -> Option<String> {
    match (data_type, category) {
        (_, 'S') | ("bytea" | "hstore" | "tsvector" | "varbit", _) => None,
        ("uuid" | "time" | "timetz" | "interval" | "inet" | "cidr" | "macaddr" | "money", _) => {
            Some("null_like({})".to_owned())
        }
        // A JSON null, or a label of an enum, is a value.
        _ => Some("nullif({}, '')".to_owned()),
    }
}

/// Reads a whole number; one that no bigint holds becomes NULL.
fn whole_number(mark: Mark) -> String {
    format!("TRY_CAST({} AS bigint)", decimal(MOST_WHOLE_DIGITS, 0, mark))
}

fn decimal(digits: u64, decimals: usize, mark: Mark) -> String {
    let mark = if mark == Mark::Comma { ", ','" } else { "" };
    format!("try_to_decimal(null_like({{}}), {digits}, {decimals}{mark})")
}

/// The formats of a column of dates, most rows first, and their precision; `None` if other values are among
/// them, or formats of another precision.
fn date_formats(found: &[&Profile]) -> Option<(Vec<String>, Precision)> {
    let mut kinds = found.iter().flat_map(|profile| profile.kinds.keys());
    if kinds.any(|kind| !matches!(kind, Kind::Date(_) | Kind::Unclear(..))) {
        return None;
    }
    let formats = sorted(formats(found));
    let precision = Precision::of(formats.first()?);
    formats.iter().all(|format| Precision::of(format) == precision).then_some((formats, precision))
}

/// The formats of the dates in a column, each with its rows.
fn formats<'a>(found: &[&'a Profile]) -> BTreeMap<&'a str, u64> {
    let mut formats = BTreeMap::new();
    for (kind, rows) in found.iter().flat_map(|profile| &profile.kinds) {
        if let Kind::Date(format) | Kind::Unclear(format, _) = kind {
            *formats.entry(format.as_str()).or_default() += rows;
        }
    }
    formats
}

/// Formats, most rows first.
fn sorted(formats: BTreeMap<&str, u64>) -> Vec<String> {
    let mut sorted: Vec<(&str, u64)> = formats.into_iter().collect();
    sorted.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
    let mut formats: Vec<String> = Vec::new();
    for (format, _) in sorted {
        // A call with two formats that contradict each other would be refused.
        if !formats.iter().any(|known| contradict(known, format)) {
            formats.push(format.to_owned());
        }
    }
    formats
}

/// The most decimals that a value has.
fn decimals(found: &[&Profile], mark: Mark) -> usize {
    if found.iter().any(|profile| profile.other_shapes > 0) {
        return MANY_DECIMALS;
    }
    let mark = if mark == Mark::Comma { ',' } else { '.' };
    let shapes = found.iter().flat_map(|profile| profile.shapes.keys());
    let counts = shapes.filter_map(|shape| shape.split_once(mark));
    let most = counts.map(|(_, decimals)| decimals.matches('9').count()).max().unwrap_or(0);
    most.clamp(2, MANY_DECIMALS)
}

/// Whether a value has the decimal mark, or may have.
fn has_decimals(found: &[&Profile], mark: Mark) -> bool {
    let mark = if mark == Mark::Comma { ',' } else { '.' };
    found.iter().any(|profile| {
        profile.other_shapes > 0 || profile.shapes.keys().any(|shape| shape.contains(mark))
    })
}

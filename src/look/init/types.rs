//! The **type** of a column, and how text becomes it: what all values in the files could be read as, or what
//! the target has.

use std::collections::{BTreeMap, BTreeSet};

use super::numbers::Numbers;
use super::words::{is_code, is_personal};
use crate::look::date_formats::{Contradiction, Precision, call};
use crate::profile::Profile;
use crate::target::{Target, text_variant};
use crate::values::{Kind, Mark, contradict};

/// Digits of a number that a bigint surely holds.
const WHOLE_DIGITS: u64 = 18;
/// Digits of the largest bigint.
const MOST_WHOLE_DIGITS: u64 = 19;
/// A number that is far enough from the largest bigint, 9.22e18, that the sketch of a profile tells.
const LARGE: f64 = 9.0e18;
/// Digits and most decimals of a number with decimals.
const DIGITS: u64 = 18;
const MOST_DECIMALS: usize = 8;
/// Digits and decimals where more are seen, or some may not have been.
const MANY_DIGITS: u64 = 38;
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
pub struct Written<'a> {
    /// Its profile in each file that was looked at.
    pub found: &'a [&'a Profile],
    /// How its numbers are written.
    pub numbers: Numbers,
    /// Whether the formats of its dates contradict each other.
    pub dates: Option<Contradiction>,
}

/// The type that all values can be read as, and how.
pub fn guessed(name: &str, written: &Written<'_>) -> (String, Option<String>) {
    let found = written.found;
    let text = || ("text".to_owned(), None);
    let kinds: BTreeSet<&Kind> = found.iter().flat_map(|profile| profile.kinds.keys()).collect();
    let all = |test: fn(&Kind) -> bool| kinds.iter().all(|kind| test(kind));
    let is_code = is_code(name) || is_personal(name);
    if kinds.is_empty() || is_code && !all(Kind::is_date) {
        return text();
    }
    let longest = found.iter().map(|profile| profile.longest).max().unwrap_or_default();
    if all(|kind| *kind == Kind::Boolean) {
        return ("boolean".to_owned(), Some("try_to_bool({})".to_owned()));
    }
    if let Some(mark) = written.numbers.mark().filter(|_| all(Kind::is_number)) {
        let is_whole = match mark {
            Mark::Point => all(|kind| *kind == Kind::Integer),
            Mark::Comma => !has_decimals(found, mark) && all(|kind| *kind != Kind::CommaDecimal),
        };
        if is_whole && is_bigint(found, longest) {
            return ("bigint".to_owned(), Some(whole_number(mark)));
        }
        let decimals = if is_whole { 0 } else { decimals(found, mark) };
        let is_small = !is_whole && longest < DIGITS && decimals <= MOST_DECIMALS;
        let digits = if is_small { DIGITS } else { MANY_DIGITS };
        // No value has more digits before the mark than it is long.
        if is_small || longest + decimals as u64 <= MANY_DIGITS {
            let data_type = format!("numeric({digits}, {decimals})");
            return (data_type, Some(decimal(digits, decimals, mark)));
        }
    }
    let Some((formats, precision)) = date_formats(found) else { return text() };
    match &written.dates {
        None => {}
        Some(Contradiction::Mixed(_)) => return text(),
        Some(Contradiction::Changing(changing)) => match changing.function() {
            Some(function) => {
                return (precision.data_type().to_owned(), Some(changing.reading(function)));
            }
            None => return text(),
        },
    }
    (precision.data_type().to_owned(), Some(call(precision.function(), &formats)))
}

/// Whether a bigint holds all the whole numbers: those of 19 digits only if none is near the largest.
fn is_bigint(found: &[&Profile], longest: u64) -> bool {
    let is_far_below = |profile: &&Profile| {
        let ends = [profile.percentiles.first(), profile.percentiles.last()];
        profile.given == 0 || ends.iter().all(|end| end.is_some_and(|n| n.abs() < LARGE))
    };
    longest <= WHOLE_DIGITS || found.iter().all(is_far_below)
}

/// Whether the text of a column becomes the type that the target has for it; of a table of dlt that keeps other
/// values in another column of text, nothing has to.
pub fn is_cast(target: &Target, name: &str) -> bool {
    target.guest.dlt().is_none() || target.column(&text_variant(name)).is_none()
}

/// The target's type of a column, and how text becomes it.
pub fn of_target(target: &Target, name: &str, written: &Written<'_>) -> (String, Option<String>) {
    let found = written.found;
    let mark = written.numbers.mark().unwrap_or(Mark::Point);
    let Some(column) = target.column(name) else { return ("text".to_owned(), None) };
    if !is_cast(target, name) {
        // A run puts each text into the column that it fits.
        return (column.type_text.clone(), None);
    }
    let formats = sorted(formats(found));
    let precisions: BTreeSet<Precision> =
        formats.iter().map(|format| Precision::of(format)).collect();
    let precision = precisions.first().copied().unwrap_or(Precision::Day);
    let read = |function: &str| match &written.dates {
        Some(Contradiction::Changing(changing)) => changing.reading(function),
        _ => call(function, &formats),
    };
    let reading = match column.type_name.as_str() {
        "int2" | "int4" | "int8" => Some(whole_number(mark)),
        "numeric" => {
            let (digits, decimals) = match column.precision_and_scale() {
                None => (38, decimals(found, mark)),
                // A negative scale keeps no digit after the point, and more before it.
                Some((digits, scale)) => ((digits - scale.min(0)) as u64, scale.max(0) as usize),
            };
            let digits = digits.max(decimals as u64).min(38);
            Some(decimal(digits, decimals.min(digits as usize), mark))
        }
        // As text: the target refuses what it would round.
        "float4" | "float8" => Some("null_like({})".to_owned()),
        "bool" => Some("try_to_bool({})".to_owned()),
        "date" => Some(read("try_to_date")),
        data_type @ ("timestamp" | "timestamptz") if precisions.len() > 1 => {
            Some(by_precision(data_type, &precisions, &formats))
        }
        "timestamptz" if precision == Precision::Moment => Some(read(precision.function())),
        data_type @ ("timestamp" | "timestamptz") => {
            Some(format!("CAST({} AS {data_type})", read(precision.function())))
        }
        data_type => blank_as_null(data_type, column.category),
    };
    (column.type_text.clone(), reading)
}

/// Reads times of which some tell more than others, with a call for each precision.
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

/// How a value comes to a type that only the server reads: an empty text is none, unless the type has it.
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

/// Reads a whole number; of one that no bigint holds nothing is left.
fn whole_number(mark: Mark) -> String {
    format!("TRY_CAST({} AS bigint)", decimal(MOST_WHOLE_DIGITS, 0, mark))
}

fn decimal(digits: u64, decimals: usize, mark: Mark) -> String {
    let mark = if mark == Mark::Comma { ", ','" } else { "" };
    format!("try_to_decimal(null_like({{}}), {digits}, {decimals}{mark})")
}

/// The formats of a column of dates, most rows first, and what they tell; `None` where other values are
/// among them, or formats that do not tell the same.
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
        // A call with both would be refused.
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

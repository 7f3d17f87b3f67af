//! The columns of a new dataset: what the target calls them, which type they have, and how `stage.sql`
//! makes them.

use std::collections::{BTreeMap, BTreeSet};

use super::naming::column_names;
use super::numbers::{Numbers, common_mark, numbers};
use crate::domain::FileDate;
use crate::look::date_formats::{Contradiction, Precision, call};
use crate::profile::{FileProfile, Profile};
use crate::sql::identifier;
use crate::target::{Target, text_variant};
use crate::values::{Kind, Mark, contradict};

/// Digits of a number that a bigint surely holds.
const WHOLE_DIGITS: u64 = 18;
/// Digits of the largest bigint.
const MOST_WHOLE_DIGITS: u64 = 19;
/// Digits and most decimals of a number with decimals.
const DIGITS: u64 = 18;
const MOST_DECIMALS: usize = 8;
/// Digits and decimals where more are seen, or some may not have been.
const MANY_DIGITS: u64 = 38;
const MANY_DECIMALS: usize = 18;
/// Parts of the names of columns whose digits are no number.
const CODES: &str = "phone telephone tel fax zip postcode postal plz code sku ean isbn masked";
/// Parts of the names of columns that speak of persons.
const PERSONAL: &str = "email mail phone telephone tel mobile fax fname lname firstname lastname \
    surname forename fullname username address street suburb postcode postal zip plz ip cc card iban \
    birth birthday birthdate dob ssn passport password passwd pwd secret token cvv cvc pin \
    vorname nachname familienname anschrift adresse strasse hausnummer telefon handy mobil \
    geburtstag geburtsdatum kontonummer ausweis";
/// Parts that make the name of a person of what ends in `name`.
const PERSONS: &str = "first last full middle maiden given family customer client user contact billing \
    shipping delivery holder cardholder recipient patient employee member owner person student";

/// A column of the new dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The header's name; of a renamed one, the newest first.
    pub headers: Vec<String>,
    /// The target's name.
    pub name: String,
    /// The type in `target.sql`.
    pub data_type: String,
    /// How a value is read, with `{}` for the column; a text as it stands has none.
    pub reading: Option<String>,
    /// Whether it is taken for a whole number because all values that were looked at are.
    pub is_guessed_whole: bool,
    /// Whether some files lack it.
    pub is_optional: bool,
    /// Whether its name speaks of persons.
    pub is_personal: bool,
    /// Whether its days could have the month first or the day, and are read with the month first.
    pub is_unclear: bool,
    /// What else is a guess about how its values are read, or is left open.
    pub doubt: Option<String>,
}

impl Column {
    /// The column as `source` has it.
    pub fn source(&self) -> String {
        let names: Vec<String> = self.headers.iter().map(|name| identifier(name)).collect();
        match names.as_slice() {
            [name] => name.clone(),
            names => format!("coalesce({})", names.join(", ")),
        }
    }

    /// The column's value as the target takes it.
    pub fn value(&self) -> String {
        let source = self.source();
        self.reading.as_ref().map_or(source.clone(), |reading| reading.replace("{}", &source))
    }

    /// Whether a value may be one that its type does not have, so that NULL would take its place.
    pub fn may_be_unreadable(&self) -> bool {
        self.reading
            .as_ref()
            .is_some_and(|reading| reading.contains("try_to") || reading.contains("CAST"))
    }

    /// The line of `stage.sql`.
    pub fn line(&self) -> String {
        let (value, name) = (self.value(), identifier(&self.name));
        if value == name { name } else { format!("{value} AS {name}") }
    }
}

/// The columns of a dataset whose files have these headers, in the newest file's order.
///
/// `renamed` maps the name to keep to the others; `types` says whether types are guessed from profiles
/// or all is text; a target that is there decides.
pub fn columns(
    headers: &[String],
    renamed: &BTreeMap<String, Vec<String>>,
    lacking: &BTreeSet<String>,
    files: &[(FileDate, &FileProfile)],
    types: Types<'_>,
) -> Vec<Column> {
    let common = common(files);
    let others: BTreeSet<&String> = renamed.values().flatten().collect();
    let kept: Vec<&String> = headers.iter().filter(|name| !others.contains(name)).collect();
    let names = column_names(kept.iter().map(|name| name.as_str()));
    let kept = kept.into_iter().zip(names).map(|(header, name)| match types {
        // A name that the table has as it stands in the file needs no other.
        Types::Of(target) if target.column(header).is_some() => (header, header.clone()),
        _ => (header, name),
    });
    let column = |(header, name): (&String, String)| {
        let mut all = vec![header.clone()];
        all.extend(renamed.get(header).into_iter().flatten().cloned());
        let dated: Vec<(FileDate, &Profile)> = files
            .iter()
            .flat_map(|(date, file)| file.columns.iter().map(|profile| (*date, profile)))
            .filter(|(_, profile)| all.contains(&profile.name))
            .collect();
        let found: Vec<&Profile> = dated.iter().map(|(_, profile)| *profile).collect();
        let written = Written {
            numbers: numbers(&found, common.as_ref().map(|(mark, _)| *mark)),
            dates: Contradiction::of(dated.into_iter()),
            found: &found,
        };
        let (data_type, reading) = match types {
            Types::Text => ("varchar".to_owned(), None),
            Types::Guessed => guessed(&name, &written),
            Types::Of(target) => of_target(target, &name, &written),
        };
        Column {
            is_guessed_whole: matches!(types, Types::Guessed) && data_type == "bigint",
            is_personal: is_personal(&name) || found.iter().any(|profile| is_of_mails(profile)),
            is_unclear: reading.is_some() && found.iter().any(|profile| is_unclear(profile)),
            is_optional: lacking.contains(header),
            doubt: doubt(&written, reading.as_deref(), common.as_ref().map(|(_, told)| &told[..])),
            headers: all,
            name,
            data_type,
            reading,
        }
    };
    let columns = kept.map(column);
    let is_known = |column: &Column| match types {
        Types::Of(target) => target.column(&column.name).is_some_and(|c| !c.is_generated),
        _ => true,
    };
    columns.filter(is_known).collect()
}

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
struct Written<'a> {
    found: &'a [&'a Profile],
    numbers: Numbers,
    dates: Option<Contradiction>,
}

/// The decimal mark that the columns of the files have in common, and the names of those that tell it.
fn common<'a>(files: &[(FileDate, &'a FileProfile)]) -> Option<(Mark, Vec<&'a str>)> {
    let mut columns: Vec<(&str, Vec<&Profile>)> = Vec::new();
    for profile in files.iter().flat_map(|(_, file)| &file.columns) {
        match columns.iter_mut().find(|(name, _)| *name == profile.name) {
            Some((_, found)) => found.push(profile),
            None => columns.push((&profile.name, vec![profile])),
        }
    }
    common_mark(&columns)
}

/// What is a guess about how a column is read, for people.
fn doubt(written: &Written<'_>, reading: Option<&str>, told: Option<&[&str]>) -> Option<String> {
    let all = |test: fn(&Kind) -> bool| {
        written.found.iter().all(|profile| profile.kinds.keys().all(test))
    };
    // Of a text that is no other type nothing is guessed.
    if reading.is_none() && !all(Kind::is_date) && !all(Kind::is_number) {
        return None;
    }
    let is_number = reading.is_some_and(|reading| reading.contains("try_to_decimal"));
    match (&written.dates, written.numbers) {
        (Some(Contradiction::Mixed(date)), _) => Some(format!(
            "files of {date} write its dates in formats that contradict each other, so that no file date \
             decides: {}",
            if reading.is_none() { "left as text" } else { "only the most frequent is read" },
        )),
        (Some(Contradiction::Changing(changing)), _) => Some(format!(
            "the format of its dates changes ({changing}, of those that were looked at): {}; `backfill \
             drift --deep --propose` finds the day",
            match reading {
                Some(_) => "stage.sql decides by _file_date, and days between are NULL",
                None => "left as text",
            },
        )),
        (None, Numbers::AsOthers(Mark::Comma)) if is_number => Some(format!(
            "read with a decimal comma, a guess: its own values do not tell, those of {} do",
            told.unwrap_or_default().join(", ")
        )),
        (None, Numbers::Guessed) if is_number => Some(
            "every decimal mark in it has three digits behind it, so that 9,999 may be a whole number \
             or one with decimals, and no other column tells; read with a decimal point, a guess: \
             for a decimal comma, give try_to_decimal ',' as its fourth argument"
                .to_owned(),
        ),
        (None, Numbers::Mixed) => Some(format!(
            "some of its numbers have a decimal point, some a decimal comma: {}",
            if reading.is_none() { "left as text" } else { "those with a point are read" },
        )),
        _ => None,
    }
}

/// The type that all values can be read as, and how.
fn guessed(name: &str, written: &Written<'_>) -> (String, Option<String>) {
    let found = written.found;
    let text = || ("text".to_owned(), None);
    let kinds: BTreeSet<&Kind> = found.iter().flat_map(|profile| profile.kinds.keys()).collect();
    let all = |test: fn(&Kind) -> bool| kinds.iter().all(|kind| test(kind));
    let is_code = has_part(name, CODES) || is_personal(name);
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
        if is_whole && longest <= WHOLE_DIGITS {
            return ("bigint".to_owned(), Some(whole_number(mark)));
        }
        if !is_whole && longest < DIGITS {
            let decimals = decimals(found, mark);
            let digits = if decimals > MOST_DECIMALS { MANY_DIGITS } else { DIGITS };
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

/// The target's type of a column, and how text becomes it.
fn of_target(target: &Target, name: &str, written: &Written<'_>) -> (String, Option<String>) {
    let found = written.found;
    let mark = written.numbers.mark().unwrap_or(Mark::Point);
    let Some(column) = target.column(name) else { return ("text".to_owned(), None) };
    if target.guest.dlt().is_some() && target.column(&text_variant(name)).is_some() {
        // A run puts each text into the column that it fits.
        return (column.type_text.clone(), None);
    }
    let (formats, precision) = sorted(formats(found)).unwrap_or((Vec::new(), Precision::Day));
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
        "timestamptz" if precision == Precision::Moment => Some(read(precision.function())),
        data_type @ ("timestamp" | "timestamptz") => {
            Some(format!("CAST({} AS {data_type})", read(precision.function())))
        }
        data_type => blank_as_null(data_type, column.category),
    };
    (column.type_text.clone(), reading)
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
    sorted(formats(found))
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

/// Formats, most rows first, and what they tell; `None` if they do not tell the same.
fn sorted(formats: BTreeMap<&str, u64>) -> Option<(Vec<String>, Precision)> {
    let precision = Precision::of(formats.keys().next()?);
    if formats.keys().any(|format| Precision::of(format) != precision) {
        return None;
    }
    let mut sorted: Vec<(&str, u64)> = formats.into_iter().collect();
    sorted.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
    let mut formats: Vec<String> = Vec::new();
    for (format, _) in sorted {
        // A call with both would be refused.
        if !formats.iter().any(|known| contradict(known, format)) {
            formats.push(format.to_owned());
        }
    }
    Some((formats, precision))
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

/// Whether no value tells if the month or the day stands first.
fn is_unclear(profile: &Profile) -> bool {
    profile.kinds.keys().any(|kind| matches!(kind, Kind::Unclear(..)))
}

/// Whether most values are addresses of mail.
fn is_of_mails(profile: &Profile) -> bool {
    let is_mail = |shape: &str| {
        shape.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && !name.contains(' ') && (host.contains('.') || host.ends_with('…'))
        })
    };
    let mails = profile.shapes.iter().filter(|(shape, _)| is_mail(shape));
    mails.map(|(_, rows)| rows).sum::<u64>() * 2 > profile.given.max(1)
}

fn is_personal(name: &str) -> bool {
    let is_of_person = name == "name" || name.ends_with("_name") && has_part(name, PERSONS);
    (has_part(name, PERSONAL) || is_of_person) && !name.starts_with("is_")
}

fn has_part(name: &str, parts: &str) -> bool {
    name.split('_').any(|part| parts.split_whitespace().any(|other| other == part))
}

#[cfg(test)]
mod tests;

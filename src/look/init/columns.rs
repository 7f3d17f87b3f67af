//! The columns of a new dataset: what the target calls them, which type they have, and how `stage.sql`
//! makes them.

use std::collections::{BTreeMap, BTreeSet};

use super::naming::column_names;
use crate::profile::{FileProfile, Profile};
use crate::sql::identifier;
use crate::target::{Target, text_variant};
use crate::values::{Kind, is_in_utc, reads_offset};

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
    profiles: &[FileProfile],
    types: Types<'_>,
) -> Vec<Column> {
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
        let found: Vec<&Profile> = profiles
            .iter()
            .flat_map(|file| &file.columns)
            .filter(|profile| all.contains(&profile.name))
            .collect();
        let (data_type, reading) = match types {
            Types::Text => ("varchar".to_owned(), None),
            Types::Guessed => guessed(&name, &found),
            Types::Of(target) => of_target(target, &name, &found),
        };
        Column {
            is_guessed_whole: matches!(types, Types::Guessed) && data_type == "bigint",
            is_personal: is_personal(&name) || found.iter().any(|profile| is_of_mails(profile)),
            is_unclear: reading.is_some() && found.iter().any(|profile| is_unclear(profile)),
            is_optional: lacking.contains(header),
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

/// The type that all values can be read as, and how.
fn guessed(name: &str, found: &[&Profile]) -> (String, Option<String>) {
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
    if all(|kind| *kind == Kind::Integer) && longest <= WHOLE_DIGITS {
        return ("bigint".to_owned(), Some(whole_number()));
    }
    if all(|kind| matches!(kind, Kind::Integer | Kind::Decimal)) && longest < DIGITS {
        let decimals = decimals(found);
        let digits = if decimals > MOST_DECIMALS { MANY_DIGITS } else { DIGITS };
        let data_type = format!("numeric({digits}, {decimals})");
        return (data_type, Some(decimal(digits, decimals)));
    }
    let Some((formats, precision)) = date_formats(found) else { return text() };
    let data_type = match precision {
        Precision::Day => "date",
        Precision::Time => "timestamp",
        Precision::Moment => "timestamptz",
    };
    (data_type.to_owned(), Some(parsed(precision.function(), &formats)))
}

/// The target's type of a column, and how text becomes it.
fn of_target(target: &Target, name: &str, found: &[&Profile]) -> (String, Option<String>) {
    let Some(column) = target.column(name) else { return ("text".to_owned(), None) };
    if target.guest.dlt().is_some() && target.column(&text_variant(name)).is_some() {
        // A run puts each text into the column that it fits.
        return (column.type_text.clone(), None);
    }
    let (formats, precision) = sorted(formats(found)).unwrap_or((Vec::new(), Precision::Day));
    let read = || parsed(precision.function(), &formats);
    let reading = match column.type_name.as_str() {
        "int2" | "int4" | "int8" => Some(whole_number()),
        "numeric" => {
            let (digits, decimals) = match column.precision_and_scale() {
                None => (38, decimals(found)),
                // A negative scale keeps no digit after the point, and more before it.
                Some((digits, scale)) => ((digits - scale.min(0)) as u64, scale.max(0) as usize),
            };
            let digits = digits.max(decimals as u64).min(38);
            Some(decimal(digits, decimals.min(digits as usize)))
        }
        // As text: the target refuses what it would round.
        "float4" | "float8" => Some("null_like({})".to_owned()),
        "bool" => Some("try_to_bool({})".to_owned()),
        "date" => Some(parsed("try_to_date", &formats)),
        "timestamptz" if precision == Precision::Moment => Some(read()),
        data_type @ ("timestamp" | "timestamptz") => {
            Some(format!("CAST({} AS {data_type})", read()))
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
fn whole_number() -> String {
    format!("TRY_CAST(try_to_decimal(null_like({{}}), {MOST_WHOLE_DIGITS}, 0) AS bigint)")
}

fn decimal(digits: u64, decimals: usize) -> String {
    format!("try_to_decimal(null_like({{}}), {digits}, {decimals})")
}

fn parsed(function: &str, formats: &[String]) -> String {
    let formats: String = formats.iter().map(|format| format!(", '{format}'")).collect();
    format!("{function}(null_like({{}}){formats})")
}

/// How much of a moment a column of dates tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Precision {
    /// The day.
    Day,
    /// The time on a clock somewhere.
    Time,
    /// The time and its offset from UTC.
    Moment,
}

impl Precision {
    fn of(format: &str) -> Self {
        match format {
            format if reads_offset(format) || is_in_utc(format) => Self::Moment,
            format if format.contains(':') => Self::Time,
            _ => Self::Day,
        }
    }

    /// What reads such values.
    fn function(self) -> &'static str {
        match self {
            Self::Day => "try_to_date",
            Self::Time => "try_to_timestamp",
            Self::Moment => "try_to_timestamptz",
        }
    }
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
    Some((sorted.into_iter().map(|(format, _)| format.to_owned()).collect(), precision))
}

/// The most decimals that a value has.
fn decimals(found: &[&Profile]) -> usize {
    if found.iter().any(|profile| profile.other_shapes > 0) {
        return MANY_DECIMALS;
    }
    let shapes = found.iter().flat_map(|profile| profile.shapes.keys());
    let counts = shapes.filter_map(|shape| shape.split_once('.'));
    let most = counts.map(|(_, decimals)| decimals.matches('9').count()).max().unwrap_or(0);
    most.clamp(2, MANY_DECIMALS)
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
mod tests {
    use super::*;

    fn profile(kinds: &[(&str, u64)], shapes: &[&str]) -> Profile {
        Profile {
            kinds: kinds.iter().map(|(kind, n)| (Kind::from((*kind).to_owned()), *n)).collect(),
            shapes: shapes.iter().map(|shape| ((*shape).to_owned(), 1)).collect(),
            ..Profile::default()
        }
    }

    fn made(name: &str, kinds: &[(&str, u64)], shapes: &[&str]) -> (String, String) {
        let profile = profile(kinds, shapes);
        let (data_type, reading) = guessed(name, &[&profile]);
        (data_type, reading.unwrap_or_default())
    }

    #[test]
    fn names_that_speak_of_persons_are_known() {
        for name in ["email_address", "billing_fname", "customer_name", "name", "dob", "user_ip"] {
            assert!(is_personal(name), "{name}");
        }
        for name in ["product_name", "is_email", "descriptor", "account", "campaign_name"] {
            assert!(!is_personal(name), "{name}");
        }
        assert_eq!(made("dob", &[("date %Y-%m-%d", 9)], &[]).0, "date");
    }

    #[test]
    fn a_type_is_one_that_every_value_has() {
        let whole = made("orders_id", &[("integer", 9)], &["99"]);
        assert_eq!(whole.0, "bigint");
        let money = made("total", &[("integer", 9), ("decimal", 1)], &["9", "9.999"]);
        assert_eq!(money.0, "numeric(18, 3)");
        let fine = made("rate", &[("decimal", 1)], &["9.999999999"]);
        assert_eq!(fine.0, "numeric(38, 9)");
        let dates = [("date %m/%d/%Y", 1), ("date %Y-%m-%d", 9)];
        let (data_type, reading) = made("order_date", &dates, &[]);
        assert_eq!(data_type, "date");
        assert_eq!(reading, "try_to_date(null_like({}), '%Y-%m-%d', '%m/%d/%Y')");
        let moments = [("date %Y-%m-%dT%H:%M:%SZ", 9), ("date %Y-%m-%dT%H:%M:%S%:z", 1)];
        let (data_type, reading) = made("seen", &moments, &[]);
        assert_eq!(data_type, "timestamptz");
        assert_eq!(
            reading,
            "try_to_timestamptz(null_like({}), '%Y-%m-%dT%H:%M:%SZ', '%Y-%m-%dT%H:%M:%S%:z')"
        );
        assert_eq!(made("paid", &[("boolean", 9)], &[]).0, "boolean");
        for (name, kinds) in [
            ("billing_phone", &[("integer", 9)][..]),
            ("total", &[("integer", 9), ("text", 1)]),
            ("seen", &[("date %Y-%m-%dT%H:%M:%SZ", 9), ("date %Y-%m-%dT%H:%M:%S", 1)]),
            ("seen", &[("date %Y-%m-%d", 9), ("date %Y-%m-%d %H:%M", 1)]),
            ("empty", &[]),
            ("dob", &[("date %Y-%m-%d", 9), ("integer", 1)]),
        ] {
            assert_eq!(made(name, kinds, &[]).0, "text", "{name}");
        }
    }
}

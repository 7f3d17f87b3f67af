//! Whether the values of files **fit** the columns of a target that exists. Values that were looked at are judged
//! before anything is loaded; a check finds the others.

use std::ops::RangeInclusive;

use super::types::Written;
use crate::profile::Profile;
use crate::target::Column;
use crate::values::{Kind, Mark, decimal, truth};

/// Digits of the largest bigint.
const WHOLE_DIGITS: u8 = 19;
/// The most digits that are read as a number; a longer text is not taken for one.
const DIGITS: u8 = 38;
/// The most decimals of a number that are looked for.
const DECIMALS: i8 = 18;
/// How long the text of a UUID is, with and without hyphens and braces.
const UUID: RangeInclusive<u64> = 32..=38;
/// The texts of a UUID that PostgreSQL reads.
const UUID_PATTERN: &str =
    r"^\s*([0-9a-f]{4}(-?[0-9a-f]{4}){7}|\{[0-9a-f]{4}(-?[0-9a-f]{4}){7}\})\s*$";

/// What a column takes.
enum Takes<'a> {
    /// Whole numbers from one to another.
    Whole(i64, i64),
    /// Numbers with at most this many digits, and this many of them decimals.
    Decimal(u8, i8),
    /// Any number.
    Number,
    /// Any number, as a text that the server reads.
    Float,
    /// Yes or no.
    Boolean,
    /// Days, or times.
    Date,
    /// Texts of at most this many characters.
    Characters(u64),
    /// One of these.
    Labels(&'a [String]),
    /// UUIDs.
    Uuid,
    /// Any text.
    Anything,
}

impl<'a> Takes<'a> {
    /// Returns what a column takes; `None` if only the server knows.
    fn of(column: &'a Column) -> Option<Self> {
        Some(match column.type_name.as_str() {
            "int2" => Self::Whole(i16::MIN.into(), i16::MAX.into()),
            "int4" => Self::Whole(i32::MIN.into(), i32::MAX.into()),
            "int8" => Self::Whole(i64::MIN, i64::MAX),
            "numeric" => match column.precision_and_scale() {
                Some((digits, scale)) => Self::Decimal(
                    u8::try_from(digits - scale.min(0)).unwrap_or(DIGITS).min(DIGITS),
                    i8::try_from(scale.max(0)).unwrap_or_default(),
                ),
                None => Self::Number,
            },
            "float4" | "float8" => Self::Float,
            "bool" => Self::Boolean,
            "date" | "timestamp" | "timestamptz" => Self::Date,
            "varchar" | "bpchar" if column.modifier > 4 => {
                Self::Characters(u64::try_from(column.modifier - 4).unwrap_or(u64::MAX))
            }
            "uuid" => Self::Uuid,
            _ if !column.labels.is_empty() => Self::Labels(&column.labels),
            _ if column.category == 'S' => Self::Anything,
            _ => return None,
        })
    }

    /// Whether it takes a value; `None` if only the kind of the value decides.
    fn takes(&self, value: &str, mark: Mark) -> Option<bool> {
        Some(match self {
            Self::Whole(least, most) => decimal(value, WHOLE_DIGITS, 0, mark)
                .is_some_and(|number| (i128::from(*least)..=i128::from(*most)).contains(&number)),
            Self::Decimal(digits, scale) => decimal(value, *digits, *scale, mark).is_some(),
            Self::Number => {
                [DECIMALS, 0].iter().any(|scale| decimal(value, DIGITS, *scale, mark).is_some())
            }
            Self::Float => value.trim().parse::<f64>().is_ok(),
            Self::Boolean => truth(value).is_some(),
            Self::Date => return None,
            Self::Characters(most) => value.trim_end_matches(' ').chars().count() as u64 <= *most,
            Self::Labels(labels) => labels.iter().any(|label| label == value),
            Self::Uuid => is_uuid(value),
            Self::Anything => true,
        })
    }

    /// Whether values of a kind may be taken.
    fn takes_kind(&self, kind: &Kind) -> bool {
        match self {
            Self::Whole(..) | Self::Decimal(..) | Self::Number | Self::Float => kind.is_number(),
            Self::Boolean => matches!(kind, Kind::Boolean | Kind::Integer),
            Self::Date => kind.is_date(),
            Self::Characters(_) | Self::Labels(_) | Self::Uuid | Self::Anything => true,
        }
    }

    /// Whether the summary of a file's values (its ends, its lengths) shows that some are not taken.
    fn is_beyond(&self, profile: &Profile) -> bool {
        match self {
            Self::Whole(least, most) => is_outside(profile, *least as f64..=*most as f64),
            Self::Decimal(digits, scale) => {
                let most = 10_f64.powi(i32::from(*digits) - i32::from(*scale));
                is_outside(profile, -most..=most)
            }
            Self::Characters(most) => profile.longest > *most,
            Self::Labels(labels) => {
                let longest = labels.iter().map(|label| label.chars().count() as u64).max();
                profile.longest > longest.unwrap_or_default()
                    || profile.distinct > labels.len() as u64 * 2
            }
            Self::Uuid => !UUID.contains(&profile.longest) || !UUID.contains(&profile.shortest),
            Self::Number | Self::Float | Self::Boolean | Self::Date | Self::Anything => false,
        }
    }
}

/// Whether a number of a file is outside of a range.
fn is_outside(profile: &Profile, range: RangeInclusive<f64>) -> bool {
    let ends = [profile.percentiles.first(), profile.percentiles.last()];
    ends.into_iter().flatten().any(|end| *end < *range.start() || *end > *range.end())
}

/// A remark on values of files that do not fit the column of the target whose type they get.
pub(super) fn misfit(column: &Column, written: &Written<'_>) -> Option<String> {
    let takes = Takes::of(column)?;
    let mark = written.numbers.mark().unwrap_or(Mark::Point);
    let given: u64 = written.found.iter().map(|profile| profile.given).sum();
    let refused: u64 = written.found.iter().map(|profile| refused(&takes, profile, mark)).sum();
    let mut summarised = written.found.iter().filter(|p| p.given > 0 && p.values.is_none());
    let values = match refused {
        0 if summarised.any(|profile| takes.is_beyond(profile)) => "values".to_owned(),
        0 => return None,
        refused => format!("{refused} of {given} value(s)"),
    };
    Some(format!(
        "{values} of the files that were read do not fit its type {}; checks/unreadable_value.sql finds such values",
        column.type_text
    ))
}

/// How many values of a file a column does not take: by the values, if the profile lists them all, else by their
/// kinds.
fn refused(takes: &Takes<'_>, profile: &Profile, mark: Mark) -> u64 {
    if let Some(values) = &profile.values {
        let known: Option<Vec<u64>> = values
            .iter()
            .map(|(value, rows)| Some(if takes.takes(value, mark)? { 0 } else { *rows }))
            .collect();
        if let Some(known) = known {
            return known.iter().sum();
        }
    }
    let kinds = profile.kinds.iter().filter(|(kind, _)| !takes.takes_kind(kind));
    kinds.map(|(_, rows)| rows).sum()
}

/// Whether only the server knows if a value fits a column: one of a type that is not known here, or of a domain
/// with rules.
pub(super) fn is_known_to_the_server_alone(column: &Column) -> bool {
    column.has_rules || Takes::of(column).is_none()
}

/// The SQL condition that holds for a value that was read and does not fit a column, with `{}` for the value;
/// `None` if every value that was read fits.
pub(super) fn refusal(column: &Column) -> Option<String> {
    match Takes::of(column)? {
        Takes::Whole(least, most) if (least, most) != (i64::MIN, i64::MAX) => {
            Some(format!("{{}} NOT BETWEEN {least} AND {most}"))
        }
        Takes::Float => Some("{} IS NOT NULL AND TRY_CAST(trim({}) AS double) IS NULL".to_owned()),
        Takes::Characters(most) => Some(format!("char_length(rtrim({{}})) > {most}")),
        Takes::Labels(labels) => {
            let labels: Vec<String> = labels.iter().map(|label| quoted(label)).collect();
            Some(format!("{{}} NOT IN ({})", labels.join(", ")))
        }
        Takes::Uuid => Some(format!("NOT regexp_like({{}}, {}, 'i')", quoted(UUID_PATTERN))),
        Takes::Whole(..)
        | Takes::Decimal(..)
        | Takes::Number
        | Takes::Boolean
        | Takes::Date
        | Takes::Anything => None,
    }
}

/// A text as a literal of the engine's SQL, in which a backslash has no special meaning.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Whether PostgreSQL reads a text as a UUID.
fn is_uuid(value: &str) -> bool {
    let value = value.trim();
    let value = value.strip_prefix('{').and_then(|v| v.strip_suffix('}')).unwrap_or(value);
    let digits: String = value.chars().filter(|c| *c != '-').collect();
    let mut digits_before = 0;
    let stand_well = value.chars().all(|c| match c {
        '-' => digits_before % 4 == 0 && digits_before > 0,
        _ => {
            digits_before += 1;
            true
        }
    });
    digits.len() == 32
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        && stand_well
        && !value.contains("--")
        && !value.ends_with('-')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::look::init::numbers::Numbers;

    fn column(type_name: &str, modifier: i32, labels: &[&str]) -> Column {
        Column {
            type_name: type_name.to_owned(),
            type_text: type_name.to_owned(),
            category: if matches!(type_name, "varchar" | "bpchar" | "text") { 'S' } else { 'U' },
            modifier,
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            ..Column::default()
        }
    }

    fn said(column: &Column, values: &[&str]) -> Option<String> {
        let mut profile = Profile { values: Some(BTreeMap::new()), ..Profile::default() };
        for value in values {
            *profile.values.get_or_insert_default().entry((*value).to_owned()).or_default() += 1;
            *profile.kinds.entry(Kind::of(value).0).or_default() += 1;
            profile.given += 1;
        }
        let written =
            Written { found: &[&profile], numbers: Numbers::Sure(Mark::Point), dates: None };
        misfit(column, &written)
    }

    #[test]
    fn values_that_a_type_does_not_take_are_counted() {
        let uuid = "00000000-0000-0000-0000-00000000000a";
        for (column, good, bad) in [
            (column("int2", -1, &[]), "32767", "40000"),
            (column("int4", -1, &[]), "-7", "2147483648"),
            (column("int8", -1, &[]), "1,234", "12.5"),
            (column("numeric", 4 + (4 << 16) + 2, &[]), "99.25", "100"),
            (column("float8", -1, &[]), "1e5", "$5"),
            (column("bool", -1, &[]), "yes", "maybe"),
            (column("date", -1, &[]), "2025-03-01", "soon"),
            (column("varchar", 7, &[]), "abc  ", "abcd"),
            (column("bpchar", 6, &[]), "DE", "DEU"),
            (column("uuid", -1, &[]), uuid, "7"),
            (column("mood", -1, &["fine", "none"]), "fine", "sad"),
        ] {
            let name = &column.type_name;
            assert_eq!(said(&column, &[good]), None, "{name}");
            let text = said(&column, &[good, bad, bad]).unwrap_or_default();
            assert!(text.starts_with("2 of 3 value(s)"), "{name}: {text}");
        }
        assert_eq!(said(&column("text", -1, &[]), &["x"]), None);
        assert!(is_known_to_the_server_alone(&column("inet", -1, &[])));
    }

    #[test]
    fn values_that_are_not_known_one_by_one_are_judged_by_their_ends() {
        let profile = Profile {
            given: 9,
            percentiles: vec![1.0, 40_000.0],
            kinds: BTreeMap::from([(Kind::Integer, 9)]),
            longest: 5,
            ..Profile::default()
        };
        let written =
            Written { found: &[&profile], numbers: Numbers::Sure(Mark::Point), dates: None };
        for (column, fits) in [
            (column("int2", -1, &[]), false),
            (column("int4", -1, &[]), true),
            (column("varchar", 8, &[]), false),
            (column("varchar", 9, &[]), true),
            (column("uuid", -1, &[]), false),
        ] {
            assert_eq!(misfit(&column, &written).is_none(), fits, "{}", column.type_name);
        }
    }
}

//! One file's column compared with the pool of the reference.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::measure::{
    SHIFTED, by_chance, is_absent_for_a_reason, rare_as_one, stability_index, sums,
};
use super::pool::{Pool, dominant, numbers_of, rank};
use crate::profile::Profile;
use crate::values::Kind;

/// A file's column is of another kind where the reference's kind has a lesser share in it.
const RETYPED: f64 = 0.5;
/// Fewer values than this that are of another kind or unknown may be chance.
const FEW: u64 = 5;
/// Distributions of fewer rows are not compared: what is known of chance does not hold for them.
const FEWEST_ROWS: f64 = 30.0;
/// So many values are told of a list.
const VALUES: usize = 5;

/// How the values of a file's column differ from those of the reference.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Difference {
    /// The file does not have the column.
    Absent,
    /// Most values could be read as another type.
    Retyped {
        /// The kind in the reference.
        usual: Kind,
        /// The kind in the file.
        here: Kind,
    },
    /// Dates are written in another format.
    DateFormat {
        /// The format in the reference.
        usual: String,
        /// The format in the file.
        here: String,
    },
    /// Values that the reference does not have.
    NewValues {
        /// The values.
        values: Vec<String>,
    },
    /// Values that the reference has and the file does not.
    GoneValues {
        /// The values.
        values: Vec<String>,
    },
    /// Text whose UTF-8 was taken for windows-1252 and encoded once more.
    EncodedTwice {
        /// How many values.
        values: u64,
        /// What some of them look like.
        shapes: Vec<String>,
    },
    /// A distribution that is another one.
    Shifted {
        /// Of what.
        of: Measured,
        /// The population stability index.
        index: f64,
    },
}

/// What a distribution is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measured {
    /// Empty, null-like and given values.
    Presence,
    /// Kinds of values.
    Kinds,
    /// Shapes of texts.
    Shapes,
    /// The values of a column that has few.
    Values,
    /// Numbers, in the reference's deciles.
    Numbers,
}

impl Difference {
    /// How much it means, from 1 for a shift to 3 for a column that is not there.
    pub fn level(&self) -> u8 {
        match self {
            Self::Absent => 3,
            Self::Shifted { .. } => 1,
            _ => 2,
        }
    }

    /// Whether two differences are the same one on two days.
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Shifted { of, .. }, Self::Shifted { of: other, .. }) => of == other,
            (Self::Retyped { .. } | Self::DateFormat { .. }, _) => self == other,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }

    /// Takes over what another day adds to the same difference.
    pub fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Shifted { index, .. }, Self::Shifted { index: other, .. }) => {
                *index = index.max(*other);
            }
            (Self::NewValues { values }, Self::NewValues { values: more })
            | (Self::GoneValues { values }, Self::GoneValues { values: more }) => {
                let known: BTreeSet<&String> = values.iter().collect();
                let new: Vec<String> =
                    more.iter().filter(|value| !known.contains(value)).cloned().collect();
                values.extend(new);
            }
            (Self::EncodedTwice { values, .. }, Self::EncodedTwice { values: more, .. }) => {
                *values += more;
            }
            _ => {}
        }
    }

    /// What it is, in a word or two.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Absent => "no column",
            Self::Retyped { .. } => "other type",
            Self::DateFormat { .. } => "other date format",
            Self::NewValues { .. } => "new values",
            Self::GoneValues { .. } => "values gone",
            Self::EncodedTwice { .. } => "encoded twice",
            Self::Shifted { of, .. } => match of {
                Measured::Presence => "empty values shifted",
                Measured::Kinds => "kinds shifted",
                Measured::Shapes => "shapes shifted",
                Measured::Values => "values shifted",
                Measured::Numbers => "numbers shifted",
            },
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("the file does not have the column"),
            Self::Retyped { usual, here } => write!(f, "{here}, {usual} in the reference"),
            Self::DateFormat { usual, here } => write!(f, "{here}, {usual} in the reference"),
            Self::NewValues { values } => {
                write!(f, "{}: nowhere else in the reference", some(values))
            }
            Self::GoneValues { values } => {
                write!(f, "{}: elsewhere in the reference, and not here", some(values))
            }
            Self::EncodedTwice { values, shapes } => write!(
                f,
                "{values} value(s) hold UTF-8 that was encoded once more, of shapes such as {}",
                some(shapes)
            ),
            Self::Shifted { index, .. } => write!(f, "PSI {index:.2}"),
        }
    }
}

fn some(values: &[String]) -> String {
    let shown: Vec<String> = values.iter().take(VALUES).map(|value| format!("{value:?}")).collect();
    match values.len().saturating_sub(VALUES) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// What a column does anyway, whatever its files are compared with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Habits {
    /// Whether its numbers rise or fall with the file date, as those of a sequence do.
    pub follows_the_date: bool,
    /// Whether most files have values that no other has.
    pub has_new_values_daily: bool,
}

/// What is usual for a column among the files that others are compared with.
#[derive(Clone, Debug, Default)]
pub struct Usual {
    /// What it does anyway.
    pub habits: Habits,
    /// The median index between a file and all others, by what is measured.
    pub index: BTreeMap<Measured, f64>,
}

/// A distribution counts as another one where its index is so many times the usual one.
const TIMES_USUAL: f64 = 3.0;

/// How a file's column differs from the reference.
pub fn compare(profile: &Profile, pool: &Pool, usual: &Usual) -> Vec<Difference> {
    let mut differences = Vec::new();
    let shift = |of: Measured, differences: &mut Vec<Difference>| {
        let Some(counts) = counts(of, profile, pool) else { return };
        let index = stability_index(&counts);
        let usual = usual.index.get(&of).copied().unwrap_or_default();
        let (file, reference) = sums(&counts);
        if file.min(reference) < FEWEST_ROWS {
            return;
        }
        if index > SHIFTED.max(by_chance(&counts)).max(TIMES_USUAL * usual) {
            differences.push(Difference::Shifted { of, index });
        }
    };
    shift(Measured::Presence, &mut differences);
    if let Some(difference) = retyped(profile, pool) {
        differences.push(difference);
        return differences;
    }
    let before = differences.len();
    if !usual.habits.has_new_values_daily {
        differences.extend(categories(profile, pool));
    }
    if differences.len() > before {
        return differences;
    }
    shift(Measured::Kinds, &mut differences);
    match &pool.dominant {
        _ if differences.len() > before => {}
        Some(kind) if kind.is_date() => {}
        Some(Kind::Integer | Kind::Decimal) if usual.habits.follows_the_date => {}
        Some(Kind::Integer | Kind::Decimal) if profile.values.is_none() => {
            shift(Measured::Numbers, &mut differences);
        }
        _ if profile.values.is_some()
            && pool.values.is_some()
            && usual.habits.has_new_values_daily => {}
        _ if profile.values.is_some() && pool.values.is_some() => {
            shift(Measured::Values, &mut differences);
        }
        Some(Kind::Text) => shift(Measured::Shapes, &mut differences),
        _ => {}
    }
    differences
}

/// Rows a class in the file and in the reference; `None` where there is nothing to compare.
pub fn counts(of: Measured, profile: &Profile, pool: &Pool) -> Option<Vec<(f64, f64)>> {
    let counts = match of {
        Measured::Presence => vec![
            (profile.empty as f64, pool.empty as f64),
            (profile.null_like as f64, pool.null_like as f64),
            (profile.given as f64, pool.given as f64),
        ],
        Measured::Kinds => by_key(&profile.kinds, &pool.kinds),
        // Where shapes are too many to be counted one by one, they say nothing.
        Measured::Shapes if profile.other_shapes > 0 => return None,
        Measured::Shapes => by_key(&profile.shapes, pool.shapes.as_ref()?),
        Measured::Values => by_key(profile.values.as_ref()?, pool.values.as_ref()?),
        Measured::Numbers => numbers(profile, pool)?,
    };
    let counts = rare_as_one(counts);
    let (file, reference) = sums(&counts);
    (counts.len() > 1 && file > 0.0 && reference > 0.0).then_some(counts)
}

fn by_key<K: Ord>(file: &BTreeMap<K, u64>, reference: &BTreeMap<K, u64>) -> Vec<(f64, f64)> {
    let keys: BTreeSet<&K> = file.keys().chain(reference.keys()).collect();
    let count = |rows: Option<&u64>| rows.copied().unwrap_or_default() as f64;
    keys.into_iter().map(|key| (count(file.get(key)), count(reference.get(key)))).collect()
}

/// Numbers in the deciles of the reference.
fn numbers(profile: &Profile, pool: &Pool) -> Option<Vec<(f64, f64)>> {
    if profile.percentiles.is_empty() || pool.deciles.is_empty() {
        return None;
    }
    let file = numbers_of(profile);
    let mut counts = Vec::new();
    let mut before = (0.0, 0.0);
    for (decile, reference) in &pool.deciles {
        let up_to = (rank(&profile.percentiles, *decile) * file, *reference);
        counts.push((up_to.0 - before.0, up_to.1 - before.1));
        before = up_to;
    }
    counts.push((file - before.0, pool.numbers - before.1));
    Some(counts)
}

fn retyped(profile: &Profile, pool: &Pool) -> Option<Difference> {
    let usual = pool.dominant.clone()?;
    let share = |rows: u64| rows as f64 / profile.given.max(1) as f64;
    let same = match &usual {
        Kind::Integer | Kind::Decimal => profile.numbers(),
        kind => profile.of_kind(kind),
    };
    let here = dominant(&profile.kinds, profile.given, RETYPED)?;
    if let (Kind::Integer, Kind::Decimal) = (&usual, &here) {
        let decimals = profile.of_kind(&Kind::Decimal);
        let has_none = !pool.kinds.contains_key(&Kind::Decimal);
        let is_new = has_none && is_absent_for_a_reason(decimals, profile.given, pool.given);
        return is_new.then_some(Difference::Retyped { usual, here });
    }
    if share(same) >= RETYPED || profile.given - same < FEW {
        return None;
    }
    match (usual, here) {
        (Kind::Date(usual), Kind::Date(here)) => Some(Difference::DateFormat { usual, here }),
        (usual, here) => Some(Difference::Retyped { usual, here }),
    }
}

/// Values that only the file has, and values that only the reference has, where that is no chance.
fn categories(profile: &Profile, pool: &Pool) -> Vec<Difference> {
    let (Some(values), Some(known)) = (&profile.values, &pool.values) else { return Vec::new() };
    if pool.dominant.as_ref().is_some_and(Kind::is_date) || pool.given == 0 || profile.given == 0 {
        return Vec::new();
    }
    let only =
        |these: &BTreeMap<String, u64>, those: &BTreeMap<String, u64>, all: u64, rows: u64| {
            let is_only = |(value, count): &(&String, &u64)| {
                **count >= FEW
                    && !those.contains_key(*value)
                    && is_absent_for_a_reason(**count, all, rows)
            };
            these.iter().filter(is_only).map(|(value, _)| value.clone()).collect::<Vec<_>>()
        };
    let new = only(values, known, profile.given, pool.given);
    let mut gone = only(known, values, pool.given, profile.given);
    let files = |value: &String| pool.files_having.get(value).copied().unwrap_or_default();
    gone.retain(|value| files(value) * 2 > pool.files as u64);
    let mut differences = Vec::new();
    if !new.is_empty() {
        differences.push(Difference::NewValues { values: new });
    }
    if !gone.is_empty() {
        differences.push(Difference::GoneValues { values: gone });
    }
    differences
}

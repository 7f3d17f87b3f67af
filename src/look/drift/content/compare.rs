//! Compares a column of one file with the pool of the reference.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::measure::{
    SHIFTED, by_chance, is_absent_for_a_reason, rare_as_one, stability_index, sums,
};
use super::pool::{Pool, dominant, numbers_of, rank};
use crate::profile::Profile;
use crate::values::Kind;

/// A file's column has another kind if a smaller share than this of its values has the reference's kind.
const RETYPED: f64 = 0.5;
/// Fewer values than this that are of another kind or unknown may be chance.
const FEW: u64 = 5;
/// Distributions of fewer rows than this are not compared: the limit for chance does not hold for them.
const FEWEST_ROWS: f64 = 30.0;
/// How many values of a list are shown.
const VALUES: usize = 5;
/// A distribution counts as shifted only if its index is more than this many times the usual one.
const TIMES_USUAL: f64 = 3.0;

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
    /// A distribution that differs.
    Shifted {
        /// What the distribution is of.
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
    /// Returns how serious it is, from 1 for a shift to 3 for a column that is missing.
    pub fn level(&self) -> u8 {
        match self {
            Self::Absent => 3,
            Self::Shifted { .. } => 1,
            _ => 2,
        }
    }

    /// Whether a difference of another day is the same one.
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Shifted { of, .. }, Self::Shifted { of: other, .. }) => of == other,
            (Self::Retyped { .. } | Self::DateFormat { .. }, _) => self == other,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }

    /// Adds what another day shows of the same difference.
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

    /// Returns its name, in a word or two.
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
                write!(f, "{}: not in the reference", some(values))
            }
            Self::GoneValues { values } => {
                write!(f, "{}: in the reference, but not here", some(values))
            }
            Self::EncodedTwice { values, shapes } => write!(
                f,
                "{values} value(s) were encoded as UTF-8 twice, with shapes such as {}",
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

/// Traits of a column that hold for all its files and must not be reported as drift.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Habits {
    /// Whether its numbers rise or fall with the file date, as those of a sequence do.
    pub follows_the_date: bool,
    /// Whether most files have values that no other has.
    pub has_new_values_daily: bool,
}

/// What is usual for a column among the files that others are compared with.
#[derive(Clone, Debug, Default)]
pub(super) struct Usual {
    /// Its traits.
    pub habits: Habits,
    /// The median index between a file and all others, by what is measured.
    pub index: BTreeMap<Measured, f64>,
}

/// Returns how a file's column differs from the reference.
pub(super) fn compare(profile: &Profile, pool: &Pool, usual: &Usual) -> Vec<Difference> {
    let mut differences = Vec::new();
    differences.extend(shifted(Measured::Presence, profile, pool, usual));
    if let Some(difference) = retyped(profile, pool) {
        differences.push(difference);
        return differences;
    }
    if !usual.habits.has_new_values_daily {
        let categories = categories(profile, pool);
        if !categories.is_empty() {
            differences.extend(categories);
            return differences;
        }
    }
    differences.extend(
        shifted(Measured::Kinds, profile, pool, usual)
            .or_else(|| shifted(distribution(profile, pool, usual.habits)?, profile, pool, usual)),
    );
    differences
}

/// Returns the shift of a distribution, if it is larger than chance and larger than usual.
fn shifted(of: Measured, profile: &Profile, pool: &Pool, usual: &Usual) -> Option<Difference> {
    let counts = counts(of, profile, pool)?;
    let (file, reference) = sums(&counts);
    if file.min(reference) < FEWEST_ROWS {
        return None;
    }
    let index = stability_index(&counts);
    let usual_index = usual.index.get(&of).copied().unwrap_or_default();
    let limit = SHIFTED.max(by_chance(&counts)).max(TIMES_USUAL * usual_index);
    (index > limit).then_some(Difference::Shifted { of, index })
}

/// Chooses which distribution of a column's values is compared, if any.
fn distribution(profile: &Profile, pool: &Pool, habits: Habits) -> Option<Measured> {
    match &pool.dominant {
        Some(kind) if kind.is_date() => None,
        Some(Kind::Integer | Kind::Decimal) if habits.follows_the_date => None,
        Some(Kind::Integer | Kind::Decimal) if profile.values.is_none() => Some(Measured::Numbers),
        _ if profile.values.is_some() && pool.values.is_some() => {
            (!habits.has_new_values_daily).then_some(Measured::Values)
        }
        Some(Kind::Text) => Some(Measured::Shapes),
        _ => None,
    }
}

/// Returns the rows per class in the file and in the reference; `None` if there is nothing to compare.
pub(super) fn counts(of: Measured, profile: &Profile, pool: &Pool) -> Option<Vec<(f64, f64)>> {
    let counts = match of {
        Measured::Presence => vec![
            (profile.empty as f64, pool.empty as f64),
            (profile.null_like as f64, pool.null_like as f64),
            (profile.given as f64, pool.given as f64),
        ],
        Measured::Kinds => by_key(&profile.kinds, &pool.kinds),
        // If there are too many shapes to be counted individually, they cannot be compared.
        Measured::Shapes if profile.other_shapes > 0 => return None,
        Measured::Shapes => by_key(&profile.shapes, pool.shapes.as_ref()?),
        Measured::Values => by_key(profile.values.as_ref()?, pool.values.as_ref()?),
        Measured::Numbers => numbers(profile, pool)?,
    };
    let merged = rare_as_one(counts);
    let (file, reference) = sums(&merged);
    (merged.len() > 1 && file > 0.0 && reference > 0.0).then_some(merged)
}

fn by_key<K: Ord>(file: &BTreeMap<K, u64>, reference: &BTreeMap<K, u64>) -> Vec<(f64, f64)> {
    let keys: BTreeSet<&K> = file.keys().chain(reference.keys()).collect();
    keys.into_iter().map(|key| (rows_of(file, key), rows_of(reference, key))).collect()
}

fn rows_of<K: Ord>(rows: &BTreeMap<K, u64>, key: &K) -> f64 {
    rows.get(key).copied().unwrap_or_default() as f64
}

/// Counts the numbers in the deciles of the reference.
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

/// Returns the difference if most values are of another kind than in the reference.
fn retyped(profile: &Profile, pool: &Pool) -> Option<Difference> {
    let usual = pool.dominant.clone()?;
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
    let share = same as f64 / profile.given.max(1) as f64;
    if share >= RETYPED || profile.given - same < FEW {
        return None;
    }
    match (usual, here) {
        (Kind::Date(usual), Kind::Date(here)) => Some(Difference::DateFormat { usual, here }),
        (usual, here) => Some(Difference::Retyped { usual, here }),
    }
}

/// Returns the values that only the file has, and those that only the reference has, if that is not chance.
fn categories(profile: &Profile, pool: &Pool) -> Vec<Difference> {
    let (Some(values), Some(known)) = (&profile.values, &pool.values) else { return Vec::new() };
    if pool.dominant.as_ref().is_some_and(Kind::is_date) || pool.given == 0 || profile.given == 0 {
        return Vec::new();
    }
    let here = Categories { rows: values, given: profile.given };
    let usual = Categories { rows: known, given: pool.given };
    let new = here.missing_in(&usual);
    let mut gone = usual.missing_in(&here);
    // A value that few files of the reference have may be missing in others.
    gone.retain(|value| rows_of(&pool.files_having, value) * 2.0 > pool.files as f64);
    let mut differences = Vec::new();
    if !new.is_empty() {
        differences.push(Difference::NewValues { values: new });
    }
    if !gone.is_empty() {
        differences.push(Difference::GoneValues { values: gone });
    }
    differences
}

/// The values of a column that has few, with the rows that have each.
struct Categories<'a> {
    rows: &'a BTreeMap<String, u64>,
    /// The rows that have any value.
    given: u64,
}

impl Categories<'_> {
    /// Returns the values that others lack although, by chance, they would have them.
    fn missing_in(&self, others: &Self) -> Vec<String> {
        let absent = self.rows.iter().filter(|(value, _)| !others.rows.contains_key(*value));
        let significant = absent.filter(|(_, rows)| {
            **rows >= FEW && is_absent_for_a_reason(**rows, self.given, others.given)
        });
        significant.map(|(value, _)| value.clone()).collect()
    }
}

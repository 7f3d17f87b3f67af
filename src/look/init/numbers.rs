//! The **decimal mark** of a column of numbers. In `1,125` the comma is a decimal mark, or it separates
//! thousands: other values of the column decide, or else the other columns of the files. If neither does, the mark
//! is reported as a guess.

use crate::profile::Profile;
use crate::values::{Kind, Mark};

/// How the numbers of a column are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    /// With this mark: its values show it, or they read the same with either mark.
    Sure(Mark),
    /// With this mark, because other columns have it.
    AsOthers(Mark),
    /// With a point, because nothing shows the mark.
    Guessed,
    /// Some values are numbers only with the one mark, some only with the other.
    Mixed,
}

impl Numbers {
    /// The mark; `None` if the values have both.
    pub(super) fn mark(self) -> Option<Mark> {
        match self {
            Self::Sure(mark) | Self::AsOthers(mark) => Some(mark),
            Self::Guessed => Some(Mark::Point),
            Self::Mixed => None,
        }
    }
}

/// What the numbers of some profiles show about the mark.
#[derive(Clone, Copy, Debug, Default)]
struct Evidence {
    point: bool,
    comma: bool,
    /// Some number has a single mark with three digits behind it.
    unclear: bool,
}

impl Evidence {
    fn of(found: &[&Profile]) -> Self {
        let mut evidence = Self::default();
        for profile in found {
            if profile.numbers() > 0 {
                for shape in profile.shapes.keys() {
                    evidence.take(shape);
                }
                evidence.point |= is_below_one(profile);
            }
            evidence.comma |= profile.of_kind(&Kind::CommaDecimal) > 0;
        }
        evidence
    }

    /// Takes the shape of a number: `9`, `9.99`, `9,999`.
    fn take(&mut self, shape: &str) {
        let digits: String = shape.chars().filter(|c| matches!(c, '9' | '.' | ',')).collect();
        let marks: Vec<char> = digits.chars().filter(|c| *c != '9').collect();
        let Some((whole, rest)) = digits.split_once(['.', ',']) else { return };
        let is_group = (1..=3).contains(&whole.len()) && rest.len() == 3;
        match marks.as_slice() {
            [_] if is_group => self.unclear = true,
            ['.'] => self.point = true,
            // `9,99` is of the kind `CommaDecimal`, which is counted by itself.
            [','] => {}
            [',', .., '.'] => self.point = true,
            [first, ..] if marks.iter().all(|mark| mark == first) => self.point |= *first == ',',
            _ => {}
        }
    }

    fn mark(self) -> Option<Mark> {
        match (self.point, self.comma) {
            (true, false) => Some(Mark::Point),
            (false, true) => Some(Mark::Comma),
            _ => None,
        }
    }
}

/// Whether a number is between 0 and 1, so that the digits behind its 0 are decimals.
fn is_below_one(profile: &Profile) -> bool {
    let ends = [profile.percentiles.first(), profile.percentiles.last()];
    ends.into_iter().flatten().any(|number| *number != 0.0 && number.abs() < 1.0)
}

/// The mark that the columns of the files have in common, and the names of the columns that show it.
pub(super) fn common_mark<'a>(
    columns: &[(&'a str, Vec<&Profile>)],
) -> Option<(Mark, Vec<&'a str>)> {
    let marks = columns.iter().filter_map(|(name, found)| Some((*name, mark_of_numbers(found)?)));
    let marks: Vec<(&str, Mark)> = marks.collect();
    let (_, mark) = *marks.first()?;
    let names = marks.iter().map(|(name, _)| *name).collect();
    marks.iter().all(|(_, other)| *other == mark).then_some((mark, names))
}

/// The mark that a column shows, if all of its values are numbers.
fn mark_of_numbers(found: &[&Profile]) -> Option<Mark> {
    let are_numbers = found
        .iter()
        .all(|profile| profile.numbers() + profile.of_kind(&Kind::CommaDecimal) == profile.given);
    Evidence::of(found).mark().filter(|_| are_numbers)
}

/// How the numbers of a column are read, among others that have this mark in common.
pub(super) fn numbers(found: &[&Profile], common: Option<Mark>) -> Numbers {
    let evidence = Evidence::of(found);
    match (evidence.point, evidence.comma, evidence.unclear, common) {
        (true, true, _, _) => Numbers::Mixed,
        (false, true, _, _) => Numbers::Sure(Mark::Comma),
        (false, false, true, Some(mark)) => Numbers::AsOthers(mark),
        (false, false, true, None) => Numbers::Guessed,
        _ => Numbers::Sure(Mark::Point),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(values: &[(&str, &str)]) -> Profile {
        let mut profile = Profile::default();
        for (kind, shape) in values {
            *profile.kinds.entry(Kind::from((*kind).to_owned())).or_default() += 1;
            *profile.shapes.entry((*shape).to_owned()).or_default() += 1;
            profile.given += 1;
        }
        profile
    }

    fn common(columns: &[(&'static str, &Profile)]) -> Option<(Mark, Vec<&'static str>)> {
        let columns: Vec<_> = columns.iter().map(|(name, found)| (*name, vec![*found])).collect();
        common_mark(&columns)
    }

    #[test]
    fn three_digits_behind_a_mark_are_settled_by_other_values_and_columns() {
        let total = profile(&[("decimal comma", "9.999,99")]);
        let rate = profile(&[("decimal comma", "9,9"), ("integer", "9,999")]);
        let qty = profile(&[("decimal", "9.999"), ("integer", "999")]);
        let money = profile(&[("decimal", "9,999.99"), ("integer", "9,999")]);
        let unclear = profile(&[("integer", "9,999")]);
        assert_eq!(
            common(&[("total", &total), ("rate", &rate), ("qty", &qty)]),
            Some((Mark::Comma, vec!["total", "rate"]))
        );
        assert_eq!(
            common(&[("money", &money), ("x", &unclear)]),
            Some((Mark::Point, vec!["money"]))
        );
        assert_eq!(common(&[("total", &total), ("money", &money)]), None);
        assert_eq!(common(&[("qty", &qty), ("x", &unclear)]), None);
        assert_eq!(numbers(&[&rate], None), Numbers::Sure(Mark::Comma));
        assert_eq!(numbers(&[&qty], Some(Mark::Comma)), Numbers::AsOthers(Mark::Comma));
        assert_eq!(numbers(&[&qty], None), Numbers::Guessed);
        assert_eq!(numbers(&[&unclear], Some(Mark::Point)), Numbers::AsOthers(Mark::Point));
        assert_eq!(numbers(&[&money], Some(Mark::Comma)), Numbers::Sure(Mark::Point));
        assert_eq!(numbers(&[&money, &total], None), Numbers::Mixed);
        assert_eq!(
            numbers(&[&profile(&[("integer", "9,999,999"), ("integer", "9,999")])], None),
            Numbers::Sure(Mark::Point)
        );
        let mut below = profile(&[("decimal", "9.999")]);
        below.percentiles = vec![0.25, 3.5];
        assert_eq!(numbers(&[&below], None), Numbers::Sure(Mark::Point));
    }
}

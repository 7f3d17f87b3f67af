//! A key pattern that is guessed from keys: where the date stands, and what else is the same in all keys. A reason for
//! another pattern is a doubt; if two patterns are as likely, neither is guessed.

use std::collections::BTreeSet;

use super::candidate::{Candidate, candidate};
use super::day_part::{DayPart, day_part};
use super::forms::{self, Form};
use crate::domain::KeyPattern;

/// How many texts of a key that look like dates are tried.
const TRIED: usize = 3;
/// How many other patterns a doubt names.
const OTHERS: usize = 2;

/// A pattern that is guessed, and what makes it doubtful.
#[derive(Clone, Debug)]
pub(super) struct Guessed {
    /// The pattern.
    pub pattern: KeyPattern,
    /// Reasons against it, or for another pattern.
    pub doubts: Vec<String>,
}

/// Keys whose dates can be read in two ways, and nothing shows which is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecided {
    /// Each way, for people.
    pub readings: Vec<String>,
}

/// Guesses the pattern that finds the date in as many of the keys as possible; `None` if no key has a date.
///
/// # Errors
/// [`Undecided`] if the keys of a month differ by a number that may be the day, or that of a part.
pub(super) fn guess(keys: &[&str]) -> Result<Option<Guessed>, Undecided> {
    let candidates = match candidates(keys, forms::days()) {
        of_days if of_days.is_empty() => candidates(keys, forms::others()),
        of_days => of_days,
    };
    let Some(place) = best(&candidates) else { return Ok(None) };
    let months = &candidates[place];
    let others = others(&candidates, months);
    match day_part(keys, months) {
        DayPart::Day { day, is_sure: true } => Ok(Some(guessed(&day, &[]))),
        DayPart::Day { day, is_sure: false } => Ok(Some(guessed(&day, &[months]))),
        DayPart::Undecided(day) => {
            let other = day.map_or_else(
                || "with the number beside the month as the day, or without a date".to_owned(),
                |day| day.reading(),
            );
            Err(Undecided { readings: vec![months.reading(), other] })
        }
        DayPart::None => Ok(Some(guessed(months, &others))),
    }
}

/// The patterns that find a date in any key, for each form and each place of the date.
fn candidates(keys: &[&str], forms: impl Iterator<Item = Form>) -> Vec<Candidate> {
    let mut found = Vec::new();
    for form in forms {
        for place in 0..TRIED {
            found.extend(candidate(keys, &form, place));
        }
    }
    found
}

/// The place of the candidate that finds a date in most keys; among these, that with most different dates, and then
/// the first.
fn best(candidates: &[Candidate]) -> Option<usize> {
    let ranks = candidates.iter().map(|candidate| (candidate.count(), candidate.days().len()));
    let ranks = ranks.enumerate();
    let best = ranks.reduce(|best, other| if other.1 > best.1 { other } else { best });
    best.map(|(place, _)| place)
}

/// The candidates that find a date in as many keys as the best one, but other dates.
fn others<'a>(candidates: &'a [Candidate], best: &Candidate) -> Vec<&'a Candidate> {
    let mut others: Vec<&Candidate> = Vec::new();
    for other in candidates {
        let is_known = others.iter().any(|known| known.dates == other.dates);
        let is_as_good = other.count() == best.count() && other.dates != best.dates;
        if is_as_good && !is_known && may_be_weeks(other) {
            others.push(other);
        }
    }
    others
}

/// Whether two digits behind the year, none above 12, may be weeks. If the keys are of several years, they are months:
/// some weeks would be above 12.
fn may_be_weeks(candidate: &Candidate) -> bool {
    let dates = candidate.dates.iter().flatten();
    let years: BTreeSet<String> =
        dates.map(|dates| dates.covered.end().0.format("%G").to_string()).collect();
    !candidate.form.is_of_bare_weeks() || years.len() == 1
}

/// The guess for the candidate that is taken, with its doubts; `others` would find as many dates.
fn guessed(taken: &Candidate, others: &[&Candidate]) -> Guessed {
    let mut doubts = Vec::new();
    let text = &taken.form.text;
    let what = match () {
        () if text.contains("{from:") => {
            Some("the two dates of a key are read as the first and the last day of a period")
        }
        () if text.contains("%s") => {
            Some("the ten digits in the keys are read as seconds since 1970")
        }
        () if text.contains("%j") => {
            Some("the three digits after the year are read as the day of the year")
        }
        () if taken.form.is_of_bare_weeks() => Some(
            "the two digits after the year are read as the number of an ISO week, because some are above 12",
        ),
        () => None,
    };
    doubts.extend(what.map(|what| format!("{what}: a guess")));
    if !others.is_empty() {
        let readings: Vec<String> =
            others.iter().take(OTHERS).map(|other| other.reading()).collect();
        doubts.push(format!(
            "nothing in the keys decides how to read the date: {} would also find a date in as many keys; use that \
             pattern if it is the right one",
            readings.join(" or ")
        ));
    }
    Guessed { pattern: taken.pattern.clone(), doubts }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(keys: &[&str]) -> Option<String> {
        guess(keys).expect("decided").map(|guessed| guessed.pattern.to_string())
    }

    #[test]
    fn keys_of_vendors_give_their_patterns() {
        for (keys, pattern) in [
            (
                &["report_2025-09-22T1849_8f3a.csv", "report_2025-09-23T1850_77b1.csv"][..],
                "report_{date:%Y-%m-%d}T*.csv",
            ),
            (&["report_2025-09-22T1849_8f3a.csv"], "report_{date:%Y-%m-%d}T*.csv"),
            (&["2025/12/01/x.csv", "2025/12/02/x.csv"], "{date:%Y/%m/%d}/x.csv"),
            (&["dt=2025-12-01/x.csv", "_SUCCESS"], "dt={date:%Y-%m-%d}/x.csv"),
            (&["o-20251201.csv.gz", "o-20251202.csv.gz"], "o-{date:%Y%m%d}.csv.gz"),
            (&["a/2025-12-01.csv", "b/2025-12-02.CSV"], "**{date:%Y-%m-%d}.*"),
        ] {
            assert_eq!(guessed(keys).as_deref(), Some(pattern), "{keys:?}");
        }
        for (keys, pattern) in [
            (
                &["year=2025/month=9/day=5/p-0.csv", "year=2025/month=10/day=12/p-0.csv"][..],
                "year={date:%Y/month=%-m/day=%-d}/p-**.csv",
            ),
            (&["export_1733011200.csv", "export_1733097600.csv"], "export_{date:%s}.csv"),
            (&["bat_2025-01.csv", "bat_2025-02.csv"], "bat_{date:%Y-%m}.csv"),
            (&["2025-W01.csv", "2025-W02.csv"], "{date:%G-W%V}.csv"),
            (&["x_5-Mar-2025.csv", "x_12-Mar-2025.csv"], "x_{date:%-d-%b-%Y}.csv"),
            (&["acct_10231204_20250301.csv"], "acct_**{date:%Y%m%d}.csv"),
            (&["20250601-20250609/part0.csv"], "{from:%Y%m%d}-{date:%Y%m%d}/part**.csv"),
            // One day among months does not make them days, nor the other way round.
            (&["x_2025-03.csv", "x_2025-04.csv", "x_2025-04-01.csv"], "x_{date:%Y-%m-%d}.csv"),
        ] {
            assert_eq!(guessed(keys).as_deref(), Some(pattern), "{keys:?}");
        }
    }

    #[test]
    fn days_of_the_year_weeks_and_days_in_another_part_of_the_key_are_found() {
        for (keys, pattern) in [
            (&["2025/060.csv", "2025/075.csv"][..], "{date:%Y/%j}.csv"),
            (&["2025-060.csv", "2025-075.csv"], "{date:%Y-%j}.csv"),
            (&["x_2025060.csv", "x_2025075.csv"], "x_{date:%Y%j}.csv"),
            (&["2025-01.csv", "2025-29.csv"], "{date:%G-%V}.csv"),
            (&["2025-Mar-01.csv", "2025-Mar-02.csv"], "{date:%Y-%b-%-d}.csv"),
            (&["2025Mar01.csv", "2025Mar12.csv"], "{date:%Y%b%-d}.csv"),
            (&["2025-March.csv", "2025-April.csv"], "{date:%Y-%B}.csv"),
            (&["2025/0301.csv", "2025/0302.csv"], "{date:%Y/%m%d}.csv"),
            (&["2025/03/day01.csv"], "{date:%Y/%m/day%-d}.csv"),
            (&["2025-03/01.csv", "2025-03/02.csv"], "{date:%Y-%m/%-d}.csv"),
            (&["2025/03/r-01.csv", "2025/03/r-31.csv"], "{date:%Y/%m/r-%-d}.csv"),
            (&["2025/03/part-01.csv", "2025/03/part-02.csv"], "{date:%Y/%m}/part-**.csv"),
            (&["2025/03/r-01.csv", "2025/04/r-01.csv"], "{date:%Y/%m}/r-**.csv"),
            (&["x_20250301123000.csv", "x_20250302123000.csv"], "x_{date:%Y%m%d}*.csv"),
            (
                &["run_20250601/2025-03-01.csv", "run_20250601/2025-03-02.csv"],
                "run_**{date:%Y-%m-%d}.csv",
            ),
        ] {
            assert_eq!(guessed(keys).as_deref(), Some(pattern), "{keys:?}");
        }
    }

    #[test]
    fn what_no_calendar_has_decides() {
        // Only one of the orders reads the thirteenth.
        assert_eq!(
            guessed(&["o_12-12-2025.csv", "o_12-13-2025.csv"]).as_deref(),
            Some("o_{date:%m-%d-%Y}.csv")
        );
        assert_eq!(
            guessed(&["o_12-12-2025.csv", "o_13-12-2025.csv"]).as_deref(),
            Some("o_{date:%d-%m-%Y}.csv")
        );
        for keys in [
            &["_SUCCESS", "x.csv"][..],
            // Numbers above 53 behind a year are neither months nor weeks.
            &["2025-01.csv", "2025-60.csv"],
            &["2025-Marketing.csv"],
            // Numbers that follow each other are not seconds, and neither are those of other centuries.
            &["o_1741305600.csv", "o_1741305601.csv", "o_1741305602.csv"],
            &["o_1741305600.csv", "o_4839201745.csv"],
            &["o_0000012345.csv"],
            &["o_1000000001.csv", "o_1000004711.csv", "o_1000009999.csv"],
        ] {
            assert_eq!(guessed(keys), None, "{keys:?}");
        }
    }

    /// What makes the guess doubtful.
    fn doubts(keys: &[&str]) -> String {
        guess(keys).expect("decided").map(|guessed| guessed.doubts.join("\n")).unwrap_or_default()
    }

    #[test]
    fn what_could_be_read_otherwise_is_a_doubt() {
        for (keys, words) in [
            (&["2025-01.csv", "2025-02.csv"][..], "'{date:%G-%V}.csv' (file dates 2024-12-30 to"),
            (&["01-01-2025.csv", "12-01-2025.csv"], "'{date:%d-%m-%Y}.csv' (file dates 2025-01-01"),
            (&["2025-01.csv", "2025-29.csv"], "number of an ISO week"),
            (&["2025/060.csv"], "day of the year"),
            (&["e_1741305600.csv", "e_1741392000.csv"], "seconds since 1970"),
            (&["20250601-20250609/0.csv"], "first and the last day of a period"),
            (&["2025-03_01.csv", "2025-03_02.csv"], "'{date:%Y-%m}_*.csv' (file dates"),
        ] {
            let said = doubts(keys);
            assert!(said.contains(words), "{keys:?}: {said}");
        }
        for keys in [
            &["2024-01.csv", "2024-12.csv", "2025-01.csv"][..],
            &["report_2025-09-22T1849_8f3a.csv"],
            &["12-31-2025.csv", "01-31-2025.csv"],
            &["2025/03/day01.csv", "2025/03/day02.csv"],
        ] {
            assert_eq!(doubts(keys), "", "{keys:?}");
        }
    }

    #[test]
    fn a_number_that_may_be_the_day_or_that_of_a_part_is_not_guessed() {
        for keys in
            [&["2025/02/29.csv"][..], &["2025-02-30.csv"], &["3_2025-03.csv", "4_2025-03.csv"]]
        {
            let Undecided { readings } = guess(keys).expect_err("undecided");
            assert!(readings[1].contains("beside the month"), "{keys:?}: {readings:?}");
        }
        let Undecided { readings } =
            guess(&["2025/03/r-01.csv", "2025/03/r-02.csv"]).expect_err("undecided");
        assert_eq!(
            readings,
            [
                "--key '{date:%Y/%m}/r-**.csv' (file dates 2025-03-01 to 2025-03-01)",
                "--key '{date:%Y/%m/r-%-d}.csv' (file dates 2025-03-01 to 2025-03-02)",
            ]
        );
    }
}

//! The **findings** of a listing: days without a file or with several, objects that look like exports and are not
//! read, and dates that are far from all others.

use std::collections::BTreeMap;

use chrono::Utc;

use super::SourceFile;
use super::listing::{Ignored, Reason};
use crate::domain::{Dataset, DateRange, EXAMPLES, FileDate, Finding, KeyDates, KeyFault};
use crate::values::natural_order;

/// Dates are far apart if there are more days than this between them: two years.
const FAR_DAYS: i64 = 731;
/// A date is in the future if it is more days than this after today: time zones differ, and a file may be for the
/// day after.
const DAYS_AHEAD: u64 = 3;
/// Files have far dates only if they are at most one in this many of the files in the years that have most.
const FEW: usize = 3;

/// Returns what a person should know about a range. `dated` are all files with bytes, whatever their dates.
pub(super) fn findings(
    dataset: &Dataset,
    range: DateRange,
    files: &[SourceFile],
    ignored: &[Ignored],
    dated: &[(String, KeyDates)],
) -> Vec<Finding> {
    let mut findings = missing_days(dataset, range, dated);
    findings.extend(several_files(files));
    for object in ignored.iter().filter(|object| object.reason == Reason::ZeroBytes) {
        findings.push(Finding::ZeroBytes { key: object.key.clone() });
    }
    findings.extend(without_date(ignored));
    findings.extend(unusable(ignored));
    let far = far_dates(dated);
    let future = future_dates(dated, FileDate(Utc::now().date_naive()));
    // A date that is years away from other files is reported once.
    let is_reported_as_far = matches!((&far, &future), (
        Some(Finding::FarDates { examples, count }),
        Some(Finding::FutureDates { examples: others, count: other }),
    ) if examples == others && count == other);
    findings.extend(future.filter(|_| !is_reported_as_far));
    findings.extend(far);
    findings
}

/// Returns what is due by the dataset's cadence and has no file. Files outside the range show on which weekday
/// files come, and may cover days in it.
fn missing_days(dataset: &Dataset, range: DateRange, dated: &[(String, KeyDates)]) -> Vec<Finding> {
    let every = dataset.every;
    let dates: Vec<KeyDates> = dated.iter().map(|(_, dates)| *dates).collect();
    let runs = every.joined(every.missing(&dates, range)).into_iter();
    runs.map(|run| Finding::MissingDays { from: run.start(), to: run.end(), every }).collect()
}

/// Returns the days with several files, each with its keys in natural order.
fn several_files(files: &[SourceFile]) -> Vec<Finding> {
    let mut by_day: BTreeMap<FileDate, Vec<String>> = BTreeMap::new();
    for file in files {
        by_day.entry(file.date).or_default().push(file.key.clone());
    }
    by_day.retain(|_, keys| keys.len() > 1);
    for keys in by_day.values_mut() {
        keys.sort_by_cached_key(|key| natural_order(key));
    }
    by_day.into_iter().map(|(date, keys)| Finding::SeveralFiles { date, keys }).collect()
}

fn without_date(ignored: &[Ignored]) -> Option<Finding> {
    let missed: Vec<&Ignored> =
        ignored.iter().filter(|object| may_be_missed_export(object)).collect();
    let examples = missed.iter().take(EXAMPLES).map(|object| object.key.clone()).collect();
    let count = missed.len();
    (count > 0).then_some(Finding::KeysWithoutDate { count, examples })
}

/// Whether an ignored object could be an export that the pattern does not find: it has bytes and is not a marker
/// such as `_SUCCESS`.
fn may_be_missed_export(object: &Ignored) -> bool {
    let name = object.key.rsplit('/').next().unwrap_or(&object.key);
    object.reason.is_undated() && object.size > 0 && !name.starts_with(['_', '.'])
}

/// Returns the objects that cannot be read by their keys. The markers of folders do not count.
fn unusable(ignored: &[Ignored]) -> Option<Finding> {
    let unusable = ignored.iter().filter_map(|object| match object.reason {
        Reason::UnusableKey(KeyFault::TrailingSlash) if object.size == 0 => None,
        Reason::UnusableKey(fault) => Some(format!("{} ({fault})", object.key)),
        _ => None,
    });
    let unusable: Vec<String> = unusable.collect();
    let count = unusable.len();
    let examples = unusable.into_iter().take(EXAMPLES).collect();
    (count > 0).then_some(Finding::UnusableKeys { count, examples })
}

/// Returns the files whose dates have not come yet.
fn future_dates(dated: &[(String, KeyDates)], today: FileDate) -> Option<Finding> {
    let last = today.plus_days(DAYS_AHEAD);
    let mut future = by_date(dated);
    future.retain(|(date, _)| *date > last);
    let (count, examples) = (future.len(), examples(&future));
    (count > 0).then_some(Finding::FutureDates { count, examples })
}

/// Returns the files whose dates are far from those of the years that have most files.
fn far_dates(dated: &[(String, KeyDates)]) -> Option<Finding> {
    let files = by_date(dated);
    let years: Vec<&[(FileDate, &str)]> =
        files.chunk_by(|(a, _), (b, _)| (b.0 - a.0).num_days() <= FAR_DAYS).collect();
    let most = years.iter().map(|files| files.len()).max()?;
    let few = years.into_iter().filter(|files| files.len() * FEW <= most);
    let far: Vec<(FileDate, &str)> = few.flatten().copied().collect();
    let (count, examples) = (far.len(), examples(&far));
    (count > 0).then_some(Finding::FarDates { count, examples })
}

/// Returns files with their dates, in the order of these.
fn by_date(dated: &[(String, KeyDates)]) -> Vec<(FileDate, &str)> {
    let mut files: Vec<(FileDate, &str)> =
        dated.iter().map(|(key, dates)| (dates.date, key.as_str())).collect();
    files.sort_unstable();
    files
}

/// Names the first of some files.
fn examples(files: &[(FileDate, &str)]) -> Vec<String> {
    files.iter().take(EXAMPLES).map(|(date, key)| format!("{key} ({date})")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> FileDate {
        text.parse().expect("a day")
    }

    fn dated(dates: &[&str]) -> Vec<(String, KeyDates)> {
        let files = dates.iter().map(|date| (format!("x_{date}.csv"), KeyDates::of_day(day(date))));
        files.collect()
    }

    fn far(dates: &[&str]) -> Option<String> {
        far_dates(&dated(dates)).map(|finding| finding.to_string())
    }

    /// What is reported on 7 March 2025.
    fn future(dates: &[&str]) -> Option<String> {
        future_dates(&dated(dates), day("2025-03-07")).map(|finding| finding.to_string())
    }

    fn unusable_object(key: &str, size: u64, fault: KeyFault) -> Ignored {
        Ignored { key: key.to_owned(), size, reason: Reason::UnusableKey(fault) }
    }

    #[test]
    fn dates_that_are_years_away_from_most_are_found() {
        let found = far(&["1955-01-01", "2025-03-01", "2025-03-02", "2025-03-03", "2052-03-04"]);
        assert_eq!(
            found.as_deref(),
            Some(
                "2 file(s) have dates that are years away from those of most files: x_1955-01-01.csv \
                 (1955-01-01), x_2052-03-04.csv (2052-03-04); check that these digits are dates"
            )
        );
        assert_eq!(far(&["2015-01-01", "2025-03-01"]), None, "neither is most");
        assert_eq!(far(&["2024-01-01", "2025-03-01", "2025-03-02", "2025-03-03"]), None);
        assert_eq!(far(&[]), None);
    }

    #[test]
    fn dates_that_have_not_come_yet_are_found_also_of_a_single_file() {
        assert_eq!(
            future(&["2025-12-03"]).as_deref(),
            Some(
                "1 file(s) have dates in the future: x_2025-12-03.csv (2025-12-03); check that these digits \
                 are dates, and in this order"
            )
        );
        assert_eq!(future(&["2025-03-06", "2025-03-10"]), None);
    }

    #[test]
    fn keys_that_cannot_be_read_are_named_and_markers_of_folders_are_not() {
        let marker = unusable_object("x/", 0, KeyFault::TrailingSlash);
        assert_eq!(unusable(std::slice::from_ref(&marker)), None);
        let ignored = [marker, unusable_object("x//r.csv", 1, KeyFault::DoubleSlash)];
        assert_eq!(
            unusable(&ignored).expect("a finding").to_string(),
            "an object cannot be read: x//r.csv (the key has two slashes in a row); rename it"
        );
    }
}

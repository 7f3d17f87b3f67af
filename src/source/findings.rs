//! What **findings** a listing has: days without a file or with several, objects that are not read although they
//! look like exports, and dates that are far from all others.

use std::collections::BTreeMap;

use chrono::Utc;

use super::SourceFile;
use super::listing::{Ignored, Reason};
use crate::domain::{Dataset, DateRange, EXAMPLES, FileDate, Finding, KeyDates, KeyFault};
use crate::values::natural_order;

/// Dates are far from others if there are more days between them: two years.
const FAR_DAYS: i64 = 731;
/// A date has not come yet if it is so many days after today: zones differ, and a file may be of the day after.
const DAYS_AHEAD: u64 = 3;
/// Files with far dates are at most this share of those in the years that have most: a third.
const FEW: usize = 3;

/// What a person should know about a range. `dated` are all files with bytes, whatever their dates.
pub fn findings(
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
    let is_told = matches!((&far, &future), (
        Some(Finding::FarDates { examples, count }),
        Some(Finding::FutureDates { examples: others, count: other }),
    ) if examples == others && count == other);
    findings.extend(future.filter(|_| !is_told));
    findings.extend(far);
    findings
}

/// What is due by the dataset's cadence and has no file. Files outside the range tell on which weekday files
/// come, and may cover days in it.
fn missing_days(dataset: &Dataset, range: DateRange, dated: &[(String, KeyDates)]) -> Vec<Finding> {
    let every = dataset.every;
    let dates: Vec<KeyDates> = dated.iter().map(|(_, dates)| *dates).collect();
    let runs = every.joined(every.missing(&dates, range));
    let finding = |run: DateRange| Finding::MissingDays { from: run.start(), to: run.end(), every };
    runs.into_iter().map(finding).collect()
}

/// The days with several files, each with their keys in natural order.
fn several_files(files: &[SourceFile]) -> Vec<Finding> {
    let mut by_day: BTreeMap<FileDate, Vec<String>> = BTreeMap::new();
    for file in files {
        by_day.entry(file.date).or_default().push(file.key.clone());
    }
    by_day.retain(|_, keys| keys.len() > 1);
    let finding = |(date, mut keys): (FileDate, Vec<String>)| {
        keys.sort_by_cached_key(|key| natural_order(key));
        Finding::SeveralFiles { date, keys }
    };
    by_day.into_iter().map(finding).collect()
}

fn without_date(ignored: &[Ignored]) -> Option<Finding> {
    let missed: Vec<&Ignored> =
        ignored.iter().filter(|object| may_be_missed_export(object)).collect();
    let examples = missed.iter().take(EXAMPLES).map(|object| object.key.clone()).collect();
    let count = missed.len();
    (count > 0).then_some(Finding::KeysWithoutDate { count, examples })
}

/// Whether an ignored object could be an export that the pattern fails to see: it has bytes and
/// is no marker such as `_SUCCESS`.
fn may_be_missed_export(object: &Ignored) -> bool {
    let name = object.key.rsplit('/').next().unwrap_or(&object.key);
    object.reason.is_undated() && object.size > 0 && !name.starts_with(['_', '.'])
}

/// The objects that cannot be read by their keys, but for the markers of folders.
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

/// The files whose dates have not come yet.
fn future_dates(dated: &[(String, KeyDates)], today: FileDate) -> Option<Finding> {
    let last = today.plus_days(DAYS_AHEAD);
    let mut future: Vec<(FileDate, &str)> =
        dated.iter().map(|(key, dates)| (dates.date, key.as_str())).collect();
    future.retain(|(date, _)| *date > last);
    future.sort_unstable();
    let examples = future.iter().take(EXAMPLES).map(|(date, key)| format!("{key} ({date})"));
    let (count, examples) = (future.len(), examples.collect());
    (count > 0).then_some(Finding::FutureDates { count, examples })
}

/// The files whose dates are far from those of the years that have most files.
fn far_dates(dated: &[(String, KeyDates)]) -> Option<Finding> {
    let mut files: Vec<(FileDate, &str)> =
        dated.iter().map(|(key, dates)| (dates.date, key.as_str())).collect();
    files.sort_unstable();
    let years: Vec<&[(FileDate, &str)]> =
        files.chunk_by(|(a, _), (b, _)| (b.0 - a.0).num_days() <= FAR_DAYS).collect();
    let most = years.iter().map(|files| files.len()).max()?;
    let far: Vec<_> =
        years.into_iter().filter(|files| files.len() * FEW <= most).flatten().collect();
    let examples = far.iter().take(EXAMPLES).map(|(date, key)| format!("{key} ({date})")).collect();
    let count = far.len();
    (count > 0).then_some(Finding::FarDates { count, examples })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dated(dates: &[&str]) -> Vec<(String, KeyDates)> {
        let file = |date: &&str| {
            let day = KeyDates::of_day(date.parse().expect("a day"));
            (format!("x_{date}.csv"), day)
        };
        dates.iter().map(file).collect()
    }

    fn far(dates: &[&str]) -> Option<String> {
        far_dates(&dated(dates)).map(|finding| finding.to_string())
    }

    #[test]
    fn dates_that_are_years_away_from_most_are_found() {
        let said = far(&["1955-01-01", "2025-03-01", "2025-03-02", "2025-03-03", "2052-03-04"]);
        assert_eq!(
            said.as_deref(),
            Some(
                "2 file(s) have dates that are years away from those of most files: x_1955-01-01.csv \
                 (1955-01-01), x_2052-03-04.csv (2052-03-04); are these digits dates?"
            )
        );
        assert_eq!(far(&["2015-01-01", "2025-03-01"]), None, "neither is most");
        assert_eq!(far(&["2024-01-01", "2025-03-01", "2025-03-02", "2025-03-03"]), None);
        assert_eq!(far(&[]), None);
    }

    #[test]
    fn dates_that_have_not_come_yet_are_found_also_of_a_single_file() {
        let said = |dates: &[&str]| {
            let today = "2025-03-07".parse().expect("a day");
            future_dates(&dated(dates), today).map(|finding| finding.to_string())
        };
        assert_eq!(
            said(&["2025-12-03"]).as_deref(),
            Some(
                "1 file(s) have dates that have not come yet: x_2025-12-03.csv (2025-12-03); are these digits \
                 dates, and in this order?"
            )
        );
        assert_eq!(said(&["2025-03-06", "2025-03-10"]), None);
    }

    #[test]
    fn keys_that_cannot_be_read_are_named_and_markers_of_folders_are_not() {
        let object = |key: &str, size, fault| Ignored {
            key: key.to_owned(),
            size,
            reason: Reason::UnusableKey(fault),
        };
        let marker = object("x/", 0, KeyFault::TrailingSlash);
        assert_eq!(unusable(std::slice::from_ref(&marker)), None);
        let ignored = [marker, object("x//r.csv", 1, KeyFault::DoubleSlash)];
        let said = unusable(&ignored).expect("a finding").to_string();
        assert_eq!(
            said,
            "an object cannot be read: x//r.csv (the key has two slashes side by side); rename it"
        );
    }
}

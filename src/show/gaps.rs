//! **Gaps** as three tables: what S3 holds, what the database holds, and what is missing.

use super::{LOADED_UNKNOWN, table};
use crate::domain::{Cadence, FileDate};
use crate::printable::{bytes, grouped};
use crate::state::{Gap, GapKind, Gaps, Holding, Missing, TargetHolding};

/// What is shown for a day that does not exist or is not known.
const NO_DAY: &str = "-";

/// Writes the three tables over all datasets, and notes about them.
pub fn gaps(datasets: &[&Gaps]) -> String {
    let mut tables = vec![in_source(datasets), in_target(datasets), missing(datasets)];
    tables.retain(|table| !table.is_empty());
    let notes: String = datasets.iter().map(|gaps| notes(gaps)).collect();
    let separator = if notes.is_empty() { "" } else { "\n" };
    format!("{}{separator}{notes}", tables.join("\n"))
}

fn in_source(datasets: &[&Gaps]) -> String {
    let heads = ["prefix", "files", "days", "first", "last", "size"];
    let mut table = table(&heads, &[1, 2, 5]);
    for gaps in datasets {
        let source = &gaps.source;
        table.add_row(vec![
            gaps.prefix.clone(),
            count(source.files),
            count(source.days),
            day(source.first),
            day(source.last),
            bytes(source.bytes),
        ]);
    }
    format!("S3\n{table}\n")
}

fn in_target(datasets: &[&Gaps]) -> String {
    let heads = ["prefix", "table", "loaded by", "files", "days", "rows", "first", "last"];
    let mut table = table(&heads, &[3, 4, 5]);
    for gaps in datasets {
        let Some(held) = &gaps.held else { continue };
        for (loader, holding) in loaders(held) {
            table.add_row(vec![
                gaps.prefix.clone(),
                gaps.target.clone(),
                loader.to_owned(),
                count(holding.files),
                count(holding.days),
                grouped(holding.rows),
                day(holding.first),
                day(holding.last),
            ]);
        }
    }
    if datasets.iter().any(|gaps| gaps.held.is_some()) {
        format!("Database\n{table}\n")
    } else {
        format!("Database\n{LOADED_UNKNOWN}\n")
    }
}

/// Returns who has loaded what; one line even if the table is empty or missing.
fn loaders(held: &TargetHolding) -> Vec<(&'static str, &Holding)> {
    let all = [
        ("backfill", &held.ours),
        ("the live loader", &held.live),
        ("files of other prefixes", &held.elsewhere),
    ];
    let mut loaders = Vec::from(all);
    loaders.retain(|(_, holding)| holding.files > 0);
    if loaders.is_empty() {
        let nobody = if held.exists { "nobody" } else { "no such table yet" };
        loaders.push((nobody, &held.ours));
    }
    loaders
}

fn missing(datasets: &[&Gaps]) -> String {
    if datasets.iter().all(|gaps| gaps.held.is_none()) {
        return String::new();
    }
    let heads = ["prefix", "gap", "from", "to", "days", "files", "~rows", "size"];
    let mut table = table(&heads, &[4, 5, 6, 7]);
    for gaps in datasets {
        for gap in &gaps.gaps {
            table.add_row(row(&gaps.prefix, gap));
        }
        if gaps.gaps.is_empty() {
            table.add_row(vec![
                gaps.prefix.clone(),
                "none".to_owned(),
                day(None),
                day(None),
                count(0),
                count(0),
                count(0),
                bytes(0),
            ]);
        }
    }
    format!("Gaps\n{table}\n")
}

fn row(prefix: &str, gap: &Gap) -> Vec<String> {
    let kind = match gap.kind {
        GapKind::Historical => "historical",
        GapKind::Forward => "forward",
    };
    vec![
        prefix.to_owned(),
        kind.to_owned(),
        gap.from.to_string(),
        gap.to.to_string(),
        count(gap.days),
        count(gap.files),
        grouped(gap.estimated_rows),
        bytes(gap.bytes),
    ]
}

/// Writes what the tables do not show.
fn notes(gaps: &Gaps) -> String {
    let mut lines = Vec::new();
    for days in &gaps.missing {
        lines.push(format!("no file in S3 {}", lacking(days)));
    }
    for only in &gaps.only_in_target {
        let (who, files) = (if only.is_ours { "backfill" } else { "the live loader" }, only.files);
        let when = match only.from.zip(only.to) {
            Some((from, to)) => span(from, to),
            None => "of unknown days".to_owned(),
        };
        let rows = grouped(only.rows);
        lines.push(format!("only in the database: {files} file(s) {when}, {rows} rows by {who}"));
    }
    let partly: usize = gaps.gaps.iter().map(|gap| gap.partly_loaded_days).sum();
    let held = gaps.held.as_ref();
    for (number, text) in [
        (partly, "day(s) are loaded in part"),
        (
            held.map_or(0, |held| held.changed),
            "loaded file(s) have changed since: `backfill plan` shows how",
        ),
        (gaps.source.without_date, "key(s) are not read, because no date is found in them"),
        (gaps.source.empty, "object(s) are empty (zero bytes)"),
        (gaps.source.out_of_range, "file(s) are of days outside the range"),
    ] {
        if number > 0 {
            lines.push(format!("{} {text}", count(number)));
        }
    }
    lines.extend(gaps.source.doubts.iter().map(ToString::to_string));
    lines.extend(held.and_then(live_since));
    if let Some(rows) = held.map(|held| held.rows_without_file).filter(|rows| *rows > 0) {
        lines.push(format!("{} rows of the table have no _file_name", grouped(rows)));
    }
    lines.into_iter().map(|line| format!("{}: {line}\n", gaps.prefix)).collect()
}

/// Writes what is missing, in the words of the cadence.
fn lacking(missing: &Missing) -> String {
    let Missing { from, to, every, files, .. } = *missing;
    let (span, one) = match every {
        Cadence::Day => (span(from, to), "day"),
        Cadence::Weekdays => (span(from, to), "weekday"),
        Cadence::Week => (span(from, to), "week"),
        Cadence::Month => (span(month(from), month(to)), "month"),
    };
    format!("{span} ({} {one}(s))", count(files))
}

fn month(day: FileDate) -> String {
    day.0.format("%Y-%m").to_string()
}

/// Writes the first day of the live loader, if the table does not show it because it is outside the range.
fn live_since(held: &TargetHolding) -> Option<String> {
    let since = held.live_since.filter(|since| held.live.first != Some(*since))?;
    Some(format!("the live loader's first day is {since}: it closes the gaps from that day on"))
}

fn span<T: PartialEq + std::fmt::Display>(from: T, to: T) -> String {
    if from == to { format!("for {from}") } else { format!("from {from} to {to}") }
}

fn count(number: usize) -> String {
    grouped(number as u64)
}

fn day(date: Option<FileDate>) -> String {
    date.map_or_else(|| NO_DAY.to_owned(), |date| date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(every: Cadence, from: &str, to: &str, files: usize) -> Missing {
        let [from, to] = [from, to].map(|day| day.parse().expect("a day"));
        Missing { from, to, days: 0, every, files }
    }

    #[test]
    fn missing_files_are_named_in_the_words_of_the_cadence() {
        for (found, expected) in [
            (missing(Cadence::Day, "2025-09-01", "2025-09-01", 1), "for 2025-09-01 (1 day(s))"),
            (
                missing(Cadence::Week, "2025-09-01", "2025-09-14", 2),
                "from 2025-09-01 to 2025-09-14 (2 week(s))",
            ),
            (missing(Cadence::Month, "2025-09-01", "2025-09-30", 1), "for 2025-09 (1 month(s))"),
        ] {
            assert_eq!(lacking(&found), expected);
        }
    }

    #[test]
    fn an_empty_and_a_missing_table_have_a_line() {
        let mut held = TargetHolding { exists: true, ..TargetHolding::default() };
        assert_eq!(loaders(&held)[0].0, "nobody");
        held.exists = false;
        assert_eq!(loaders(&held)[0].0, "no such table yet");
        held.live.files = 2;
        let names: Vec<&str> = loaders(&held).iter().map(|(loader, _)| *loader).collect();
        assert_eq!(names, ["the live loader"]);
    }
}

//! Gaps as the tables that a planner would write by hand: what S3 holds, what the database holds, what is
//! missing.

use super::table;
use crate::domain::{Cadence, FileDate};
use crate::printable::{bytes, grouped};
use crate::state::{Gap, GapKind, Gaps, Holding, Missing, TargetHolding};

/// What is shown of a day that is not known.
const NOTHING: &str = "-";

/// The three tables over all datasets, and what is to be said besides.
pub fn gaps(datasets: &[&Gaps]) -> String {
    let tables = [in_source(datasets), in_target(datasets), missing(datasets)];
    let notes: String = datasets.iter().map(|gaps| notes(gaps)).collect();
    let tables: Vec<String> = tables.into_iter().filter(|table| !table.is_empty()).collect();
    let gap = if notes.is_empty() { "" } else { "\n" };
    format!("{}{gap}{notes}", tables.join("\n"))
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
    match datasets.iter().any(|gaps| gaps.held.is_some()) {
        true => format!("Database\n{table}\n"),
        false => "Database\nUNVERIFIED: no database is named, so what is loaded is not known\n"
            .to_owned(),
    }
}

/// Who has loaded what; nobody, if the table is empty or missing.
fn loaders(held: &TargetHolding) -> Vec<(&'static str, &Holding)> {
    let all = [
        ("backfill", &held.ours),
        ("the live loader", &held.live),
        ("files of other prefixes", &held.elsewhere),
    ];
    let some: Vec<_> = all.into_iter().filter(|(_, holding)| holding.files > 0).collect();
    match (some.is_empty(), held.exists) {
        (false, _) => some,
        (true, true) => vec![("nobody", &held.ours)],
        (true, false) => vec![("no such table yet", &held.ours)],
    }
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
            let nothing = || NOTHING.to_owned();
            table.add_row(vec![
                gaps.prefix.clone(),
                "none".to_owned(),
                nothing(),
                nothing(),
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

/// What the tables do not show.
fn notes(gaps: &Gaps) -> String {
    let mut lines = Vec::new();
    for days in &gaps.missing {
        lines.push(format!("no file in S3 {}", lacking(days)));
    }
    for only in &gaps.only_in_target {
        let (who, files) = (if only.is_ours { "backfill" } else { "the live loader" }, only.files);
        let when = match only.from.zip(only.to) {
            Some((from, to)) => span(from, to),
            None => "of days that are not known".to_owned(),
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
            "loaded file(s) changed since: `backfill plan` says how",
        ),
        (gaps.source.without_date, "key(s) are not read, because no date is found in them"),
        (gaps.source.empty, "object(s) have no bytes"),
        (gaps.source.out_of_range, "file(s) are of other days than those that were asked for"),
    ] {
        if number > 0 {
            lines.push(format!("{} {text}", count(number)));
        }
    }
    lines.extend(gaps.source.doubts.iter().map(ToString::to_string));
    lines.extend(held.and_then(live_since));
    if let Some(rows) = held.map(|held| held.rows_without_file).filter(|rows| *rows > 0) {
        lines.push(format!(
            "{} rows of the table do not say which file they are from",
            grouped(rows)
        ));
    }
    lines.into_iter().map(|line| format!("{}: {line}\n", gaps.prefix)).collect()
}

/// What is missing, in the words of the cadence.
fn lacking(missing: &Missing) -> String {
    let Missing { from, to, every, files, .. } = *missing;
    let month = |day: FileDate| day.0.format("%Y-%m").to_string();
    let (span, one) = match every {
        Cadence::Day => (span(from, to), "day"),
        Cadence::Weekdays => (span(from, to), "weekday"),
        Cadence::Week => (span(from, to), "week"),
        Cadence::Month => (span(month(from), month(to)), "month"),
    };
    format!("{span} ({} {one}(s))", count(files))
}

/// The first day of the live loader, if the table does not show it because of the days that were asked for.
fn live_since(held: &TargetHolding) -> Option<String> {
    let since = held.live_since.filter(|since| held.live.first != Some(*since))?;
    Some(format!("the live loader's first day is {since}: gaps from that day on are its own"))
}

fn span<T: PartialEq + std::fmt::Display>(from: T, to: T) -> String {
    if from == to { format!("for {from}") } else { format!("from {from} to {to}") }
}

fn count(number: usize) -> String {
    grouped(number as u64)
}

fn day(date: Option<FileDate>) -> String {
    date.map_or_else(|| NOTHING.to_owned(), |date| date.to_string())
}

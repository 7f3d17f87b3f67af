//! The **document** that the report's page shows. Everything is counted here, and nothing in the page.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{SecondsFormat, Utc};
use serde::Serialize;

use crate::check::Outcome;
use crate::domain::{DateRange, FileDate, Finding, Notice};
use crate::look::drift::calendar::{Oddity, Seen};
use crate::look::drift::{Change, Content, Drift, Fit, TargetSeen};
use crate::look::{Overview, drift};
use crate::mirror::{self, RejectReason};
use crate::sql::Severity;
use crate::state::{
    Account, Accounting, Action, Coverage, FileState, Files, LoadedBy, Sums, Verdict,
};

/// What the page shows.
#[derive(Debug, Serialize)]
pub struct Document {
    program: &'static str,
    made_at: String,
    from: FileDate,
    to: FileDate,
    run_id: Option<String>,
    datasets: Vec<Dataset>,
}

impl Document {
    /// The title of the window.
    pub fn title(&self) -> String {
        let names: Vec<&str> = self.datasets.iter().map(|d| d.dataset.as_str()).collect();
        format!("{}, {} to {}", names.join(", "), self.from, self.to)
    }
}

#[derive(Debug, Serialize)]
struct Dataset {
    dataset: String,
    prefix: String,
    table: String,
    totals: Totals,
    days: Vec<Day>,
    epochs: Vec<Epoch>,
    oddities: Vec<String>,
    fit: Option<FitPart>,
    content: Option<ContentPart>,
    checks: Vec<Check>,
    checks_why: Option<String>,
    rejects: Vec<RejectReason>,
    accounting: Option<AccountingPart>,
    notices: Vec<Notice>,
}

#[derive(Debug, Serialize)]
struct Totals {
    files: usize,
    bytes: u64,
    rows: Option<u64>,
    rejects: Option<u64>,
    days: u64,
    missing_days: usize,
    epochs: usize,
    formats: usize,
    findings: usize,
}

#[derive(Debug, Serialize)]
struct Day {
    date: FileDate,
    /// Where the file is; of several files, the greatest value.
    state: Coverage,
    why: Option<String>,
    files: usize,
    bytes: u64,
    rows: Option<u64>,
    rejects: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Epoch {
    from: FileDate,
    to: FileDate,
    format: usize,
    columns: usize,
    files: usize,
    delimiter: String,
    line_end: String,
    encoding: String,
    byte_order_mark: bool,
    compression: String,
    changes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct FitPart {
    failures: Vec<String>,
    not_given: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    absent: Vec<String>,
    target: TargetSeen,
    read_as_null: Vec<Columns>,
    not_loaded: Vec<Columns>,
}

#[derive(Debug, Serialize)]
struct Columns {
    days: String,
    columns: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ContentPart {
    reference: drift::content::Reference,
    measure: &'static str,
    columns: Vec<String>,
    columns_compared: usize,
    dates: Vec<FileDate>,
    /// Place of the date, place of the column, level, text.
    cells: Vec<(usize, usize, u8, String)>,
    findings: Vec<FindingPart>,
}

#[derive(Debug, Serialize)]
struct FindingPart {
    column: String,
    what: &'static str,
    from: FileDate,
    to: FileDate,
    text: String,
}

#[derive(Debug, Serialize)]
struct Check {
    name: String,
    description: String,
    severity: Severity,
    bad_rows: u64,
    first: Vec<String>,
}

#[derive(Debug, Serialize)]
struct AccountingPart {
    target: String,
    files: Vec<AccountPart>,
    totals: Sums,
}

#[derive(Debug, Serialize)]
struct AccountPart {
    date: FileDate,
    key: String,
    records: Option<u64>,
    accepted: Option<u64>,
    rejected: Option<u64>,
    staged: Option<u64>,
    superseded: Option<u64>,
    filtered: Option<u64>,
    inserted: Option<u64>,
    in_target: u64,
    loaded_by: &'static str,
    verdict: &'static str,
    why: Option<String>,
}

/// Makes the document of a range.
pub fn document(range: DateRange, run_id: Option<String>, overviews: &[Overview]) -> Document {
    Document {
        program: concat!("backfill ", env!("CARGO_PKG_VERSION")),
        made_at: Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
        from: range.start(),
        to: range.end(),
        run_id,
        datasets: overviews.iter().map(dataset).collect(),
    }
}

fn dataset(overview: &Overview) -> Dataset {
    let Overview { files, drift, checks, accounting, notices } = overview;
    let days = days(overview);
    let content = drift.content.as_ref();
    let (outcomes, checks_why) = match checks {
        Ok(outcomes) => (outcomes.as_slice(), None),
        Err(why) => (&[][..], Some(why.clone())),
    };
    Dataset {
        dataset: drift.dataset.clone(),
        prefix: drift.prefix.clone(),
        table: files.target.clone(),
        totals: Totals {
            files: drift.files,
            bytes: files.in_source().map(FileState::size).sum(),
            rows: content.map(|content| content.files.iter().map(|file| file.rows).sum()),
            rejects: content.map(|content| content.rejects.iter().map(|r| r.records).sum()),
            days: drift.range.day_count(),
            missing_days: days.iter().filter(|day| day.state == Coverage::Missing).count(),
            epochs: drift.epochs.len(),
            formats: drift.formats.len(),
            findings: content.map_or(0, |content| content.findings.len()),
        },
        days,
        epochs: epochs(drift),
        oddities: oddities(drift),
        fit: drift.fit.as_ref().map(|fit| self::fit(fit, drift)),
        content: content.map(self::content),
        checks: outcomes.iter().map(check).collect(),
        checks_why,
        rejects: mirror::by_reason(content.map_or(&[], |content| &content.rejects)),
        accounting: accounting.as_ref().map(self::accounting),
        notices: notices.clone(),
    }
}

fn oddities(drift: &Drift) -> Vec<String> {
    let mut oddities: Vec<String> = drift.oddities.iter().map(ToString::to_string).collect();
    for found in drift.content.iter().flat_map(|content| &content.contradictions) {
        let (column, formats) = (&found.column, &found.text);
        oddities.push(format!("{column}: contradicting date formats: {formats}"));
    }
    oddities
}

fn days(overview: &Overview) -> Vec<Day> {
    let refused = refused(&overview.drift);
    let live_since = overview.files.live_since();
    let mut by_day: BTreeMap<FileDate, Vec<&FileState>> = BTreeMap::new();
    for file in &overview.files.files {
        by_day.entry(file.date).or_default().push(file);
    }
    let content = overview.drift.content.as_ref().map(counts_by_day);
    let missing: BTreeSet<FileDate> =
        overview.files.findings.iter().flat_map(Finding::missing_days).collect();
    let dates = overview.drift.range.days();
    let days = dates.map(|date| {
        let files = by_day.get(&date).map(Vec::as_slice).unwrap_or_default();
        let states = files.iter().map(|file| state(&overview.files, file, &refused, live_since));
        let found = states.max_by_key(|(state, _)| *state);
        let without_file =
            if missing.contains(&date) { Coverage::Missing } else { Coverage::NotDue };
        let counts = content.as_ref().map(|by_day| by_day.get(&date).copied().unwrap_or_default());
        day(date, files, found.unwrap_or((without_file, None)), counts)
    });
    days.collect()
}

/// Makes a day of its files, their state and their rows and rejects.
fn day(
    date: FileDate,
    files: &[&FileState],
    (state, why): (Coverage, Option<String>),
    counts: Option<(u64, u64)>,
) -> Day {
    let in_source: Vec<&&FileState> = files.iter().filter(|file| !file.is_gone()).collect();
    let (rows, rejects) = counts.filter(|_| !in_source.is_empty()).unzip();
    let bytes = in_source.iter().map(|file| file.size()).sum();
    Day { date, state, why, files: in_source.len(), bytes, rows, rejects }
}

/// Counts the rows and rejects of each day.
fn counts_by_day(content: &Content) -> BTreeMap<FileDate, (u64, u64)> {
    let mut by_day: BTreeMap<FileDate, (u64, u64)> = BTreeMap::new();
    for file in &content.files {
        by_day.entry(file.date).or_default().0 += file.rows;
    }
    for rejects in &content.rejects {
        by_day.entry(rejects.date).or_default().1 += rejects.records;
    }
    by_day
}

/// Returns the keys that would make a run fail, and why.
fn refused(drift: &Drift) -> BTreeMap<&str, String> {
    let mut refused = BTreeMap::new();
    for oddity in &drift.oddities {
        match oddity {
            Oddity::Seen(Seen::Unreadable { key, reason, .. }) => {
                refused.insert(key.as_str(), reason.clone());
            }
            Oddity::Listed(Finding::ZeroBytes { key }) => {
                refused.insert(key.as_str(), "zero bytes".to_owned());
            }
            _ => {}
        }
    }
    refused
}

/// Returns where a file is, and why.
fn state(
    files: &Files,
    file: &FileState,
    refused: &BTreeMap<&str, String>,
    live_since: Option<FileDate>,
) -> (Coverage, Option<String>) {
    if let Some(reason) = refused.get(file.key.as_str()) {
        return (Coverage::Refused, Some(reason.clone()));
    }
    let coverage = files.coverage(file, live_since);
    let why = match &file.action {
        Action::Load => None,
        Action::SkipLoaded { run_id } => Some(format!("run {run_id}")),
        Action::SkipLoadedElsewhere { rows } => Some(format!("{rows} rows by another loader")),
        Action::Reload { because, .. } | Action::Refuse { because, .. } => Some(because.clone()),
        action => Some(action.describe()),
    };
    (coverage, why)
}

fn epochs(drift: &Drift) -> Vec<Epoch> {
    drift.epochs.iter().map(|epoch| self::epoch(epoch, &drift.formats[epoch.format - 1])).collect()
}

fn epoch(epoch: &drift::Epoch, format: &drift::Format) -> Epoch {
    Epoch {
        from: epoch.from,
        to: epoch.to,
        format: epoch.format,
        columns: epoch.columns,
        files: epoch.keys.len(),
        delimiter: format.delimiter.clone(),
        line_end: format.line_end.clone(),
        encoding: format.encoding.clone(),
        byte_order_mark: format.byte_order_mark,
        compression: format.compression.clone(),
        changes: epoch.changes.iter().map(Change::to_string).collect(),
    }
}

fn fit(fit: &Fit, drift: &Drift) -> FitPart {
    let failures = fit.failures.iter().map(|f| format!("{}: {}", f.place, f.reason)).collect();
    FitPart {
        failures,
        not_given: fit.not_given.clone(),
        absent: fit.absent.clone(),
        target: fit.target,
        read_as_null: by_days(drift, fit.epochs.iter().map(|epoch| &epoch.read_as_null)),
        not_loaded: by_days(drift, fit.epochs.iter().map(|epoch| &epoch.not_loaded)),
    }
}

/// Groups the columns of each epoch: the same columns appear once, with all days of their epochs.
fn by_days<'a>(drift: &Drift, of_epochs: impl Iterator<Item = &'a Vec<String>>) -> Vec<Columns> {
    let mut places: BTreeMap<&Vec<String>, Vec<usize>> = BTreeMap::new();
    for (place, columns) in of_epochs.enumerate().filter(|(_, columns)| !columns.is_empty()) {
        places.entry(columns).or_default().push(place);
    }
    places
        .into_iter()
        .map(|(columns, places)| Columns {
            days: drift::spans(&drift.epochs, &places),
            columns: columns.clone(),
        })
        .collect()
}

fn content(content: &Content) -> ContentPart {
    let days: BTreeSet<FileDate> = content.files.iter().map(|file| file.date).collect();
    let dates: Vec<FileDate> = days.into_iter().collect();
    ContentPart {
        reference: content.reference.clone(),
        measure: content.measure,
        columns_compared: content.columns_compared,
        columns: content.columns.clone(),
        cells: cells(content, &dates),
        dates,
        findings: content.findings.iter().map(finding).collect(),
    }
}

/// Returns the cells that differ. If a day has several files, its cells show all differences and the highest level.
fn cells(content: &Content, dates: &[FileDate]) -> Vec<(usize, usize, u8, String)> {
    let place_of: BTreeMap<&str, usize> =
        content.columns.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
    let mut cells: BTreeMap<(usize, usize), (u8, Vec<String>)> = BTreeMap::new();
    for file in &content.files {
        let Ok(date) = dates.binary_search(&file.date) else { continue };
        for (name, differences) in &file.differences {
            let Some(column) = place_of.get(name.as_str()) else { continue };
            let (level, texts) = cells.entry((date, *column)).or_default();
            for difference in differences {
                *level = (*level).max(difference.level());
                texts.push(format!("{}: {difference}", difference.name()));
            }
        }
    }
    cells
        .into_iter()
        .map(|((date, column), (level, texts))| (date, column, level, texts.join("; ")))
        .collect()
}

fn finding(finding: &drift::content::Finding) -> FindingPart {
    FindingPart {
        column: finding.column.clone(),
        what: finding.difference.name(),
        from: finding.from,
        to: finding.to,
        text: finding.difference.to_string(),
    }
}

fn check(outcome: &Outcome) -> Check {
    Check {
        name: outcome.name.clone(),
        description: outcome.description.clone(),
        severity: outcome.severity,
        bad_rows: outcome.bad_rows,
        first: outcome.locations.iter().map(ToString::to_string).collect(),
    }
}

fn accounting(accounting: &Accounting) -> AccountingPart {
    AccountingPart {
        target: accounting.target.clone(),
        files: accounting.files.iter().map(account).collect(),
        totals: accounting.totals,
    }
}

fn account(account: &Account) -> AccountPart {
    let counts = account.counts.as_ref();
    let (verdict, why) = match &account.verdict {
        Verdict::Ok => ("OK", None),
        Verdict::Unverified(why) => ("UNVERIFIED", Some(why.clone())),
        Verdict::Wrong(why) => ("WRONG", Some(why.clone())),
        Verdict::Removed => ("REMOVED", None),
    };
    AccountPart {
        date: account.date,
        key: account.key.clone(),
        records: counts.map(|counts| counts.records),
        accepted: counts.map(|counts| counts.accepted),
        rejected: counts.map(|counts| counts.rejected),
        staged: counts.map(|counts| counts.staged),
        superseded: counts.map(|counts| counts.superseded),
        filtered: counts.map(|counts| counts.filtered),
        inserted: account.inserted,
        in_target: account.in_target,
        loaded_by: match account.loaded_by {
            LoadedBy::ThisRun => "this run",
            LoadedBy::AnotherRun => "another run",
            LoadedBy::AnotherLoader => "another loader",
        },
        verdict,
        why,
    }
}

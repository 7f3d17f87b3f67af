//! The **accounting** of a run as a table.

use super::{known, table};
use crate::printable::grouped;
use crate::state::{Account, Accounting, LoadedBy, Sums};

/// Writes one line per file, and the sums.
pub fn accounting(accounting: &Accounting) -> String {
    let merges = accounting.totals.updated + accounting.totals.skipped_older > 0;
    let mut heads =
        vec!["date", "file", "records", "rejected", "superseded", "filtered", "staged", "inserted"];
    if merges {
        heads.extend(["updated", "older"]);
    }
    heads.extend(["in target", ""]);
    let numbers: Vec<usize> = (2..heads.len() - 1).collect();
    let mut table = table(&heads, &numbers);
    for account in &accounting.files {
        table.add_row(line(account, merges));
    }
    table.add_row(sums(&accounting.totals, merges));
    format!("{} → {}\n{table}\n", accounting.dataset, accounting.target)
}

fn line(account: &Account, merges: bool) -> Vec<String> {
    let name = account.key.rsplit('/').next().unwrap_or(&account.key);
    let counts = account.counts;
    let by = match account.loaded_by {
        LoadedBy::ThisRun => "",
        LoadedBy::AnotherRun => " (loaded before)",
        LoadedBy::AnotherLoader => " (loaded elsewhere)",
    };
    let mut cells = vec![
        account.date.to_string(),
        name.to_owned(),
        known(counts.map(|counts| counts.records)),
        known(counts.map(|counts| counts.rejected)),
        known(counts.map(|counts| counts.superseded)),
        known(counts.map(|counts| counts.filtered)),
        known(counts.map(|counts| counts.staged)),
        known(account.inserted),
    ];
    if merges {
        cells.extend([grouped(account.updated), grouped(account.skipped_older)]);
    }
    let deleted = match account.deleted_on_purpose {
        0 => String::new(),
        rows => format!(" ({} deleted on purpose)", grouped(rows)),
    };
    cells.extend([grouped(account.in_target), format!("{}{by}{deleted}", account.verdict)]);
    cells
}

fn sums(totals: &Sums, merges: bool) -> Vec<String> {
    let counts = totals.counts;
    let unverified = match totals.unverified {
        0 => String::new(),
        count => format!("{count} UNVERIFIED"),
    };
    let mut cells = vec![
        "total".to_owned(),
        format!("{} files", totals.files),
        grouped(counts.records),
        grouped(counts.rejected),
        grouped(counts.superseded),
        grouped(counts.filtered),
        grouped(counts.staged),
        grouped(totals.inserted),
    ];
    if merges {
        cells.extend([grouped(totals.updated), grouped(totals.skipped_older)]);
    }
    cells.extend([grouped(totals.in_target), unverified]);
    cells
}

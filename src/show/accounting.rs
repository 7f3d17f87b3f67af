//! The accounting of a run as a table.

use super::table;
use crate::printable::grouped;
use crate::state::{Account, Accounting, LoadedBy, Sums};

/// One line a file, and the sums.
pub fn accounting(accounting: &Accounting) -> String {
    let heads = [
        "date",
        "file",
        "records",
        "rejected",
        "superseded",
        "filtered",
        "staged",
        "inserted",
        "in target",
        "",
    ];
    let mut table = table(&heads, &[2, 3, 4, 5, 6, 7, 8]);
    for account in &accounting.files {
        table.add_row(line(account));
    }
    table.add_row(sums(&accounting.totals));
    format!("{} → {}\n{table}\n", accounting.dataset, accounting.target)
}

fn line(account: &Account) -> Vec<String> {
    let name = account.key.rsplit('/').next().unwrap_or(&account.key);
    let count = |count: Option<u64>| count.map_or_else(|| "?".to_owned(), grouped);
    let counts = account.counts;
    let by = match account.loaded_by {
        LoadedBy::ThisRun => "",
        LoadedBy::AnotherRun => " (loaded before)",
        LoadedBy::AnotherLoader => " (loaded elsewhere)",
    };
    vec![
        account.date.to_string(),
        name.to_owned(),
        count(counts.map(|counts| counts.records)),
        count(counts.map(|counts| counts.rejected)),
        count(counts.map(|counts| counts.superseded)),
        count(counts.map(|counts| counts.filtered)),
        count(counts.map(|counts| counts.staged)),
        count(account.inserted),
        grouped(account.in_target),
        format!("{}{by}", account.verdict),
    ]
}

fn sums(totals: &Sums) -> Vec<String> {
    let counts = totals.counts;
    let unverified = match totals.unverified {
        0 => String::new(),
        count => format!("{count} UNVERIFIED"),
    };
    vec![
        "total".to_owned(),
        format!("{} files", totals.files),
        grouped(counts.records),
        grouped(counts.rejected),
        grouped(counts.superseded),
        grouped(counts.filtered),
        grouped(counts.staged),
        grouped(totals.inserted),
        grouped(totals.in_target),
        unverified,
    ]
}

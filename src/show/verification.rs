//! A **verification** as a table.

use std::fmt::Write;

use super::{UNKNOWN, known, table};
use crate::life::{Cells, UnclaimedRows, Verification, VerifiedFile};
use crate::printable::grouped;

/// Writes one line per file, the columns and cells that differ, and the sums.
pub fn verification(verification: &Verification) -> String {
    let Verification { dataset, target, .. } = verification;
    let mut text = format!("{dataset} → {target}\n");
    if !verification.target_exists {
        text.push_str(&format!("there is no table {target}\n"));
    }
    if !verification.files.is_empty() {
        text.push_str(&match &verification.cells {
            Some(_) => compared(&verification.files),
            None => counted(&verification.files),
        });
    }
    if let Some(cells) = &verification.cells {
        text.push_str(&different(cells));
    }
    let totals = verification.totals;
    // Writing to a text cannot fail.
    let _ = write!(
        text,
        "{} file(s), {} rows in the target: {} OK, {} UNVERIFIED, {} WRONG",
        totals.files,
        grouped(totals.rows),
        totals.ok,
        totals.unverified,
        totals.wrong
    );
    if verification.not_loaded > 0 {
        let _ = write!(text, "; {} file(s) of the source are not loaded", verification.not_loaded);
    }
    text.push('\n');
    text.push_str(&unclaimed(verification));
    text
}

/// Writes how many rows there are whose loader is not known.
fn unclaimed(verification: &Verification) -> String {
    let UnclaimedRows { without_file, files, rows } = verification.unclaimed;
    let table = &verification.target;
    let mut text = String::new();
    if without_file > 0 {
        text.push_str(&format!(
            "UNVERIFIED: {} row(s) of {table} have no _file_name\n",
            grouped(without_file)
        ));
    }
    if files > 0 {
        text.push_str(&format!(
            "UNVERIFIED: {} row(s) of {table} are from {} file(s) that are neither in the source, nor in the ledger, \
             nor known to dlt\n",
            grouped(rows),
            grouped(files as u64)
        ));
    }
    text
}

fn counted(files: &[VerifiedFile]) -> String {
    let heads = ["date", "file", "records", "rejected", "staged", "held", "in target", ""];
    let mut table = table(&heads, &[2, 3, 4, 5, 6]);
    for file in files {
        let account = &file.account;
        let counts = account.counts;
        table.add_row(vec![
            account.date.to_string(),
            name(file),
            known(counts.map(|counts| counts.records)),
            known(counts.map(|counts| counts.rejected)),
            known(counts.map(|counts| counts.staged)),
            known(account.held),
            grouped(account.in_target),
            verdict(file),
        ]);
    }
    format!("{table}\n")
}

fn compared(files: &[VerifiedFile]) -> String {
    let heads =
        ["date", "file", "equal", "different", "missing", "extra", "not held", "rewritten", ""];
    let mut table = table(&heads, &[2, 3, 4, 5, 6, 7]);
    for file in files {
        let mut line = vec![file.account.date.to_string(), name(file)];
        match file.rows {
            Some(rows) => line.extend(
                [
                    rows.equal,
                    rows.different,
                    rows.missing,
                    rows.extra,
                    rows.not_held,
                    rows.rewritten,
                ]
                .map(grouped),
            ),
            None => line.extend(std::iter::repeat_n(UNKNOWN.to_owned(), 6)),
        }
        line.push(verdict(file));
        table.add_row(line);
    }
    format!("{table}\n")
}

fn name(file: &VerifiedFile) -> String {
    let key = &file.account.key;
    key.rsplit('/').next().unwrap_or(key).to_owned()
}

fn verdict(file: &VerifiedFile) -> String {
    let mut text = file.account.verdict.to_string();
    let deleted = file.account.deleted_on_purpose;
    if deleted > 0 {
        let _ = write!(text, " ({} deleted on purpose)", grouped(deleted));
    }
    if file.is_gone {
        text.push_str(" (no longer in the source)");
    }
    if let Some(change) = file.changed {
        let _ = write!(text, " ({})", change.describe());
    }
    text
}

fn different(cells: &Cells) -> String {
    let mut text = String::new();
    if !cells.columns.is_empty() {
        let mut table = table(&["column", "rows that differ", "loaded", "in the target"], &[1]);
        for column in &cells.columns {
            let (mut name, mut rows) = (column.column.clone(), grouped(column.rows));
            for pair in &column.shapes {
                table.add_row(vec![
                    std::mem::take(&mut name),
                    std::mem::take(&mut rows),
                    pair.loaded.clone(),
                    pair.target.clone(),
                ]);
            }
        }
        let _ = writeln!(text, "{table}");
    }
    if !cells.first.is_empty() {
        let mut table = table(&["file", "_row_id", "column"], &[1]);
        for cell in &cells.first {
            table.add_row(vec![cell.file.clone(), cell.row_id.to_string(), cell.column.clone()]);
        }
        let _ = writeln!(text, "the first cells that differ:\n{table}");
    }
    if !cells.lost.is_empty() {
        let _ = writeln!(
            text,
            "column(s) that were loaded and no longer exist in the target: {}",
            cells.lost.join(", ")
        );
    }
    if !cells.not_given.is_empty() {
        let _ = writeln!(
            text,
            "not compared, because they were not loaded (added since, or not in stage.sql): {}",
            cells.not_given.join(", ")
        );
    }
    if !cells.not_compared.is_empty() {
        let _ = writeln!(
            text,
            "not compared, because their values depend on the load or come from the server: {}",
            cells.not_compared.join(", ")
        );
    }
    text
}

//! A **plan** as a table.

use std::fmt::Write;

use super::{LOADED_UNKNOWN, table};
use crate::printable::{bytes, grouped};
use crate::source::Reason;
use crate::state::{Plan, PlannedFile};

/// Writes one line per file, then the ignored keys and the sums.
pub fn plan(plan: &Plan) -> String {
    let mut text =
        format!("{} ({}) → {}, {}\n", plan.dataset, plan.prefix, plan.target, plan.range);
    let mut table = table(&["date", "key", "size", "~rows", "batch", ""], &[2, 3, 4]);
    let mut files: Vec<&PlannedFile> = plan.everything().collect();
    files.sort_by(|a, b| (a.date, &a.key).cmp(&(b.date, &b.key)));
    for file in files {
        table.add_row(vec![
            file.date.to_string(),
            file.key.clone(),
            bytes(file.size),
            grouped(file.estimated_rows),
            file.batch.to_string(),
            file.action.describe(),
        ]);
    }
    let mut outside = 0;
    for ignored in &plan.ignored {
        if ignored.reason == Reason::OutOfRange {
            outside += 1;
            continue;
        }
        table.add_row(vec![
            String::new(),
            ignored.key.clone(),
            bytes(ignored.size),
            String::new(),
            String::new(),
            format!("ignore: {}", ignored.reason),
        ]);
    }
    // Writing to a text cannot fail.
    let _ = writeln!(text, "{table}");
    if outside > 0 {
        let _ = writeln!(text, "{outside} more file(s) outside the range");
    }
    let totals = plan.totals;
    let _ = writeln!(
        text,
        "to load: {} of {} files, {} of {}, about {} rows, in {} batch(es) of {} day(s)",
        totals.files_to_load,
        totals.files,
        bytes(totals.bytes_to_load),
        bytes(totals.bytes),
        grouped(totals.estimated_rows_to_load),
        totals.batches,
        plan.batch_days
    );
    if totals.files_to_remove > 0 {
        let _ = writeln!(text, "to remove: the rows of {} file(s)", totals.files_to_remove);
    }
    if !totals.is_target_known {
        let _ = writeln!(text, "{LOADED_UNKNOWN}");
    }
    text
}

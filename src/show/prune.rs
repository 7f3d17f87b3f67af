//! What **prune** has deleted from staging, as a table.

use std::fmt::Write;

use super::table;
use crate::life::Pruned;
use crate::printable::{bytes, grouped};

/// Writes one line per kind, then the reasons, and how much is left.
pub fn prune(pruned: &Pruned) -> String {
    let deleted = if pruned.is_dry_run { "to delete" } else { "deleted" };
    let mut table = table(&["", "files", "size", "oldest (UTC)", deleted, "size"], &[1, 2, 4, 5]);
    for kind in &pruned.kinds {
        table.add_row(vec![
            kind.kind.to_string(),
            grouped(kind.held.files),
            bytes(kind.held.bytes),
            kind.oldest.map(|time| time.format("%Y-%m-%d").to_string()).unwrap_or_default(),
            grouped(kind.pruned.files),
            bytes(kind.pruned.bytes),
        ]);
    }
    // Writing to a text cannot fail.
    let mut text = format!("staging {}\n{table}\n", pruned.staging);
    for reason in &pruned.reasons {
        let (files, size) = (grouped(reason.amount.files), bytes(reason.amount.bytes));
        let _ = writeln!(text, "{files} file(s), {size}: {}", reason.reason);
    }
    let (files, size) = (grouped(pruned.left.files), bytes(pruned.left.bytes));
    let left = if pruned.is_dry_run { "would be left" } else { "are left" };
    let _ = writeln!(text, "{files} file(s), {size}, {left}");
    if let Some(keep) = pruned.keep_bytes.filter(|keep| pruned.left.bytes > *keep) {
        let _ = writeln!(
            text,
            "that is more than {}: files newer than a day are never deleted",
            bytes(keep)
        );
    }
    if pruned.not_ours > 0 {
        let _ = writeln!(
            text,
            "{} file(s) in these folders were not written by this program and are not deleted",
            grouped(pruned.not_ours)
        );
    }
    text
}

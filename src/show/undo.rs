//! The **undo** of a run as text.

use std::fmt::Write;

use super::table;
use crate::life::{BatchState, Undone};
use crate::printable::grouped;

/// Writes one line per batch, and the sums.
pub fn undone(undone: &Undone) -> String {
    let mut text = format!("run {}: {} → {}\n", undone.run_id, undone.dataset, undone.target);
    let mut table = table(&["batch", "days", "rows removed", "rows restored", ""], &[0, 2, 3]);
    for batch in &undone.batches {
        let state = match batch.state {
            BatchState::ToUndo => "to undo",
            BatchState::Undone => "undone",
            BatchState::UndoneBefore => "undone before",
        };
        table.add_row(vec![
            batch.batch.to_string(),
            format!("{} to {}", batch.start, batch.end),
            grouped(batch.removed),
            grouped(batch.restored),
            state.to_owned(),
        ]);
    }
    // Writing to a text cannot fail.
    let _ = writeln!(text, "{table}");
    let removed = grouped(undone.batches.iter().map(|batch| batch.removed).sum());
    let restored = grouped(undone.batches.iter().map(|batch| batch.restored).sum());
    let _ = if undone.batches.iter().any(|batch| batch.state == BatchState::ToUndo) {
        writeln!(text, "would remove {removed} rows, and restore {restored}")
    } else {
        writeln!(
            text,
            "removed {removed} rows, and restored {restored}; {} file(s) were counted before and after",
            undone.files.len()
        )
    };
    text
}

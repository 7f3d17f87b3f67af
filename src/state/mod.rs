//! The **state** of a dataset's files over a range: everything that is known about each file, in one
//! place, filled in step by step. The plan and the accounting are computed from it.
//!
//! ```text
//! listed ─▶ fill_target ─▶ fill_mirror ─▶ fill_survivors ─▶ fill_placed ─▶ fill_counts
//! ```
//! Nothing here does I/O or knows Postgres: other modules fill in what the target holds.

mod accounting;
mod action;
mod coverage;
mod file_state;
mod files;
mod gaps;
mod ledger_entry;
mod options;
mod pinned;
mod plan;
mod refusal;
mod target_state;

pub use accounting::{Account, Accounting, LoadedBy, Sums, Unbalanced, Verdict};
pub use action::{Action, Blocked};
pub use coverage::Coverage;
pub use file_state::{Change, FileState, Status};
pub use files::{Files, Policy};
pub use gaps::{
    Gap, GapKind, Gaps, Holding, Missing, OnlyInTarget, SourceHolding, Stray, TargetHolding,
};
pub use ledger_entry::LedgerEntry;
pub use options::{Allow, Options};
pub use pinned::{PinnedColumn, PinnedDataset, PinnedFile, PinnedPlan};
pub use plan::{Plan, PlannedFile, Totals, USUAL_ROW_BYTES};
pub use refusal::Refusal;
pub use target_state::{
    Contested, Effects, Erased, Loaded, TargetRows, TargetState, UpdateCascade,
};

#[cfg(test)]
mod tests;

//! The **life** of loaded rows after the load: they are verified, replayed, accepted as deleted, or undone. Staging
//! is pruned, and views are refreshed.

mod accept;
mod prune;
mod refresh;
mod replay;
mod undo;
mod verify;

pub use accept::{Accepted, AcceptedFile, accept};
pub use prune::{Mode as PruneMode, Pruned, Rule as PruneRule, Scope as PruneScope, prune};
pub use refresh::{Mode, RefreshOutcome, RefreshTarget, RefreshedView, WhichViews, refresh};
pub use replay::{ReplayOptions, Replayed, ReplayedFile, SideEffects, replay};
pub use undo::{Allowed, BatchState, Undone, UndoneBatch, UndoneFile, plan_undo, undo};
pub use verify::{
    Cells, ChangedSince, ColumnCells, ComparedRows, DeepOptions, UnclaimedRows, Verification,
    VerificationTotals, VerifiedFile, store_accounting, verify, verify_counts, verify_deep,
};

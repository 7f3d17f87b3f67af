//! The **life** of loaded rows after the load: that they are there, stay what they were, and can be
//! taken out again.

mod accept;
mod undo;
mod verify;

pub use accept::{Accepted, AcceptedFile, accept};
pub use undo::{Allowed, BatchState, Undone, UndoneBatch, UndoneFile, plan_undo, undo};
pub use verify::{store_accounting, verify};

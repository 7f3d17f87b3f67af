//! The **life** of loaded rows after the load: that they are there, and stay what they were.

mod accept;
mod verify;

pub use accept::{Accepted, AcceptedFile, accept};
pub use verify::{store_accounting, verify};

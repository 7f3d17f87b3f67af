//! The **life** of loaded rows after the load: that they are there, and stay what they were.

mod verify;

pub use verify::{store_accounting, verify};

//! The reader compared with slow and obvious references.

#![allow(missing_docs, reason = "nothing uses it from outside")]

mod differential;
mod properties;
#[path = "../../../../tests/integration/support/random.rs"]
mod random;

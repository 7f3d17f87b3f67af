//! The reader compared with slow and obvious references.

#![allow(missing_docs, unreachable_pub, reason = "nothing uses it from outside")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "the numbers of tests are small"
)]

mod differential;
mod properties;
#[path = "../../../../tests/integration/support/random.rs"]
mod random;

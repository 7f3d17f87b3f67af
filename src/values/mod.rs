//! **Values**: what a text of an export can be read as. There is no engine and no I/O here: SQL functions,
//! profiles and the encoder read values by the same rules.

pub mod day;
mod encoded_twice;
mod epoch;
mod formats;
mod kind;
mod natural;
mod number;
mod parse;
pub mod shape;

pub use encoded_twice::is_encoded_twice;
pub use formats::{contradict, counts_from_1970, date, local, moment_of};
pub use kind::Kind;
pub use natural::natural_order;
pub use number::{Mark, decimal, is_digits};
pub use parse::{is_in_utc, is_null_like, moment_in_iso, reads_offset, truth, usual_date};

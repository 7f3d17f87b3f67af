//! **Values**: what a text of an export can be read as. No engine and no I/O: the functions of SQL, the
//! profiles and the encoder read values by the same rules.

pub mod day;
mod kind;
mod parse;
pub mod shape;

pub use kind::Kind;
pub use parse::{
    decimal, is_in_utc, is_null_like, moment, moment_in_iso, reads_offset, truth, usual_date,
};

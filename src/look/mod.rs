//! What **looks** before anything is loaded: prefixes of the chain that write to no database.
//!
//! | module | looks at |
//! |---|---|
//! | `gaps` | what the source holds and the target does not |
//! | `plan` | what a run would do with every file |
//! | [`estimate`] | what loading files will come to: rows, growth, time and cost |
//! | [`mod@drift`] | how the format and the content of files change |
//! | `compare` | the rows that would be loaded, beside those that the target has |
//! | `date_formats` | from which file date on a column's dates are written in another format |
//! | `dependents` | what in the database depends on the target |
//! | `differences` | the commands over [`mod@drift`]: listing, first bytes, and with `--deep` mirrors and profiles |
//! | `last_day` | the last day that is loaded |
//! | `overview` | a dataset from all sides, for the report |
//! | [`mod@doctor`] | whether everything is there that a run needs |
//! | [`mod@init`], `new_dataset` | a dataset that is not configured yet |

mod compare;
mod date_formats;
mod dependents;
mod differences;
pub mod doctor;
pub mod drift;
pub mod estimate;
mod gaps;
pub mod init;
mod last_day;
mod new_dataset;
mod overview;
mod plan;

pub use compare::{ColumnDifference, Comparison, compare};
pub use dependents::{Dependent, Dependents, EarlierDays, Shown, ToRefresh, dependents};
pub use differences::{Depth, drift, refuse_drift, refused_drift};
pub use gaps::{Choice, Scope, Surveyed, choice, gaps};
pub use last_day::last_day;
pub use new_dataset::init;
pub use overview::{Overview, overview};
pub use plan::{Planned, pin, plan, planned, refuse_what_does_not_fit};

//! The **domain**: the types that all steps share, without I/O. Each word is defined at the top of the file
//! of its name.

mod cadence;
mod dataset;
mod date_form;
pub mod digest;
pub mod dlt_name;
mod drift_kind;
mod environment;
mod error_kind;
mod file_date;
mod finding;
mod identity;
mod invalid_pattern;
mod key_fault;
mod key_pattern;
mod limits;
mod notice;
mod placement;
pub mod provenance;
mod reject_limit;
mod row_set;
pub mod saturating;
mod table_name;

pub use cadence::Cadence;
pub use dataset::{DATASET_TABLES, Dataset, ZeroByteFiles, prefix_fault, taken_name, with_slash};
pub use date_form::PLAUSIBLE_YEARS;
pub use drift_kind::{ANY_DRIFT, DriftKind, DriftKinds, UnknownDriftKind};
pub use environment::Environment;
pub use error_kind::{Carried, ErrorKind, Explain};
pub use file_date::{BackwardRange, DateRange, FileDate, InvalidDate};
pub use finding::{EXAMPLES, Finding};
pub use identity::Identity;
pub use invalid_pattern::InvalidPattern;
pub use key_fault::KeyFault;
pub use key_pattern::{KeyDates, KeyMatch, KeyPattern, first_date};
pub use limits::{Limits, USUAL_BATCH_DAYS, USUAL_UNDO_DAYS};
pub use notice::{Event, Level, Notice};
pub use placement::{MergeRule, Mode, Placed, Placement, ReplaceBy};
pub use provenance::FILE_DATE;
pub use reject_limit::RejectLimit;
pub use row_set::RowSet;
pub use table_name::{InvalidTableName, TableName, quote_identifier, quote_literal};

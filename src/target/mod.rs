//! The **target** is the Postgres table that rows go into. To **load** is to bring staging into it: several
//! batches at once, each one transaction.
//!
//! Only this module speaks to Postgres. What it promises: nothing of a batch is visible before it commits;
//! the ledger commits with it; a commit is verified; no row of another loader is changed or deleted
//! ([`Guest`]); a file that is already there is skipped, and reported.

mod error;
mod guest;
mod placement;
mod postgres;
mod saved;
mod undo_refusal;

pub use error::{Error, RowsCause};
pub use guest::Guest;
pub use postgres::{
    Batch, Column, Compared, ComparedColumn, ComparedFile, ConnectFailure, Database,
    DatabaseTables, Deep, DeepCounts, DeepFile, DeepJob, Definition, Encoder, FirstDay, How,
    Inspected, Job, LimitedBy, MaterializedView, Meaning, MissingRights, Needs, Object, ObjectKind,
    Obstacle, Place, Pooling, Protection, Reached, Relation, Server, Target, Undoable, Undoing,
    UndoneBatch, Web, WithoutIdentity, at_stake, compare, compare_deep, compared_columns,
    count_every_file, count_rows, count_unclaimed, days_held, effects, file_names, first_day, held,
    ledger, load, missing_rights, of_others, references, refresh, refuse_missing, sizes,
    text_variant, undo, undoable, until_cancelled,
};
pub use undo_refusal::UndoRefusal;

/// The columns that dlt fills in each row.
pub const DLT_COLUMNS: [&str; 2] = [postgres::DLT_ID, postgres::DLT_LOAD_ID];

/// A table whose names need quoting in SQL, for tests; quoted it is [`ODD_TABLE`].
#[cfg(test)]
fn odd_table() -> crate::domain::TableName {
    crate::domain::TableName { schema: "My \"shop".to_owned(), name: "Or'der;".to_owned() }
}

/// The quoted name of [`odd_table`].
#[cfg(test)]
const ODD_TABLE: &str = r#""My ""shop"."Or'der;""#;

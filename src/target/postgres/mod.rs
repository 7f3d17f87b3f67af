//! The target in **PostgreSQL**: sessions, the catalog's view of the table, the encoding of rows, batches
//! and the ledger.

mod address;
mod batch;
mod catalog;
mod compare;
mod connect;
mod connect_failure;
mod copy;
mod database_tables;
mod days;
mod deep;
mod encode;
mod health;
mod held;
pub mod ledger;
mod parameter;
mod refresh;
mod rights;
mod row;
mod session;
pub mod sizes;
mod sqlstate;
mod tls;
mod transaction;
mod undo;
mod watch;

pub use batch::{Batch, Job, load};
pub use catalog::{
    Column, Definition, How, Inspected, MaterializedView, Object, ObjectKind, Obstacle, Reached,
    Relation, Target, Web, references,
};
pub(super) use catalog::{DLT_ID, DLT_LOAD_ID, Dlt};
pub use compare::{Compared, ComparedColumn, ComparedFile, compare};
pub use connect_failure::ConnectFailure;
pub(super) use connect_failure::connect_failure;
pub use database_tables::DatabaseTables;
pub use days::{FirstDay, days_held, first_day};
pub use deep::{Deep, DeepCounts, DeepFile, DeepJob, Place, compare_deep, compared_columns};
pub use encode::{Encoder, text_variant};
pub use health::{LimitedBy, Pooling, Server, WithoutIdentity};
pub use held::{
    at_stake, count_every_file, count_rows, count_unclaimed, effects, file_names, held, of_others,
};
pub use refresh::refresh;
pub use rights::{MissingRights, Needs, missing_rights, refuse_missing};
pub use session::{Database, until_cancelled};
pub use sqlstate::Meaning;
pub(super) use sqlstate::reason;
pub use tls::Protection;
pub use undo::{Undoable, Undoing, UndoneBatch, undo, undoable};

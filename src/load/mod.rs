//! To **load** is to bring staging into the target: several batches at once, each one transaction.
//!
//! Only this module speaks to Postgres. What it promises: nothing of a batch is visible before it
//! commits; the ledger commits with it; a commit is verified; a file that is already there is
//! skipped and said so.

mod batch;
mod connect;
mod copy;
mod database_tables;
mod encode;
mod error;
pub mod ledger;
mod sqlstate;
pub mod standing;
mod table_name;
mod target;
mod tls;

use std::collections::HashMap;
use std::sync::Arc;

use crate::progress::Listener;
use crate::source::Store;

pub use batch::{Batch, Loaded, load};
pub use connect::{Connection, Database};
pub use database_tables::DatabaseTables;
pub use encode::Encoder;
pub use error::Error;
pub use sqlstate::Meaning;
pub use standing::{Change, Standing, Standings};
pub use table_name::{InvalidTableName, TableName, quote_identifier};
pub use target::{Column, Target};

/// What batches have in common.
pub struct Job<'a> {
    /// Where the target is.
    pub database: &'a Database,
    /// The target.
    pub target: &'a Target,
    /// Encodes staged rows for it.
    pub encoder: Arc<Encoder>,
    /// Where staging is.
    pub staging: &'a Store,
    /// The run.
    pub run_id: &'a str,
    /// The dataset.
    pub dataset: &'a str,
    /// The SQL.
    pub sql_hash: &'a str,
    /// The files whose rows are replaced, with the run that loaded them.
    pub reload: &'a HashMap<String, String>,
    /// Told of every row that is sent.
    pub progress: &'a Listener,
}

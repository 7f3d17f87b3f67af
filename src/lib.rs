//! `backfill` loads the history of dated CSV exports from S3 into Postgres, defined in SQL.
//!
//! ```text
//! list ─▶ mirror ─▶ register ─▶ check ─▶ dedupe ─▶ stage ─▶ load ─▶ verify
//!  │        │          │          │         │        │        │
//!  S3 LIST  CSV →      one table  sql/…/    sql/…/   sql/…/   COPY in one transaction
//!  dates    Parquet    a dataset, checks/   dedupe   stage    a batch, with the ledger
//!  from     a file     _file_date
//!  keys     rejects    partitions
//! ```
//!
//! Each step is a module that takes the value of the one before; [`pipeline::run`] is the only place
//! that knows their order. The words are defined where they live: a **source file** in [`source`], a
//! **mirror** and a **reject** in [`mirror`], what SQL sees in [`catalog`], a **check** in
//! [`check`], a **survivor** in [`dedupe`], **staging** and the **manifest** in [`stage`], a
//! **batch**, the **target** and the **ledger** in [`load`].

pub mod catalog;
pub mod check;
pub mod cli;
pub mod config;
pub mod dedupe;
pub mod drift;
pub mod error;
pub mod failpoint;
pub mod file_date;
pub mod init;
pub mod load;
pub mod mirror;
pub mod parquet;
pub mod pipeline;
pub mod plan;
pub mod printable;
pub mod profile;
pub mod progress;
pub mod report;
pub mod source;
pub mod sql;
pub mod stage;
pub mod telemetry;
pub mod verify;

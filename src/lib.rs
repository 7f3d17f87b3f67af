//! `backfill` loads the history of dated CSV exports from S3 into Postgres, defined in SQL.
//!
//! ```text
//! list ─▶ mirror ─▶ register ─▶ check ─▶ dedupe ─▶ stage ─▶ load ─▶ verify
//!  │        │          │          │         │        │        │
//!  S3 LIST  CSV →      one table  sql/…/    sql/…/   sql/…/   COPY in one transaction
//!  dates    Parquet    a dataset, checks/   dedupe   stage    per batch, with the ledger
//!  from     per file   _file_date
//!  keys     rejects    partitions
//! ```
//!
//! Each step is a module that takes the value of the step before it; [`run`] is the only place that knows
//! their order. The modules form layers, each of which uses only those before it:
//!
//! ```text
//! domain, values        nouns, and what a text can be read as: no I/O
//! store, config         object stores and the layout of staging; backfill.toml
//! source, mirror,       which files there are; a file in columnar form; what its values are like
//!   profile
//! sql, engine, tables   the SQL of a dataset; the engine; what SQL sees
//! check, dedupe, stage  bad rows; which rows survive; the rows to load
//! state                 everything that is known about each file; the plan and the accounting
//! target                the Postgres table, and the only module that speaks to Postgres
//! project               an opened project: stores, engine, database
//! look, life            what is looked at before a load; what happens to loaded rows afterwards
//! run                   the chain
//! show, cli             what people see and type
//! ```
//!
//! The words are defined where they live: a **source file** in [`source`], a **mirror** and a **reject** in
//! [`mirror`], what SQL sees in [`tables`], a **check** in [`check`], a **survivor** in [`dedupe`], **staging**
//! and the **manifest** in [`stage`], a **batch**, the **target** and the **ledger** in [`target`].

pub mod check;
pub mod cli;
pub mod config;
pub mod dedupe;
pub mod domain;
pub mod engine;
pub mod error;
pub mod failpoint;
pub mod life;
pub mod look;
pub mod mirror;
pub mod printable;
pub mod profile;
pub mod progress;
pub mod project;
pub mod run;
pub mod show;
pub mod source;
pub mod sql;
pub mod stage;
pub mod state;
pub mod store;
pub mod tables;
pub mod target;
pub mod telemetry;
pub mod values;

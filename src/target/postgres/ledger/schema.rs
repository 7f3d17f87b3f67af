//! The **schema** of the ledger: its tables, created if there are none, and brought up to this version.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::tables::Tables;
use crate::target::Error;

/// Lets two runs that start at the same time create the ledger one after the other.
const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended('backfill.ledger', 0))";

/// Creates the ledger's schema. It is sent only if there is none: a role that may create tables in a schema need not
/// have the right to create schemas.
const CREATE_SCHEMA: &str = "\
CREATE SCHEMA backfill;
COMMENT ON SCHEMA backfill IS 'What backfill has loaded; its rows commit with the rows of the targets.'";

/// Creates the ledger's tables, and adds the columns that an older version of this program did not have.
const CREATE_TABLES: &str = "\
CREATE TABLE IF NOT EXISTS backfill.runs (
  run_id text NOT NULL, dataset text NOT NULL, target text NOT NULL,
  range_start date NOT NULL, range_end date NOT NULL, batch_days integer NOT NULL,
  sql_hash text NOT NULL, version text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(), finished_at timestamptz,
  status text NOT NULL DEFAULT 'running', accounting jsonb,
  PRIMARY KEY (run_id, dataset));
CREATE TABLE IF NOT EXISTS backfill.batches (
  run_id text NOT NULL, dataset text NOT NULL, batch integer NOT NULL,
  range_start date NOT NULL, range_end date NOT NULL, files integer NOT NULL,
  rows bigint NOT NULL, deleted bigint NOT NULL, xid text NOT NULL,
  committed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (run_id, dataset, batch));
CREATE TABLE IF NOT EXISTS backfill.files (
  target text NOT NULL, file_name text NOT NULL, file_date date NOT NULL,
  run_id text NOT NULL, batch integer NOT NULL,
  size_bytes bigint NOT NULL, etag text, last_modified timestamptz NOT NULL,
  sql_hash text NOT NULL, records bigint NOT NULL, accepted bigint NOT NULL,
  rejected bigint NOT NULL, superseded bigint NOT NULL, filtered bigint NOT NULL,
  staged bigint NOT NULL, inserted bigint NOT NULL, survivors text NOT NULL,
  loaded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (target, file_name));
ALTER TABLE backfill.batches
  ADD COLUMN IF NOT EXISTS updated bigint NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS skipped_older bigint NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS load_id text,
  ADD COLUMN IF NOT EXISTS saved_columns jsonb,
  ADD COLUMN IF NOT EXISTS merge_key text[],
  ADD COLUMN IF NOT EXISTS undone_at timestamptz;
ALTER TABLE backfill.files
  ADD COLUMN IF NOT EXISTS updated bigint NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS skipped_older bigint NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS deleted_on_purpose bigint NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS again boolean NOT NULL DEFAULT false,
  ADD COLUMN IF NOT EXISTS held bigint,
  ADD COLUMN IF NOT EXISTS xids text[];
CREATE TABLE IF NOT EXISTS backfill.saved_files (
  run_id text NOT NULL, dataset text NOT NULL, batch integer NOT NULL, file_name text NOT NULL, entry jsonb,
  PRIMARY KEY (run_id, dataset, batch, file_name));
CREATE TABLE IF NOT EXISTS backfill.saved_rows (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, run_id text NOT NULL, dataset text NOT NULL, batch integer NOT NULL, file_name text,
  written_by text NOT NULL, row text NOT NULL);
CREATE INDEX IF NOT EXISTS saved_rows_batch ON backfill.saved_rows (run_id, dataset, batch);
COMMENT ON COLUMN backfill.files.held IS 'Rows of the file that the target holds, if nobody else changed them; NULL: those that were inserted.';
COMMENT ON COLUMN backfill.files.xids IS 'Transactions that brought rows of the file back, besides that of its batch.';
COMMENT ON COLUMN backfill.batches.saved_columns IS 'The columns of the rows that the batch replaced or deleted and saved; NULL: by a version that saved none.';
COMMENT ON COLUMN backfill.batches.merge_key IS 'The columns by which the batch merged its rows; NULL: it did not merge.';
COMMENT ON TABLE backfill.saved_files IS 'What backfill.files said of each file before a batch; NULL: nothing.';
COMMENT ON TABLE backfill.saved_rows IS 'Rows of the target that a batch replaced or deleted, for undo.';";

/// Creates the ledger if there is none, in the transaction of the session.
///
/// # Errors
/// Those of [`exists`]; [`Error::OutdatedLedger`] if somebody else has to bring it up to date; [`Error::Statement`].
pub async fn create(client: &Client) -> Result<(), Error> {
    let found = Tables::find(client).await?;
    if found.exist()? && found.are_current() {
        return Ok(());
    }
    found.refuse_others()?;
    execute(client, LOCK).await?;
    if !has_schema(client, SCHEMA).await? {
        execute(client, CREATE_SCHEMA).await?;
    }
    execute(client, CREATE_TABLES).await
}

async fn execute(client: &Client, statement: &str) -> Result<(), Error> {
    client
        .batch_execute(statement)
        .await
        .map_err(Error::statement("creating the ledger (schema backfill)"))
}

/// The schema of the ledger.
const SCHEMA: &str = "backfill";

/// Whether the database has a schema.
///
/// # Errors
/// [`Error::Statement`].
pub async fn has_schema(client: &Client, schema: &str) -> Result<bool, Error> {
    let statement = "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)";
    let row = client
        .query_typed_one(statement, &[(&schema, Type::TEXT)])
        .await
        .map_err(Error::statement(format!("looking for the schema {schema}")))?;
    Ok(row.get(0))
}

/// Whether the database has a ledger.
///
/// # Errors
/// [`Error::ForeignLedger`] if something else has the name of one of its tables; [`Error::IncompleteLedger`] if some
/// of them are missing; [`Error::Rights`] if this user may not read one; [`Error::Statement`].
pub async fn exists(client: &Client) -> Result<bool, Error> {
    Tables::find(client).await?.exist()
}

/// Whether the ledger has every table and column of this version.
///
/// # Errors
/// [`Error::Statement`].
pub async fn is_current(client: &Client) -> Result<bool, Error> {
    Ok(Tables::find(client).await?.are_current())
}

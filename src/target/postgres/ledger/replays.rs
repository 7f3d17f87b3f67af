//! What the ledger keeps of a **replay**: the counts of the files that got more rows, and the transactions that
//! brought those which they had before.

use std::collections::HashMap;

use serde::Serialize;

use super::BatchRecord;
use crate::domain::Placed;
use crate::stage::Counts;
use crate::target::Error;

/// A file that gets the rows of records which could not be read when it was loaded.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The name of the file.
    pub file_name: String,
    /// The run that brought its rows before.
    pub run_id: String,
    /// The transactions that brought its rows before.
    pub xids: Vec<String>,
    /// Rows that the target holds of it before.
    pub held: u64,
    /// Its counts up to staging, with the new rows.
    pub counts: Counts,
    /// The digest of the set of its rows that survive, with the new ones.
    pub survivors: String,
}

/// One file's row as it is handed to the server.
#[derive(Serialize)]
struct ReplayRow {
    file_name: String,
    run_id: String,
    xids: Vec<String>,
    #[serde(flatten)]
    counts: Counts,
    inserted: u64,
    updated: u64,
    skipped_older: u64,
    survivors: String,
}

/// Adds what a replay brought to the rows of its files.
pub(super) const UPDATE_FILES: &str = "\
UPDATE backfill.files AS file SET
  run_id = $2, batch = $3::int8::int4, sql_hash = $4, records = more.records, accepted = more.accepted,
  rejected = more.rejected, superseded = more.superseded, filtered = more.filtered,
  staged = more.staged, inserted = file.inserted + more.inserted,
  updated = file.updated + more.updated, skipped_older = file.skipped_older + more.skipped_older,
  held = coalesce(file.held, file.inserted) + more.inserted + more.updated,
  survivors = more.survivors, loaded_at = clock_timestamp(),
  xids = ARRAY(SELECT jsonb_array_elements_text(more.xids))
FROM jsonb_to_recordset($5::text::jsonb) AS more
  (file_name text, run_id text, xids jsonb, records bigint, accepted bigint, rejected bigint,
   superseded bigint, filtered bigint, staged bigint, inserted bigint, updated bigint,
   skipped_older bigint, survivors text)
WHERE file.target = $1 AND file.file_name = more.file_name AND file.run_id = more.run_id";

/// The files of a replay as they are handed to the server.
///
/// # Errors
/// [`Error::Json`].
pub(super) fn file_rows(batch: &BatchRecord<'_>) -> Result<String, Error> {
    let placed: HashMap<&str, Placed> =
        batch.files.iter().map(|(file, placed)| (file.file_name.as_str(), *placed)).collect();
    let mut rows = Vec::with_capacity(batch.replays.len());
    for replay in batch.replays {
        let of_file = placed.get(replay.file_name.as_str()).copied().unwrap_or_default();
        rows.push(ReplayRow::of(replay, of_file));
    }
    serde_json::to_string(&rows).map_err(Error::Json)
}

impl ReplayRow {
    fn of(replay: &Replay, placed: Placed) -> Self {
        Self {
            file_name: replay.file_name.clone(),
            run_id: replay.run_id.clone(),
            xids: replay.xids.clone(),
            counts: replay.counts,
            inserted: placed.inserted,
            updated: placed.updated,
            skipped_older: placed.skipped_older,
            survivors: replay.survivors.clone(),
        }
    }
}

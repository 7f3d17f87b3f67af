//! The **kind** of each error of the target, and what to do about it.

use super::{Error, Meaning, RowsCause};
use crate::domain::{ErrorKind, Explain};
use crate::store;

/// Says what to do about rows that the server refuses, if their code says more than its class.
fn hint_of(state: &str) -> Option<&'static str> {
    match state {
        "23505" => Some(
            "the target already has a row with this key, from another load or another program: use mode = \"merge\" \
             with these columns as merge_key, so that the newer row wins, or leave such rows out in dedupe.sql",
        ),
        "55000" => Some(
            "if a publication includes the updates and deletes of the table, the table needs a replica identity: a \
             primary key, or ALTER TABLE … REPLICA IDENTITY FULL; `backfill doctor` names the publication",
        ),
        "23503" => {
            Some("first load the table that the rows refer to, in a separate run with --prefix")
        }
        "22021" | "22P05" => Some(
            "the database or its encoding cannot store a character of the value: clean it in stage.sql; if \
             the file is not UTF-8, set csv.encoding, one or a list",
        ),
        _ => None,
    }
}

/// What to do if the database is not named, or not in a way that is understood.
const NAME_DATABASE: &str = "\
set DATABASE_URL=postgres://user:password@host:5432/database, or PGHOST, PGUSER, PGPASSWORD and PGDATABASE; for \
verify-full give the CA file as PGSSLROOTCERT";

fn hint_of_left_behind(pid: i32) -> String {
    format!(
        "have the user of that session or a superuser execute SELECT pg_terminate_backend({pid}); then run again"
    )
}

/// What to do about a ledger that is not as this program made it.
const LEDGER_CHANGED: &str =
    "nothing was loaded; somebody changed the tables of the schema backfill: restore them";
const FOREIGN_LEDGER: &str = "nothing was loaded; this program keeps its ledger in the schema backfill: if the table \
                              belongs to another program, rename it or its schema; if somebody changed the ledger's \
                              table, restore it";
const LEDGER_INCOMPLETE: &str = "nothing was loaded; restore the missing tables of the schema backfill from a \
                                 backup; without them, it is not known what was loaded before";

fn hint_of_outdated_ledger(owner: &str) -> String {
    format!(
        "nothing was loaded; run this version once as {owner}, or have {owner} make the user of this run a member of \
         that role (GRANT {owner} TO …)"
    )
}

impl Error {
    /// Says what to do about a statement that failed.
    fn hint_of_statement(&self) -> Option<&'static str> {
        match self {
            Self::Rows { cause: RowsCause::Referenced, .. } => Some(
                "rows of the other table still refer to rows that would be deleted: make its constraint NO ACTION \
                 DEFERRABLE INITIALLY DEFERRED, or drop it during the load",
            ),
            Self::Rows { cause: RowsCause::NoPartition, .. } => {
                Some("create the partition for these rows, or a DEFAULT partition, and run again")
            }
            Self::Rows { state, .. } if hint_of(state).is_some() => hint_of(state),
            _ => self.meaning().map(Meaning::hint),
        }
    }
}

impl Explain for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoDatabase
            | Self::Setting { .. }
            | Self::Certificates { .. }
            | Self::NoRootCertificate { .. }
            | Self::ClientCertificate { .. }
            | Self::Mismatch { .. }
            | Self::ForeignLedger { .. }
            | Self::IncompleteLedger { .. }
            | Self::OutdatedLedger { .. }
            | Self::Rights { .. }
            | Self::Target { .. } => ErrorKind::Usage,
            Self::Connect { failure, .. } => failure.kind(),
            Self::Statement { .. } | Self::Rows { .. } => {
                self.meaning().map_or(ErrorKind::Failed, Meaning::kind)
            }
            Self::Value { .. }
            | Self::ForeignRows { .. }
            | Self::NullKeys { .. }
            | Self::RunUndone { .. }
            | Self::AmbiguousKeys { .. } => ErrorKind::Refused,
            Self::Undo(refusal) => refusal.kind(),
            Self::Staged { source, .. } => store::kind_of_staging(source),
            Self::CommitUnknown { .. }
            | Self::Unfinished { .. }
            | Self::LeftBehind { .. }
            | Self::ChangedMeanwhile { .. }
            | Self::NoAnswer { .. } => ErrorKind::Transient,
            Self::NoArrowValue { .. }
            | Self::Json(_)
            | Self::Waiting(_)
            | Self::Count { .. }
            | Self::RolledBack { .. }
            | Self::LedgerUnreadable { .. } => ErrorKind::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoArrowValue { .. } => {
                "leave the column out of the query, or query a view that casts it to text"
            }
            Self::NoDatabase | Self::Setting { .. } => NAME_DATABASE,
            Self::Certificates { .. } => "give a PEM file as sslrootcert or PGSSLROOTCERT",
            Self::NoRootCertificate { .. } => {
                "give the CA file as sslrootcert or PGSSLROOTCERT, or sslrootcert=system for the \
                 certificates that this machine trusts"
            }
            Self::ClientCertificate { .. } => "give PEM files as sslcert and sslkey",
            Self::Connect { failure, .. } => return Some(failure.hint().to_owned()),
            Self::Statement { .. } | Self::Rows { .. } => {
                return self.hint_of_statement().map(str::to_owned);
            }
            Self::Mismatch { .. } => {
                "name and CAST the columns in stage.sql as the target has them, or alter the target"
            }
            Self::Target { .. } => {
                "change the table so that rows can be loaded into it, or name another table in the dataset's section \
                 of backfill.toml"
            }
            Self::Value { .. } => {
                "`backfill query` shows the row by _file_name and _row_id; cast or clean it in \
                 stage.sql, or find such rows with a check"
            }
            Self::Staged { source, .. } => match store::hint_of_staging(source) {
                Some(hint) => return Some(hint),
                None => "delete the staging folder's `staged` part and run again",
            },
            Self::Json(_) => return None,
            Self::Waiting(_) => {
                "free some space in the temporary folder, or set TMPDIR to another one"
            }
            Self::Count { .. } | Self::RolledBack { .. } => {
                "nothing of the batch is in the target; look for triggers or rules on it, and run again"
            }
            Self::CommitUnknown { .. } | Self::Unfinished { .. } | Self::NoAnswer { .. } => {
                "run again: the ledger is committed together with the rows, so that the next run knows, and nothing \
                 is loaded twice"
            }
            Self::ChangedMeanwhile { .. } => "run again; what earlier batches loaded is kept",
            Self::RunUndone { .. } => {
                "`backfill undo` deletes what it has loaded; run again after that"
            }
            Self::Undo(refusal) => return refusal.hint(),
            Self::LeftBehind { pid, .. } => return Some(hint_of_left_behind(*pid)),
            Self::LedgerUnreadable { .. } => LEDGER_CHANGED,
            Self::Rights { .. } => {
                "nothing was loaded; have the owner of the tables or of the database execute these statements"
            }
            Self::NullKeys { .. } => {
                "nothing of the batch is loaded; give every row a key in stage.sql, leave such rows out \
                 there, or find them with a check"
            }
            Self::AmbiguousKeys { .. } => {
                "nothing of the batch is loaded; add columns to merge_key, or make the keys unique in the target"
            }
            Self::ForeignLedger { .. } => FOREIGN_LEDGER,
            Self::IncompleteLedger { .. } => LEDGER_INCOMPLETE,
            Self::OutdatedLedger { owner } => return Some(hint_of_outdated_ledger(owner)),
            Self::ForeignRows { .. } => {
                "another program wrote or changed rows of these files, and no flag deletes such rows; what \
                 earlier batches loaded is kept: run again to see which files they belong to"
            }
        };
        Some(hint.to_owned())
    }
}

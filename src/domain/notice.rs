//! A **notice** tells a person something that does not stop the work: each is shown once, and stands in
//! the JSON and the HTML output.

use std::fmt;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::{FileDate, Finding, TableName};

/// Something that a person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The dataset it is about; `None` if it is about none.
    pub dataset: Option<String>,
    /// What it is.
    pub event: Event,
}

/// How much a notice matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Good to know.
    Note,
    /// Something may be wrong.
    Warning,
}

/// What a notice is about. Never holds a cell value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// What listing the source found.
    Listed(Finding),
    /// Records that could not be read.
    RecordsRejected {
        /// How many.
        records: u64,
        /// In how many files.
        files: usize,
    },
    /// Records that are the header once more, and were not rejected.
    HeadersRepeated {
        /// How many.
        records: u64,
        /// In how many files.
        files: usize,
    },
    /// Files whose last record has no line ending, while most have one.
    LastLineOpen {
        /// How many files.
        files: usize,
        /// Of how many.
        of: usize,
        /// The key of the first.
        first: String,
    },
    /// Files that have a header and nothing else, while most have records.
    HeaderOnly {
        /// How many files.
        files: usize,
        /// Of how many.
        of: usize,
        /// The key of the first.
        first: String,
    },
    /// A column that the SQL reads and some files lack.
    ColumnMissing {
        /// The column.
        column: String,
        /// How many files lack it.
        files: usize,
        /// Of how many.
        of: usize,
        /// The key of the first.
        first: String,
    },
    /// Entries of `personal_columns` that match no column.
    PersonalColumnsUnmatched {
        /// The entries.
        entries: Vec<String>,
    },
    /// A check of severity `warn` that found bad rows.
    CheckWarned {
        /// Its name, how many rows and where the first one is.
        summary: String,
    },
    /// A file that is gone from the source while its rows stay in the target.
    RowsKept {
        /// Its key, and what is left of it.
        file: String,
    },
    /// A file of which another loader has put fewer rows into the target than it has.
    LoadedInPart {
        /// The file.
        file: String,
        /// Its rows in the target.
        rows: u64,
        /// Its records that became rows.
        accepted: u64,
    },
    /// Files that another run has loaded or removed in the meantime.
    DoneMeanwhile {
        /// The files.
        files: Vec<String>,
    },
    /// Rows of the live loader whose load it has not recorded as finished.
    LoadUnfinished {
        /// The target.
        table: String,
        /// How many.
        rows: u64,
    },
    /// Rows that were replaced although they are of none of the files that were loaded.
    RowsReplaced {
        /// The target.
        table: String,
        /// How many.
        rows: u64,
    },
    /// A file that was replaced while it was read, and is read again.
    ReplacedWhileRead {
        /// The file.
        file: String,
    },
    /// Writing to the target sets off its triggers or rules.
    Triggers {
        /// The target.
        table: String,
        /// Each of them and what sets it off.
        triggers: Vec<String>,
        /// The files whose rows do.
        files: usize,
    },
    /// Deleting rows of the target changes other tables.
    Cascades {
        /// The target.
        table: String,
        /// What changes.
        changes: Vec<String>,
    },
    /// The target has no index by which the rows of a file are found.
    NoFileNameIndex {
        /// The target.
        table: TableName,
    },
    /// dlt's table of loads is not beside the target.
    NoLoadsTable {
        /// The target.
        table: String,
    },
    /// Columns of the target are filled with the value that all rows there have.
    FilledIn {
        /// The target.
        table: String,
        /// The columns.
        columns: Vec<String>,
    },
    /// Columns of the target that the live loader fills, and that are NULL in our rows.
    NotFilledIn {
        /// The target.
        table: String,
        /// The columns.
        columns: Vec<String>,
    },
    /// NUL characters were taken out of values.
    NulsDropped {
        /// Records that had some.
        records: u64,
        /// In how many files.
        files: usize,
    },
    /// A sequence stays behind the numbers that are given, because the user may not advance it.
    SequenceLeft {
        /// The column that it numbers.
        column: String,
        /// The sequence, quoted.
        sequence: String,
    },
    /// A run failed after it had committed some batches.
    Committed {
        /// How many.
        batches: usize,
        /// Of how many.
        of: usize,
        /// The files in them.
        files: usize,
        /// The rows in them.
        rows: u64,
    },
    /// Files have to be merged once more.
    MergeAgain {
        /// How many.
        files: u64,
    },
    /// A run waits for a lock of another session.
    Waiting {
        /// Who holds it, since when, and what it is doing.
        holder: String,
    },
    /// A session of an earlier run that does not answer any more is ended.
    Ending {
        /// Which.
        holder: String,
    },
    /// No day of a range can be new: it ends before the last day that is loaded.
    NothingNew {
        /// The last day that is loaded.
        last: FileDate,
        /// The first day that was asked for.
        start: FileDate,
        /// The last one, which is before it.
        end: FileDate,
    },
    /// The last day that is loaded is asked for, and nothing is loaded.
    NothingLoaded {
        /// The target.
        table: String,
        /// What is done instead.
        instead: String,
    },
    /// A query reads only the files of the days that it asks for.
    FilesByDate {
        /// How many files are read.
        files: usize,
        /// Of how many.
        of: usize,
    },
    /// `dedupe.sql` orders the files of a day by their names as plain text, where numbers do not count as such.
    PlainNameOrder {
        /// The day.
        date: FileDate,
        /// The file that comes last as plain text.
        plain: String,
        /// The file that comes last by its natural order.
        natural: String,
    },
    /// The report could not be written.
    NoReport {
        /// Why.
        reason: String,
    },
}

impl Event {
    /// A short name that never changes, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Listed(Finding::MissingDays { .. }) => "missing-days",
            Self::Listed(Finding::SeveralFiles { .. }) => "several-files",
            Self::Listed(Finding::ZeroBytes { .. }) => "zero-bytes",
            Self::Listed(Finding::KeysWithoutDate { .. }) => "keys-without-date",
            Self::Listed(Finding::UnusableKeys { .. }) => "unusable-keys",
            Self::Listed(Finding::FarDates { .. }) => "far-dates",
            Self::RecordsRejected { .. } => "records-rejected",
            Self::HeadersRepeated { .. } => "headers-repeated",
            Self::LastLineOpen { .. } => "last-line-open",
            Self::HeaderOnly { .. } => "header-only",
            Self::ColumnMissing { .. } => "column-missing",
            Self::PersonalColumnsUnmatched { .. } => "personal-columns-unmatched",
            Self::CheckWarned { .. } => "check-warned",
            Self::RowsKept { .. } => "rows-kept",
            Self::LoadedInPart { .. } => "loaded-in-part",
            Self::DoneMeanwhile { .. } => "done-meanwhile",
            Self::ReplacedWhileRead { .. } => "replaced-while-read",
            Self::Triggers { .. } => "triggers",
            Self::Cascades { .. } => "cascades",
            Self::NoFileNameIndex { .. } => "no-file-name-index",
            Self::NoLoadsTable { .. } => "no-loads-table",
            Self::FilledIn { .. } => "filled-in",
            Self::NotFilledIn { .. } => "not-filled-in",
            Self::NulsDropped { .. } => "nuls-dropped",
            Self::SequenceLeft { .. } => "sequence-left",
            Self::Committed { .. } => "committed",
            Self::LoadUnfinished { .. } => "load-unfinished",
            Self::RowsReplaced { .. } => "rows-replaced",
            Self::MergeAgain { .. } => "merge-again",
            Self::Waiting { .. } => "waiting",
            Self::Ending { .. } => "ending-session",
            Self::NothingNew { .. } => "nothing-new",
            Self::NothingLoaded { .. } => "nothing-loaded",
            Self::FilesByDate { .. } => "files-by-date",
            Self::PlainNameOrder { .. } => "plain-name-order",
            Self::NoReport { .. } => "no-report",
        }
    }

    /// How much it matters.
    pub fn level(&self) -> Level {
        match self {
            Self::DoneMeanwhile { .. }
            | Self::ReplacedWhileRead { .. }
            | Self::NoFileNameIndex { .. }
            | Self::FilledIn { .. }
            | Self::Committed { .. }
            | Self::FilesByDate { .. }
            | Self::NothingNew { .. }
            | Self::Waiting { .. } => Level::Note,
            Self::Listed(_)
            | Self::RecordsRejected { .. }
            | Self::HeadersRepeated { .. }
            | Self::LastLineOpen { .. }
            | Self::HeaderOnly { .. }
            | Self::ColumnMissing { .. }
            | Self::PersonalColumnsUnmatched { .. }
            | Self::CheckWarned { .. }
            | Self::RowsKept { .. }
            | Self::LoadedInPart { .. }
            | Self::Triggers { .. }
            | Self::Cascades { .. }
            | Self::NoLoadsTable { .. }
            | Self::NotFilledIn { .. }
            | Self::NulsDropped { .. }
            | Self::MergeAgain { .. }
            | Self::LoadUnfinished { .. }
            | Self::RowsReplaced { .. }
            | Self::SequenceLeft { .. }
            | Self::Ending { .. }
            | Self::NothingLoaded { .. }
            | Self::PlainNameOrder { .. }
            | Self::NoReport { .. } => Level::Warning,
        }
    }
}

/// How many files a notice names.
const SHOWN: usize = 3;

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listed(finding) => finding.fmt(f),
            Self::RecordsRejected { records, files } => write!(
                f,
                "{records} record(s) in {files} file(s) are rejected; `backfill rejects` shows where \
                 and why"
            ),
            Self::HeadersRepeated { records, files } => write!(
                f,
                "{records} record(s) in {files} file(s) are the header once more, and csv.repeated_header says \
                 what becomes of them"
            ),
            Self::LastLineOpen { files, of, first } => write!(
                f,
                "{files} of {of} files end without a line ending, the first is {first}: their last record may \
                 be cut off"
            ),
            Self::HeaderOnly { files, of, first } => write!(
                f,
                "{files} of {of} files have a header and no records, the first is {first}"
            ),
            Self::ColumnMissing { column, files, of, first } => write!(
                f,
                "{files} of {of} files lack the column `{column}`, the first is {first}; it is NULL \
                 there (say optional_columns, or csv.aliases if it has another name)"
            ),
            Self::PersonalColumnsUnmatched { entries } => {
                write!(f, "no file has a column that personal_columns calls {}", entries.join(", "))
            }
            Self::CheckWarned { summary } => f.write_str(summary),
            Self::RowsKept { file } => f.write_str(file),
            Self::LoadedInPart { file, rows, accepted } => write!(
                f,
                "another loader has put {rows} rows of {file} there, which has {accepted}; the others are \
                 not loaded, though they may supersede rows of other files"
            ),
            Self::DoneMeanwhile { files } => write!(
                f,
                "{} file(s) were loaded or removed by another run in the meantime, and skipped: {}{}",
                files.len(),
                files.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", "),
                if files.len() > SHOWN { " …" } else { "" }
            ),
            Self::LoadUnfinished { table, rows } => write!(
                f,
                "{rows} rows of these files in {table} are of a load that dlt has not recorded in _dlt_loads: it \
                 still runs, or was abandoned, and its rows may be incomplete"
            ),
            Self::RowsReplaced { table, rows } => write!(
                f,
                "{rows} rows of {table} of the same days, which none of these files had brought, were deleted to \
                 make place for the new ones"
            ),
            Self::ReplacedWhileRead { file } => {
                write!(f, "{file} was replaced while it was read; it is read again")
            }
            Self::Triggers { table, triggers, files } => write!(
                f,
                "each row of {files} file(s) sets off triggers or rules of {table}: {}",
                triggers.join(", ")
            ),
            Self::Cascades { table, changes } => {
                write!(f, "deleting rows of {table} changes {}", changes.join(", "))
            }
            Self::NoFileNameIndex { table } => write!(
                f,
                "{table} has no index on _file_name, so that counting the rows of a file reads the whole \
                 table; if you may: CREATE INDEX CONCURRENTLY ON {} (_file_name)",
                table.quoted()
            ),
            Self::NoLoadsTable { table } => write!(
                f,
                "{table} has dlt's columns, but no table _dlt_loads stands beside it: the loads are \
                 recorded in the ledger only"
            ),
            Self::FilledIn { table, columns } => write!(
                f,
                "stage.sql does not give {}: filled in with the one value that all rows of {table} have",
                columns.join(", ")
            ),
            Self::NotFilledIn { table, columns } => write!(
                f,
                "stage.sql does not give {}, which the loader of {table} fills in: NULL in the new rows, unless \
                 `constants` of the dataset or stage.sql give it",
                columns.join(", ")
            ),
            Self::NulsDropped { records, files } => write!(
                f,
                "NUL characters were taken out of {records} record(s) in {files} file(s), because \
                 PostgreSQL cannot store them (csv.nul decides)"
            ),
            Self::SequenceLeft { column, sequence } => write!(
                f,
                "the sequence {sequence} is not moved behind the numbers of {column} that are loaded, because \
                 this user may not do that: have its owner send GRANT SELECT, UPDATE ON SEQUENCE {sequence}"
            ),
            Self::Committed { batches: 0, .. } => f.write_str("nothing was committed"),
            Self::Committed { batches, of, files, rows } => write!(
                f,
                "{batches} of {of} batch(es) are committed and stay: {files} file(s), {rows} rows; the same \
                 command goes on behind them"
            ),
            Self::MergeAgain { files } => write!(
                f,
                "{files} file(s) have rows that were older than rows that are gone now: run again to merge \
                 them"
            ),
            Self::Waiting { holder } => write!(f, "waiting for {holder}"),
            Self::Ending { holder } => write!(f, "ending {holder}"),
            Self::NothingNew { last, start, end } => write!(
                f,
                "nothing new: the last day that is loaded is {last}, and the range would be {start} to {end}"
            ),
            Self::NothingLoaded { table, instead } => {
                write!(f, "nothing is loaded into {table}, so its last day is not known: {instead}")
            }
            Self::FilesByDate { files, of } => write!(
                f,
                "{files} of {of} file(s) are read: those of the days for which the query asks"
            ),
            Self::PlainNameOrder { date, plain, natural } => write!(
                f,
                "dedupe.sql orders by _file_name as plain text, by which {plain} is the newest file of {date}; \
                 by the numbers in the names it is {natural}: write natural_order(_file_name)"
            ),
            Self::NoReport { reason } => write!(f, "the report was not written: {reason}"),
        }
    }
}

impl Notice {
    /// A notice about a dataset.
    pub fn of(dataset: &str, event: Event) -> Self {
        Self { dataset: Some(dataset.to_owned()), event }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.event.level() {
            Level::Note => "note: ",
            Level::Warning => "warning: ",
        })?;
        if let Some(dataset) = &self.dataset {
            write!(f, "{dataset}: ")?;
        }
        self.event.fmt(f)
    }
}

impl Serialize for Notice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Notice", 4)?;
        fields.serialize_field("level", &self.event.level())?;
        fields.serialize_field("code", self.event.code())?;
        fields.serialize_field("dataset", &self.dataset)?;
        fields.serialize_field("text", &self.event.to_string())?;
        fields.end()
    }
}

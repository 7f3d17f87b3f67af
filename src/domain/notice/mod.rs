//! A **notice** reports something that does not stop the work. Each is shown once, and is in the JSON and the
//! HTML output.

mod text;

use std::fmt;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::{DateRange, FileDate, Finding, TableName};

/// Something that a person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The dataset it is about, if it is about one.
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
    /// Files that have a header and no records.
    HeaderOnly {
        /// How many files.
        files: usize,
        /// Of how many.
        of: usize,
        /// The key of the first.
        first: String,
    },
    /// Records that `csv.skip_records` left out.
    RecordsSkipped {
        /// How many records.
        records: u64,
        /// In how many files.
        files: usize,
        /// How many there are in the file that has the most, and its key.
        most: (u64, String),
    },
    /// Accepted records at the end of files that are unlike all before them.
    ClosingRecords {
        /// How many records.
        records: u64,
        /// In how many files.
        files: usize,
        /// Key and line of the first.
        first: String,
    },
    /// Lines above headers, and comments, that are as wide as the header and hold a number or a date.
    LinesLikeRecords {
        /// How many lines.
        lines: u64,
        /// In how many files.
        files: usize,
        /// The key of the first.
        first: String,
    },
    /// Lines inside quoted values that look like records of the file.
    LinesInValues {
        /// How many lines.
        lines: u64,
        /// In how many files.
        files: usize,
        /// Key and line of the first value.
        first: String,
    },
    /// Values that keep their quotes, because blanks stand before them.
    QuotesBehindBlanks {
        /// How many values.
        values: u64,
        /// In how many files.
        files: usize,
        /// Key and line of the first.
        first: String,
    },
    /// A day with far fewer bytes than is usual.
    UnusualSize {
        /// The day.
        date: FileDate,
        /// Its size.
        size: String,
        /// The median of what it is compared with.
        usual: String,
        /// What that is.
        beside: String,
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
    /// A file that no longer exists in the source, while its rows stay in the target.
    RowsKept {
        /// Its key, and which of its rows stay.
        file: String,
    },
    /// A file of which another loader has loaded only some rows.
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
    /// Rows that were replaced although they came from none of the files that were loaded.
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
    /// Writing to the target fires its triggers or rules.
    Triggers {
        /// The target.
        table: String,
        /// Each of them and what fires it.
        triggers: Vec<String>,
        /// How many files have rows that fire them.
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
    /// Columns of the target are filled with the one value that all its rows have.
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
    /// NUL characters were removed from values.
    NulsDropped {
        /// Records that had some.
        records: u64,
        /// In how many files.
        files: usize,
    },
    /// A sequence is lower than the numbers that were loaded, because the user may not advance it.
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
    /// A session of an earlier run that no longer answers is ended.
    Ending {
        /// Which.
        holder: String,
    },
    /// The range ends before the last day that is loaded, so that none of its days can be new.
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
    /// A query asks for days outside its range.
    DaysOutside {
        /// The first and the last of them.
        asked: DateRange,
        /// The range.
        range: DateRange,
    },
    /// `dedupe.sql` orders the files of a day by their names as plain text, so that `10` comes before `9`.
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
            Self::Listed(Finding::FutureDates { .. }) => "future-dates",
            Self::Listed(Finding::FarDates { .. }) => "far-dates",
            Self::RecordsRejected { .. } => "records-rejected",
            Self::HeadersRepeated { .. } => "headers-repeated",
            Self::LastLineOpen { .. } => "last-line-open",
            Self::HeaderOnly { .. } => "header-only",
            Self::RecordsSkipped { .. } => "records-skipped",
            Self::ClosingRecords { .. } => "closing-records",
            Self::LinesLikeRecords { .. } => "lines-like-records",
            Self::LinesInValues { .. } => "lines-in-values",
            Self::QuotesBehindBlanks { .. } => "quotes-behind-blanks",
            Self::UnusualSize { .. } => "unusual-size",
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
            Self::DaysOutside { .. } => "days-outside",
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
            | Self::RecordsSkipped { .. }
            | Self::Waiting { .. } => Level::Note,
            Self::Listed(_)
            | Self::RecordsRejected { .. }
            | Self::HeadersRepeated { .. }
            | Self::LastLineOpen { .. }
            | Self::HeaderOnly { .. }
            | Self::ClosingRecords { .. }
            | Self::LinesLikeRecords { .. }
            | Self::LinesInValues { .. }
            | Self::QuotesBehindBlanks { .. }
            | Self::UnusualSize { .. }
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
            | Self::DaysOutside { .. }
            | Self::PlainNameOrder { .. }
            | Self::NoReport { .. } => Level::Warning,
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

//! What notices **say** to people.

use std::fmt;

use super::Event;

/// How many files a notice names.
const SHOWN: usize = 3;

impl fmt::Display for Event {
    #[expect(clippy::too_many_lines, reason = "one arm for each variant")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listed(finding) => finding.fmt(f),
            Self::RecordsRejected { records, files } => write!(
                f,
                "{records} record(s) in {files} file(s) are rejected; `backfill rejects` shows where and why"
            ),
            Self::HeadersRepeated { records, files } => write!(
                f,
                "{records} record(s) in {files} file(s) repeat the header; csv.repeated_header decides what is done \
                 with them"
            ),
            Self::LastLineOpen { of: 1, first, .. } => write!(
                f,
                "{first} ends without a line ending, so its last record may be cut off; there is no other file to \
                 compare it with"
            ),
            Self::LastLineOpen { files, of, first } => write!(
                f,
                "{files} of {of} files end without a line ending, the first is {first}: their last record may be cut \
                 off (files of other days are counted if they were read before)"
            ),
            Self::HeaderOnly { files, of, first } => write!(
                f,
                "{files} of {of} files have a header and no records, the first is {first}"
            ),
            Self::RecordsSkipped { records, files, most: (most, first) } => write!(
                f,
                "csv.skip_records leaves out {records} record(s) in {files} file(s), most of them in {first}: {most}"
            ),
            Self::ClosingRecords { records, files, first } => write!(
                f,
                "{records} record(s) at the end of {files} file(s) are read as rows although they are unlike the \
                 records before them, the first in {first}: if they are totals or a remark, leave them out with \
                 csv.skip_records"
            ),
            Self::LinesLikeRecords { lines, files, first } => write!(
                f,
                "{lines} line(s) in {files} file(s) look like records but are not read, because they are above the \
                 header or start like comments; the first file is {first}: check csv.header_names, csv.skip_lines \
                 and csv.comment"
            ),
            Self::LinesInValues { lines, files, first } => write!(
                f,
                "{lines} line(s) inside quoted values in {files} file(s) look like records, the first value is in \
                 {first}: if two stray quotes turned them into a value, repair the file, or set csv.quote or \
                 csv.escape"
            ),
            Self::QuotesBehindBlanks { values, files, first } => write!(
                f,
                "{values} value(s) in {files} file(s) keep the quotes around them, because there are blanks before \
                 the quotes, the first in {first}: csv.blanks_after_delimiter = \"skip\" removes the blanks and the \
                 quotes"
            ),
            Self::UnusualSize { date, size, usual, beside } => {
                write!(f, "{date} has {size}, {beside} {usual}: its export may be cut off")
            }
            Self::ColumnMissing { column, files, of, first } => write!(
                f,
                "{files} of {of} files lack the column `{column}`, the first is {first}; it is NULL there (list it \
                 in optional_columns, or in csv.aliases if it has another name)"
            ),
            Self::PersonalColumnsUnmatched { entries } => {
                write!(
                    f,
                    "no file has a column that matches these entries of personal_columns: {}",
                    entries.join(", ")
                )
            }
            Self::CheckWarned { summary } => f.write_str(summary),
            Self::RowsKept { file } => f.write_str(file),
            Self::LoadedInPart { file, rows, accepted } => write!(
                f,
                "another loader has loaded {rows} of the {accepted} rows of {file}; the other rows are not loaded, \
                 although they may supersede rows of other files"
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
                "{rows} rows of these files in {table} belong to a load that dlt has not recorded in _dlt_loads: it \
                 is still running or was aborted, and its rows may be incomplete"
            ),
            Self::RowsReplaced { table, rows } => write!(
                f,
                "{rows} rows of {table} of the same days, which did not come from these files, were replaced by the \
                 new ones"
            ),
            Self::ReplacedWhileRead { file } => {
                write!(f, "{file} was replaced while it was read; it is read again")
            }
            Self::Triggers { table, triggers, files } => write!(
                f,
                "each row of {files} file(s) fires triggers or rules of {table}: {}",
                triggers.join(", ")
            ),
            Self::Cascades { table, changes } => {
                write!(f, "deleting rows of {table} changes {}", changes.join(", "))
            }
            Self::NoFileNameIndex { table } => write!(
                f,
                "{table} has no index on _file_name, so that counting the rows of a file reads the whole table; to \
                 create one: CREATE INDEX CONCURRENTLY ON {} (_file_name)",
                table.quoted()
            ),
            Self::NoLoadsTable { table } => write!(
                f,
                "{table} has dlt's columns, but there is no table _dlt_loads in its schema: the loads are only \
                 recorded in the ledger"
            ),
            Self::FilledIn { table, columns } => write!(
                f,
                "stage.sql does not return {}: filled in with the only value that the rows of {table} have",
                columns.join(", ")
            ),
            Self::NotFilledIn { table, columns } => write!(
                f,
                "stage.sql does not return {}, which the live loader of {table} fills in: NULL in the new rows, \
                 unless `constants` of the dataset or stage.sql set it",
                columns.join(", ")
            ),
            Self::NulsDropped { records, files } => write!(
                f,
                "NUL characters were removed from {records} record(s) in {files} file(s), because PostgreSQL cannot \
                 store them (csv.nul changes that)"
            ),
            Self::SequenceLeft { column, sequence } => write!(
                f,
                "the sequence {sequence} is not advanced past the loaded values of {column}, because this user lacks \
                 the right: have its owner execute GRANT SELECT, UPDATE ON SEQUENCE {sequence}"
            ),
            Self::Committed { batches: 0, .. } => f.write_str("nothing was committed"),
            Self::Committed { batches, of, files, rows } => write!(
                f,
                "{batches} of {of} batch(es) are committed and stay: {files} file(s), {rows} rows; the same command \
                 continues after them"
            ),
            Self::MergeAgain { files } => write!(
                f,
                "the newer rows that replaced rows of {files} file(s) were deleted: run again to merge these files"
            ),
            Self::Waiting { holder } => write!(f, "waiting for {holder}"),
            Self::Ending { holder } => write!(f, "ending {holder}"),
            Self::NothingNew { last, start, end } => write!(
                f,
                "nothing new: the last loaded day is {last}, so the range would be {start} to {end}"
            ),
            Self::NothingLoaded { table, instead } => {
                write!(f, "nothing is loaded into {table}, so `last` is not known: {instead}")
            }
            Self::FilesByDate { files, of } => write!(
                f,
                "{files} of {of} file(s) are read: those of the days that the query asks for"
            ),
            Self::DaysOutside { asked, range } => {
                let days = match asked.start() == asked.end() {
                    true => asked.start().to_string(),
                    false => asked.to_string(),
                };
                write!(
                    f,
                    "the query asks for {days}, but files outside {range} are not read: change --start and --end to \
                     read them"
                )
            }
            Self::PlainNameOrder { date, plain, natural } => write!(
                f,
                "dedupe.sql orders by _file_name as plain text, so that {plain} is the newest file of {date}; if the \
                 numbers in the names are compared, it is {natural}: write natural_order(_file_name)"
            ),
            Self::NoReport { reason } => write!(f, "the report was not written: {reason}"),
        }
    }
}

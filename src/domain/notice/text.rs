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
                "{records} record(s) in {files} file(s) are rejected; `backfill rejects` shows where \
                 and why"
            ),
            Self::HeadersRepeated { records, files } => write!(
                f,
                "{records} record(s) in {files} file(s) are the header once more; csv.repeated_header decides \
                 whether they are rejected, accepted or skipped"
            ),
            Self::LastLineOpen { of: 1, first, .. } => write!(
                f,
                "{first} ends without a line ending, and no other file is known to compare it with: its last record \
                 may be cut off"
            ),
            Self::LastLineOpen { files, of, first } => write!(
                f,
                "{files} of {of} files end without a line ending, the first is {first}: their last record may \
                 be cut off (of other days, the files that were read before are counted)"
            ),
            Self::HeaderOnly { files, of, first } => write!(
                f,
                "{files} of {of} files have a header and no records, the first is {first}"
            ),
            Self::RecordsSkipped { records, files, most: (most, first) } => write!(
                f,
                "csv.skip_records leaves out {records} record(s) in {files} file(s), at most {most} in one, {first}"
            ),
            Self::LinesLikeRecords { lines, files, first } => write!(
                f,
                "{lines} line(s) in {files} file(s) look like records but are not read as such, because they stand \
                 above the header or start like comments; the first file is {first}: check csv.header_names, \
                 csv.skip_lines and csv.comment"
            ),
            Self::LinesInValues { lines, files, first } => write!(
                f,
                "{lines} line(s) inside quoted values in {files} file(s) look like records, the first value is in \
                 {first}: if two stray quotes made a value of them, mend the file, or set csv.quote or csv.escape"
            ),
            Self::QuotesBehindBlanks { values, files, first } => write!(
                f,
                "{values} value(s) in {files} file(s) keep their quotes, because blanks stand before them, the \
                 first in {first}: csv.blanks_after_delimiter = \"skip\" reads them without"
            ),
            Self::UnusualSize { date, size, usual, beside } => {
                write!(f, "{date} has {size}, {beside} {usual}: its export may be cut off")
            }
            Self::ColumnMissing { column, files, of, first } => write!(
                f,
                "{files} of {of} files lack the column `{column}`, the first is {first}; it is NULL \
                 there (add it to optional_columns, or to csv.aliases if it has another name)"
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
                "{rows} rows of {table} of the same days, which came from none of these files, were replaced by the \
                 new ones"
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
                "the sequence {sequence} is not advanced past the numbers of {column} that are loaded, because \
                 this user may not do that: its owner can run GRANT SELECT, UPDATE ON SEQUENCE {sequence}"
            ),
            Self::Committed { batches: 0, .. } => f.write_str("nothing was committed"),
            Self::Committed { batches, of, files, rows } => write!(
                f,
                "{batches} of {of} batch(es) are committed and stay: {files} file(s), {rows} rows; the same \
                 command continues after them"
            ),
            Self::MergeAgain { files } => write!(
                f,
                "{files} file(s) have rows that were older than rows that no longer exist: run again to merge \
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
            Self::DaysOutside { asked, range } => {
                let days = match asked.start() == asked.end() {
                    true => asked.start().to_string(),
                    false => asked.to_string(),
                };
                write!(
                    f,
                    "the query asks for {days}, and files of days outside {range} are not read: --start and --end \
                     decide which are"
                )
            }
            Self::PlainNameOrder { date, plain, natural } => write!(
                f,
                "dedupe.sql orders by _file_name as plain text, by which {plain} is the newest file of {date}; \
                 by the numbers in the names it is {natural}: write natural_order(_file_name)"
            ),
            Self::NoReport { reason } => write!(f, "the report was not written: {reason}"),
        }
    }
}

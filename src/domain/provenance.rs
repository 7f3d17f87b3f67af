//! **Provenance** says where a row came from: the columns that are added to a file's own.

use backfill_csv::PROVENANCE;

/// The name of the source file, `bucket/prefix/key`.
pub const FILE_NAME: &str = PROVENANCE[0];
/// The number of the record in its file, counted from 0.
pub const ROW_ID: &str = PROVENANCE[1];
/// The physical line on which the record starts.
pub const LINE: &str = PROVENANCE[2];
/// The file date: the partition column of every table over files.
pub const FILE_DATE: &str = "_file_date";

/// Whether a column says where a row came from.
pub fn is_provenance(column: &str) -> bool {
    PROVENANCE.contains(&column) || column == FILE_DATE
}

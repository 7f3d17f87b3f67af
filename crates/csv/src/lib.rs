//! Reads **CSV exports**: from the bytes of one file to Arrow batches of text, rejects and a summary.
//!
//! No record is dropped silently: each one is accepted, or rejected with its line, its byte offset and
//! a reason. The reader streams, knows no store and no table, and needs no more memory than a window
//! of the file and one batch.
//!
//! ```
//! use backfill_csv::{Dialect, Reader};
//!
//! let export = "id,city\n1,\"Washington, DC\"\n2\n3,Boston\n";
//! let mut reader = Reader::new(
//!     Box::new(export.as_bytes()),
//!     "exports/report_2025-09-22.csv",
//!     &Dialect::default(),
//! )?;
//! let batch = reader.next_batch()?.expect("there are records");
//! assert_eq!(batch.rows.expect("there are rows").num_rows(), 2);
//! assert_eq!(batch.rejects[0].line, 3);
//! assert_eq!(batch.rejects[0].reason.to_string(), "too few fields");
//! # Ok::<(), backfill_csv::ReadError>(())
//! ```
//!
//! # What the reader accepts, rejects, normalises and counts
//! **Bytes.** gzip (all members, and NUL bytes after the last one), zstd (all frames) and bzip2 (all streams) are
//! recognised by content, whatever the name. A stream that is cut short or corrupt fails the file, and nothing of it
//! is used. Archives, workbooks, other compressions and other formats are recognised by their first bytes and refused
//! by name.
//!
//! **Encoding.** A byte order mark decides it (UTF-8, UTF-16 and UTF-32 of either byte order). It is skipped, as are
//! further marks at the start of the file. Without a mark, UTF-16 and UTF-32 are recognised by their NUL bytes, and
//! UTF-8 by its characters beyond ASCII. For all other files, the [`Dialect`]'s encodings are tried in their order.
//! Each file is decided by its first 64 KiB or, if these are ASCII, by the first record that is not. A record that
//! contradicts the encoding of its file is rejected: it holds bytes that are not text in this encoding, or a field of
//! UTF-8 in a file of another encoding. No byte is ever replaced. A file that starts with one byte per character and
//! continues in UTF-16 or UTF-32, or the other way round, was put together from two files and is refused
//! ([`ReadError::OtherEncoding`]).
//!
//! **Lines around the table.** A first line `sep=;` names the delimiter. The dialect says how many lines stand above
//! the header (`skip_lines`), or by which names or which pattern it is found among the first 1000 lines; what
//! comments start with; and which records to leave out (`skip_records`: units, totals, a closing line). All these
//! lines are counted, are neither rows nor rejects, and have no row id. If a header pattern matches a line below the
//! header, this line is the header once more; if it differs from the header, the file is refused
//! ([`ReadError::OtherHeader`]).
//!
//! **Records.** A record ends at LF, CRLF or CR; one file may mix them. An empty line is not a record: it is counted as
//! blank and has no row id. Every other record has one, counted from 0, even if it is rejected. Records of up to
//! [`MAX_RECORD_BYTES`] with up to [`MAX_COLUMNS`] fields of up to [`MAX_FIELD_BYTES`] are read.
//!
//! **Fields.** The delimiter is the dialect's. If the dialect has none, it is the only one of `,`, `;`, tab and `|`
//! that splits the file's header and first records into the same number of fields. If several do, or none does, the
//! file is refused. A file whose header and first records hold none of the four has one column. A field may be quoted,
//! unless the dialect has no quote. Inside quotes, a doubled quote stands for one quote, an escape character (if the
//! dialect has one) makes the next character text, CRLF becomes LF, and delimiters and line endings are text. A quote
//! inside an unquoted field is text and is counted. Blanks after a delimiter are text; with
//! `blanks_after_delimiter = "skip"`, they belong to the delimiter. NUL bytes are dropped and their records counted.
//!
//! **Headers.** A column is found by its name or, if the file lacks that name, by one of the dialect's aliases. If the
//! header ends with a delimiter, rows may have one more empty field; but if the dialect gives suffixes to blank names
//! and one of the first records has a value there, it is a column. A file is refused if its header gives no usable
//! names: control characters, blank or duplicate names (unless the dialect gives them suffixes), reserved names, two
//! names of one column, or numbers, dates and e-mail addresses instead of names. The dialect may give names for files
//! that have no header.
//!
//! **Rejects.** A record is accepted if it has exactly as many fields as the header has names. It is rejected, with
//! line, byte offset (in the decompressed file, UTF-16 counted as UTF-8), field counts and raw bytes, for each
//! [`Reason`]:
//!
//! | reason | the record |
//! |---|---|
//! | `too few fields`, `too many fields` | is not as wide as the header |
//! | `text after a closing quote` | has text between a closing quote and the next delimiter |
//! | `unterminated quote` | opens a quote that is never closed |
//! | `quote in an unquoted field` | holds one, and the dialect says `bare_quotes = "reject"` |
//! | `lost delimiter before a quote` | has two unquoted fields with an odd number of quotes each |
//! | `invalid encoding` | holds bytes that are not text |
//! | `text in another encoding` | holds a field of UTF-8, in a file of another encoding |
//! | `field too long`, `record too long` | exceeds a limit |
//! | `repeated header` | is the header once more, also after a byte order mark; if there are two columns or more, also in another case or with blanks around names. The dialect's `repeated_header` may accept or skip it |
//! | `byte order mark inside the file` | starts with one, because files were put together |
//! | `NUL byte` | holds one, and the dialect says `nul = "reject"` |
//!
//! While a record's quotes are balanced, its end is known, and nothing inside it is ever read as rows:
//! the record is rejected as a whole. If they are not (an unterminated quote, text after a closing
//! one), a stray quote may have swallowed lines that are records by themselves. Reading then goes on at
//! the line from which every further line of the faulty stretch is a whole record without stray quotes;
//! if there is none, the whole stretch is rejected. A record that is too long is skipped to its
//! end, so that a quoted field of any length gives no rows; the first MiB of its bytes is kept. If it does
//! not end as a record of the file does, with its quotes closed and with the header's number of fields, a stray
//! quote may have swallowed any number of records, and the file is refused ([`ReadError::Doubtful`]). A file is also
//! refused if it holds a header of other columns, or of the same columns in another order
//! ([`ReadError::OtherHeader`]): the records after it would be read into the wrong columns.
//!
//! An accepted record may still hold others: if two stray quotes make a pair, the lines between them are a value.
//! Lines of quoted values that look like records of the file are counted, as are values that keep the quotes around
//! them because blanks stand before these.
//!
//! **Values.** All are text as they stand in the file, unquoted. An empty field is the empty text; a
//! column that a file lacks is NULL in the `source` table. If the dialect has `null_values`, an unquoted field that is
//! one of them is NULL.

mod advice;
mod around;
mod closing;
mod columns;
mod decompress;
mod delimiter;
mod detect;
mod dialect;
mod encoding;
mod error;
mod format;
mod glued;
mod header;
mod likeness;
mod preamble;
mod reader;
mod records;
pub mod reject;
mod repeated;
mod skip;
mod skipped;
mod start;
mod stops;
mod summary;
mod wide;
mod window;

pub use advice::Advice;
pub use around::{Around, Line as LineAround, around};
pub use decompress::{Compression, decompress};
pub use dialect::{BareQuotes, BlanksAfterDelimiter, Dialect, InvalidDialect, Nul, RepeatedHeader};
pub use encoding::{Encoding, Encodings};
pub use error::Error as ReadError;
pub use header::{InvalidHeader, PROVENANCE, UnusableNames};
pub use reader::{Batch, Reader};
pub use records::{MAX_COLUMNS, MAX_FIELD_BYTES, MAX_RECORD_BYTES};
pub use reject::{Reason, Reject};
pub use summary::{Places, Summary};

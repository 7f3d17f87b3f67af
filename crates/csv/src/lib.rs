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
//! **Bytes.** gzip (all members, and NUL bytes behind the last one), zstd (all frames) and bzip2 (all streams) are
//! recognised by content, whatever the name; a stream that is cut short or corrupt fails the file, and nothing of it is used.
//! Archives, workbooks, other compressions and other formats are refused by their first bytes, and named.
//!
//! **Encoding.** A byte order mark says it (UTF-8, UTF-16 and UTF-32 of either order) and is skipped, as are
//! further marks at the file's start.
//! Without one, NUL bytes tell UTF-16 and UTF-32; text beyond ASCII that is UTF-8 is UTF-8; for what is
//! none of these, the [`Dialect`]'s encodings are tried in their order. Each file is decided by its first
//! 64 KiB, or where these are ASCII, by the first record that is not. A record that contradicts (bytes that
//! are not text in the file's encoding, or a field of UTF-8 in a file of another one) is rejected; no byte
//! is ever replaced. A file that goes on in UTF-16 or UTF-32 behind text of one byte a character, or the other way
//! round, was put together of two and is refused ([`ReadError::OtherEncoding`]).
//!
//! **Lines around the table.** A first line `sep=;` says the delimiter. The dialect says how many lines stand above
//! the header (`skip_lines`), or by which names or which pattern it is found among the first 1000 lines; what
//! comments start with; and which records are none (`skip_records`: units, totals, a closing line). All these are
//! counted, are neither rows nor rejects, and have no row id. A line that a header pattern finds below the header is
//! the header once more; if it differs, the file is refused ([`ReadError::OtherHeader`]).
//!
//! **Records.** A record ends at LF, CRLF or CR, mixed as they come. A line of no bytes is not a record:
//! it is counted as blank and has no row id. Every other record has one, counted from 0, also when it
//! is rejected. Records of up to [`MAX_RECORD_BYTES`] with up to [`MAX_COLUMNS`] fields of up to
//! [`MAX_FIELD_BYTES`] are read.
//!
//! **Fields.** The delimiter is the dialect's; where it says none, it is the only one of `,`, `;`, tab
//! and `|` that splits each file's header and first records into the same number of fields. Where
//! several do, or none, the file is refused; a file in whose header and first records none stands has
//! one column. A field may be quoted, unless the dialect has no quote; inside quotes a doubled quote stands for one, an escape character (where the dialect has one) makes
//! the next character text, CRLF becomes LF, and delimiters and line endings are text. A quote inside an
//! unquoted field is text and counted. Blanks behind a delimiter are text; where the dialect says
//! `blanks_after_delimiter = "skip"`, they belong to the delimiter. NUL bytes are dropped and their records counted.
//!
//! **Headers.** A column is found by its name, and where the file lacks that, by one of the dialect's
//! aliases. A header that ends in a delimiter allows rows one empty field more; where the dialect has blank names
//! suffixed and the first records have a value there, it is a column. A file is refused as a
//! whole where its header gives no usable names: control characters, blank or duplicate ones (the dialect may have them
//! suffixed), reserved ones, two names of one column, or numbers, dates and e-mail addresses where names should be. The
//! dialect may give names for files that have no header.
//!
//! **Rejects.** A record is accepted where it has exactly as many fields as the header has names, and
//! rejected, with line, byte offset (in the decompressed file, UTF-16 counted as UTF-8), field counts
//! and raw bytes, for each [`Reason`]:
//!
//! | reason | the record |
//! |---|---|
//! | `too few fields`, `too many fields` | is not as wide as the header |
//! | `text after a closing quote` | goes on between a closing quote and the next delimiter |
//! | `unterminated quote` | opens a quote that is never closed |
//! | `quote in an unquoted field` | holds one, and the dialect says `bare_quotes = "reject"` |
//! | `lost delimiter before a quote` | has two unquoted fields with an odd number of quotes each |
//! | `invalid encoding` | holds bytes that are not text |
//! | `text in another encoding` | holds a field of UTF-8, in a file of another encoding |
//! | `field too long`, `record too long` | exceeds a limit |
//! | `repeated header` | is the header once more: also behind a byte order mark, and where there are two columns or more also in another case or with blanks around names; unless the dialect's `repeated_header` accepts or skips it |
//! | `byte order mark inside the file` | starts with one, as where files were put together |
//! | `NUL byte` | holds one, and the dialect says `nul = "reject"` |
//!
//! While a record's quotes are balanced, its end is known, and nothing inside it is ever read as rows:
//! the record is rejected as a whole. Where they are not (an unterminated quote, text after a closing
//! one), a stray quote may have swallowed lines that are records by themselves. Reading then goes on at
//! the line from which every further line of the faulty stretch is a whole record without stray quotes;
//! where there is none, the whole stretch is rejected. A record that is too long is passed over to its
//! end, so that a quoted field of any length gives no rows; the first MiB of its bytes is kept. If it does
//! not end as a record of the file does, with its quotes closed and with the header's number of fields, a stray
//! quote may have swallowed any number of records: then the file is refused ([`ReadError::Doubtful`]). So is one
//! with a record that is a header of other columns, or of the same in another order
//! ([`ReadError::OtherHeader`]): what stands behind it would be read into the wrong columns.
//!
//! An accepted record may still hold others: where two stray quotes make a pair, the lines between them are a value.
//! Lines of quoted values that look like records of the file are counted, as are values that keep the quotes around
//! them because blanks stand before these.
//!
//! **Values.** All are text as they stand in the file, unquoted. An empty field is the empty text; a
//! column that a file lacks is NULL in the `source` table. Where the dialect names `null_values`, a field without
//! quotes that is one of them is NULL.

mod advice;
mod around;
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

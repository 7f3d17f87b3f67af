//! Why a file cannot be read at all; a record that cannot be read is a [reject](crate::reject).

use arrow_schema::ArrowError;

use crate::dialect::InvalidDialect;
use crate::header::InvalidHeader;

/// Why a file cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The dialect cannot be used.
    #[error(transparent)]
    Dialect(#[from] InvalidDialect),
    /// The header gives no usable names.
    #[error(transparent)]
    Header(#[from] InvalidHeader),
    /// A quote opens more text than a record may have, and the text does not end as a record of the file
    /// does: a stray quote may have swallowed any number of records.
    #[error(
        "in the record on line {line}, a quote opens more text than a record may have, and it does not \
         close at the end of a field; what follows it may be text or many records"
    )]
    Doubtful {
        /// The first line of the record.
        line: i64,
    },
    /// A line below the header is another header: the file was put together from files with different columns.
    #[error(
        "line {line} is another header than the file's own: files with different columns were put together"
    )]
    OtherHeader {
        /// The line of the other header.
        line: i64,
    },
    /// From a line on, the file is in another encoding: it was put together from two files.
    #[error(
        "from line {line} on, the file is in another encoding than at its start: files in different encodings \
         were put together"
    )]
    OtherEncoding {
        /// The first line that is known to be in it.
        line: i64,
    },
    /// A web page follows the records: the sender stopped with an error message.
    #[error(
        "line {line} begins an HTML or XML page: what should follow the records above it is missing"
    )]
    Page {
        /// The line on which the page begins.
        line: i64,
    },
    /// The file could not be read to its end.
    #[error("reading stopped after {offset} bytes")]
    Read {
        /// How many bytes had been read.
        offset: u64,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Arrow refused a batch.
    #[error("the rows read do not make a batch")]
    Arrow(#[source] ArrowError),
}

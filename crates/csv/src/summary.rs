//! The **summary** of a file: its columns, how it is written, and what was counted in it.

use serde::{Deserialize, Serialize};

use crate::advice::Advice;

/// What was read of a file, complete once the reader has returned its last batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The names of the columns, in the file's order.
    pub header: Vec<String>,
    /// Columns that have another name in the file: the file's name, and ours.
    pub renamed: Vec<(String, String)>,
    /// Every record after the header, blank lines excluded.
    pub records: u64,
    /// The records that became rows.
    pub accepted: u64,
    /// The records that were rejected.
    pub rejected: u64,
    /// Empty lines, which are not records.
    pub blank_lines: u64,
    /// Rows whose fields are all empty: nothing but delimiters.
    #[serde(default)]
    pub empty_rows: u64,
    /// Records that are the header once more, whether rejected, accepted or skipped.
    #[serde(default)]
    pub repeated_headers: u64,
    /// Whether the last record has no line ending.
    #[serde(default)]
    pub last_line_is_open: bool,
    /// Lines above the header that are skipped by their number, or in search of names or of a pattern, and a first line
    /// `sep=`. Blank lines and comments after them are counted as such.
    #[serde(default)]
    pub skipped_lines: u64,
    /// Comments.
    #[serde(default)]
    pub comment_lines: u64,
    /// Lines above the header, and comments, that are as wide as the header and hold a number, a date or an address:
    /// they may be records.
    #[serde(default)]
    pub lines_like_records: u64,
    /// Lines inside quoted values of accepted records that look like records: two stray quotes may have made a pair.
    #[serde(default, skip_serializing_if = "Places::is_none")]
    pub lines_in_values: Places,
    /// Values of accepted records that keep their quotes, because blanks stand before them.
    #[serde(default, skip_serializing_if = "Places::is_none")]
    pub quotes_behind_blanks: Places,
    /// Accepted records at the end of the file that are unlike all before them: they may be totals or a remark.
    #[serde(default, skip_serializing_if = "Places::is_none")]
    pub closing_records: Places,
    /// Records that a pattern of the dialect leaves out.
    #[serde(default)]
    pub skipped_records: u64,
    /// Unquoted fields that hold a quote, in accepted records.
    pub bare_quotes: u64,
    /// Accepted records that held NUL bytes.
    pub records_with_nul: u64,
    /// Decompressed bytes read.
    pub bytes: u64,
    /// The character between fields.
    pub delimiter: String,
    /// The header's line ending: `crlf`, `lf`, `cr`, or `none` at the end of the file.
    pub line_end: String,
    /// The encoding that was used.
    pub encoding: String,
    /// Whether the file starts with a byte order mark.
    pub byte_order_mark: bool,
    /// The settings that may read the first rejects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub advice: Vec<Advice>,
    /// The first rejects, for messages: line and reason, no content.
    pub first_rejects: Vec<(i64, String)>,
}

/// Places in a file: how many there are, and the first one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Places {
    /// How many there are.
    pub count: u64,
    /// The physical line on which the record of the first one starts; 0 if there is none.
    pub first_line: i64,
}

impl Places {
    /// Whether there are none.
    pub fn is_none(&self) -> bool {
        self.count == 0
    }

    /// Adds this many places of the record that starts on a line.
    pub(crate) fn add(&mut self, count: u64, line: i64) {
        if count > 0 && self.count == 0 {
            self.first_line = line;
        }
        self.count += count;
    }
}

//! Rows that are **waiting** for the server to say how it writes some of their values. They are kept in a temporary
//! file that nobody else can open, and that disappears when it is closed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};

use serde::{Deserialize, Serialize};

/// A row that is not decided yet.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Row {
    /// Which of the files it belongs to.
    pub file: usize,
    /// Its number in the file.
    pub row_id: i64,
    /// Whether it differs, whatever the server says.
    pub differs: bool,
    /// The cells that only the server can compare.
    pub cells: Vec<OpenCell>,
}

/// A cell that only the server can compare.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OpenCell {
    /// Which of the cells of a row it is.
    pub cell: usize,
    /// The text that was sent.
    pub ours: String,
    /// The text that the server gave.
    pub theirs: String,
}

/// The rows that are waiting.
#[derive(Default)]
pub(super) struct Waiting {
    file: Option<BufWriter<File>>,
}

/// Rows are taken out in chunks of about this many bytes.
const CHUNK_BYTES: usize = 4 << 20;

impl Waiting {
    /// Adds a row.
    ///
    /// # Errors
    /// If the temporary file cannot be written.
    pub(super) fn add(&mut self, row: &Row) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(BufWriter::new(tempfile::tempfile()?)),
        };
        serde_json::to_writer(&mut *file, row)?;
        file.write_all(b"\n")
    }

    /// Ends writing and begins to read.
    ///
    /// # Errors
    /// If the temporary file cannot be written or read.
    pub(super) fn read(self) -> io::Result<Chunks> {
        let Some(file) = self.file else { return Ok(Chunks { lines: None }) };
        let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(Chunks { lines: Some(BufReader::new(file)) })
    }
}

/// The rows that were waiting, some at a time.
pub(super) struct Chunks {
    lines: Option<BufReader<File>>,
}

impl Chunks {
    /// Returns the next rows; none at the end.
    ///
    /// # Errors
    /// If the temporary file cannot be read.
    pub(super) fn next(&mut self) -> io::Result<Vec<Row>> {
        let Some(lines) = &mut self.lines else { return Ok(Vec::new()) };
        let (mut rows, mut bytes, mut line) = (Vec::new(), 0, String::new());
        while bytes < CHUNK_BYTES {
            line.clear();
            if lines.read_line(&mut line)? == 0 {
                break;
            }
            bytes += line.len();
            rows.push(serde_json::from_str(&line)?);
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_comes_back_once_and_in_order() {
        let mut waiting = Waiting::default();
        let text = "x\ny\u{1f600}".repeat(10_000);
        for row_id in 0..200 {
            let cell = OpenCell { cell: 3, ours: text.clone(), theirs: String::new() };
            waiting.add(&Row { file: 1, row_id, differs: false, cells: vec![cell] }).expect("kept");
        }
        let mut chunks = waiting.read().expect("read");
        let mut ids = Vec::new();
        loop {
            let rows = chunks.next().expect("rows");
            if rows.is_empty() {
                break;
            }
            assert!(rows.len() < 100, "memory is bounded");
            assert!(rows.iter().all(|row| row.cells[0].ours == text));
            ids.extend(rows.iter().map(|row| row.row_id));
        }
        assert_eq!(ids, (0..200).collect::<Vec<i64>>());
        assert!(Waiting::default().read().expect("nothing").next().expect("nothing").is_empty());
    }
}

//! One **pass** over the rows that the target holds of some files.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;
use futures::TryStreamExt;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::cells::{Cell, cells};
use super::expected::Expected;
use super::form::{Same, same};
use super::line::{NULL, find_fields, split, unescaped};
use super::server::Forms;
use super::waiting::{OpenCell, Row, Waiting};
use super::{Deep, DeepFile, DeepJob, MAX_PAIRS, MAX_PLACES, Place};
use crate::domain::{TableName, quote_identifier};
use crate::target::Error;
use crate::target::postgres::catalog::Kind;
use crate::target::postgres::compare::shape_of;

/// Makes the transaction read-only, and makes the server write times and floating-point numbers in a form that does
/// not depend on settings. The names of the files `$1` are put into a setting, because COPY takes no parameters.
const PREPARE: &str = "\
SELECT pg_catalog.set_config('transaction_read_only', 'on', true),
       pg_catalog.set_config('timezone', 'UTC', true),
       pg_catalog.set_config('extra_float_digits', '3', true),
       pg_catalog.set_config('work_mem', '65536', true),
       pg_catalog.set_config('backfill.files', $1::text, true)";

/// Makes the server find rows by the index: the rows of a file lie together, but of a table that was loaded just now
/// the server does not know that.
const BY_INDEX: &str = "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off";

/// Compares the rows of the files.
///
/// # Errors
/// [`Error`].
pub(super) async fn run(
    job: &DeepJob<'_>,
    files: &[DeepFile],
    client: &Client,
) -> Result<Deep, Error> {
    let doing = format!("reading the rows of {}", job.target.table);
    let mut pass = Pass::new(job, files);
    let names: Vec<&str> = files.iter().map(|file| file.staged.file_name.as_str()).collect();
    client
        .query_typed(PREPARE, &[(&names, Type::TEXT_ARRAY)])
        .await
        .map_err(Error::statement(doing.as_str()))?;
    if job.target.has_file_name_index {
        client.batch_execute(BY_INDEX).await.map_err(Error::statement(doing.as_str()))?;
    }
    let copied =
        client.copy_out(&copy_statement(&job.target.table, job.target.kind, &pass.cells)).await;
    let mut lines = Box::pin(copied.map_err(Error::statement(doing.as_str()))?);
    loop {
        let next = lines.try_next().await;
        let Some(line) = next.map_err(|error| Error::statement(doing.as_str())(error))? else {
            break;
        };
        pass.take(&line).await?;
    }
    pass.end_file().await?;
    pass.settle(client).await
}

struct Pass<'a> {
    job: &'a DeepJob<'a>,
    files: &'a [DeepFile],
    /// Which file it is, by name.
    indices: HashMap<&'a [u8], usize>,
    /// The low 32 bits of the transactions that brought the rows of each file, as the server writes them.
    xids: Vec<Vec<String>>,
    cells: Vec<Cell>,
    /// How many of the first cells are the first fields of an encoded line, in their order.
    leading: usize,
    current: Option<Current>,
    /// Whether each file has a row in the target.
    met: Vec<bool>,
    ours: Vec<Range<usize>>,
    theirs: Vec<Range<usize>>,
    rows_since: u64,
    waiting: Waiting,
    found: Deep,
}

/// The file whose rows are being read.
struct Current {
    file: usize,
    expected: Expected,
}

/// How many fields of a line of the target come before the cells: name, row and transaction.
const BEFORE_CELLS: usize = 3;

/// After how many rows the progress is reported.
const ROWS_PER_STEP: u64 = 1024;

impl<'a> Pass<'a> {
    fn new(job: &'a DeepJob<'a>, files: &'a [DeepFile]) -> Self {
        let names = files.iter().map(|file| file.staged.file_name.as_bytes());
        let found = Deep { files: vec![Default::default(); files.len()], ..Deep::default() };
        let cells = cells(job.target, &job.encoder, job.but);
        Self {
            job,
            files,
            indices: names.enumerate().map(|(index, name)| (name, index)).collect(),
            xids: files.iter().map(|file| low_bits(&file.xids)).collect(),
            leading: cells
                .iter()
                .enumerate()
                .take_while(|(index, cell)| cell.ours == *index)
                .count(),
            cells,
            current: None,
            met: vec![false; files.len()],
            ours: Vec::new(),
            theirs: Vec::new(),
            rows_since: 0,
            waiting: Waiting::default(),
            found,
        }
    }

    /// Takes one row of the target.
    async fn take(&mut self, line: &Bytes) -> Result<(), Error> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let mut fields = std::mem::take(&mut self.theirs);
        split(line, &mut fields);
        let taken = self.take_row(line, &fields).await;
        self.theirs = fields;
        self.rows_since += 1;
        if self.rows_since == ROWS_PER_STEP {
            self.report_progress();
        }
        taken
    }

    fn report_progress(&mut self) {
        self.job.progress.advance(0, 0, self.rows_since);
        self.rows_since = 0;
    }

    async fn take_row(&mut self, line: &[u8], fields: &[Range<usize>]) -> Result<(), Error> {
        let [escaped, number, xmin] = [0, 1, 2].map(|field| &line[fields[field].clone()]);
        let name = unescaped(escaped);
        // A column of a fixed width pads the name.
        let found = self.indices.get(&*name).or_else(|| self.indices.get(name.trim_ascii_end()));
        let Some(&file) = found else { return Ok(()) };
        if self.current.as_ref().is_none_or(|current| current.file != file) {
            self.end_file().await?;
            let expected = Expected::of(self.job, &self.files[file].staged);
            self.current = Some(Current { file, expected });
            self.met[file] = true;
        }
        let is_ours =
            self.xids[file].is_empty() || self.xids[file].iter().any(|x| x.as_bytes() == xmin);
        let row_id = str::from_utf8(number).ok().and_then(|text| text.parse::<i64>().ok());
        match self.expected_row(row_id).await? {
            Some(row_id) => {
                self.found.files[file].rewritten += u64::from(!is_ours && xmin != NULL);
                self.compare(file, row_id, line, fields)?;
            }
            None => {
                self.found.files[file].extra += 1;
                self.found.files[file].extra_of_others += u64::from(!is_ours);
            }
        }
        Ok(())
    }

    /// Skips to the staged row of this number; `None` if there is none.
    async fn expected_row(&mut self, row_id: Option<i64>) -> Result<Option<i64>, Error> {
        let (Some(row_id), Some(current)) = (row_id, &mut self.current) else { return Ok(None) };
        while let Some(next) = current.expected.next_id().await? {
            if next >= row_id {
                return Ok((next == row_id).then_some(row_id));
            }
            self.found.files[current.file].not_in_target += 1;
            current.expected.advance();
        }
        Ok(None)
    }

    /// Compares the next staged row with a row of the target.
    fn compare(
        &mut self,
        file: usize,
        row_id: i64,
        line: &[u8],
        fields: &[Range<usize>],
    ) -> Result<(), Error> {
        let Some(current) = &mut self.current else { return Ok(()) };
        let expected = current.expected.line();
        let cells = fields.get(BEFORE_CELLS..).unwrap_or_default();
        let first = find_fields(expected, line, cells, self.leading, &mut self.ours);
        let mut row = Row { file, row_id, differs: false, cells: Vec::new() };
        for (index, cell) in self.cells.iter().enumerate().skip(first) {
            let theirs = cells.get(index).map_or(NULL, |field| &line[field.clone()]);
            let field = self.ours.get(cell.ours - first);
            let ours = field.map_or(NULL, |field| &expected[field.clone()]);
            if ours == theirs {
                continue;
            }
            match same(&cell.column, cell.form, ours, theirs) {
                Same::Yes => {}
                Same::No => {
                    row.differs = true;
                    let (ours, theirs) = (text(ours), text(theirs));
                    let difference = Difference { file, row_id, cell: index, ours, theirs };
                    self.found.note(self.files, &self.cells, &difference);
                }
                Same::AskServer => {
                    row.cells.push(OpenCell {
                        cell: index,
                        ours: text(ours).unwrap_or_default(),
                        theirs: text(theirs).unwrap_or_default(),
                    });
                }
            }
        }
        current.expected.advance();
        self.count(row)
    }

    /// Counts a row, unless it waits for the server.
    fn count(&mut self, row: Row) -> Result<(), Error> {
        let counts = &mut self.found.files[row.file];
        match (row.cells.is_empty(), row.differs) {
            (false, _) => return self.waiting.add(&row).map_err(Error::Waiting),
            (true, true) => counts.different += 1,
            (true, false) => counts.equal += 1,
        }
        Ok(())
    }

    /// Counts the staged rows of the current file that are left.
    async fn end_file(&mut self) -> Result<(), Error> {
        let Some(mut current) = self.current.take() else { return Ok(()) };
        while current.expected.next_id().await?.is_some() {
            self.found.files[current.file].not_in_target += 1;
            current.expected.advance();
        }
        self.job.progress.advance(1, self.files[current.file].staged.identity.size, 0);
        Ok(())
    }

    /// Decides about the rows that wait for the server, and ends the pass.
    async fn settle(mut self, client: &Client) -> Result<Deep, Error> {
        self.report_progress();
        let mut chunks = std::mem::take(&mut self.waiting).read().map_err(Error::Waiting)?;
        let mut forms = Forms::default();
        loop {
            let rows = chunks.next().map_err(Error::Waiting)?;
            if rows.is_empty() {
                break;
            }
            forms.learn(client, &self.cells, &rows).await?;
            for row in rows {
                self.decide(&forms, row);
            }
        }
        for (index, file) in self.files.iter().enumerate().filter(|(index, _)| !self.met[*index]) {
            self.found.files[index].not_in_target = file.staged.counts.staged;
        }
        self.found.cut_places();
        Ok(self.found)
    }

    /// Decides about a row whose values the server has written.
    fn decide(&mut self, forms: &Forms, row: Row) {
        let mut differs = row.differs;
        for open in row.cells {
            if forms.of(open.cell, &open.ours) == Some(open.theirs.as_str()) {
                continue;
            }
            differs = true;
            let difference = Difference {
                file: row.file,
                row_id: row.row_id,
                cell: open.cell,
                ours: Some(open.ours),
                theirs: Some(open.theirs),
            };
            self.found.note(self.files, &self.cells, &difference);
        }
        let counts = &mut self.found.files[row.file];
        counts.different += u64::from(differs);
        counts.equal += u64::from(!differs);
    }
}

/// Returns the statement that reads every row of the files: name, row, transaction, and the cells.
fn copy_statement(table: &TableName, kind: Kind, cells: &[Cell]) -> String {
    let columns: String = cells
        .iter()
        .map(|cell| format!(", held.{}", quote_identifier(&cell.column.name)))
        .collect();
    // The rows of a view do not say which transaction wrote them.
    let xmin = match kind {
        Kind::Table => "held.xmin",
        Kind::View => "NULL",
    };
    format!(
        "COPY (SELECT held._file_name, held._row_id, {xmin}{columns} FROM {} AS held \
         WHERE held._file_name = ANY (pg_catalog.current_setting('backfill.files')::text[]) \
         ORDER BY held._file_name, held._row_id) TO STDOUT WITH (FORMAT text, ENCODING 'UTF8')",
        table.quoted()
    )
}

/// A cell that differs.
struct Difference {
    /// Which of the files it is in.
    file: usize,
    row_id: i64,
    /// Which of the cells of a row it is.
    cell: usize,
    ours: Option<String>,
    theirs: Option<String>,
}

impl Deep {
    /// Notes a cell that differs. Of its values only the shapes are kept.
    fn note(&mut self, files: &[DeepFile], cells: &[Cell], difference: &Difference) {
        let Difference { file, row_id, cell, ours, theirs } = difference;
        let name = &cells[*cell].column.name;
        if !self.columns.contains_key(name) {
            self.columns.insert(name.clone(), Default::default());
        }
        let Some(column) = self.columns.get_mut(name) else { return };
        if column.rows < MAX_PAIRS {
            let pair = (shape_of(ours.as_deref()), shape_of(theirs.as_deref()));
            *column.shapes.entry(pair).or_default() += 1;
        }
        column.rows += 1;
        let file = files[*file].staged.file_name.clone();
        self.places.push(Place { file, row_id: *row_id, column: name.clone() });
        if self.places.len() > 2 * MAX_PLACES {
            self.cut_places();
        }
    }
}

/// The low 32 bits of transaction ids, as the server writes them.
fn low_bits(xids: &[String]) -> Vec<String> {
    let known = xids.iter().filter_map(|xid| xid.parse::<u64>().ok());
    known.map(|xid| (xid & u64::from(u32::MAX)).to_string()).collect()
}

/// Returns a field as text; `None` for NULL. Bytes that are not UTF-8 are replaced.
fn text(field: &[u8]) -> Option<String> {
    (field != NULL).then(|| String::from_utf8_lossy(&unescaped(field)).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::postgres::Column;
    use crate::target::postgres::encode::Form;
    use crate::target::{ODD_TABLE, odd_table};

    #[test]
    fn rows_are_read_with_their_transactions_except_those_of_a_view() {
        let column = Column { name: "a\"b".to_owned(), ..Column::default() };
        let cells = [Cell { column, form: Form::Server, ours: 2 }];
        let of_table = copy_statement(&odd_table(), Kind::Table, &cells);
        assert!(
            of_table.starts_with(&format!(
                "COPY (SELECT held._file_name, held._row_id, held.xmin, held.\"a\"\"b\" FROM {ODD_TABLE} AS held"
            )),
            "{of_table}"
        );
        let of_view = copy_statement(&odd_table(), Kind::View, &cells);
        assert!(of_view.contains("held._row_id, NULL, held.\"a\"\"b\" FROM"), "{of_view}");
    }

    #[test]
    fn transactions_have_the_low_bits_that_the_server_writes() {
        let xids = ["7", "4294967303", "not a number"].map(str::to_owned);
        assert_eq!(low_bits(&xids), ["7", "7"]);
    }
}

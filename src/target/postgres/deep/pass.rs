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
use super::{Deep, DeepFile, DeepJob, MOST_PAIRS, MOST_PLACES, Place};
use crate::domain::quote_identifier;
use crate::target::Error;
use crate::target::postgres::catalog::Kind;
use crate::target::postgres::compare::shape_of;

/// Makes the transaction one that only reads, and has the server write times and floating-point numbers in the
/// one form that does not depend on settings. The names of the files `$1` are put where COPY can read them, which
/// takes no parameters.
const PREPARE: &str = "\
SELECT pg_catalog.set_config('transaction_read_only', 'on', true),
       pg_catalog.set_config('timezone', 'UTC', true),
       pg_catalog.set_config('extra_float_digits', '3', true),
       pg_catalog.set_config('work_mem', '65536', true),
       pg_catalog.set_config('backfill.files', $1::text, true)";

/// Has the server find rows by the index: the rows of a file lie together, which it does not know of a table that
/// was loaded just now.
const BY_INDEX: &str = "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off";

/// Compares the rows of the files.
///
/// # Errors
/// [`Error`].
pub async fn run(job: &DeepJob<'_>, files: &[DeepFile], client: &Client) -> Result<Deep, Error> {
    let doing = || format!("reading the rows of {}", job.target.table);
    let mut pass = Pass::new(job, files);
    let names: Vec<&str> = files.iter().map(|file| file.staged.file_name.as_str()).collect();
    client
        .query_typed(PREPARE, &[(&names, Type::TEXT_ARRAY)])
        .await
        .map_err(Error::statement(doing()))?;
    if job.target.has_file_name_index {
        client.batch_execute(BY_INDEX).await.map_err(Error::statement(doing()))?;
    }
    let lines = client.copy_out(&pass.statement()).await.map_err(Error::statement(doing()))?;
    let mut lines = Box::pin(lines);
    while let Some(line) = lines.try_next().await.map_err(Error::statement(doing()))? {
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
    /// Whether the file was met.
    met: Vec<bool>,
    ours: Vec<Range<usize>>,
    theirs: Vec<Range<usize>>,
    rows_since: u64,
    waiting: Waiting,
    found: Deep,
}

/// The file whose rows come now.
struct Current {
    file: usize,
    expected: Expected,
}

/// How many fields of a line of the target come before the cells: name, row and transaction.
const BEFORE_CELLS: usize = 3;

/// After how many rows it is said how far the pass is.
const ROWS_PER_STEP: u64 = 1024;

impl<'a> Pass<'a> {
    fn new(job: &'a DeepJob<'a>, files: &'a [DeepFile]) -> Self {
        let names = files.iter().map(|file| file.staged.file_name.as_bytes());
        let low = |xid: &String| xid.parse::<u64>().ok().map(|xid| (xid as u32).to_string());
        let found = Deep { files: vec![Default::default(); files.len()], ..Deep::default() };
        let cells = cells(job.target, &job.encoder, job.but);
        let is_leading = |(index, cell): &(usize, &Cell)| cell.ours == *index;
        Self {
            job,
            files,
            indices: names.enumerate().map(|(index, name)| (name, index)).collect(),
            xids: files.iter().map(|file| file.xids.iter().filter_map(low).collect()).collect(),
            leading: cells.iter().enumerate().take_while(is_leading).count(),
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

    /// Reads every row of the files: name, row, transaction, and the cells.
    fn statement(&self) -> String {
        let cells: String = self
            .cells
            .iter()
            .map(|cell| format!(", held.{}", quote_identifier(&cell.column.name)))
            .collect();
        // The rows of a view do not say which transaction wrote them.
        let xmin = match self.job.target.kind {
            Kind::Table => "held.xmin",
            Kind::View => "NULL",
        };
        format!(
            "COPY (SELECT held._file_name, held._row_id, {xmin}{cells} FROM {} AS held \
             WHERE held._file_name = ANY (pg_catalog.current_setting('backfill.files')::text[]) \
             ORDER BY held._file_name, held._row_id) TO STDOUT WITH (FORMAT text, ENCODING 'UTF8')",
            self.job.target.table.quoted()
        )
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
            self.tell();
        }
        taken
    }

    fn tell(&mut self) {
        self.job.progress.advance(0, 0, self.rows_since);
        self.rows_since = 0;
    }

    async fn take_row(&mut self, line: &[u8], fields: &[Range<usize>]) -> Result<(), Error> {
        let [name, row_id, xmin] = [0, 1, 2].map(|field| &line[fields[field].clone()]);
        let name = unescaped(name);
        // A column of a fixed width pads the name.
        let file = self.indices.get(&*name).or_else(|| self.indices.get(name.trim_ascii_end()));
        let Some(&file) = file else { return Ok(()) };
        if self.current.as_ref().is_none_or(|current| current.file != file) {
            self.end_file().await?;
            let expected = Expected::of(self.job, &self.files[file].staged);
            self.current = Some(Current { file, expected });
            self.met[file] = true;
        }
        let is_ours =
            self.xids[file].is_empty() || self.xids[file].iter().any(|x| x.as_bytes() == xmin);
        let row_id = str::from_utf8(row_id).ok().and_then(|text| text.parse::<i64>().ok());
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

    /// Goes on to the staged row of this number; `None` if there is none.
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
        let ours = current.expected.line();
        let cells = fields.get(BEFORE_CELLS..).unwrap_or_default();
        let first = find_fields(ours, line, cells, self.leading, &mut self.ours);
        let mut row = Row { file, row_id, differs: false, cells: Vec::new() };
        for (index, cell) in self.cells.iter().enumerate().skip(first) {
            let theirs = cells.get(index).map_or(NULL, |field| &line[field.clone()]);
            let ours = self.ours.get(cell.ours - first);
            let ours = ours.map_or(NULL, |field| &current.expected.line()[field.clone()]);
            if ours == theirs {
                continue;
            }
            match same(&cell.column, cell.form, ours, theirs) {
                Same::Yes => {}
                Same::No => {
                    row.differs = true;
                    let place = (file, row_id, index);
                    let pair = (text(ours), text(theirs));
                    note(&mut self.found, self.files, &self.cells, place, pair);
                }
                Same::AskServer => {
                    let [ours, theirs] =
                        [ours, theirs].map(|field| text(field).unwrap_or_default());
                    row.cells.push(OpenCell { cell: index, ours, theirs });
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
        self.tell();
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

    fn decide(&mut self, forms: &Forms, row: Row) {
        let mut differs = row.differs;
        for open in row.cells {
            if forms.of(open.cell, &open.ours) == Some(open.theirs.as_str()) {
                continue;
            }
            differs = true;
            let place = (row.file, row.row_id, open.cell);
            let pair = (Some(open.ours), Some(open.theirs));
            note(&mut self.found, self.files, &self.cells, place, pair);
        }
        let counts = &mut self.found.files[row.file];
        match differs {
            true => counts.different += 1,
            false => counts.equal += 1,
        }
    }
}

/// Notes a cell that differs: file, row and cell, and its two values, of which only the shapes are kept.
fn note(
    found: &mut Deep,
    files: &[DeepFile],
    cells: &[Cell],
    (file, row_id, cell): (usize, i64, usize),
    (ours, theirs): (Option<String>, Option<String>),
) {
    let name = &cells[cell].column.name;
    if !found.columns.contains_key(name) {
        found.columns.insert(name.clone(), Default::default());
    }
    let Some(column) = found.columns.get_mut(name) else { return };
    if column.rows < MOST_PAIRS {
        let pair = (shape_of(ours.as_deref()), shape_of(theirs.as_deref()));
        *column.shapes.entry(pair).or_default() += 1;
    }
    column.rows += 1;
    let file = &files[file].staged.file_name;
    found.places.push(Place { file: file.clone(), row_id, column: name.clone() });
    if found.places.len() > 2 * MOST_PLACES {
        found.cut_places();
    }
}

/// A field as text; `None` for NULL. Bytes that are no text are shown as such.
fn text(field: &[u8]) -> Option<String> {
    (field != NULL).then(|| String::from_utf8_lossy(&unescaped(field)).into_owned())
}

//! The tables that **describe** a dataset's files, and `source` itself.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use backfill_csv::reject;
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::datasource::MemTable;

use super::dated_files::{DatedFile, DatedFiles};
use crate::domain::{FILE_DATE, FileDate, digest, provenance, saturating};
use crate::engine::Error;
use crate::mirror::{Mirror, Mirrored, StagedObject};
use crate::sql::Contract;
use crate::store::Store;

/// Returns the table `source`: the accepted rows of every file in the range.
pub(super) fn source(staging: &Store, mirror: &Mirror, columns: &[String]) -> DatedFiles {
    source_of(staging, columns, mirror.files.iter().map(|file| dated(file)).collect())
}

/// Returns the accepted rows of some files as a table with these columns, all text, and with the columns that say
/// where a row came from.
pub fn source_of(staging: &Store, columns: &[String], files: Vec<DatedFile>) -> DatedFiles {
    let mut fields: Vec<Field> =
        columns.iter().map(|name| Field::new(name, DataType::Utf8View, true)).collect();
    fields.push(Field::new(provenance::FILE_NAME, DataType::Utf8View, true));
    fields.push(Field::new(provenance::ROW_ID, DataType::Int64, true));
    fields.push(Field::new(provenance::LINE, DataType::Int64, true));
    DatedFiles::new(staging.url.clone(), Arc::new(Schema::new(fields)), files)
}

/// Returns a mirror as one file of `source`.
pub fn dated(mirrored: &Mirrored) -> DatedFile {
    DatedFile {
        path: mirrored.path.clone(),
        size: mirrored.size,
        date: mirrored.file.date,
        rows: mirrored.note.summary.accepted,
    }
}

/// Returns the names of all columns: those of the newest file in its order, then those that only older files have,
/// then the optional ones that no file has.
pub fn union_of_headers(files: &[Arc<Mirrored>], optional: &[String]) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut names = Vec::new();
    let in_files = files.iter().rev().flat_map(|file| &file.note.summary.header);
    for name in in_files.chain(optional) {
        if seen.insert(name.as_str()) {
            names.push(name.clone());
        }
    }
    names
}

/// Returns the table `rejects`: the records that could not be read.
pub(super) fn rejects(staging: &Store, mirror: &Mirror) -> DatedFiles {
    let files = mirror.files.iter().filter_map(|mirrored| {
        let StagedObject { path, size } = mirrored.rejects.clone()?;
        let rows = mirrored.note.summary.rejected;
        Some(DatedFile { path, size, date: mirrored.file.date, rows })
    });
    let schema = reject::schema();
    let fields: Vec<Field> = schema.fields().iter().map(|field| as_view(field)).collect();
    DatedFiles::new(staging.url.clone(), Arc::new(Schema::new(fields)), files.collect())
}

/// Returns a field with the view type of its data, which the engine reads without copying.
fn as_view(field: &Field) -> Field {
    match field.data_type() {
        DataType::Utf8 => field.clone().with_data_type(DataType::Utf8View),
        DataType::Binary => field.clone().with_data_type(DataType::BinaryView),
        _ => field.clone(),
    }
}

/// The files that the rows of a table describe, one file per row.
struct Described<'a>(Vec<&'a Mirrored>);

impl Described<'_> {
    fn text(&self, value: fn(&Mirrored) -> Option<String>) -> ArrayRef {
        Arc::new(self.0.iter().map(|file| value(file)).collect::<StringArray>())
    }

    fn number(&self, value: fn(&Mirrored) -> u64) -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(
            self.0.iter().map(|file| saturating::bigint(value(file))),
        ))
    }

    fn flag(&self, value: fn(&Mirrored) -> bool) -> ArrayRef {
        Arc::new(self.0.iter().map(|file| Some(value(file))).collect::<BooleanArray>())
    }

    fn modified(&self) -> ArrayRef {
        let times = self.0.iter().map(|file| file.file.identity.last_modified.timestamp_micros());
        Arc::new(TimestampMicrosecondArray::from_iter_values(times))
    }

    fn dates(&self) -> ArrayRef {
        dates(self.0.iter().map(|file| file.file.date))
    }
}

/// Returns the table `files`: one row per source file.
pub(super) fn files(mirror: &Mirror) -> Result<Arc<MemTable>, Error> {
    let files = Described(mirror.files.iter().map(|file| &**file).collect());
    table(vec![
        (provenance::FILE_NAME, files.text(|f| Some(f.file.name.clone()))),
        (FILE_DATE, files.dates()),
        ("key", files.text(|f| Some(f.file.key.clone()))),
        ("size_bytes", files.number(|f| f.file.identity.size)),
        ("etag", files.text(|f| f.file.identity.etag.clone())),
        ("last_modified", files.modified()),
        ("records", files.number(|f| f.note.summary.records)),
        ("rows", files.number(|f| f.note.summary.accepted)),
        ("rejects", files.number(|f| f.note.summary.rejected)),
        ("last_line_is_open", files.flag(|f| f.note.summary.last_line_is_open)),
        ("blank_lines", files.number(|f| f.note.summary.blank_lines)),
        ("empty_rows", files.number(|f| f.note.summary.empty_rows)),
        ("repeated_headers", files.number(|f| f.note.summary.repeated_headers)),
        ("skipped_lines", files.number(|f| f.note.summary.skipped_lines)),
        ("comment_lines", files.number(|f| f.note.summary.comment_lines)),
        ("lines_like_records", files.number(|f| f.note.summary.lines_like_records)),
        ("lines_in_values", files.number(|f| f.note.summary.lines_in_values.count)),
        ("quotes_behind_blanks", files.number(|f| f.note.summary.quotes_behind_blanks.count)),
        ("closing_records", files.number(|f| f.note.summary.closing_records.count)),
        ("skipped_records", files.number(|f| f.note.summary.skipped_records)),
        ("bare_quotes", files.number(|f| f.note.summary.bare_quotes)),
        ("records_with_nul", files.number(|f| f.note.summary.records_with_nul)),
        ("columns", files.number(|f| f.note.summary.header.len() as u64)),
        ("header_hash", files.text(|f| Some(header_hash(&f.note.summary.header)))),
        ("line_end", files.text(|f| Some(f.note.summary.line_end.clone()))),
        ("delimiter", files.text(|f| Some(f.note.summary.delimiter.clone()))),
        ("encoding", files.text(|f| Some(f.note.summary.encoding.clone()))),
        ("compression", files.text(|f| Some(f.note.compression.clone()))),
        ("byte_order_mark", files.flag(|f| f.note.summary.byte_order_mark)),
    ])
}

/// A format: a header with its dialect, and the files that have it.
struct Format<'a> {
    first: &'a Mirrored,
    last_date: FileDate,
    files: i64,
}

/// Returns the formats of files, in the order in which they first appear.
fn formats_of(files: &[Arc<Mirrored>]) -> Vec<Format<'_>> {
    let mut formats: Vec<Format<'_>> = Vec::new();
    let mut places: HashMap<FormatKey<'_>, usize> = HashMap::new();
    for file in files {
        let place = *places.entry(FormatKey::of(file)).or_insert_with(|| {
            formats.push(Format { first: file, last_date: file.file.date, files: 0 });
            formats.len() - 1
        });
        formats[place].last_date = file.file.date;
        formats[place].files += 1;
    }
    formats
}

/// Returns the table `formats`: one row per format.
pub(super) fn formats(mirror: &Mirror) -> Result<Arc<MemTable>, Error> {
    let formats = formats_of(&mirror.files);
    let first = Described(formats.iter().map(|format| format.first).collect());
    let numbers = Int64Array::from_iter_values(1..=saturating::bigint(formats.len()));
    let files = Int64Array::from_iter_values(formats.iter().map(|format| format.files));
    table(vec![
        ("format", Arc::new(numbers)),
        ("first_file_date", first.dates()),
        ("last_file_date", dates(formats.iter().map(|format| format.last_date))),
        ("files", Arc::new(files)),
        ("columns", first.number(|f| f.note.summary.header.len() as u64)),
        ("header_hash", first.text(|f| Some(header_hash(&f.note.summary.header)))),
        ("delimiter", first.text(|f| Some(f.note.summary.delimiter.clone()))),
        ("line_end", first.text(|f| Some(f.note.summary.line_end.clone()))),
        ("encoding", first.text(|f| Some(f.note.summary.encoding.clone()))),
        ("byte_order_mark", first.flag(|f| f.note.summary.byte_order_mark)),
        ("compression", first.text(|f| Some(f.note.compression.clone()))),
    ])
}

/// What the files of one format have in common.
#[derive(PartialEq, Eq, Hash)]
struct FormatKey<'a> {
    header: &'a [String],
    renamed: &'a [(String, String)],
    delimiter: &'a str,
    line_end: &'a str,
    encoding: &'a str,
    byte_order_mark: bool,
    compression: &'a str,
}

impl<'a> FormatKey<'a> {
    fn of(file: &'a Mirrored) -> Self {
        let summary = &file.note.summary;
        Self {
            header: &summary.header,
            renamed: &summary.renamed,
            delimiter: &summary.delimiter,
            line_end: &summary.line_end,
            encoding: &summary.encoding,
            byte_order_mark: summary.byte_order_mark,
            compression: &file.note.compression,
        }
    }
}

/// Returns the table `contract`: one row per column of `target.sql`.
pub(super) fn contract(contract: &Contract) -> Result<Arc<MemTable>, Error> {
    let columns = &contract.columns;
    let positions = 1..=saturating::bigint(columns.len());
    table(vec![
        ("position", Arc::new(Int64Array::from_iter_values(positions))),
        ("name", Arc::new(StringArray::from_iter_values(columns.iter().map(|c| &c.name)))),
        ("type", Arc::new(StringArray::from_iter_values(columns.iter().map(|c| &c.data_type)))),
        ("nullable", Arc::new(columns.iter().map(|c| Some(c.nullable)).collect::<BooleanArray>())),
    ])
}

/// Returns a short hash of a header, 8 hexadecimal digits, by which queries can group files.
fn header_hash(header: &[String]) -> String {
    let mut hash = digest::of(header);
    hash.truncate(8);
    hash
}

fn dates(days: impl Iterator<Item = FileDate>) -> ArrayRef {
    Arc::new(Date32Array::from_iter_values(days.map(FileDate::days_since_epoch)))
}

fn table(columns: Vec<(&str, ArrayRef)>) -> Result<Arc<MemTable>, Error> {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let schema = Arc::new(Schema::new(fields));
    let rows = RecordBatch::try_new(Arc::clone(&schema), arrays)
        .map_err(|error| Error::execution(error.into()))?;
    let table = MemTable::try_new(schema, vec![vec![rows]]).map_err(Error::execution)?;
    Ok(Arc::new(table))
}

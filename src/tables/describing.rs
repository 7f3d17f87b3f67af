//! The tables that a registered dataset has.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use backfill_csv::reject;
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::datasource::MemTable;

use super::dated_files::{DatedFile, DatedFiles};
use crate::domain::{FILE_DATE, FileDate, digest, provenance};
use crate::engine::Error;
use crate::mirror::{Mirror, Mirrored, StagedObject};
use crate::sql::Contract;
use crate::store::Store;

/// The accepted rows of every file in range.
pub fn source(staging: &Store, mirror: &Mirror, columns: &[String]) -> DatedFiles {
    source_of(staging, columns, mirror.files.iter().map(|file| dated(file)).collect())
}

/// The accepted rows of some files as a table of these columns, all text, and of those that say where a
/// row came from.
pub fn source_of(staging: &Store, columns: &[String], files: Vec<DatedFile>) -> DatedFiles {
    let mut fields: Vec<Field> =
        columns.iter().map(|name| Field::new(name, DataType::Utf8View, true)).collect();
    fields.push(Field::new(provenance::FILE_NAME, DataType::Utf8View, true));
    fields.push(Field::new(provenance::ROW_ID, DataType::Int64, true));
    fields.push(Field::new(provenance::LINE, DataType::Int64, true));
    DatedFiles::new(staging.url.clone(), Arc::new(Schema::new(fields)), files)
}

/// A mirror as one file of `source`.
pub fn dated(mirrored: &Mirrored) -> DatedFile {
    DatedFile {
        path: mirrored.path.clone(),
        size: mirrored.size,
        date: mirrored.file.date,
        rows: mirrored.note.summary.accepted,
    }
}

/// The names of all columns, in the newest file's order, then those that only older files have, then
/// the optional ones that no file has.
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

/// Records that could not be read.
pub fn rejects(staging: &Store, mirror: &Mirror) -> DatedFiles {
    let files = mirror.files.iter().filter_map(|mirrored| {
        let StagedObject { path, size } = mirrored.rejects.clone()?;
        let rows = mirrored.note.summary.rejected;
        Some(DatedFile { path, size, date: mirrored.file.date, rows })
    });
    let fields = reject::schema();
    let as_view = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8 => field.as_ref().clone().with_data_type(DataType::Utf8View),
        DataType::Binary => field.as_ref().clone().with_data_type(DataType::BinaryView),
        _ => field.as_ref().clone(),
    };
    let schema: SchemaRef =
        Arc::new(Schema::new(fields.fields().iter().map(as_view).collect::<Vec<_>>()));
    DatedFiles::new(staging.url.clone(), schema, files.collect())
}

/// One row a source file.
pub fn files(mirror: &Mirror) -> Result<Arc<MemTable>, Error> {
    let files = &mirror.files;
    let text = |value: fn(&Mirrored) -> Option<String>| -> ArrayRef {
        Arc::new(files.iter().map(|file| value(file)).collect::<StringArray>())
    };
    let number = |value: fn(&Mirrored) -> u64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(files.iter().map(|file| value(file) as i64)))
    };
    let modified = |file: &Arc<Mirrored>| file.file.identity.last_modified.timestamp_micros();
    let open = |file: &Arc<Mirrored>| Some(file.note.summary.last_line_is_open);
    let marked = |file: &Arc<Mirrored>| Some(file.note.summary.byte_order_mark);
    table(vec![
        (provenance::FILE_NAME, text(|f| Some(f.file.name.clone()))),
        (FILE_DATE, dates(files)),
        ("key", text(|f| Some(f.file.key.clone()))),
        ("size_bytes", number(|f| f.file.identity.size)),
        ("etag", text(|f| f.file.identity.etag.clone())),
        (
            "last_modified",
            Arc::new(TimestampMicrosecondArray::from_iter_values(files.iter().map(modified))),
        ),
        ("records", number(|f| f.note.summary.records)),
        ("rows", number(|f| f.note.summary.accepted)),
        ("rejects", number(|f| f.note.summary.rejected)),
        ("last_line_is_open", Arc::new(files.iter().map(open).collect::<BooleanArray>())),
        ("blank_lines", number(|f| f.note.summary.blank_lines)),
        ("empty_rows", number(|f| f.note.summary.empty_rows)),
        ("repeated_headers", number(|f| f.note.summary.repeated_headers)),
        ("skipped_lines", number(|f| f.note.summary.skipped_lines)),
        ("comment_lines", number(|f| f.note.summary.comment_lines)),
        ("lines_like_records", number(|f| f.note.summary.lines_like_records)),
        ("lines_in_values", number(|f| f.note.summary.lines_in_values.count)),
        ("quotes_behind_blanks", number(|f| f.note.summary.quotes_behind_blanks.count)),
        ("skipped_records", number(|f| f.note.summary.skipped_records)),
        ("bare_quotes", number(|f| f.note.summary.bare_quotes)),
        ("records_with_nul", number(|f| f.note.summary.records_with_nul)),
        ("columns", number(|f| f.note.summary.header.len() as u64)),
        ("header_hash", text(|f| Some(header_hash(&f.note.summary.header)))),
        ("line_end", text(|f| Some(f.note.summary.line_end.clone()))),
        ("delimiter", text(|f| Some(f.note.summary.delimiter.clone()))),
        ("encoding", text(|f| Some(f.note.summary.encoding.clone()))),
        ("compression", text(|f| Some(f.note.compression.clone()))),
        ("byte_order_mark", Arc::new(files.iter().map(marked).collect::<BooleanArray>())),
    ])
}

/// One row a format: a header with its dialect.
pub fn formats(mirror: &Mirror) -> Result<Arc<MemTable>, Error> {
    let mut formats: Vec<(&Mirrored, FileDate, i64)> = Vec::new();
    let mut places: HashMap<FormatKey<'_>, usize> = HashMap::new();
    for file in &mirror.files {
        let at = *places.entry(FormatKey::of(file)).or_insert_with(|| {
            formats.push((file, file.file.date, 0));
            formats.len() - 1
        });
        formats[at].1 = file.file.date;
        formats[at].2 += 1;
    }
    let text = |value: fn(&Mirrored) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(formats.iter().map(|(file, ..)| value(file))))
    };
    let number = |values: &mut dyn Iterator<Item = i64>| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(values))
    };
    let days = |values: &mut dyn Iterator<Item = FileDate>| -> ArrayRef {
        Arc::new(Date32Array::from_iter_values(values.map(FileDate::days_since_epoch)))
    };
    let marks = formats.iter().map(|(file, ..)| Some(file.note.summary.byte_order_mark));
    let columns = |file: &Mirrored| file.note.summary.header.len() as i64;
    table(vec![
        ("format", number(&mut (1..=formats.len() as i64))),
        ("first_file_date", days(&mut formats.iter().map(|(file, ..)| file.file.date))),
        ("last_file_date", days(&mut formats.iter().map(|(_, last, _)| *last))),
        ("files", number(&mut formats.iter().map(|(.., files)| *files))),
        ("columns", number(&mut formats.iter().map(|(file, ..)| columns(file)))),
        ("header_hash", text(|file| header_hash(&file.note.summary.header))),
        ("delimiter", text(|file| file.note.summary.delimiter.clone())),
        ("line_end", text(|file| file.note.summary.line_end.clone())),
        ("encoding", text(|file| file.note.summary.encoding.clone())),
        ("byte_order_mark", Arc::new(marks.collect::<BooleanArray>())),
        ("compression", text(|file| file.note.compression.clone())),
    ])
}

/// What files of one format have in common.
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

/// The columns of `target.sql`.
pub fn contract(contract: &Contract) -> Result<Arc<MemTable>, Error> {
    let columns = &contract.columns;
    let positions = 1..=columns.len() as i64;
    table(vec![
        ("position", Arc::new(Int64Array::from_iter_values(positions))),
        ("name", Arc::new(StringArray::from_iter_values(columns.iter().map(|c| &c.name)))),
        ("type", Arc::new(StringArray::from_iter_values(columns.iter().map(|c| &c.data_type)))),
        ("nullable", Arc::new(columns.iter().map(|c| Some(c.nullable)).collect::<BooleanArray>())),
    ])
}

/// Names a header, so that files of one format can be grouped: 8 hexadecimal digits.
fn header_hash(header: &[String]) -> String {
    let mut hash = digest::of(header);
    hash.truncate(8);
    hash
}

fn dates(files: &[Arc<Mirrored>]) -> ArrayRef {
    let days = files.iter().map(|file| file.file.date.days_since_epoch());
    Arc::new(Date32Array::from_iter_values(days))
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

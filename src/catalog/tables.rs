//! The tables that a registered dataset has.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::datasource::MemTable;

use super::dated_files::{DatedFile, DatedFiles, FILE_DATE};
use super::error::Error;
use crate::file_date::FileDate;
use crate::mirror::{Mirror, Mirrored};
use crate::source::Store;
use crate::sql::Contract;
use backfill_csv::reject;

/// Accepted rows of every file in range.
pub fn source(staging: &Store, mirror: &Mirror, optional: &[String]) -> DatedFiles {
    let mut fields: Vec<Field> = union_of_headers(&mirror.files, optional)
        .into_iter()
        .map(|name| Field::new(name, DataType::Utf8View, true))
        .collect();
    fields.push(Field::new("_file_name", DataType::Utf8View, true));
    fields.push(Field::new("_row_id", DataType::Int64, true));
    fields.push(Field::new("_line", DataType::Int64, true));
    let files = mirror.files.iter().map(dated).collect();
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
pub fn union_of_headers(files: &[Mirrored], optional: &[String]) -> Vec<String> {
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
        let (path, size) = mirrored.rejects.clone()?;
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
        Arc::new(files.iter().map(value).collect::<StringArray>())
    };
    let number = |value: fn(&Mirrored) -> u64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(files.iter().map(|file| value(file) as i64)))
    };
    let modified = |file: &Mirrored| file.file.object.last_modified.timestamp_micros();
    let marked = |file: &Mirrored| Some(file.note.summary.byte_order_mark);
    table(vec![
        ("_file_name", text(|f| Some(f.file.name.clone()))),
        (FILE_DATE, dates(files)),
        ("key", text(|f| Some(f.file.key.clone()))),
        ("size_bytes", number(|f| f.file.object.size)),
        ("etag", text(|f| f.file.object.e_tag.clone())),
        (
            "last_modified",
            Arc::new(TimestampMicrosecondArray::from_iter_values(files.iter().map(modified))),
        ),
        ("records", number(|f| f.note.summary.records)),
        ("rows", number(|f| f.note.summary.accepted)),
        ("rejects", number(|f| f.note.summary.rejected)),
        ("blank_lines", number(|f| f.note.summary.blank_lines)),
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
    for file in &mirror.files {
        let known = formats.iter().position(|(first, ..)| is_same_format(first, file));
        let at = known.unwrap_or_else(|| {
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

fn is_same_format(one: &Mirrored, other: &Mirrored) -> bool {
    let (a, b) = (&one.note.summary, &other.note.summary);
    let same_header = a.header == b.header && a.renamed == b.renamed;
    let same_dialect = a.delimiter == b.delimiter && a.line_end == b.line_end;
    let same_encoding = a.encoding == b.encoding && a.byte_order_mark == b.byte_order_mark;
    let same_compression = one.note.compression == other.note.compression;
    same_header && same_dialect && same_encoding && same_compression
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

/// Names a header, so that files of one format can be grouped.
fn header_hash(header: &[String]) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(header.join("\0"));
    digest[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn dates(files: &[Mirrored]) -> ArrayRef {
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

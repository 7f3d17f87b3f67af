//! The tables **beside** a dataset: those of other datasets, and references, which are single files with one table
//! each. Checks and queries may read them. `stage.sql` and `dedupe.sql` may not, because their results must follow from
//! the dataset's own files.

use std::io::Cursor;
use std::sync::Arc;

use backfill_csv::{Dialect, PROVENANCE, ReadError, Reader, decompress};
use bytes::Bytes;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::datasource::MemTable;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use datafusion::parquet::errors::ParquetError;
use object_store::ObjectStoreExt;

use super::Catalog;
use crate::config::Reference;
use crate::domain::{DateRange, ErrorKind, Explain};
use crate::engine;
use crate::store::{self, Store};

/// The first bytes of a Parquet file.
const PARQUET: &[u8] = b"PAR1";

/// The tables that checks and queries may read beside those of their dataset.
#[derive(Clone, Default)]
pub struct Beside {
    /// Other datasets: name and tables.
    pub(super) datasets: Vec<(String, Arc<dyn SchemaProvider>)>,
    /// References: name and table.
    pub(super) references: Vec<(String, Arc<dyn TableProvider>)>,
}

impl Beside {
    /// Adds the tables of another dataset.
    pub fn add_dataset(&mut self, catalog: &Catalog) {
        let schema = Arc::clone(&catalog.tables.schema) as Arc<dyn SchemaProvider>;
        self.datasets.push((catalog.dataset.name.clone(), schema));
    }

    /// Adds a reference.
    pub fn add_reference(&mut self, name: &str, table: Arc<dyn TableProvider>) {
        self.references.push((name.to_owned(), table));
    }

    /// Whether there are no such tables.
    pub fn is_empty(&self) -> bool {
        self.datasets.is_empty() && self.references.is_empty()
    }

    /// Adds the references to the tables of a schema.
    pub(super) fn put_references(
        &self,
        schema: &MemorySchemaProvider,
    ) -> Result<(), engine::Error> {
        for (name, table) in &self.references {
            let table = Arc::clone(table);
            schema.register_table(name.clone(), table).map_err(engine::Error::execution)?;
        }
        Ok(())
    }
}

/// The errors of tables beside a dataset.
#[derive(Debug, thiserror::Error)]
pub enum BesideError {
    /// A dataset that a check queries has no file on the checked days.
    #[error("a check of {dataset} queries the tables of {other}, which has no files from {} to {}", range.start(), range.end())]
    NoFiles {
        /// The dataset that is checked.
        dataset: String,
        /// The other one.
        other: String,
        /// The days.
        range: DateRange,
    },
    /// The file of a reference cannot be read.
    #[error("cannot read the reference {name} at {place}")]
    Unreadable {
        /// The reference.
        name: String,
        /// Its file.
        place: String,
        /// Why.
        #[source]
        source: object_store::Error,
    },
    /// The file of a reference is larger than the memory that queries may use.
    #[error("the reference {name} at {place} is larger than limits.sql_memory ({most} bytes)")]
    TooLarge {
        /// The reference.
        name: String,
        /// Its file.
        place: String,
        /// The limit in bytes.
        most: u64,
    },
    /// The file of a reference cannot be read as CSV.
    #[error("the reference {name} at {place} cannot be read as CSV")]
    Csv {
        /// The reference.
        name: String,
        /// Its file.
        place: String,
        /// Why.
        #[source]
        source: ReadError,
    },
    /// Some records of a reference cannot be read. Nothing is left out of a reference.
    #[error(
        "{rejected} of {records} records of the reference {name} at {place} cannot be read, the first on line {line}: {reason}"
    )]
    Rejected {
        /// The reference.
        name: String,
        /// Its file.
        place: String,
        /// How many cannot be read.
        rejected: u64,
        /// How many records there are.
        records: u64,
        /// The line of the first in the file.
        line: i64,
        /// Why it cannot be read.
        reason: String,
    },
    /// The file of a reference cannot be read as Parquet.
    #[error("the reference {name} at {place} cannot be read as Parquet")]
    Parquet {
        /// The reference.
        name: String,
        /// Its file.
        place: String,
        /// Why.
        #[source]
        source: ParquetError,
    },
    /// The work was cancelled before it was done.
    #[error("reading the reference {name} was cancelled")]
    Cancelled {
        /// The reference.
        name: String,
    },
}

impl Explain for BesideError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Unreadable { source: object_store::Error::NotFound { .. }, .. }
            | Self::TooLarge { .. } => ErrorKind::Usage,
            Self::Unreadable { source, .. } => store::kind(source),
            Self::NoFiles { .. }
            | Self::Csv { .. }
            | Self::Rejected { .. }
            | Self::Parquet { .. } => ErrorKind::Refused,
            Self::Cancelled { .. } => ErrorKind::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoFiles { .. } => {
                "a check reads the files of the same days from every dataset: give a range in which both datasets \
                 have files, or turn the other table into a reference"
            }
            Self::Unreadable { source: object_store::Error::NotFound { .. }, .. } => {
                "the file does not exist; a path under [references] is relative to backfill.toml"
            }
            Self::Unreadable { source, .. } => return Some(store::hint(source)),
            Self::TooLarge { .. } => "raise limits.sql_memory, or configure the file as a dataset",
            Self::Csv { .. } | Self::Rejected { .. } => {
                "describe the file under csv of the reference, as for a dataset, or repair the file"
            }
            Self::Parquet { .. } => "write the file again: it is damaged or incomplete",
            Self::Cancelled { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

/// Reads a reference, CSV or Parquet, into a table. The columns of CSV are text and named by its header.
///
/// # Errors
/// [`BesideError`].
pub async fn read_reference(
    reference: &Reference,
    store: &Store,
    most: u64,
) -> Result<Arc<dyn TableProvider>, BesideError> {
    let place = store.display(&reference.key);
    let file = File { name: reference.name.clone(), place, most };
    let bytes = file.fetch(store, &reference.key).await?;
    let reader = file.clone();
    let dialect = reference.dialect.clone();
    let read = tokio::task::spawn_blocking(move || reader.read(bytes, &dialect)).await;
    let (schema, batches) =
        read.map_err(|_| BesideError::Cancelled { name: file.name.clone() })??;
    let table = MemTable::try_new(schema, vec![batches])
        .map_err(|error| file.not_parquet(ParquetError::External(Box::new(error))))?;
    Ok(Arc::new(table))
}

/// The file of a reference, as errors name it, and how many bytes it may take in memory.
#[derive(Clone)]
struct File {
    name: String,
    place: String,
    most: u64,
}

type Rows = (SchemaRef, Vec<RecordBatch>);

impl File {
    async fn fetch(&self, store: &Store, key: &str) -> Result<Bytes, BesideError> {
        let found = store
            .objects
            .get(&store.path(key))
            .await
            .map_err(|source| self.unreadable(store.explain(source, key)))?;
        if found.meta.size > self.most {
            return Err(self.too_large());
        }
        found.bytes().await.map_err(|source| self.unreadable(store.explain(source, key)))
    }

    fn read(&self, bytes: Bytes, dialect: &Dialect) -> Result<Rows, BesideError> {
        match bytes.starts_with(PARQUET) {
            true => self.read_parquet(bytes),
            false => self.read_csv(bytes, dialect),
        }
    }

    fn read_csv(&self, bytes: Bytes, dialect: &Dialect) -> Result<Rows, BesideError> {
        let (input, _) = decompress(Cursor::new(bytes))
            .map_err(|source| self.not_csv(ReadError::Read { offset: 0, source }))?;
        let mut reader =
            Reader::new(input, &self.place, dialect).map_err(|source| self.not_csv(source))?;
        let all = reader.schema();
        let own = own_columns(all);
        let schema = all.project(&own).map_err(|error| self.not_csv(ReadError::Arrow(error)))?;
        let schema = Arc::new(schema);
        let mut batches = Vec::new();
        let mut held = 0;
        while let Some(batch) = reader.next_batch().map_err(|source| self.not_csv(source))? {
            let Some(rows) = batch.rows else { continue };
            let rows = rows.project(&own).map_err(|error| self.not_csv(ReadError::Arrow(error)))?;
            held += rows.get_array_memory_size() as u64;
            self.refuse_more(held)?;
            batches.push(rows);
        }
        let summary = reader.summary();
        if let Some((line, reason)) = summary.first_rejects.first() {
            return Err(BesideError::Rejected {
                name: self.name.clone(),
                place: self.place.clone(),
                rejected: summary.rejected,
                records: summary.records,
                line: *line,
                reason: reason.clone(),
            });
        }
        Ok((schema, batches))
    }

    fn read_parquet(&self, bytes: Bytes) -> Result<Rows, BesideError> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)
            .map_err(|source| self.not_parquet(source))?;
        let schema = Arc::clone(builder.schema());
        let mut batches = Vec::new();
        let mut held = 0;
        for batch in builder.build().map_err(|source| self.not_parquet(source))? {
            let batch = batch
                .map_err(|error| self.not_parquet(ParquetError::ArrowError(error.to_string())))?;
            held += batch.get_array_memory_size() as u64;
            self.refuse_more(held)?;
            batches.push(batch);
        }
        Ok((schema, batches))
    }

    fn refuse_more(&self, held: u64) -> Result<(), BesideError> {
        match held <= self.most {
            true => Ok(()),
            false => Err(self.too_large()),
        }
    }

    fn unreadable(&self, source: object_store::Error) -> BesideError {
        let (name, place) = (self.name.clone(), self.place.clone());
        BesideError::Unreadable { name, place, source }
    }

    fn too_large(&self) -> BesideError {
        let (name, place) = (self.name.clone(), self.place.clone());
        BesideError::TooLarge { name, place, most: self.most }
    }

    fn not_csv(&self, source: ReadError) -> BesideError {
        let (name, place) = (self.name.clone(), self.place.clone());
        BesideError::Csv { name, place, source }
    }

    fn not_parquet(&self, source: ParquetError) -> BesideError {
        let (name, place) = (self.name.clone(), self.place.clone());
        BesideError::Parquet { name, place, source }
    }
}

/// Returns the positions of the columns that come from the file itself.
fn own_columns(schema: &SchemaRef) -> Vec<usize> {
    let fields = schema.fields().iter().enumerate();
    fields
        .filter(|(_, field)| !PROVENANCE.contains(&field.name().as_str()))
        .map(|(index, _)| index)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], dialect: &Dialect, most: u64) -> Result<Rows, BesideError> {
        let file = File { name: "countries".to_owned(), place: "countries.csv".to_owned(), most };
        file.read(Bytes::copy_from_slice(bytes), dialect)
    }

    #[test]
    fn a_reference_has_its_own_columns_as_text() {
        let dialect = Dialect { delimiter: Some(';'), ..Dialect::default() };
        let (schema, batches) =
            read(b"code;rank\nde;1\nfr;2\n", &dialect, 1 << 20).expect("a table");
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["code", "rank"]);
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 2);
    }

    #[test]
    fn a_reference_that_is_not_whole_is_refused() {
        let usual = Dialect::default();
        let refused = read(b"code,rank\nde,1\nfr\n", &usual, 1 << 20).expect_err("a short record");
        let message = refused.to_string();
        assert!(message.contains("1 of 2 records") && message.contains("line 3"), "{message}");
        let large = read(b"code,rank\nde,1\n", &usual, 10).expect_err("too large");
        assert!(matches!(large, BesideError::TooLarge { .. }));
        assert!(matches!(read(b"PAR1x", &usual, 100), Err(BesideError::Parquet { .. })));
    }
}

//! What stands **beside** a dataset: the tables of other datasets, and references, which are single files with a
//! table each. Checks and queries may read them; `stage.sql` and `dedupe.sql` may not, because what they give must
//! follow from the dataset's own files.

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

/// What a Parquet file starts with.
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

    /// Whether there is nothing.
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

/// What is wrong with a table beside a dataset.
#[derive(Debug, thiserror::Error)]
pub enum BesideError {
    /// A dataset that a check queries has no file on the days that are checked.
    #[error("a check of {dataset} queries the tables of {other}, which has no file from {} to {}", range.start(), range.end())]
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
    /// The file of a reference is larger than fits into memory.
    #[error("the reference {name} at {place} is larger than limits.sql_memory, {most} bytes")]
    TooLarge {
        /// The reference.
        name: String,
        /// Its file.
        place: String,
        /// The limit in bytes.
        most: u64,
    },
    /// The file of a reference is not CSV that can be read.
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
    /// Some records of a reference cannot be read: without them it would be another table.
    #[error(
        "{rejected} of {records} records of the reference {name} at {place} cannot be read, the first on line {line}: {reason}"
    )]
    Rejected {
        /// The reference.
        name: String,
        /// Its file.
        place: String,
        /// How many.
        rejected: u64,
        /// Of how many.
        records: u64,
        /// The physical line of the first.
        line: i64,
        /// Why it cannot be read.
        reason: String,
    },
    /// The file of a reference is not Parquet that can be read.
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
                "a check sees the files of the same days of every dataset: give a range in which both have files, \
                 or make what it compares with a reference"
            }
            Self::Unreadable { source: object_store::Error::NotFound { .. }, .. } => {
                "there is no such file: a path under [references] is relative to backfill.toml"
            }
            Self::Unreadable { source, .. } => return Some(store::hint(source)),
            Self::TooLarge { .. } => {
                "raise limits.sql_memory, or make a dataset of what is so large"
            }
            Self::Csv { .. } | Self::Rejected { .. } => {
                "say under csv of the reference how it is written, as for a dataset, or mend the file"
            }
            Self::Parquet { .. } => "write the file anew: it is damaged, or cut short",
            Self::Cancelled { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

/// Reads a reference, CSV or Parquet, into a table. The columns of CSV are text, by the names of its header.
///
/// # Errors
/// [`BesideError`].
pub async fn read_reference(
    reference: &Reference,
    store: &Store,
    most: u64,
) -> Result<Arc<dyn TableProvider>, BesideError> {
    let (name, place) = (reference.name.clone(), store.display(&reference.key));
    let unreadable = |source| BesideError::Unreadable {
        name: name.clone(),
        place: place.clone(),
        source: store.explain(source, &reference.key),
    };
    let path = store.path(&reference.key);
    let found = store.objects.get(&path).await.map_err(unreadable)?;
    if found.meta.size > most {
        return Err(BesideError::TooLarge { name, place, most });
    }
    let bytes = found.bytes().await.map_err(unreadable)?;
    let file = File { name: name.clone(), place: place.clone(), most };
    let dialect = reference.dialect.clone();
    let read = tokio::task::spawn_blocking(move || file.read(bytes, &dialect)).await;
    let (schema, batches) = read.map_err(|_| BesideError::Cancelled { name: name.clone() })??;
    let table = MemTable::try_new(schema, vec![batches]);
    let table = table.map_err(|error| BesideError::Parquet {
        name,
        place,
        source: ParquetError::External(Box::new(error)),
    })?;
    Ok(Arc::new(table))
}

/// The file of a reference, as errors name it.
struct File {
    name: String,
    place: String,
    most: u64,
}

type Rows = (SchemaRef, Vec<RecordBatch>);

impl File {
    fn read(&self, bytes: Bytes, dialect: &Dialect) -> Result<Rows, BesideError> {
        if bytes.starts_with(PARQUET) {
            return self.read_parquet(bytes);
        }
        let failed = |source| BesideError::Csv {
            name: self.name.clone(),
            place: self.place.clone(),
            source,
        };
        let stopped = |source| failed(ReadError::Read { offset: 0, source });
        let (input, _) = decompress(Cursor::new(bytes)).map_err(stopped)?;
        let mut reader = Reader::new(input, &self.place, dialect).map_err(failed)?;
        let schema = reader.schema();
        let is_own = |index: &usize| !PROVENANCE.contains(&schema.field(*index).name().as_str());
        let own: Vec<usize> = (0..schema.fields().len()).filter(is_own).collect();
        let without_provenance = |source| failed(ReadError::Arrow(source));
        let schema = Arc::new(schema.project(&own).map_err(without_provenance)?);
        let mut batches = Vec::new();
        let mut held = 0;
        while let Some(batch) = reader.next_batch().map_err(failed)? {
            let Some(rows) = batch.rows else { continue };
            let rows = rows.project(&own).map_err(without_provenance)?;
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
        let failed = |source| BesideError::Parquet {
            name: self.name.clone(),
            place: self.place.clone(),
            source,
        };
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(failed)?;
        let schema = Arc::clone(reader.schema());
        let mut batches = Vec::new();
        let mut held = 0;
        for batch in reader.build().map_err(failed)? {
            let batch =
                batch.map_err(|error| failed(ParquetError::ArrowError(error.to_string())))?;
            held += batch.get_array_memory_size() as u64;
            self.refuse_more(held)?;
            batches.push(batch);
        }
        Ok((schema, batches))
    }

    fn refuse_more(&self, held: u64) -> Result<(), BesideError> {
        if held <= self.most {
            return Ok(());
        }
        let (name, place, most) = (self.name.clone(), self.place.clone(), self.most);
        Err(BesideError::TooLarge { name, place, most })
    }
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
        let told = refused.to_string();
        assert!(told.contains("1 of 2 records") && told.contains("line 3"), "{told}");
        let large = read(b"code,rank\nde,1\n", &usual, 10).expect_err("too large");
        assert!(matches!(large, BesideError::TooLarge { .. }));
        assert!(matches!(read(b"PAR1x", &usual, 100), Err(BesideError::Parquet { .. })));
    }
}

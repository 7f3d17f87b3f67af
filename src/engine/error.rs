//! The **errors** of the engine: what is wrong with a query is reported in full, what is wrong with a value is
//! reported without the value.

use std::path::PathBuf;

use datafusion::arrow::error::ArrowError;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::parquet::errors::ParquetError;

use crate::domain::{Carried, ErrorKind, Explain};
use crate::sql::identifier;
use crate::store;

/// The Jaro-Winkler similarity from which on a name is offered in place of an unknown one.
const NEAR: f64 = 0.85;
/// How many names are offered.
const NEAR_NAMES: usize = 3;

/// What to do about a value that cannot be converted.
const TRY: &str = "use try_to_date, try_to_timestamp, try_to_timestamptz, try_to_decimal, try_to_bool \
                   or TRY_CAST, which give NULL for what they cannot read, and a check that finds such \
                   rows";

/// What can go wrong in SQL.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A query cannot be planned: a name or a type in it is wrong.
    #[error("{} cannot be planned", path.display())]
    Plan {
        /// The file, or `the query`.
        path: PathBuf,
        /// Why. Holds names and types of the query, no values of rows.
        #[source]
        source: Box<DataFusionError>,
    },
    /// A query does not plan, and the engine's own text is about the engine.
    #[error("{} cannot be planned: a function or an operator in it does not accept the types of its arguments", path.display())]
    Types {
        /// The file, or `the query`.
        path: PathBuf,
    },
    /// A query calculates with a column of text, or compares it with a number.
    #[error("{} uses {column} as a number, but it is text, like every column of source that comes from the files", path.display())]
    TextNumber {
        /// The file, or `the query`.
        path: PathBuf,
        /// The column, as the query writes it.
        column: String,
        /// What to write in place of the expression.
        instead: String,
    },
    /// An expression is nested so deeply that the engine's stack may not suffice.
    #[error("{} has an expression that is nested too deeply", path.display())]
    TooDeep {
        /// The file, or `the query`.
        path: PathBuf,
    },
    /// The engine would silently do a part of a statement in another way than it is written.
    #[error("{} has {what}", path.display())]
    Refused {
        /// The file, or `the query`.
        path: PathBuf,
        /// The part, as SQL writes it, and what the engine would make of it.
        what: String,
        /// What to write instead.
        instead: String,
    },
    /// A statement does more than read.
    #[error("{} may only read: SELECT, EXPLAIN, DESCRIBE or SHOW", path.display())]
    Writes {
        /// The file, or `the query`.
        path: PathBuf,
    },
    /// A query names a column that the tables it reads do not have.
    #[error("{} names the column {column}, which the tables it reads do not have", path.display())]
    UnknownColumn {
        /// The file, or `the query`.
        path: PathBuf,
        /// The name, as the engine understood it.
        column: String,
        /// The columns with similar names, the most similar one first, as SQL writes them.
        near: Vec<String>,
    },
    /// A query names a column that several of the tables it reads have.
    #[error("{} names the column {column}, which several of the tables it reads have", path.display())]
    Ambiguous {
        /// The file, or `the query`.
        path: PathBuf,
        /// The name, as SQL writes it.
        column: String,
    },
    /// A query reads a dataset as if it were a table.
    #[error("{} reads {dataset} as a table, but it is a dataset, which has several tables", path.display())]
    DatasetAsTable {
        /// The file, or `the query`.
        path: PathBuf,
        /// The dataset.
        dataset: String,
    },
    /// A query lacks a column that the next step needs.
    #[error("{} does not return the column {column}", path.display())]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: &'static str,
    },
    /// The query needs more memory than it may use, even with spilling.
    #[error("a query needs more memory than limits.sql_memory allows")]
    Memory,
    /// The spill space, or staging, is full.
    #[error("no space is left on the disk that holds the engine's spill files")]
    DiskFull,
    /// A value cannot be converted. The value itself is not named.
    #[error("a value could not be converted to the type in the SQL")]
    Conversion,
    /// A calculation went beyond its type, or divided by zero.
    #[error("a calculation in the SQL overflowed or divided by zero")]
    Arithmetic,
    /// A function or a condition cannot work on a value, or on an argument that the SQL gives it.
    #[error("an expression of the SQL failed on a value or on one of its arguments")]
    Expression,
    /// Staging cannot be read: the store's error is among the causes.
    #[error("staging cannot be read")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A Parquet file in staging is not what it was when it was written.
    #[error("a Parquet file in staging is damaged or incomplete")]
    Damaged,
    /// A table of the target database, or a profile, cannot be read.
    #[error("a table that the query names cannot be read")]
    Table(#[source] Carried),
    /// The engine plans a query and cannot run it, such as a subquery in a place where it knows none.
    #[error("the SQL uses something that the engine does not support")]
    Unsupported,
    /// Any other failure in execution. The engine's own message may quote values, so only its kind is
    /// shown.
    #[error("the SQL engine failed ({kind})")]
    Execution {
        /// The kind of the engine's error.
        kind: &'static str,
    },
}

impl Error {
    /// The error for a failure to plan `path`.
    pub fn plan(path: PathBuf, error: DataFusionError) -> Self {
        if let DataFusionError::SchemaError(schema, _) = error.find_root()
            && let SchemaError::FieldNotFound { field, valid_fields } = schema.as_ref()
        {
            let near = near(&field.name, valid_fields.iter().map(|valid| valid.name.as_str()));
            return Self::UnknownColumn { path, column: field.name.clone(), near };
        }
        if let DataFusionError::SchemaError(schema, _) = error.find_root()
            && let SchemaError::AmbiguousReference { field } = schema.as_ref()
        {
            return Self::Ambiguous { path, column: identifier(&field.name) };
        }
        match own_error(error) {
            Ok(own) => Self::Table(own),
            Err(error) if is_about_the_engine(&error) => Self::Types { path },
            Err(error) => Self::Plan { path, source: Box::new(error) },
        }
    }

    /// The error for a failure in execution.
    pub fn execution(error: DataFusionError) -> Self {
        let error = match own_error(error) {
            Ok(own) => return Self::Table(own),
            Err(error) => error,
        };
        if store::find_error(&error).is_some() {
            return Self::Store(Box::new(error));
        }
        match error.find_root() {
            DataFusionError::ResourcesExhausted(_) => Self::Memory,
            DataFusionError::ArrowError(arrow, _) => Self::arrow(arrow),
            DataFusionError::IoError(io) if io.kind() == std::io::ErrorKind::StorageFull => {
                Self::DiskFull
            }
            DataFusionError::External(_) => Self::Expression,
            DataFusionError::ObjectStore(_) => Self::Execution { kind: "object store" },
            DataFusionError::ParquetError(error) => Self::parquet(error),
            DataFusionError::IoError(_) => Self::Execution { kind: "I/O" },
            DataFusionError::NotImplemented(_)
            | DataFusionError::Plan(_)
            | DataFusionError::SchemaError(..) => Self::Unsupported,
            DataFusionError::Internal(_) => Self::Execution { kind: "internal" },
            DataFusionError::Execution(_) => Self::Expression,
            _ => Self::Execution { kind: "execution" },
        }
    }

    /// The error for a Parquet error, which may be that of a condition that is evaluated while a file is read.
    fn parquet(error: &ParquetError) -> Self {
        match error {
            ParquetError::External(inner)
                if matches!(inner.downcast_ref(), Some(ArrowError::ComputeError(_))) =>
            {
                Self::Expression
            }
            _ => Self::Damaged,
        }
    }

    fn arrow(error: &ArrowError) -> Self {
        match error {
            ArrowError::CastError(_) | ArrowError::ParseError(_) => Self::Conversion,
            ArrowError::DivideByZero | ArrowError::ArithmeticOverflow(_) => Self::Arithmetic,
            ArrowError::ParquetError(_) => Self::Damaged,
            ArrowError::InvalidArgumentError(_)
            | ArrowError::ComputeError(_)
            | ArrowError::ExternalError(_) => Self::Expression,
            _ => Self::Execution { kind: "Arrow" },
        }
    }

    /// Whether the SQL fails because of the data, not by itself.
    pub fn is_about_a_value(&self) -> bool {
        matches!(self, Self::Conversion | Self::Arithmetic | Self::Expression)
    }
}

impl Explain for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Plan { .. }
            | Self::Types { .. }
            | Self::TextNumber { .. }
            | Self::TooDeep { .. }
            | Self::Refused { .. }
            | Self::Writes { .. }
            | Self::UnknownColumn { .. }
            | Self::Ambiguous { .. }
            | Self::DatasetAsTable { .. }
            | Self::Unsupported
            | Self::MissingColumn { .. } => ErrorKind::Usage,
            Self::Conversion | Self::Arithmetic | Self::Expression => ErrorKind::Refused,
            Self::Store(error) => store::kind_of_staging(&**error),
            Self::Table(error) => error.kind(),
            Self::Memory | Self::DiskFull | Self::Damaged | Self::Execution { .. } => {
                ErrorKind::Failed
            }
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::UnknownColumn { near, .. } if !near.is_empty() => {
                let or = near.join(" or ");
                return Some(format!("did you mean {or}? `DESCRIBE source` shows all columns"));
            }
            Self::Ambiguous { column, .. } => {
                return Some(format!(
                    "write the table or its alias before it, as in source.{column}; a JOIN with USING ({column}) \
                     merges the two columns into one"
                ));
            }
            Self::DatasetAsTable { dataset, .. } => {
                return Some(format!(
                    "write FROM {dataset}.source for the rows of its files, or {dataset}.staged for what would be \
                     loaded; the tables of the database are target.<schema>.<table>"
                ));
            }
            Self::Refused { instead, .. } => return Some(format!("write {instead}")),
            Self::TextNumber { instead, .. } => {
                return Some(format!(
                    "write {instead}, which is NULL for texts that are not numbers (12 digits, 2 of them decimals), \
                     or query `staged`, which has the types of stage.sql"
                ));
            }
            Self::Types { .. } => {
                "the columns of source are text: convert them with try_to_decimal(column, 12, 2) or \
                 try_to_date(column, '%Y-%m-%d'), or query `staged`, which has the types of stage.sql"
            }
            Self::Plan { .. } | Self::UnknownColumn { .. } => {
                "the query `DESCRIBE source` over the same range shows the columns; docs/reference/sql.md lists the \
                 tables and functions, and which other tables checks may read"
            }
            Self::TooDeep { .. } => {
                "each operator of a chain such as a OR b OR c is one level; write x IN (…) for many values of a \
                 column, and split the rest into several queries or columns"
            }
            Self::Writes { .. } => {
                "to write the rows of a SELECT to a file, use `backfill query --to FILE`"
            }
            Self::MissingColumn { .. } => "add it to the SELECT; it identifies the source of a row",
            Self::Unsupported => {
                "find the expression by leaving out parts of the SQL, and write it in another way: replace a \
                 subquery in a SELECT list, or one that names columns of the outer query, by a JOIN or a WITH query"
            }
            Self::Memory => {
                "raise limits.sql_memory, or use fewer columns: dedupe.sql only needs those of the key and the order"
            }
            Self::DiskFull => "free some space, or point TMPDIR at a larger disk, and run again",
            Self::Conversion => TRY,
            Self::Arithmetic => "guard the calculation with CASE or nullif",
            Self::Table(error) => return error.hint(),
            Self::Store(error) => return store::hint_of_staging(&**error),
            Self::Damaged => {
                "run again, because it may have been deleted in the meantime; if that fails too, delete the \
                 dataset's folders under `mirror` and `staged` in the staging area: both are made again from the \
                 source files"
            }
            Self::Expression => {
                "a common case is a text column that is compared with a number: write try_to_decimal(column, 12, 2) \
                 > 5; or exclude such values with CASE or WHERE; if an argument is wrong, every row fails"
            }
            Self::Execution { .. } => {
                "find the file by narrowing the range, and the expression by leaving out parts of the SQL"
            }
        };
        Some(hint.to_owned())
    }
}

/// The names that are similar to an unknown one, at most [`NEAR_NAMES`].
fn near<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let name = name.to_lowercase();
    let mut near: Vec<(f64, &str)> =
        names.map(|other| (strsim::jaro_winkler(&name, &other.to_lowercase()), other)).collect();
    near.retain(|(likeness, _)| *likeness >= NEAR);
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    near.dedup();
    near.into_iter().take(NEAR_NAMES).map(|(_, name)| identifier(name)).collect()
}

/// Whether an error says what went wrong inside the engine, not what is wrong in the query. Such a message may be part
/// of another error's.
fn is_about_the_engine(error: &DataFusionError) -> bool {
    let is_about_the_query = match error.find_root() {
        DataFusionError::Plan(_)
        | DataFusionError::SQL(..)
        | DataFusionError::SchemaError(..)
        | DataFusionError::NotImplemented(_)
        | DataFusionError::Configuration(_)
        | DataFusionError::Execution(_) => true,
        DataFusionError::Collection(errors) => !errors.iter().any(is_about_the_engine),
        _ => false,
    };
    let text = error.to_string();
    !is_about_the_query || text.contains("Internal error") || text.contains("DataFusion")
}

/// The error of this program that the engine's error carries, or else the engine's error.
fn own_error(error: DataFusionError) -> Result<Carried, DataFusionError> {
    match error {
        DataFusionError::External(own) => match own.downcast::<Carried>() {
            Ok(own) => Ok(*own),
            Err(other) => Err(DataFusionError::External(other)),
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            own_error(*inner)
        }
        error => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_may_have_been_meant_are_written_as_sql() {
        let names = ["Click ID", "email_address", "mail_date", "orders_id", "email_address"];
        assert_eq!(near("click id", names.into_iter()), ["\"Click ID\""]);
        assert_eq!(near("email_adress", names.into_iter()), ["email_address"]);
        assert!(near("zzz", names.into_iter()).is_empty());
    }
}

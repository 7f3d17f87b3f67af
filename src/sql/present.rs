//! The SQL files of a dataset that are **present**. Commands that look at files work with what is there: somebody who
//! sets up a dataset may have written only one of its SQL files yet.

use super::{CHECKS, Contract, DEDUPE, Error, Query, STAGE, Sql, TARGET, placing, read_checks};
use crate::domain::Dataset;

/// The query that stands in for a missing `stage.sql` or `dedupe.sql`: it reads no column of the files.
const READS_NOTHING: &str = "SELECT _file_name, _row_id FROM source";

/// The SQL of a dataset, of which some files may be missing.
#[derive(Clone, Debug)]
pub struct Present {
    /// The SQL. Missing files are replaced by queries that name no column of the source files.
    pub sql: Sql,
    /// The names of the missing files.
    pub absent: Vec<String>,
}

impl Present {
    /// Reads the folder of a dataset; `None` if it holds no SQL.
    ///
    /// # Errors
    /// [`Error`], naming the file. A missing file is not an error.
    pub fn read(dataset: &Dataset) -> Result<Option<Self>, Error> {
        let contract = if_there(Sql::read_contract(dataset))?;
        let stage = if_there(Sql::read_stage(dataset))?;
        let dedupe = if_there(Sql::read_dedupe(dataset))?;
        let checks = read_checks(&dataset.sql.join(CHECKS))?;
        let files =
            [(TARGET, contract.is_some()), (STAGE, stage.is_some()), (DEDUPE, dedupe.is_some())];
        let absent: Vec<String> = files
            .iter()
            .filter(|(_, is_there)| !is_there)
            .map(|(name, _)| (*name).to_owned())
            .collect();
        if absent.len() == files.len() && checks.is_empty() {
            return Ok(None);
        }
        let sql = Sql {
            contract: contract.unwrap_or_else(|| no_contract(dataset)),
            stage: stage.map_or_else(|| stand_in(dataset, STAGE), Ok)?,
            dedupe: dedupe.map_or_else(|| stand_in(dataset, DEDUPE), Ok)?,
            checks,
            dialect: dataset.dialect.clone(),
            placing: placing(dataset),
        };
        Ok(Some(Self { sql, absent }))
    }
}

/// Returns the query that replaces a missing file.
fn stand_in(dataset: &Dataset, name: &str) -> Result<Query, Error> {
    Query::parse(&dataset.sql.join(name), READS_NOTHING.to_owned())
}

/// Turns the error of a missing file into `None`.
fn if_there<T>(read: Result<T, Error>) -> Result<Option<T>, Error> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(Error::Unreadable { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn no_contract(dataset: &Dataset) -> Contract {
    Contract {
        path: dataset.sql.join(TARGET),
        create: String::new(),
        columns: Vec::new(),
        references: Vec::new(),
    }
}

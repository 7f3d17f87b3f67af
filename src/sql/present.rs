//! The SQL of a dataset as far as its files are **present**: who looks at files for the first time may have written
//! one of them only.

use super::{Contract, Error, Query, Sql, placing, read_checks};
use crate::domain::Dataset;

/// The names of the files that a dataset's folder holds beside its checks.
const TARGET: &str = "target.sql";
const STAGE: &str = "stage.sql";
const DEDUPE: &str = "dedupe.sql";
/// What stands in for `stage.sql` and `dedupe.sql`: it reads no column of the files.
const READS_NOTHING: &str = "SELECT _file_name, _row_id FROM source";

/// The SQL of a dataset, of which some files may not be there.
#[derive(Clone, Debug)]
pub struct Present {
    /// What there is. In place of a file that is not there stands one that names no column of the files.
    pub sql: Sql,
    /// The names of the files that are not there.
    pub absent: Vec<String>,
}

impl Present {
    /// Reads the folder of a dataset; `None` if it holds nothing.
    ///
    /// # Errors
    /// [`Error`], naming the file; not if one is not there.
    pub fn read(dataset: &Dataset) -> Result<Option<Self>, Error> {
        let contract = if_there(Sql::read_contract(dataset))?;
        let stage = if_there(Sql::read_stage(dataset))?;
        let dedupe = if_there(Sql::read_dedupe(dataset))?;
        let checks = read_checks(&dataset.sql.join("checks"))?;
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
        let stand_in = |name: &str| Query::parse(&dataset.sql.join(name), READS_NOTHING.to_owned());
        let sql = Sql {
            contract: contract.unwrap_or_else(|| no_contract(dataset)),
            stage: stage.map_or_else(|| stand_in(STAGE), Ok)?,
            dedupe: dedupe.map_or_else(|| stand_in(DEDUPE), Ok)?,
            checks,
            dialect: dataset.dialect.clone(),
            placing: placing(dataset),
        };
        Ok(Some(Self { sql, absent }))
    }
}

/// What was read; `None` if the file is not there.
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

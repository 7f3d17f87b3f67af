//! To **accept** is to record that rows were deleted from the target on purpose, for example because a person asked
//! for it. Later runs then go on without these rows and do not bring them back.

use serde::Serialize;
use tokio_postgres::Client;

use crate::domain::{Dataset, DateRange, FileDate, TableName};
use crate::error::Error;
use crate::project::Project;
use crate::sql::Sql;
use crate::state::{Change, FileState, Files, Options, Status, TargetRows};
use crate::target::ledger;

/// What is accepted for one dataset.
#[derive(Clone, Debug, Serialize)]
pub struct Accepted {
    /// The dataset.
    pub dataset: String,
    /// The target.
    pub target: String,
    /// The files of which rows are gone.
    pub files: Vec<AcceptedFile>,
    /// The files of which the target has more rows than were loaded, or rows of others: nothing is accepted for them.
    pub refused: Vec<String>,
}

/// A file of which rows were deleted on purpose.
#[derive(Clone, Debug, Serialize)]
pub struct AcceptedFile {
    /// The key.
    pub key: String,
    /// The file date.
    pub date: FileDate,
    /// The name by which rows refer to it.
    #[serde(skip)]
    name: String,
    /// Rows that the target held.
    pub loaded: u64,
    /// Rows that it holds now.
    pub in_target: u64,
}

impl AcceptedFile {
    /// The number of rows that are gone.
    pub fn deleted(&self) -> u64 {
        self.loaded - self.in_target
    }
}

/// Finds the files of a range of which rows are gone from the target, and records it in the ledger unless
/// this is a dry run.
///
/// # Errors
/// [`Error`].
pub async fn accept(
    project: &Project,
    dataset: &Dataset,
    range: DateRange,
    is_dry_run: bool,
) -> Result<Accepted, Error> {
    let sql = Sql::read(dataset)?;
    let listing = project.list(dataset, range).await?;
    let options = Options { range, batch_days: 1, connections: 1, allow: Default::default() };
    let mut files = Files::listed(dataset, &listing, 1, options.policy(dataset, &sql));
    project.ask_target(dataset, &mut files).await?;
    let mut accepted = Accepted {
        dataset: dataset.name.clone(),
        target: dataset.table.to_string(),
        files: Vec::new(),
        refused: Vec::new(),
    };
    for file in &files.files {
        let Status::Changed(Change::Rows { loaded, in_target }) = files.status(file) else {
            continue;
        };
        if in_target > loaded || file.rows.map_or(0, TargetRows::foreign) > 0 {
            accepted.refused.push(file.describe());
        } else {
            accepted.files.push(accepted_file(file, loaded, in_target));
        }
    }
    if !is_dry_run && !accepted.files.is_empty() {
        record(project, &dataset.table, &accepted.files).await?;
    }
    Ok(accepted)
}

fn accepted_file(file: &FileState, loaded: u64, in_target: u64) -> AcceptedFile {
    let (key, name) = (file.key.clone(), file.name.clone());
    AcceptedFile { key, date: file.date, name, loaded, in_target }
}

async fn record(project: &Project, table: &TableName, files: &[AcceptedFile]) -> Result<(), Error> {
    let rows: Vec<(String, u64)> =
        files.iter().map(|file| (file.name.clone(), file.in_target)).collect();
    let database = project.database()?;
    let recorded = database.session(async |client: &Client| {
        ledger::create(client).await?;
        ledger::accept(client, table, &rows).await
    });
    Ok(recorded.await?)
}

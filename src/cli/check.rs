//! `backfill check`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use futures::TryStreamExt;

use super::Context;
use super::output::{to_file, writable};
use super::range::RangeArguments;
use super::rows::{Format, Rows};
use crate::check::{self, Outcome, Rejects};
use crate::domain::{Notice, USUAL_BATCH_DAYS};
use crate::error::{Error, Exit};
use crate::look::drift::Instance;
use crate::project::Project;
use crate::show::{self, Suite};
use crate::tables::Catalog;
use crate::{look, source};

/// Runs sql/<dataset>/checks/*.sql over a range, without loading it.
///
/// The data is read once, however many checks there are. The bad rows of each check are written to a Parquet file in
/// staging, whose path is shown, and with --csv to a CSV file as well. Rejected records are counted by reason. The
/// exit code is 3 if a check of severity error finds bad rows, if a batch has more rejected records than the dataset's
/// max_rejects allows, or if there is drift that its refuse_drift names. No database is needed.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    range: RangeArguments,
    /// Which failed checks lead to exit code 3
    #[arg(long, value_name = "SEVERITY", default_value = "error")]
    fail_on: FailOn,
    /// Write the results as JUnit XML to this file
    #[arg(long, value_name = "FILE", value_parser = writable)]
    junit: Option<PathBuf>,
    /// Write the bad rows of each check to <dataset>.<check>.csv in this folder, and delete the files of checks that
    /// pass now
    #[arg(long, value_name = "FOLDER")]
    csv: Option<PathBuf>,
    /// Days per batch, as for run: max_rejects applies to each batch
    #[arg(long, value_name = "DAYS", default_value_t = USUAL_BATCH_DAYS,
          value_parser = clap::value_parser!(u32).range(1..=36_500))]
    batch_size: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// Checks of severity error
    Error,
    /// Warnings as well
    Warn,
}

#[derive(serde::Serialize)]
struct Checked {
    dataset: String,
    checks: Vec<Outcome>,
    rejects: Rejects,
    /// The drift of the kinds that the dataset refuses; `None` if it refuses none.
    #[serde(skip_serializing_if = "Option::is_none")]
    drift: Option<Vec<Instance>>,
    #[serde(skip)]
    refused: Option<check::Error>,
    notices: Vec<Notice>,
}

/// Runs the command.
///
/// # Errors
/// [`Error`].
pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    arguments.range.refuse_backward()?;
    // The results of an earlier check must not be taken for those of a check that ends early.
    if let Some(path) = arguments.junit.as_deref().filter(|path| path.is_file()) {
        std::fs::remove_file(path).map_err(|source| Error::output(path, source))?;
    }
    let project = context.open(context.configured(&arguments.range.prefixes)?)?;
    let ranges = arguments.range.ranges(&project).await?;
    let warnings_fail = arguments.fail_on == FailOn::Warn;
    let mut checked = Vec::new();
    for dataset in &project.config.datasets {
        let Some(range) = ranges.of(dataset) else { continue };
        let catalog = project.registered(dataset, range).await?;
        if catalog.mirror.files.is_empty() {
            continue;
        }
        check::refuse_not_exports(dataset, &catalog.sql, catalog.mirror.headers())?;
        checked.push(look_at(&project, &catalog, arguments.batch_size).await?);
    }
    if checked.is_empty() {
        return ranges.without_files(&project.config);
    }
    if let Some(folder) = &arguments.csv {
        write_bad_rows(&project, &checked, folder).await?;
    }
    if let Some(path) = &arguments.junit {
        let suites: Vec<Suite<'_>> = checked.iter().map(Checked::suite).collect();
        to_file(path, show::junit(&suites, warnings_fail).as_bytes())?;
    }
    context.output.print(&checked, |checked| {
        let tables = checked.iter().map(|checked| show::checks(checked.suite()));
        tables.collect::<Vec<_>>().join("\n")
    })?;
    for Checked { dataset, checks, drift, refused, .. } in checked {
        // In the order of a run: first rejected records, then drift, then checks.
        refused.map_or(Ok(()), Err)?;
        look::refuse_drift(&dataset, &drift.unwrap_or_default())?;
        check::refuse(&checks, warnings_fail)?;
    }
    Ok(Exit::Done)
}

/// Runs the checks of a dataset, and counts its rejected records.
async fn look_at(project: &Project, catalog: &Catalog, batch_days: u32) -> Result<Checked, Error> {
    let (dataset, mirror) = (&catalog.dataset, &catalog.mirror);
    let rejects = check::rejects(&project.staging, dataset, mirror, batch_days).await?;
    let refused = check::batches_over_limit(dataset, mirror, batch_days).into_iter().next();
    let drift = match dataset.refuse_drift.is_empty() {
        true => None,
        false => {
            let listing = source::survey(&project.source, dataset, mirror.range).await?;
            Some(look::refused_drift(project, dataset, listing, None).await?)
        }
    };
    let checks = project.check(catalog).await?;
    let notices = project.notices(dataset);
    Ok(Checked { dataset: dataset.name.clone(), checks, rejects, drift, refused, notices })
}

impl Checked {
    fn suite(&self) -> Suite<'_> {
        Suite {
            dataset: &self.dataset,
            checks: &self.checks,
            rejects: &self.rejects,
            drift: self.drift.as_deref(),
        }
    }
}

/// Writes the bad rows of every check that has any.
async fn write_bad_rows(
    project: &Project,
    checked: &[Checked],
    folder: &Path,
) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(|source| Error::output(folder, source))?;
    for Checked { dataset, checks, .. } in checked {
        for outcome in checks {
            let path = folder.join(format!("{dataset}.{}.csv", outcome.name));
            let Some(rows) = check::bad_rows(&project.staging, outcome).await? else {
                remove(&path)?;
                continue;
            };
            let (schema, name) = (Arc::clone(rows.schema()), outcome.name.clone());
            let rows = rows.map_err(move |source| {
                check::Error::Unreadable { check: name.clone(), source }.into()
            });
            Rows::new(schema, rows).save(Format::Csv, &path).await?;
        }
    }
    Ok(())
}

/// Deletes a file, if it exists.
fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::output(path, source))
        }
        _ => Ok(()),
    }
}

//! To **stage** a batch: its files, several at once, and its manifest when all are done.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use futures::stream::{self, StreamExt, TryStreamExt};

use super::task::plan_over;
use super::{Area, Error, Manifest, StagedFile, Task};
use crate::dedupe::Survivors;
use crate::domain::RowSet;
use crate::engine::Engine;
use crate::failpoint;
use crate::mirror::Mirrored;
use crate::sql::Query;
use crate::tables::{Catalog, source_of};

/// The columns that `stage.sql` gives, checked for what later steps need.
///
/// # Errors
/// [`Error::Query`] if it does not plan or lacks a column, [`Error::NotRowWise`].
pub async fn schema(catalog: &Catalog) -> Result<SchemaRef, Error> {
    let empty = catalog.empty_source();
    let rows =
        plan_over(catalog.engine(), &catalog.dataset.name, &catalog.sql.stage, empty).await?;
    Ok(Arc::new(rows.schema().as_arrow().clone()))
}

/// The columns that `stage.sql` gives and that differ from one load of the same files to the next: the time,
/// and what is random.
///
/// # Errors
/// [`Error::Query`] if it does not plan.
pub async fn varying(catalog: &Catalog) -> Result<Vec<String>, Error> {
    let (engine, name) = (catalog.engine(), &catalog.dataset.name);
    varying_over(engine, name, &catalog.sql.stage, &catalog.columns).await
}

/// Like [`varying`], of a `source` with these columns of which nothing is registered.
///
/// # Errors
/// [`Error::Query`] if it does not plan.
pub async fn varying_over(
    engine: &Engine,
    dataset: &str,
    query: &Query,
    columns: &[String],
) -> Result<Vec<String>, Error> {
    let empty = Arc::new(source_of(&engine.staging, columns, Vec::new()));
    let rows = plan_over(engine, dataset, query, empty).await?;
    let names = rows.schema().fields().iter().map(|field| field.name().clone());
    let LogicalPlan::Projection(projection) = rows.logical_plan() else { return Ok(Vec::new()) };
    let given = names.zip(&projection.expr);
    Ok(given.filter(|(_, expression)| varies(expression)).map(|(name, _)| name).collect())
}

/// Whether an expression depends on when it is evaluated.
fn varies(expression: &Expr) -> bool {
    let varies = expression.exists(|part| {
        Ok(match part {
            Expr::ScalarFunction(call) => call.func.signature().volatility != Volatility::Immutable,
            _ => false,
        })
    });
    varies.unwrap_or(true)
}

/// Stages the `wanted` files of a batch, several at once, and writes the batch's manifest, unless it holds
/// none.
///
/// # Errors
/// The first [`Error`]; staged files that are whole by then are kept and used by the next run.
pub async fn stage(
    catalog: &Catalog,
    survivors: &Survivors,
    wanted: &[Arc<Mirrored>],
    area: &Area,
    files_at_once: usize,
) -> Result<Manifest, Error> {
    let engine = catalog.engine();
    let tasks = wanted.iter().map(|mirrored| task(catalog, survivors, mirrored, area));
    // In no order: a large file does not hold up those behind it.
    let files: Vec<StagedFile> = stream::iter(tasks)
        .map(|task| async move {
            let staged = task.run(engine).await?;
            failpoint::reach(failpoint::STAGE_FILE_DONE);
            Ok::<_, Error>(staged)
        })
        .buffer_unordered(files_at_once)
        .try_collect()
        .await?;
    let manifest = area.manifest(files);
    failpoint::reach(failpoint::STAGE_BEFORE_MANIFEST);
    area.write_batch(&manifest).await?;
    failpoint::reach(failpoint::STAGE_MANIFEST_WRITTEN);
    Ok(manifest)
}

fn task(catalog: &Catalog, survivors: &Survivors, mirrored: &Arc<Mirrored>, area: &Area) -> Task {
    let none = || RowSet::none(mirrored.note.summary.records);
    let (path, existing) = area.staged(mirrored);
    Task {
        dataset: catalog.dataset.name.clone(),
        sql_path: catalog.sql.stage.path.clone(),
        sql: catalog.sql.stage.text.clone(),
        columns: catalog.columns.to_vec(),
        mirrored: Mirrored::clone(mirrored),
        survivors: survivors.of(&mirrored.file.name).cloned().unwrap_or_else(none),
        path,
        existing,
    }
}

/// Stages some rows of one file by themselves, at a path of their own below the staging URL.
///
/// # Errors
/// [`Error`].
pub async fn stage_rows(
    catalog: &Catalog,
    mirrored: &Arc<Mirrored>,
    rows: RowSet,
    path: String,
) -> Result<StagedFile, Error> {
    let task = Task {
        dataset: catalog.dataset.name.clone(),
        sql_path: catalog.sql.stage.path.clone(),
        sql: catalog.sql.stage.text.clone(),
        columns: catalog.columns.to_vec(),
        mirrored: Mirrored::clone(mirrored),
        survivors: rows,
        path,
        existing: None,
    };
    task.run(catalog.engine()).await
}

/// Writes the manifest of everything that was staged, from those of the batches.
///
/// # Errors
/// [`Error::Manifest`].
pub async fn conclude(area: &Area, batches: Vec<Manifest>) -> Result<Manifest, Error> {
    let files = batches.into_iter().flat_map(|batch| batch.files).collect();
    let manifest = area.manifest(files);
    area.write_whole(&manifest).await?;
    Ok(manifest)
}

//! The **step** that stages a batch: its files, several at once, and its manifest when all files are done.

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

/// Returns the columns that `stage.sql` gives. They include those that later steps need.
///
/// # Errors
/// [`Error::Query`] if it does not plan or lacks a column, [`Error::NotRowWise`].
pub async fn schema(catalog: &Catalog) -> Result<SchemaRef, Error> {
    let empty = catalog.empty_source();
    let rows =
        plan_over(catalog.engine(), &catalog.dataset.name, &catalog.sql.stage, empty).await?;
    Ok(Arc::new(rows.schema().as_arrow().clone()))
}

/// Returns the columns of `stage.sql` whose values differ from one load of the same files to the next, because they
/// depend on the time or on chance.
///
/// # Errors
/// [`Error::Query`] if it does not plan.
pub async fn varying(catalog: &Catalog) -> Result<Vec<String>, Error> {
    let (engine, name) = (catalog.engine(), &catalog.dataset.name);
    varying_over(engine, name, &catalog.sql.stage, &catalog.columns).await
}

/// Like [`varying`], for a `source` with these columns that is not registered.
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

/// Whether an expression may have another value each time it is evaluated.
fn varies(expression: &Expr) -> bool {
    let has_varying_call = expression.exists(|part| {
        Ok(match part {
            Expr::ScalarFunction(call) => call.func.signature().volatility != Volatility::Immutable,
            _ => false,
        })
    });
    has_varying_call.unwrap_or(true)
}

/// Stages the `wanted` files of a batch, several at once, and writes the batch's manifest unless it is empty.
///
/// # Errors
/// The first [`Error`]; staged files that are already complete are kept, and the next run uses them.
pub async fn stage(
    catalog: &Catalog,
    survivors: &Survivors,
    wanted: &[Arc<Mirrored>],
    area: &Area,
    files_at_once: usize,
) -> Result<Manifest, Error> {
    let engine = catalog.engine();
    let tasks = wanted.iter().map(|mirrored| task(catalog, survivors, mirrored, area));
    // In no particular order, so that a large file does not hold up the others.
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
    let (path, existing) = area.staged(mirrored);
    let surviving = survivors.of(&mirrored.file.name).cloned();
    let rows = surviving.unwrap_or_else(|| RowSet::none(mirrored.note.summary.records));
    Task { existing, ..task_of_rows(catalog, mirrored, rows, path) }
}

fn task_of_rows(catalog: &Catalog, mirrored: &Arc<Mirrored>, rows: RowSet, path: String) -> Task {
    Task {
        dataset: catalog.dataset.name.clone(),
        sql_path: catalog.sql.stage.path.clone(),
        sql: catalog.sql.stage.text.clone(),
        columns: catalog.columns.to_vec(),
        mirrored: Mirrored::clone(mirrored),
        survivors: rows,
        path,
        existing: None,
    }
}

/// Stages only some rows of one file, at a path of their own below the staging URL.
///
/// # Errors
/// [`Error`].
pub async fn stage_rows(
    catalog: &Catalog,
    mirrored: &Arc<Mirrored>,
    rows: RowSet,
    path: String,
) -> Result<StagedFile, Error> {
    task_of_rows(catalog, mirrored, rows, path).run(catalog.engine()).await
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

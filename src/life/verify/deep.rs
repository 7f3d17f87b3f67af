//! A **deep** verification compares every cell of the rows that were loaded with what the target holds.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use futures::stream::{self, StreamExt, TryStreamExt};
use tokio_postgres::Client;

use super::counts::{Counted, count};
use super::found::{Found, FoundFile, Wanted, find, registered};
use super::left_out::LeftOut;
use super::verification::{
    Cells, ColumnCells, ComparedRows, DifferentCell, ShapePair, Verification,
};
use crate::domain::{Dataset, DateRange, provenance};
use crate::error::Error;
use crate::mirror;
use crate::progress::Total;
use crate::project::Project;
use crate::sql::{Sql, mentioned_columns};
use crate::stage::{self, StagedFile};
use crate::state::{FileState, Verdict};
use crate::tables::union_of_headers;
use crate::target::{
    self, ComparedColumn, Deep, DeepCounts, DeepFile, DeepJob, Encoder, Target, compare_deep,
};

/// The options of a deep verification.
#[derive(Clone, Copy, Debug)]
pub struct DeepOptions {
    /// How many connections read at once.
    pub connections: usize,
}

/// About how many rows one statement reads if an index finds them.
const ROWS_BY_INDEX: u64 = 100_000;
/// About how many rows one statement reads without an index; each statement then scans the whole table.
const ROWS_BY_TABLE: u64 = 2_000_000;
/// How many files one statement reads at most.
const MOST_FILES: usize = 500;
/// How many pairs of shapes are shown for a column.
const MOST_SHAPES: usize = 5;

/// Verifies the files of a range cell by cell.
///
/// # Errors
/// [`Error`].
pub async fn verify_deep(
    project: &Project,
    dataset: &Dataset,
    range: DateRange,
    options: DeepOptions,
) -> Result<Verification, Error> {
    let sql = Sql::read(dataset)?;
    let counted = count(project, dataset, range, Some(&sql.hash())).await?;
    let Counted { mut verification, states, target, kept } = counted;
    let Some(target) = target else { return Ok(verification) };
    let wanted = Wanted { dataset, sql: &sql, range, states: &states };
    let Found { files, unknown } = find(project, &wanted, &kept).await?;
    for (index, why) in unknown {
        unverified(&mut verification, index, why);
    }
    let varying = varying(project, &wanted).await?;
    let mut cells = Cells::default();
    let mut deep = Deep::default();
    let total = Total {
        files: files.len() as u64,
        bytes: files.iter().map(|file| file.staged.identity.size).sum(),
    };
    project.progress.begin("verify", total);
    let comparison = Comparison { project, dataset, target: &target, sql: &sql, varying, options };
    for group in groups(project, files).await? {
        let GroupFound { deep: found, columns } = match comparison.of(&group, &states).await {
            // These were staged with earlier SQL, and the target's columns have changed since.
            Err(Error::Target(error @ target::Error::Mismatch { .. })) if !group.is_current => {
                for file in &group.files {
                    unverified(&mut verification, file.index, error.to_string());
                }
                continue;
            }
            compared => compared?,
        };
        for (file, counts) in group.files.iter().zip(&found.files) {
            judge(&mut verification, dataset, file, *counts, &columns.lost);
        }
        columns.add_to(&mut cells);
        deep.add(found);
    }
    project.progress.end();
    fill(&mut cells, deep);
    verification.cells = Some(cells);
    verification.sum();
    Ok(verification)
}

/// Records that a file could not be verified, unless its counts are already wrong.
fn unverified(verification: &mut Verification, index: usize, why: String) {
    let verdict = &mut verification.files[index].account.verdict;
    if *verdict == Verdict::Ok {
        *verdict = Verdict::Unverified(why);
    }
}

/// Finds the columns of `stage.sql` whose values differ from one load to the next. The columns of `source` are those of
/// the mirrors in staging; if there are none, those that `stage.sql` names.
async fn varying(project: &Project, wanted: &Wanted<'_>) -> Result<Vec<String>, Error> {
    let Wanted { dataset, sql, range, states } = wanted;
    let files = states.iter().filter_map(|file| file.source.clone()).collect();
    let mirrors = mirror::kept(&project.staging, dataset, files, project.config.limits).await?;
    let columns = if mirrors.is_empty() {
        let mentioned = mentioned_columns(&sql.stage).0.into_iter();
        mentioned.filter(|name| !provenance::is_provenance(name)).collect()
    } else {
        union_of_headers(&mirrors, &dataset.optional_columns)
    };
    let engine = &project.engine;
    match stage::varying_over(engine, &dataset.name, &sql.stage, &columns).await {
        Ok(columns) => Ok(columns),
        Err(_) => {
            let catalog = registered(project, dataset, sql, *range).await?;
            Ok(stage::varying(&catalog).await?)
        }
    }
}

/// Files that were staged with the same columns.
pub(crate) struct Group {
    schema: SchemaRef,
    /// Whether they were staged with today's SQL.
    is_current: bool,
    /// The files.
    pub files: Vec<FoundFile>,
}

/// Groups files by their columns.
///
/// # Errors
/// [`Error::Target`] if a staged file cannot be read.
pub(crate) async fn groups(project: &Project, files: Vec<FoundFile>) -> Result<Vec<Group>, Error> {
    let mut schemas: HashMap<String, SchemaRef> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for file in files {
        let schema = match schemas.get(&file.fingerprint) {
            Some(schema) => Arc::clone(schema),
            None => schema_of(project, &file.staged).await?,
        };
        schemas.insert(file.fingerprint.clone(), Arc::clone(&schema));
        let group = groups.iter_mut().find(|group| {
            group.is_current == file.is_current && group.schema.fields() == schema.fields()
        });
        match group {
            Some(group) => group.files.push(file),
            None => {
                let is_current = file.is_current;
                groups.push(Group { schema, is_current, files: vec![file] });
            }
        }
    }
    Ok(groups)
}

/// A comparison of staged rows with a target.
pub(crate) struct Comparison<'a> {
    /// The project.
    pub project: &'a Project,
    /// The dataset.
    pub dataset: &'a Dataset,
    /// Its target.
    pub target: &'a Target,
    /// Its SQL.
    pub sql: &'a Sql,
    /// The columns that differ from one load to the next.
    pub varying: Vec<String>,
    /// The options.
    pub options: DeepOptions,
}

impl Comparison<'_> {
    /// Compares the files of a group with what the target holds of them.
    ///
    /// # Errors
    /// [`Error`].
    pub(crate) async fn of(
        &self,
        group: &Group,
        states: &[FileState],
    ) -> Result<GroupFound, Error> {
        let (schema, constants) = (&group.schema, &self.dataset.constants);
        let database = self.project.database()?;
        let target = database
            .session(async |client: &Client| {
                self.target.clone().with_single_values(client, schema, constants).await
            })
            .await?;
        let path = self.sql.stage.path.display().to_string();
        let (encoder, mut lost) = Encoder::of_loaded(schema, &target, &path, constants)?;
        let encoder = Arc::new(encoder);
        let mut but = self.varying.clone();
        // It is not known what the server filled in during the load.
        but.extend(target.varying.iter().cloned());
        if !group.is_current {
            // The constants may have had other values.
            but.extend(constants.keys().cloned());
            lost.retain(|name| !constants.contains_key(name));
        }
        let job = DeepJob {
            database,
            target: &target,
            encoder: Arc::clone(&encoder),
            engine: &self.project.engine,
            but: &but,
            progress: &self.project.progress,
        };
        let files: Vec<DeepFile> = group.files.iter().map(|file| deep_file(file, states)).collect();
        let compared: Vec<Deep> = stream::iter(batches(&files, target.has_file_name_index))
            .map(|batch| compare_deep(&job, batch))
            .buffered(self.options.connections)
            .try_collect()
            .await?;
        let mut deep = Deep::default();
        compared.into_iter().for_each(|found| deep.add(found));
        Ok(GroupFound { deep, columns: LeftOut::of(&target, &encoder, &but, lost) })
    }
}

/// The result of comparing a group.
pub(crate) struct GroupFound {
    /// The rows, file by file.
    pub deep: Deep,
    columns: LeftOut,
}

/// Reads the columns of a staged file.
async fn schema_of(project: &Project, file: &StagedFile) -> Result<SchemaRef, target::Error> {
    stage::schema_of(&project.staging, file).await.map_err(|source| {
        let path = project.staging.display(&file.path);
        target::Error::Staged { path, source }
    })
}

fn deep_file(file: &FoundFile, states: &[FileState]) -> DeepFile {
    let entry = states[file.index].ledger.as_ref();
    let xids = entry.map(|entry| entry.xids.clone()).unwrap_or_default();
    DeepFile { staged: file.staged.clone(), xids }
}

/// Cuts the files into batches by the number of their rows.
fn batches(files: &[DeepFile], has_index: bool) -> Vec<&[DeepFile]> {
    let most_rows = if has_index { ROWS_BY_INDEX } else { ROWS_BY_TABLE };
    let mut batches = Vec::new();
    let (mut start, mut rows) = (0, 0);
    for (index, file) in files.iter().enumerate() {
        let more = file.staged.counts.staged;
        if index > start && (rows + more > most_rows || index - start == MOST_FILES) {
            batches.push(&files[start..index]);
            (start, rows) = (index, 0);
        }
        rows += more;
    }
    if start < files.len() {
        batches.push(&files[start..]);
    }
    batches
}

/// Decides on a file by what the comparison found; `lost` are columns that were loaded and that the target does not
/// have any more.
fn judge(
    verification: &mut Verification,
    dataset: &Dataset,
    file: &FoundFile,
    found: DeepCounts,
    lost: &[String],
) {
    let line = &mut verification.files[file.index];
    let held = line.account.held.unwrap_or(0);
    let matched = found.equal + found.different;
    // A merge keeps rows of other programs, and the ledger counts them.
    let keeps_others = dataset.placement.merges() && matched + found.extra <= held;
    let beside = if keeps_others { found.extra_of_others } else { 0 };
    let missing = held.saturating_sub(matched + beside);
    let rows = ComparedRows {
        equal: found.equal,
        different: found.different,
        missing,
        extra: found.extra - beside,
        not_held: found.not_in_target.saturating_sub(missing),
        rewritten: found.rewritten,
        is_from_staging: file.is_kept,
    };
    line.rows = Some(rows);
    line.account.in_target = matched + found.extra;
    let mut problems: Vec<String> = [
        (rows.different, "rows have values that differ from the loaded ones"),
        (rows.missing, "rows that were loaded are missing"),
        (rows.extra, "rows were not loaded or are duplicates"),
    ]
    .iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    if !lost.is_empty() && held > 0 {
        problems.push(format!(
            "column(s) that were loaded no longer exist in the target: {}",
            lost.join(", ")
        ));
    }
    if !problems.is_empty() {
        line.account.verdict = Verdict::Wrong(problems.join("; "));
    } else if matches!(line.account.verdict, Verdict::Unverified(_)) {
        line.account.verdict = Verdict::Ok;
    }
}

fn fill(cells: &mut Cells, deep: Deep) {
    cells.columns = column_cells(deep.columns);
    cells.first = deep.places.into_iter().map(DifferentCell::from).collect();
}

impl From<target::Place> for DifferentCell {
    fn from(place: target::Place) -> Self {
        Self { file: place.file, row_id: place.row_id, column: place.column }
    }
}

fn column_cells(columns: BTreeMap<String, ComparedColumn>) -> Vec<ColumnCells> {
    let mut cells: Vec<ColumnCells> = columns
        .into_iter()
        .map(|(column, found)| {
            let mut shapes: Vec<ShapePair> = found
                .shapes
                .into_iter()
                .map(|((loaded, target), rows)| ShapePair { loaded, target, rows })
                .collect();
            shapes.sort_by(|a, b| b.rows.cmp(&a.rows).then(a.loaded.cmp(&b.loaded)));
            shapes.truncate(MOST_SHAPES);
            ColumnCells { column, rows: found.rows, shapes }
        })
        .collect();
    cells.sort_by(|a, b| b.rows.cmp(&a.rows).then(a.column.cmp(&b.column)));
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Identity;
    use crate::stage::Counts;

    /// A file with this many staged rows.
    fn file(rows: u64) -> DeepFile {
        let last_modified = "2025-01-01T00:00:00Z".parse().expect("a time");
        let staged = StagedFile {
            file_name: "bucket/orders/1.csv".to_owned(),
            key: "orders/1.csv".to_owned(),
            date: "2025-09-22".parse().expect("a day"),
            identity: Identity { size: 1, etag: None, last_modified },
            path: String::new(),
            size: 1,
            counts: Counts { staged: rows, ..Counts::default() },
            survivors: String::new(),
        };
        DeepFile { staged, xids: Vec::new() }
    }

    /// The number of files in each batch.
    fn sizes(rows: &[u64], has_index: bool) -> Vec<usize> {
        let files: Vec<DeepFile> = rows.iter().map(|rows| file(*rows)).collect();
        batches(&files, has_index).iter().map(|batch| batch.len()).collect()
    }

    #[test]
    fn files_are_read_in_batches_of_limited_rows() {
        assert_eq!(sizes(&[], true), [0; 0]);
        assert_eq!(sizes(&[40_000, 40_000, 40_000, 10], true), [2, 2]);
        // Without an index every statement reads the whole table, so that fewer are sent.
        assert_eq!(sizes(&[40_000, 40_000, 40_000, 10], false), [4]);
        // A file is never cut.
        assert_eq!(sizes(&[1, 5_000_000, 1], true), [1, 1, 1]);
        assert_eq!(sizes(&[0; MOST_FILES + 1], true), [MOST_FILES, 1]);
    }
}

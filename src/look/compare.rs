//! A **comparison** shows, before the first load, whether our rows are the same as those of the live loader: for days
//! that it has loaded, the rows that we would load are compared with the rows in the target, cell by cell.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use serde::Serialize;
use tokio_postgres::Client;

use crate::check;
use crate::dedupe;
use crate::domain::dlt_name::column_name;
use crate::domain::{Dataset, DateRange, FileDate};
use crate::error::Error;
use crate::mirror::Mirror;
use crate::project::Project;
use crate::source::{Listing, SourceFile};
use crate::sql::Sql;
use crate::stage::{self, Area, StagedFile};
use crate::state::{Allow, Files, Options};
use crate::tables::Catalog;
use crate::target::{self, Batch, ComparedColumn, ComparedFile, Database, Encoder, Job, Target};

/// How the files of a dataset compare with what the target holds of them.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// The dataset.
    pub dataset: String,
    /// The target.
    pub target: String,
    /// Whether every row is the same on both sides.
    pub is_equal: bool,
    /// File by file, by date.
    pub files: Vec<FileDifference>,
    /// The columns that differ.
    pub columns: Vec<ColumnDifference>,
    /// Columns that are not compared, because they say when a row was loaded or give it a random name.
    pub not_compared: Vec<String>,
    /// Files of the range of which the target has no row.
    pub not_in_target: usize,
    /// The `_file_name` that rows of the first of these would have.
    pub first_not_in_target: Option<String>,
}

/// How the rows of one file compare.
#[derive(Clone, Debug, Serialize)]
pub struct FileDifference {
    /// The key.
    pub key: String,
    /// The file date.
    pub date: FileDate,
    /// Rows that are the same on both sides.
    pub equal: u64,
    /// Rows that are on both sides and differ.
    pub different: u64,
    /// Rows that only the files have.
    pub only_staged: u64,
    /// Rows that only the target has.
    pub only_target: u64,
    /// How many of these, at most, are records that dedupe.sql or stage.sql leave out, or that cannot be read.
    pub left_out: u64,
    /// Rows of the target whose `_row_id` another row of the file has as well.
    pub repeated: u64,
}

/// How one column compares.
#[derive(Clone, Debug, Serialize)]
pub struct ColumnDifference {
    /// Its name.
    pub column: String,
    /// Rows in which it differs.
    pub rows: u64,
    /// What some of the values look like, most frequent first.
    pub shapes: Vec<ShapePair>,
}

/// What the two values of a cell look like.
#[derive(Clone, Debug, Serialize)]
pub struct ShapePair {
    /// As it would be loaded.
    pub staged: String,
    /// As it is in the target.
    pub target: String,
    /// In how many of the rows that were looked at.
    pub rows: u64,
}

/// What was found in some files that were compared at once.
struct Group {
    files: Vec<(StagedFile, ComparedFile)>,
    /// The columns that differ, over all of these files.
    columns: BTreeMap<String, ComparedColumn>,
}

/// How many files are compared at once.
const FILES_AT_ONCE: usize = 30;
/// How many pairs of shapes are shown for a column.
const MOST_SHAPES: usize = 5;

/// Compares the files of a range with the rows that the target holds of them. Nothing is loaded.
///
/// # Errors
/// [`Error`]; [`target::Error::Target`] if the table does not exist.
pub async fn compare(
    project: &Project,
    dataset: &Dataset,
    range: DateRange,
) -> Result<Comparison, Error> {
    let sql = Sql::read(dataset)?;
    let listing = project.list(dataset, range).await?;
    let options = Options { range, batch_days: 1, connections: 1, allow: Allow::default() };
    let mut files = Files::listed(dataset, &listing, 1, options.policy(dataset, &sql));
    let target = project.ask_target(dataset, &mut files).await?.ok_or_else(|| {
        let reason = "it does not exist".to_owned();
        target::Error::Target { table: dataset.table.to_string(), reason }
    })?;
    let held: HashSet<String> = files
        .in_source()
        .filter(|file| file.rows_before() > 0)
        .map(|file| file.name.clone())
        .collect();
    let (listed, missing): (Vec<SourceFile>, Vec<SourceFile>) =
        listing.files.into_iter().partition(|file| held.contains(&file.name));
    let compared = if listed.is_empty() {
        Comparison {
            is_equal: missing.is_empty(),
            ..Comparison::of(dataset, Vec::new(), Vec::new())
        }
    } else {
        let listing = Listing { files: listed, ..listing };
        compare_listed(project, dataset, sql, listing, target).await?
    };
    Ok(Comparison {
        not_in_target: missing.len(),
        first_not_in_target: missing.into_iter().next().map(|file| file.name),
        ..compared
    })
}

/// Compares files of which the target has rows.
async fn compare_listed(
    project: &Project,
    dataset: &Dataset,
    sql: Sql,
    listing: Listing,
    target: Target,
) -> Result<Comparison, Error> {
    let mirror = project.mirror(dataset, listing).await?;
    check::refuse_not_exports(dataset, &sql, mirror.headers())?;
    let catalog = project.register(dataset, sql, mirror.clone()).await?;
    let not_compared = not_compared(&catalog, &target).await?;
    let groups = staged_and_compared(project, &catalog, &mirror, target, &not_compared).await?;
    Ok(Comparison::of(dataset, groups, not_compared))
}

/// Columns that say when a row was loaded, or give it a random name, and those that the server fills in.
async fn not_compared(catalog: &Catalog, target: &Target) -> Result<Vec<String>, Error> {
    let mut columns = stage::varying(catalog).await?;
    let staged = stage::schema(catalog).await?;
    for column in target.columns.iter().filter(|column| column.has_default) {
        let is_constant = catalog.dataset.constants.contains_key(&column.name);
        if !is_constant && !is_staged(&staged, &column.name) {
            columns.push(column.name.clone());
        }
    }
    if target.guest.dlt().is_some() {
        columns.extend(target::DLT_COLUMNS.map(str::to_owned));
    }
    Ok(columns)
}

/// Whether `stage.sql` gives a column of the target, by its name or by that of dlt.
fn is_staged(staged: &Schema, name: &str) -> bool {
    let mut fields = staged.fields().iter();
    fields.any(|field| field.name() == name || column_name(field.name()) == name)
}

/// Stages the files, and compares some of them at a time.
async fn staged_and_compared(
    project: &Project,
    catalog: &Catalog,
    mirror: &Mirror,
    target: Target,
    not_compared: &[String],
) -> Result<Vec<Group>, Error> {
    let survivors = dedupe::dedupe(catalog).await?;
    let schema = stage::schema(catalog).await?;
    let database = project.database()?;
    let (target, encoder) = encoder(database, catalog, &schema, target).await?;
    let area = Area::open(catalog, &schema, &project.staging).await?;
    let (reload, found) = (HashMap::new(), HashMap::new());
    let job = Job {
        database,
        target: &target,
        placement: &catalog.dataset.placement,
        encoder: Some(Arc::new(encoder)),
        staging: &project.staging,
        run_id: &project.id,
        dataset: &catalog.dataset.name,
        sql_hash: "",
        reload: &reload,
        found: &found,
        keeps_rows: false,
        progress: &project.progress,
    };
    let mut groups = Vec::new();
    for mirrored in mirror.files.chunks(FILES_AT_ONCE) {
        let at_once = project.config.limits.files_at_once;
        let manifest = stage::stage(catalog, &survivors, mirrored, &area, at_once).await?;
        let Some(batch) = Batch::of(1, manifest.files, Vec::new()) else { continue };
        let mut compared = target::compare(&job, &batch, not_compared).await?;
        let mut files = Vec::new();
        for file in batch.files {
            let counts = compared.files.remove(&file.file_name).unwrap_or_default();
            files.push((file, counts));
        }
        groups.push(Group { files, columns: compared.columns });
    }
    Ok(groups)
}

/// What encodes the staged rows, and the target with what the encoder needs to know of it.
async fn encoder(
    database: &Database,
    catalog: &Catalog,
    schema: &SchemaRef,
    target: Target,
) -> Result<(Target, Encoder), Error> {
    let constants = &catalog.dataset.constants;
    let asked = database.session(async |client: &Client| {
        target.clone().with_single_values(client, schema, constants).await
    });
    let target = asked.await?;
    let path = catalog.sql.stage.path.display().to_string();
    let encoder = Encoder::new(schema, &target, &path, constants)?;
    Ok((target, encoder))
}

impl Comparison {
    fn of(dataset: &Dataset, groups: Vec<Group>, not_compared: Vec<String>) -> Self {
        let mut files = Vec::new();
        let mut columns: HashMap<String, ComparedColumn> = HashMap::new();
        for group in groups {
            for (file, counts) in group.files {
                files.push(FileDifference::of(&file, counts));
            }
            for (name, difference) in group.columns {
                let sum = columns.entry(name).or_default();
                sum.rows += difference.rows;
                for (pair, rows) in difference.shapes {
                    *sum.shapes.entry(pair).or_default() += rows;
                }
            }
        }
        files.sort_by(|a, b| (a.date, &a.key).cmp(&(b.date, &b.key)));
        let mut columns: Vec<ColumnDifference> =
            columns.into_iter().map(|(name, column)| ColumnDifference::of(name, column)).collect();
        columns.sort_by(|a, b| b.rows.cmp(&a.rows).then(a.column.cmp(&b.column)));
        Self {
            dataset: dataset.name.clone(),
            target: dataset.table.to_string(),
            is_equal: files.iter().all(FileDifference::is_equal),
            files,
            columns,
            not_compared,
            not_in_target: 0,
            first_not_in_target: None,
        }
    }
}

impl FileDifference {
    fn of(file: &StagedFile, counts: ComparedFile) -> Self {
        let ComparedFile { equal, different, only_staged, only_target, repeated } = counts;
        let left_out = file.counts.superseded + file.counts.filtered + file.counts.rejected;
        Self {
            key: file.key.clone(),
            date: file.date,
            equal,
            different,
            only_staged,
            only_target,
            left_out: left_out.min(only_target),
            repeated,
        }
    }

    fn is_equal(&self) -> bool {
        self.different + self.only_staged + self.only_target + self.repeated == 0
    }
}

impl ColumnDifference {
    fn of(column: String, difference: ComparedColumn) -> Self {
        let mut shapes: Vec<ShapePair> = difference
            .shapes
            .into_iter()
            .map(|((staged, target), rows)| ShapePair { staged, target, rows })
            .collect();
        shapes.sort_by(|a, b| b.rows.cmp(&a.rows).then(a.staged.cmp(&b.staged)));
        shapes.truncate(MOST_SHAPES);
        Self { column, rows: difference.rows, shapes }
    }
}

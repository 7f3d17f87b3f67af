//! A **comparison** shows, before the first load, that our rows are what the live loader has written: for days
//! that it has loaded, the rows that we would load are compared with those that are there, cell by cell.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;
use tokio_postgres::Client;

use crate::check;
use crate::dedupe;
use crate::domain::dlt_name::column_name;
use crate::domain::{Dataset, DateRange, FileDate};
use crate::error::Error;
use crate::mirror::{Mirror, Mirrored};
use crate::project::Project;
use crate::source::Listing;
use crate::sql::Sql;
use crate::stage::{self, Area, StagedFile};
use crate::state::{Allow, Files, Options};
use crate::tables::Catalog;
use crate::target::{self, Batch, ComparedColumn, ComparedFile, Encoder, Job, Target};

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
    /// Of those, at most: records that dedupe.sql or stage.sql leave out, or that cannot be read.
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

/// A file, how its rows compare, and the columns that differ in it and in those after it.
type Outcome = (StagedFile, ComparedFile, BTreeMap<String, ComparedColumn>);

/// How many files are compared at once.
const FILES_AT_ONCE: usize = 30;
/// How many pairs of shapes are shown for a column.
const MOST_SHAPES: usize = 5;

/// Compares the files of a range with what the target holds of them. Nothing is loaded.
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
    let held: Vec<String> = files
        .in_source()
        .filter(|file| file.rows_before() > 0)
        .map(|file| file.name.clone())
        .collect();
    let not_in_target = listing.files.len() - held.len();
    let first_not_in_target =
        listing.files.iter().map(|file| &file.name).find(|name| !held.contains(name)).cloned();
    if held.is_empty() {
        let none = Comparison::of(dataset, Vec::new(), Vec::new());
        return Ok(Comparison {
            is_equal: not_in_target == 0,
            not_in_target,
            first_not_in_target,
            ..none
        });
    }
    let mirror = project.mirror(dataset, only(listing, &held)).await?;
    check::refuse_not_exports(dataset, &sql, mirror.headers())?;
    let catalog = project.register(dataset, sql, mirror.clone()).await?;
    let not_compared = not_compared(&catalog, &target).await?;
    let compared = staged_and_compared(project, &catalog, &mirror, target, &not_compared).await?;
    let compared = Comparison::of(dataset, compared, not_compared);
    Ok(Comparison { not_in_target, first_not_in_target, ..compared })
}

/// The listing without files of which the target has nothing.
fn only(mut listing: Listing, held: &[String]) -> Listing {
    listing.files.retain(|file| held.contains(&file.name));
    listing
}

/// Columns that say when a row was loaded, or give it a random name, and those that the server fills in.
async fn not_compared(catalog: &Catalog, target: &Target) -> Result<Vec<String>, Error> {
    let mut columns = stage::varying(catalog).await?;
    let staged = stage::schema(catalog).await?;
    let is_given = |name: &str| {
        staged
            .fields()
            .iter()
            .any(|field| field.name() == name || column_name(field.name()) == name)
            || catalog.dataset.constants.contains_key(name)
    };
    let by_server = target.columns.iter().filter(|c| c.has_default && !is_given(&c.name));
    columns.extend(by_server.map(|column| column.name.clone()));
    if target.guest.dlt().is_some() {
        columns.extend(target::DLT_COLUMNS.map(str::to_owned));
    }
    Ok(columns)
}

/// Stages the files, and compares some of them at a time.
async fn staged_and_compared(
    project: &Project,
    catalog: &Catalog,
    mirror: &Mirror,
    target: Target,
    not_compared: &[String],
) -> Result<Vec<Outcome>, Error> {
    let survivors = dedupe::dedupe(catalog).await?;
    let schema = stage::schema(catalog).await?;
    let constants = &catalog.dataset.constants;
    let database = project.database()?;
    let target = database
        .session(async |client: &Client| {
            target.clone().with_single_values(client, &schema, constants).await
        })
        .await?;
    let path = catalog.sql.stage.path.display().to_string();
    let encoder = Arc::new(Encoder::new(&schema, &target, &path, constants)?);
    let area = Area::open(catalog, &schema, &project.staging).await?;
    let (reload, found) = (HashMap::new(), HashMap::new());
    let job = Job {
        database,
        target: &target,
        placement: &catalog.dataset.placement,
        encoder: Some(encoder),
        staging: &project.staging,
        run_id: &project.id,
        dataset: &catalog.dataset.name,
        sql_hash: "",
        reload: &reload,
        found: &found,
        keeps_rows: false,
        progress: &project.progress,
    };
    let mut all = Vec::new();
    for group in mirror.files.chunks(FILES_AT_ONCE) {
        let wanted: Vec<Arc<Mirrored>> = group.to_vec();
        let at_once = project.config.limits.files_at_once;
        let manifest = stage::stage(catalog, &survivors, &wanted, &area, at_once).await?;
        let Some(batch) = Batch::of(1, manifest.files, Vec::new()) else { continue };
        let mut compared = target::compare(&job, &batch, not_compared).await?;
        for file in batch.files {
            let counts = compared.files.remove(&file.file_name).unwrap_or_default();
            // The columns are counted over all files of the group: they go with its first.
            all.push((file, counts, std::mem::take(&mut compared.columns)));
        }
    }
    Ok(all)
}

impl Comparison {
    fn of(dataset: &Dataset, compared: Vec<Outcome>, not_compared: Vec<String>) -> Self {
        let mut files = Vec::new();
        let mut columns: HashMap<String, ComparedColumn> = HashMap::new();
        for (file, counts, differences) in compared {
            files.push(FileDifference::of(&file, counts));
            for (name, difference) in differences {
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

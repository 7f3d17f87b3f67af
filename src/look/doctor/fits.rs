//! Whether the SQL of a dataset **fits** its files: it is planned over their headers, as `drift` does it.

use super::Means;
use super::checklist::{Checklist, HealthCheck, some_of};
use super::explained;
use super::files::Headers;
use crate::domain::{Dataset, DateRange};
use crate::look::drift;
use crate::sql::Sql;
use crate::stage;
use crate::tables::Catalog;

/// Examines the SQL over the headers; returns the catalog to ask what `stage.sql` gives, if that can be planned.
pub(super) async fn examine(
    means: &Means,
    dataset: &Dataset,
    sql: Option<Sql>,
    headers: &Headers,
) -> (Option<Catalog>, Vec<HealthCheck>) {
    const ID: &str = "sql-plans";
    let mut list = Checklist::of_dataset(&dataset.name, dataset.sql.display().to_string());
    let Some(sql) = sql else {
        list.skipped(ID, "the SQL cannot be read");
        return (None, list.checks);
    };
    let Some(engine) = &means.engine else {
        list.skipped(ID, "the engine needs staging, which cannot be opened");
        return (None, list.checks);
    };
    let days = headers.read.first().zip(headers.read.last());
    let Some((first, last)) = days else {
        list.skipped(ID, "no file can be read, so that its columns are not known");
        return (None, list.checks);
    };
    let range = DateRange::of_day(first.file.date).hull(DateRange::of_day(last.file.date));
    let (epochs, _) = drift::epochs(&headers.read);
    let planner = drift::Planner { engine, config: &means.config, progress: &means.progress };
    let catalog = match drift::fit(&planner, dataset, &sql, range, &epochs).await {
        Ok((fit, catalog)) => {
            let failures: Vec<String> =
                fit.failures.iter().map(|f| format!("{}: {}", f.place, f.reason)).collect();
            add_plans(&mut list, headers, &failures, &catalog).await.then_some(catalog)
        }
        Err(error) => {
            let (found, next) = explained(&error);
            list.failed(ID, found, next);
            None
        }
    };
    (catalog, list.checks)
}

/// Adds what cannot be planned; true if `stage.sql` gives columns that the target can be compared with.
async fn add_plans(
    list: &mut Checklist,
    headers: &Headers,
    failures: &[String],
    catalog: &Catalog,
) -> bool {
    const ID: &str = "sql-plans";
    const NEXT: &str = "correct the SQL; list columns that files may lack in optional_columns of the dataset; \
                        `backfill drift --propose` shows how names changed";
    let staged = stage::schema(catalog).await;
    match (failures, &staged) {
        ([], Ok(_)) => list.passed(ID, "the SQL can be planned over the columns of the files"),
        ([], Err(error)) => {
            let (found, next) = explained(error);
            list.failed(ID, found, next);
        }
        (failures, _) if headers.are_all => list.failed(ID, some_of(failures), NEXT),
        (failures, _) => {
            let looked_at = headers.read.len();
            let found =
                format!("according to the {looked_at} files that were read: {}", some_of(failures));
            list.warned(ID, found, NEXT);
        }
    }
    staged.is_ok()
}

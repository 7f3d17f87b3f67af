//! The shipped SQL files and the functions, by sqllogictest: `tests/sql/*.slt`.
//!
//! In a script, `{{dedupe.sql}}` stands for the file of that name of the dataset `orders_create`,
//! `{{checks/missing_orders_id.sql}}` for a check; they run over `data/exports`.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use backfill::config::Config;
use backfill::domain::{DateRange, Environment};
use backfill::engine;
use backfill::progress::Silent;
use backfill::project::Project;
use backfill::sql::single_statement;
use backfill::tables::{self, Catalog, Lookup};
use backfill::target::DatabaseTables;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::prelude::SessionContext;
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Runner};

use crate::support::shipped;

struct Engine {
    session: SessionContext,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failed(String);

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[async_trait]
impl AsyncDB for Engine {
    type Error = Failed;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Failed> {
        let failed = |error: datafusion::error::DataFusionError| Failed(error.to_string());
        let sql = expand(sql);
        let path = Path::new("the script");
        let statement = single_statement(path, &sql, "statement").map_err(|e| Failed(chain(&e)))?;
        let rows = engine::plan(&self.session, path, statement).await;
        let rows = rows.map_err(|error| Failed(chain(&error)))?;
        let batches = rows.collect().await.map_err(failed)?;
        let options = FormatOptions::default().with_null("NULL");
        let mut output = Vec::new();
        let mut width = 0;
        for batch in &batches {
            width = batch.num_columns();
            let columns: Vec<ArrayFormatter<'_>> = batch
                .columns()
                .iter()
                .map(|column| ArrayFormatter::try_new(column, &options).expect("a formatter"))
                .collect();
            for row in 0..batch.num_rows() {
                let value = |column: &ArrayFormatter<'_>| {
                    let text = column.value(row).to_string();
                    if text.is_empty() { "(empty)".to_owned() } else { text }
                };
                output.push(columns.iter().map(value).collect());
            }
        }
        Ok(DBOutput::Rows { types: vec![DefaultColumnType::Any; width], rows: output })
    }

    async fn shutdown(&mut self) {}
}

/// Puts the files that a script names into its SQL.
fn expand(sql: &str) -> String {
    let mut text = String::new();
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").expect("a closed name");
        let file = shipped(&format!("sql/orders_create/{name}"));
        let content = std::fs::read_to_string(file).expect("a shipped file");
        text.push_str(&format!("{before}(\n{content}\n)"));
        rest = after;
    }
    text + rest
}

async fn catalog(staging: &Path) -> (Project, Catalog) {
    let text = std::fs::read_to_string(shipped("backfill.toml")).expect("the configuration");
    let exports = shipped("data/exports");
    let text = text
        .replace("s3://your-exports", &exports.display().to_string())
        .replace("url = \"staging\"", &format!("url = \"{}\"", staging.display()));
    let config = Config::parse(&text, &shipped("backfill.toml")).expect("valid");
    let project = Project::open(config, &Environment::default(), Arc::new(Silent)).expect("opened");
    let day = |text: &str| text.parse().expect("a date");
    let range = DateRange::new(day("2025-09-22"), day("2025-10-12")).expect("a range");
    let dataset = &project.config.datasets[0];
    let catalog = project.registered(dataset, range).await.expect("registered");
    (project, catalog)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_sql_and_the_functions_give_what_the_scripts_say() {
    let staging = tempfile::tempdir().expect("a folder");
    let (project, catalog) = catalog(staging.path()).await;
    let mut scripts: Vec<_> = std::fs::read_dir(shipped("tests/sql"))
        .expect("scripts")
        .flatten()
        .map(|entry| entry.path())
        .collect();
    scripts.sort();
    assert!(scripts.len() >= 3, "{scripts:?}");
    for script in scripts {
        let mut runner = Runner::new(|| async {
            let lookups = [Lookup::from(catalog.clone())];
            let database = Arc::new(DatabaseTables::new(None));
            let session =
                tables::session_over(&project.engine, &lookups, &Default::default(), database);
            let session = session.expect("a session");
            Ok(Engine { session })
        });
        runner.run_file_async(&script).await.expect("the script holds");
    }
}

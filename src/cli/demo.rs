//! `backfill demo`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use datafusion::arrow::util::pretty::pretty_format_batches;
use include_dir::{Dir, include_dir};

use backfill_demo::{EmbeddedPostgres, S3Server};
use backfill_sample::Options as SampleOptions;

use super::Context;
use super::day::Day;
use super::days::Days;
use super::range::RunOptions;
use super::ranges::Ranges;
use super::run::{load, render};
use crate::config::{Config, FILE_NAME};
use crate::domain::{DateRange, FileDate, USUAL_BATCH_DAYS};
use crate::engine;
use crate::error::{Error, Exit};
use crate::state::{Allow, Options};
use crate::{look, show};

/// Runs everything once: writes synthetic exports, serves them from an S3 server in the process,
/// starts an embedded Postgres, and shows the plan, a query, the run and its accounting.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Keep the demo's folder, and say how to look into it
    #[arg(long)]
    keep: bool,
}

/// The SQL that ships with the program.
static SQL: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/sql");
/// The bucket of the demo.
const BUCKET: &str = "demo-exports";
/// How many days the demo's exports span.
const DAYS: u32 = 14;

/// The query that the demo shows: for each day files, rows, rejected records and missing columns.
const QUERY: &str = "\
SELECT f._file_date, count(*) AS files, sum(f.rows) AS rows, sum(f.rejects) AS rejects,
       129 - min(f.columns) AS missing_columns
FROM files AS f GROUP BY f._file_date ORDER BY f._file_date LIMIT 10";

/// The demo's configuration.
const CONFIG: &str = r#"[source]
url = "s3://demo-exports"

[staging]
url = "staging"

[datasets.orders_create]
prefix = "orders-create/"
key = "report_{date:%Y-%m-%d}T*.csv"
table = "public.orders_create"
max_rejects = "1%"
optional_columns = ["Click ID", "Retries Left", "Hold Type ID", "Offer ID", "Processor ID"]

[datasets.orders_update]
prefix = "orders-update/"
key = "report_{date:%Y-%m-%d}T*.csv"
table = "public.orders_update"
"#;

/// Runs the command.
///
/// # Errors
/// [`Error`].
pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    let started = Instant::now();
    let folder = Folder::new(arguments.keep)?;
    write_project(folder.path())?;
    let range = write_sample(folder.path())?;
    let s3 = S3Server::start(&folder.path().join("buckets")).await?;
    let data = folder.path().join("postgres");
    let postgres = start_postgres(data).await?;
    let mut environment = context.environment.clone();
    for (name, value) in s3.variables() {
        environment.set(name, value);
    }
    environment.set("DATABASE_URL", postgres.database_url());
    let context = Context {
        config: folder.path().join(FILE_NAME),
        environment,
        output: context.output.quiet_if(false),
        progress: Arc::clone(&context.progress),
        is_shell: Arc::clone(&context.is_shell),
    };
    let options =
        RunOptions { batch_days: USUAL_BATCH_DAYS, connections: 1, allow: Allow::default() };
    let config = Config::read(&context.config)?;
    context.output.narrate(&format!("── plan: what a run from {range} would do\n"))?;
    show_plan(&config, options.over(range), &context).await?;
    context.output.narrate("── query: a look at the files before they are loaded\n")?;
    show_query(&config, range, &context).await?;
    context.output.narrate("── run: into Postgres, every record accounted for\n")?;
    let project = context.open(config)?;
    let days = Days::new(Day::Date(range.start()), Day::Date(range.end()));
    let ranges = Ranges::of_project(days, &project, range.end()).await?;
    let (reports, ended) = load(&project, &ranges, options, None).await;
    ended?;
    context.output.print(&reports, |reports| render(reports, &ranges))?;
    context.output.narrate(&farewell(folder.keep(), started))?;
    drop(postgres);
    Ok(Exit::Done)
}

async fn start_postgres(data: PathBuf) -> Result<EmbeddedPostgres, Error> {
    match tokio::task::spawn_blocking(move || EmbeddedPostgres::start(&data)).await {
        Ok(started) => Ok(started?),
        Err(error) => {
            let reason = error.to_string();
            Err(backfill_demo::Error::Start { server: "Postgres", reason }.into())
        }
    }
}

async fn show_plan(config: &Config, options: Options, context: &Context) -> Result<(), Error> {
    let project = context.open(config.clone())?;
    for dataset in &project.config.datasets {
        let plan = look::plan(&project, dataset, options).await?;
        context.output.narrate(&show::plan(&plan))?;
    }
    Ok(())
}

async fn show_query(config: &Config, range: DateRange, context: &Context) -> Result<(), Error> {
    let config = config.clone().select(&["orders-create".to_owned()])?;
    let project = context.open(config)?;
    for dataset in &project.config.datasets {
        let catalog = project.registered(dataset, range).await?;
        let session = catalog.session()?;
        let rows = session.sql(QUERY).await.map_err(engine::Error::execution)?;
        let rows = rows.collect().await.map_err(engine::Error::execution)?;
        if let Ok(table) = pretty_format_batches(&rows) {
            context.output.narrate(&format!("{QUERY}\n{table}\n"))?;
        }
    }
    Ok(())
}

/// The demo's folder, which is deleted at the end unless it is kept.
struct Folder {
    folder: tempfile::TempDir,
    keep: bool,
}

impl Folder {
    fn new(keep: bool) -> Result<Self, Error> {
        let mut folder = tempfile::Builder::new()
            .prefix("backfill-demo-")
            .tempdir()
            .map_err(|source| Error::Output { what: "the demo's folder".to_owned(), source })?;
        folder.disable_cleanup(keep);
        Ok(Self { folder, keep })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn keep(&self) -> Option<&Path> {
        self.keep.then(|| self.path())
    }
}

fn write_project(folder: &Path) -> Result<(), backfill_demo::Error> {
    let config = folder.join(FILE_NAME);
    if let Err(source) = std::fs::write(&config, CONFIG) {
        return Err(backfill_demo::Error::Write { path: config, source });
    }
    let sql = folder.join("sql");
    match std::fs::create_dir_all(&sql).and_then(|()| SQL.extract(&sql)) {
        Ok(()) => Ok(()),
        Err(source) => Err(backfill_demo::Error::Write { path: sql, source }),
    }
}

fn write_sample(folder: &Path) -> Result<DateRange, Error> {
    let options = SampleOptions {
        days: DAYS,
        rows: 300,
        resend: 0.1,
        quirks: true,
        ..SampleOptions::default()
    };
    let bucket = folder.join("buckets").join(BUCKET);
    backfill_sample::write(&bucket, &options, &mut |_| {})?;
    let start = FileDate(options.start);
    let end = start.plus_days(u64::from(DAYS) - 1);
    DateRange::new(start, end).map_err(|error| Error::Usage(error.to_string()))
}

fn farewell(kept: Option<&Path>, started: Instant) -> String {
    let mut text = format!("done in {:.1} s\n\n", started.elapsed().as_secs_f64());
    if let Some(folder) = kept {
        let folder = folder.display();
        text.push_str(&format!(
            "The demo is kept in {folder}:\n\
             \x20 {folder}/buckets        the exports\n\
             \x20 {folder}/staging        mirrors, rejects, the staged rows, the accounting\n\
             \x20 {folder}/sql            the SQL, to edit\n\
             Look into the staged rows with any Parquet tool, or query the exports:\n\
             \x20 cd {folder} && sed -i 's|s3://{BUCKET}|buckets/{BUCKET}|' {FILE_NAME}\n\
             \x20 backfill query --start 2025-09-22 --end 2025-10-05 \\\n\
             \x20   \"SELECT order_status, count(*) FROM source GROUP BY 1\"\n\n"
        ));
    }
    text.push_str(
        "To use it on your own bucket and database:\n\
         \x20 1. copy backfill.toml and sql/, and name your bucket, prefixes and tables there\n\
         \x20 2. export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… AWS_REGION=…\n\
         \x20    export DATABASE_URL='postgres://user:password@host:5432/postgres?sslmode=require'\n\
         \x20 3. backfill plan --start 2025-09-22 --end 2025-11-30\n\
         \x20    backfill run  --start 2025-09-22 --end 2025-11-30 --batch-size 7\n",
    );
    text
}

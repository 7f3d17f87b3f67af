//! `backfill init`.

use std::path::Path;

use clap::Args;

use super::Context;
use super::output::to_file;
use crate::config::{self, Config};
use crate::domain::{Dataset, KeyPattern, TableName, prefix_fault, taken_name};
use crate::error::{Error, Exit};
use crate::look;
use crate::look::init::{Scaffold, column_name};

/// Writes the SQL of a dataset and its section of backfill.toml, from a look at its files.
///
/// Reads the newest files and one of each format. If the target table exists, it decides the columns and their types.
/// Every guess is reported with its evidence, on standard error and as comments in the files, and so is every key and
/// file that is not read. Existing files are not overwritten. If there is no backfill.toml yet, --source creates one.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The prefix of the exports, below the source URL
    #[arg(long, value_name = "PREFIX")]
    prefix: String,
    /// Where the exports are, for a new backfill.toml: s3://bucket, file:///folder or a path
    #[arg(long, value_name = "URL")]
    source: Option<String>,
    /// The dataset's name; by default it is made from the prefix
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The target table; by default public.<name>
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
    /// The key pattern; by default it is guessed from the keys
    #[arg(long, value_name = "PATTERN")]
    key: Option<KeyPattern>,
    /// Load every column as text, as the live loader does
    #[arg(long)]
    text: bool,
    /// Show what would be written, and write nothing but mirrors in staging
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Error`].
pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    let path = context.config_path();
    let (text, is_new) = configuration(path, arguments.source.as_deref())?;
    let config = Config::parse_draft(&text, path)?;
    let dataset = dataset(&arguments, &config, path)?;
    let folder = dataset.sql.clone();
    let project = context.open(config)?;
    let scaffold = look::init(&project, dataset, arguments.text).await?;
    if !arguments.dry_run {
        write(&scaffold, &folder)?;
        to_file(path, format!("{}{}", text, scaffold.section).as_bytes())?;
    }
    let dry_run = arguments.dry_run;
    context.output.print(&scaffold, |scaffold| match dry_run {
        true => show(scaffold, &folder),
        false => written(scaffold, path, &folder, is_new),
    })?;
    context.output.remark(&scaffold.remarks);
    Ok(Exit::Done)
}

/// Returns the text of the configuration, existing or new, and whether it is new.
fn configuration(path: &Path, source: Option<&str>) -> Result<(String, bool), Error> {
    match (path.exists(), source) {
        (true, Some(_)) => Err(Error::Usage(format!(
            "{} exists already and says where the exports are; leave --source out",
            path.display()
        ))),
        (true, None) => Ok((config::read_text(path)?, false)),
        (false, Some(url)) => {
            let url = toml::Value::String(url.to_owned());
            let text = format!(
                "# The configuration of this project. Secrets come from the environment: AWS_* for the \
                 buckets,\n# DATABASE_URL or PG* for the target.\n\n[source]\nurl = {url}\n\n\
                 [staging]\nurl = \"staging\"\n"
            );
            Ok((text, true))
        }
        (false, None) => Err(Error::Usage(format!(
            "there is no {} yet; --source s3://your-bucket creates one",
            path.display()
        ))),
    }
}

/// Returns a dataset as far as the arguments describe it.
fn dataset(arguments: &Arguments, config: &Config, path: &Path) -> Result<Dataset, Error> {
    let prefix = below_source(&arguments.prefix);
    if let Some(fault) = prefix_fault(prefix) {
        return usage(format!("no object below the --prefix could be read: {fault}"));
    }
    let name = dataset_name(arguments.name.as_deref(), prefix)?;
    let table = target_table(arguments.table.as_deref(), &name)?;
    let folder = path.parent().unwrap_or(Path::new("")).join("sql").join(&name);
    let mut dataset = Dataset::draft(&name, prefix, table, folder);
    dataset.key.extend(arguments.key.clone());
    let taken =
        config.datasets.iter().find(|other| other.name == name || other.prefix == dataset.prefix);
    if let Some(Dataset { name, prefix, .. }) = taken {
        return usage(format!("the configuration already has the dataset {name} of {prefix}"));
    }
    if dataset.sql.exists() {
        return usage(format!("{} exists already; give another --name", dataset.sql.display()));
    }
    Ok(dataset)
}

fn usage<T>(text: String) -> Result<T, Error> {
    Err(Error::Usage(text))
}

/// Returns the name that was given, or one that is made from the prefix.
fn dataset_name(given: Option<&str>, prefix: &str) -> Result<String, Error> {
    let last = prefix.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let name = match given {
        Some(name) => name.to_owned(),
        None if last.is_empty() => {
            return usage("this prefix does not give the dataset a name: add --name".to_owned());
        }
        None => column_name(last),
    };
    if !config::is_sql_name(&name) {
        return usage(format!(
            "`{name}` cannot be the name of a dataset: a-z, 0-9 and _, not starting with a digit; give --name"
        ));
    }
    if let Some(reason) = taken_name(&name) {
        return usage(format!("no dataset can be called {name}: {reason}; give another --name"));
    }
    Ok(name)
}

/// Returns the table that was given, or the default for a dataset of this name.
fn target_table(given: Option<&str>, name: &str) -> Result<TableName, Error> {
    let text = given.map_or_else(|| format!("public.{name}"), str::to_owned);
    let table: TableName = match text.parse() {
        Ok(table) => table,
        Err(error) => return usage(format!("--table: {error}")),
    };
    match table.fault() {
        Some(fault) => {
            usage(format!("no rows can be loaded into {table}: {fault}; give another --table"))
        }
        None => Ok(table),
    }
}

/// Removes the dot by which a shell calls the folder itself.
fn below_source(prefix: &str) -> &str {
    match prefix {
        "." => "",
        prefix => prefix.strip_prefix("./").unwrap_or(prefix),
    }
}

fn write(scaffold: &Scaffold, folder: &Path) -> Result<(), Error> {
    for (name, text) in &scaffold.files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))
            .map_err(|source| Error::output(&path, source))?;
        to_file(&path, text.as_bytes())?;
    }
    Ok(())
}

/// Lists what was written.
fn written(scaffold: &Scaffold, path: &Path, folder: &Path, is_new: bool) -> String {
    let verb = if is_new { "wrote" } else { "added to" };
    let mut text = format!("{verb} {}: [datasets.{}]\n", path.display(), scaffold.dataset);
    for (name, _) in &scaffold.files {
        text.push_str(&format!("wrote {}\n", folder.join(name).display()));
    }
    text
}

/// Shows the content of what would be written.
fn show(scaffold: &Scaffold, folder: &Path) -> String {
    let mut text = scaffold.section.trim_start().to_owned();
    for (name, content) in &scaffold.files {
        text.push_str(&format!("\n-- {}\n{content}", folder.join(name).display()));
    }
    text
}

//! `backfill init`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Context;
use super::output::to_file;
use crate::config::Config;
use crate::domain::{Dataset, KeyPattern, TableName, prefix_fault, taken_name};
use crate::error::{Error, Exit};
use crate::look;
use crate::look::init::{Scaffold, column_name};

/// Writes a dataset's section of backfill.toml and its SQL, from what its files are like.
///
/// The newest files and one of each format are read; where the target table exists, it decides the
/// columns and their types. What is a guess is reported with what speaks for it, on standard error and as
/// comments in the files, and so is every key and file that is not read. Nothing that is there is overwritten.
/// If there is no backfill.toml yet, --source makes one.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The prefix of the exports, below the source URL
    #[arg(long, value_name = "PREFIX")]
    prefix: String,
    /// Where the exports are, for a new backfill.toml: s3://bucket, file:///folder or a path
    #[arg(long, value_name = "URL")]
    source: Option<String>,
    /// The dataset's name; made from the prefix where none is given
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The target table; public.<name> where none is given
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
    /// The key pattern; guessed from the keys where none is given
    #[arg(long, value_name = "PATTERN")]
    key: Option<KeyPattern>,
    /// Keep every column as the text it is, as the live loader does
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
pub async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
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
        false => tell(scaffold, path, &folder, is_new),
    })?;
    context.output.remark(&scaffold.remarks);
    Ok(Exit::Done)
}

/// The configuration as it is, or a new one; and whether it is new.
fn configuration(path: &Path, source: Option<&str>) -> Result<(String, bool), Error> {
    match (path.exists(), source) {
        (true, Some(_)) => Err(Error::Usage(format!(
            "{} is there already and says where the exports are; leave --source out",
            path.display()
        ))),
        (true, None) => {
            let failed = |source| {
                Error::Config(crate::config::Error::Unreadable { path: path.to_owned(), source })
            };
            Ok((std::fs::read_to_string(path).map_err(failed)?, false))
        }
        (false, Some(url)) => {
            let url = toml::Value::String(url.to_owned());
            let text = format!(
                "# What belongs to the project. Secrets come from the environment: AWS_* for the \
                 buckets,\n# DATABASE_URL or PG* for the target.\n\n[source]\nurl = {url}\n\n\
                 [staging]\nurl = \"staging\"\n"
            );
            Ok((text, true))
        }
        (false, None) => Err(Error::Usage(format!(
            "there is no {} yet; --source s3://your-bucket makes one",
            path.display()
        ))),
    }
}

/// The dataset as far as the arguments say.
fn dataset(arguments: &Arguments, config: &Config, path: &Path) -> Result<Dataset, Error> {
    let usage = |text: String| Err(Error::Usage(text));
    let prefix = below_source(&arguments.prefix);
    if let Some(fault) = prefix_fault(prefix) {
        return usage(format!("no object below the --prefix could be read: {fault}"));
    }
    let last = prefix.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if arguments.name.is_none() && last.is_empty() {
        return usage(
            "the dataset needs a name, which this prefix does not give: say --name".into(),
        );
    }
    let name = arguments.name.clone().unwrap_or_else(|| column_name(last));
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || !name.chars().all(plain) || name.starts_with(|c: char| c.is_ascii_digit())
    {
        return usage(format!("`{name}` is no name for a dataset: a-z, 0-9 and _; give --name"));
    }
    if let Some(reason) = taken_name(&name) {
        return usage(format!("no dataset can be called {name}: {reason}; give another --name"));
    }
    let table = arguments.table.clone().unwrap_or_else(|| format!("public.{name}"));
    let table: TableName = match table.parse() {
        Ok(table) => table,
        Err(error) => return usage(format!("--table: {error}")),
    };
    if let Some(fault) = table.fault() {
        return usage(format!("no rows can be loaded into {table}: {fault}; give another --table"));
    }
    let folder = path.parent().unwrap_or(Path::new("")).join("sql").join(&name);
    let mut dataset = Dataset::draft(&name, prefix, table, folder);
    dataset.key.extend(arguments.key.clone());
    let taken =
        config.datasets.iter().find(|other| other.name == name || other.prefix == dataset.prefix);
    if let Some(taken) = taken {
        let (name, prefix) = (&taken.name, &taken.prefix);
        return usage(format!("the configuration has the dataset {name} of {prefix} already"));
    }
    if dataset.sql.exists() {
        return usage(format!("{} is there already; give another --name", dataset.sql.display()));
    }
    Ok(dataset)
}

/// A prefix without the dot by which a shell calls the folder itself.
fn below_source(prefix: &str) -> &str {
    match prefix {
        "." => "",
        prefix => prefix.strip_prefix("./").unwrap_or(prefix),
    }
}

fn write(scaffold: &Scaffold, folder: &Path) -> Result<(), Error> {
    for (name, text) in &scaffold.files {
        let path: PathBuf = folder.join(name);
        let failed = |source| Error::Output { what: path.display().to_string(), source };
        std::fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(failed)?;
        to_file(&path, text.as_bytes())?;
    }
    Ok(())
}

fn tell(scaffold: &Scaffold, path: &Path, folder: &Path, is_new: bool) -> String {
    let did = if is_new { "wrote" } else { "added to" };
    let mut text = format!("{did} {}: [datasets.{}]\n", path.display(), scaffold.dataset);
    for (name, _) in &scaffold.files {
        text.push_str(&format!("wrote {}\n", folder.join(name).display()));
    }
    text
}

fn show(scaffold: &Scaffold, folder: &Path) -> String {
    let mut text = scaffold.section.trim_start().to_owned();
    for (name, content) in &scaffold.files {
        text.push_str(&format!("\n-- {}\n{content}", folder.join(name).display()));
    }
    text
}

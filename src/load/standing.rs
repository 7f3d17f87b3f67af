//! The **standing** of a source file: whether the target has it already, by our ledger, or by
//! `_file_name` from another loader.

use std::collections::HashMap;

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::Error;
use super::ledger::{self, LoadedFile, Scope};
use super::target::Target;
use crate::source::SourceFile;

/// Whether the target has a source file.
#[derive(Clone, Debug)]
pub enum Standing {
    /// It does not.
    New,
    /// We loaded it, from this object, with this SQL.
    Loaded(LoadedFile),
    /// We loaded it, and something has changed since.
    Changed {
        /// What was loaded.
        loaded: LoadedFile,
        /// What changed.
        change: Change,
    },
    /// Another loader did.
    LoadedElsewhere {
        /// Its rows in the target.
        rows: u64,
    },
}

/// What changed since a file was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The object was replaced.
    Object,
    /// `stage.sql` or `dedupe.sql` was edited.
    Sql,
    /// Other rows of it survive than were loaded, because of other files in the range.
    Survivors,
    /// Rows of the file are gone from the target, or more have come.
    Rows {
        /// How many were loaded.
        loaded: u64,
        /// How many there are.
        in_target: u64,
    },
}

impl Change {
    /// The change in words.
    pub fn describe(self) -> String {
        match self {
            Self::Object => "the object was replaced".to_owned(),
            Self::Sql => "stage.sql or dedupe.sql was edited".to_owned(),
            Self::Survivors => {
                "with the files of this range, other rows of it survive than were loaded".to_owned()
            }
            Self::Rows { loaded, in_target } => {
                format!("{loaded} rows were loaded, {in_target} are in the target")
            }
        }
    }
}

/// What the target has of a dataset's files in a range.
#[derive(Clone, Debug, Default)]
pub struct Standings {
    /// The standing of each file, in the order of the files.
    pub files: Vec<Standing>,
    /// Files of which the target has rows, and which the source does not have any more.
    pub gone: Vec<Gone>,
    /// Whether files were removed since others were loaded, so that other rows may survive.
    pub has_lost_files: bool,
}

/// A file that was loaded and is gone from the source.
#[derive(Clone, Debug)]
pub struct Gone {
    /// What was loaded.
    pub loaded: LoadedFile,
    /// Its rows in the target.
    pub in_target: u64,
}

/// What the target has of `files`, which are all that the source has in `scope`.
///
/// # Errors
/// [`Error::Statement`].
pub async fn of(
    client: &Client,
    target: Option<&Target>,
    scope: Scope<'_>,
    files: &[SourceFile],
    sql_hash: &str,
) -> Result<Standings, Error> {
    let names: Vec<String> = files.iter().map(|file| file.name.clone()).collect();
    let (mut loaded, mut others, mut has_lost_files) = (HashMap::new(), Vec::new(), false);
    if ledger::exists(client).await? {
        for file in ledger::files(client, scope.target, &names).await? {
            loaded.insert(file.file_name.clone(), file);
        }
        others = ledger::others(client, scope, &names).await?;
        has_lost_files = ledger::has_lost_files(client, scope.target, scope.range).await?;
    }
    let counted = others.iter().map(|other| other.file_name.clone()).chain(names);
    let counts = match target {
        Some(target) => count_rows(client, target, &counted.collect::<Vec<_>>()).await?,
        None => HashMap::new(),
    };
    let in_target = |name: &str| counts.get(name).copied().unwrap_or(0);
    let mut standing = |file: &SourceFile| {
        let in_target = in_target(&file.name);
        let Some(loaded) = loaded.remove(&file.name) else {
            return match in_target {
                0 => Standing::New,
                rows => Standing::LoadedElsewhere { rows },
            };
        };
        let change = if !loaded.identity.is_same_as(&file.identity()) {
            Change::Object
        } else if loaded.sql_hash != sql_hash {
            Change::Sql
        } else if loaded.inserted != in_target {
            Change::Rows { loaded: loaded.inserted, in_target }
        } else {
            return Standing::Loaded(loaded);
        };
        Standing::Changed { loaded, change }
    };
    let gone = |loaded: LoadedFile| {
        let in_target = in_target(&loaded.file_name);
        (in_target > 0).then_some(Gone { loaded, in_target })
    };
    Ok(Standings {
        files: files.iter().map(&mut standing).collect(),
        gone: others.into_iter().filter_map(gone).collect(),
        has_lost_files,
    })
}

/// How many rows of each file the target has.
///
/// # Errors
/// [`Error::Statement`].
pub async fn count_rows(
    client: &Client,
    target: &Target,
    names: &[String],
) -> Result<HashMap<String, u64>, Error> {
    if target.column("_file_name").is_none() {
        return Ok(HashMap::new());
    }
    let statement = format!(
        "SELECT _file_name::text, count(*) FROM {} WHERE _file_name = ANY($1) GROUP BY 1",
        target.table.quoted()
    );
    let rows = client
        .query_typed(&statement, &[(&names, Type::TEXT_ARRAY)])
        .await
        .map_err(Error::statement(format!("counting the rows of {}", target.table)))?;
    Ok(rows.iter().map(|row| (row.get(0), row.get::<_, i64>(1) as u64)).collect())
}

//! The **SQL** of a dataset: `target.sql`, `stage.sql`, `dedupe.sql` and `checks/*.sql`, read from
//! its folder at run time, with one statement per file.
//!
//! A file may open with comments. Their first paragraph describes a check; a line `-- severity: warn` sets its
//! severity.

use std::path::{Path, PathBuf};

use crate::domain::{Dataset, ErrorKind, Explain, Placement, digest};
use backfill_csv::Dialect;
use datafusion::error::DataFusionError;
use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::dialect::{GenericDialect, PostgreSqlDialect};
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

mod contract;
mod declared;
mod filled;
mod indexes;
mod mentioned;
mod name;
mod plain_order;
mod present;
mod row_wise;

pub use contract::{Contract, ContractColumn};
pub use filled::{Filled, filled};
pub use indexes::{DeclaredIndex, indexes};
pub use mentioned::{folded, mentioned_columns, mentioned_tables, mentions_schema, names_in};
pub use name::identifier;
pub use plain_order::orders_by_plain_name;
pub use present::Present;
pub use row_wise::row_dependence;

/// The names of the files that a dataset's folder holds beside its checks.
const TARGET: &str = "target.sql";
const STAGE: &str = "stage.sql";
const DEDUPE: &str = "dedupe.sql";
/// The folder with the checks, in the folder of a dataset.
const CHECKS: &str = "checks";

/// Everything that a dataset's folder holds.
#[derive(Clone, Debug)]
pub struct Sql {
    /// The target table as `target.sql` declares it.
    pub contract: Contract,
    /// The row-wise SELECT that turns rows of `source` into rows to load.
    pub stage: Query,
    /// The SELECT that returns the rows to keep.
    pub dedupe: Query,
    /// The checks, by name.
    pub checks: Vec<Check>,
    /// The dialect of the files, on which depends what the SQL reads.
    pub dialect: Dialect,
    /// The mode and the constants as text; `None` if the mode is `append` and there are no constants.
    placing: Option<String>,
}

/// A SELECT with the file that holds it.
#[derive(Clone, Debug)]
pub struct Query {
    /// The file.
    pub path: PathBuf,
    /// The parsed statement.
    pub statement: Statement,
    /// The text of the file.
    pub text: String,
}

/// A query that returns bad rows.
#[derive(Clone, Debug)]
pub struct Check {
    /// The file's name without its extension: the fault that it finds.
    pub name: String,
    /// Whether a fault stops the load.
    pub severity: Severity,
    /// The first paragraph of its comments, as one line.
    pub description: String,
    /// The query; no rows means passed.
    pub query: Query,
}

/// Whether a fault stops the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It stops the load.
    Error,
    /// It is reported, and the load goes on.
    Warn,
}

/// Errors of a dataset's SQL files.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file is missing or cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is not SQL.
    #[error("{} does not parse", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file holds no statement, or several, or one of another kind.
    #[error("{} must hold exactly one {expected}", path.display())]
    Statement {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// A check names a severity that is not known.
    #[error("{}: the severity must be error or warn, but it is `{found}`", path.display())]
    Severity {
        /// The file.
        path: PathBuf,
        /// The severity that the file names.
        found: String,
    },
    /// `target.sql` creates another table than the configuration names.
    #[error("{} creates {found}, but the dataset's table is {expected}", path.display())]
    OtherTable {
        /// The file.
        path: PathBuf,
        /// The table it creates.
        found: String,
        /// The table of the configuration.
        expected: String,
    },
}

impl Explain for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Unreadable { .. }
            | Self::Syntax { .. }
            | Self::Statement { .. }
            | Self::Severity { .. }
            | Self::OtherTable { .. } => ErrorKind::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(
            match self {
                Self::Unreadable { .. } => {
                    "a dataset's folder holds target.sql, stage.sql, dedupe.sql and checks/*.sql; \
                     `backfill init` writes them, or copy sql/orders_create from the repository"
                }
                Self::Syntax { path, .. } | Self::Statement { path, .. } if is_target(path) => {
                    "PostgreSQL runs target.sql when the table is created: try it with psql, in a \
                     transaction that you roll back"
                }
                Self::Syntax { .. } | Self::Statement { .. } => {
                    "a file holds one statement; `backfill query --file FILE` runs a single file"
                }
                Self::Severity { .. } => "write `-- severity: error` or `-- severity: warn`",
                Self::OtherTable { .. } => {
                    "use the same name in target.sql and in the dataset's `table`; PostgreSQL folds a \
                     name without quotes to lower case"
                }
            }
            .to_owned(),
        )
    }
}

/// Returns the mode and the constants of a dataset as text; `None` if they are the default.
fn placing(dataset: &Dataset) -> Option<String> {
    let (placement, constants) = (&dataset.placement, &dataset.constants);
    let is_default = *placement == Placement::default() && constants.is_empty();
    (!is_default).then(|| serde_json::to_string(&(placement, constants)).unwrap_or_default())
}

/// Whether a file is `target.sql`, which the server runs and not the engine.
fn is_target(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == TARGET)
}

impl Sql {
    /// Reads the folder of a dataset.
    ///
    /// # Errors
    /// [`Error`], naming the file.
    pub fn read(dataset: &Dataset) -> Result<Self, Error> {
        Ok(Self {
            contract: Self::read_contract(dataset)?,
            stage: Self::read_stage(dataset)?,
            dedupe: Self::read_dedupe(dataset)?,
            checks: read_checks(&dataset.sql.join(CHECKS))?,
            dialect: dataset.dialect.clone(),
            placing: placing(dataset),
        })
    }

    /// Reads `target.sql` alone.
    ///
    /// # Errors
    /// [`Error`], naming the file.
    pub fn read_contract(dataset: &Dataset) -> Result<Contract, Error> {
        Contract::read(&dataset.sql.join(TARGET), &dataset.table)
    }

    /// Reads `stage.sql` alone.
    ///
    /// # Errors
    /// [`Error`], naming the file.
    pub fn read_stage(dataset: &Dataset) -> Result<Query, Error> {
        Query::read(&dataset.sql.join(STAGE))
    }

    /// Reads `dedupe.sql` alone.
    ///
    /// # Errors
    /// [`Error`], naming the file.
    pub fn read_dedupe(dataset: &Dataset) -> Result<Query, Error> {
        Query::read(&dataset.sql.join(DEDUPE))
    }

    /// Returns every query over `source`.
    pub fn queries(&self) -> impl Iterator<Item = &Query> {
        let checks = self.checks.iter().map(|check| &check.query);
        [&self.stage, &self.dedupe].into_iter().chain(checks)
    }

    /// Returns the text of every file, each with its path below the dataset's folder.
    pub fn texts(&self) -> impl Iterator<Item = (String, &str)> {
        let checks = self
            .checks
            .iter()
            .map(|check| (format!("{CHECKS}/{}.sql", check.name), check.query.text.as_str()));
        [(TARGET, &self.contract.create), (STAGE, &self.stage.text), (DEDUPE, &self.dedupe.text)]
            .into_iter()
            .map(|(name, text)| (name.to_owned(), text.as_str()))
            .chain(checks)
    }

    /// Returns a hash of the settings on which the loaded rows depend: `stage.sql` and `dedupe.sql` without comments
    /// and white space, and the dialect, the mode and the constants unless they are the default.
    pub fn hash(&self) -> String {
        let tokens = [&self.stage, &self.dedupe].map(|query| significant_tokens(&query.text));
        let is_default = self.dialect == Dialect::default();
        let dialect =
            (!is_default).then(|| serde_json::to_string(&self.dialect).unwrap_or_default());
        digest::of(tokens.into_iter().chain(dialect).chain(self.placing.clone()))
    }
}

impl Query {
    /// Reads a file that holds one SELECT.
    ///
    /// # Errors
    /// [`Error`], naming the file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::parse(path, read_text(path)?)
    }

    /// Parses `text` as the content of the file at `path`.
    ///
    /// # Errors
    /// [`Error::Syntax`] and [`Error::Statement`].
    pub fn parse(path: &Path, text: String) -> Result<Self, Error> {
        let statement = single_statement(path, &text, "SELECT")?;
        if is_query(&statement) {
            Ok(Self { path: path.to_owned(), statement, text })
        } else {
            Err(Error::Statement { path: path.to_owned(), expected: "SELECT" })
        }
    }
}

/// Parses a text that holds one statement; `expected` names it in the error if there is none or if there are several.
///
/// # Errors
/// [`Error::Syntax`] and [`Error::Statement`].
pub fn single_statement(
    path: &Path,
    text: &str,
    expected: &'static str,
) -> Result<Statement, Error> {
    let mut statements = DFParser::parse_sql_with_dialect(text, &GenericDialect {}).map_err(
        |error| match error {
            DataFusionError::SQL(error, _) => syntax(path, *error),
            error => Error::Syntax { path: path.to_owned(), source: Box::new(error) },
        },
    )?;
    let single = (statements.len() == 1).then(|| statements.pop_front()).flatten();
    single.ok_or(Error::Statement { path: path.to_owned(), expected })
}

fn is_query(statement: &Statement) -> bool {
    use datafusion::sql::sqlparser::ast::Statement as Ast;
    matches!(statement, Statement::Statement(inner) if matches!(**inner, Ast::Query(_)))
}

/// Removes the byte order mark that some editors put before a text.
pub fn without_mark(text: String) -> String {
    match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}

fn read_text(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path)
        .map(without_mark)
        .map_err(|source| Error::Unreadable { path: path.to_owned(), source })
}

/// Reads the checks of a folder, sorted by name; none if the folder is missing.
fn read_checks(folder: &Path) -> Result<Vec<Check>, Error> {
    match sql_files(folder) {
        Ok(paths) => paths.iter().map(|path| Check::read(path)).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(Error::Unreadable { path: folder.to_owned(), source }),
    }
}

/// Lists the SQL files of a folder, sorted by name.
fn sql_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

impl Check {
    fn read(path: &Path) -> Result<Self, Error> {
        let query = Query::read(path)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut severity = Severity::Error;
        let mut described = Vec::new();
        let mut is_described = false;
        for comment in leading_comments(&query.text) {
            if let Some(found) = severity_in(comment) {
                severity = parse_severity(found).ok_or_else(|| Error::Severity {
                    path: path.to_owned(),
                    found: found.to_owned(),
                })?;
            } else if comment.is_empty() {
                is_described = !described.is_empty();
            } else if !is_described {
                described.push(comment);
            }
        }
        let description = described.join(" ");
        Ok(Self { name, severity, description, query })
    }
}

/// Returns the comment lines at the top of a text, without their dashes.
fn leading_comments(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map_while(|line| line.trim().strip_prefix("--")).map(str::trim)
}

/// Returns what a comment such as `severity: warn` names.
fn severity_in(comment: &str) -> Option<&str> {
    let (key, found) = comment.split_once(':')?;
    key.trim().eq_ignore_ascii_case("severity").then(|| found.trim())
}

fn parse_severity(name: &str) -> Option<Severity> {
    match name.to_ascii_lowercase().as_str() {
        "error" => Some(Severity::Error),
        "warn" => Some(Severity::Warn),
        _ => None,
    }
}

/// Returns the tokens of a SQL text without comments and white space, for hashing.
fn significant_tokens(text: &str) -> String {
    match Tokenizer::new(&PostgreSqlDialect {}, text).tokenize() {
        Ok(tokens) => {
            let significant = tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_)));
            significant.map(|token| format!("{token}\u{1}")).collect()
        }
        Err(_) => text.to_owned(),
    }
}

/// Returns the error of a file that does not parse, with the parser's error as its cause.
fn syntax(path: &Path, source: ParserError) -> Error {
    Error::Syntax { path: path.to_owned(), source: Box::new(source) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Query, Error> {
        Query::parse(Path::new("x.sql"), text.to_owned())
    }

    #[test]
    fn a_file_holds_one_select() {
        assert!(parse("-- why\nSELECT a FROM source WHERE b = ';'").is_ok());
        assert!(matches!(parse("SELECT 1; SELECT 2"), Err(Error::Statement { .. })));
        assert!(matches!(parse("DROP TABLE source"), Err(Error::Statement { .. })));
        assert!(matches!(parse("-- nothing"), Err(Error::Statement { .. })));
        assert!(matches!(parse("SELEC a"), Err(Error::Syntax { .. })));
    }

    #[test]
    fn a_check_is_described_by_the_first_paragraph_of_its_comments() {
        let text = "-- A day\n-- with two files.\n-- Severity: WARN\n--\n-- An aside.\nSELECT 1";
        let comments: Vec<&str> = leading_comments(text).collect();
        assert_eq!(comments, ["A day", "with two files.", "Severity: WARN", "", "An aside."]);
        assert_eq!(comments.iter().find_map(|comment| severity_in(comment)), Some("WARN"));
        assert_eq!(parse_severity("WARN"), Some(Severity::Warn));
        assert_eq!(parse_severity("fatal"), None);

        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("two_files.sql");
        std::fs::write(&path, text).expect("written");
        let check = Check::read(&path).expect("a check");
        assert_eq!(check.description, "A day with two files.");
        assert_eq!(check.severity, Severity::Warn);
    }

    #[test]
    fn comments_and_white_space_do_not_change_the_hash() {
        let one = significant_tokens("SELECT a, -- note\n  b FROM source");
        let other = significant_tokens("SELECT a,b\nFROM source");
        assert_eq!(one, other);
        assert_ne!(one, significant_tokens("SELECT a, c FROM source"));
    }
}

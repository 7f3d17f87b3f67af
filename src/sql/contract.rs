//! The **contract**: the table and the columns that `target.sql` declares.

use std::path::{Path, PathBuf};

use datafusion::sql::sqlparser::ast::{ColumnOption, Ident, ObjectName, Statement};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use super::declared::{self, Declared};
use super::{Error, read_text, syntax};
use crate::domain::TableName;

/// The target table as `target.sql` declares it.
#[derive(Clone, Debug)]
pub struct Contract {
    /// The file.
    pub path: PathBuf,
    /// The text of the file: the `CREATE TABLE` and the statements after it.
    pub create: String,
    /// The columns, in order.
    pub columns: Vec<ContractColumn>,
    /// The tables that its foreign keys refer to.
    pub references: Vec<TableName>,
}

/// One column of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractColumn {
    /// The column's name, as Postgres folds it.
    pub name: String,
    /// The type as it is written.
    pub data_type: String,
    /// Whether the column may be NULL.
    pub nullable: bool,
}

/// What `target.sql` must hold, as messages say it.
const EXPECTED: &str =
    "CREATE TABLE, as its first statement; only CREATE, ALTER and COMMENT statements may follow it";

impl Contract {
    /// Reads `target.sql`, which must create `table`.
    ///
    /// # Errors
    /// [`Error`], naming the file.
    pub fn read(path: &Path, table: &TableName) -> Result<Self, Error> {
        let create = read_text(path)?;
        let tokens = Tokenizer::new(&PostgreSqlDialect {}, &create).tokenize();
        let tokens = tokens.map_err(|error| syntax(path, error.into()))?;
        let statements = declared::statements(&tokens);
        let Some(first) = create_table(&statements) else {
            return Err(Error::Statement { path: path.to_owned(), expected: EXPECTED });
        };
        let declared = match parsed(first) {
            Ok(Some(declared)) => declared,
            Ok(None) => return Err(Error::Statement { path: path.to_owned(), expected: EXPECTED }),
            // The server knows clauses that the parser does not.
            Err(error) => declared::table(first).ok_or_else(|| syntax(path, error))?,
        };
        let matches = match declared.name.as_slice() {
            [name] => *name == table.name,
            [schema, name] => *name == table.name && *schema == table.schema,
            _ => false,
        };
        if !matches {
            return Err(Error::OtherTable {
                path: path.to_owned(),
                found: declared.name.join("."),
                expected: table.to_string(),
            });
        }
        let references = statements
            .iter()
            .flat_map(|statement| declared::references(statement))
            .filter_map(|name| in_schema(name, &table.schema))
            .collect();
        Ok(Self { path: path.to_owned(), columns: declared.columns, references, create })
    }
}

/// Returns the first of some statements, if those after it may follow a `CREATE TABLE`.
fn create_table(statements: &[Vec<Token>]) -> Option<&[Token]> {
    let (first, others) = statements.split_first()?;
    others.iter().all(|statement| may_follow(statement)).then_some(first.as_slice())
}

/// Returns the table with a name in these parts; a name without a schema is taken to be in `schema`.
fn in_schema(mut name: Vec<String>, schema: &str) -> Option<TableName> {
    let (table, above) = (name.pop()?, name.pop());
    Some(TableName { schema: above.unwrap_or_else(|| schema.to_owned()), name: table })
}

/// Whether a statement may follow the `CREATE TABLE`.
fn may_follow(statement: &[Token]) -> bool {
    let first = statement.first().map(Token::to_string).unwrap_or_default().to_uppercase();
    ["CREATE", "ALTER", "COMMENT"].contains(&first.as_str())
}

/// Parses the table that a statement creates; `None` if the statement does something else.
fn parsed(statement: &[Token]) -> Result<Option<Declared>, ParserError> {
    let dialect = PostgreSqlDialect {};
    let mut parser = Parser::new(&dialect).with_tokens(statement.to_vec());
    let statement = parser.parse_statement()?;
    parser.expect_token(&Token::EOF)?;
    let Statement::CreateTable(parsed) = statement else { return Ok(None) };
    let columns = parsed.columns.iter().map(|column| ContractColumn {
        name: folded(&column.name),
        data_type: column.data_type.to_string().to_lowercase(),
        nullable: !column.options.iter().any(|option| {
            matches!(option.option, ColumnOption::NotNull | ColumnOption::PrimaryKey(_))
        }),
    });
    Ok(Some(Declared { name: name_parts(&parsed.name), columns: columns.collect() }))
}

fn name_parts(name: &ObjectName) -> Vec<String> {
    name.0.iter().filter_map(|part| part.as_ident()).map(folded).collect()
}

/// Returns an identifier as Postgres sees it: in lower case unless it is quoted.
pub(super) fn folded(identifier: &Ident) -> String {
    match identifier.quote_style {
        Some(_) => identifier.value.clone(),
        None => identifier.value.to_lowercase(),
    }
}

//! The **contract**: the columns that `target.sql` promises.

use std::path::{Path, PathBuf};

use datafusion::sql::sqlparser::ast::{ColumnOption, Ident, ObjectName, Statement};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::{Error, read_text, syntax};
use crate::domain::TableName;

/// The target table as `target.sql` declares it.
#[derive(Clone, Debug)]
pub struct Contract {
    /// The file.
    pub path: PathBuf,
    /// The `CREATE TABLE` as it stands there.
    pub create: String,
    /// The columns, in order.
    pub columns: Vec<ContractColumn>,
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

impl Contract {
    /// Reads `target.sql`, which must create `table`.
    ///
    /// # Errors
    /// [`Error`], naming the file.
    pub fn read(path: &Path, table: &TableName) -> Result<Self, Error> {
        let create = read_text(path)?;
        let statements = Parser::parse_sql(&PostgreSqlDialect {}, &create)
            .map_err(|source| syntax(path, source))?;
        let [Statement::CreateTable(parsed)] = statements.as_slice() else {
            return Err(Error::Statement { path: path.to_owned(), expected: "CREATE TABLE" });
        };
        let parts = name_parts(&parsed.name);
        let matches = match parts.as_slice() {
            [name] => *name == table.name,
            [schema, name] => *name == table.name && *schema == table.schema,
            _ => false,
        };
        if !matches {
            return Err(Error::OtherTable {
                path: path.to_owned(),
                found: parts.join("."),
                expected: table.to_string(),
            });
        }
        let columns = parsed.columns.iter().map(|column| ContractColumn {
            name: folded(&column.name),
            data_type: column.data_type.to_string().to_lowercase(),
            nullable: !column.options.iter().any(|option| {
                matches!(option.option, ColumnOption::NotNull | ColumnOption::PrimaryKey(_))
            }),
        });
        Ok(Self { path: path.to_owned(), columns: columns.collect(), create: create.clone() })
    }
}

fn name_parts(name: &ObjectName) -> Vec<String> {
    name.0.iter().filter_map(|part| part.as_ident()).map(folded).collect()
}

/// An identifier as Postgres sees it: lower case unless quoted.
fn folded(identifier: &Ident) -> String {
    match identifier.quote_style {
        Some(_) => identifier.value.clone(),
        None => identifier.value.to_lowercase(),
    }
}

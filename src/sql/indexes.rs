//! The **indexes** that `target.sql` declares: keys and unique columns of its table, and those of `CREATE INDEX`
//! statements. Clauses that the parser does not know are skipped, because this is only used to estimate sizes.

use datafusion::sql::sqlparser::ast::{
    AlterTableOperation, ColumnOption, Expr, IndexColumn, IndexType, Statement, TableConstraint,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Tokenizer;

use super::contract::folded;
use super::declared;

/// An index that `target.sql` declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredIndex {
    /// Its name, or a description such as `on (id)` if it has none.
    pub name: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// Columns that it holds without ordering by them (`INCLUDE`).
    pub included: Vec<String>,
    /// Whether its keys are unique.
    pub is_unique: bool,
    /// Whether it is a B-tree over plain columns of every row.
    pub is_plain: bool,
}

/// Returns the indexes that the text of `target.sql` declares.
pub fn indexes(text: &str) -> Vec<DeclaredIndex> {
    let dialect = PostgreSqlDialect {};
    let tokens = Tokenizer::new(&dialect, text).tokenize().unwrap_or_default();
    declared::statements(&tokens)
        .into_iter()
        .filter_map(|tokens| Parser::new(&dialect).with_tokens(tokens).parse_statement().ok())
        .flat_map(|statement| of_statement(&statement))
        .collect()
}

fn of_statement(statement: &Statement) -> Vec<DeclaredIndex> {
    match statement {
        Statement::CreateTable(table) => {
            let columns = table.columns.iter().filter(|column| {
                column.options.iter().any(|option| {
                    matches!(option.option, ColumnOption::PrimaryKey(_) | ColumnOption::Unique(_))
                })
            });
            let of_columns = columns.map(|column| unique(vec![folded(&column.name)], Vec::new()));
            of_columns.chain(table.constraints.iter().filter_map(of_constraint)).collect()
        }
        Statement::CreateIndex(index) => {
            let columns: Option<Vec<String>> = index.columns.iter().map(column).collect();
            let is_btree = matches!(index.using, None | Some(IndexType::BTree));
            let is_plain = is_btree && index.predicate.is_none() && columns.is_some();
            let columns = columns.unwrap_or_default();
            let included = index.include.iter().map(folded).collect();
            let parts: Vec<String> = index.columns.iter().map(|part| part.to_string()).collect();
            let given = index.name.as_ref().map(|name| name.to_string());
            let name = given.unwrap_or_else(|| format!("on ({})", parts.join(", ")));
            vec![DeclaredIndex { name, columns, included, is_unique: index.unique, is_plain }]
        }
        Statement::AlterTable(alter) => {
            let added = alter.operations.iter().filter_map(|operation| match operation {
                AlterTableOperation::AddConstraint { constraint, .. } => of_constraint(constraint),
                _ => None,
            });
            added.collect()
        }
        _ => Vec::new(),
    }
}

fn unique(columns: Vec<String>, included: Vec<String>) -> DeclaredIndex {
    let name = format!("on ({})", columns.join(", "));
    DeclaredIndex { name, columns, included, is_unique: true, is_plain: true }
}

fn of_constraint(constraint: &TableConstraint) -> Option<DeclaredIndex> {
    let columns = match constraint {
        TableConstraint::Unique(key) => &key.columns,
        TableConstraint::PrimaryKey(key) => &key.columns,
        _ => return None,
    };
    Some(unique(columns.iter().map(column).collect::<Option<_>>()?, Vec::new()))
}

/// Returns the name of a plain column; `None` for an expression.
fn column(column: &IndexColumn) -> Option<String> {
    match &column.column.expr {
        Expr::Identifier(name) => Some(folded(name)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_indexes_are_found_wherever_they_are_declared() {
        let text = "CREATE TABLE t (id bigint PRIMARY KEY, \"Code\" text UNIQUE, a text, b text, \
                    CONSTRAINT ab UNIQUE (a, B)); CREATE INDEX ON t (a); \
                    CREATE INDEX ON t USING gin (b); CREATE INDEX ON t (lower(a)); \
                    ALTER TABLE ONLY t ADD CONSTRAINT one PRIMARY KEY (b, a); \
                    CREATE UNIQUE INDEX three ON t (a) INCLUDE (b)";
        let found = indexes(text);
        let columns: Vec<String> = found.iter().map(|index| index.columns.join(",")).collect();
        assert_eq!(columns, ["id", "Code", "a,b", "a", "b", "", "b,a", "a"]);
        let plain: Vec<bool> = found.iter().map(|index| index.is_plain).collect();
        assert_eq!(plain, [true, true, true, true, false, false, true, true]);
        assert!(found[0].is_unique && !found[3].is_unique && found[6].is_unique);
        let names = [&found[3].name, &found[5].name, &found[7].name];
        assert_eq!(names, ["on (a)", "on (lower(a))", "three"]);
        assert_eq!(found[7].included, ["b"]);
    }
}

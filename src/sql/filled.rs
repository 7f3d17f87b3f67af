//! What a table holds besides the values of `stage.sql`: the columns that the server **fills in**, and the share of
//! each page that it keeps free. Like [`indexes`](super::indexes()), this is only used to estimate sizes.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::ast::{
    ColumnOption, CreateTable, CreateTableOptions, Expr, SqlOption, Statement, Value,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Tokenizer;

use super::contract::folded;
use super::declared;

/// What the declaration of a table says about its storage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// The columns that the server fills in if no value is given for them, each with its default. The text is empty
    /// if the server computes the value.
    pub columns: BTreeMap<String, String>,
    /// The percentage to which pages are filled, if the table sets it.
    pub fill_percent: Option<usize>,
}

/// Reads the first statement of `target.sql`.
pub fn filled(text: &str) -> Filled {
    let dialect = PostgreSqlDialect {};
    let tokens = Tokenizer::new(&dialect, text).tokenize().unwrap_or_default();
    let Some(first) = declared::statements(&tokens).into_iter().next() else {
        return Filled::default();
    };
    match Parser::new(&dialect).with_tokens(first).parse_statement() {
        Ok(Statement::CreateTable(table)) => of(&table),
        _ => Filled::default(),
    }
}

fn of(table: &CreateTable) -> Filled {
    let columns = table.columns.iter().filter_map(|column| {
        let text = column.options.iter().find_map(|option| match &option.option {
            ColumnOption::Default(value) => Some(literal(value).unwrap_or_default()),
            ColumnOption::Generated { .. } | ColumnOption::Identity(_) => Some(String::new()),
            _ => None,
        });
        let is_serial = column.data_type.to_string().to_lowercase().ends_with("serial");
        let text = text.or_else(|| is_serial.then(String::new))?;
        Some((folded(&column.name), text))
    });
    Filled { columns: columns.collect(), fill_percent: fill_percent(&table.table_options) }
}

/// Returns the text of a constant.
fn literal(value: &Expr) -> Option<String> {
    match value {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::Number(text, _) => Some(text.clone()),
            _ => None,
        },
        Expr::Cast { expr, .. } => literal(expr),
        _ => None,
    }
}

fn fill_percent(options: &CreateTableOptions) -> Option<usize> {
    let CreateTableOptions::With(options) = options else { return None };
    options.iter().find_map(|option| match option {
        SqlOption::KeyValue { key, value } if folded(key) == "fillfactor" => {
            literal(value)?.parse().ok()
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_numbers_and_free_room_are_found() {
        let text = "CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY, \"No\" serial, a text, \
                    b text DEFAULT 'abc', c text DEFAULT 'x'::text, d timestamptz DEFAULT now(), \
                    e text GENERATED ALWAYS AS (a || b) STORED) WITH (fillfactor = 70)";
        let found = filled(text);
        let columns: Vec<String> =
            found.columns.iter().map(|(name, text)| format!("{name}={text}")).collect();
        assert_eq!(columns, ["No=", "b=abc", "c=x", "d=", "e=", "id="]);
        assert_eq!(found.fill_percent, Some(70));
    }
}

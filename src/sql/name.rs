//! A **name** in SQL: which words are column names as they are, and which need quotes.

use datafusion::sql::sqlparser::ast::{Expr, SelectItem, SetExpr, Statement};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::domain::quote_identifier;

/// Writes a name for SQL, with quotes if it needs them.
pub fn identifier(name: &str) -> String {
    let is_plain = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    let starts_well = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    let is_reserved = RESERVED.split(' ').any(|word| word == name);
    match starts_well && is_plain && !is_reserved && reads_as_a_name(name) {
        true => name.to_owned(),
        false => quote_identifier(name),
    }
}

/// Whether the engine's parser takes a word for a column in every place of a statement. Many words are reserved only
/// in some places.
fn reads_as_a_name(word: &str) -> bool {
    let text = format!(
        "SELECT {word}, f({word}), coalesce({word}, x) AS {word}, {word} FROM t \
         WHERE {word} IS NOT NULL AND {word} = x GROUP BY {word}, x ORDER BY {word}, \
         row_number() OVER (PARTITION BY {word}, x ORDER BY {word} DESC); \
         CREATE TABLE t ({word} text, x text)"
    );
    let Ok(statements) = Parser::parse_sql(&GenericDialect {}, &text) else { return false };
    let [Statement::Query(query), _] = statements.as_slice() else { return false };
    let SetExpr::Select(select) = query.body.as_ref() else { return false };
    // Some words are functions without parentheses, such as current_user.
    let [SelectItem::UnnamedExpr(Expr::Identifier(first)), _, _, _] = &select.projection[..] else {
        return false;
    };
    first.value == word
}

/// The words that PostgreSQL (its documentation, appendix C) or the engine reserves: as names, they need quotes.
const RESERVED: &str = "\
    all analyse analyze and any array as asc asymmetric authorization between binary both by \
    case cast check collate collation column concurrently constraint create cross \
    current_catalog current_date current_role current_schema current_time current_timestamp \
    current_user default deferrable desc distinct do else end except exists false fetch for \
    foreign freeze from full grant group having ilike in initially inner intersect into is \
    isnull join lateral leading left like limit localtime localtimestamp natural not notnull \
    null offset on only or order outer overlaps placing primary qualify references returning \
    right select session_user similar some symmetric system_user table tablesample then to \
    trailing true union unique user using values variadic verbose when where window with";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_sql_would_misread_are_quoted() {
        assert_eq!(identifier("orders_id"), "orders_id");
        for plain in ["date", "time", "name", "status", "type", "value", "year", "id", "x"] {
            assert_eq!(identifier(plain), plain);
        }
        for quoted in [
            "Click ID",
            "order",
            "1st",
            "interval",
            "exclude",
            "struct",
            "top",
            "trim",
            "cube",
            "rollup",
            "current_date",
            "user",
            "",
        ] {
            assert_eq!(identifier(quoted), format!("\"{quoted}\""));
        }
    }
}

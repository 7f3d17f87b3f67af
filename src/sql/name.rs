//! A **name** in SQL: which words can stand for a column as they are, and which need quotes.

use datafusion::sql::sqlparser::ast::{Expr, SelectItem, SetExpr, Statement};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::domain::quote_identifier;

/// A name as SQL writes it: quoted where it has to be.
pub fn identifier(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let starts_well = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    let is_reserved = RESERVED.split(' ').any(|word| word == name);
    match starts_well && name.bytes().all(is_plain) && !is_reserved && reads_as_a_name(name) {
        true => name.to_owned(),
        false => quote_identifier(name),
    }
}

/// Whether the engine's parser takes a word for a column wherever one may stand: many are reserved in
/// some places only.
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
    // Some words stand for a value of their own, such as the current user.
    let is_column = |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(Expr::Identifier(name)) if name.value == word);
    select.projection.len() == 4 && is_column(&select.projection[0])
}

/// The words that PostgreSQL reserves (its documentation, appendix C) or the engine does: as a name,
/// they need quotes.
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

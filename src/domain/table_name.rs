//! A **table name** is a schema and a table in the target database, always quoted in SQL.

use std::fmt;
use std::str::FromStr;

/// A schema and a table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TableName {
    /// The schema.
    pub schema: String,
    /// The table.
    pub name: String,
}

/// A text that is not the name of a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write table or schema.table, each at most 63 bytes, without quotes")]
pub struct InvalidTableName;

/// The longest identifier that Postgres keeps, in bytes.
const MAX_IDENTIFIER_BYTES: usize = 63;

impl TableName {
    /// Why no rows can be loaded into a table of this name; `None` if they can.
    pub fn fault(&self) -> Option<&'static str> {
        match self.schema.as_str() {
            "information_schema" => Some("the database keeps its own tables in this schema"),
            "backfill" => Some("backfill keeps its ledger in this schema"),
            schema if schema.starts_with("pg_") => {
                Some("PostgreSQL keeps the schemas that begin with pg_ for itself")
            }
            _ => None,
        }
    }

    /// Both parts as quoted identifiers.
    pub fn quoted(&self) -> String {
        format!("{}.{}", quote_identifier(&self.schema), quote_identifier(&self.name))
    }
}

/// Quotes an identifier for SQL.
pub fn quote_identifier(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// Quotes a text as a SQL literal.
pub fn quote_literal(text: &str) -> String {
    let escaped = text.replace('\'', "''");
    if escaped.contains('\\') {
        format!("E'{}'", escaped.replace('\\', "\\\\"))
    } else {
        format!("'{escaped}'")
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

impl FromStr for TableName {
    type Err = InvalidTableName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('.').collect();
        if !parts.iter().all(|part| is_usable(part)) {
            return Err(InvalidTableName);
        }
        match parts.as_slice() {
            [name] => Ok(Self { schema: "public".to_owned(), name: (*name).to_owned() }),
            [schema, name] => Ok(Self { schema: (*schema).to_owned(), name: (*name).to_owned() }),
            _ => Err(InvalidTableName),
        }
    }
}

/// Whether a text can be an identifier, without quotes around it.
fn is_usable(part: &str) -> bool {
    let is_plain = part.chars().all(|c| !c.is_control() && c != '"');
    !part.is_empty() && part.len() <= MAX_IDENTIFIER_BYTES && is_plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Option<&'static str> {
        text.parse::<TableName>().expect("a name").fault()
    }

    #[test]
    fn a_table_without_a_schema_is_public() {
        let table: TableName = "orders".parse().expect("a name");
        assert_eq!(table.to_string(), "public.orders");
        assert!("a.b.c".parse::<TableName>().is_err());
        assert!("a.".parse::<TableName>().is_err());
    }

    #[test]
    fn no_rows_go_into_tables_of_the_database_or_of_the_ledger() {
        for table in ["pg_catalog.orders", "information_schema.orders", "backfill.files"] {
            assert!(fault(table).is_some(), "{table}");
        }
        for table in ["orders", "pg_stat", "shop.files"] {
            assert_eq!(fault(table), None, "{table}");
        }
    }

    #[test]
    fn identifiers_are_quoted_whatever_they_hold() {
        assert_eq!(quote_identifier("Click ID"), "\"Click ID\"");
        assert_eq!(quote_identifier("a\"; DROP TABLE x; --"), "\"a\"\"; DROP TABLE x; --\"");
    }
}

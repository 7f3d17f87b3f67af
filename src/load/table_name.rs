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

/// A text that names no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write table or schema.table, each at most 63 bytes, without quotes")]
pub struct InvalidTableName;

/// The longest identifier that Postgres keeps, in bytes.
const MAX_IDENTIFIER_BYTES: usize = 63;

impl TableName {
    /// Both parts as quoted identifiers.
    pub fn quoted(&self) -> String {
        format!("{}.{}", quote_identifier(&self.schema), quote_identifier(&self.name))
    }
}

/// An identifier as SQL text, whatever it holds.
pub fn quote_identifier(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// A name as SQL writes it: quoted where it has to be.
pub fn identifier(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let starts_well = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    let is_reserved = RESERVED.split(' ').any(|word| word == name);
    match starts_well && name.bytes().all(is_plain) && !is_reserved {
        true => name.to_owned(),
        false => quote_identifier(name),
    }
}

/// The words that Postgres or the engine reserve: as a name, they need quotes.
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

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

impl FromStr for TableName {
    type Err = InvalidTableName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('.').collect();
        let usable = |part: &&str| {
            let plain = part.chars().all(|c| !c.is_control() && c != '"');
            !part.is_empty() && part.len() <= MAX_IDENTIFIER_BYTES && plain
        };
        if !parts.iter().all(usable) {
            return Err(InvalidTableName);
        }
        match parts.as_slice() {
            [name] => Ok(Self { schema: "public".to_owned(), name: (*name).to_owned() }),
            [schema, name] => Ok(Self { schema: (*schema).to_owned(), name: (*name).to_owned() }),
            _ => Err(InvalidTableName),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_without_a_schema_is_public() {
        let table: TableName = "orders".parse().expect("a name");
        assert_eq!(table.to_string(), "public.orders");
        assert!("a.b.c".parse::<TableName>().is_err());
        assert!("a.".parse::<TableName>().is_err());
    }

    #[test]
    fn identifiers_are_quoted_whatever_they_hold() {
        assert_eq!(quote_identifier("Click ID"), "\"Click ID\"");
        assert_eq!(quote_identifier("a\"; DROP TABLE x; --"), "\"a\"\"; DROP TABLE x; --\"");
    }

    #[test]
    fn names_that_sql_would_misread_are_quoted() {
        assert_eq!(identifier("orders_id"), "orders_id");
        assert_eq!(identifier("Click ID"), "\"Click ID\"");
        assert_eq!(identifier("order"), "\"order\"");
        assert_eq!(identifier("1st"), "\"1st\"");
    }
}

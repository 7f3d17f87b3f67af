//! A **column** of the target as the catalog describes it.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// A column of the target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, for people: `numeric(12,2)`.
    pub type_text: String,
    /// The name of its base type: `numeric`, also for a domain over it.
    pub type_name: String,
    /// The category of its base type: `S` for texts, `E` for enums …
    pub category: char,
    /// The type's modifier as the catalog has it; -1 if it has none.
    pub modifier: i32,
    /// The labels of its base type, if that is an enum.
    pub labels: Vec<String>,
    /// Whether it is of a domain with rules for its values.
    pub has_rules: bool,
    /// Whether it refuses NULL.
    pub not_null: bool,
    /// Whether the server fills it in if it is not given.
    pub has_default: bool,
    /// Whether it is computed, so that it cannot be given.
    pub is_generated: bool,
    /// Whether it is `GENERATED ALWAYS AS IDENTITY`: an UPDATE may not give it.
    pub is_identity_always: bool,
    /// The sequence that numbers it if it is not given, quoted.
    pub sequence: Option<String>,
    /// Whether this user may advance the sequence.
    pub may_advance: bool,
}

impl Column {
    /// Returns precision and scale of a `numeric`; `None` if it is not bounded. PostgreSQL packs them into the
    /// modifier: the scale has eleven bits and a sign.
    pub fn precision_and_scale(&self) -> Option<(i32, i32)> {
        let packed = self.modifier.checked_sub(4).filter(|packed| *packed >= 0)?;
        Some((packed >> 16 & 0xffff, ((packed & 0x7ff) ^ 0x400) - 0x400))
    }

    /// Returns a column of the type of its elements, if it is an array.
    pub fn element(&self) -> Self {
        let name = self.type_name.trim_start_matches('_');
        let is_text = matches!(name, "text" | "varchar" | "bpchar" | "citext");
        Self {
            type_name: name.to_owned(),
            type_text: self.type_text.trim_end_matches("[]").to_owned(),
            category: if is_text { 'S' } else { 'U' },
            ..self.clone()
        }
    }

    /// Whether a row may come without it: the server fills it in or takes NULL.
    pub fn may_be_left_out(&self) -> bool {
        self.has_default || self.is_generated || !self.not_null
    }
}

/// What is asked about a table's columns; `$1` its oid. A domain may be over another domain: its base
/// type, its modifier and whether it takes NULL are found by following it down.
const COLUMNS: &str = "\
WITH RECURSIVE base AS (
  SELECT t.oid AS column_type, t.oid AS base_type, t.typname, t.typcategory, t.typtype, t.typbasetype,
         CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE -1 END AS modifier, t.typnotnull
  FROM pg_catalog.pg_type t
  WHERE t.oid IN (SELECT atttypid FROM pg_catalog.pg_attribute WHERE attrelid = $1::int8::oid)
  UNION ALL
  SELECT base.column_type, t.oid, t.typname, t.typcategory, t.typtype, t.typbasetype,
         CASE WHEN base.modifier < 0 AND t.typtype = 'd' THEN t.typtypmod ELSE base.modifier END,
         base.typnotnull OR t.typnotnull
  FROM base JOIN pg_catalog.pg_type t ON base.typtype = 'd' AND t.oid = base.typbasetype)
SELECT a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod),
       base.typname::text, base.typcategory::text,
       CASE WHEN base.modifier >= 0 THEN base.modifier ELSE a.atttypmod END,
       a.attnotnull OR base.typnotnull, a.atthasdef OR a.attidentity <> '', a.attgenerated <> '',
       a.attidentity = 'a', numbers.name,
       coalesce(has_sequence_privilege(numbers.name, 'SELECT')
                AND has_sequence_privilege(numbers.name, 'UPDATE'), false),
       ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e
             WHERE e.enumtypid = base.base_type ORDER BY e.enumsortorder),
       EXISTS (SELECT FROM pg_catalog.pg_constraint c
               WHERE c.contypid = a.atttypid AND c.contype = 'c')
FROM pg_catalog.pg_attribute a
JOIN base ON base.column_type = a.atttypid AND base.typtype <> 'd'
LEFT JOIN LATERAL (SELECT coalesce(
    pg_catalog.pg_get_serial_sequence($1::int8::oid::regclass::text, a.attname),
    (SELECT format('%I.%I', n.nspname, s.relname)
     FROM pg_catalog.pg_attrdef d
     JOIN pg_catalog.pg_depend p ON p.classid = 'pg_catalog.pg_attrdef'::regclass AND p.objid = d.oid
       AND p.refclassid = 'pg_catalog.pg_class'::regclass
     JOIN pg_catalog.pg_class s ON s.oid = p.refobjid AND s.relkind = 'S'
     JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace
     WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum LIMIT 1))
  WHERE base.typname IN ('int2', 'int4', 'int8', 'numeric')) AS numbers (name) ON true
WHERE a.attrelid = $1::int8::oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum";

/// Returns the columns of a table, in the catalog's order.
pub(crate) async fn columns_of(
    client: &Client,
    oid: i64,
) -> Result<Vec<Column>, tokio_postgres::Error> {
    let rows = client.query_typed(COLUMNS, &[(&oid, Type::INT8)]).await?;
    let columns = rows.iter().map(|row| Column {
        name: row.get(0),
        type_text: row.get(1),
        type_name: row.get(2),
        category: row.get::<_, String>(3).chars().next().unwrap_or('X'),
        modifier: row.get(4),
        not_null: row.get(5),
        has_default: row.get(6),
        is_generated: row.get(7),
        is_identity_always: row.get(8),
        sequence: row.get(9),
        may_advance: row.get(10),
        labels: row.get(11),
        has_rules: row.get(12),
    });
    Ok(columns.collect())
}

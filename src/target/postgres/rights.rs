//! The **rights** of the role: those that are missing are found before anything is staged, and reported as GRANT
//! statements.

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use super::Target;
use crate::domain::{Placement, TableName, quote_identifier};
use crate::target::Error;

/// What a load needs to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Needs {
    /// Delete rows of the target.
    pub deletes: bool,
    /// Update rows of the target.
    pub updates: bool,
    /// Bring rows through a temporary table.
    pub is_temporary: bool,
    /// Lock the target against other programs.
    pub locks: bool,
    /// Take loads out of those that dlt knows.
    pub removes_loads: bool,
}

/// Which of the statements that a load sends are not allowed. `$1` the schema of the target, `$2` its quoted
/// name or NULL if it is still to be created. Columns: whether it may be done; NULL if there
/// is nothing to do it to.
const MAY: &str = "\
SELECT has_schema_privilege(target.oid, 'USAGE'),
       CASE WHEN $2 IS NULL THEN has_schema_privilege(target.oid, 'CREATE') END,
       has_table_privilege($2::regclass, 'DELETE'),
       has_table_privilege($2::regclass, 'UPDATE'),
       has_database_privilege(current_database(), 'TEMP'),
       has_schema_privilege(ledger.oid, 'USAGE'),
       CASE WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_class c
                             WHERE c.relnamespace = ledger.oid AND c.relname = 'files')
            THEN has_schema_privilege(ledger.oid, 'CREATE') END,
       (SELECT bool_and(has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
                        AND has_table_privilege(c.oid, 'UPDATE'))
        FROM pg_catalog.pg_class c WHERE c.relnamespace = ledger.oid
          AND c.relname IN ('runs', 'batches', 'files', 'saved_files', 'saved_rows')),
       CASE WHEN ledger.oid IS NULL THEN has_database_privilege(current_database(), 'CREATE') END,
       has_table_privilege($2::regclass, 'UPDATE, DELETE, TRUNCATE'),
       current_database()::text, current_user::text,
       CASE WHEN target.oid IS NULL AND $2 IS NULL
            THEN has_database_privilege(current_database(), 'CREATE') END
FROM (SELECT) AS one
LEFT JOIN pg_catalog.pg_namespace target ON target.nspname = $1
LEFT JOIN pg_catalog.pg_namespace ledger ON ledger.nspname = 'backfill'";

impl Needs {
    /// Returns what a load needs to place rows in this way, if no file is reloaded or removed.
    pub fn to_place(placement: &Placement, target: Option<&Target>) -> Self {
        let is_locked = placement.merges() || target.is_some_and(|t| t.guest.needs_lock());
        Self {
            deletes: placement.replaces(),
            updates: placement.merges(),
            is_temporary: is_locked,
            locks: is_locked,
            removes_loads: false,
        }
    }
}

/// The rights that a role lacks, each as the statement that gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MissingRights {
    /// The role.
    pub role: String,
    /// For the target, and for what has to be created.
    pub of_target: Vec<String>,
    /// For the ledger.
    pub of_ledger: Vec<String>,
    /// For the tables of dlt.
    pub of_dlt: Vec<String>,
}

/// Refuses to load if the role lacks a right.
///
/// # Errors
/// [`Error::Rights`] with the missing GRANTs; [`Error::Statement`].
pub async fn refuse_missing(
    client: &Client,
    table: &TableName,
    target: Option<&Target>,
    needs: Needs,
) -> Result<(), Error> {
    let MissingRights { role, of_target, of_ledger, of_dlt } =
        missing_rights(client, table, target, needs).await?;
    let mut grants = of_target;
    for grant in of_ledger.into_iter().chain(of_dlt) {
        if !grants.contains(&grant) {
            grants.push(grant);
        }
    }
    if grants.is_empty() { Ok(()) } else { Err(Error::Rights { role, grants }) }
}

/// Finds the rights that a load needs and the role lacks.
///
/// # Errors
/// [`Error::Statement`].
pub async fn missing_rights(
    client: &Client,
    table: &TableName,
    target: Option<&Target>,
    needs: Needs,
) -> Result<MissingRights, Error> {
    let name = target.map(|target| target.table.quoted());
    let row = client
        .query_typed_one(MAY, &[(&table.schema, Type::TEXT), (&name, Type::TEXT)])
        .await
        .map_err(Error::statement("asking what this user may do"))?;
    let (database, role): (String, String) = (row.get(10), row.get(11));
    let database = quote_identifier(&database);
    Ok(MissingRights {
        of_target: missing_of(target_grants(table, needs, &database), &row, &role),
        of_ledger: missing_of(ledger_grants(&database), &row, &role),
        of_dlt: dlt_grants(target, needs).iter().map(|grant| to(grant, &role)).collect(),
        role,
    })
}

/// A statement that gives a right, without the role.
struct Grant {
    statement: String,
    /// The column of [`MAY`] that says whether the role has the right.
    column: usize,
    is_needed: bool,
}

impl Grant {
    fn new(column: usize, statement: String) -> Self {
        Self { statement, column, is_needed: true }
    }

    fn needed_if(self, is_needed: bool) -> Self {
        Self { is_needed, ..self }
    }
}

/// Returns the grants that are needed and missing, as whole statements.
fn missing_of(grants: Vec<Grant>, row: &Row, role: &str) -> Vec<String> {
    grants
        .into_iter()
        .filter(|grant| grant.is_needed && row.get::<_, Option<bool>>(grant.column) == Some(false))
        .map(|grant| to(&grant.statement, role))
        .collect()
}

/// Completes a grant with the role that is to have it.
fn to(grant: &str, role: &str) -> String {
    format!("{grant} TO {}", quote_identifier(role))
}

/// The rights that a load needs to the target; `database` is quoted.
fn target_grants(table: &TableName, needs: Needs, database: &str) -> Vec<Grant> {
    let (schema, quoted) = (quote_identifier(&table.schema), table.quoted());
    vec![
        Grant::new(0, format!("GRANT USAGE ON SCHEMA {schema}")),
        Grant::new(1, format!("GRANT CREATE ON SCHEMA {schema}")),
        Grant::new(12, format!("GRANT CREATE ON DATABASE {database}")),
        Grant::new(2, format!("GRANT DELETE ON {quoted}")).needed_if(needs.deletes),
        Grant::new(3, format!("GRANT UPDATE ON {quoted}")).needed_if(needs.updates),
        Grant::new(4, format!("GRANT TEMPORARY ON DATABASE {database}"))
            .needed_if(needs.is_temporary),
        // The lock needs one of several rights, this one among them.
        Grant::new(9, format!("GRANT DELETE ON {quoted}"))
            .needed_if(needs.locks && !needs.deletes && !needs.updates),
    ]
}

/// The rights that a load needs to the ledger; `database` is quoted.
fn ledger_grants(database: &str) -> Vec<Grant> {
    let tables = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA backfill";
    vec![
        Grant::new(5, "GRANT USAGE ON SCHEMA backfill".to_owned()),
        Grant::new(6, "GRANT CREATE ON SCHEMA backfill".to_owned()),
        Grant::new(7, tables.to_owned()),
        Grant::new(8, format!("GRANT CREATE ON DATABASE {database}")),
    ]
}

/// Returns the rights that are missing to record loads as dlt does.
fn dlt_grants(target: Option<&Target>, needs: Needs) -> Vec<String> {
    let Some((target, dlt)) = target.and_then(|target| Some((target, target.guest.dlt()?))) else {
        return Vec::new();
    };
    let mut grants = Vec::new();
    if let Some(loads) = dlt.loads.as_ref().filter(|loads| !loads.may_insert) {
        grants.push(format!("GRANT INSERT ON {}", loads.table));
    }
    if let Some(loads) = dlt.loads.as_ref().filter(|loads| needs.removes_loads && !loads.may_delete)
    {
        grants.push(format!("GRANT SELECT, DELETE ON {}", loads.table));
    }
    if dlt.reads_versions == Some(false) {
        let schema = quote_identifier(&target.table.schema);
        grants.push(format!("GRANT SELECT ON {schema}.\"_dlt_version\""));
    }
    grants
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::{ODD_TABLE, odd_table};

    fn needed(needs: Needs) -> Vec<String> {
        let grants = target_grants(&odd_table(), needs, "\"my db\"");
        let needed = grants.into_iter().filter(|grant| grant.is_needed);
        needed.map(|grant| grant.statement).collect()
    }

    #[test]
    fn a_load_needs_the_rights_that_its_mode_uses() {
        let always = [
            "GRANT USAGE ON SCHEMA \"My \"\"shop\"",
            "GRANT CREATE ON SCHEMA \"My \"\"shop\"",
            "GRANT CREATE ON DATABASE \"my db\"",
        ];
        assert_eq!(needed(Needs::default()), always);
        let merge =
            needed(Needs { updates: true, is_temporary: true, locks: true, ..Needs::default() });
        assert_eq!(
            merge[always.len()..],
            [
                format!("GRANT UPDATE ON {ODD_TABLE}"),
                "GRANT TEMPORARY ON DATABASE \"my db\"".to_owned()
            ]
        );
        let locks = needed(Needs { locks: true, ..Needs::default() });
        assert_eq!(locks[always.len()..], [format!("GRANT DELETE ON {ODD_TABLE}")]);
    }

    #[test]
    fn the_role_of_a_grant_is_quoted() {
        assert_eq!(
            to("GRANT USAGE ON SCHEMA backfill", "o\"dd; role"),
            "GRANT USAGE ON SCHEMA backfill TO \"o\"\"dd; role\""
        );
    }
}

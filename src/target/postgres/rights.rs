//! The **rights** of the role: what it may not do is found out before anything is staged, and named as the
//! GRANT that is missing.

use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

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
/// name or NULL if it is still to be created. Columns: what may be done; NULL where there is
/// nothing to do it to.
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
    /// What it needs to place rows so, if no file is reloaded or removed.
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
    /// For the target, and for what is made anew.
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

/// The rights that a load needs and the role lacks.
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
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&table.schema, Type::TEXT), (&name, Type::TEXT)];
    let row = client
        .query_typed_one(MAY, &parameters)
        .await
        .map_err(Error::statement("asking what this user may do"))?;
    let (database, role): (String, String) = (row.get(10), row.get(11));
    let (schema, quoted) = (quote_identifier(&table.schema), table.quoted());
    let database = quote_identifier(&database);
    let of_target = [
        (true, 0, format!("GRANT USAGE ON SCHEMA {schema}")),
        (true, 1, format!("GRANT CREATE ON SCHEMA {schema}")),
        (true, 12, format!("GRANT CREATE ON DATABASE {database}")),
        (needs.deletes, 2, format!("GRANT DELETE ON {quoted}")),
        (needs.updates, 3, format!("GRANT UPDATE ON {quoted}")),
        (needs.is_temporary, 4, format!("GRANT TEMPORARY ON DATABASE {database}")),
        // The lock needs one of several rights, this one among them.
        (needs.locks && !needs.deletes && !needs.updates, 9, format!("GRANT DELETE ON {quoted}")),
    ];
    let of_ledger = [
        (true, 5, "GRANT USAGE ON SCHEMA backfill".to_owned()),
        (true, 6, "GRANT CREATE ON SCHEMA backfill".to_owned()),
        (
            true,
            7,
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA backfill".to_owned(),
        ),
        (true, 8, format!("GRANT CREATE ON DATABASE {database}")),
    ];
    let to = |grant: String| format!("{grant} TO {}", quote_identifier(&role));
    let lacking = |grants: Vec<(bool, usize, String)>| -> Vec<String> {
        let lacks = |index: usize| row.get::<_, Option<bool>>(index) == Some(false);
        let missing =
            grants.into_iter().filter(|(is_needed, index, _)| *is_needed && lacks(*index));
        missing.map(|(_, _, grant)| to(grant)).collect()
    };
    let (of_target, of_ledger) = (lacking(of_target.into()), lacking(of_ledger.into()));
    let of_dlt = dlt_grants(target, needs).into_iter().map(to).collect();
    Ok(MissingRights { of_target, of_ledger, of_dlt, role })
}

/// The rights to record loads as dlt does, if they are missing.
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

//! The **target** of a dataset: whether it takes the rows of `stage.sql` from this role, without side effects. A target
//! that does not exist yet is created from `target.sql` in a transaction that is rolled back.

use super::checklist::{Checklist, HealthCheck, some_of};
use super::found::{Fit, Found, look};
use super::{Means, UsableDatabase, explained};
use crate::domain::Dataset;
use crate::printable;
use crate::project::LARGE_TABLE;
use crate::tables::Catalog;
use crate::target::{self, Obstacle, Target, WithoutIdentity};

/// The checks of every target.
const ALL: [&str; 10] = [
    "target-table",
    "target-rights",
    "target-row-security",
    "target-columns",
    "target-mode",
    "target-triggers",
    "target-cascades",
    "target-publications",
    "target-index",
    "target-unnamed-rows",
];

/// Examines the target of a dataset; the `catalog` can be asked what `stage.sql` gives.
pub(super) async fn examine(
    means: &Means,
    dataset: &Dataset,
    catalog: Option<&Catalog>,
) -> Vec<HealthCheck> {
    let mut list = Checklist::of_dataset(&dataset.name, dataset.table.to_string());
    let Some(usable) = &means.database else {
        list.skipped_all(&ALL, "the database cannot be queried");
        return list.checks;
    };
    match look(usable, dataset, catalog).await {
        Ok(found) => add(&mut list, dataset, usable, &found),
        Err(error) => {
            let (found, next) = explained(&error);
            list.failed(ALL[0], found, next);
            list.skipped_all(&ALL[1..], "the target cannot be examined");
        }
    }
    list.checks
}

fn add(list: &mut Checklist, dataset: &Dataset, usable: &UsableDatabase, found: &Found) {
    add_table(list, usable, found);
    add_rights(list, found);
    add_row_security(list, found);
    add_fit(list, found);
    match &found.target {
        Some(target) => {
            add_effects(list, dataset, target);
            add_publications(list, dataset, found);
            add_rows(list, found, target);
            add_dlt(list, found, target);
        }
        None => list.skipped_all(&ALL[5..], "the target does not exist, or is not a table"),
    }
}

fn add_table(list: &mut Checklist, usable: &UsableDatabase, found: &Found) {
    const ID: &str = "target-table";
    let kind = found.obstacles.iter().find(|obstacle| matches!(obstacle, Obstacle::Kind(_)));
    match (&found.fit, kind) {
        (_, Some(kind)) => list.failed(
            ID,
            format!("it cannot be loaded: {}", kind.reason()),
            "set `table` in the dataset's section of backfill.toml to a table",
        ),
        (Fit::NotCreated(error), _) => {
            let (found, next) = explained(error);
            list.failed(ID, found, next);
        }
        (Fit::NotCompared(why), _) if found.is_there && found.target.is_none() => {
            list.skipped(ID, *why);
        }
        _ if found.is_there => {
            let target = found.target.as_ref();
            let what = if target.is_some_and(Target::is_view) { "view" } else { "table" };
            let bytes = printable::bytes(target.map_or(0, |target| target.bytes));
            list.passed(ID, format!("the {what} exists, with {bytes}"));
        }
        (Fit::NotCompared(why), _) => list.skipped(ID, format!("it does not exist yet, and {why}")),
        _ if usable.is_writable => list.passed(
            ID,
            "it does not exist yet; creating it from target.sql was tried and rolled back",
        ),
        _ => list.skipped(ID, "it does not exist yet, and the database does not accept writes"),
    }
}

fn add_rights(list: &mut Checklist, found: &Found) {
    let of_table = found.obstacles.iter().filter_map(|obstacle| match obstacle {
        Obstacle::Right { grant, .. } => Some(grant.clone()),
        _ => None,
    });
    let grants: Vec<String> = of_table.chain(found.missing.of_target.iter().cloned()).collect();
    let role = &found.missing.role;
    match grants.is_empty() {
        true => list.passed("target-rights", format!("{role} has every right that a load needs")),
        false => list.failed(
            "target-rights",
            format!("{role} lacks {} right(s) that a load needs", grants.len()),
            format!("have the owner execute: {}", grants.join("; ")),
        ),
    }
}

fn add_row_security(list: &mut Checklist, found: &Found) {
    const ID: &str = "target-row-security";
    match found.obstacles.iter().find(|obstacle| **obstacle == Obstacle::RowSecurity) {
        Some(obstacle) => list.failed(
            ID,
            obstacle.reason(),
            format!(
                "load as the owner of the table, or ALTER ROLE {} BYPASSRLS",
                found.missing.role
            ),
        ),
        None if found.is_there && found.target.is_none() => {
            list.skipped(ID, "the target could not be examined");
        }
        None => list.passed(ID, "no row-level security applies to this user"),
    }
}

fn add_fit(list: &mut Checklist, found: &Found) {
    let (columns, mode) = ("target-columns", "target-mode");
    match &found.fit {
        Fit::NotCompared(why) => list.skipped_all(&[columns, mode], why),
        Fit::NotCreated(_) => list.skipped_all(&[columns, mode], "it could not be created"),
        Fit::Columns(error) => {
            let (found, next) = explained(error);
            list.failed(columns, found, next);
            list.skipped(mode, "the columns do not fit");
        }
        Fit::Mode(error) => {
            add_columns(list, found);
            let (found, next) = explained(error);
            list.failed(mode, found, next);
        }
        Fit::Fits => {
            add_columns(list, found);
            list.passed(mode, "the mode of the dataset fits");
        }
    }
}

/// Warns of texts for columns of other types: whether they can be converted shows only when a run loads them.
fn add_columns(list: &mut Checklist, found: &Found) {
    const ID: &str = "target-columns";
    match found.parsed_texts.as_slice() {
        [] => list.passed(ID, "its columns accept what stage.sql returns"),
        columns => list.warned(
            ID,
            format!(
                "stage.sql returns text for {}: a run stops at the first text that does not have the format of the \
                 column's type",
                some_of(columns)
            ),
            "convert them in stage.sql, for example with try_to_decimal or try_to_date, and write a check that finds \
             texts that cannot be converted",
        ),
    }
}

/// What writing to the target does to other tables and rows.
fn add_effects(list: &mut Checklist, dataset: &Dataset, target: &Target) {
    let effects = target::effects(target);
    let placement = &dataset.placement;
    let mut triggers = effects.insert_triggers;
    if placement.merges() {
        triggers.extend(effects.update_triggers);
    }
    if placement.replaces() {
        triggers.extend(effects.delete_triggers);
    }
    triggers.sort();
    triggers.dedup();
    match triggers.is_empty() {
        true => list.passed("target-triggers", "loading fires no trigger and no rule"),
        false => list.failed(
            "target-triggers",
            format!("loading fires triggers or rules: {}", some_of(&triggers)),
            "check what they do for each row; then run with --allow-side-effects, or disable them during the load",
        ),
    }
    add_cascades(list, dataset, &effects.cascades);
}

fn add_cascades(list: &mut Checklist, dataset: &Dataset, cascades: &[String]) {
    const ID: &str = "target-cascades";
    const NEXT: &str =
        "make the key NO ACTION DEFERRABLE INITIALLY DEFERRED, or run with --allow-side-effects";
    if cascades.is_empty() {
        return list.passed(ID, "deleting rows changes no other table");
    }
    let changed = some_of(cascades);
    match dataset.placement.replaces() {
        true => list.failed(ID, format!("replacing rows would change {changed}"), NEXT),
        false => {
            list.warned(ID, format!("reloading or removing a file would change {changed}"), NEXT);
        }
    }
}

/// Adds publications because of which the server refuses to update or delete rows.
fn add_publications(list: &mut Checklist, dataset: &Dataset, found: &Found) {
    const ID: &str = "target-publications";
    let placement = &dataset.placement;
    let Some(first) = found.without_identity.first() else {
        return list.passed(ID, "no publication keeps rows from being updated or deleted");
    };
    let next = format!(
        "give the table a primary key, or send ALTER TABLE {} REPLICA IDENTITY FULL",
        first.table
    );
    let all: Vec<&WithoutIdentity> = found.without_identity.iter().collect();
    let mut refused = all.clone();
    refused.retain(|one| placement.merges() && one.updates || placement.replaces() && one.deletes);
    match refused.is_empty() {
        false => list.failed(
            ID,
            format!(
                "the table has no replica identity, so that rows cannot be replaced as the mode does it \
                 (SQLSTATE 55000), because of the publication {}",
                publications(&refused)
            ),
            next,
        ),
        true => list.warned(
            ID,
            format!(
                "the table has no replica identity: loading works, but a file cannot be loaded again, removed or \
                 undone, because of the publication {}",
                publications(&all)
            ),
            next,
        ),
    }
}

/// The publications and the tables that they publish, for people.
fn publications(published: &[&WithoutIdentity]) -> String {
    let published = published.iter();
    let mut names: Vec<String> =
        published.map(|one| format!("{} of {}", one.publication, one.table)).collect();
    names.dedup();
    some_of(&names)
}

fn add_rows(list: &mut Checklist, found: &Found, target: &Target) {
    let (index, unnamed) = ("target-index", "target-unnamed-rows");
    match (target.has_file_name_index, target.bytes > LARGE_TABLE) {
        (true, _) => list.passed(index, "there is an index on _file_name"),
        (false, false) => {
            list.passed(index, "there is no index on _file_name, but the table is small");
        }
        (false, true) => list.warned(
            index,
            "there is no index on _file_name, so that every batch reads the whole table",
            format!("CREATE INDEX CONCURRENTLY ON {} (_file_name)", target.table.quoted()),
        ),
    }
    match found.has_unnamed_rows {
        false => list.passed(unnamed, "every row has a _file_name"),
        true => list.failed(
            unnamed,
            "there are rows without _file_name, which may be duplicates of rows of the files",
            "fill in their _file_name, or run with --ignore-unnamed-rows if they are not in the files",
        ),
    }
}

/// Adds what only matters in a table of dlt.
fn add_dlt(list: &mut Checklist, found: &Found, target: &Target) {
    let Some(dlt) = target.guest.dlt() else { return };
    let mut obstacles = found.obstacles.iter();
    match obstacles.find(|obstacle| **obstacle == Obstacle::OldVersions) {
        Some(obstacle) => list.failed(
            "dlt-versions",
            obstacle.reason(),
            "load into a separate table, or change dlt's write_disposition",
        ),
        None => list.passed("dlt-versions", "dlt does not keep old versions of rows here"),
    }
    let mut obstacles = found.obstacles.iter();
    match obstacles.find(|obstacle| matches!(obstacle, Obstacle::Nested(_))) {
        Some(obstacle) => list.failed(
            "dlt-nested",
            obstacle.reason(),
            "load into a separate table, or have dlt load the lists as text (max_table_nesting = 0)",
        ),
        None => list.passed("dlt-nested", "dlt has no child tables for lists in the rows"),
    }
    match (dlt.loads.is_some(), found.missing.of_dlt.as_slice()) {
        (_, grants @ [_, ..]) => list.failed(
            "dlt-rights",
            format!("{} lacks rights on the tables of dlt", found.missing.role),
            format!("have the owner execute: {}", grants.join("; ")),
        ),
        (true, []) => list.passed("dlt-rights", "loads can be recorded in _dlt_loads"),
        (false, []) => list.warned(
            "dlt-rights",
            "there is no _dlt_loads in the table's schema, so that loads are not recorded for dlt",
            "if dlt does not load the table any more, there is nothing to do",
        ),
    }
}

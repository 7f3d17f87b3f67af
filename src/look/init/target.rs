//! What a person should know of the **target** of a new dataset that exists: which columns and values of the files it
//! does not take.

use super::columns::{Column, named};
use super::fits::is_known_to_the_server_alone;
use super::naming::ADDED;
use crate::domain::dlt_name::column_name;
use crate::domain::provenance::{FILE_NAME, ROW_ID};
use crate::printable::few;
use crate::sql::identifier;
use crate::target::{DLT_COLUMNS, Target};

/// What a person should know of a target that exists; `headers` are all names that the files have.
pub(super) fn about_target(target: &Target, columns: &[Column], headers: &[String]) -> Vec<String> {
    let mut remarks = Vec::new();
    remarks.extend(about_case(target, columns));
    remarks.extend(about_left_out(target, columns, headers));
    remarks.extend(about_computed(target));
    remarks.extend(columns.iter().filter_map(|column| {
        let misfit = column.misfit.as_ref()?;
        Some(format!("{} of {}: {misfit}", column.name, target.table))
    }));
    remarks.extend(about_unknown_to_us(target, columns));
    remarks.extend(about_missing_provenance(target));
    if let Some(names) = named(columns, is_given_utc) {
        remarks.push(format!("taken as UTC, because no file says a zone: {names}"));
    }
    remarks.extend(about_needed(target, columns));
    remarks
}

fn about_case(target: &Target, columns: &[Column]) -> Option<String> {
    let in_case: Vec<String> = columns.iter().filter_map(in_other_case).collect();
    (!in_case.is_empty()).then(|| {
        format!(
            "names of {} differ only in case from those of the files, and are taken as the same columns: {}",
            target.table,
            in_case.join(", ")
        )
    })
}

/// About columns of the files that the target does not have.
fn about_left_out(target: &Target, columns: &[Column], headers: &[String]) -> Option<String> {
    let kept: Vec<&String> = columns.iter().flat_map(|column| &column.headers).collect();
    let mut left: Vec<&str> = Vec::new();
    for header in headers {
        let column = target.column(&column_name(header));
        if !kept.contains(&header) && !column.is_some_and(|column| column.is_generated) {
            left.push(header);
        }
    }
    (!left.is_empty())
        .then(|| format!("{} has no column for {}: not loaded", target.table, left.join(", ")))
}

fn about_computed(target: &Target) -> Option<String> {
    let computed: Vec<&str> =
        target.columns.iter().filter(|c| c.is_generated).map(|c| c.name.as_str()).collect();
    (!computed.is_empty())
        .then(|| format!("computed by {}, and left to it: {}", target.table, computed.join(", ")))
}

/// About columns of which only the server knows whether they take a value.
fn about_unknown_to_us(target: &Target, columns: &[Column]) -> Option<String> {
    let columns = columns.iter().filter_map(|column| target.column(&column.name));
    let unknown: Vec<String> = columns
        .filter(|column| is_known_to_the_server_alone(column))
        .map(|column| format!("{} ({})", column.name, column.type_text))
        .collect();
    (!unknown.is_empty()).then(|| {
        format!(
            "only the server knows which values these columns of {} take, and nothing was compared: {}",
            target.table,
            few(&unknown)
        )
    })
}

/// About the columns that say where a row came from, if the target lacks them.
fn about_missing_provenance(target: &Target) -> Option<String> {
    let mut needed = vec![FILE_NAME, ROW_ID];
    needed.retain(|name| target.column(name).is_none());
    (!needed.is_empty()).then(|| {
        format!(
            "{} has no {}, which say where a row came from: a run will refuse until \
             it has (text and bigint)",
            target.table,
            needed.join(" and ")
        )
    })
}

/// Whether a column's times have no zone in the files, and one in the target.
fn is_given_utc(column: &Column) -> bool {
    column.reading.as_ref().is_some_and(|reading| reading.contains("AS timestamptz)"))
}

/// About columns of the target that need a value and get none.
fn about_needed(target: &Target, columns: &[Column]) -> Vec<String> {
    let needed = target.columns.iter().filter(|column| column.not_null && !column.has_default);
    needed
        .filter(|column| !is_given(target, columns, &column.name))
        .map(|column| {
            format!(
                "{} of {} may not be NULL and no file has it: a run will refuse",
                column.name, target.table
            )
        })
        .collect()
}

/// Whether a column of the target gets values: from the files, by dlt's rules, or about where a row came from.
fn is_given(target: &Target, columns: &[Column], name: &str) -> bool {
    let is_of_dlt = target.guest.dlt().is_some() && DLT_COLUMNS.contains(&name);
    is_of_dlt || columns.iter().any(|column| column.name == name) || ADDED.contains(&name)
}

/// The column as `stage.sql` writes it, if its name in the table differs from that in the files only in case.
fn in_other_case(column: &Column) -> Option<String> {
    let header = column.headers.first()?;
    let is_same = column.name == *header || column.name == column_name(header);
    let is_alike = column.name.to_lowercase() == header.to_lowercase()
        || column.name.to_lowercase() == column_name(header);
    (!is_same && is_alike)
        .then(|| format!("{} AS {}", identifier(header), identifier(&column.name)))
}

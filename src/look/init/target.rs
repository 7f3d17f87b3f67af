//! What a person should know of the **target** of a new dataset, if it is there: what of the files it does not take.

use super::columns::{Column, named};
use super::fits::is_known_to_the_server_alone;
use super::naming::ADDED;
use crate::domain::dlt_name::column_name;
use crate::printable::few;
use crate::sql::identifier;
use crate::target::{DLT_COLUMNS, Target};

/// What a person should know of a target that is there.
pub fn about_target(target: &Target, columns: &[Column], headers: &[String]) -> Vec<String> {
    let table = &target.table;
    let mut remarks = Vec::new();
    let in_case: Vec<String> = columns.iter().filter_map(in_other_case).collect();
    if !in_case.is_empty() {
        remarks.push(format!(
            "names of {table} differ only in case from those of the files, and are taken as the same columns: {}",
            in_case.join(", ")
        ));
    }
    let kept: Vec<&String> = columns.iter().flat_map(|column| &column.headers).collect();
    let is_computed =
        |name: &str| target.column(&column_name(name)).is_some_and(|column| column.is_generated);
    let left: Vec<&str> = headers
        .iter()
        .filter(|name| !kept.contains(name) && !is_computed(name))
        .map(String::as_str)
        .collect();
    if !left.is_empty() {
        remarks.push(format!("{table} has no column for {}: not loaded", left.join(", ")));
    }
    let computed: Vec<&str> =
        target.columns.iter().filter(|c| c.is_generated).map(|c| c.name.as_str()).collect();
    if !computed.is_empty() {
        remarks.push(format!("computed by {table}, and left to it: {}", computed.join(", ")));
    }
    remarks.extend(columns.iter().filter_map(|column| {
        let misfit = column.misfit.as_ref()?;
        Some(format!("{} of {table}: {misfit}", column.name))
    }));
    let alone: Vec<String> = columns
        .iter()
        .filter_map(|column| {
            let column = target
                .column(&column.name)
                .filter(|column| is_known_to_the_server_alone(column))?;
            Some(format!("{} ({})", column.name, column.type_text))
        })
        .collect();
    if !alone.is_empty() {
        remarks.push(format!(
            "only the server knows which values these columns of {table} take, and nothing was compared: {}",
            few(&alone)
        ));
    }
    let lacks = |name: &&str| target.column(name).is_none();
    let needed: Vec<&str> = ["_file_name", "_row_id"].into_iter().filter(lacks).collect();
    if !needed.is_empty() {
        let needed = needed.join(" and ");
        remarks.push(format!(
            "{table} has no {needed}, which say where a row came from: a run will refuse until \
             it has (text and bigint)"
        ));
    }
    let is_zoned = |column: &Column| {
        column.reading.as_ref().is_some_and(|reading| reading.contains("AS timestamptz)"))
    };
    if let Some(names) = named(columns, is_zoned) {
        remarks.push(format!("taken as UTC, because no file says a zone: {names}"));
    }
    remarks.extend(about_needed(target, columns));
    remarks
}

/// Of columns of the target that need a value and get none.
fn about_needed(target: &Target, columns: &[Column]) -> Vec<String> {
    let is_given = |name: &str| {
        let is_of_dlt = target.guest.dlt().is_some() && DLT_COLUMNS.contains(&name);
        is_of_dlt || columns.iter().any(|column| column.name == name) || ADDED.contains(&name)
    };
    let is_needed = |column: &&crate::target::Column| {
        column.not_null && !column.has_default && !is_given(&column.name)
    };
    let needed = target.columns.iter().filter(is_needed);
    let remark = |column: &crate::target::Column| {
        format!(
            "{} of {} may not be NULL and no file has it: a run will refuse",
            column.name, target.table
        )
    };
    needed.map(remark).collect()
}

/// A column whose name in the table differs from that in the files only in case; what stage.sql says of it.
fn in_other_case(column: &Column) -> Option<String> {
    let header = column.headers.first()?;
    let is_same = column.name == *header || column.name == column_name(header);
    let is_alike = column.name.to_lowercase() == header.to_lowercase()
        || column.name.to_lowercase() == column_name(header);
    (!is_same && is_alike)
        .then(|| format!("{} AS {}", identifier(header), identifier(&column.name)))
}

//! The columns of a new dataset: their names in the target, their types, and how `stage.sql` makes them.

use std::collections::{BTreeMap, BTreeSet};

use super::doubts::doubt;
use super::fits::{misfit, refusal};
use super::naming::column_names;
use super::numbers::{common_mark, numbers};
use super::types::{Types, Written, guessed, is_cast, of_target};
use super::words::is_personal;
use crate::domain::FileDate;
use crate::domain::dlt_name::column_name;
use crate::look::date_formats::Contradiction;
use crate::profile::{FileProfile, Profile};
use crate::sql::identifier;
use crate::target::{Column as TargetColumn, Target};
use crate::values::{Kind, Mark};

/// A column of the new dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// The column's name in the files; if it was renamed, all of its names, the newest first.
    pub headers: Vec<String>,
    /// The target's name.
    pub name: String,
    /// The type in `target.sql`.
    pub data_type: String,
    /// The SQL that reads a value, with `{}` for the column; `None` if the text is taken as it is.
    pub reading: Option<String>,
    /// Whether it is taken for a whole number because all values that were looked at are.
    pub is_guessed_whole: bool,
    /// Whether some files lack it.
    pub is_optional: bool,
    /// Whether its name or its values show that it holds personal data.
    pub is_personal: bool,
    /// Whether no value shows if the month or the day stands first; it is then read with the month first.
    pub is_unclear: bool,
    /// The SQL condition that holds for a value that was read and that the target's type does not take, with `{}`
    /// for the value.
    pub refusal: Option<String>,
    /// A remark on values of the files that do not fit the target's type.
    pub misfit: Option<String>,
    /// What else is guessed about how its values are read, or is undecided.
    pub doubt: Option<String>,
}

impl Column {
    /// The SQL for the column in `source`.
    pub(super) fn source(&self) -> String {
        let names: Vec<String> = self.headers.iter().map(|name| identifier(name)).collect();
        match names.as_slice() {
            [name] => name.clone(),
            names => format!("coalesce({})", names.join(", ")),
        }
    }

    /// The SQL for its value in the target.
    pub(super) fn value(&self) -> String {
        let source = self.source();
        self.reading.as_ref().map_or(source.clone(), |reading| reading.replace("{}", &source))
    }

    /// Whether a value may not be readable as its type, so that it would become NULL.
    pub(super) fn may_be_unreadable(&self) -> bool {
        self.reading
            .as_ref()
            .is_some_and(|reading| reading.contains("try_to") || reading.contains("CAST"))
    }

    /// Its name with the formats in which its dates are read; `None` if it has none.
    pub(super) fn dates(&self) -> Option<String> {
        let reading = self.reading.as_ref()?;
        let literals = reading.split('\'').skip(1).step_by(2);
        let formats: Vec<&str> = literals.filter(|literal| is_date_format(literal)).collect();
        (!formats.is_empty()).then(|| format!("{} as {}", self.name, formats.join(" or ")))
    }

    /// Whether its own values show that its numbers have a decimal comma.
    pub(super) fn has_decimal_comma(&self) -> bool {
        self.doubt.is_none()
            && self.reading.as_ref().is_some_and(|reading| reading.contains(", ',')"))
    }

    /// The line of `stage.sql`.
    pub(super) fn line(&self) -> String {
        let (value, name) = (self.value(), identifier(&self.name));
        if value == name { name } else { format!("{value} AS {name}") }
    }
}

fn is_date_format(literal: &str) -> bool {
    literal.contains('%') || literal.starts_with("epoch_")
}

/// The columns of a dataset whose files have these headers, in the newest file's order.
///
/// `renamed` maps the name to keep to the others, and `lacking` has the names that some files lack. Columns that a
/// target does not have, or computes itself, are left out.
pub(super) fn columns(
    headers: &[String],
    renamed: &BTreeMap<String, Vec<String>>,
    lacking: &BTreeSet<String>,
    files: &[(FileDate, &FileProfile)],
    types: Types<'_>,
) -> Vec<Column> {
    let others: BTreeSet<&String> = renamed.values().flatten().collect();
    let kept: Vec<&String> = headers.iter().filter(|name| !others.contains(name)).collect();
    let mut names = column_names(kept.iter().map(|name| name.as_str()));
    if let Types::Of(target) = types {
        names_of_target(target, &kept, &mut names);
    }
    let making = Making { renamed, lacking, files, types, common: common(files) };
    let columns = kept.into_iter().zip(names).map(|(header, name)| making.column(header, name));
    columns.filter(|column| is_loaded(column, types)).collect()
}

/// Whether the target takes values for a column.
fn is_loaded(column: &Column, types: Types<'_>) -> bool {
    match types {
        Types::Of(target) => target.column(&column.name).is_some_and(|c| !c.is_generated),
        Types::Text | Types::Guessed => true,
    }
}

/// What columns are made from.
struct Making<'a> {
    renamed: &'a BTreeMap<String, Vec<String>>,
    lacking: &'a BTreeSet<String>,
    files: &'a [(FileDate, &'a FileProfile)],
    types: Types<'a>,
    /// The decimal mark that the columns have in common, and the names of those that show it.
    common: Option<(Mark, Vec<&'a str>)>,
}

impl Making<'_> {
    fn column(&self, header: &String, name: String) -> Column {
        let mut headers = vec![header.clone()];
        headers.extend(self.renamed.get(header).into_iter().flatten().cloned());
        let dated = self.profiles_of(&headers);
        let found: Vec<&Profile> = dated.iter().map(|(_, profile)| *profile).collect();
        let common = self.common.as_ref();
        let written = Written {
            numbers: numbers(&found, common.map(|(mark, _)| *mark)),
            dates: Contradiction::of(dated.into_iter()),
            found: &found,
        };
        let (data_type, reading) = match self.types {
            Types::Text => ("varchar".to_owned(), None),
            Types::Guessed => guessed(&name, &written),
            Types::Of(target) => of_target(target, &name, &written),
        };
        let cast = self.cast_to(&name);
        Column {
            refusal: cast.and_then(refusal),
            misfit: cast.and_then(|column| misfit(column, &written)),
            is_guessed_whole: matches!(self.types, Types::Guessed)
                && (data_type == "bigint" || data_type.ends_with(", 0)")),
            is_personal: is_personal(&column_name(&name))
                || found.iter().any(|profile| is_of_mails(profile)),
            is_unclear: reading.is_some() && found.iter().any(|profile| is_unclear(profile)),
            is_optional: self.lacking.contains(header),
            doubt: doubt(&written, reading.as_deref(), common.map(|(_, names)| &names[..])),
            headers,
            name,
            data_type,
            reading,
        }
    }

    /// The profiles of a column with these names, with the dates of their files.
    fn profiles_of(&self, headers: &[String]) -> Vec<(FileDate, &Profile)> {
        self.files
            .iter()
            .flat_map(|(date, file)| file.columns.iter().map(|profile| (*date, profile)))
            .filter(|(_, profile)| headers.contains(&profile.name))
            .collect()
    }

    /// The column of the target whose type the values get.
    fn cast_to(&self, name: &str) -> Option<&TargetColumn> {
        match self.types {
            Types::Of(target) => target.column(name).filter(|_| is_cast(target, name)),
            Types::Text | Types::Guessed => None,
        }
    }
}

/// Replaces the names that columns would have in a new table by the names of a target's columns: by the name in the
/// file if the target has it, or else by a name that differs only in case.
fn names_of_target(target: &Target, headers: &[&String], names: &mut [String]) {
    for (header, name) in headers.iter().zip(names.iter_mut()) {
        if target.column(header).is_some() {
            (*name).clone_from(header);
        }
    }
    for (place, header) in headers.iter().enumerate() {
        if target.column(&names[place]).is_some() {
            continue;
        }
        if let Some(column) = only_alike(target, [header, &names[place]], names) {
            names[place].clone_from(&column.name);
        }
    }
}

/// The only column of the target that is not `taken` yet and has one of two names, whatever their case; `None` if
/// there are several.
fn only_alike<'a>(
    target: &'a Target,
    either: [&str; 2],
    taken: &[String],
) -> Option<&'a TargetColumn> {
    let either = either.map(str::to_lowercase);
    let columns = target.columns.iter().filter(|column| !taken.contains(&column.name));
    let mut alike = columns.filter(|column| either.contains(&column.name.to_lowercase()));
    alike.next().filter(|_| alike.next().is_none())
}

/// The names of some columns, if there are any.
pub(super) fn named(columns: &[Column], test: fn(&Column) -> bool) -> Option<String> {
    let named: Vec<&str> = columns.iter().filter(|c| test(c)).map(|c| c.name.as_str()).collect();
    (!named.is_empty()).then(|| named.join(", "))
}

/// The decimal mark that the columns of the files have in common, and the names of those that show it.
fn common<'a>(files: &[(FileDate, &'a FileProfile)]) -> Option<(Mark, Vec<&'a str>)> {
    let mut columns: Vec<(&str, Vec<&Profile>)> = Vec::new();
    for profile in files.iter().flat_map(|(_, file)| &file.columns) {
        match columns.iter_mut().find(|(name, _)| *name == profile.name) {
            Some((_, found)) => found.push(profile),
            None => columns.push((&profile.name, vec![profile])),
        }
    }
    common_mark(&columns)
}

/// Whether no value shows if the month or the day stands first.
fn is_unclear(profile: &Profile) -> bool {
    profile.kinds.keys().any(|kind| matches!(kind, Kind::Unclear(..)))
}

/// Whether most values are addresses of mail.
fn is_of_mails(profile: &Profile) -> bool {
    let mails = profile.shapes.iter().filter(|(shape, _)| is_mail(shape));
    mails.map(|(_, rows)| rows).sum::<u64>() * 2 > profile.given.max(1)
}

/// Whether values of a shape look like addresses of mail. A long shape is cut, and ends with `…`.
fn is_mail(shape: &str) -> bool {
    shape.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && !name.contains(' ') && (host.contains('.') || host.ends_with('…'))
    })
}

#[cfg(test)]
mod tests;

//! The columns of a new dataset: what the target calls them, which type they have, and how `stage.sql`
//! makes them.

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
use crate::target::Target;
use crate::values::{Kind, Mark};

/// A column of the new dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The header's name; of a renamed one, the newest first.
    pub headers: Vec<String>,
    /// The target's name.
    pub name: String,
    /// The type in `target.sql`.
    pub data_type: String,
    /// How a value is read, with `{}` for the column; a text as it stands has none.
    pub reading: Option<String>,
    /// Whether it is taken for a whole number because all values that were looked at are.
    pub is_guessed_whole: bool,
    /// Whether some files lack it.
    pub is_optional: bool,
    /// Whether its name speaks of persons.
    pub is_personal: bool,
    /// Whether its days could have the month first or the day, and are read with the month first.
    pub is_unclear: bool,
    /// What is true of a value that was read and that the target's type does not take, with `{}` for it.
    pub refusal: Option<String>,
    /// What of the values that were looked at does not fit the target's type.
    pub misfit: Option<String>,
    /// What else is a guess about how its values are read, or is left open.
    pub doubt: Option<String>,
}

impl Column {
    /// The column as `source` has it.
    pub fn source(&self) -> String {
        let names: Vec<String> = self.headers.iter().map(|name| identifier(name)).collect();
        match names.as_slice() {
            [name] => name.clone(),
            names => format!("coalesce({})", names.join(", ")),
        }
    }

    /// The column's value as the target takes it.
    pub fn value(&self) -> String {
        let source = self.source();
        self.reading.as_ref().map_or(source.clone(), |reading| reading.replace("{}", &source))
    }

    /// Whether a value may be one that its type does not have, so that NULL would take its place.
    pub fn may_be_unreadable(&self) -> bool {
        self.reading
            .as_ref()
            .is_some_and(|reading| reading.contains("try_to") || reading.contains("CAST"))
    }

    /// Its name with the formats in which its dates are read; `None` if it has none.
    pub fn dates(&self) -> Option<String> {
        let reading = self.reading.as_ref()?;
        let is_format = |text: &&str| text.contains('%') || text.starts_with("epoch_");
        let formats: Vec<&str> = reading.split('\'').skip(1).step_by(2).filter(is_format).collect();
        (!formats.is_empty()).then(|| format!("{} as {}", self.name, formats.join(" or ")))
    }

    /// Whether its own values say that its numbers have a decimal comma.
    pub fn has_decimal_comma(&self) -> bool {
        self.doubt.is_none()
            && self.reading.as_ref().is_some_and(|reading| reading.contains(", ',')"))
    }

    /// The line of `stage.sql`.
    pub fn line(&self) -> String {
        let (value, name) = (self.value(), identifier(&self.name));
        if value == name { name } else { format!("{value} AS {name}") }
    }
}

/// The columns of a dataset whose files have these headers, in the newest file's order.
///
/// `renamed` maps the name to keep to the others; `types` says whether types are guessed from profiles
/// or all is text; a target that is there decides.
pub fn columns(
    headers: &[String],
    renamed: &BTreeMap<String, Vec<String>>,
    lacking: &BTreeSet<String>,
    files: &[(FileDate, &FileProfile)],
    types: Types<'_>,
) -> Vec<Column> {
    let common = common(files);
    let others: BTreeSet<&String> = renamed.values().flatten().collect();
    let kept: Vec<&String> = headers.iter().filter(|name| !others.contains(name)).collect();
    let mut names = column_names(kept.iter().map(|name| name.as_str()));
    if let Types::Of(target) = types {
        names_of_target(target, &kept, &mut names);
    }
    let kept = kept.into_iter().zip(names);
    let column = |(header, name): (&String, String)| {
        let mut all = vec![header.clone()];
        all.extend(renamed.get(header).into_iter().flatten().cloned());
        let dated: Vec<(FileDate, &Profile)> = files
            .iter()
            .flat_map(|(date, file)| file.columns.iter().map(|profile| (*date, profile)))
            .filter(|(_, profile)| all.contains(&profile.name))
            .collect();
        let found: Vec<&Profile> = dated.iter().map(|(_, profile)| *profile).collect();
        let written = Written {
            numbers: numbers(&found, common.as_ref().map(|(mark, _)| *mark)),
            dates: Contradiction::of(dated.into_iter()),
            found: &found,
        };
        let (data_type, reading) = match types {
            Types::Text => ("varchar".to_owned(), None),
            Types::Guessed => guessed(&name, &written),
            Types::Of(target) => of_target(target, &name, &written),
        };
        let cast = match types {
            Types::Of(target) => target.column(&name).filter(|_| is_cast(target, &name)),
            Types::Text | Types::Guessed => None,
        };
        Column {
            refusal: cast.and_then(refusal),
            misfit: cast.and_then(|column| misfit(column, &written)),
            is_guessed_whole: matches!(types, Types::Guessed)
                && (data_type == "bigint" || data_type.ends_with(", 0)")),
            is_personal: is_personal(&column_name(&name))
                || found.iter().any(|profile| is_of_mails(profile)),
            is_unclear: reading.is_some() && found.iter().any(|profile| is_unclear(profile)),
            is_optional: lacking.contains(header),
            doubt: doubt(&written, reading.as_deref(), common.as_ref().map(|(_, told)| &told[..])),
            headers: all,
            name,
            data_type,
            reading,
        }
    };
    let columns = kept.map(column);
    let is_known = |column: &Column| match types {
        Types::Of(target) => target.column(&column.name).is_some_and(|c| !c.is_generated),
        _ => true,
    };
    columns.filter(is_known).collect()
}

/// Puts the names of a target's columns in place of those that files would have in a new table: a name that the
/// table has as it stands in the file, or else one that differs from the file's only in case.
fn names_of_target(target: &Target, headers: &[&String], names: &mut [String]) {
    let is_there = |name: &str| target.column(name).is_some();
    for (header, name) in headers.iter().zip(names.iter_mut()) {
        if is_there(header) {
            (*name).clone_from(header);
        }
    }
    for place in 0..names.len() {
        let own = names[place].clone();
        if is_there(&own) {
            continue;
        }
        let is_alike = |column: &&crate::target::Column| {
            let has = |name: &str| column.name.to_lowercase() == name.to_lowercase();
            (has(headers[place]) || has(&own)) && !names.contains(&column.name)
        };
        let mut alike = target.columns.iter().filter(is_alike);
        if let (Some(column), None) = (alike.next(), alike.next()) {
            names[place].clone_from(&column.name);
        }
    }
}

/// The names of some columns, if there are any.
pub fn named(columns: &[Column], test: fn(&Column) -> bool) -> Option<String> {
    let named: Vec<&str> = columns.iter().filter(|c| test(c)).map(|c| c.name.as_str()).collect();
    (!named.is_empty()).then(|| named.join(", "))
}

/// The decimal mark that the columns of the files have in common, and the names of those that tell it.
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

/// Whether no value tells if the month or the day stands first.
fn is_unclear(profile: &Profile) -> bool {
    profile.kinds.keys().any(|kind| matches!(kind, Kind::Unclear(..)))
}

/// Whether most values are addresses of mail.
fn is_of_mails(profile: &Profile) -> bool {
    let is_mail = |shape: &str| {
        shape.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && !name.contains(' ') && (host.contains('.') || host.ends_with('…'))
        })
    };
    let mails = profile.shapes.iter().filter(|(shape, _)| is_mail(shape));
    mails.map(|(_, rows)| rows).sum::<u64>() * 2 > profile.given.max(1)
}

#[cfg(test)]
mod tests;

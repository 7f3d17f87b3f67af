//! A new dataset, from its files: list → look → mirror and profile some → write down.

use std::collections::{BTreeMap, HashSet};

mod looked;

use super::drift;
use super::drift::calendar::{Oddity, Seen};
use super::init::{self, Scaffold, Types};
use crate::domain::{Dataset, DateRange, FileDate, Finding};
use crate::error::Error;
use crate::mirror::Mirrored;
use crate::profile::{self, FileProfile};
use crate::project::Project;
use crate::source;
use crate::target::Target;
use looked::{Looked, with_settings};

/// How many columns of files a table can have: Postgres allows 1,600, and four are added to those of the files.
const MOST_COLUMNS: usize = 1596;

/// Draws up the files of a new dataset, whose name, prefix and table are given; its key pattern is
/// guessed if it has none.
///
/// # Errors
/// [`Error`]; [`Error::NoDates`] if no key under the prefix has a date.
pub async fn init(project: &Project, dataset: Dataset, is_text: bool) -> Result<Scaffold, Error> {
    let keys = source::keys(&project.source, &dataset.prefix).await?;
    let (keyed, found) = with_key(project, dataset, &keys)?;
    let (dataset, looked) = with_settings(project, keyed, found.dates.range).await?;
    let Looked { drift, mirror, .. } = &looked;
    if mirror.files.is_empty() {
        return Err(none_usable(project, &dataset, drift));
    }
    let (staging, limits) = (&project.staging, project.config.limits);
    let profiles = profile::profiles(staging, &dataset, mirror, limits, &project.progress).await?;
    let files = mirror.files.iter().map(|file| &**file);
    let profiled: Vec<(&Mirrored, &FileProfile)> = files.zip(&profiles).collect();
    let guess = init::likely(staging, &dataset.name, &profiled).await?;
    let target = project.find_target(&dataset).await?;
    let definition = project.define_target(&dataset).await?;
    match &target {
        Some(target) => refuse_other_columns(target, drift)?,
        None => refuse_too_many_columns(&profiled)?,
    }
    let types = match &target {
        Some(target) => Types::Of(target),
        None if is_text => Types::Text,
        None => Types::Guessed,
    };
    Ok(init::scaffold(&init::Findings {
        dataset: &dataset,
        drift,
        seen: &seen(&looked, &dataset, keys.len(), found),
        profiled: &profiled,
        guess,
        rejected: &looked.rejected,
        target: target.as_ref(),
        definition: definition.as_ref(),
        types,
    }))
}

/// What is known of the files besides their columns; `keys` is the number of all keys under the prefix.
fn seen(looked: &Looked, dataset: &Dataset, keys: usize, found: FoundDates) -> init::Seen {
    let FoundDates { dates, is_key_guessed, doubts } = found;
    init::Seen {
        keys,
        dated: dates.count,
        days: dates.days,
        crowded: dates.crowded,
        range: dates.range,
        is_key_guessed,
        key_doubts: doubts,
        unread: init::unread(&looked.ignored, &looked.drift),
        readable: looked.glimpses.read.len(),
        decoded: looked.decoded(),
        unusable_names: looked.unusable_names.clone(),
        around: looked.around.clone(),
        written_otherwise: looked.written_otherwise(&dataset.dialect.aliases),
    }
}

/// Refuses a target that has no column of the files.
fn refuse_other_columns(target: &Target, drift: &drift::Drift) -> Result<(), Error> {
    let mut headers = drift.epochs.iter().flat_map(|epoch| epoch.names.iter());
    if headers.any(|header| has_column(target, header)) {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "{} has none of the files' columns: give the right --table, or one that does not exist yet",
        target.table
    )))
}

/// Whether the target has a column for a header, whatever its case.
fn has_column(target: &Target, header: &str) -> bool {
    let names = [header.to_lowercase(), init::column_name(header)];
    target.columns.iter().any(|column| names.contains(&column.name.to_lowercase()))
}

/// Refuses files whose columns are too many for a table.
fn refuse_too_many_columns(files: &[(&Mirrored, &FileProfile)]) -> Result<(), Error> {
    let names = files.iter().flat_map(|(_, profile)| &profile.columns).map(|column| &column.name);
    let different = names.collect::<HashSet<_>>().len();
    let Some((widest, profile)) = files.iter().max_by_key(|(_, profile)| profile.columns.len())
    else {
        return Ok(());
    };
    if different <= MOST_COLUMNS {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "the files have {different} different columns, {} of them {}, but a table in PostgreSQL can have \
         {MOST_COLUMNS} besides those that are added: give a --key that leaves out files of another kind",
        profile.columns.len(),
        widest.file.key,
    )))
}

fn place(project: &Project, prefix: &str) -> String {
    format!("{}/{prefix}", project.config.source)
}

fn nothing(project: &Project, prefix: &str) -> Error {
    Error::NoFiles { days: None, prefixes: place(project, prefix) }
}

/// Why no file can be used.
fn none_usable(project: &Project, dataset: &Dataset, drift: &drift::Drift) -> Error {
    let reasons: Vec<String> = drift.oddities.iter().filter_map(why_unusable).collect();
    match reasons.is_empty() {
        true => nothing(project, &dataset.prefix),
        false => Error::NoneUsable { place: place(project, &dataset.prefix), reasons },
    }
}

fn why_unusable(oddity: &Oddity) -> Option<String> {
    match oddity {
        Oddity::Seen(Seen::Unreadable { key, reason, .. }) => Some(format!("{key}: {reason}")),
        Oddity::Listed(finding @ Finding::ZeroBytes { .. }) => Some(finding.to_string()),
        _ => None,
    }
}

/// A warning if the staging lies among the exports.
fn staging_within(project: &Project, prefix: &str) -> Option<String> {
    let (source, staging) = (project.source.folder()?, project.staging.folder()?);
    staging.starts_with(source.join(prefix)).then(|| {
        "staging.url is a folder below the prefix, so that its files are listed among the exports and reported as \
         not read: use a folder outside the prefix"
            .to_owned()
    })
}

/// Why no key has a date.
fn undated(project: &Project, prefix: &str, keys: &[String]) -> Error {
    let Some(first) = keys.first() else { return nothing(project, prefix) };
    let (place, count) = (place(project, prefix), keys.len());
    let texts: Vec<&str> = keys.iter().map(String::as_str).collect();
    match init::archives(&texts).len() == count {
        true => Error::Archives { place, keys: count, example: first.clone() },
        false => Error::NoDates { place, keys: count, example: first.clone() },
    }
}

/// The file dates that a key pattern finds.
struct FoundDates {
    dates: Dates,
    /// Whether the pattern is guessed.
    is_key_guessed: bool,
    /// What makes the guess doubtful, and what else a person should know of the keys.
    doubts: Vec<String>,
}

/// The file dates in keys.
struct Dates {
    /// How many keys have one.
    count: usize,
    /// How many different ones there are.
    days: usize,
    /// The date that most keys have, with these keys; `None` if every key has another date.
    crowded: Option<(FileDate, Vec<String>)>,
    /// From the first to the last.
    range: DateRange,
}

/// The dataset with a key pattern, which is guessed if it has none, and the dates that it finds.
///
/// # Errors
/// [`Error::UndecidedDates`]; [`Error::NoFiles`], [`Error::NoDates`] or [`Error::Archives`] if it finds none.
fn with_key(
    project: &Project,
    mut dataset: Dataset,
    keys: &[String],
) -> Result<(Dataset, FoundDates), Error> {
    let is_key_guessed = dataset.key.is_empty();
    let mut doubts = Vec::new();
    if is_key_guessed {
        let keyed = guessed_key(project, &dataset, keys)?;
        dataset.key = keyed.patterns;
        doubts = keyed.doubts;
    }
    doubts.extend(staging_within(project, &dataset.prefix));
    match dates(&dataset, keys) {
        Some(dates) => Ok((dataset, FoundDates { dates, is_key_guessed, doubts })),
        None => Err(undated(project, &dataset.prefix, keys)),
    }
}

fn guessed_key(
    project: &Project,
    dataset: &Dataset,
    keys: &[String],
) -> Result<init::Keyed, Error> {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    init::patterns(&keys).map_err(|init::Undecided { readings }| Error::UndecidedDates {
        place: place(project, &dataset.prefix),
        readings,
    })
}

/// The file dates that the key pattern finds; `None` if it finds none.
fn dates(dataset: &Dataset, keys: &[String]) -> Option<Dates> {
    let mut by_day: BTreeMap<FileDate, Vec<String>> = BTreeMap::new();
    for key in keys {
        let date = dataset.key.iter().find_map(|pattern| pattern.date_of(key));
        if let Some(date) = date {
            by_day.entry(date).or_default().push(key.clone());
        }
    }
    let (first, _) = by_day.first_key_value()?;
    let (last, _) = by_day.last_key_value()?;
    let range = DateRange::between(*first, *last);
    let (count, days) = (by_day.values().map(Vec::len).sum(), by_day.len());
    let crowded = by_day.into_iter().filter(|(_, keys)| keys.len() > 1);
    let crowded = crowded.max_by_key(|(date, keys)| (keys.len(), std::cmp::Reverse(*date)));
    Some(Dates { count, days, crowded, range })
}

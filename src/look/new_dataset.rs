//! A new dataset, from its files: list → look → mirror and profile some → write down.

use std::collections::HashSet;

use backfill_csv::{Encoding, Encodings, Reason};

use super::drift;
use super::drift::calendar::{Oddity, Seen};
use super::init::{self, Scaffold, Types};
use crate::domain::{Dataset, DateRange, FileDate, Finding, KeyMatch};
use crate::error::Error;
use crate::mirror::{self, Mirror, Mirrored, Rejected};
use crate::profile::{self, FileProfile};
use crate::project::Project;
use crate::source::{self, SourceFile};

/// The newest files of the range are looked at whole, so many of them.
const NEWEST: usize = 3;
/// And one of each epoch, of so many.
const EPOCHS: usize = 6;

/// A table of Postgres has at most 1,600 columns; four are added to those of the files.
const MOST_COLUMNS: usize = 1596;

/// Draws up the files of a new dataset, whose name, prefix and table are given; its key pattern is
/// guessed where it has none.
///
/// # Errors
/// [`Error`]; [`Error::NoFiles`] where the prefix holds none with a date.
pub async fn init(project: &Project, dataset: Dataset, is_text: bool) -> Result<Scaffold, Error> {
    let keys = source::keys(&project.source, &dataset.prefix).await?;
    let prefix = dataset.prefix.clone();
    let (dataset, range) = dated(dataset, &keys).ok_or_else(|| match keys.first() {
        None => nothing(project, &prefix),
        Some(first) => Error::NoDates {
            place: place(project, &prefix),
            keys: keys.len(),
            example: first.clone(),
        },
    })?;
    let mut dataset = dataset;
    let mut looked = look_at(project, &dataset, range).await?;
    if looked.is_no_utf8() {
        dataset.dialect.encoding = Encodings::new(vec![Encoding::Utf8, Encoding::Windows1252]);
        looked = look_at(project, &dataset, range).await?;
    }
    let Looked { drift, mirror, rejected, .. } = looked;
    let dataset = &dataset;
    if mirror.files.is_empty() {
        return Err(none_usable(project, dataset, &drift));
    }
    let (staging, limits) = (&project.staging, project.config.limits);
    let profiles = profile::profiles(staging, dataset, &mirror, limits, &project.progress).await?;
    let files = mirror.files.iter().map(|file| &**file);
    let profiled: Vec<(&Mirrored, &FileProfile)> = files.zip(&profiles).collect();
    let guess = init::likely(staging, &dataset.name, &profiled).await?;
    let target = project.find_target(dataset).await?;
    let definition = project.define_target(dataset).await?;
    if target.is_none() {
        fits_a_table(&profiled)?;
    }
    let types = match &target {
        Some(target) => Types::Of(target),
        None if is_text => Types::Text,
        None => Types::Guessed,
    };
    Ok(init::scaffold(&init::Findings {
        dataset,
        drift: &drift,
        profiled: &profiled,
        guess,
        rejected: &rejected,
        target: target.as_ref(),
        definition: definition.as_ref(),
        types,
    }))
}

/// What the files of a dataset are like.
struct Looked {
    drift: drift::Drift,
    /// Some of the files.
    mirror: Mirror,
    /// The records of these that cannot be read.
    rejected: Vec<Rejected>,
    /// How many files have a header that is no text.
    no_text: usize,
}

impl Looked {
    /// Whether most records, or where there are none most headers, are not UTF-8.
    fn is_no_utf8(&self) -> bool {
        let no_text = Reason::Encoding.to_string();
        let rejects = self.rejected.iter().filter(|rejected| rejected.reason == no_text);
        let rejects: u64 = rejects.map(|rejected| rejected.records).sum();
        let records: u64 = self.mirror.files.iter().map(|file| file.note.summary.records).sum();
        match records {
            0 => self.no_text > self.mirror.files.len(),
            records => rejects * 2 > records,
        }
    }
}

/// Looks at the first bytes of every file, and at some files whole.
async fn look_at(project: &Project, dataset: &Dataset, range: DateRange) -> Result<Looked, Error> {
    let mut listing = source::survey(&project.source, dataset, range).await?;
    let glimpses = drift::look(&project.source, dataset, &listing).await?;
    let drift = drift::drift(dataset, &listing, &glimpses);
    listing.files = chosen(&drift, glimpses.read.iter().map(|glimpse| &glimpse.file));
    let (source, staging, limits) = (&project.source, &project.staging, project.config.limits);
    let mirror =
        mirror::mirror(source, staging, dataset, listing, limits, &project.progress).await?;
    let rejected = mirror::rejected(staging, &mirror).await?;
    Ok(Looked { drift, mirror, rejected, no_text: glimpses.no_text })
}

/// Whether a table can have all the columns of the files.
fn fits_a_table(files: &[(&Mirrored, &FileProfile)]) -> Result<(), Error> {
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
        "the files have {different} different columns, {} of them {}, and a table of Postgres holds \
         {MOST_COLUMNS} beside those that are added: give a --key that leaves out files of another kind",
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
    let reason = |oddity: &Oddity| match oddity {
        Oddity::Seen(Seen::Unreadable { key, reason }) => Some(format!("{key}: {reason}")),
        Oddity::Listed(finding @ Finding::ZeroBytes { .. }) => Some(finding.to_string()),
        _ => None,
    };
    let reasons: Vec<String> = drift.oddities.iter().filter_map(reason).collect();
    match reasons.is_empty() {
        true => nothing(project, &dataset.prefix),
        false => Error::NoneUsable { place: place(project, &dataset.prefix), reasons },
    }
}

/// The dataset with a key pattern, and the first and last day that it finds.
fn dated(mut dataset: Dataset, keys: &[String]) -> Option<(Dataset, DateRange)> {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    if dataset.key.is_empty() {
        dataset.key = vec![init::guess(&keys)?];
    }
    let dates = keys.iter().filter_map(|key| {
        dataset.key.iter().find_map(|pattern| match pattern.read(key) {
            KeyMatch::Date(date) => Some(date),
            _ => None,
        })
    });
    let dates: Vec<FileDate> = dates.collect();
    let range = DateRange::new(*dates.iter().min()?, *dates.iter().max()?).ok()?;
    Some((dataset, range))
}

/// The newest files, and one of each of the newest epochs, in their order.
fn chosen<'a>(
    drift: &drift::Drift,
    files: impl DoubleEndedIterator<Item = &'a SourceFile> + ExactSizeIterator + Clone,
) -> Vec<SourceFile> {
    let newest = files.len().saturating_sub(NEWEST);
    let firsts: Vec<&String> =
        drift.epochs.iter().rev().take(EPOCHS).filter_map(|epoch| epoch.keys.first()).collect();
    let is_chosen =
        |(place, file): &(usize, &SourceFile)| *place >= newest || firsts.contains(&&file.key);
    files.enumerate().filter(is_chosen).map(|(_, file)| file.clone()).collect()
}

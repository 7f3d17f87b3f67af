//! A new dataset, from its files: list → look → mirror and profile some → write down.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use backfill_csv::{Encoding, Encodings, Reason, UnusableNames};

use super::drift::around::FileAround;
use super::drift::calendar::{Oddity, Seen};
use super::drift::{self, Glimpses};
use super::init::{self, Scaffold, Types};
use crate::domain::{Dataset, DateRange, ErrorKind, Explain, FileDate, Finding};
use crate::error::Error;
use crate::mirror::{self, Mirror, Mirrored, Rejected};
use crate::profile::{self, FileProfile};
use crate::project::Project;
use crate::source::{self, Ignored, Listing, SourceFile};
use crate::target::Target;

/// The newest files of the range are looked at whole, so many of them.
const NEWEST: usize = 3;
/// And one of each epoch, of so many.
const EPOCHS: usize = 6;

/// From this many records on that are not UTF-8, files may be in another encoding.
const NOT_UTF8: u64 = 2;

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
    let is_key_guessed = dataset.key.is_empty();
    let (dataset, mut doubts) = with_key(project, dataset, &keys)?;
    doubts.extend(staging_within(project, &prefix));
    let dates = dates(&dataset, &keys).ok_or_else(|| undated(project, &prefix, &keys))?;
    let (dataset, looked) = with_settings(project, dataset, dates.range).await?;
    let dataset = &dataset;
    let Looked { drift, mirror, rejected, .. } = &looked;
    if mirror.files.is_empty() {
        return Err(none_usable(project, dataset, drift));
    }
    let (staging, limits) = (&project.staging, project.config.limits);
    let profiles = profile::profiles(staging, dataset, mirror, limits, &project.progress).await?;
    let files = mirror.files.iter().map(|file| &**file);
    let profiled: Vec<(&Mirrored, &FileProfile)> = files.zip(&profiles).collect();
    let guess = init::likely(staging, &dataset.name, &profiled).await?;
    let target = project.find_target(dataset).await?;
    let definition = project.define_target(dataset).await?;
    if target.is_none() {
        fits_a_table(&profiled)?;
    }
    if let Some(target) = &target {
        has_columns(target, drift)?;
    }
    let types = match &target {
        Some(target) => Types::Of(target),
        None if is_text => Types::Text,
        None => Types::Guessed,
    };
    let seen = init::Seen {
        keys: keys.len(),
        dated: dates.count,
        days: dates.days,
        crowded: dates.crowded,
        range: dates.range,
        is_key_guessed,
        key_doubts: doubts,
        unread: init::unread(&looked.ignored, drift),
        readable: looked.glimpses.read.len(),
        decoded: looked.decoded(),
        unusable_names: looked.unusable_names.clone(),
        around: looked.around.clone(),
        written_otherwise: looked.written_otherwise(&dataset.dialect.aliases),
    };
    Ok(init::scaffold(&init::Findings {
        dataset,
        drift,
        seen: &seen,
        profiled: &profiled,
        guess,
        rejected,
        target: target.as_ref(),
        definition: definition.as_ref(),
        types,
    }))
}

/// What the files of a dataset are like.
struct Looked {
    drift: drift::Drift,
    glimpses: Glimpses,
    /// The keys that are no file of the dataset.
    ignored: Vec<Ignored>,
    /// Some of the files.
    mirror: Mirror,
    /// The records of these that cannot be read.
    rejected: Vec<Rejected>,
    /// The files with a column without a name, or with that of another, whatever the settings.
    unusable_names: Vec<String>,
    /// What stands around the tables of files, whatever the settings.
    around: Vec<FileAround>,
}

impl Looked {
    /// What the files are like with other settings; what is so whatever the settings is kept.
    async fn again(
        self,
        project: &Project,
        dataset: &Dataset,
        range: DateRange,
    ) -> Result<Self, Error> {
        let again = look_at(project, dataset, range).await?;
        let Self { unusable_names, around, .. } = self;
        Ok(Self { unusable_names, around, ..again })
    }

    /// Whether no fewer files are read than another time, and no more records rejected.
    fn is_no_worse_than(&self, other: &Self) -> bool {
        let rejected = |looked: &Self| looked.rejected.iter().map(|r| r.records).sum::<u64>();
        self.glimpses.read.len() >= other.glimpses.read.len()
            && self.mirror.files.len() >= other.mirror.files.len()
            && rejected(self) <= rejected(other)
    }

    /// Whether a header or several records are not UTF-8.
    fn is_not_utf8(&self) -> bool {
        let not_text = Reason::Encoding.to_string();
        let rejected = self.rejected.iter().filter(|rejected| rejected.reason == not_text);
        let records: u64 = rejected.map(|rejected| rejected.records).sum();
        !self.glimpses.no_text.is_empty() || records >= NOT_UTF8
    }

    /// The files that are read in an encoding that only the settings name.
    fn decoded(&self) -> Vec<String> {
        let is_decoded = |encoding: &str| encoding == Encoding::Windows1252.name();
        let first = self.glimpses.read.iter();
        let first = first.filter(|glimpse| is_decoded(&glimpse.format.encoding));
        let whole = self.mirror.files.iter();
        let whole = whole.filter(|mirrored| is_decoded(&mirrored.note.summary.encoding));
        let keys = first.map(|glimpse| &glimpse.file.key).chain(whole.map(|file| &file.file.key));
        keys.collect::<BTreeSet<_>>().into_iter().cloned().collect()
    }

    /// By the name of a column, how many files write another of its names.
    fn written_otherwise(
        &self,
        aliases: &BTreeMap<String, Vec<String>>,
    ) -> BTreeMap<String, usize> {
        let count = |others: &Vec<String>| {
            let files = self.glimpses.read.iter();
            files.filter(|file| file.format.header.iter().any(|name| others.contains(name))).count()
        };
        aliases.iter().map(|(name, others)| (name.clone(), count(others))).collect()
    }
}

/// Looks at the files, and again with each setting of `csv` that they ask for.
async fn with_settings(
    project: &Project,
    mut dataset: Dataset,
    range: DateRange,
) -> Result<(Dataset, Looked), Error> {
    let mut looked = look_at(project, &dataset, range).await?;
    if looked.is_not_utf8() {
        let mut other = dataset.clone();
        other.dialect.encoding = Encodings::new(vec![Encoding::Utf8, Encoding::Windows1252]);
        let again = look_at(project, &other, range).await?;
        // A few faulty bytes in a file of UTF-8 are no other encoding.
        if !again.decoded().is_empty() {
            (dataset, looked) = (other, again);
        }
    }
    let files = looked.glimpses.read.len() + looked.glimpses.unreadable.len();
    if let Some(dialect) = init::settled(&dataset.dialect, &looked.around, files) {
        let other = Dataset { dialect, ..dataset.clone() };
        let again = look_at(project, &other, range).await?;
        if again.is_no_worse_than(&looked) {
            let around = looked.around;
            (dataset, looked) = (other, Looked { around, ..again });
        }
    }
    if looked.unusable_names.len() > looked.glimpses.read.len() {
        dataset.dialect.unusable_names = UnusableNames::Suffix;
        looked = looked.again(project, &dataset, range).await?;
    }
    let epochs = looked.drift.epochs.iter().rev();
    let aliases = init::aliases(epochs.map(|epoch| epoch.names.as_ref()));
    if !aliases.is_empty() {
        dataset.dialect.aliases = aliases;
        looked = looked.again(project, &dataset, range).await?;
    }
    Ok((dataset, looked))
}

/// Looks at the first bytes of every file, and at some files whole.
async fn look_at(project: &Project, dataset: &Dataset, range: DateRange) -> Result<Looked, Error> {
    let mut listing = source::survey(&project.source, dataset, range).await?;
    let mut glimpses = drift::look(&project.source, dataset, &listing).await?;
    let strangers = leave_out_strangers(&mut glimpses);
    listing.files.retain(|file| !strangers.contains(&file.key));
    let mut drift = drift::drift(dataset, &listing, &glimpses);
    let strangers = strangers.into_iter().map(|key| Unreadable { key, reason: STRANGE.to_owned() });
    drift.oddities.extend(strangers.map(|stranger| Oddity::Seen(stranger.into())));
    let ignored = listing.ignored.clone();
    listing.files = chosen(&drift, glimpses.read.iter().map(|glimpse| &glimpse.file));
    let mirror = loop {
        match mirrored(project, dataset, &listing).await? {
            Ok(mirror) => break mirror,
            Err(unreadable) => {
                listing.files.retain(|file| file.key != unreadable.key);
                drift.oddities.push(Oddity::Seen(unreadable.into()));
            }
        }
    };
    let rejected = mirror::rejected(&project.staging, &mirror).await?;
    let (unusable_names, around) = (glimpses.unusable_names.clone(), glimpses.around.clone());
    Ok(Looked { drift, glimpses, ignored, mirror, rejected, unusable_names, around })
}

/// Takes the files out that are none of the dataset; returns their keys.
fn leave_out_strangers(glimpses: &mut Glimpses) -> Vec<String> {
    let headers = glimpses.read.iter().map(|glimpse| glimpse.names.as_ref());
    let strangers = init::strangers(headers).into_iter();
    let keys: Vec<String> = strangers.map(|index| glimpses.read[index].file.key.clone()).collect();
    glimpses.read.retain(|glimpse| !keys.contains(&glimpse.file.key));
    keys
}

/// Why a stranger is not read.
const STRANGE: &str =
    "its columns are not those of most files, so that it may be an error page or another export";

/// A file that is not read, or not to its end.
struct Unreadable {
    key: String,
    reason: String,
}

impl From<Unreadable> for Seen {
    fn from(Unreadable { key, reason }: Unreadable) -> Self {
        Self::Unreadable { key, reason, hint: None }
    }
}

/// The mirrors of the files of a listing, or the first of them that is refused.
async fn mirrored(
    project: &Project,
    dataset: &Dataset,
    listing: &Listing,
) -> Result<Result<Mirror, Unreadable>, Error> {
    let (source, staging, limits) = (&project.source, &project.staging, project.config.limits);
    let files = listing.clone();
    let made = mirror::mirror(source, staging, dataset, files, limits, &project.progress).await;
    match made {
        Err(mirror::Error::Read { file, source }) => {
            let refused = listing.files.iter().find(|listed| listed.name == file);
            let reason = source.to_string();
            let error = mirror::Error::Read { file, source };
            match refused.filter(|_| error.kind() == ErrorKind::Refused) {
                Some(refused) => Ok(Err(Unreadable { key: refused.key.clone(), reason })),
                None => Err(error.into()),
            }
        }
        made => Ok(Ok(made?)),
    }
}

/// Whether the target has a column of the files.
fn has_columns(target: &Target, drift: &drift::Drift) -> Result<(), Error> {
    let mut names = drift.epochs.iter().flat_map(|epoch| epoch.names.iter());
    let is_there = |name: &String| {
        let names = [name.to_lowercase(), init::column_name(name)];
        target.columns.iter().any(|column| names.contains(&column.name.to_lowercase()))
    };
    if names.any(is_there) {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "{} has no column of the files: give the --table that is theirs, or one that is not there yet",
        target.table
    )))
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
        Oddity::Seen(Seen::Unreadable { key, reason, .. }) => Some(format!("{key}: {reason}")),
        Oddity::Listed(finding @ Finding::ZeroBytes { .. }) => Some(finding.to_string()),
        _ => None,
    };
    let reasons: Vec<String> = drift.oddities.iter().filter_map(reason).collect();
    match reasons.is_empty() {
        true => nothing(project, &dataset.prefix),
        false => Error::NoneUsable { place: place(project, &dataset.prefix), reasons },
    }
}

/// What a person should know if the staging lies among the exports.
fn staging_within(project: &Project, prefix: &str) -> Option<String> {
    let (source, staging) = (project.source.folder()?, project.staging.folder()?);
    staging.starts_with(source.join(prefix)).then(|| {
        "staging.url is a folder below the prefix, so that its files are listed among the exports and named as not \
         read: another folder, beside that of the exports, keeps them apart"
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

/// The file dates in keys.
struct Dates {
    /// How many keys have one.
    count: usize,
    /// How many different ones there are.
    days: usize,
    /// The keys of the date that most have, if more than one has it.
    crowded: Option<(FileDate, Vec<String>)>,
    /// From the first to the last.
    range: DateRange,
}

/// The dataset with a key pattern, which is guessed if it has none, and what makes the guess doubtful.
///
/// # Errors
/// [`Error::UndecidedDates`].
fn with_key(
    project: &Project,
    mut dataset: Dataset,
    keys: &[String],
) -> Result<(Dataset, Vec<String>), Error> {
    if !dataset.key.is_empty() {
        return Ok((dataset, Vec::new()));
    }
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    match init::patterns(&keys) {
        Ok(keyed) => {
            dataset.key = keyed.patterns;
            Ok((dataset, keyed.doubts))
        }
        Err(init::Undecided { readings }) => {
            Err(Error::UndecidedDates { place: place(project, &dataset.prefix), readings })
        }
    }
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

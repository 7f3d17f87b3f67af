//! What the files of a new dataset are **looked** at for: their formats and records, and the settings of `csv` that
//! they need.

use std::collections::{BTreeMap, BTreeSet};

use backfill_csv::{Encoding, Encodings, Reason, UnusableNames};

use crate::domain::{Dataset, DateRange, ErrorKind, Explain};
use crate::error::Error;
use crate::look::drift::around::FileAround;
use crate::look::drift::calendar::{Oddity, Seen};
use crate::look::drift::{self, Glimpses};
use crate::look::init;
use crate::mirror::{self, Mirror, Rejected};
use crate::project::Project;
use crate::source::{self, Ignored, Listing, SourceFile};

/// How many of the newest files are read whole.
const NEWEST: usize = 3;
/// Of how many of the newest epochs one file is read whole.
const EPOCHS: usize = 6;

/// From this many records on that are not UTF-8, files may be in another encoding.
const NOT_UTF8: u64 = 2;

/// What the files of a dataset are like.
pub(super) struct Looked {
    /// How their formats change.
    pub drift: drift::Drift,
    /// Their first bytes.
    pub glimpses: Glimpses,
    /// The keys that are not a file of the dataset.
    pub ignored: Vec<Ignored>,
    /// Some of the files, read whole.
    pub mirror: Mirror,
    /// The records of these that cannot be read.
    pub rejected: Vec<Rejected>,
    /// The files with blank or duplicate names of columns, as they were before any setting.
    pub unusable_names: Vec<String>,
    /// The lines around the tables of files, as they were before any setting.
    pub around: Vec<FileAround>,
}

impl Looked {
    /// Looks again with other settings, and keeps what was found before any setting.
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

    /// Whether at least as many files are read as with other settings, and at most as many records rejected.
    fn is_as_good_as(&self, other: &Self) -> bool {
        self.glimpses.read.len() >= other.glimpses.read.len()
            && self.mirror.files.len() >= other.mirror.files.len()
            && self.rejected_records() <= other.rejected_records()
    }

    fn rejected_records(&self) -> u64 {
        self.rejected.iter().map(|rejected| rejected.records).sum()
    }

    /// Whether a header or several records are not UTF-8.
    fn is_not_utf8(&self) -> bool {
        let not_text = Reason::Encoding.to_string();
        let rejected = self.rejected.iter().filter(|rejected| rejected.reason == not_text);
        let records: u64 = rejected.map(|rejected| rejected.records).sum();
        !self.glimpses.no_text.is_empty() || records >= NOT_UTF8
    }

    /// The files that are not UTF-8, and are read in the encoding that was set for them.
    pub(super) fn decoded(&self) -> Vec<String> {
        let first = self.glimpses.read.iter();
        let first = first.filter(|glimpse| is_decoded(&glimpse.format.encoding));
        let whole = self.mirror.files.iter();
        let whole = whole.filter(|mirrored| is_decoded(&mirrored.note.summary.encoding));
        let keys = first.map(|glimpse| &glimpse.file.key).chain(whole.map(|file| &file.file.key));
        keys.collect::<BTreeSet<_>>().into_iter().cloned().collect()
    }

    /// By the name of a column, how many files write another of its names.
    pub(super) fn written_otherwise(
        &self,
        aliases: &BTreeMap<String, Vec<String>>,
    ) -> BTreeMap<String, usize> {
        aliases.iter().map(|(name, others)| (name.clone(), self.files_with_any(others))).collect()
    }

    /// How many files have a column of one of these names.
    fn files_with_any(&self, names: &[String]) -> usize {
        let files = self.glimpses.read.iter();
        files.filter(|file| file.format.header.iter().any(|name| names.contains(name))).count()
    }
}

fn is_decoded(encoding: &str) -> bool {
    encoding == Encoding::Windows1252.name()
}

/// Looks at the files, and again with each setting of `csv` that they need; returns the dataset with these settings.
pub(super) async fn with_settings(
    project: &Project,
    mut dataset: Dataset,
    range: DateRange,
) -> Result<(Dataset, Looked), Error> {
    let mut looked = look_at(project, &dataset, range).await?;
    if looked.is_not_utf8() {
        let mut other = dataset.clone();
        other.dialect.encoding = Encodings::new(vec![Encoding::Utf8, Encoding::Windows1252]);
        let again = look_at(project, &other, range).await?;
        // A few faulty bytes in a file of UTF-8 do not make it one of another encoding.
        if !again.decoded().is_empty() {
            (dataset, looked) = (other, again);
        }
    }
    let files = looked.glimpses.read.len() + looked.glimpses.unreadable.len();
    if let Some(dialect) = init::settled(&dataset.dialect, &looked.around, files) {
        let other = Dataset { dialect, ..dataset.clone() };
        let again = look_at(project, &other, range).await?;
        if again.is_as_good_as(&looked) {
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

/// Takes out the files that do not belong to the dataset; returns their keys.
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

/// A file that cannot be read, or not to its end.
struct Unreadable {
    key: String,
    reason: String,
}

impl From<Unreadable> for Seen {
    fn from(Unreadable { key, reason }: Unreadable) -> Self {
        Self::Unreadable { key, reason, hint: None }
    }
}

/// The mirrors of the files of a listing, or the first file that is refused.
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

/// The newest files, and one of each of the newest epochs, in their order.
fn chosen<'a>(
    drift: &drift::Drift,
    files: impl DoubleEndedIterator<Item = &'a SourceFile> + ExactSizeIterator + Clone,
) -> Vec<SourceFile> {
    let newest = files.len().saturating_sub(NEWEST);
    let firsts: Vec<&String> =
        drift.epochs.iter().rev().take(EPOCHS).filter_map(|epoch| epoch.keys.first()).collect();
    files
        .enumerate()
        .filter(|(place, file)| *place >= newest || firsts.contains(&&file.key))
        .map(|(_, file)| file.clone())
        .collect()
}

//! **Drift** is what changes in a dataset's files from day to day. It is looked for before anything
//! is loaded, in the first bytes of each file.
//!
//! A **format** is a header with its dialect; an **epoch** the dates over which a format held. Between
//! neighbouring epochs, [`Change`]s say what was added, removed, renamed (a guess), moved or written
//! in another way; [`Fit`] says what the dataset's SQL and its target make of each epoch; the
//! [`calendar`] says what is odd about days and sizes.

pub mod around;
pub mod calendar;
mod change;
pub mod content;
mod epoch;
mod fit;
mod glimpse;
mod instance;
mod proposal;
mod records;
pub mod same;

use futures::stream::{self, StreamExt};
use serde::Serialize;

use around::FileAround;
pub use change::Change;
pub use content::Content;
pub use epoch::{Epoch, epochs, spans};
pub use fit::{EpochFit, Failure, Fit, TargetSeen, fit};
pub use glimpse::{Format, Glimpse, Look, glimpse, glimpse_around};
pub use instance::{Instance, instances};
pub use proposal::{contradictions, propose, propose_dates};
pub use records::{OtherWidth, Records, over_limit};

use crate::domain::{Dataset, DateRange, Explain, Finding, ZeroByteFiles};
use crate::mirror::{self, Rejected};
use crate::source::Listing;
use crate::store::Store;
use calendar::{Oddity, Seen};

/// Files whose first bytes are read at once.
const AT_ONCE: usize = 16;

/// What changed in a dataset's files over a range.
#[derive(Clone, Debug, Serialize)]
pub struct Drift {
    /// The dataset.
    pub dataset: String,
    /// Its prefix.
    pub prefix: String,
    /// The range.
    pub range: DateRange,
    /// How many files there are.
    pub files: usize,
    /// The formats, each once.
    pub formats: Vec<Format>,
    /// The epochs, in order.
    pub epochs: Vec<Epoch>,
    /// What is odd about days, sizes and files.
    pub oddities: Vec<Oddity>,
    /// The rejected records among those that were read.
    pub rejects: Vec<Rejected>,
    /// Whether all records were read, and not only the first ones of each file.
    pub are_all_read: bool,
    /// What a run over the range refuses, beside files that cannot be read: objects of no bytes, files that
    /// are not exports, and with the content looked at, more rejects than are allowed.
    pub refusals: Vec<String>,
    /// What the SQL and the target make of it; nothing where the dataset has no SQL yet, or no file.
    pub fit: Option<Fit>,
    /// Lines of `stage.sql` that would bring the epochs together.
    pub proposal: Vec<String>,
    /// What there is of the kinds of drift that were asked for; nothing if none were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<Vec<Instance>>,
    /// How the content of the files differs; nothing where only their first bytes were read.
    pub content: Option<Content>,
}

impl Drift {
    /// Whether the format or the content of files changes.
    pub fn has_changed(&self) -> bool {
        let content = self.content.as_ref();
        let differs =
            |content: &Content| !content.findings.is_empty() || !content.contradictions.is_empty();
        self.epochs.len() > 1 || content.is_some_and(differs)
    }

    /// Puts what the rows of files tell in place of what their first bytes told. Files outside the range may be
    /// among them, to compare with.
    pub fn replace_by_rows(&mut self, files: &[content::Profiled<'_>]) {
        let rows = calendar::rows(files, self.range, &self.oddities);
        self.replace_same(same::by_rows(files));
        self.oddities.extend(rows.into_iter().map(Oddity::Seen));
    }

    /// Puts files with the same content in place of those that were found before, as far as they are in the range.
    pub fn replace_same(&mut self, same: Vec<Seen>) {
        self.oddities.retain(|oddity| !matches!(oddity, Oddity::Seen(Seen::SameContent { .. })));
        let range = self.range;
        let is_in_range =
            |seen: &Seen| matches!(seen, Seen::SameContent { date, .. } if range.contains(*date));
        self.oddities.extend(same.into_iter().filter(is_in_range).map(Oddity::Seen));
    }

    /// Puts files whose dates are far from their own in place of those that were found before, as far as they are
    /// among these.
    pub fn replace_dates_far_away(&mut self, far: Vec<Seen>, files: &[Glimpse]) {
        self.oddities.retain(|oddity| !matches!(oddity, Oddity::Seen(Seen::DatesFarAway { .. })));
        let is_among = |seen: &Seen| matches!(seen, Seen::DatesFarAway { key, .. } if files.iter().any(|file| file.file.key == *key));
        self.oddities.extend(far.into_iter().filter(is_among).map(Oddity::Seen));
    }

    /// Whether anything here would stop a run.
    pub fn stops_a_run(&self) -> bool {
        self.is_unusable() || !self.refusals.is_empty()
    }

    /// How many files cannot be read.
    pub fn unreadable(&self) -> usize {
        let unreadable = |oddity: &&Oddity| matches!(oddity, Oddity::Seen(Seen::Unreadable { .. }));
        self.oddities.iter().filter(unreadable).count()
    }

    /// Whether files cannot be read, or the SQL does not fit them.
    pub fn is_unusable(&self) -> bool {
        self.unreadable() > 0 || self.fit.as_ref().is_some_and(|fit| !fit.failures.is_empty())
    }
}

/// What the first bytes of a listing's files told.
#[derive(Default)]
pub struct Glimpses {
    /// The files that can be read, by file date, then key.
    pub read: Vec<Glimpse>,
    /// The files that cannot.
    pub unreadable: Vec<Oddity>,
    /// Those of these whose header is no text in the dataset's encoding.
    pub no_text: Vec<String>,
    /// Those of these of which a column has no name, or that of another.
    pub unusable_names: Vec<String>,
    /// What stands around the tables of files, whether these can be read or not.
    pub around: Vec<FileAround>,
}

/// Reads the start of every file of a listing, several at once.
///
/// # Errors
/// [`mirror::Error`] where the store fails; a file that cannot be used is a finding.
pub async fn look(
    store: &Store,
    dataset: &Dataset,
    listing: &Listing,
) -> Result<Glimpses, mirror::Error> {
    let results: Vec<_> = stream::iter(&listing.files)
        .map(|file| async move {
            let mut around = None;
            let glimpse = glimpse_around(store, dataset, file, &mut around).await;
            (file, glimpse, around)
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    let mut glimpses = Glimpses::default();
    for (file, result, around) in results {
        let key = file.key.clone();
        glimpses.around.extend(around.map(|around| FileAround { key, around }));
        match result {
            Ok(mut glimpse) => {
                // Neighbours mostly have one format: it is kept once.
                if let Some(before) = glimpses.read.last() {
                    glimpse.share_format(before);
                }
                glimpses.read.push(glimpse);
            }
            Err(error) if error.is_about_the_store() => return Err(error),
            Err(error) => {
                if error.is_about_the_encoding() {
                    glimpses.no_text.push(file.key.clone());
                }
                if error.is_about_unusable_names() {
                    glimpses.unusable_names.push(file.key.clone());
                }
                let (key, reason, hint) = (file.key.clone(), why_unreadable(&error), error.hint());
                glimpses.unreadable.push(Oddity::Seen(Seen::Unreadable { key, reason, hint }));
            }
        }
    }
    Ok(glimpses)
}

/// Why a file cannot be read, with every cause.
fn why_unreadable(error: &mirror::Error) -> String {
    if let Some(damage) = error.damage() {
        return damage;
    }
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    if causes.is_empty() { error.to_string() } else { causes.join(": ") }
}

/// Sorts the files of a listing into epochs and says what changed.
pub fn drift(dataset: &Dataset, listing: &Listing, glimpses: &Glimpses) -> Drift {
    let (epochs, formats) = epochs(&glimpses.read);
    let mut oddities = calendar::oddities(listing, &glimpses.read);
    oddities.extend(glimpses.unreadable.iter().cloned());
    oddities
        .extend(around::seen(&glimpses.around, listing.files.len()).into_iter().map(Oddity::Seen));
    let is_empty = |finding: &&Finding| matches!(finding, Finding::ZeroBytes { .. });
    let empty = listing.findings.iter().filter(is_empty);
    let refusals = match dataset.zero_byte_files {
        ZeroByteFiles::Refuse => empty.map(ToString::to_string).collect(),
        ZeroByteFiles::Skip => Vec::new(),
    };
    Drift {
        dataset: dataset.name.clone(),
        prefix: dataset.prefix.clone(),
        range: listing.range,
        files: listing.files.len(),
        formats,
        epochs,
        oddities,
        rejects: records::rejected(&glimpses.read),
        are_all_read: false,
        refusals,
        fit: None,
        proposal: Vec::new(),
        instances: None,
        content: None,
    }
}

//! **Drift** is what changes in a dataset's files from day to day. It is searched for before anything is loaded, in
//! the first bytes of each file.
//!
//! A **format** is a header with its dialect. An **epoch** is a span of file dates with the same format. [`Change`]s
//! say what was added, removed, renamed (a guess), moved or written in another way between two neighbouring epochs.
//! [`Fit`] says how the dataset's SQL and its target fit each epoch. The [`calendar`] says which days and sizes are
//! odd.

pub mod around;
pub mod calendar;
mod change;
pub mod content;
mod dialect;
mod epoch;
#[cfg(test)]
mod examples;
mod fit;
mod glimpse;
mod instance;
mod proposal;
mod records;
pub mod same;

use std::collections::HashSet;

use futures::stream::{self, StreamExt};
use serde::Serialize;

use around::FileAround;
pub use change::Change;
pub use content::Content;
pub use epoch::{Epoch, epochs, spans};
pub use fit::{EpochFit, Failure, Fit, Planner, TargetSeen, fit};
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
    /// What a run over the range would refuse, besides files that cannot be read: objects of no bytes, files that are
    /// not exports, and more rejects than are allowed.
    pub refusals: Vec<String>,
    /// How the SQL and the target fit the files; `None` if the dataset has no SQL yet, or no file.
    pub fit: Option<Fit>,
    /// Lines of `stage.sql` that would bring the epochs together.
    pub proposal: Vec<String>,
    /// The instances of the requested kinds of drift; `None` if no kinds were requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<Vec<Instance>>,
    /// How the content of the files differs; `None` if only their first bytes were read.
    pub content: Option<Content>,
}

impl Drift {
    /// Whether the format or the content of files changes.
    pub fn has_changed(&self) -> bool {
        self.epochs.len() > 1 || self.content.as_ref().is_some_and(Content::has_changed)
    }

    /// Replaces what was found in the first bytes of files by what is found in their rows. Files outside the range may
    /// be among them, to compare with.
    pub fn replace_by_rows(&mut self, files: &[content::Profiled<'_>]) {
        let rows = calendar::rows(files, self.range, &self.oddities);
        self.replace_same(same::by_rows(files));
        self.oddities.extend(rows.into_iter().map(Oddity::Seen));
    }

    /// Replaces the files with the same content that were found before. Those outside the range are left out.
    pub fn replace_same(&mut self, same: Vec<Seen>) {
        self.oddities.retain(|oddity| !matches!(oddity, Oddity::Seen(Seen::SameContent { .. })));
        for seen in same {
            if matches!(&seen, Seen::SameContent { date, .. } if self.range.contains(*date)) {
                self.oddities.push(Oddity::Seen(seen));
            }
        }
    }

    /// Replaces the files with far dates that were found before. Those that are not among `files` are left out.
    pub fn replace_dates_far_away(&mut self, far: Vec<Seen>, files: &[Glimpse]) {
        self.oddities.retain(|oddity| !matches!(oddity, Oddity::Seen(Seen::DatesFarAway { .. })));
        let keys: HashSet<&str> = files.iter().map(|glimpse| glimpse.file.key.as_str()).collect();
        for seen in far {
            if matches!(&seen, Seen::DatesFarAway { key, .. } if keys.contains(key.as_str())) {
                self.oddities.push(Oddity::Seen(seen));
            }
        }
    }

    /// Whether anything here would stop a run.
    pub fn stops_a_run(&self) -> bool {
        self.is_unusable() || !self.refusals.is_empty()
    }

    /// Returns how many files cannot be read.
    pub fn unreadable(&self) -> usize {
        self.oddities
            .iter()
            .filter(|oddity| matches!(oddity, Oddity::Seen(Seen::Unreadable { .. })))
            .count()
    }

    /// Whether files cannot be read, or the SQL does not fit them.
    pub fn is_unusable(&self) -> bool {
        self.unreadable() > 0 || self.fit.as_ref().is_some_and(|fit| !fit.failures.is_empty())
    }
}

/// What is known of a listing's files by their first bytes.
#[derive(Default)]
pub struct Glimpses {
    /// The files that can be read, by file date, then key.
    pub read: Vec<Glimpse>,
    /// The files that cannot be read.
    pub unreadable: Vec<Oddity>,
    /// The unreadable files whose header is not text in the dataset's encoding.
    pub no_text: Vec<String>,
    /// The unreadable files with a column that has no name, or the name of another column.
    pub unusable_names: Vec<String>,
    /// What stands around the tables of files, readable or not.
    pub around: Vec<FileAround>,
}

/// Reads the start of every file of a listing, several at once.
///
/// # Errors
/// [`mirror::Error`] if the store fails. A file that cannot be used is a finding.
pub async fn look(
    store: &Store,
    dataset: &Dataset,
    listing: &Listing,
) -> Result<Glimpses, mirror::Error> {
    let results: Vec<_> = stream::iter(&listing.files)
        .map(|file| async move { (file, glimpse_around(store, dataset, file).await) })
        .buffered(AT_ONCE)
        .collect()
        .await;
    let mut glimpses = Glimpses::default();
    for (file, (glimpse, around)) in results {
        let key = file.key.clone();
        glimpses.around.extend(around.map(|around| FileAround { key, around }));
        match glimpse {
            Ok(glimpse) => glimpses.add(glimpse),
            Err(error) if error.is_about_the_store() => return Err(error),
            Err(error) => glimpses.add_unreadable(&file.key, &error),
        }
    }
    Ok(glimpses)
}

impl Glimpses {
    fn add(&mut self, mut glimpse: Glimpse) {
        // Most neighbours have the same format: it is kept once.
        if let Some(before) = self.read.last() {
            glimpse.share_format(before);
        }
        self.read.push(glimpse);
    }

    fn add_unreadable(&mut self, key: &str, error: &mirror::Error) {
        if error.is_about_the_encoding() {
            self.no_text.push(key.to_owned());
        }
        if error.is_about_unusable_names() {
            self.unusable_names.push(key.to_owned());
        }
        let (key, reason, hint) = (key.to_owned(), why_unreadable(error), error.hint());
        self.unreadable.push(Oddity::Seen(Seen::Unreadable { key, reason, hint }));
    }
}

/// Says why a file cannot be read, with every cause.
fn why_unreadable(error: &mirror::Error) -> String {
    if let Some(damage) = error.damage() {
        return damage;
    }
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    if causes.is_empty() { error.to_string() } else { causes.join(": ") }
}

/// Sorts the files of a listing into epochs, and finds what changed between them.
pub fn drift(dataset: &Dataset, listing: &Listing, glimpses: &Glimpses) -> Drift {
    let (epochs, formats) = epochs(&glimpses.read);
    let mut oddities = calendar::oddities(listing, &glimpses.read);
    oddities.extend(glimpses.unreadable.iter().cloned());
    oddities
        .extend(around::seen(&glimpses.around, listing.files.len()).into_iter().map(Oddity::Seen));
    let mut refusals = Vec::new();
    for finding in &listing.findings {
        if matches!(finding, Finding::ZeroBytes { .. })
            && dataset.zero_byte_files == ZeroByteFiles::Refuse
        {
            refusals.push(finding.to_string());
        }
    }
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

//! A **plan** says of every key under a prefix what a run would do with it, and why, before
//! anything is read or written.

use std::collections::HashMap;

use object_store::{GetOptions, GetRange};
use serde::Serialize;

use crate::dedupe::Survivors;
use crate::file_date::{DateRange, FileDate};
use crate::load::standing::{Change, Gone};
use crate::load::{self, Standing, Standings};
use crate::source::{Finding, Ignored, Listing, SourceFile, Store};

/// What a run would do.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The dataset.
    pub dataset: String,
    /// The prefix.
    pub prefix: String,
    /// The target.
    pub target: String,
    /// First and last day.
    pub range: DateRange,
    /// Days a batch.
    pub batch_days: u32,
    /// The files in range, by file date, then key.
    pub files: Vec<PlannedFile>,
    /// Files in range that were loaded and are gone from the source, while the target has rows of
    /// them; by file date, then key.
    pub gone: Vec<PlannedFile>,
    /// Every other key, with the reason.
    pub ignored: Vec<Ignored>,
    /// What a person should know before loading.
    pub findings: Vec<Finding>,
    /// Sums over the files.
    pub totals: Totals,
}

/// What a run would do with one file.
#[derive(Clone, Debug, Serialize)]
pub struct PlannedFile {
    /// The key.
    pub key: String,
    /// The name by which rows refer to it.
    pub file_name: String,
    /// The file date.
    pub date: FileDate,
    /// Size in bytes.
    pub size: u64,
    /// About how many rows it has.
    pub estimated_rows: u64,
    /// The batch it falls into, counted from 1.
    pub batch: usize,
    /// What happens to it.
    pub fate: Fate,
}

impl PlannedFile {
    /// A file that is gone, with the rows that are left of it.
    pub fn describe_gone(&self) -> String {
        format!("{} ({})", self.key, self.fate.describe())
    }
}

/// What happens to a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Fate {
    /// It is loaded.
    Load,
    /// It is loaded again in place of the rows of an earlier run.
    Reload {
        /// The run that loaded it.
        run_id: String,
        /// What changed.
        because: String,
    },
    /// We loaded it before.
    SkipLoaded {
        /// The run that loaded it.
        run_id: String,
    },
    /// Another loader did.
    SkipLoadedElsewhere {
        /// Its rows in the target.
        rows: u64,
    },
    /// It changed since it was loaded, and nobody said to reload it.
    Refuse {
        /// What changed.
        because: String,
    },
    /// It is gone from the source, and its rows stay.
    KeepGone {
        /// The run that loaded it.
        run_id: String,
        /// Its rows in the target.
        rows: u64,
    },
    /// It is gone from the source, and its rows are taken out of the target.
    Remove {
        /// The run that loaded it.
        run_id: String,
        /// Its rows in the target.
        rows: u64,
    },
}

impl Fate {
    /// The fate in words.
    pub fn describe(&self) -> String {
        match self {
            Self::Load => "load".to_owned(),
            Self::Reload { because, .. } => format!("reload: {because}"),
            Self::SkipLoaded { run_id } => format!("skip: loaded by run {run_id}"),
            Self::SkipLoadedElsewhere { rows } => {
                format!("skip: another loader has put {rows} rows of it there")
            }
            Self::Refuse { because } => format!("refuse: {because}"),
            Self::KeepGone { run_id, rows } => {
                format!("gone: {rows} rows of it are in the target, loaded by run {run_id}")
            }
            Self::Remove { run_id, rows } => {
                format!("remove: gone; {rows} rows of it are in the target, loaded by run {run_id}")
            }
        }
    }

    /// Whether rows of the file are loaded.
    pub fn is_load(&self) -> bool {
        matches!(self, Self::Load | Self::Reload { .. })
    }

    /// Whether the file is gone from the source.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::KeepGone { .. } | Self::Remove { .. })
    }

    fn is_refused(&self) -> bool {
        matches!(self, Self::Refuse { .. })
    }

    fn of(standing: &Standing, reload: bool) -> Self {
        match standing {
            Standing::New => Self::Load,
            Standing::Loaded(loaded) => Self::SkipLoaded { run_id: loaded.run_id.clone() },
            Standing::LoadedElsewhere { rows } => Self::SkipLoadedElsewhere { rows: *rows },
            Standing::Changed { loaded, change } if reload => {
                Self::Reload { run_id: loaded.run_id.clone(), because: change.describe() }
            }
            Standing::Changed { change, .. } => Self::Refuse { because: change.describe() },
        }
    }
}

/// Sums over the files of a plan.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Totals {
    /// Files in range.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Files to load.
    pub files_to_load: usize,
    /// Their bytes.
    pub bytes_to_load: u64,
    /// About how many rows these have.
    pub estimated_rows_to_load: u64,
    /// Files whose rows are taken out, because they are gone from the source.
    pub files_to_remove: usize,
    /// The batches that all these fall into.
    pub batches: usize,
    /// Whether a database was asked what is loaded already.
    pub is_target_known: bool,
}

/// What a plan is made for.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The dataset.
    pub dataset: &'a crate::config::Dataset,
    /// Days a batch.
    pub batch_days: u32,
    /// Whether changed files are loaded again.
    pub reload: bool,
    /// Whether rows of files that are gone are taken out.
    pub remove_gone: bool,
    /// How many bytes a row has, about.
    pub bytes_a_row: f64,
}

/// Says what a run would do with the files of a listing; `standings` is what the target has of
/// them, or nothing where it was not asked.
pub fn plan(wish: Wish<'_>, listing: &Listing, standings: Option<&Standings>) -> Plan {
    let range = listing.range;
    let batch_of = |date| range.batch_of(date, wish.batch_days) + 1;
    let planned = |(index, file): (usize, &SourceFile)| PlannedFile {
        key: file.key.clone(),
        file_name: file.name.clone(),
        date: file.date,
        size: file.object.size,
        estimated_rows: (file.object.size as f64 / wish.bytes_a_row).round() as u64,
        batch: batch_of(file.date),
        fate: match standings.and_then(|standings| standings.files.get(index)) {
            Some(standing) => Fate::of(standing, wish.reload),
            None => Fate::Load,
        },
    };
    let planned_gone = |Gone { loaded, in_target }: &Gone| {
        let (run_id, rows) = (loaded.run_id.clone(), *in_target);
        let name = &loaded.file_name;
        PlannedFile {
            // A name is the bucket and the key.
            key: name.split_once('/').map_or(name.as_str(), |(_, key)| key).to_owned(),
            file_name: name.clone(),
            date: loaded.date,
            size: loaded.identity.size,
            estimated_rows: rows,
            batch: batch_of(loaded.date),
            fate: match wish.remove_gone {
                true => Fate::Remove { run_id, rows },
                false => Fate::KeepGone { run_id, rows },
            },
        }
    };
    let gone = standings.map(|standings| standings.gone.as_slice()).unwrap_or_default();
    let mut plan = Plan {
        dataset: wish.dataset.name.clone(),
        prefix: wish.dataset.prefix.clone(),
        target: wish.dataset.table.to_string(),
        range,
        batch_days: wish.batch_days,
        files: listing.files.iter().enumerate().map(planned).collect(),
        gone: gone.iter().map(planned_gone).collect(),
        ignored: listing.ignored.clone(),
        findings: listing.findings.clone(),
        totals: Totals { is_target_known: standings.is_some(), ..Totals::default() },
    };
    plan.add_up();
    plan
}

impl Plan {
    fn add_up(&mut self) {
        let is_target_known = self.totals.is_target_known;
        let mut totals = Totals { files: self.files.len(), is_target_known, ..Totals::default() };
        let mut batches = std::collections::BTreeSet::new();
        for file in &self.files {
            totals.bytes += file.size;
            if file.fate.is_load() {
                totals.files_to_load += 1;
                totals.bytes_to_load += file.size;
                totals.estimated_rows_to_load += file.estimated_rows;
                batches.insert(file.batch);
            }
        }
        for file in self.to_remove() {
            totals.files_to_remove += 1;
            batches.insert(file.batch);
        }
        totals.batches = batches.len();
        self.totals = totals;
    }

    /// Looks again at files that were loaded before, now that it is known which rows survive: a file
    /// of which other rows do is one that changed.
    pub fn with_survivors(
        mut self,
        standings: &Standings,
        survivors: &Survivors,
        reload: bool,
    ) -> Self {
        for (file, standing) in self.files.iter_mut().zip(&standings.files) {
            if let Standing::Loaded(loaded) = standing
                && let Some(rows) = survivors.of(&file.file_name)
                && loaded.is_outdated(self.range, rows)
            {
                let (loaded, change) = (loaded.clone(), Change::Survivors);
                file.fate = Fate::of(&Standing::Changed { loaded, change }, reload);
            }
        }
        self.add_up();
        self
    }

    /// Whether nothing is left to do.
    pub fn is_done(&self) -> bool {
        self.totals.files_to_load == 0 && self.totals.files_to_remove == 0
    }

    /// Refuses files that changed since they were loaded, and, as soon as anything would be loaded
    /// beside their rows, files that are gone: their rows may be those that come again, by another
    /// name or from a file that they superseded.
    ///
    /// # Errors
    /// [`load::Error::Gone`] and [`load::Error::Changed`], with the list.
    pub fn refuse_changes(&self) -> Result<(), load::Error> {
        let touches = |file: &PlannedFile| file.fate.is_load() || file.fate.is_refused();
        let gone: Vec<String> = self.kept_gone().map(PlannedFile::describe_gone).collect();
        if !gone.is_empty() && self.files.iter().any(touches) {
            return Err(load::Error::Gone { table: self.target.clone(), files: gone });
        }
        let changes: Vec<String> = self
            .files
            .iter()
            .filter_map(|file| match &file.fate {
                Fate::Refuse { because } => Some(format!("{} ({because})", file.key)),
                _ => None,
            })
            .collect();
        if changes.is_empty() {
            return Ok(());
        }
        Err(load::Error::Changed { table: self.target.clone(), changes })
    }

    /// The names of the files to load.
    pub fn to_load(&self) -> impl Iterator<Item = &str> {
        self.files.iter().filter(|file| file.fate.is_load()).map(|file| file.file_name.as_str())
    }

    /// The files, and those that are gone.
    pub fn everything(&self) -> impl Iterator<Item = &PlannedFile> {
        self.files.iter().chain(&self.gone)
    }

    /// The files that are gone, whose rows stay.
    pub fn kept_gone(&self) -> impl Iterator<Item = &PlannedFile> {
        self.gone.iter().filter(|file| matches!(file.fate, Fate::KeepGone { .. }))
    }

    /// The files that are gone, whose rows are taken out.
    pub fn to_remove(&self) -> impl Iterator<Item = &PlannedFile> {
        self.gone.iter().filter(|file| matches!(file.fate, Fate::Remove { .. }))
    }

    /// The files whose rows are replaced, with the run that loaded them.
    pub fn to_reload(&self) -> HashMap<String, String> {
        let reload = |file: &PlannedFile| match &file.fate {
            Fate::Reload { run_id, .. } => Some((file.file_name.clone(), run_id.clone())),
            _ => None,
        };
        self.files.iter().filter_map(reload).collect()
    }
}

/// How much of a file is read to guess how long its rows are.
const GLANCE_BYTES: u64 = 64 << 10;
/// What a row has where nothing is read.
pub const USUAL_ROW_BYTES: f64 = 750.0;

/// How many bytes a row has, about, from the first bytes of the newest file.
pub async fn bytes_a_row(source: &Store, listing: &Listing) -> f64 {
    let Some(file) = listing.files.iter().rev().find(|file| file.object.size > 0) else {
        return USUAL_ROW_BYTES;
    };
    let end = file.object.size.min(GLANCE_BYTES);
    let options = GetOptions { range: Some(GetRange::Bounded(0..end)), ..GetOptions::default() };
    let bytes = match source.objects.get_opts(&file.object.location, options).await {
        Ok(answer) => answer.bytes().await.unwrap_or_default(),
        Err(_) => return USUAL_ROW_BYTES,
    };
    let header = memchr::memchr(b'\n', &bytes).map_or(0, |end| end + 1);
    let rows = memchr::memchr_iter(b'\n', &bytes[header..]).count();
    let is_plain = std::str::from_utf8(&bytes[..header]).is_ok() && rows > 0;
    if is_plain { (bytes.len() - header) as f64 / rows as f64 } else { USUAL_ROW_BYTES }
}

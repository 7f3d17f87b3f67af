//! The **findings** from which a new dataset is made.

use std::collections::BTreeMap;

use super::key::Guess;
use super::types::Types;
use super::unread::Unread;
use crate::domain::{Dataset, DateRange, FileDate};
use crate::look::drift::Drift;
use crate::look::drift::around::FileAround;
use crate::mirror::{Mirrored, Rejected};
use crate::profile::FileProfile;
use crate::target::{Definition, Target};

/// What a new dataset is made from.
pub struct Findings<'a> {
    /// The dataset as far as it is known: name, prefix, key pattern, table.
    pub dataset: &'a Dataset,
    /// Its formats.
    pub drift: &'a Drift,
    /// What is known of its files besides their columns.
    pub seen: &'a Seen,
    /// Some files of each epoch, with their profiles.
    pub profiled: &'a [(&'a Mirrored, &'a FileProfile)],
    /// Its likely key, as headers.
    pub guess: Guess,
    /// The records of these files that cannot be read.
    pub rejected: &'a [Rejected],
    /// The target, if it exists.
    pub target: Option<&'a Target>,
    /// How the target is declared, if it exists.
    pub definition: Option<&'a Definition>,
    /// Where the types of its columns come from.
    pub types: Types<'a>,
}

/// What is known of the files under a prefix, besides their columns.
#[derive(Clone, Debug)]
pub struct Seen {
    /// How many keys there are.
    pub keys: usize,
    /// How many of them have a file date.
    pub dated: usize,
    /// How many different file dates there are.
    pub days: usize,
    /// The file date that most keys have, with these keys; `None` if every key has another date.
    pub crowded: Option<(FileDate, Vec<String>)>,
    /// From the first file date to the last.
    pub range: DateRange,
    /// Whether the key pattern is guessed.
    pub is_key_guessed: bool,
    /// What makes the guess doubtful.
    pub key_doubts: Vec<String>,
    /// The keys that are not read, by reason.
    pub unread: Vec<Unread>,
    /// How many files can be read.
    pub readable: usize,
    /// The files that are read in another encoding than UTF-8.
    pub decoded: Vec<String>,
    /// The files with blank or duplicate names, which are refused unless a setting gives such columns other names.
    pub unusable_names: Vec<String>,
    /// The lines around the tables of files.
    pub around: Vec<FileAround>,
    /// By the name of a column, how many files write it in another way.
    pub written_otherwise: BTreeMap<String, usize>,
}

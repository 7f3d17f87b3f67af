//! A **candidate** is a key pattern that finds dates in some of the keys.

use std::collections::BTreeSet;

use super::forms::Form;
use crate::domain::{FileDate, KeyDates, KeyPattern};

/// A pattern that finds dates in keys.
pub(super) struct Candidate {
    /// The form of its date.
    pub form: Form,
    /// Which of the texts in a key that look like the date is meant, from 0 on.
    pub place: usize,
    /// The pattern.
    pub pattern: KeyPattern,
    /// The date of each key; `None` for a key without one.
    pub dates: Vec<Option<KeyDates>>,
}

impl Candidate {
    /// How many keys have a date by this pattern.
    pub(super) fn count(&self) -> usize {
        self.dates.iter().flatten().count()
    }

    /// The different file dates.
    pub(super) fn days(&self) -> BTreeSet<FileDate> {
        self.dates.iter().flatten().map(|dates| dates.date).collect()
    }

    /// The pattern and its dates, for people.
    pub(super) fn reading(&self) -> String {
        let days = self.days();
        let ends = days.first().zip(days.last());
        let ends = ends.map(|(first, last)| format!("{first} to {last}")).unwrap_or_default();
        format!("--key '{}' (file dates {ends})", self.pattern)
    }
}

/// The pattern that takes the date from the text at this place, counted among the texts of a key that look like the
/// form; `None` if it finds no date in any key.
pub(super) fn candidate(keys: &[&str], form: &Form, place: usize) -> Option<Candidate> {
    let texts: Vec<Option<(&str, &str, &str)>> =
        keys.iter().map(|key| around(key, form, place)).collect();
    let found: Vec<(&str, &str, &str)> = texts.iter().flatten().copied().collect();
    if !form.may_be(found.iter().map(|(_, text, _)| *text)) {
        return None;
    }
    let before = common(found.iter().map(|(before, ..)| *before), "**")?;
    let after = common(found.iter().map(|(.., after)| *after), "*")?;
    let pattern: KeyPattern = format!("{before}{}{after}", form.text).parse().ok()?;
    // A pattern may find another text in a key than the one at this place.
    let dates = keys.iter().zip(&texts).map(|(key, text)| {
        let meant = form.read(text.as_ref()?.1).dates()?;
        pattern.read(key).dates().filter(|dates| *dates == meant)
    });
    let candidate = Candidate { form: form.clone(), place, dates: dates.collect(), pattern };
    (candidate.count() > 0).then_some(candidate)
}

/// Splits a key into the text before the date, the date, and the text behind it.
fn around<'a>(key: &'a str, form: &Form, place: usize) -> Option<(&'a str, &'a str, &'a str)> {
    let date = form.find(key, place)?;
    Some((&key[..date.start], &key[date.clone()], &key[date.end..]))
}

/// A pattern for several texts: what they have in common at both ends, with the wildcard `any` between.
fn common<'a>(texts: impl Iterator<Item = &'a str> + Clone, any: &str) -> Option<String> {
    let first = texts.clone().next()?;
    if texts.clone().all(|text| text == first) && !has_digits(first) {
        return Some(first.to_owned());
    }
    // Digits that happen to be the same in all texts do not belong to the name.
    let start = common_start(first, texts.clone());
    let start = start.split(|c: char| c.is_ascii_digit()).next().unwrap_or_default();
    // Only the file's ending is taken from the common end.
    let end = common_end(first, start.len(), texts.clone());
    let ending = end.find('.').map_or("", |dot| &end[dot..]);
    let between =
        if any == "*" && texts.clone().any(|text| text.contains('/')) { "**" } else { any };
    Some(format!("{start}{between}{ending}"))
}

/// The longest start of `first` with which all texts start.
fn common_start<'a>(first: &'a str, texts: impl Iterator<Item = &'a str> + Clone) -> &'a str {
    let mut starts = (0..=first.len()).rev().filter_map(|length| first.get(..length));
    starts.find(|start| texts.clone().all(|text| text.starts_with(start))).unwrap_or_default()
}

/// The longest end of `first` with which all texts end, behind a start of this length.
fn common_end<'a>(
    first: &'a str,
    start: usize,
    texts: impl Iterator<Item = &'a str> + Clone,
) -> &'a str {
    let mut ends = (start..=first.len()).filter_map(|begin| first.get(begin..));
    ends.find(|end| texts.clone().all(|text| text.len() >= start && text.ends_with(end)))
        .unwrap_or_default()
}

fn has_digits(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}

//! A **candidate** is a key pattern that finds dates in some of the keys.

use std::collections::BTreeSet;

use super::forms::Form;
use crate::domain::{FileDate, KeyDates, KeyPattern};

/// A pattern that finds dates in keys.
pub struct Candidate {
    /// How it writes the date.
    pub form: Form,
    /// Which of the texts that look like the date it is.
    pub place: usize,
    /// The pattern.
    pub pattern: KeyPattern,
    /// The date of each key, as far as it has one.
    pub dates: Vec<Option<KeyDates>>,
}

impl Candidate {
    /// How many keys have a date by it.
    pub fn count(&self) -> usize {
        self.dates.iter().flatten().count()
    }

    /// The different file dates.
    pub fn days(&self) -> BTreeSet<FileDate> {
        self.dates.iter().flatten().map(|dates| dates.date).collect()
    }

    /// It and the dates that it gives, for people.
    pub fn reading(&self) -> String {
        let days = self.days();
        let ends = days.first().zip(days.last());
        let ends = ends.map(|(first, last)| format!("{first} to {last}")).unwrap_or_default();
        format!("--key '{}' (file dates {ends})", self.pattern)
    }
}

/// The pattern in which the text at this place, of those that look like the form, is the date; `None` if it reads
/// no key so.
pub fn candidate(keys: &[&str], form: &Form, place: usize) -> Option<Candidate> {
    let texts: Vec<Option<(&str, &str, &str)>> =
        keys.iter().map(|key| around(key, form, place)).collect();
    let found: Vec<(&str, &str, &str)> = texts.iter().flatten().copied().collect();
    if !form.may_be(found.iter().map(|(_, text, _)| *text)) {
        return None;
    }
    let before = common(found.iter().map(|(before, ..)| *before), "**")?;
    let after = common(found.iter().map(|(.., after)| *after), "*")?;
    let pattern: KeyPattern = format!("{before}{}{after}", form.text).parse().ok()?;
    // A pattern may find another text in a key than the one that is meant.
    let dates = keys.iter().zip(&texts).map(|(key, text)| {
        let meant = form.read(text.as_ref()?.1).dates()?;
        pattern.read(key).dates().filter(|dates| *dates == meant)
    });
    let candidate = Candidate { form: form.clone(), place, dates: dates.collect(), pattern };
    (candidate.count() > 0).then_some(candidate)
}

/// What stands before the date in a key, the date, and what stands behind it.
fn around<'a>(key: &'a str, form: &Form, place: usize) -> Option<(&'a str, &'a str, &'a str)> {
    let date = form.find(key, place)?;
    Some((&key[..date.start], &key[date.clone()], &key[date.end..]))
}

/// What texts have in common at both ends, with `any` for what lies between.
fn common<'a>(texts: impl Iterator<Item = &'a str> + Clone, any: &str) -> Option<String> {
    let first = texts.clone().next()?;
    if texts.clone().all(|text| text == first) && !has_digits(first) {
        return Some(first.to_owned());
    }
    let is_start = |length: &usize| {
        first.is_char_boundary(*length) && texts.clone().all(|t| t.starts_with(&first[..*length]))
    };
    let start = (0..=first.len()).rev().find(is_start).unwrap_or(0);
    // Digits that happen to be the same do not belong to the name.
    let start = first[..start].trim_end_matches(|c: char| c.is_ascii_digit());
    let start = start.split(|c: char| c.is_ascii_digit()).next().unwrap_or_default();
    let is_end = |begin: &usize| {
        first.is_char_boundary(*begin)
            && *begin >= start.len()
            && texts
                .clone()
                .all(|text| text.len() >= start.len() && text.ends_with(&first[*begin..]))
    };
    let end = (0..=first.len()).find(is_end).map_or("", |begin| &first[begin..]);
    // Of the end, the file's ending.
    let end = end.find('.').map_or("", |dot| &end[dot..]);
    let between =
        if any == "*" && texts.clone().any(|text| text.contains('/')) { "**" } else { any };
    Some(format!("{start}{between}{end}"))
}

fn has_digits(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}

//! A **day part** is a number in keys beside the month, in another part of the key: `2025/03/r-01.csv`. It is the day,
//! or it counts the parts of a month's export; if nothing shows which, nothing is guessed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::candidate::{Candidate, candidate};
use crate::domain::FileDate;

/// Words before a number that make it a day.
const DAY: &str = "day d dd dt date dom tag jour dia giorno dag";
/// Words before a number that make it the number of a part.
const PART: &str = "part parts p chunk shard page file batch split seq no nr v ver version vol piece block data slice \
    segment run try copy h hr hour";
/// The number of the last day of a month.
const LAST_DAY: u32 = 31;
/// The number of the last month; a number above it is likely to be a day.
const LAST_MONTH: u32 = 12;
/// At most this many characters stand between a month and its day.
const BETWEEN: usize = 40;

/// What a number beside the month is.
pub(super) enum DayPart {
    /// There is no such number, or it counts parts.
    None,
    /// The day, with the pattern that reads it.
    Day { day: Box<Candidate>, is_sure: bool },
    /// The day or the number of a part, with the pattern that reads it as a day, if one can.
    Undecided(Option<Box<Candidate>>),
}

/// A number in a key, outside of its date.
struct Number<'a> {
    /// The word before it.
    word: String,
    /// Its digits.
    digits: &'a str,
    /// The text between the date and the number, if the number stands behind the date.
    between: Option<&'a str>,
}

/// Decides what a number beside the months of keys is; [`DayPart::None`] if the dates are not months.
pub(super) fn day_part(keys: &[&str], months: &Candidate) -> DayPart {
    if !months.form.is_of_months() {
        return DayPart::None;
    }
    let read: Vec<(FileDate, Vec<Number<'_>>)> = keys
        .iter()
        .zip(&months.dates)
        .filter_map(|(key, dates)| {
            let date = months.form.find(key, months.place)?;
            Some(((*dates)?.date, numbers(key, &date)))
        })
        .collect();
    let most = read.iter().map(|(_, numbers)| numbers.len()).min().unwrap_or_default();
    for place in 0..most {
        let column: Vec<(FileDate, &Number<'_>)> =
            read.iter().map(|(date, numbers)| (*date, &numbers[place])).collect();
        match what_is(&column, keys, months) {
            DayPart::None => {}
            found => return found,
        }
    }
    DayPart::None
}

/// Decides what the numbers at one place of the keys are.
fn what_is(column: &[(FileDate, &Number<'_>)], keys: &[&str], months: &Candidate) -> DayPart {
    let Some((_, first)) = column.first() else { return DayPart::None };
    let days: Option<Vec<u32>> = column.iter().map(|(_, number)| number.day()).collect();
    let stand_as_days = column.iter().all(|(_, number)| number.stands_as_a_day());
    let Some(days) = days else {
        return if stand_as_days { DayPart::Undecided(None) } else { DayPart::None };
    };
    let is_one_word = column.iter().all(|(_, number)| number.word == first.word);
    if !is_one_word || is_among(&first.word, PART) {
        return DayPart::None;
    }
    let is_named_day = is_among(&first.word, DAY);
    if !is_named_day && !stand_as_days && !differ_within_a_month(column) {
        return DayPart::None;
    }
    let form = first.between.and_then(|between| months.form.followed_by_day(between));
    let day = form.and_then(|form| {
        let mut found = (0..=months.place).filter_map(|place| candidate(keys, &form, place));
        found.find(|day| day.count() == months.count()).map(Box::new)
    });
    let is_likely = first.word.is_empty() || days.iter().any(|day| *day > LAST_MONTH);
    match day {
        Some(day) if is_named_day || is_likely => DayPart::Day { day, is_sure: is_named_day },
        day => DayPart::Undecided(day),
    }
}

impl Number<'_> {
    /// Whether it has one or two digits, and a single character stands between the month and it.
    fn stands_as_a_day(&self) -> bool {
        self.digits.len() <= 2 && self.between.is_some_and(|between| between.chars().count() == 1)
    }

    /// The day of a month that it may be.
    fn day(&self) -> Option<u32> {
        let number = self.digits.parse().ok().filter(|_| self.digits.len() <= 2)?;
        (1..=LAST_DAY).contains(&number).then_some(number)
    }
}

/// Whether keys of the same month have different numbers.
fn differ_within_a_month(column: &[(FileDate, &Number<'_>)]) -> bool {
    let mut by_month: BTreeMap<FileDate, BTreeSet<&str>> = BTreeMap::new();
    for (month, number) in column {
        by_month.entry(*month).or_default().insert(number.digits);
    }
    by_month.values().any(|numbers| numbers.len() > 1)
}

fn is_among(word: &str, words: &str) -> bool {
    words.split_whitespace().any(|other| other == word)
}

/// The numbers of a key outside of its date, in order; those in the endings, behind the first dot of the file's name,
/// are left out.
fn numbers<'a>(key: &'a str, date: &Range<usize>) -> Vec<Number<'a>> {
    let name = key.rfind('/').map_or(0, |slash| slash + 1);
    let end = key[name..].find('.').map_or(key.len(), |dot| name + dot).max(date.end);
    let mut numbers = Vec::new();
    let mut at = 0;
    while let Some(start) = key[at..end].find(|c: char| c.is_ascii_digit()).map(|found| at + found)
    {
        let digits = key[start..end].bytes().take_while(u8::is_ascii_digit).count();
        at = start + digits;
        if date.contains(&start) {
            at = date.end.max(at);
            continue;
        }
        let between = key.get(date.end..start).filter(|between| is_plain(between));
        numbers.push(Number { word: word_before(&key[..start]), digits: &key[start..at], between });
    }
    numbers
}

/// Whether a text between a month and a day can be part of a date's pattern as it is.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.len() <= BETWEEN && !text.contains(is_special)
}

/// Whether a character is a digit, or has a meaning in a pattern.
fn is_special(character: char) -> bool {
    character.is_ascii_digit() || "{}%*?".contains(character)
}

/// The word at the end of a text, in lower case; one separator may stand behind it.
fn word_before(text: &str) -> String {
    let text = text.strip_suffix(['-', '_', '=', ' ', '.']).unwrap_or(text);
    let start = text.trim_end_matches(char::is_alphabetic).len();
    text[start..].to_lowercase()
}

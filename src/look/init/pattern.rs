//! A key pattern guessed from keys: where the date stands, and what else is the same in all.

use std::sync::LazyLock;

use regex::Regex;

use crate::domain::{KeyMatch, KeyPattern};

/// How dates stand in keys: as a regular expression, and as a key pattern writes it.
#[allow(clippy::unwrap_used)]
static DATES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let forms = [
        (r"\d{4}-\d{2}-\d{2}", "%Y-%m-%d"),
        (r"\d{4}/\d{2}/\d{2}", "%Y/%m/%d"),
        (r"\d{4}_\d{2}_\d{2}", "%Y_%m_%d"),
        (r"\d{8}", "%Y%m%d"),
        (r"\d{2}-\d{2}-\d{4}", "%m-%d-%Y"),
        (r"\d{2}-\d{2}-\d{4}", "%d-%m-%Y"),
        (r"\d{2}_\d{2}_\d{4}", "%m_%d_%Y"),
        (r"\d{2}_\d{2}_\d{4}", "%d_%m_%Y"),
        (r"\d{2}\.\d{2}\.\d{4}", "%d.%m.%Y"),
    ];
    forms.map(|(regex, form)| (Regex::new(regex).unwrap(), form)).into()
});

/// A pattern that finds the date in as many of the keys as one can; nothing where no key has a date.
pub fn guess(keys: &[&str]) -> Option<KeyPattern> {
    let patterns = DATES.iter().filter_map(|(regex, form)| {
        let found: Vec<(&str, &str)> = keys
            .iter()
            .filter_map(|key| {
                let date = regex.find(key)?;
                Some((&key[..date.start()], &key[date.end()..]))
            })
            .collect();
        let before = common(found.iter().map(|(before, _)| *before), "**")?;
        let after = common(found.iter().map(|(_, after)| *after), "*")?;
        let pattern: KeyPattern = format!("{before}{{date:{form}}}{after}").parse().ok()?;
        let reads = |key: &&&str| matches!(pattern.read(key), KeyMatch::Date(_));
        let count = keys.iter().filter(reads).count();
        (count > 0).then_some((count, pattern))
    });
    // Of two that find as many, the first form is meant.
    let best = patterns.reduce(|best, other| if other.0 > best.0 { other } else { best });
    best.map(|(_, pattern)| pattern)
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
    // Digits that happen to be the same are no part of the name.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(keys: &[&str]) -> Option<String> {
        guess(keys).map(|pattern| pattern.to_string())
    }

    #[test]
    fn keys_of_vendors_give_their_patterns() {
        for (keys, pattern) in [
            (
                &["report_2025-09-22T1849_8f3a.csv", "report_2025-09-23T1850_77b1.csv"][..],
                "report_{date:%Y-%m-%d}T*.csv",
            ),
            (&["report_2025-09-22T1849_8f3a.csv"], "report_{date:%Y-%m-%d}T*.csv"),
            (&["2025/12/01/x.csv", "2025/12/02/x.csv"], "{date:%Y/%m/%d}/x.csv"),
            (&["dt=2025-12-01/x.csv", "_SUCCESS"], "dt={date:%Y-%m-%d}/x.csv"),
            (&["o-20251201.csv.gz", "o-20251202.csv.gz"], "o-{date:%Y%m%d}.csv.gz"),
            (&["a/2025-12-01.csv", "b/2025-12-02.CSV"], "**{date:%Y-%m-%d}.*"),
        ] {
            assert_eq!(guessed(keys).as_deref(), Some(pattern), "{keys:?}");
        }
        // Only one of the orders reads the thirteenth.
        assert_eq!(
            guessed(&["o_12-12-2025.csv", "o_12-13-2025.csv"]).as_deref(),
            Some("o_{date:%m-%d-%Y}.csv")
        );
        assert_eq!(
            guessed(&["o_12-12-2025.csv", "o_13-12-2025.csv"]).as_deref(),
            Some("o_{date:%d-%m-%Y}.csv")
        );
        assert_eq!(guessed(&["_SUCCESS", "x.csv"]), None);
    }
}

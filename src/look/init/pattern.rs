//! A key pattern guessed from keys: where the date stands, and what else is the same in all.

use regex::Regex;

use crate::domain::KeyPattern;

/// How a day stands in keys: as a regular expression, and as a key pattern writes it. Of two that find as many
/// dates, the first is meant.
const DAYS: [(&str, &str); 21] = [
    (r"\d{4}-\d{2}-\d{2}_\d{4}-\d{2}-\d{2}", "{from:%Y-%m-%d}_{date:%Y-%m-%d}"),
    (r"\d{8}-\d{8}", "{from:%Y%m%d}-{date:%Y%m%d}"),
    (r"\d{8}_\d{8}", "{from:%Y%m%d}_{date:%Y%m%d}"),
    (r"\d{4}-\d{2}-\d{2}", "{date:%Y-%m-%d}"),
    (r"year=\d{4}/month=\d{1,2}/day=\d{1,2}", "year={date:%Y/month=%-m/day=%-d}"),
    (r"\d{4}/\d{2}/\d{2}", "{date:%Y/%m/%d}"),
    (r"\d{4}_\d{2}_\d{2}", "{date:%Y_%m_%d}"),
    (r"\d{8}", "{date:%Y%m%d}"),
    (r"\d{2}-\d{2}-\d{4}", "{date:%m-%d-%Y}"),
    (r"\d{2}-\d{2}-\d{4}", "{date:%d-%m-%Y}"),
    (r"\d{2}_\d{2}_\d{4}", "{date:%m_%d_%Y}"),
    (r"\d{2}_\d{2}_\d{4}", "{date:%d_%m_%Y}"),
    (r"\d{2}\.\d{2}\.\d{4}", "{date:%d.%m.%Y}"),
    (r"\d{1,2}-[A-Za-z]{3}-\d{4}", "{date:%-d-%b-%Y}"),
    (r"\d{1,2}_[A-Za-z]{3}_\d{4}", "{date:%-d_%b_%Y}"),
    (r"\d{1,2}[A-Za-z]{3}\d{4}", "{date:%-d%b%Y}"),
    (r"\d{4}-\d{1,2}-\d{1,2}", "{date:%Y-%-m-%-d}"),
    (r"\d{4}/\d{1,2}/\d{1,2}", "{date:%Y/%-m/%-d}"),
    (r"\d{4}_\d{1,2}_\d{1,2}", "{date:%Y_%-m_%-d}"),
    (r"\d{1,2}\.\d{1,2}\.\d{4}", "{date:%-d.%-m.%Y}"),
    (r"\d{10}", "{date:%s}"),
];

/// The same of weeks and months, which are looked for where no key has a day.
const WEEKS_AND_MONTHS: [(&str, &str); 8] = [
    (r"\d{4}-W\d{2}", "{date:%G-W%V}"),
    (r"\d{4}W\d{2}", "{date:%GW%V}"),
    (r"year=\d{4}/month=\d{1,2}", "year={date:%Y/month=%-m}"),
    (r"\d{4}-\d{2}", "{date:%Y-%m}"),
    (r"\d{4}_\d{2}", "{date:%Y_%m}"),
    (r"\d{4}/\d{2}", "{date:%Y/%m}"),
    (r"\d{4}-[A-Za-z]{3}", "{date:%Y-%b}"),
    (r"[A-Za-z]{3}-\d{4}", "{date:%b-%Y}"),
];

/// How many texts of a key that look like dates are tried.
const TRIED: usize = 3;

/// A pattern that finds the date in as many of the keys as one can; nothing where no key has a date.
pub fn guess(keys: &[&str]) -> Option<KeyPattern> {
    best(keys, &DAYS).or_else(|| best(keys, &WEEKS_AND_MONTHS))
}

/// The pattern of one of these forms that finds the date in most keys.
fn best(keys: &[&str], forms: &[(&str, &str)]) -> Option<KeyPattern> {
    let patterns = forms.iter().filter_map(|(regex, form)| Some((Regex::new(regex).ok()?, form)));
    let tried = patterns.flat_map(|(regex, form)| {
        (0..TRIED).filter_map(move |place| tried(keys, &regex, place, form))
    });
    // Of two that find as many, the first is meant.
    let best = tried.reduce(|best, other| if other.0 > best.0 { other } else { best });
    best.map(|(_, pattern)| pattern)
}

/// The pattern in which the text at this place, of those that look like the form, is the date; and how many keys
/// it reads, if any.
fn tried(keys: &[&str], regex: &Regex, place: usize, form: &str) -> Option<(usize, KeyPattern)> {
    let around = |key: &&str| {
        let date = regex.find_iter(key).nth(place)?.range();
        Some((key[..date.start].to_owned(), key[date.end..].to_owned()))
    };
    let found: Vec<(String, String)> = keys.iter().filter_map(around).collect();
    let before = common(found.iter().map(|(before, _)| before.as_str()), "**")?;
    let after = common(found.iter().map(|(_, after)| after.as_str()), "*")?;
    let pattern: KeyPattern = format!("{before}{form}{after}").parse().ok()?;
    let count = keys.iter().filter(|key| pattern.date_of(key).is_some()).count();
    (count > 0).then_some((count, pattern))
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
        for (keys, pattern) in [
            (
                &["year=2025/month=9/day=5/p-0.csv", "year=2025/month=10/day=12/p-0.csv"][..],
                "year={date:%Y/month=%-m/day=%-d}/p-**.csv",
            ),
            (&["export_1733011200.csv", "export_1733097600.csv"], "export_{date:%s}.csv"),
            (&["bat_2025-01.csv", "bat_2025-02.csv"], "bat_{date:%Y-%m}.csv"),
            (&["2025-W01.csv", "2025-W02.csv"], "{date:%G-W%V}.csv"),
            (&["x_5-Mar-2025.csv", "x_12-Mar-2025.csv"], "x_{date:%-d-%b-%Y}.csv"),
            (&["acct_10231204_20250301.csv"], "acct_**{date:%Y%m%d}.csv"),
            (&["20250601-20250609/part0.csv"], "{from:%Y%m%d}-{date:%Y%m%d}/part**.csv"),
            // One day among months does not make them days, nor the other way round.
            (&["x_2025-03.csv", "x_2025-04.csv", "x_2025-04-01.csv"], "x_{date:%Y-%m-%d}.csv"),
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

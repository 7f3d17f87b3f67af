//! The **forms** of dates that are looked for in keys, each as a regular expression and as a key pattern writes it.

use chrono::{Days, Utc};
use regex::Regex;

use crate::domain::{KeyMatch, KeyPattern};

/// How a day is written in keys. If two forms find as many dates, the first is taken.
const DAYS: [(&str, &str); 26] = [
    (r"\d{4}-\d{2}-\d{2}_\d{4}-\d{2}-\d{2}", "{from:%Y-%m-%d}_{date:%Y-%m-%d}"),
    (r"\d{8}-\d{8}", "{from:%Y%m%d}-{date:%Y%m%d}"),
    (r"\d{8}_\d{8}", "{from:%Y%m%d}_{date:%Y%m%d}"),
    (r"\d{4}-\d{2}-\d{2}", "{date:%Y-%m-%d}"),
    (r"year=\d{4}/month=\d{1,2}/day=\d{1,2}", "year={date:%Y/month=%-m/day=%-d}"),
    (r"\d{4}/\d{2}/\d{2}", "{date:%Y/%m/%d}"),
    (r"\d{4}_\d{2}_\d{2}", "{date:%Y_%m_%d}"),
    (r"\d{8}", "{date:%Y%m%d}"),
    (r"\d{4}/\d{4}", "{date:%Y/%m%d}"),
    (r"\d{2}-\d{2}-\d{4}", "{date:%m-%d-%Y}"),
    (r"\d{2}-\d{2}-\d{4}", "{date:%d-%m-%Y}"),
    (r"\d{2}_\d{2}_\d{4}", "{date:%m_%d_%Y}"),
    (r"\d{2}_\d{2}_\d{4}", "{date:%d_%m_%Y}"),
    (r"\d{2}\.\d{2}\.\d{4}", "{date:%d.%m.%Y}"),
    (r"\d{1,2}-[A-Za-z]{3}-\d{4}", "{date:%-d-%b-%Y}"),
    (r"\d{1,2}_[A-Za-z]{3}_\d{4}", "{date:%-d_%b_%Y}"),
    (r"\d{1,2}[A-Za-z]{3}\d{4}", "{date:%-d%b%Y}"),
    (r"\d{4}-[A-Za-z]{3}-\d{1,2}", "{date:%Y-%b-%-d}"),
    (r"\d{4}_[A-Za-z]{3}_\d{1,2}", "{date:%Y_%b_%-d}"),
    (r"\d{4}/[A-Za-z]{3}/\d{1,2}", "{date:%Y/%b/%-d}"),
    (r"\d{4}[A-Za-z]{3}\d{1,2}", "{date:%Y%b%-d}"),
    (r"\d{4}-\d{1,2}-\d{1,2}", "{date:%Y-%-m-%-d}"),
    (r"\d{4}/\d{1,2}/\d{1,2}", "{date:%Y/%-m/%-d}"),
    (r"\d{4}_\d{1,2}_\d{1,2}", "{date:%Y_%-m_%-d}"),
    (r"\d{1,2}\.\d{1,2}\.\d{4}", "{date:%-d.%-m.%Y}"),
    (r"\d{10}", "{date:%s}"),
];

/// How days of the year, weeks and months are written; they are looked for if no key has a day of a month.
const OTHERS: [(&str, &str); 22] = [
    (r"\d{4}-W\d{2}", "{date:%G-W%V}"),
    (r"\d{4}W\d{2}", "{date:%GW%V}"),
    (r"\d{4}-w\d{2}", "{date:%G-w%V}"),
    (r"\d{4}_W\d{2}", "{date:%G_W%V}"),
    (r"\d{4}/W\d{2}", "{date:%G/W%V}"),
    (r"year=\d{4}/month=\d{1,2}", "year={date:%Y/month=%-m}"),
    (r"\d{4}-\d{2}", "{date:%Y-%m}"),
    (r"\d{4}_\d{2}", "{date:%Y_%m}"),
    (r"\d{4}/\d{2}", "{date:%Y/%m}"),
    (r"\d{4}-[A-Za-z]{3}", "{date:%Y-%b}"),
    (r"\d{4}/[A-Za-z]{3}", "{date:%Y/%b}"),
    (r"[A-Za-z]{3}-\d{4}", "{date:%b-%Y}"),
    (r"\d{4}-[A-Za-z]{3,9}", "{date:%Y-%B}"),
    (r"\d{4}/[A-Za-z]{3,9}", "{date:%Y/%B}"),
    (r"\d{4}-\d{2}", "{date:%G-%V}"),
    (r"\d{4}_\d{2}", "{date:%G_%V}"),
    (r"\d{4}/\d{2}", "{date:%G/%V}"),
    (r"\d{4}-\d{3}", "{date:%Y-%j}"),
    (r"\d{4}_\d{3}", "{date:%Y_%j}"),
    (r"\d{4}/\d{3}", "{date:%Y/%j}"),
    (r"\d{4}\.\d{3}", "{date:%Y.%j}"),
    (r"\d{7}", "{date:%Y%j}"),
];

/// How many digits behind a day are a time: an hour, with minutes, with seconds, with thousandths of a second.
const TIMES: [usize; 4] = [2, 4, 6, 9];
/// The first second of the year 2000; a lower number is not taken for seconds since 1970.
const FIRST_SECOND: i64 = 946_684_800;
/// If numbers usually differ by fewer than this, they are not taken for the seconds at which files were written.
const LEAST_SECONDS: i64 = 60;
const SECONDS_OF_A_DAY: i64 = 86_400;
/// How many days after today the time of a file may be, because clocks and time zones differ.
const DAYS_AHEAD: u64 = 2;

/// How a date is written in keys.
#[derive(Clone, Debug)]
pub(super) struct Form {
    regex: Regex,
    /// The date in a key pattern, such as `{date:%Y-%m-%d}`.
    pub text: String,
    /// The key pattern that is only the date.
    alone: KeyPattern,
}

/// The forms of days of a month.
pub(super) fn days() -> impl Iterator<Item = Form> {
    DAYS.iter().filter_map(|(regex, text)| Form::new(regex, text))
}

/// The forms of days of the year, of weeks and of months.
pub(super) fn others() -> impl Iterator<Item = Form> {
    OTHERS.iter().filter_map(|(regex, text)| Form::new(regex, text))
}

impl Form {
    /// Makes a form; `None` if one of the two is not valid.
    pub(super) fn new(regex: &str, text: &str) -> Option<Self> {
        let (regex, alone) = (Regex::new(regex).ok()?, text.parse().ok()?);
        Some(Self { regex, text: text.to_owned(), alone })
    }

    /// The form of this date, then `between`, then a day of the month.
    pub(super) fn followed_by_day(&self, between: &str) -> Option<Self> {
        let regex = format!("{}{}{}", self.regex.as_str(), regex::escape(between), r"\d{1,2}");
        Self::new(&regex, &format!("{}{between}%-d}}", self.text.strip_suffix('}')?))
    }

    /// Finds the text at this place among the texts of a key that look like the date, counted from 0.
    pub(super) fn find(&self, key: &str, place: usize) -> Option<std::ops::Range<usize>> {
        let found = self.regex.find_iter(key).map(|found| found.range());
        found.filter(|range| self.is_whole(key, range)).nth(place)
    }

    /// Reads a text that looks like the date.
    pub(super) fn read(&self, text: &str) -> KeyMatch {
        self.alone.read(text)
    }

    /// Whether these texts can be dates of this form: no month, week or day of the year is too high, and seconds since
    /// 1970 can be the times of files.
    pub(super) fn may_be<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> bool {
        if self.text.contains("%s") {
            return are_seconds(texts);
        }
        let is_strict = !self.has_day_of_month() || self.text == "{date:%Y/%m%d}";
        !is_strict || !texts.into_iter().any(|text| self.read(text) == KeyMatch::ImpossibleDate)
    }

    /// Whether it is a month, by its number or its name, without a day.
    pub(super) fn is_of_months(&self) -> bool {
        let has_month = ["%m", "%-m", "%b", "%B"].iter().any(|part| self.text.contains(part));
        has_month && !self.has_day_of_month()
    }

    fn has_day_of_month(&self) -> bool {
        self.text.contains("%d") || self.text.contains("%-d")
    }

    /// Whether it is a week without the letter `W`, so that the two digits may be something else.
    pub(super) fn is_of_bare_weeks(&self) -> bool {
        self.text.contains("%V") && !self.text.contains(['W', 'w'])
    }

    /// Whether the text is a whole number or word of the key, and not a part of a longer one.
    fn is_whole(&self, key: &str, range: &std::ops::Range<usize>) -> bool {
        let (before, text, after) = (&key[..range.start], &key[range.clone()], &key[range.end..]);
        let is_begun = continues(before.chars().next_back(), text.chars().next());
        let goes_on = continues(text.chars().next_back(), after.chars().next());
        let may_have_time = self.text.ends_with("%d}") && !self.text.contains("{from:");
        !is_begun && (!goes_on || may_have_time && begins_with_time(after))
    }
}

/// Whether two characters side by side belong to the same number or word.
fn continues(one: Option<char>, other: Option<char>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return false };
    one.is_ascii_digit() && other.is_ascii_digit() || one.is_alphabetic() && other.is_alphabetic()
}

/// Whether a text begins with the digits of a time.
fn begins_with_time(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    TIMES.contains(&digits)
        && [(0, 23), (2, 59), (4, 59)].into_iter().all(|(start, most)| {
            let part = text.get(start..start + 2).filter(|_| start < digits);
            part.is_none_or(|part| part.parse::<u32>().is_ok_and(|number| number <= most))
        })
}

/// Whether numbers may be the seconds since 1970 at which files were written, and do not just count files: there is
/// one for most days.
fn are_seconds<'a>(texts: impl IntoIterator<Item = &'a str>) -> bool {
    let mut seconds: Vec<i64> = texts.into_iter().filter_map(|text| text.parse().ok()).collect();
    seconds.sort_unstable();
    seconds.dedup();
    let last = Utc::now().checked_add_days(Days::new(DAYS_AHEAD)).map(|last| last.timestamp());
    let known = FIRST_SECOND..=last.unwrap_or(i64::MAX);
    let mut days: Vec<i64> = seconds.iter().map(|second| second / SECONDS_OF_A_DAY).collect();
    days.dedup();
    let mut between: Vec<i64> = seconds.windows(2).map(|pair| pair[1] - pair[0]).collect();
    between.sort_unstable();
    let usual = between.get(between.len() / 2);
    seconds.iter().all(|second| known.contains(second))
        && days.len() * 2 >= seconds.len()
        && usual.is_none_or(|usual| *usual >= LEAST_SECONDS)
}

//! An **invalid pattern** is a key pattern that could not find one date in a key.

/// What is wrong with a key pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// The pattern has no `{date:…}`, or more than one, or more than one `{from:…}`.
    #[error(
        "a key pattern needs exactly one {{date:…}}, such as report_{{date:%Y-%m-%d}}T*.csv, and may \
         have one {{from:…}}, the first day of a period that ends with the date"
    )]
    DateCount,
    /// The parts of a date do not make a day, a month or a week.
    #[error(
        "`{format}` is not a whole date: a date of a key pattern has a year, a month and a day \
         (%Y or %y; %m, %-m, %b or %B; %d or %-d), or a year and a month, or %Y and %j, or %G and %V \
         (a week), or %s"
    )]
    Parts {
        /// The format.
        format: String,
    },
    /// A part of a date stands in it twice.
    #[error("`{format}` has a part of the date twice")]
    Twice {
        /// The format.
        format: String,
    },
    /// The date has a directive that is not known.
    #[error(
        "%{0} is not understood in the date of a key pattern; use %Y %y, %m %-m %b %B, %d %-d, %j, %G %V and %s; for \
         a time after the date, write *"
    )]
    Directive(String),
    /// A digit may follow a number of one or two digits directly.
    #[error(
        "%-m and %-d have one or two digits, so that another number must not follow directly: it would not be clear \
         which digits belong to which"
    )]
    Unpadded,
    /// A period whose first or last day is a whole month or week.
    #[error("the two dates of a period need a day: {{from:%Y%m%d}}-{{date:%Y%m%d}}")]
    PeriodWithoutDay,
    /// A brace is not closed, or something else than a date stands in braces.
    #[error("a brace in the key pattern is not closed, or contains neither date:… nor from:…")]
    Brace,
}

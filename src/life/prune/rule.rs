//! The **rule** by which staging is pruned.

use chrono::{DateTime, TimeDelta, Utc};

/// What is deleted besides what no run will use again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rule {
    /// What is older than so many days, whatever it is.
    pub older_than_days: Option<u64>,
    /// The oldest, until no more than so many bytes are left.
    pub keep_bytes: Option<u64>,
}

/// Whether anything is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing is; what would be is counted.
    Show,
    /// What is to go is deleted.
    Delete,
}

/// Which datasets are pruned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All that staging holds, also such as are not in the configuration.
    Everything,
    /// Those of the configuration.
    Configured,
}

/// The time so many days before another one.
pub fn days_before(now: DateTime<Utc>, days: u64) -> DateTime<Utc> {
    let days = i64::try_from(days).ok().and_then(TimeDelta::try_days);
    days.and_then(|days| now.checked_sub_signed(days)).unwrap_or(DateTime::UNIX_EPOCH)
}

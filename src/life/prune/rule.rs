//! The **rule** by which staging is pruned.

use chrono::{DateTime, TimeDelta, Utc};

/// What is deleted besides the objects that no run will use again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rule {
    /// All objects that are older than this many days.
    pub older_than_days: Option<u64>,
    /// The oldest objects, until at most this many bytes are left.
    pub keep_bytes: Option<u64>,
}

/// Whether anything is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Objects that would be deleted are only counted.
    Show,
    /// Objects are deleted.
    Delete,
}

/// Which datasets are pruned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All datasets in staging, including those that are not in the configuration.
    Everything,
    /// The datasets of the configuration.
    Configured,
}

/// Returns the time this many days before `now`; 1970 if that is too far back for a date.
pub(super) fn days_before(now: DateTime<Utc>, days: u64) -> DateTime<Utc> {
    i64::try_from(days)
        .ok()
        .and_then(TimeDelta::try_days)
        .and_then(|span| now.checked_sub_signed(span))
        .unwrap_or(DateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_before_never_fail() {
        let now: DateTime<Utc> = "2025-09-22T10:00:00Z".parse().expect("a time");
        let expected: DateTime<Utc> = "2025-09-20T10:00:00Z".parse().expect("a time");
        assert_eq!(days_before(now, 0), now);
        assert_eq!(days_before(now, 2), expected);
        assert_eq!(days_before(now, u64::MAX), DateTime::UNIX_EPOCH);
    }
}

//! **Saturating** conversions of numbers: what does not fit becomes the smallest or the largest number that does. Casts
//! with `as` wrap around instead, and are refused by a lint.

/// Returns the whole number that is nearest; 0 for a negative number and for none at all (NaN).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of a float saturates"
)]
pub fn nearest(number: f64) -> u64 {
    number.round() as u64
}

/// Returns the number as a `bigint` of PostgreSQL.
pub fn bigint(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// Returns the number as an index or a length.
pub fn index(number: impl TryInto<usize>) -> usize {
    number.try_into().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_saturate() {
        assert_eq!([2.5, -3.0, f64::NAN, f64::INFINITY].map(nearest), [3, 0, 0, u64::MAX]);
        assert_eq!(bigint(u64::MAX), i64::MAX);
        assert_eq!(bigint(7_usize), 7);
        assert_eq!(index(u64::MAX), usize::MAX);
    }
}

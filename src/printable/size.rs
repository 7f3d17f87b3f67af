//! Numbers for people.

use indicatif::{DecimalBytes, HumanCount};

/// Returns a size in bytes as `13.40 MB`.
pub fn bytes(size: u64) -> String {
    DecimalBytes(size).to_string()
}

/// Returns a count with its thousands apart: `1,638,000`.
pub fn grouped(count: u64) -> String {
    HumanCount(count).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_on_the_eye() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(13_400_000), "13.40 MB");
        assert_eq!(bytes(999_960), "999.96 kB");
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(1_638_000), "1,638,000");
    }
}

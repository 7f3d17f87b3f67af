//! A **digest** is a short fingerprint: the first half of a SHA-256 in hexadecimal.

use sha2::{Digest, Sha256};

/// Bytes of a digest.
const BYTES: usize = 8;

/// Collects what a digest covers, part by part.
#[derive(Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Adds a part without a separator: `ab` and `c` give the same digest as `a` and `bc`.
    pub fn add(&mut self, part: impl AsRef<[u8]>) {
        self.0.update(part);
    }

    /// The same digest as a number.
    pub fn finish_as_number(self) -> u64 {
        self.0.finalize()[..BYTES].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// The digest of everything that was added: 16 hexadecimal digits.
    pub fn finish(self) -> String {
        self.0.finalize()[..BYTES].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The digest of some parts, separated by NUL bytes: 16 hexadecimal digits.
pub fn of<T: AsRef<[u8]>>(parts: impl IntoIterator<Item = T>) -> String {
    let mut hasher = Hasher::default();
    for (index, part) in parts.into_iter().enumerate() {
        if index > 0 {
            hasher.add([0]);
        }
        hasher.add(part);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_the_start_of_a_sha_256() {
        assert_eq!(of(["abc"]), "ba7816bf8f01cfea");
        let mut hasher = Hasher::default();
        hasher.add("abc");
        assert_eq!(hasher.finish_as_number(), 0xba78_16bf_8f01_cfea);
        assert_ne!(of(["ab", "c"]), of(["a", "bc"]));
        assert_eq!(of(["a", "b"]), of(["a\0b"]));
    }
}

//! **Stops** are the bytes at which a field may end: delimiter, quote, CR and LF.
//!
//! They are found 64 bytes at once, as one bit per byte, so that a field costs little more than the
//! bit that ends it. Source of the idea: Langdale and Lemire, "Parsing Gigabytes of JSON per Second",
//! The VLDB Journal 28 (2019).

/// How many bytes are examined at once.
const BLOCK: usize = 64;

/// The bytes that stop a field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stops {
    delimiter: u8,
    quote: u8,
}

/// Goes from stop to stop of a window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor {
    stops: Stops,
    /// Where the block of `bits` starts.
    block: usize,
    /// A bit for each stop of the block that is still to come, the lowest for the first byte.
    bits: u64,
}

impl Stops {
    /// For files with these bytes between fields and around them.
    pub(crate) fn new(delimiter: u8, quote: u8) -> Self {
        Self { delimiter, quote }
    }

    /// A cursor on the stops of `window` from `position` on.
    #[inline]
    pub(crate) fn from(self, window: &[u8], position: usize) -> Cursor {
        Cursor { stops: self, block: position, bits: self.bits(window, position) }
    }

    /// The stops among the 64 bytes from `position` on.
    #[inline]
    fn bits(self, window: &[u8], position: usize) -> u64 {
        let rest = window.get(position..).unwrap_or_default();
        if let Some(block) = rest.first_chunk::<BLOCK>() {
            return self.bits_of(block);
        }
        let mut block = [0; BLOCK];
        block[..rest.len()].copy_from_slice(rest);
        // Bytes after the window's end are not stops.
        self.bits_of(&block) & !(u64::MAX << rest.len())
    }

    #[inline]
    fn bits_of(self, block: &[u8; BLOCK]) -> u64 {
        let mut flags = [0_u8; BLOCK];
        for (flag, &byte) in flags.iter_mut().zip(block) {
            let is_end = (byte == b'\n') | (byte == b'\r');
            *flag = u8::from(is_end | (byte == self.delimiter) | (byte == self.quote));
        }
        let (words, _) = flags.as_chunks::<8>();
        words.iter().rev().fold(0, |bits, flags| bits << 8 | gathered(u64::from_le_bytes(*flags)))
    }
}

/// The lowest bit of each of eight bytes as one byte, the first byte's bit lowest: the product puts
/// them side by side in its top byte, where no two bits collide.
#[inline]
fn gathered(flags: u64) -> u64 {
    flags.wrapping_mul(0x0102_0408_1020_4080) >> 56
}

impl Cursor {
    /// The next stop; `None` if the window has no more.
    #[inline]
    pub(crate) fn next(&mut self, window: &[u8]) -> Option<usize> {
        while self.bits == 0 {
            self.block += BLOCK;
            if self.block >= window.len() {
                return None;
            }
            self.bits = self.stops.bits(window, self.block);
        }
        let stop = self.block + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        Some(stop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stop_is_found_wherever_it_lies() {
        for length in 0..200 {
            for byte in [b',', b'"', b'\r', b'\n'] {
                for start in 0..length {
                    let mut window = vec![b'x'; length];
                    let expected: Vec<usize> =
                        (0..length).filter(|at| at % 7 == 3 || at % 61 == 0).collect();
                    expected.iter().for_each(|at| window[*at] = byte);
                    let mut cursor = Stops::new(b',', b'"').from(&window, start);
                    let found: Vec<usize> = std::iter::from_fn(|| cursor.next(&window)).collect();
                    let expected: Vec<usize> =
                        expected.into_iter().filter(|at| *at >= start).collect();
                    assert_eq!(found, expected, "length {length} from {start}");
                }
            }
        }
    }

    #[test]
    fn a_nul_is_not_a_stop_and_nothing_is_found_after_the_end() {
        let window = [0; 70];
        assert_eq!(Stops::new(b',', b'"').from(&window, 0).next(&window), None);
        assert_eq!(Stops::new(b',', b'"').from(&window, 70).next(&window), None);
    }
}

//! **Random** numbers that are the same on every machine and in every version.
//!
//! The generator is SplitMix64 (G. L. Steele, D. Lea and C. H. Flood, "Fast splittable
//! pseudorandom number generators", OOPSLA 2014), with the constants of S. Vigna's public-domain
//! `splitmix64.c`. It is small, quick to start again for each row, and not suitable for secrets.

const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of random numbers that is fully determined by its start.
#[derive(Debug, Clone)]
pub(super) struct Random {
    state: u64,
}

impl Random {
    /// Starts the stream that belongs to `parts`, in their order.
    pub(super) fn of(parts: &[u64]) -> Self {
        let state =
            parts.iter().fold(0, |state, part| mix(state ^ part.wrapping_add(GOLDEN_GAMMA)));
        Self { state }
    }

    /// Draws the next 64 random bits.
    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN_GAMMA);
        mix(self.state)
    }

    /// Draws a number from 0 up to, not including, `limit`; 0 if `limit` is 0.
    pub(super) fn below(&mut self, limit: u32) -> u32 {
        // The high half of a product: cheaper than a remainder, and its bias is below 2^-32 * limit.
        (((self.next() >> 32) * u64::from(limit)) >> 32) as u32
    }

    /// Draws true in `per_mille` of 1000 cases.
    pub(super) fn chance(&mut self, per_mille: u32) -> bool {
        self.below(1000) < per_mille
    }

    /// Draws one of `items`, which must not be empty.
    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u32) as usize]
    }

    /// Draws one of `words`, which must not be empty.
    pub(super) fn word(&mut self, words: &[&'static str]) -> &'static str {
        words[self.below(words.len() as u32) as usize]
    }
}

/// Returns a number for a text, with which a stream can be started: FNV-1a over its bytes.
pub(super) fn number_of(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// SplitMix64's finaliser: every bit of the input affects every bit of the output.
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_published_one() {
        // The first values of splitmix64.c from state 1234567.
        let mut random = Random { state: 1_234_567 };
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn the_order_of_the_parts_matters() {
        assert_ne!(Random::of(&[1, 2]).next(), Random::of(&[2, 1]).next());
    }

    #[test]
    fn below_gives_every_number_below_the_limit() {
        let mut random = Random::of(&[7]);
        let mut seen = [false; 10];
        for _ in 0..1000 {
            seen[random.below(10) as usize] = true;
        }
        assert_eq!(seen, [true; 10]);
        assert_eq!(random.below(0), 0);
    }
}

//! How long a text is after PostgreSQL has **compressed** it with its own method, pglz: a history of 4 KB, matches
//! of 3 to 273 bytes, and no compression that saves less than a quarter.

/// The largest distance of a match.
const FARTHEST: usize = 4094;
/// The longest match.
const LONGEST: usize = 273;
/// A shorter text is not compressed.
const SHORTEST_INPUT: usize = 32;
/// A text without a match up to here is not compressed.
const FIRST_MATCH_BY: usize = 1024;
/// A match of this length ends the search; with each match that is tried, a shorter one is enough.
const GOOD_MATCH: usize = 128;

/// Returns the length after compression; `None` if the text is not compressed.
pub(super) fn compressed(text: &[u8]) -> Option<usize> {
    if text.len() < SHORTEST_INPUT {
        return None;
    }
    let most = text.len() - text.len() / 4;
    let mut history = History::new(text);
    let (mut at, mut size, mut items, mut has_match) = (0, 0, 0_usize, false);
    while at < text.len() {
        if size >= most || !has_match && at >= FIRST_MATCH_BY {
            return None;
        }
        // One byte holds the kinds of eight items.
        size += usize::from(items.is_multiple_of(8));
        items += 1;
        let length = history.longest_match(at);
        if length > 2 {
            has_match = true;
            size += if length > 17 { 3 } else { 2 };
        } else {
            size += 1;
        }
        for _ in 0..length.max(1) {
            history.note(at);
            at += 1;
        }
    }
    (size < most).then_some(size)
}

/// The earlier places of the same four bytes.
struct History<'a> {
    text: &'a [u8],
    newest: Vec<usize>,
    before: Vec<usize>,
}

/// No place.
const NONE: usize = usize::MAX;

impl<'a> History<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { text, newest: vec![NONE; 1 << 12], before: vec![NONE; text.len()] }
    }

    fn slot(&self, at: usize) -> Option<usize> {
        let four = self.text.get(at..at + 4)?;
        let hash =
            four.iter().fold(0_usize, |hash, byte| hash << 5 ^ hash >> 9 ^ usize::from(*byte));
        Some(hash & 0xfff)
    }

    fn note(&mut self, at: usize) {
        if let Some(slot) = self.slot(at) {
            self.before[at] = self.newest[slot];
            self.newest[slot] = at;
        }
    }

    fn longest_match(&self, at: usize) -> usize {
        let Some(slot) = self.slot(at) else { return 0 };
        let (mut place, mut longest, mut good) = (self.newest[slot], 0, GOOD_MATCH);
        while place != NONE && at - place <= FARTHEST {
            let pairs = self.text[place..].iter().zip(&self.text[at..]);
            let length = pairs.take(LONGEST).take_while(|(a, b)| a == b).count();
            longest = longest.max(length);
            if longest >= good {
                break;
            }
            good -= good / 10;
            place = self.before[place];
        }
        longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_repeats_gets_shorter_and_what_does_not_stays() {
        let repeated = "the same words again and ".repeat(40);
        let size = compressed(repeated.as_bytes()).expect("compressed");
        assert!(size < 60, "{size}");
        let mut state = 1_u64;
        let random: Vec<u8> = (0..2000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            })
            .collect();
        assert_eq!(compressed(&random), None);
        assert_eq!(compressed(b"short"), None);
    }
}

//! A **glued** file was put together from two files in different encodings. Decoded as the first one, the second one
//! would give wrong characters or lose some. The file is refused at the first line at which this is seen.

use memchr::memchr;
use memchr::memmem;

use crate::detect;

/// How many bytes of a record are examined.
const LOOK: usize = 64 << 10;
/// With fewer NUL bytes than this, a record is not taken for wide text: they may be part of its values.
const FEWEST_NULS: usize = 4;
/// With fewer bytes than this, a text may look like wide text by chance.
const FEWEST_BYTES: usize = 8;
/// From this many characters in a row on, each of them two bytes of ASCII, a text is not a text of any language.
const PAIRS: usize = 16;
/// The same if a line ending is among their bytes.
const LINE_PAIRS: usize = 9;
/// The same for characters that are one byte of ASCII if their two bytes are swapped.
const SWAPPED: usize = 8;

/// Whether a record of a file in UTF-8, or with one byte per character, is UTF-16 or UTF-32 or ends in it. `rest` is
/// the window from the record's start on.
pub(crate) fn is_wide(record: &[u8], rest: &[u8]) -> bool {
    let record = &record[..record.len().min(LOOK)];
    is_wide_after_mark(b"\xff\xfe", record, rest)
        || is_wide_after_mark(b"\xfe\xff", record, rest)
        || may_be_wide(record) && (0..4).any(|start| is_wide_from(rest, start))
}

/// Whether a record holds this byte order mark, and wide text follows it.
fn is_wide_after_mark(mark: &[u8; 2], record: &[u8], rest: &[u8]) -> bool {
    let Some(at) = memmem::find(record, mark) else { return false };
    let text = &rest[at + mark.len()..];
    // The mark of UTF-32 has two more bytes.
    is_wide_from(text, if text.starts_with(&[0; 2]) { 2 } else { 0 })
}

/// Whether bytes are UTF-16 or UTF-32 from a position on, and enough of them to be sure.
fn is_wide_from(bytes: &[u8], start: usize) -> bool {
    let text = bytes.get(start..).filter(|text| text.len() >= FEWEST_BYTES);
    text.is_some_and(|text| detect::wide(text).is_some())
}

/// Whether the NUL bytes of a record are placed as in wide text: all at even positions or all at odd ones, or most
/// bytes are NUL.
fn may_be_wide(record: &[u8]) -> bool {
    let Some(first) = memchr(0, record) else { return false };
    let (mut nuls, mut aside) = (0, 0);
    for place in memchr::memchr_iter(0, record) {
        nuls += 1;
        aside += usize::from(place % 2 != first % 2);
    }
    let is_apart = aside == 0 && nuls * 8 >= record.len();
    let is_padding = nuls == record.len();
    nuls >= FEWEST_NULS && !is_padding && (is_apart || nuls * 2 >= record.len())
}

/// Whether a record of a file in UTF-16 or UTF-32, which the window holds as UTF-8, holds text with one byte per
/// character, or wide text in the other byte order.
pub(crate) fn is_narrow(record: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&record[..record.len().min(LOOK)]);
    let mut runs = Runs::default();
    text.chars().any(|character| {
        runs.add(character);
        runs.are_of_another_encoding() || character == '\u{fffe}'
    })
}

/// How many characters in a row, up to the last one, look like text of another encoding.
#[derive(Default)]
struct Runs {
    /// Characters that are two bytes of ASCII each.
    pairs: usize,
    /// Line endings among the bytes of these.
    ends: usize,
    /// Characters that are one byte of ASCII if their bytes are swapped.
    swapped: usize,
    /// Bytes that were not text.
    no_text: usize,
}

impl Runs {
    /// Counts a character.
    fn add(&mut self, character: char) {
        let [_, _, high, low] = u32::from(character).to_be_bytes();
        let is_pair = character <= '\u{ffff}' && is_text(high) && is_text(low);
        let is_swapped = character <= '\u{ffff}' && is_text(high) && low == 0;
        self.pairs = if is_pair { self.pairs + 1 } else { 0 };
        self.ends = if is_pair { self.ends + usize::from(is_end(high) || is_end(low)) } else { 0 };
        self.swapped = match is_swapped {
            // The blank of ideographic scripts: many may stand in a row.
            true if character == '\u{3000}' => self.swapped,
            true => self.swapped + 1,
            false => 0,
        };
        self.no_text = if character == char::REPLACEMENT_CHARACTER { self.no_text + 1 } else { 0 };
    }

    /// Whether one of the runs is too long to be chance.
    fn are_of_another_encoding(&self) -> bool {
        let are_lines = self.ends > 0 && self.pairs >= LINE_PAIRS;
        are_lines || self.pairs >= PAIRS || self.swapped >= SWAPPED || self.no_text >= PAIRS
    }
}

/// Whether a byte ends a line.
fn is_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Whether a byte is an ASCII character that may occur in a text.
fn is_text(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    /// The text of bytes that are taken for UTF-16.
    fn read_as_utf16(bytes: &[u8], number: fn([u8; 2]) -> u16) -> String {
        let units: Vec<u16> = bytes.as_chunks::<2>().0.iter().map(|two| number(*two)).collect();
        String::from_utf16_lossy(&units)
    }

    /// Whether the first line of some bytes is wide.
    fn is_wide_line(bytes: &[u8]) -> bool {
        let end = memchr(b'\n', bytes).unwrap_or(bytes.len());
        is_wide(&bytes[..end], bytes)
    }

    #[test]
    fn wide_text_is_seen_with_a_mark_and_without() {
        for text in ["id,name\n1,Ann\n", "2,Bob\r\n3,Cid\r\n", "日期,说明\n2025,一二三四五六七\n"]
        {
            for order in [u16::to_le_bytes as fn(u16) -> [u8; 2], u16::to_be_bytes] {
                let marked = utf16(&format!("\u{feff}{text}"), order);
                assert!(is_wide_line(&marked), "{text:?}");
                assert!(
                    is_wide_line(&[b"1,Ann", &marked[..]].concat()),
                    "{text:?}, behind a value"
                );
                let bare = utf16(text, order);
                assert_eq!(is_wide_line(&bare), text.starts_with(['i', '2']), "{text:?}");
            }
            let utf32: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
            assert!(is_wide_line(&utf32), "{text:?} as UTF-32");
        }
    }

    #[test]
    fn nuls_in_values_are_not_wide_text() {
        let records: [&[u8]; 11] = [
            b"\0\0\0\0\n",
            b"x\0\0\0\0\n",
            b"\0\0\0\0\0\n1,2,3\n",
            b"1,a\0\n",
            b"1\0,2\0,3\0,4\0,5\0\n",
            b"ab\0\0\0\0,c\0\0\0\0\0\n",
            b"abc\0,def\0,ghi\0,jkl\0\n",
            b"a\0\0\0\0\0\0\0\n",
            b"\0\0\0\0\0\0\0\0",
            b"1,K\xff\xfeln\n2,\0\n",
            b"\xff\xfe\n",
        ];
        for record in records {
            assert!(!is_wide_line(record), "{}", record.escape_ascii());
        }
    }

    #[test]
    fn narrow_text_read_as_wide_is_recognised() {
        let narrow = b"id,name,city\n1,Ann,Rome\n2,Bob,Oslo\n";
        for number in [u16::from_le_bytes as fn([u8; 2]) -> u16, u16::from_be_bytes] {
            assert!(is_narrow(read_as_utf16(narrow, number).as_bytes()));
        }
        let swapped = utf16("id,name,city", u16::to_be_bytes);
        assert!(is_narrow(read_as_utf16(&swapped, u16::from_le_bytes).as_bytes()));
        assert!(is_narrow("\u{fffe}x".as_bytes()));
        assert!(is_narrow(&[0xff; 20]));
        assert!(!is_narrow("\u{3000}".repeat(20).as_bytes()));
        for text in ["1,Ann,Rome", "日期,说明,一二三四五六七八九十一二三四五六七八九十", "Москва"]
        {
            assert!(!is_narrow(text.as_bytes()), "{text}");
        }
    }
}

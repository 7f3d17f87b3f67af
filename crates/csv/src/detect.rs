//! To **detect** an encoding is to find it by the bytes of one file: UTF-16 and UTF-32 by the positions of
//! their NUL bytes, and an encoding with one byte per character by bytes that are not UTF-8.

use encoding_rs::{UTF_16BE, UTF_16LE};

use crate::encoding::Encoding;

/// How many bytes at the start of a file are searched for NUL bytes.
const LOOK: usize = 4 << 10;

/// UTF-16 or UTF-32 without a byte order mark; `None` if it is not certain.
pub(crate) fn wide(start: &[u8]) -> Option<Encoding> {
    let start = &start[..start.len().min(LOOK)];
    let first = memchr::memchr(0, start)?;
    if is_narrow(&start[..first]) {
        return None;
    }
    if is_utf32(start, u32::from_le_bytes) {
        Some(Encoding::Utf32Le)
    } else if is_utf32(start, u32::from_be_bytes) {
        Some(Encoding::Utf32Be)
    } else if is_utf16(start, UTF_16LE, u16::from_le_bytes) {
        Some(Encoding::Utf16Le)
    } else if is_utf16(start, UTF_16BE, u16::from_be_bytes) {
        Some(Encoding::Utf16Be)
    } else {
        None
    }
}

/// Whether bytes start with a line of ASCII, so that they are text with one byte per character. Wide text may follow it.
fn is_narrow(bytes: &[u8]) -> bool {
    const SHORTEST: usize = 5;
    let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
    end.is_some_and(|end| end >= SHORTEST && bytes[..end].iter().all(is_ascii_text))
}

/// Whether all bytes are characters of four bytes.
fn is_utf32(start: &[u8], number: fn([u8; 4]) -> u32) -> bool {
    let (characters, _) = start.as_chunks::<4>();
    !characters.is_empty()
        && characters.iter().all(|bytes| char::from_u32(number(*bytes)).is_some_and(may_be_text))
}

/// Whether the bytes are UTF-16: most NUL bytes belong to an ASCII character, and most characters are ASCII or the
/// lines end as in UTF-16.
fn is_utf16(
    start: &[u8],
    encoding: &'static encoding_rs::Encoding,
    number: fn([u8; 2]) -> u16,
) -> bool {
    let (units, _) = start.as_chunks::<2>();
    let ascii: Vec<u8> = units
        .iter()
        .filter_map(|bytes| u8::try_from(number(*bytes)).ok())
        .filter(is_ascii_text)
        .collect();
    let nuls = start.iter().filter(|byte| **byte == 0).count();
    if ascii.is_empty() || nuls.saturating_sub(ascii.len()) * 4 > nuls {
        return false;
    }
    let ends = count_line_end_bytes(&ascii);
    let looks_like_ends = count_line_end_bytes(start);
    let has_ends =
        ends > 0 && looks_like_ends < ends * 2 && ascii.len() > 3 && ascii.len() * 8 >= units.len();
    // The last character may be half of a pair.
    let whole = &start[..units.len().saturating_sub(1) * 2];
    let text = encoding.decode_without_bom_handling_and_without_replacement(whole);
    (ascii.len() * 2 >= units.len() || has_ends)
        && text.is_some_and(|text| text.chars().all(may_be_text))
}

/// How many bytes are part of a line ending.
fn count_line_end_bytes(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| matches!(byte, b'\r' | b'\n')).count()
}

/// Whether a byte is an ASCII character that may stand in a text.
fn is_ascii_text(byte: &u8) -> bool {
    byte.is_ascii() && may_be_text(char::from(*byte))
}

/// Whether a character may occur in a text: all but control characters, of which only tab and line endings may.
fn may_be_text(character: char) -> bool {
    !character.is_ascii_control() || matches!(character, '\t' | '\r' | '\n')
}

/// Which of a file's lines that are not ASCII are UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lines {
    /// All are ASCII.
    Ascii,
    /// At least half of the others are UTF-8.
    Utf8,
    /// Fewer are.
    Other,
}

/// Classifies the lines of `bytes`; the last one may be cut off, unless the file ends there.
pub(crate) fn lines(bytes: &[u8], is_at_end: bool) -> Lines {
    let (mut utf8, mut other) = (0_usize, 0_usize);
    let lines = bytes.split(|byte| matches!(byte, b'\r' | b'\n'));
    let mut lines = lines.filter(|line| !line.is_ascii()).peekable();
    while let Some(line) = lines.next() {
        match std::str::from_utf8(line) {
            Ok(_) => utf8 += 1,
            Err(error) if error.error_len().is_none() && lines.peek().is_none() && !is_at_end => {
                // A character that is cut off decides nothing, but characters before it do.
                utf8 += usize::from(!line[..error.valid_up_to()].is_ascii());
            }
            Err(_) => other += 1,
        }
    }
    match (utf8, other) {
        (0, 0) => Lines::Ascii,
        (utf8, other) if utf8 >= other => Lines::Utf8,
        _ => Lines::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    fn utf32(text: &str, order: fn(u32) -> [u8; 4]) -> Vec<u8> {
        text.chars().flat_map(|character| order(character.into())).collect()
    }

    #[test]
    fn nul_bytes_show_wide_text_and_its_byte_order() {
        let chinese =
            "日期,说明\r\n2025-03-01,一二三四五六七八九十一二三四五六七八九十\r\n".repeat(40);
        for text in ["id,city\n1,Москва\n2,Тула\n3,Ялта\n", "a", "a,b\r\n1,Köln\r\n", &chinese]
        {
            assert_eq!(wide(&utf16(text, u16::to_le_bytes)), Some(Encoding::Utf16Le), "{text}");
            assert_eq!(wide(&utf16(text, u16::to_be_bytes)), Some(Encoding::Utf16Be), "{text}");
            assert_eq!(wide(&utf32(text, u32::to_le_bytes)), Some(Encoding::Utf32Le), "{text}");
            assert_eq!(wide(&utf32(text, u32::to_be_bytes)), Some(Encoding::Utf32Be), "{text}");
        }
    }

    #[test]
    fn single_nul_bytes_decide_nothing() {
        let files: [&[u8]; 8] = [
            b"id\0,v\n",
            b"id,v\n1,a\0b\n",
            b"id,v\n\x001,a\n",
            b"id,v\n1,a\0\n2,b\0\n3,c\0\n",
            b"id,v\n1,a\0\0\0\n2,bb\0\0\n",
            b"\0\0\0\0",
            b"id,v\n1,2\n\0",
            b"id,v\n1,2\n",
        ];
        for file in files {
            assert_eq!(wide(file), None, "{}", file.escape_ascii());
        }
    }

    #[test]
    fn most_lines_beyond_ascii_decide() {
        assert_eq!(lines(b"id,city\n1,Bonn\n", true), Lines::Ascii);
        assert_eq!(lines("id,city\n1,Köln\n".as_bytes(), true), Lines::Utf8);
        assert_eq!(lines(b"id,city\n1,K\xf6ln\n", true), Lines::Other);
        assert_eq!(lines(b"K\xf6ln\nK\xc3\xb6ln\nK\xc3\xb6ln\n", true), Lines::Utf8);
        assert_eq!(lines(b"K\xc3\xb6ln\nK\xf6ln\nK\xf6ln\n", true), Lines::Other);
    }

    #[test]
    fn a_character_that_is_cut_off_decides_nothing() {
        assert_eq!(lines(b"1,K\xc3", false), Lines::Ascii);
        assert_eq!(lines(b"1,K\xc3", true), Lines::Other);
        assert_eq!(lines(b"K\xc3\xb6ln,K\xc3", false), Lines::Utf8);
        assert_eq!(lines(b"1,K\xf6ln\n2,\xe2\x82", false), Lines::Other);
    }
}

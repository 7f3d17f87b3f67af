//! An **encoding** says how the bytes of a file become text. Each file has its own. It is recognised by a byte order
//! mark, by the NUL bytes of UTF-16 and UTF-32, or by characters beyond ASCII that are valid UTF-8. If none of these
//! decides, the dataset's setting does.

use std::fmt;
use std::io::{self, Cursor, Read};

use encoding_rs::{UTF_16BE, UTF_16LE, WINDOWS_1252};
use serde::de::value::{SeqAccessDeserializer, StrDeserializer};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::detect::{self, Lines};
use crate::wide::{Utf16, Utf32};

/// How bytes become text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// UTF-8; other bytes reject the record.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// Windows-1252, the superset of Latin-1 that old Windows programs write.
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// Latin-1: every byte is the character with its number.
    #[serde(rename = "iso-8859-1")]
    Latin1,
    /// UTF-16, the lower byte first; half a surrogate pair rejects the record.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, the higher byte first; half a surrogate pair rejects the record.
    #[serde(rename = "utf-16be")]
    Utf16Be,
    /// UTF-32, the lowest byte first; a number that is not a character rejects the record.
    #[serde(rename = "utf-32le")]
    Utf32Le,
    /// UTF-32, the highest byte first; a number that is not a character rejects the record.
    #[serde(rename = "utf-32be")]
    Utf32Be,
}

/// The encodings that the files of a dataset may have: a file has the first one that fits. Written as one name or as a
/// list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encodings(Vec<Encoding>);

impl Encoding {
    /// Decodes `bytes`; `None` if they already are UTF-8.
    pub fn decode(self, bytes: &[u8]) -> Option<String> {
        match self {
            Self::Windows1252 if !bytes.is_ascii() => {
                Some(WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned())
            }
            Self::Latin1 if !bytes.is_ascii() => {
                Some(encoding_rs::mem::decode_latin1(bytes).into_owned())
            }
            _ => None,
        }
    }

    /// The encoding's usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Windows1252 => "windows-1252",
            Self::Latin1 => "iso-8859-1",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
            Self::Utf32Le => "utf-32le",
            Self::Utf32Be => "utf-32be",
        }
    }

    /// Whether a character has two or four bytes.
    pub fn is_wide(self) -> bool {
        !matches!(self, Self::Utf8) && !self.is_single_byte()
    }

    /// Whether every character is one byte, also beyond ASCII.
    fn is_single_byte(self) -> bool {
        matches!(self, Self::Windows1252 | Self::Latin1)
    }

    /// Whether every byte is a character: five bytes are unused in Windows-1252.
    fn has(self, bytes: &[u8]) -> bool {
        self != Self::Windows1252
            || !bytes.iter().any(|byte| matches!(byte, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d))
    }

    /// The encoding that a byte order mark names, and the length of the mark.
    fn marked(start: &[u8]) -> Option<(Self, usize)> {
        match start {
            [0xef, 0xbb, 0xbf, ..] => Some((Self::Utf8, 3)),
            // The mark of UTF-32 starts as that of UTF-16 does, and no file starts with a NUL character.
            [0xff, 0xfe, 0, 0, ..] => Some((Self::Utf32Le, 4)),
            [0, 0, 0xfe, 0xff, ..] => Some((Self::Utf32Be, 4)),
            [0xff, 0xfe, ..] => Some((Self::Utf16Le, 2)),
            [0xfe, 0xff, ..] => Some((Self::Utf16Be, 2)),
            _ => None,
        }
    }
}

impl Encodings {
    /// The encodings of a list; UTF-8 if it is empty.
    pub fn new(list: Vec<Encoding>) -> Self {
        if list.is_empty() { Self::default() } else { Self(list) }
    }

    /// The encodings in the order in which they are tried.
    pub fn list(&self) -> &[Encoding] {
        &self.0
    }

    fn first(&self) -> Encoding {
        self.0.first().copied().unwrap_or_default()
    }

    /// The encodings with one byte per character, for files that are not UTF-8.
    fn narrow(&self) -> impl Iterator<Item = Encoding> {
        self.0.iter().copied().filter(|encoding| encoding.is_single_byte())
    }

    /// Whether the list names an encoding besides UTF-8.
    pub(crate) fn has_other_than_utf8(&self) -> bool {
        self.0.iter().any(|encoding| *encoding != Encoding::Utf8)
    }

    /// The encoding of a file that starts with these bytes and has no byte order mark.
    fn of(&self, start: &[u8], is_whole: bool) -> Given {
        if let Some(encoding) = detect::wide(start) {
            return Given::Certain(encoding);
        }
        let may_be_wide = memchr::memchr(0, start).is_some() || !is_utf8(start, is_whole);
        let first = self.first();
        if first.is_wide() && may_be_wide && !start.is_empty() {
            return Given::Certain(first);
        }
        if self.narrow().next().is_none() {
            return Given::Certain(Encoding::Utf8);
        }
        match self.narrow_of(start, is_whole) {
            Some(encoding) => Given::Certain(encoding),
            None if self.0.len() == 1 => Given::Open(first),
            None => Given::Open(if first.is_wide() { Encoding::Utf8 } else { first }),
        }
    }

    /// UTF-8, or an encoding with one byte per character; `None` if all bytes are ASCII. UTF-8 is tried first: text in
    /// another encoding is hardly ever valid UTF-8.
    pub fn narrow_of(&self, bytes: &[u8], is_at_end: bool) -> Option<Encoding> {
        match detect::lines(bytes, is_at_end) {
            Lines::Ascii => None,
            Lines::Utf8 => Some(Encoding::Utf8),
            Lines::Other => {
                let fitting = self.narrow().find(|encoding| encoding.has(bytes));
                Some(fitting.or(self.narrow().next()).unwrap_or_default())
            }
        }
    }
}

/// Whether bytes are UTF-8, except for a last character that is cut off.
fn is_utf8(bytes: &[u8], is_whole: bool) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => !is_whole && error.error_len().is_none(),
    }
}

impl Default for Encodings {
    fn default() -> Self {
        Encoding::default().into()
    }
}

impl From<Encoding> for Encodings {
    fn from(encoding: Encoding) -> Self {
        Self(vec![encoding])
    }
}

impl Serialize for Encodings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0[..] {
            [only] => only.serialize(serializer),
            list => list.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Encodings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrList)
    }
}

/// Reads the name of an encoding, or a list of names.
struct OneOrList;

impl<'de> Visitor<'de> for OneOrList {
    type Value = Encodings;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an encoding or a list of encodings")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Encodings, E> {
        Encoding::deserialize(StrDeserializer::new(name)).map(Into::into)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Encodings, A::Error> {
        let list = Vec::deserialize(SeqAccessDeserializer::new(list))?;
        match list.is_empty() {
            true => Err(serde::de::Error::invalid_length(0, &"at least one encoding")),
            false => Ok(Encodings(list)),
        }
    }
}

/// What is known of a file's encoding before its first record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    /// It is this one.
    Certain(Encoding),
    /// All bytes were ASCII so far; the first ones that are not will decide.
    Open(Encoding),
}

/// A file whose encoding is known.
pub(crate) struct Opened {
    /// The bytes after the mark; UTF-16 and UTF-32 are converted to UTF-8.
    pub input: Box<dyn Read + Send>,
    /// The file's encoding.
    pub encoding: Encoding,
    /// The encoding of `input`: UTF-8, or one with one byte per character.
    pub given: Encoding,
    /// Whether the first bytes that are not ASCII may still decide for another encoding.
    pub is_open: bool,
    /// The length of the byte order mark; 0 if there is none.
    pub mark: usize,
}

/// How many bytes at the start of a file are examined.
const START: u64 = 64 << 10;

/// Reads the first 64 KiB of a file, fewer only if it ends or reading fails. Returns them and the rest of the file.
pub(crate) fn start_of(mut input: Box<dyn Read + Send>) -> (Vec<u8>, Box<dyn Read + Send>) {
    let mut start = Vec::new();
    match input.by_ref().take(START).read_to_end(&mut start) {
        Ok(_) => (start, input),
        Err(error) => (start, Box::new(Failed(Some(error)))),
    }
}

/// The rest of a file that could not be read further: the error.
struct Failed(Option<io::Error>);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// Finds the encoding of the file that starts with `start` and goes on with `input`.
pub(crate) fn open(
    mut start: Vec<u8>,
    input: Box<dyn Read + Send>,
    configured: &Encodings,
) -> Opened {
    let is_whole = (start.len() as u64) < START;
    let (encoding, mark, is_open) = match Encoding::marked(&start) {
        Some((encoding, mark)) => (encoding, mark, false),
        None => match configured.of(&start, is_whole) {
            Given::Certain(encoding) => (encoding, 0, false),
            Given::Open(encoding) => (encoding, 0, true),
        },
    };
    start.drain(..mark);
    let rest = Cursor::new(start).chain(input);
    let given = if encoding.is_wide() { Encoding::Utf8 } else { encoding };
    let input: Box<dyn Read + Send> = match encoding {
        Encoding::Utf16Le => Box::new(Utf16::new(rest, UTF_16LE.new_decoder())),
        Encoding::Utf16Be => Box::new(Utf16::new(rest, UTF_16BE.new_decoder())),
        Encoding::Utf32Le => Box::new(Utf32::new(rest, u32::from_le_bytes)),
        Encoding::Utf32Be => Box::new(Utf32::new(rest, u32::from_be_bytes)),
        _ => Box::new(rest),
    };
    Opened { input, encoding, given, is_open, mark }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(bytes: &[u8], configured: impl Into<Encodings>) -> (Vec<u8>, Encoding, usize) {
        let (start, input) = start_of(Box::new(Cursor::new(bytes.to_vec())));
        let mut opened = open(start, input, &configured.into());
        let mut text = Vec::new();
        opened.input.read_to_end(&mut text).expect("whole");
        (text, opened.encoding, opened.mark)
    }

    /// The encoding in which bytes are read.
    fn used(bytes: &[u8], configured: impl Into<Encodings>) -> Encoding {
        opened(bytes, configured).1
    }

    fn utf8_or_windows() -> Encodings {
        Encodings::new(vec![Encoding::Utf8, Encoding::Windows1252])
    }

    fn parsed(text: &str) -> Result<Encodings, serde_json::Error> {
        serde_json::from_str(text)
    }

    fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    fn utf32(text: &str, order: fn(u32) -> [u8; 4]) -> Vec<u8> {
        text.chars().flat_map(|character| order(character.into())).collect()
    }

    #[test]
    fn a_mark_is_stronger_than_the_configuration() {
        let text = "a,ü,🦀\r\n";
        let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
        let expected = (text.as_bytes().to_vec(), Encoding::Utf8, 3);
        assert_eq!(opened(&marked, Encoding::Windows1252), expected);
        let little = utf16(&format!("\u{feff}{text}"), u16::to_le_bytes);
        let expected = (text.as_bytes().to_vec(), Encoding::Utf16Le, 2);
        assert_eq!(opened(&little, Encoding::Utf8), expected);
        let big = utf16(&format!("\u{feff}{text}"), u16::to_be_bytes);
        let expected = (text.as_bytes().to_vec(), Encoding::Utf16Be, 2);
        assert_eq!(opened(&big, Encoding::Utf16Le), expected);
        let little = utf32(&format!("\u{feff}{text}"), u32::to_le_bytes);
        let expected = (text.as_bytes().to_vec(), Encoding::Utf32Le, 4);
        assert_eq!(opened(&little, Encoding::Utf8), expected);
        let big = utf32(&format!("\u{feff}{text}"), u32::to_be_bytes);
        let expected = (text.as_bytes().to_vec(), Encoding::Utf32Be, 4);
        assert_eq!(opened(&big, Encoding::Utf8), expected);
    }

    #[test]
    fn without_a_mark_nul_bytes_decide_and_then_the_configuration() {
        let text = "long ".repeat(40_000) + "ü";
        for configured in [Encoding::Utf16Be, Encoding::Utf8, Encoding::Utf16Le] {
            let bytes = utf16(&text, u16::to_be_bytes);
            let expected = (text.clone().into_bytes(), Encoding::Utf16Be, 0);
            assert_eq!(opened(&bytes, configured), expected);
            let bytes = utf32(&text, u32::to_le_bytes);
            let expected = (text.clone().into_bytes(), Encoding::Utf32Le, 0);
            assert_eq!(opened(&bytes, configured), expected);
        }
        for short in [&b""[..], b"a", b"ab"] {
            assert_eq!(opened(short, Encoding::Utf8), (short.to_vec(), Encoding::Utf8, 0));
        }
    }

    #[test]
    fn half_a_pair_and_half_a_character_are_not_text() {
        let lone = utf16("a", u16::to_le_bytes).into_iter().chain([0x3d, 0xd8, 0x62, 0x00]);
        let (text, ..) = opened(&lone.collect::<Vec<_>>(), Encoding::Utf16Le);
        assert_eq!(text, b"a\xffb");
        let (text, ..) = opened(b"a\0b", Encoding::Utf16Le);
        assert_eq!(text, b"a\xff");
        let mark = b"\xff\xfe\0\0";
        let (text, ..) = opened(&[&mark[..], b"a\0\0\0\0\xd8\0\0b\0"].concat(), Encoding::Utf8);
        assert_eq!(text, b"a\xff\xff");
    }

    #[test]
    fn utf_8_is_never_taken_for_anything_else() {
        for encodings in [utf8_or_windows(), Encoding::Windows1252.into(), Encoding::Latin1.into()]
        {
            assert_eq!(used("id\nKöln\n".as_bytes(), encodings), Encoding::Utf8);
        }
        for encoding in [Encoding::Utf16Le, Encoding::Utf32Be] {
            assert_eq!(used("id\nKöln\n".as_bytes(), encoding), Encoding::Utf8);
        }
        assert_eq!(used(b"id\nK\xf6ln\n", utf8_or_windows()), Encoding::Windows1252);
        assert_eq!(used(b"id\nK\xf6ln\n", Encoding::Latin1), Encoding::Latin1);
        assert_eq!(used(b"id\nK\xf6ln\n", Encoding::Utf8), Encoding::Utf8);
        assert_eq!(used(b"id\nBonn\n", utf8_or_windows()), Encoding::Utf8);
        assert_eq!(used(b"id\nBonn\n", Encoding::Windows1252), Encoding::Windows1252);
    }

    #[test]
    fn a_byte_that_one_encoding_does_not_use_leads_to_the_next() {
        let list = Encodings::new(vec![Encoding::Utf8, Encoding::Windows1252, Encoding::Latin1]);
        assert_eq!(used(b"id\nK\xf6ln \x80\n", list.clone()), Encoding::Windows1252);
        assert_eq!(used(b"id\nK\xf6ln \x81\n", list), Encoding::Latin1);
    }

    #[test]
    fn one_encoding_is_written_as_its_name_and_several_as_a_list() {
        for text in ["\"utf-8\"", "\"windows-1252\"", "[\"utf-8\",\"windows-1252\"]"] {
            let encodings = parsed(text).expect("encodings");
            assert_eq!(serde_json::to_string(&encodings).expect("JSON"), text);
        }
        assert_eq!(parsed("[\"utf-8\"]").expect("a list"), Encodings::default());
        assert!(parsed("[]").is_err() && parsed("3").is_err());
        let error = parsed("\"utf-9\"").expect_err("no encoding").to_string();
        assert!(error.contains("unknown variant `utf-9`"), "{error}");
    }

    #[test]
    fn bytes_become_the_characters_of_their_encoding() {
        assert_eq!(Encoding::Windows1252.decode(b"\x80\xe9"), Some("€é".to_owned()));
        assert_eq!(Encoding::Latin1.decode(b"\x80\xe9"), Some("\u{80}é".to_owned()));
        assert_eq!(Encoding::Latin1.decode(b"plain"), None);
        assert_eq!(Encoding::Utf8.decode(b"\xe9"), None);
    }
}

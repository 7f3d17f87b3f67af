//! An **encoding** says how the bytes of a file become text. It is the dataset's, unless the file
//! starts with a byte order mark, which leaves no doubt.

use std::io::{self, Cursor, Read};

use encoding_rs::{Decoder, DecoderResult, UTF_16BE, UTF_16LE, WINDOWS_1252};
use serde::{Deserialize, Serialize};

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
    /// Latin-1: every byte is the character of its number.
    #[serde(rename = "iso-8859-1")]
    Latin1,
    /// UTF-16, the lower byte first; half a surrogate pair rejects the record.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, the higher byte first; half a surrogate pair rejects the record.
    #[serde(rename = "utf-16be")]
    Utf16Be,
}

impl Encoding {
    /// Decodes `bytes` where they need decoding; `None` where they already are UTF-8.
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
        }
    }

    /// What the first bytes of a file say for certain, and how many of them say it.
    fn marked(start: &[u8]) -> Option<(Self, usize)> {
        match start {
            [0xef, 0xbb, 0xbf, ..] => Some((Self::Utf8, 3)),
            [0xff, 0xfe, ..] => Some((Self::Utf16Le, 2)),
            [0xfe, 0xff, ..] => Some((Self::Utf16Be, 2)),
            _ => None,
        }
    }
}

/// A file whose encoding is known.
pub struct Opened {
    /// The bytes behind the mark; of UTF-16, as UTF-8.
    pub input: Box<dyn Read + Send>,
    /// The file's encoding.
    pub encoding: Encoding,
    /// The encoding of `input`: UTF-8, or one of a byte a character.
    pub given: Encoding,
    /// The length of the byte order mark; 0 where there is none.
    pub mark: usize,
}

/// Looks for a byte order mark, and falls back on the dataset's encoding.
///
/// # Errors
/// Where the first bytes cannot be read.
pub fn open(mut input: Box<dyn Read + Send>, configured: Encoding) -> io::Result<Opened> {
    let mut start = Vec::new();
    input.by_ref().take(3).read_to_end(&mut start)?;
    let (encoding, mark) = Encoding::marked(&start).unwrap_or((configured, 0));
    let rest = Cursor::new(start.split_off(mark)).chain(input);
    let (input, given): (Box<dyn Read + Send>, _) = match encoding {
        Encoding::Utf16Le => (Box::new(Utf16::new(rest, UTF_16LE.new_decoder())), Encoding::Utf8),
        Encoding::Utf16Be => (Box::new(Utf16::new(rest, UTF_16BE.new_decoder())), Encoding::Utf8),
        other => (Box::new(rest), other),
    };
    Ok(Opened { input, encoding, given, mark })
}

/// A byte that is never part of UTF-8: the record that it stands in is rejected.
const NO_TEXT: u8 = 0xff;

/// Reads UTF-16 as UTF-8.
struct Utf16<R> {
    input: R,
    decoder: Decoder,
    raw: Vec<u8>,
    text: Cursor<Vec<u8>>,
    at_end: bool,
}

impl<R: Read> Utf16<R> {
    fn new(input: R, decoder: Decoder) -> Self {
        let (raw, text) = (vec![0; 64 << 10], Cursor::new(Vec::new()));
        Self { input, decoder, raw, text, at_end: false }
    }

    /// Decodes the next bytes of the input.
    fn decode(&mut self) -> io::Result<()> {
        let held = self.input.read(&mut self.raw)?;
        self.at_end = held == 0;
        let text = self.text.get_mut();
        // Two bytes become three at most; a mark of ours stands for what is no text.
        text.resize(held * 3 + 16, 0);
        let (mut read, mut written) = (0, 0);
        loop {
            let (result, more, out) = self.decoder.decode_to_utf8_without_replacement(
                &self.raw[read..held],
                &mut text[written..],
                self.at_end,
            );
            read += more;
            written += out;
            match result {
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => text.resize(text.len() * 2, 0),
                DecoderResult::Malformed(..) => {
                    if written == text.len() {
                        text.push(0);
                    }
                    text[written] = NO_TEXT;
                    written += 1;
                }
            }
        }
        text.truncate(written);
        self.text.set_position(0);
        Ok(())
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.text.read(into)?;
            if count > 0 || self.at_end || into.is_empty() {
                return Ok(count);
            }
            self.decode()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(bytes: &[u8], configured: Encoding) -> (Vec<u8>, Encoding, usize) {
        let mut opened = open(Box::new(Cursor::new(bytes.to_vec())), configured).expect("readable");
        let mut text = Vec::new();
        opened.input.read_to_end(&mut text).expect("whole");
        (text, opened.encoding, opened.mark)
    }

    fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
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
    }

    #[test]
    fn without_a_mark_the_configuration_counts() {
        let text = "long ".repeat(40_000) + "ü";
        let bytes = utf16(&text, u16::to_be_bytes);
        let expected = (text.into_bytes(), Encoding::Utf16Be, 0);
        assert_eq!(opened(&bytes, Encoding::Utf16Be), expected);
        for short in [&b""[..], b"a", b"ab"] {
            assert_eq!(opened(short, Encoding::Utf8), (short.to_vec(), Encoding::Utf8, 0));
        }
    }

    #[test]
    fn half_a_pair_and_half_a_character_are_no_text() {
        let lone = utf16("a", u16::to_le_bytes).into_iter().chain([0x3d, 0xd8, 0x62, 0x00]);
        let (text, ..) = opened(&lone.collect::<Vec<_>>(), Encoding::Utf16Le);
        assert_eq!(text, b"a\xffb");
        let (text, ..) = opened(b"a\0b", Encoding::Utf16Le);
        assert_eq!(text, b"a\xff");
    }

    #[test]
    fn bytes_become_the_characters_of_their_encoding() {
        let decode = |encoding: Encoding, bytes: &[u8]| encoding.decode(bytes);
        assert_eq!(decode(Encoding::Windows1252, b"\x80\xe9"), Some("€é".to_owned()));
        assert_eq!(decode(Encoding::Latin1, b"\x80\xe9"), Some("\u{80}é".to_owned()));
        assert_eq!(decode(Encoding::Latin1, b"plain"), None);
        assert_eq!(decode(Encoding::Utf8, b"\xe9"), None);
    }
}

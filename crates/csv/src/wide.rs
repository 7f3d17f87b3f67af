//! **Wide** text is UTF-16 or UTF-32, with at least two bytes per character. It is converted to UTF-8.

use std::io::{self, Cursor, Read};

use encoding_rs::{Decoder, DecoderResult};

/// A byte that never occurs in UTF-8. It stands for bytes that are not text, so that their record is rejected.
const NO_TEXT: u8 = 0xff;

/// How much is decoded at once.
const STEP: usize = 64 << 10;

/// Reads UTF-16 as UTF-8.
pub(crate) struct Utf16<R> {
    input: R,
    decoder: Decoder,
    raw: Vec<u8>,
    text: Cursor<Vec<u8>>,
    at_end: bool,
}

impl<R: Read> Utf16<R> {
    /// Reads `input` with a decoder for its byte order.
    pub(crate) fn new(input: R, decoder: Decoder) -> Self {
        let (raw, text) = (vec![0; STEP], Cursor::new(Vec::new()));
        Self { input, decoder, raw, text, at_end: false }
    }

    /// Decodes the next bytes of the input.
    fn decode(&mut self) -> io::Result<()> {
        let held = self.input.read(&mut self.raw)?;
        self.at_end = held == 0;
        let text = self.text.get_mut();
        // Two bytes become three at most, and NO_TEXT is one byte.
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

/// Reads UTF-32 as UTF-8.
pub(crate) struct Utf32<R> {
    input: R,
    number: fn([u8; 4]) -> u32,
    text: Cursor<Vec<u8>>,
}

impl<R: Read> Utf32<R> {
    /// Reads `input`; `number` makes a number of four bytes in its byte order.
    pub(crate) fn new(input: R, number: fn([u8; 4]) -> u32) -> Self {
        Self { input, number, text: Cursor::new(Vec::new()) }
    }

    /// Decodes the next bytes of the input; the text is empty only at its end.
    fn decode(&mut self) -> io::Result<()> {
        let mut raw = Vec::new();
        self.input.by_ref().take(STEP as u64).read_to_end(&mut raw)?;
        let text = self.text.get_mut();
        text.clear();
        let (characters, rest) = raw.as_chunks::<4>();
        for bytes in characters {
            match char::from_u32((self.number)(*bytes)) {
                Some(character) => {
                    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                None => text.push(NO_TEXT),
            }
        }
        if !rest.is_empty() {
            text.push(NO_TEXT);
        }
        self.text.set_position(0);
        Ok(())
    }
}

impl<R: Read> Read for Utf32<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.text.read(into)?;
        if count > 0 || into.is_empty() {
            return Ok(count);
        }
        self.decode()?;
        self.text.read(into)
    }
}

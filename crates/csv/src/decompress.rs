//! To **decompress** a file is to recognise gzip, zstd or bzip2 by its first bytes, not by its name, and to
//! decompress all members, frames or streams.

use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bzip2::read::MultiBzDecoder;
use flate2::bufread::GzDecoder;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, one member or several.
    Gzip,
    /// Zstandard, one frame or several.
    Zstd,
    /// bzip2, one stream or several.
    Bzip2,
}

impl Compression {
    /// The compression of a file that starts with these bytes.
    fn of(start: &[u8]) -> Self {
        if start.starts_with(&[0x1f, 0x8b]) {
            Self::Gzip
        } else if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Self::Zstd
        } else if start.starts_with(b"BZh") && start.get(3).is_some_and(u8::is_ascii_digit) {
            Self::Bzip2
        } else {
            Self::None
        }
    }

    /// The compression's usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
        }
    }
}

/// Returns the decompressed bytes of `input`, and how it is compressed.
///
/// # Errors
/// If the first bytes cannot be read.
pub fn decompress(
    mut input: impl Read + Send + 'static,
) -> io::Result<(Box<dyn Read + Send>, Compression)> {
    let mut start = [0; 4];
    let mut held = 0;
    while held < start.len() {
        match input.read(&mut start[held..])? {
            0 => break,
            count => held += count,
        }
    }
    let compression = Compression::of(&start[..held]);
    let whole = Cursor::new(start[..held].to_vec()).chain(input);
    let plain: Box<dyn Read + Send> = match compression {
        Compression::None => Box::new(whole),
        Compression::Gzip => Box::new(Gzip::new(BufReader::with_capacity(1 << 18, whole))),
        Compression::Zstd => {
            let failed = Arc::<AtomicBool>::default();
            let input = Watched { input: whole, failed: Arc::clone(&failed) };
            Box::new(Zstd { frames: zstd::Decoder::new(input)?, failed })
        }
        Compression::Bzip2 => {
            Box::new(MultiBzDecoder::new(BufReader::with_capacity(1 << 18, whole)))
        }
    };
    Ok((plain, compression))
}

/// The members of a gzip file. NUL bytes may follow the last one up to the end of the file, because tapes and
/// mainframes fill up their blocks; anything else is an error.
struct Gzip<R> {
    /// `None` after the last member.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Gzip<R> {
    fn new(input: R) -> Self {
        Self { member: Some(GzDecoder::new(input)) }
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let Some(ended) = self.member.take() else { break };
            let mut input = ended.into_inner();
            let next = input.fill_buf()?.first().copied();
            match next {
                Some(0x1f) => self.member = Some(GzDecoder::new(input)),
                _ => pass_nuls(&mut input)?,
            }
        }
        Ok(0)
    }
}

/// Reads to the end of an input that holds nothing but NUL bytes.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] if it holds other bytes.
fn pass_nuls(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let held = input.fill_buf()?;
        if held.iter().any(|byte| *byte != 0) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "bytes that are not gzip follow its end",
            ));
        }
        let count = held.len();
        if count == 0 {
            return Ok(());
        }
        input.consume(count);
    }
}

/// An input that notes whether reading it failed.
struct Watched<R> {
    input: R,
    failed: Arc<AtomicBool>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer);
        if read.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        read
    }
}

/// The frames of a zstd file. The library does not report the kind of an error: an error that did not come from the
/// input means that the data are invalid.
struct Zstd<R> {
    frames: R,
    failed: Arc<AtomicBool>,
}

impl<R: Read> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.frames.read(buffer).map_err(|error| match self.failed.load(Ordering::Relaxed) {
            true => error,
            false => io::Error::new(io::ErrorKind::InvalidData, error),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn plain(bytes: Vec<u8>) -> (String, Compression) {
        let (mut reader, compression) = decompress(Cursor::new(bytes)).expect("readable");
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("whole");
        (text, compression)
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).expect("written");
        encoder.finish().expect("finished")
    }

    fn zstd(text: &str) -> Vec<u8> {
        zstd::encode_all(text.as_bytes(), 1).expect("encoded")
    }

    #[test]
    fn all_members_and_frames_are_read() {
        let members = [gzip("a,b\n"), gzip("1,2\n")].concat();
        assert_eq!(plain(members), ("a,b\n1,2\n".to_owned(), Compression::Gzip));
        let frames = [zstd("a,b\n"), zstd("1,2\n")].concat();
        assert_eq!(plain(frames), ("a,b\n1,2\n".to_owned(), Compression::Zstd));
    }

    #[test]
    fn nul_bytes_after_a_gzip_file_are_padding_and_nothing_else_is() {
        let members = [gzip("a,b\n"), gzip("1,2\n")].concat();
        for length in [1, 511, 600_000] {
            let padded = [&members[..], &vec![0; length]].concat();
            assert_eq!(plain(padded), ("a,b\n1,2\n".to_owned(), Compression::Gzip));
        }
        for behind in
            [&b"x"[..], b"\0\0x", b"\x1f", b"\x1f\x8b", &[&[0][..], &gzip("3,4\n")].concat()]
        {
            let bytes = [&members[..], behind].concat();
            let (mut reader, _) = decompress(Cursor::new(bytes)).expect("a magic number");
            let error = reader.read_to_string(&mut String::new()).expect_err("not gzip");
            let kind = error.kind();
            use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
            assert!(
                matches!(kind, InvalidData | InvalidInput | UnexpectedEof),
                "{}: {error:?}",
                behind.escape_ascii()
            );
        }
    }

    #[test]
    fn plain_files_shorter_than_a_magic_number_are_plain() {
        assert_eq!(plain(b"a".to_vec()), ("a".to_owned(), Compression::None));
        assert_eq!(plain(Vec::new()), (String::new(), Compression::None));
    }

    #[test]
    fn a_stream_that_is_cut_short_or_damaged_is_an_error_of_the_data() {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        let text = "a,b\n1,2\n".repeat(99);
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bzip2.write_all(text.as_bytes()).expect("written");
        for whole in [gzip(&text), zstd(&text), bzip2.finish().expect("finished")] {
            let cut = whole[..whole.len() - 9].to_vec();
            let middle = whole.len() / 2;
            let changed = [&whole[..middle], &[0xff; 4], &whole[middle + 4..]].concat();
            for bytes in [cut, changed] {
                let (mut reader, compression) =
                    decompress(Cursor::new(bytes)).expect("a magic number");
                let error = reader.read_to_string(&mut String::new()).expect_err("not whole");
                let kind = error.kind();
                assert!(
                    matches!(kind, InvalidData | InvalidInput | UnexpectedEof),
                    "{compression:?}: {error:?}"
                );
            }
        }
    }

    #[test]
    fn an_input_that_fails_is_not_damaged() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the store is busy"))
            }
        }
        let start = zstd("a,b\n")[..6].to_vec();
        let (mut reader, _) =
            decompress(Cursor::new(start).chain(Failing)).expect("a magic number");
        let error = reader.read_to_string(&mut String::new()).expect_err("a failure");
        assert_eq!(error.kind(), io::ErrorKind::Other);
    }
}

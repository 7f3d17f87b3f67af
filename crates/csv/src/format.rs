//! The **format** of a file that is not CSV, recognised by its first bytes: an archive, a workbook, a picture, or a
//! compression that is not supported.

use std::io::Read;

use flate2::read::ZlibDecoder;

/// The first bytes of other formats, and their names.
const STARTS: [(&[u8], &str); 26] = [
    (b"PK\x05\x06", "an empty zip archive"),
    (b"PK\x07\x08", "a part of a zip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a rar archive"),
    (b"\xfd7zXZ\0", "a file compressed with xz"),
    (b"\x5d\0\0", "a file compressed with lzma"),
    (b"LZIP\x01", "a file compressed with lzip"),
    (b"\x04\x22\x4d\x18", "a file compressed with lz4"),
    (b"\xff\x06\0\0sNaPpY", "a file compressed with snappy"),
    (b"\x1f\x9d", "a file compressed with compress"),
    (b"\x1f\x8b", "a gzip file inside a compressed file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file inside a compressed file"),
    (b"BZh91AY&SY", "a bzip2 file inside a compressed file"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook or another Office document"),
    (b"Obj\x01", "an Avro file"),
    (b"ARROW1\0\0", "an Arrow file"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x7fELF", "a program"),
    (b"%PDF-1.", "a PDF document"),
    (b"%PDF-2.", "a PDF document"),
    (b"{\\rtf", "an RTF document"),
    (b"GIF87a", "a GIF picture"),
    (b"GIF89a", "a GIF picture"),
    (b"\xca\xfe\xba\xbe", "a program"),
];

/// The format of a file whose decompressed bytes start like this; `None` if it may be CSV.
pub(crate) fn recognised(start: &[u8]) -> Option<&'static str> {
    if start.starts_with(b"PK\x03\x04") {
        return Some(zipped(start));
    }
    let known = STARTS.iter().find(|(bytes, _)| start.starts_with(bytes));
    if let Some((_, what)) = known {
        return Some(what);
    }
    if start.get(257..262) == Some(b"ustar") && start.contains(&0) {
        return Some("a tar archive");
    }
    // A column could have one of these names: control characters must follow.
    if start.starts_with(b"PAR1") && is_binary(start) {
        return Some("a Parquet file");
    }
    if start.starts_with(b"PARE") && is_binary(start) {
        return Some("an encrypted Parquet file");
    }
    if start.starts_with(b"ORC") && is_binary(start) {
        return Some("an ORC file");
    }
    is_zlib(start).then_some("a file compressed with zlib")
}

/// The format of a zip archive, by the names of its first files.
fn zipped(start: &[u8]) -> &'static str {
    if holds(start, b"opendocument.spreadsheet") {
        "an OpenDocument spreadsheet"
    } else if holds(start, b"word/") {
        "a Word document"
    } else if holds(start, b"xl/") || holds(start, b"[Content_Types].xml") {
        "an Excel workbook (xlsx)"
    } else {
        "a zip archive"
    }
}

fn holds(bytes: &[u8], name: &[u8]) -> bool {
    memchr::memmem::find(bytes, name).is_some()
}

/// Whether control characters that do not occur in text are near the start.
fn is_binary(start: &[u8]) -> bool {
    let near = &start[..start.len().min(64)];
    near.iter().any(|byte| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r' | b'\n'))
}

/// Whether the bytes can be decompressed as zlib. The two bytes of its header may also start a text.
fn is_zlib(start: &[u8]) -> bool {
    let has_header = matches!(start, [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..]);
    let mut plain = [0; 16];
    has_header && ZlibDecoder::new(start).read(&mut plain).is_ok_and(|count| count > 0)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn archives_and_binaries_are_named() {
        let tar = [&[b'a'; 100][..], &[0; 157], b"ustar\x0000", &[0; 248]].concat();
        let cases: [(&[u8], &str); 17] = [
            (b"PK\x03\x04\x14\0\n\0", "a zip archive"),
            (b"PK\x03\x04\x14\0\0\0\x08\0day.csv", "a zip archive"),
            (b"PK\x03\x04\x14\0[Content_Types].xml", "an Excel workbook (xlsx)"),
            (b"PK\x03\x04\x14\0xl/workbook.xml", "an Excel workbook (xlsx)"),
            (b"7z\xbc\xaf\x27\x1c\0\x04", "a 7z archive"),
            (b"Rar!\x1a\x07\x01\0", "a rar archive"),
            (b"\xfd7zXZ\0\0\x04", "a file compressed with xz"),
            (b"\x04\x22\x4d\x18\x64", "a file compressed with lz4"),
            (b"\xff\x06\0\0sNaPpY\x01", "a file compressed with snappy"),
            (b"\x1f\x8b\x08\0", "a gzip file inside a compressed file"),
            (b"PAR1\x15\x04\x15", "a Parquet file"),
            (b"Obj\x01\x04\x14avro.codec", "an Avro file"),
            (b"ORC\n\x1c\n\x04\x08", "an ORC file"),
            (b"SQLite format 3\0\x10", "an SQLite database"),
            (b"%PDF-1.7\n", "a PDF document"),
            (b"{\\rtf1\\ansi", "an RTF document"),
            (&tar, "a tar archive"),
        ];
        for (start, what) in cases {
            assert_eq!(recognised(start), Some(what), "{}", start.escape_ascii());
        }
        assert_eq!(recognised(b"ARROW1\0\0\xff"), Some("an Arrow file"));
        assert_eq!(recognised(b"\x89PNG\r\n\x1a\n"), Some("a PNG picture"));
        assert_eq!(recognised(b"\xff\xd8\xff\xe0"), Some("a JPEG picture"));
        let workbook = recognised(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
        assert_eq!(workbook, Some("an old Excel workbook or another Office document"));
    }

    #[test]
    fn zlib_is_recognised_by_decompression() {
        for level in [0, 1, 6, 9] {
            let level = flate2::Compression::new(level);
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(b"id,name\n1,Ann\n").expect("written");
            let bytes = encoder.finish().expect("finished");
            assert_eq!(recognised(&bytes), Some("a file compressed with zlib"));
        }
        for text in [&b"x^,y\n1,2\n"[..], b"x\x9c,y\n1,2\n", b"x\xda", b"x\x01,y\n1,2\n"] {
            assert_eq!(recognised(text), None, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn words_that_look_alike_may_be_headers() {
        let texts: [&[u8]; 10] = [
            b"",
            b"P",
            b"PK,name\n1,a\n",
            b"PAR1,PAR2\n1,2\n",
            b"ORC\n1\n",
            b"Rar!,b\n",
            b"7z,b\n",
            b"BZh9,a\n",
            b"LZIP,a\n",
            b"%PDF,a\n",
        ];
        for text in texts {
            assert_eq!(recognised(text), None, "{}", text.escape_ascii());
        }
    }
}

//! Generated **files**: a dialect, and a file in it with every fault that a reader must handle.

use backfill_csv::{
    BareQuotes, BlanksAfterDelimiter, Dialect, Encoding, Encodings, Nul, RepeatedHeader,
};

use crate::random::Random;

/// A dialect, mostly with one or two unusual settings.
pub fn dialect(random: &mut Random) -> Dialect {
    let quote = random.of(&[Some('"'), Some('"'), Some('"'), Some('\''), None]);
    let escape = random.of(&[None, None, Some('\\'), Some('"')]);
    Dialect {
        delimiter: Some(random.of(&[',', ',', ';', '\t', '|'])),
        quote,
        escape: quote.and(escape),
        encoding: encodings(random),
        bare_quotes: random.of(&[BareQuotes::Accept, BareQuotes::Reject]),
        nul: random.of(&[Nul::Drop, Nul::Reject]),
        blanks_after_delimiter: random.of(&[
            BlanksAfterDelimiter::Keep,
            BlanksAfterDelimiter::Keep,
            BlanksAfterDelimiter::Skip,
        ]),
        repeated_header: random.of(&[
            RepeatedHeader::Reject,
            RepeatedHeader::Accept,
            RepeatedHeader::Skip,
        ]),
        skip_lines: random.of(&[0, 0, 0, 1, 3]),
        header_names: random
            .of(&[&[][..], &[], &["N0 "]])
            .iter()
            .map(ToString::to_string)
            .collect(),
        comment: random.of(&[None, None, Some("#"), Some("#!")]).map(str::to_owned),
        skip_records: random
            .of(&[None, None, Some("^~t*$")])
            .map(str::to_owned)
            .into_iter()
            .collect(),
        null_values: random
            .of(&[&[][..], &[], &[""], &["", "nu"]])
            .iter()
            .map(ToString::to_string)
            .collect(),
        ..Dialect::default()
    }
}

fn encodings(random: &mut Random) -> Encodings {
    let lists: [&[Encoding]; 6] = [
        &[Encoding::Utf8],
        &[Encoding::Utf8],
        &[Encoding::Windows1252],
        &[Encoding::Utf8, Encoding::Windows1252, Encoding::Latin1],
        &[Encoding::Latin1],
        &[Encoding::Utf8, Encoding::Latin1],
    ];
    Encodings::new(random.of(&lists).to_vec())
}

const LINE_ENDS: [&[&[u8]]; 4] = [&[b"\n"], &[b"\r\n"], &[b"\r"], &[b"\n", b"\r\n", b"\r"]];

/// A file of up to 400 records; the rarer its faults, the longer.
pub fn file(random: &mut Random, dialect: &Dialect) -> Vec<u8> {
    let width = 1 + random.below(6);
    let faults = random.of(&[2, 10, 100, 1000]);
    let ends: &[&[u8]] = random.of(&LINE_ENDS);
    let delimiter = dialect.delimiter.expect("one is given") as u8;
    let mut file = Vec::new();
    let is_preceded = !dialect.header_names.is_empty();
    for _ in 0..dialect.skip_lines + if is_preceded { random.below(4) } else { 0 } {
        file.extend(random.of(&[&b"Report"[..], b"a,b;c", b"\"x", b" ", b"#!", b"~"]));
        file.extend(random.of(ends));
    }
    let header: Vec<Vec<u8>> = (0..width).map(|c| format!("n{c}").into_bytes()).collect();
    let blanks = random.of(&[2, 8, 1000]);
    file.extend(joined(random, &header, delimiter, blanks));
    if random.one_in(9) {
        file.push(delimiter);
    }
    file.extend(random.of(ends));
    for _ in 0..random.below(400) {
        if random.one_in(faults * 4) {
            file.extend(random.of(&[
                &b"#"[..],
                b"#!",
                b"#! x\"y,z",
                b"~",
                b"~tt",
                b"~t,",
                b"\"~t\"",
            ]));
            file.extend(random.of(ends));
        }
        let mut fields = width;
        if random.one_in(faults * 3) {
            fields = random.below(width + 3);
        }
        let record: Vec<Vec<u8>> = match random.one_in(faults * 20) {
            true => header.iter().enumerate().map(|(c, name)| again(random, c, name)).collect(),
            false => (0..fields).map(|_| cell(random, dialect, faults)).collect(),
        };
        file.extend(joined(random, &record, delimiter, blanks));
        file.extend(random.of(ends));
    }
    if random.one_in(3) {
        file.pop();
    }
    file
}

/// Fields with delimiters between them; after one in `blanks` delimiters there are blanks.
fn joined(random: &mut Random, fields: &[Vec<u8>], delimiter: u8, blanks: u64) -> Vec<u8> {
    let mut record = fields.first().cloned().unwrap_or_default();
    for field in fields.iter().skip(1) {
        record.push(delimiter);
        if random.one_in(blanks) {
            record.extend(random.of(&[&b" "[..], b"  "]));
        }
        record.extend(field);
    }
    record
}

/// The name of a column as a header that is repeated writes it.
fn again(random: &mut Random, column: usize, name: &[u8]) -> Vec<u8> {
    let mark: &[u8] = if column == 0 && random.one_in(3) { b"\xef\xbb\xbf" } else { b"" };
    let name = if random.one_in(3) { name.to_ascii_uppercase() } else { name.to_vec() };
    let blanks: &[u8] = random.of(&[&b""[..], b"", b" "]);
    [mark, blanks, &name, blanks].concat()
}

/// A field, or sometimes a text that may stand for NULL.
fn cell(random: &mut Random, dialect: &Dialect, faults: u64) -> Vec<u8> {
    let quote = dialect.quote.unwrap_or('"');
    match random.below(12) {
        0 => b"nu".to_vec(),
        1 => format!("{quote}nu{quote}").into_bytes(),
        2 => format!("{quote}{quote}").into_bytes(),
        _ => field(random, dialect, faults),
    }
}

fn field(random: &mut Random, dialect: &Dialect, faults: u64) -> Vec<u8> {
    let quote = dialect.quote.unwrap_or('"') as u8;
    let mut field = Vec::new();
    let quoted = random.one_in(4);
    let length = if random.one_in(40) { random.below(200) } else { random.below(8) };
    for _ in 0..length {
        let byte = b'a' + random.below(26) as u8;
        match random.below(faults * 8) {
            0 => field.push(quote),
            1 => field.push(0),
            2 => field.push(0xe9),
            3 => field.push(b'\\'),
            4 => field.extend("é".bytes()),
            5 => field.extend(b"\r\n"),
            _ if quoted && random.one_in(12) => {
                let special: &[u8] = random.of(&[&b",\n"[..], b"\r\n", b"\r", b";", b"\t|"]);
                field.extend(special);
            }
            _ if quoted && random.one_in(20) => field.extend([quote, quote]),
            _ => field.push(byte),
        }
    }
    if quoted {
        field.insert(0, quote);
        field.push(quote);
    }
    if quoted && random.one_in(faults * 6) {
        field.push(b'x');
    }
    field
}

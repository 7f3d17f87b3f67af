//! Sound files, and what becomes of them.

use crate::support::Random;

/// A row as the target has it: NULL where a field is empty.
pub type Row = Vec<Option<String>>;

/// A file, and the rows that are truly in it.
pub struct Mutated {
    /// What was done to it.
    pub kinds: Vec<&'static str>,
    /// What stands between fields.
    delimiter: u8,
    pub bytes: Vec<u8>,
    pub rows: Vec<Row>,
}

const HEADER: [&str; 5] = ["id", "name", "city", "amount", "day"];

const NAMES: [&str; 8] =
    ["Ann", "Bob \"the\" Lee", "Lee, Sue", "José", "two\nlines", "Zoë, \"Z\"", "O'Neil", "Kim"];
const CITIES: [&str; 5] = ["Rome", "Köln", "Washington, DC", "Łódź", "Oslo"];

/// The day of a file.
pub fn date(day: u64) -> String {
    let first = chrono::NaiveDate::from_ymd_opt(2025, 1, 1).expect("a day");
    (first + chrono::Days::new(day)).to_string()
}

/// The rows of one day.
pub fn rows(random: &mut Random, day: u64) -> Vec<Row> {
    let count = 20 + random.below(30);
    (0..count)
        .map(|index| {
            let amount = format!("{}.{:02}", random.below(5000), random.below(100));
            let values = [
                (day * 1000 + index).to_string(),
                random.of(&NAMES).into(),
                random.of(&CITIES).into(),
                amount,
                date(day),
            ];
            values.into_iter().map(Some).collect()
        })
        .collect()
}

/// The rows as a sound file.
pub fn sound(rows: &[Row]) -> Vec<u8> {
    text(rows, ',', '"').into_bytes()
}

fn text(rows: &[Row], delimiter: char, quote: char) -> String {
    let mut text = line(&HEADER.map(str::to_owned), delimiter, quote);
    for row in rows {
        let fields: Vec<String> =
            row.iter().map(|value| value.clone().unwrap_or_default()).collect();
        text.push_str(&line(&fields, delimiter, quote));
    }
    text
}

fn line(fields: &[String], delimiter: char, quote: char) -> String {
    let quoted = |field: &String| {
        let needs = field.contains([delimiter, quote, '\n']);
        let doubled = field.replace(quote, &format!("{quote}{quote}"));
        if needs { format!("{quote}{doubled}{quote}") } else { field.clone() }
    };
    let fields: Vec<String> = fields.iter().map(quoted).collect();
    fields.join(&delimiter.to_string()) + "\n"
}

/// One or two mutations of a file of this day.
pub fn file(random: &mut Random, day: u64) -> Mutated {
    let rows = rows(random, day);
    let mut mutated = Mutated { kinds: Vec::new(), delimiter: b',', bytes: sound(&rows), rows };
    of_form(random, &mut mutated, day);
    if random.one_in(3) {
        of_bytes(random, &mut mutated);
    }
    mutated
}

/// Mutates how a file is written.
fn of_form(random: &mut Random, file: &mut Mutated, day: u64) {
    let text = text(&file.rows, ',', '"');
    let (header, records) = text.split_once('\n').expect("a header");
    let (kind, mutated): (&str, String) = match random.below(26) {
        0 => ("lines above", format!("{}{text}", lines_above(random))),
        1 => ("comments", comments(random, &text)),
        2 => (
            "closing line",
            format!("{text}{}\n", random.of(&["***END OF FILE***", "EOF", "Rows: 40", "# end"])),
        ),
        3 => (
            "total",
            format!(
                "{text}{}\n",
                random.of(&["Total,,,12.50,", "\"Grand Total: 3\",,,,", ",,,99.00,", "Total"])
            ),
        ),
        4 => ("glued to itself", format!("{text}{text}")),
        5 => ("glued without a line ending", format!("{}{text}", text.trim_end())),
        6 => ("glued, other order", format!("{text}{}", reordered(&file.rows))),
        7 => ("other delimiter", self::text(&file.rows, random.of(&[';', '\t', '|']), '"')),
        8 => ("unusual delimiter", self::text(&file.rows, random.of(&[':', '~', ' ']), '"')),
        9 => ("header in capitals", format!("{}\n{records}", header.to_uppercase())),
        10 => ("blanks in the header", format!("{}\n{records}", header.replace(',', " , "))),
        11 => ("columns in another order", reordered(&file.rows)),
        12 => ("no header", records.to_owned()),
        13 => ("other columns", format!("a,b,c,d,e\n{records}")),
        14 => ("header only", format!("{header}\n")),
        15 => (
            "error page",
            random
                .of(&[
                    PAGE,
                    "{\"error\":\"rate limited\"}\n",
                    "No data\n",
                    "Access denied, sorry\n",
                ])
                .to_owned(),
        ),
        16 => ("sep= line", format!("sep=;\n{}", self::text(&file.rows, ';', '"'))),
        17 => ("units", format!("{header}\n,,,[EUR],\n{records}")),
        18 => ("apostrophes", self::text(&file.rows, ',', '\'')),
        19 => ("blanks behind delimiters", text.replace(',', ", ")),
        20 => ("further column", with_another(&file.rows)),
        21 => ("missing column", without_last(&file.rows)),
        22 => ("day of another form", text.replace(&date(day), &other_date(day))),
        23 => ("decimal commas", decimal_commas(&file.rows)),
        24 => ("empty", String::new()),
        _ => ("sound", text.clone()),
    };
    file.kinds.push(kind);
    if matches!(kind, "other delimiter" | "unusual delimiter" | "sep= line" | "decimal commas") {
        let header = mutated.lines().find(|line| line.starts_with("id")).expect("a header");
        file.delimiter = header.as_bytes()[2];
    }
    if matches!(kind, "header only" | "error page" | "empty") {
        file.rows.clear();
    }
    if matches!(kind, "glued to itself" | "glued, other order" | "glued without a line ending") {
        file.rows.extend(file.rows.clone());
    }
    if kind == "missing column" {
        for row in &mut file.rows {
            row[4] = None;
        }
    }
    file.bytes = mutated.into_bytes();
}

const PAGE: &str = "<!DOCTYPE html>\n<html><body>503, try later</body></html>\n";

fn lines_above(random: &mut Random) -> String {
    let lines = [
        "Report of sales",
        "Extracted on 3 May, 10:00",
        "",
        "from,to,by,of,at",
        "\"quoted, title\"",
    ];
    (0..=random.below(3)).map(|_| format!("{}\n", random.of(&lines))).collect()
}

fn comments(random: &mut Random, text: &str) -> String {
    let comment = random.of(&["# exported by x\n", "#,,,,\n", "-- end\n"]);
    let at = random.of(&[0, text.find('\n').map_or(0, |at| at + 1), text.len()]);
    format!("{}{comment}{}", &text[..at], &text[at..])
}

/// The rows with the first two columns exchanged.
fn reordered(rows: &[Row]) -> String {
    let mut names = HEADER.map(str::to_owned);
    names.swap(0, 1);
    let mut text = line(&names, ',', '"');
    for row in rows {
        let mut fields: Vec<String> =
            row.iter().map(|value| value.clone().unwrap_or_default()).collect();
        fields.swap(0, 1);
        text.push_str(&line(&fields, ',', '"'));
    }
    text
}

fn without_last(rows: &[Row]) -> String {
    let fields = |row: &Row| {
        row.iter().take(4).map(|value| value.clone().unwrap_or_default()).collect::<Vec<_>>()
    };
    let lines: String = rows.iter().map(|row| line(&fields(row), ',', '"')).collect();
    format!(
        "{}{lines}",
        line(&HEADER[..4].iter().map(ToString::to_string).collect::<Vec<_>>(), ',', '"')
    )
}

fn with_another(rows: &[Row]) -> String {
    let mut text = line(&[&HEADER.map(str::to_owned)[..], &["note".to_owned()]].concat(), ',', '"');
    for row in rows {
        let fields = row.iter().map(|value| value.clone().unwrap_or_default());
        text.push_str(&line(&fields.chain(["x".to_owned()]).collect::<Vec<_>>(), ',', '"'));
    }
    text
}

fn other_date(day: u64) -> String {
    let date = date(day);
    let parts: Vec<&str> = date.split('-').collect();
    format!("{}/{}/{}", parts[2], parts[1], parts[0])
}

fn decimal_commas(rows: &[Row]) -> String {
    let mut rows = rows.to_vec();
    for row in &mut rows {
        row[3] = row[3].as_ref().map(|amount| amount.replace('.', ","));
    }
    text(&rows, ';', '"')
}

/// Mutates the bytes of a file.
fn of_bytes(random: &mut Random, file: &mut Mutated) {
    let text = String::from_utf8(file.bytes.clone()).expect("text");
    let (kind, bytes): (&str, Vec<u8>) = match random.below(17) {
        0 => ("cut short", cut(random, &file.bytes)),
        1 => ("UTF-16", utf_16(&text, random.one_in(2), random.one_in(2))),
        2 => ("UTF-32", text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect()),
        3 => {
            ("Latin-1", text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect())
        }
        4 => ("two marks", [&b"\xef\xbb\xbf\xef\xbb\xbf"[..], &file.bytes].concat()),
        5 => ("CRLF", text.replace('\n', "\r\n").into_bytes()),
        6 => ("CR", text.replace('\n', "\r").into_bytes()),
        7 => ("stray quote", stray(random, &file.bytes)),
        8 => ("lost delimiter", without(random, &file.bytes, file.delimiter)),
        9 => ("lost line ending", without(random, &file.bytes, b'\n')),
        10 => ("bad byte", insert(random, &file.bytes, 0xff)),
        11 => ("gzip", gzip(&file.bytes)),
        12 => ("gzip cut short", cut(random, &gzip(&file.bytes))),
        13 => ("padded gzip", [&gzip(&file.bytes)[..], &[0; 300]].concat()),
        14 => ("UTF-16 behind", {
            let behind = utf_16(&text, random.one_in(2), random.one_in(2));
            [&file.bytes[..], &behind].concat()
        }),
        15 => ("mark inside", marked(random, &file.bytes)),
        _ => ("zip", [&b"PK\x03\x04\x14\0\0\0\x08\0"[..], &file.bytes].concat()),
    };
    file.kinds.push(kind);
    if kind == "CR" {
        for value in file.rows.iter_mut().flatten().flatten() {
            *value = value.replace('\n', "\r");
        }
    }
    if kind == "UTF-16 behind" {
        file.rows.extend(file.rows.clone());
    }
    if kind == "Latin-1" {
        // What the encoding lacks is a question mark in the file, which is then its true content.
        for value in file.rows.iter_mut().flatten().flatten() {
            *value = value.chars().map(|c| if u32::from(c) < 256 { c } else { '?' }).collect();
        }
    }
    file.bytes = bytes;
}

fn cut(random: &mut Random, bytes: &[u8]) -> Vec<u8> {
    bytes[..random.below(bytes.len() as u64 + 1) as usize].to_vec()
}

fn utf_16(text: &str, is_little: bool, has_mark: bool) -> Vec<u8> {
    let units = has_mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
    let bytes = |unit: u16| if is_little { unit.to_le_bytes() } else { unit.to_be_bytes() };
    units.flat_map(bytes).collect()
}

/// A quote before a field.
fn stray(random: &mut Random, bytes: &[u8]) -> Vec<u8> {
    let starts: Vec<usize> = (1..bytes.len()).filter(|at| bytes[at - 1] == b',').collect();
    if starts.is_empty() {
        return bytes.to_vec();
    }
    let at = random.of(&starts);
    [&bytes[..at], b"\"", &bytes[at..]].concat()
}

/// A byte order mark before a line that starts a record.
fn marked(random: &mut Random, bytes: &[u8]) -> Vec<u8> {
    let mut quoted = false;
    let is_start = |at: &usize| {
        quoted ^= bytes[at - 1] == b'"';
        !quoted && bytes[at - 1] == b'\n'
    };
    let starts: Vec<usize> = (1..bytes.len()).filter(is_start).collect();
    if starts.is_empty() {
        return bytes.to_vec();
    }
    let at = random.of(&starts);
    [&bytes[..at], b"\xef\xbb\xbf", &bytes[at..]].concat()
}

/// The file without one of its bytes of this kind, outside of quotes.
fn without(random: &mut Random, bytes: &[u8], byte: u8) -> Vec<u8> {
    let mut quoted = false;
    let mut is_place = |at: &usize| {
        quoted ^= bytes[*at] == b'"';
        !quoted && bytes[*at] == byte
    };
    let places: Vec<usize> = (0..bytes.len()).filter(|at| is_place(at)).collect();
    if places.is_empty() {
        return bytes.to_vec();
    }
    let at = random.of(&places);
    [&bytes[..at], &bytes[at + 1..]].concat()
}

fn insert(random: &mut Random, bytes: &[u8], byte: u8) -> Vec<u8> {
    let at = random.below(bytes.len() as u64 + 1) as usize;
    [&bytes[..at], &[byte], &bytes[at..]].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("written");
    encoder.finish().expect("whole")
}

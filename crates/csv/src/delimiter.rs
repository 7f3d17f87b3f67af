//! The **delimiter** of a file for which none is given: the only one of four characters that splits the header and the
//! first records into the same number of fields.

use std::ops::Range;

use crate::dialect::{BareQuotes, DELIMITERS, Dialect, Syntax};
use crate::encoding::Encoding;
use crate::error::Error;
use crate::header::InvalidHeader;
use crate::records::{Extent, MAX_FIELD_BYTES, Scanned, Scanner};
use crate::reject::Reason;
use crate::skipped::Skipped;
use crate::window::Window;

/// How many records below the header are examined.
const RECORDS: usize = 64;

/// What is known of a file before its delimiter is.
pub(crate) struct Known<'a> {
    /// How the dataset's files are written.
    pub dialect: &'a Dialect,
    /// The dialect's special characters.
    pub syntax: Syntax,
    /// The records to leave out.
    pub skipped: &'a Skipped,
    /// How bytes become text.
    pub encoding: Encoding,
}

/// Finds the delimiter of a file; `window` starts at its header, or at its first record if it has no header.
///
/// # Errors
/// [`InvalidHeader::UncertainDelimiter`] and [`Error::Read`].
pub(crate) fn find(window: &mut Window, known: &Known<'_>) -> Result<u8, Error> {
    loop {
        let splits = DELIMITERS.map(|delimiter| Split::new(window, known, delimiter));
        let is_full = window.is_at_end() || window.bytes().len() > MAX_FIELD_BYTES;
        if is_full || splits.iter().all(|split| split.records > 0) {
            let found = choose(&splits, window.bytes(), known.syntax);
            return found.ok_or_else(|| InvalidHeader::UncertainDelimiter.into());
        }
        window.fill()?;
    }
}

/// How one delimiter splits the start of a file.
struct Split {
    delimiter: u8,
    /// How many columns the header then has, or how many names are given; `None` if the header cannot be read.
    columns: Option<usize>,
    /// Whether the columns come from the file's header.
    has_header: bool,
    /// How many records were examined.
    records: usize,
    /// How many of them are as wide as the header.
    fitting: usize,
    /// Whether nearly all of them have the same number of fields, more than one.
    is_table: bool,
    /// Where in the window the header lies.
    header_at: Range<usize>,
    /// Where in the window the records lie.
    records_at: Range<usize>,
}

/// The form of a record.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Form {
    fields: usize,
    ends_empty: bool,
}

/// How many fields the records below a header should have.
struct Width {
    columns: usize,
    /// Whether the header ends in a delimiter, so that records may too.
    trailing_delimiter: bool,
}

impl Width {
    /// For a file with this many names that are given.
    fn of_names(columns: usize) -> Self {
        Self { columns, trailing_delimiter: false }
    }

    /// For a file with a header of this form.
    fn of_header(form: Form) -> Self {
        let trailing_delimiter = form.ends_empty && form.fields > 1;
        let columns = form.fields - usize::from(trailing_delimiter);
        Self { columns, trailing_delimiter }
    }

    /// Whether a record has it.
    fn fits(&self, form: Form) -> bool {
        form.fields == self.columns
            || self.trailing_delimiter && form.ends_empty && form.fields == self.columns + 1
    }
}

impl Split {
    fn new(window: &Window, known: &Known<'_>, delimiter: u8) -> Self {
        let start = window.start();
        let names = known.dialect.names.as_ref().map(Vec::len);
        let mut scanner = Scanner::new(known.syntax, delimiter, BareQuotes::Accept)
            .with_comment(known.dialect.comment.as_deref());
        let mut position = start;
        let header = match names {
            Some(_) => None,
            None => next(window, &mut scanner, &mut position),
        };
        let header_end = position;
        let forms = forms(window, known, &mut scanner, &mut position);
        let width = match names {
            Some(names) => Some(Width::of_names(names)),
            None => header.and_then(|header| header.form).map(Width::of_header),
        };
        let fitting = width
            .as_ref()
            .map_or(0, |width| forms.iter().flatten().filter(|form| width.fits(**form)).count());
        Self {
            delimiter,
            columns: width.map(|width| width.columns),
            has_header: names.is_none(),
            records: forms.len(),
            fitting,
            is_table: is_table(&forms),
            header_at: start..header_end,
            records_at: header_end..position,
        }
    }

    /// Whether the header has several columns with this delimiter; without a header, whether a record fits the names.
    fn is_eligible(&self) -> bool {
        self.columns.is_some_and(|columns| columns > 1) && (self.has_header || self.fitting > 0)
    }

    /// Whether at least this percentage of the records is as wide as the header.
    fn fits(&self, percent: usize) -> bool {
        self.fitting * 100 >= self.records * percent
    }
}

/// The forms of the first records from `position` on, which moves past them; `None` for a record whose quotes are not
/// balanced.
fn forms(
    window: &Window,
    known: &Known<'_>,
    scanner: &mut Scanner,
    position: &mut usize,
) -> Vec<Option<Form>> {
    let mut forms = Vec::new();
    while forms.len() < RECORDS {
        let Some(found) = next(window, scanner, position) else { break };
        // The last line of a file may be cut off.
        let is_cut = found.end == found.content_end;
        if is_cut && !forms.is_empty() {
            break;
        }
        let record = &window.bytes()[found.start..found.content_end];
        if !known.skipped.is(record, known.encoding) {
            forms.push(found.form);
        }
    }
    forms
}

/// A record that was found, and where it ends.
struct Found {
    /// `None` if its quotes are not balanced.
    form: Option<Form>,
    start: usize,
    content_end: usize,
    end: usize,
}

/// The next record from `position` on, which moves past it; `None` if the window has no more.
fn next(window: &Window, scanner: &mut Scanner, position: &mut usize) -> Option<Found> {
    loop {
        match scanner.scan(window.bytes(), *position, window.is_at_end()) {
            Scanned::Incomplete => return None,
            Scanned::Blank { end } | Scanned::Comment { end } => *position = end,
            Scanned::Record(Extent { fault: Some(fault), .. }) if is_endless(fault) => return None,
            Scanned::Record(Extent { fault, content_end, end, .. }) => {
                let ends_empty = scanner.spans.last().is_some_and(|span| span.start == span.end);
                let form = Form { fields: scanner.fields, ends_empty };
                let start = std::mem::replace(position, end);
                let form = fault.is_none().then_some(form);
                return Some(Found { form, start, content_end, end });
            }
        }
    }
}

/// Whether a record with this fault has no known end.
fn is_endless(fault: Reason) -> bool {
    matches!(fault, Reason::FieldTooLong | Reason::RecordTooLong | Reason::UnterminatedQuote)
}

/// Whether nine of ten records have as many fields as the first, more than one.
fn is_table(forms: &[Option<Form>]) -> bool {
    let Some(Some(first)) = forms.first() else { return false };
    let alike = forms.iter().flatten().filter(|form| form.fields == first.fields).count();
    first.fields > 1 && alike * 10 >= forms.len() * 9
}

/// The only possible delimiter; `None` if several are possible, or none.
fn choose(splits: &[Split], bytes: &[u8], syntax: Syntax) -> Option<u8> {
    let eligible: Vec<&Split> = splits.iter().filter(|split| split.is_eligible()).collect();
    let fitting: Vec<&Split> = eligible.iter().copied().filter(|split| split.fits(100)).collect();
    match (&fitting[..], &eligible[..]) {
        ([only], _) => Some(only.delimiter),
        // The comma is the first of the delimiters.
        ([comma, other], _) => {
            is_decimal_comma(comma, bytes, syntax.quote).then_some(other.delimiter)
        }
        ([_, _, ..], _) => None,
        ([], []) => (!splits.iter().any(|split| split.is_table)).then_some(DELIMITERS[0]),
        ([], [only]) => {
            let mut others = splits.iter().filter(|split| split.delimiter != only.delimiter);
            let fits = only.fitting > 0 || !others.any(|split| split.is_table);
            fits.then_some(only.delimiter)
        }
        ([], several) => {
            let (mut good, rest): (Vec<&Split>, Vec<&Split>) =
                several.iter().partition(|split| split.fits(90));
            let only = good.pop().filter(|_| good.is_empty())?;
            rest.iter().all(|split| !split.fits(50)).then_some(only.delimiter)
        }
    }
}

/// Whether the commas do not separate fields: outside quotes, each comma of the header stands in brackets, as in
/// `price (EUR, net)`, and each comma of the records between digits.
fn is_decimal_comma(split: &Split, bytes: &[u8], quote: Option<u8>) -> bool {
    if split.delimiter != b',' || split.records == 0 || !split.has_header {
        return false;
    }
    commas_are_in_brackets(&bytes[split.header_at.clone()], quote)
        && commas_are_between_digits(&bytes[split.records_at.clone()], quote)
}

/// Whether each comma outside quotes stands in brackets.
fn commas_are_in_brackets(header: &[u8], quote: Option<u8>) -> bool {
    let (mut depth, mut quoted) = (0_usize, false);
    for &byte in header {
        quoted ^= Some(byte) == quote;
        match byte {
            _ if quoted => {}
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => return false,
            _ => {}
        }
    }
    true
}

/// Whether each comma outside quotes stands between two digits.
fn commas_are_between_digits(records: &[u8], quote: Option<u8>) -> bool {
    let mut quoted = false;
    records.iter().enumerate().all(|(at, &byte)| {
        quoted ^= Some(byte) == quote;
        quoted
            || byte != b','
            || (at > 0 && is_digit_at(records, at - 1) && is_digit_at(records, at + 1))
    })
}

fn is_digit_at(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::Dialect;

    fn found_with(text: &str, dialect: &Dialect, names: Option<usize>) -> Option<char> {
        let mut window = Window::new(Box::new(Cursor::new(text.to_owned().into_bytes())), 0);
        let names = names.map(|count| (0..count).map(|column| format!("c{column}")).collect());
        let dialect = Dialect { names, ..dialect.clone() };
        let syntax = dialect.syntax().expect("a dialect");
        let skipped = Skipped::new(&dialect.skip_records).expect("patterns");
        let known =
            Known { dialect: &dialect, syntax, skipped: &skipped, encoding: Encoding::Utf8 };
        find(&mut window, &known).ok().map(char::from)
    }

    #[test]
    fn comments_and_skipped_records_do_not_count() {
        let dialect = Dialect {
            comment: Some("#".to_owned()),
            skip_records: vec!["^Total".to_owned()],
            ..Dialect::default()
        };
        let text = "# one, two\na;b\n1;2,5\n#,,\nTotal,1,2\n";
        assert_eq!(found_with(text, &dialect, None), Some(';'));
    }

    fn found(text: &str) -> Option<char> {
        found_with(text, &Dialect::default(), None)
    }

    #[test]
    fn the_only_character_that_splits_all_lines_alike_is_the_delimiter() {
        for (text, delimiter) in [
            ("sku;name;price (EUR, net)\n101;Bolt;12,50\n102;Nut;3,00\n", ';'),
            ("sku;name;price (EUR, net)\n101;Bolt;12,50\n102;Nut;3\n", ';'),
            ("sku;name;price (EUR, net)\n101;\"Bolt, M8\";12,50\n", ';'),
            ("sku\tname\tprice (EUR, net)\n101\tBolt\t12,50\n", '\t'),
            ("a,b;c\n1,x;y\n2,z\n", ','),
            ("a,b;c\n1;2\n3;4,5\n", ';'),
            ("\"a;b\",c\n\"1;2\",3\n", ','),
            ("\r\n\r\na;b\r\n1;2\r\n", ';'),
            ("a,b,\n1,2,\n3,4\n", ','),
            ("a\tb\r\n", '\t'),
            ("\"a,b\n\"|c", '|'),
            ("a;b\n1;2\n3\n4;5;6\n", ';'),
            ("a,b\n1\n", ','),
        ] {
            assert_eq!(found(text), Some(delimiter), "{text:?}");
        }
    }

    #[test]
    fn nothing_is_found_if_several_are_possible_or_none() {
        for text in [
            "a,b;c\n1,5;2\n",
            "a,b\tc\n1,5\t2\n",
            "a,b;c\n",
            "a;b|c\n",
            "sku;name;price, net\n101;Bolt;12,50\n",
            "sku;name;price (EUR, net)\n",
            "a;b\n1,2\n3,4\n",
            "name\nx;y\n",
            "Extracted on 3 May\nid,name\n1,Ann\n",
            "sep=;\na;b\n1;2\n",
            "#Version: 1.0\n1\t2\n3\t4\n",
        ] {
            assert_eq!(found(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_file_may_have_one_column() {
        for text in ["", "\n", "name\n", "name\nAnn\nBob\n", "name\n\"Ann; Lee\"\n", "n\na\nb;c\n"]
        {
            assert_eq!(found(text), Some(','), "{text:?}");
        }
    }

    #[test]
    fn names_say_how_many_fields_there_are() {
        for (text, names, delimiter) in [
            ("1;2,5;x\n3;4;y\n", 3, Some(';')),
            ("1;2,5;x\n3;4,1;y\n", 2, Some(',')),
            ("x;y\n", 2, Some(';')),
            ("1,5;2\n", 2, None),
            ("1;2;3\n", 2, None),
            ("Total\n1|2\n3|4\n", 2, Some('|')),
            ("Ann\nBob\n", 1, Some(',')),
            ("", 2, Some(',')),
        ] {
            let found = found_with(text, &Dialect::default(), Some(names));
            assert_eq!(found, delimiter, "{text:?}");
        }
    }

    #[test]
    fn broken_records_and_a_cut_line_do_not_hide_the_delimiter() {
        let records = "1,x;y\n2,z\n".repeat(20);
        assert_eq!(found(&format!("a,b;c\n{records}3\n")), Some(','));
        assert_eq!(found("a,b;c\n1,x;y\n2,z\n3"), Some(','));
        let far = format!("a,b;c\n{}{}", "1,x;y\n".repeat(64), "2,z\n");
        assert_eq!(found(&far), None);
    }

    #[test]
    fn other_quotes_are_respected() {
        let apostrophe = Dialect { quote: Some('\''), ..Dialect::default() };
        assert_eq!(found_with("'a,b';c\n'1,2';3\n", &apostrophe, None), Some(';'));
        let none = Dialect { quote: None, ..Dialect::default() };
        assert_eq!(found_with("\"a;b\n1\";2\n", &none, None), Some(';'));
    }
}

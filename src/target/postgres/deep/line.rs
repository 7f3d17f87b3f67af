//! A **line** of COPY in its text form, split into fields at the tabs; escapes in a field are decoded.

use std::borrow::Cow;
use std::ops::Range;

/// The field of a NULL.
pub(super) const NULL: &[u8] = b"\\N";

/// Finds the places of the fields of a line, which comes without its line feed.
pub(super) fn split(line: &[u8], into: &mut Vec<Range<usize>>) {
    into.clear();
    let mut start = 0;
    for tab in memchr::memchr_iter(b'\t', line) {
        into.push(start..tab);
        start = tab + 1;
    }
    into.push(start..line.len());
}

/// Returns a field without its escapes.
pub(super) fn unescaped(field: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', field).is_none() {
        return Cow::Borrowed(field);
    }
    let mut plain = Vec::with_capacity(field.len());
    let mut bytes = field.iter();
    while let Some(&byte) = bytes.next() {
        if byte != b'\\' {
            plain.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'b') => plain.push(0x08),
            Some(b'f') => plain.push(0x0c),
            Some(b'n') => plain.push(b'\n'),
            Some(b'r') => plain.push(b'\r'),
            Some(b't') => plain.push(b'\t'),
            Some(b'v') => plain.push(0x0b),
            Some(&other) => plain.push(other),
            None => {}
        }
    }
    Cow::Owned(plain)
}

/// Finds the places of the fields of an encoded line that are still to be compared, and returns how many cells are
/// known to be the same: if the first `leading` ones have the same bytes, they are compared at once.
pub(super) fn find_fields(
    ours: &[u8],
    theirs: &[u8],
    cells: &[Range<usize>],
    leading: usize,
    into: &mut Vec<Range<usize>>,
) -> usize {
    let bytes = match (cells.first(), leading.checked_sub(1).and_then(|last| cells.get(last))) {
        (Some(first), Some(last)) => &theirs[first.start..last.end],
        _ => &theirs[..0],
    };
    let rest = if leading > 0 { ours.strip_prefix(bytes) } else { None };
    match rest {
        Some([]) => into.clear(),
        Some([b'\t', ..]) => {
            split(&ours[bytes.len() + 1..], into);
            for field in into.iter_mut() {
                *field = field.start + bytes.len() + 1..field.end + bytes.len() + 1;
            }
        }
        _ => {
            split(ours, into);
            return 0;
        }
    }
    leading
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_field_more_than_tabs() {
        let mut fields = Vec::new();
        split(b"a\t\t\\N", &mut fields);
        assert_eq!(fields, [0..1, 2..2, 3..5]);
        split(b"", &mut fields);
        assert_eq!((fields.len(), fields[0].clone()), (1, 0..0));
    }

    #[test]
    fn escapes_are_what_they_stand_for() {
        assert_eq!(&*unescaped(br"a\tb\\c\nd\re\bf\fg\v"), b"a\tb\\c\nd\re\x08f\x0cg\x0b");
        assert!(matches!(unescaped(b"plain"), Cow::Borrowed(b"plain")));
    }
}

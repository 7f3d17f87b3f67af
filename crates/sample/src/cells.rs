//! **Cells**: the values of one row before they become CSV.
//!
//! Cells are pushed in the order of [`COLUMNS`], each under its column's name. A debug build checks the name, so that
//! no cell gets under another column. All values go into one buffer that is reused for every row, so that nothing is
//! allocated per row.

use chrono::{Datelike, NaiveDate};

use crate::columns::COLUMNS;

/// The values of one row, unquoted, in the order of [`COLUMNS`].
#[derive(Debug, Default)]
pub(super) struct Cells {
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Cells {
    /// Forgets the row and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    /// The number of cells that have been pushed.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns the value at a position of [`COLUMNS`].
    pub(super) fn get(&self, position: usize) -> &[u8] {
        let start = match position {
            0 => 0,
            _ => self.ends[position - 1],
        };
        &self.text[start..self.ends[position]]
    }

    /// Pushes what `value` appends.
    pub(super) fn push(&mut self, column: &str, value: impl FnOnce(&mut Vec<u8>)) {
        debug_assert_eq!(Some(&column), COLUMNS.get(self.len()));
        value(&mut self.text);
        self.ends.push(self.text.len());
    }

    /// Pushes an empty cell under each of `columns`.
    pub(super) fn empty(&mut self, columns: &[&str]) {
        for column in columns {
            self.push(column, |_| ());
        }
    }

    /// Pushes a text as it is.
    pub(super) fn text(&mut self, column: &str, text: &str) {
        self.push(column, |out| out.extend_from_slice(text.as_bytes()));
    }

    /// Pushes a text if it applies, or else an empty cell.
    pub(super) fn text_if(&mut self, column: &str, applies: bool, text: &str) {
        self.text(column, if applies { text } else { "" });
    }

    /// Pushes a whole number.
    pub(super) fn number(&mut self, column: &str, number: u64) {
        self.push(column, |out| push_number(out, number));
    }

    /// Pushes an amount, given in cents.
    pub(super) fn money(&mut self, column: &str, cents: u64) {
        self.push(column, |out| push_money(out, cents));
    }

    /// Pushes `YES` or `NO`.
    pub(super) fn flag(&mut self, column: &str, flag: bool) {
        self.text(column, if flag { "YES" } else { "NO" });
    }

    /// Pushes what `some` appends if there is a value, or else an empty cell.
    pub(super) fn maybe<T>(
        &mut self,
        column: &str,
        value: Option<T>,
        some: impl FnOnce(&mut Vec<u8>, T),
    ) {
        self.push(column, |out| {
            if let Some(value) = value {
                some(out, value);
            }
        });
    }
}

/// Appends a number in decimal.
pub(super) fn push_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Appends the last `WIDTH` decimal digits of a number, with leading zeros.
pub(super) fn push_digits<const WIDTH: usize>(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; WIDTH];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&digits);
}

/// Appends the last `WIDTH` hexadecimal digits of a number, with leading zeros.
pub(super) fn push_hex<const WIDTH: usize>(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; WIDTH];
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
    out.extend_from_slice(&digits);
}

/// Appends an amount as the vendor does: `95` if it is whole, or else with two decimals, `0.25`.
pub(super) fn push_money(out: &mut Vec<u8>, cents: u64) {
    push_number(out, cents / 100);
    if !cents.is_multiple_of(100) {
        out.push(b'.');
        push_digits::<2>(out, cents % 100);
    }
}

/// Appends a date as `12/18/2025`.
pub(super) fn push_date(out: &mut Vec<u8>, date: NaiveDate) {
    push_digits::<2>(out, u64::from(date.month()));
    out.push(b'/');
    push_digits::<2>(out, u64::from(date.day()));
    out.push(b'/');
    push_digits::<4>(out, u64::from(date.year().unsigned_abs()));
}

/// Appends a date as `2025-12-18`.
pub(super) fn push_iso_date(out: &mut Vec<u8>, date: NaiveDate) {
    push_digits::<4>(out, u64::from(date.year().unsigned_abs()));
    out.push(b'-');
    push_digits::<2>(out, u64::from(date.month()));
    out.push(b'-');
    push_digits::<2>(out, u64::from(date.day()));
}

/// Appends a minute of the day as `12:27 AM`.
pub(super) fn push_clock(out: &mut Vec<u8>, minute: u32) {
    let (hour, minute) = (minute / 60 % 24, minute % 60);
    let shown = if hour % 12 == 0 { 12 } else { hour % 12 };
    push_digits::<2>(out, u64::from(shown));
    out.push(b':');
    push_digits::<2>(out, u64::from(minute));
    out.extend_from_slice(if hour < 12 { b" AM" } else { b" PM" });
}

/// Appends a date and a minute of the day as `12/18/2025 12:43 AM`.
pub(super) fn push_moment(out: &mut Vec<u8>, date: NaiveDate, minute: u32) {
    push_date(out, date);
    out.push(b' ');
    push_clock(out, minute);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(push: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

    fn day() -> NaiveDate {
        NaiveDate::from_ymd_opt(2025, 9, 2).expect("a date")
    }

    #[test]
    fn whole_money_has_no_decimals() {
        assert_eq!(shown(|out| push_money(out, 9500)), "95");
        assert_eq!(shown(|out| push_money(out, 25)), "0.25");
        assert_eq!(shown(|out| push_money(out, 4990)), "49.90");
        assert_eq!(shown(|out| push_money(out, 0)), "0");
    }

    #[test]
    fn numbers_have_all_their_digits() {
        assert_eq!(shown(|out| push_number(out, u64::MAX)), u64::MAX.to_string());
        assert_eq!(shown(|out| push_digits::<4>(out, 42)), "0042");
        assert_eq!(shown(|out| push_hex::<4>(out, 0xabc)), "0abc");
    }

    #[test]
    fn dates_and_times_have_the_vendors_shapes() {
        assert_eq!(shown(|out| push_date(out, day())), "09/02/2025");
        assert_eq!(shown(|out| push_iso_date(out, day())), "2025-09-02");
        assert_eq!(shown(|out| push_clock(out, 27)), "12:27 AM");
        assert_eq!(shown(|out| push_clock(out, 12 * 60)), "12:00 PM");
        assert_eq!(shown(|out| push_moment(out, day(), 1439)), "09/02/2025 11:59 PM");
    }

    #[test]
    fn a_cell_is_found_at_its_position() {
        let mut cells = Cells::default();
        cells.number("orders_id", 7);
        cells.text("created_by", "");
        cells.text("billing_fname", "Ada");
        assert_eq!((cells.get(0), cells.get(1), cells.get(2)), (&b"7"[..], &b""[..], &b"Ada"[..]));
    }
}

//! A **person**: invented, with an address, a telephone number and a mail address.
//!
//! Telephone numbers are from the range 555-0100 to 555-0199, which is reserved for fiction.

use crate::cells::{Cells, push_digits, push_number};
use crate::columns::COLUMNS;
use crate::random::Random;
use crate::words::{FIRST_NAMES, HOSTS, LAST_NAMES, STREETS, TOWNS, Town};

/// A person to bill or to deliver to.
#[derive(Debug)]
pub(super) struct Person {
    first: &'static str,
    last: &'static str,
    house: u32,
    street: &'static str,
    /// The apartment, in a few addresses.
    unit: Option<u32>,
    town: &'static Town,
    postcode_end: u32,
    area: u32,
    line: u32,
    mailbox: u32,
    host: &'static str,
}

impl Person {
    /// Invents a person.
    pub(super) fn draw(random: &mut Random) -> Self {
        Self {
            first: random.word(&FIRST_NAMES),
            last: random.word(&LAST_NAMES),
            house: 1 + random.below(9999),
            street: random.word(&STREETS),
            unit: random.chance(150).then_some(random.below(400)),
            town: random.pick(&TOWNS),
            postcode_end: random.below(100),
            area: 201 + random.below(788),
            line: 100 + random.below(100),
            mailbox: random.below(10_000),
            host: random.word(&HOSTS),
        }
    }

    /// Pushes the ten columns of an address at the positions `columns`.
    pub(super) fn push(&self, cells: &mut Cells, columns: std::ops::Range<usize>) {
        let names = &COLUMNS[columns];
        cells.text(names[0], self.first);
        cells.text(names[1], self.last);
        cells.push(names[2], |out| {
            push_number(out, u64::from(self.house));
            out.push(b' ');
            out.extend_from_slice(self.street.as_bytes());
        });
        cells.maybe(names[3], self.unit, |out, unit| {
            out.extend_from_slice(b"Apt ");
            push_number(out, u64::from(unit));
        });
        cells.text(names[4], self.town.city);
        cells.text(names[5], self.town.state);
        cells.push(names[6], |out| {
            out.extend_from_slice(self.town.postcode.as_bytes());
            push_digits::<2>(out, u64::from(self.postcode_end));
        });
        cells.text(names[7], "US");
        cells.push(names[8], |out| self.telephone(out));
        cells.push(names[9], |out| self.mail(out));
    }

    fn telephone(&self, out: &mut Vec<u8>) {
        // Customers type their numbers in different ways.
        let (open, close): (&[u8], &[u8]) = match self.line % 3 {
            0 => (b"(", b") "),
            1 => (b"", b"-"),
            _ => (b"+1 ", b" "),
        };
        out.extend_from_slice(open);
        push_number(out, u64::from(self.area));
        out.extend_from_slice(close);
        out.extend_from_slice(b"555-0");
        push_digits::<3>(out, u64::from(self.line));
    }

    fn mail(&self, out: &mut Vec<u8>) {
        out.extend(self.first.bytes().map(|byte| byte.to_ascii_lowercase()));
        out.push(b'.');
        let letters = self.last.bytes().filter(u8::is_ascii_alphabetic);
        out.extend(letters.map(|byte| byte.to_ascii_lowercase()));
        push_number(out, u64::from(self.mailbox));
        out.push(b'@');
        out.extend_from_slice(self.host.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::super::columns::BILLING;
    use super::*;

    fn address(seed: u64) -> Vec<String> {
        let mut cells = Cells::default();
        cells.empty(&COLUMNS[..BILLING.start]);
        Person::draw(&mut Random::of(&[seed])).push(&mut cells, BILLING);
        BILLING
            .map(|position| String::from_utf8(cells.get(position).to_vec()).expect("ASCII"))
            .collect()
    }

    #[test]
    fn nobody_can_be_telephoned_or_written_to() {
        for seed in 0..500 {
            let address = address(seed);
            assert!(address[8].contains("555-01"), "{}", address[8]);
            let (_, host) = address[9].split_once('@').expect("a mail address");
            assert!(host.starts_with("example."), "{host}");
        }
    }

    #[test]
    fn postcodes_have_five_digits_and_some_lead_with_zero() {
        let postcodes: Vec<_> = (0..500).map(|seed| address(seed)[6].clone()).collect();
        assert!(postcodes.iter().all(|code| code.len() == 5));
        assert!(postcodes.iter().any(|code| code.starts_with('0')));
    }

    #[test]
    fn a_few_cities_have_a_comma() {
        let cities: Vec<_> = (0..500).map(|seed| address(seed)[4].clone()).collect();
        let commas = cities.iter().filter(|city| city.contains(',')).count();
        assert!((1..100).contains(&commas), "{commas}");
    }
}

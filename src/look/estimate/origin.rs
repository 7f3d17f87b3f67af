//! What is **told** of a number: where it comes from, statement by statement. Over several datasets a statement
//! is told once: what it counts is added, and what it measures becomes a span.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::printable::{bytes, grouped};

/// Where a number comes from, each statement once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told(Vec<Statement>);

/// Words with numbers between them; one more piece of words than numbers.
#[derive(Clone, Debug, PartialEq)]
struct Statement {
    words: Vec<String>,
    numbers: Vec<Number>,
}

/// A number in a statement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// How many; those of several datasets are added.
    Count(u64),
    /// How much, with so many decimals; those of several datasets are from the least to the most.
    Span(f64, f64, usize),
    /// The bytes of one thing that several datasets share; the most of what they found.
    Size(u64),
}

impl Number {
    /// A measure without decimals.
    pub fn measure(number: f64) -> Self {
        Self::Span(number, number, 0)
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Count(one), Self::Count(more)) => Self::Count(one + more),
            (Self::Span(low, high, decimals), Self::Span(other_low, other_high, _)) => {
                Self::Span(low.min(other_low), high.max(other_high), decimals)
            }
            (Self::Size(one), Self::Size(other)) => Self::Size(one.max(other)),
            (one, _) => one,
        }
    }
}

impl Told {
    /// A statement in which a `#` stands for each number.
    pub fn of(words: &str, numbers: &[Number]) -> Self {
        let words = words.split('#').map(str::to_owned).collect();
        Self(vec![Statement { words, numbers: numbers.to_vec() }])
    }

    /// A statement without numbers.
    pub fn text(text: impl Into<String>) -> Self {
        Self(vec![Statement { words: vec![text.into()], numbers: Vec::new() }])
    }

    /// Tells something more.
    pub fn and(mut self, other: &Self) -> Self {
        for statement in &other.0 {
            match self.0.iter_mut().find(|known| known.words == statement.words) {
                Some(known) => known.join(statement),
                None => self.0.push(statement.clone()),
            }
        }
        self
    }
}

impl Statement {
    fn join(&mut self, other: &Self) {
        for (number, more) in self.numbers.iter_mut().zip(&other.numbers) {
            *number = number.and(*more);
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, statement) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { "; " })?;
            let mut numbers = statement.numbers.iter();
            for words in &statement.words {
                f.write_str(words)?;
                numbers.next().map_or(Ok(()), |number| number.fmt(f))?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |number: f64, decimals| match decimals {
            0 => grouped(number.round() as u64),
            decimals => format!("{number:.decimals$}"),
        };
        match *self {
            Self::Count(count) => f.write_str(&grouped(count)),
            Self::Size(size) => f.write_str(&bytes(size)),
            Self::Span(low, high, decimals) => {
                let (low, high) = (shown(low, decimals), shown(high, decimals));
                if low == high { f.write_str(&low) } else { write!(f, "{low} to {high}") }
            }
        }
    }
}

impl Serialize for Told {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_statement_is_told_once() {
        let sampled = |rows, files| {
            Told::of(
                "sampled from # row(s) of # file(s)",
                &[Number::Count(rows), Number::Count(files)],
            )
        };
        let own = |bytes| Told::of("# bytes a row", &[Number::measure(bytes)]);
        let one = sampled(1000, 4).and(&own(12.0));
        assert_eq!(one.to_string(), "sampled from 1,000 row(s) of 4 file(s); 12 bytes a row");
        let two = one.clone().and(&sampled(500, 1)).and(&own(7.4)).and(&Told::text("a guess"));
        assert_eq!(
            two.to_string(),
            "sampled from 1,500 row(s) of 5 file(s); 7 to 12 bytes a row; a guess"
        );
        assert_eq!(own(7.4).and(&own(6.9)).to_string(), "7 bytes a row");
        assert_eq!(Told::text("a # b").and(&Told::text("a # b")).to_string(), "a # b");
    }
}

//! The **origin** of a number says where it comes from, in statements. When the origins of several datasets are
//! joined, each statement is kept once: its counts are added, and its measures become a span.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::domain::saturating::nearest;
use crate::printable::{bytes, grouped};

/// Where a number comes from: different statements.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Origin(Vec<Statement>);

/// Words with numbers between them. There is one piece of words more than there are numbers.
#[derive(Clone, Debug, PartialEq)]
struct Statement {
    words: Vec<String>,
    numbers: Vec<Number>,
}

/// A number in a statement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// How many. The counts of several datasets are added.
    Count(u64),
    /// How much, from the least to the most, with this many decimals. The spans of several datasets become one.
    Span(f64, f64, usize),
    /// The bytes of one thing that several datasets share. The largest of several is kept.
    Size(u64),
}

impl Number {
    /// Makes a measure that is shown without decimals.
    pub fn measure(number: f64) -> Self {
        Self::Span(number, number, 0)
    }

    /// Joins the numbers of two equal statements.
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

impl Origin {
    /// Makes a statement in which a `#` stands for each number.
    pub fn of(words: &str, numbers: &[Number]) -> Self {
        let words = words.split('#').map(str::to_owned).collect();
        Self(vec![Statement { words, numbers: numbers.to_vec() }])
    }

    /// Makes a statement without numbers.
    pub fn text(text: impl Into<String>) -> Self {
        Self(vec![Statement { words: vec![text.into()], numbers: Vec::new() }])
    }

    /// Adds the statements of another origin.
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

impl fmt::Display for Origin {
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
        match *self {
            Self::Count(count) => f.write_str(&grouped(count)),
            Self::Size(size) => f.write_str(&bytes(size)),
            Self::Span(low, high, decimals) => {
                let (low, high) = (rounded(low, decimals), rounded(high, decimals));
                if low == high { f.write_str(&low) } else { write!(f, "{low} to {high}") }
            }
        }
    }
}

fn rounded(number: f64, decimals: usize) -> String {
    match decimals {
        0 => grouped(nearest(number)),
        decimals => format!("{number:.decimals$}"),
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(rows: u64, files: u64) -> Origin {
        let numbers = [Number::Count(rows), Number::Count(files)];
        Origin::of("sampled from # row(s) of # file(s)", &numbers)
    }

    fn own(bytes: f64) -> Origin {
        Origin::of("# bytes per row", &[Number::measure(bytes)])
    }

    #[test]
    fn each_statement_is_kept_once() {
        let one = sampled(1000, 4).and(&own(12.0));
        assert_eq!(one.to_string(), "sampled from 1,000 row(s) of 4 file(s); 12 bytes per row");
        let two = one.clone().and(&sampled(500, 1)).and(&own(7.4)).and(&Origin::text("a guess"));
        assert_eq!(
            two.to_string(),
            "sampled from 1,500 row(s) of 5 file(s); 7 to 12 bytes per row; a guess"
        );
        assert_eq!(own(7.4).and(&own(6.9)).to_string(), "7 bytes per row");
        assert_eq!(Origin::text("a # b").and(&Origin::text("a # b")).to_string(), "a # b");
    }
}

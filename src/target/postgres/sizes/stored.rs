//! How a value is **stored**: the bytes that PostgreSQL keeps of it, by its type.
//!
//! The rules are those of the PostgreSQL documentation, "Database Page Layout" and "TOAST", and of the types'
//! own sections in "Data Types".

/// How values of a type are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Always so many bytes.
    Fixed {
        /// Bytes.
        length: usize,
        /// What their place is a multiple of.
        align: usize,
    },
    /// The text itself, with its length.
    Text,
    /// The text, padded to so many characters.
    Padded(usize),
    /// Four digits in two bytes.
    Numeric,
    /// An address of a network.
    Address,
    /// As long as its text, about; how long exactly is not known here.
    Guessed,
}

/// A value as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Datum {
    /// Always so many bytes: length and alignment.
    Fixed(usize, usize),
    /// A length of its own; what is long may be compressed and moved out of the row if it is `movable`.
    Variable {
        /// Bytes without those that say how many they are.
        payload: usize,
        /// Whether it may leave the row.
        movable: bool,
    },
}

impl Stored {
    /// How the type of this name is stored: that of the catalog (`int8`), or as people write it (`bigint`).
    pub fn named(name: &str) -> Self {
        let fixed = |length, align| Self::Fixed { length, align };
        match name {
            "bool" | "boolean" | "char" => fixed(1, 1),
            "int2" | "smallint" | "smallserial" => fixed(2, 2),
            "int4" | "integer" | "int" | "serial" | "float4" | "real" | "date" | "oid" | "xid" => {
                fixed(4, 4)
            }
            "int8"
            | "bigint"
            | "bigserial"
            | "float8"
            | "double precision"
            | "money"
            | "time"
            | "time without time zone"
            | "timestamp"
            | "timestamp without time zone"
            | "timestamptz"
            | "timestamp with time zone"
            | "pg_lsn"
            | "xid8"
            | "float" => fixed(8, 8),
            "timetz" | "time with time zone" => fixed(12, 8),
            "interval" | "point" => fixed(16, 8),
            "uuid" => fixed(16, 1),
            "macaddr" => fixed(6, 4),
            "name" => fixed(64, 1),
            "text" | "varchar" | "character varying" | "json" | "citext" | "bytea" => Self::Text,
            "numeric" | "decimal" => Self::Numeric,
            "inet" | "cidr" => Self::Address,
            _ => Self::Guessed,
        }
    }

    /// How a type is stored that the catalog describes by its name, its category and its modifier.
    pub fn of_catalog(name: &str, category: char, modifier: i32) -> Self {
        match (name, category) {
            ("bpchar", _) => Self::Padded(usize::try_from(modifier - 4).unwrap_or(0)),
            (_, 'E') => Self::Fixed { length: 4, align: 4 },
            _ => Self::named(name),
        }
    }

    /// How a type is stored that is written like this: `numeric(12, 2)`, `timestamp (3) with time zone`.
    pub fn of_declared(text: &str) -> Self {
        let text = text.to_lowercase();
        if text.contains('[') {
            return Self::Guessed;
        }
        let (before, rest) = text.split_once('(').unwrap_or((&text, ""));
        let (inside, after) = rest.split_once(')').unwrap_or(("", ""));
        let name = format!("{} {}", before.trim(), after.trim());
        match name.trim() {
            "char" | "character" | "bpchar" => Self::Padded(inside.trim().parse().unwrap_or(1)),
            name => Self::named(name.trim_start_matches("pg_catalog.")),
        }
    }

    /// Whether the size of its values is known, and not guessed.
    pub fn is_certain(self) -> bool {
        self != Self::Guessed
    }

    /// A value by its text, as it is stored.
    pub fn datum(self, text: &str) -> Datum {
        let variable = |payload, movable| Datum::Variable { payload, movable };
        match self {
            Self::Fixed { length, align } => Datum::Fixed(length, align),
            Self::Text | Self::Guessed => variable(text.len(), true),
            Self::Padded(length) => {
                let missing = length.saturating_sub(text.chars().count());
                variable(text.len() + missing, true)
            }
            Self::Numeric => variable(2 + 2 * numeric_digits(text), false),
            Self::Address => variable(if text.contains(':') { 18 } else { 6 }, false),
        }
    }
}

/// How many digits to the base of 10,000 a number has, without zeros before and behind them.
fn numeric_digits(text: &str) -> usize {
    let text = text.trim_start_matches(['-', '+']);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole = whole.trim_start_matches('0');
    let pad = (4 - whole.len() % 4) % 4;
    let mut digits = "0".repeat(pad) + whole + fraction;
    while !digits.len().is_multiple_of(4) {
        digits.push('0');
    }
    let groups: Vec<&str> = digits
        .as_bytes()
        .chunks(4)
        .map(|group| std::str::from_utf8(group).unwrap_or("0000"))
        .collect();
    let is_zero = |group: &&str| *group == "0000";
    let first = groups.iter().position(|group| !is_zero(group)).unwrap_or(groups.len());
    let last = groups.iter().rposition(|group| !is_zero(group)).map_or(first, |last| last + 1);
    last - first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_two_bytes_for_four_digits() {
        for (text, digits) in [
            ("0", 0),
            ("95", 1),
            ("0.25", 1),
            ("10000", 1),
            ("12345.6", 3),
            ("-1200.00", 1),
            ("0.00001", 1),
        ] {
            assert_eq!(numeric_digits(text), digits, "{text}");
        }
        assert_eq!(Stored::Numeric.datum("95.5"), Datum::Variable { payload: 6, movable: false });
    }

    #[test]
    fn declared_types_are_those_of_the_catalog() {
        for (text, name) in [
            ("NUMERIC(12, 2)", "numeric"),
            ("character varying(20)", "varchar"),
            ("timestamp(3) with time zone", "timestamptz"),
            ("Double Precision", "float8"),
            ("BIGINT", "int8"),
        ] {
            assert_eq!(Stored::of_declared(text), Stored::named(name), "{text}");
        }
        assert_eq!(Stored::of_declared("char(3)"), Stored::Padded(3));
        assert!(!Stored::of_declared("text[]").is_certain());
    }
}

//! How a value is **stored**: the bytes that PostgreSQL needs for it, by its type.
//!
//! The rules are those of the PostgreSQL documentation, "Database Page Layout" and "TOAST", and of the types'
//! own sections in "Data Types".

/// How values of a type are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// A fixed number of bytes.
    Fixed {
        /// Bytes.
        length: usize,
        /// The multiple at which it begins.
        align: usize,
    },
    /// The text itself, with its length.
    Text,
    /// The text, padded to this many characters.
    Padded(usize),
    /// Four digits in two bytes.
    Numeric,
    /// An address of a network.
    Address,
    /// About as long as its text; the exact length is not known here.
    Guessed,
}

/// A value as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Datum {
    /// A fixed number of bytes: length and alignment.
    Fixed(usize, usize),
    /// A length of its own; a long value may be compressed and moved out of the row if it is `movable`.
    Variable {
        /// The bytes without those that hold the length.
        payload: usize,
        /// Whether it may leave the row.
        movable: bool,
    },
}

impl Stored {
    /// Returns how a type is stored, by its name in the catalog (`int8`) or as people write it (`bigint`).
    pub(super) fn named(name: &str) -> Self {
        match name {
            "bool" | "boolean" | "char" => Self::fixed(1, 1),
            "int2" | "smallint" | "smallserial" => Self::fixed(2, 2),
            "int4" | "integer" | "int" | "serial" | "float4" | "real" | "date" | "oid" | "xid" => {
                Self::fixed(4, 4)
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
            | "float" => Self::fixed(8, 8),
            "timetz" | "time with time zone" => Self::fixed(12, 8),
            "interval" | "point" => Self::fixed(16, 8),
            "uuid" => Self::fixed(16, 1),
            "macaddr" => Self::fixed(6, 4),
            "name" => Self::fixed(64, 1),
            "text" | "varchar" | "character varying" | "json" | "citext" | "bytea" => Self::Text,
            "numeric" | "decimal" => Self::Numeric,
            "inet" | "cidr" => Self::Address,
            _ => Self::Guessed,
        }
    }

    const fn fixed(length: usize, align: usize) -> Self {
        Self::Fixed { length, align }
    }

    /// Returns how a type is stored that the catalog describes by its name, its category and its modifier.
    pub(super) fn of_catalog(name: &str, category: char, modifier: i32) -> Self {
        match (name, category) {
            ("bpchar", _) => Self::Padded(usize::try_from(modifier - 4).unwrap_or(0)),
            (_, 'E') => Self::Fixed { length: 4, align: 4 },
            _ => Self::named(name),
        }
    }

    /// Returns how a type is stored that is declared like this: `numeric(12, 2)`, `timestamp (3) with time zone`.
    pub(super) fn of_declared(text: &str) -> Self {
        let lower = text.to_lowercase();
        if lower.contains('[') {
            return Self::Guessed;
        }
        let (before, rest) = lower.split_once('(').unwrap_or((&lower, ""));
        let (inside, after) = rest.split_once(')').unwrap_or(("", ""));
        let name = format!("{} {}", before.trim(), after.trim());
        match name.trim() {
            "char" | "character" | "bpchar" => Self::Padded(inside.trim().parse().unwrap_or(1)),
            name => Self::named(name.trim_start_matches("pg_catalog.")),
        }
    }

    /// Whether the size of its values is known, and not guessed.
    pub(super) fn is_certain(self) -> bool {
        self != Self::Guessed
    }

    /// Returns how the value of a text is stored.
    pub(super) fn datum(self, text: &str) -> Datum {
        match self {
            Self::Fixed { length, align } => Datum::Fixed(length, align),
            Self::Text | Self::Guessed => Datum::Variable { payload: text.len(), movable: true },
            Self::Padded(length) => {
                let missing = length.saturating_sub(text.chars().count());
                Datum::Variable { payload: text.len() + missing, movable: true }
            }
            Self::Numeric => {
                Datum::Variable { payload: 2 + 2 * numeric_digits(text), movable: false }
            }
            Self::Address => {
                let payload = if text.contains(':') { 18 } else { 6 };
                Datum::Variable { payload, movable: false }
            }
        }
    }
}

/// Counts the digits of a number to the base of 10,000, without leading and trailing zeros.
fn numeric_digits(text: &str) -> usize {
    let unsigned = text.trim_start_matches(['-', '+']);
    let (before, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let whole = before.trim_start_matches('0');
    let pad = (4 - whole.len() % 4) % 4;
    let mut digits = "0".repeat(pad) + whole + fraction;
    while !digits.len().is_multiple_of(4) {
        digits.push('0');
    }
    let groups: Vec<&[u8]> = digits.as_bytes().chunks(4).collect();
    let first = groups.iter().position(|group| *group != b"0000").unwrap_or(groups.len());
    let last = groups.iter().rposition(|group| *group != b"0000").map_or(first, |last| last + 1);
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

//! The **shape** of a value shows what it looks like without its content. `12/18/2025` has the shape
//! `99/99/9999`, `NY` has `AA`.

/// The number of characters after which a shape is cut.
const LONGEST: usize = 24;
/// A longer run of letters is written `A+`.
const LETTERS: usize = 3;
/// A longer run of digits is written `9+`.
const DIGITS: usize = 16;

/// Returns the shape of a value: `9` for a digit, `A` for a letter, other characters as they are. A long run
/// becomes one character and a `+`, so that names of any length have one shape.
pub fn of(value: &str) -> String {
    let mut shape = String::with_capacity(LONGEST);
    let mut characters = value.chars().map(class).peekable();
    let mut length = 0;
    while let Some(class) = characters.next() {
        let mut run = 1;
        while matches!(class, 'A' | '9') && characters.next_if_eq(&class).is_some() {
            run += 1;
        }
        let most = if class == 'A' { LETTERS } else { DIGITS };
        if run > most {
            shape.extend([class, '+']);
            length += 2;
        } else {
            shape.extend(std::iter::repeat_n(class, run));
            length += run;
        }
        if length >= LONGEST && characters.peek().is_some() {
            shape.push('…');
            break;
        }
    }
    shape
}

fn class(character: char) -> char {
    match character {
        '0'..='9' => '9',
        c if c.is_alphabetic() => 'A',
        c if c.is_whitespace() => ' ',
        c if c.is_ascii() => c,
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_shows_what_a_value_looks_like_and_not_its_content() {
        for (value, expected) in [
            ("12/18/2025", "99/99/9999"),
            ("NY", "AA"),
            ("411111******1111", "999999******9999"),
            ("Zoë Ångström", "AAA A+"),
            ("ann@example.com", "AAA@A+.AAA"),
            ("", ""),
            ("€ 5", "? 9"),
            ("12345678901234567890", "9+"),
        ] {
            assert_eq!(of(value), expected, "{value}");
        }
        assert_eq!(of(&"a-1 ".repeat(50)), "A-9 A-9 A-9 A-9 A-9 A-9 …");
    }
}

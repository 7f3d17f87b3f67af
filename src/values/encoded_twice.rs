//! A text is **encoded twice** if its UTF-8 was taken for windows-1252 and made UTF-8 once more: `KÃ¶ln` for
//! `Köln`, `â‚¬` for `€`.

/// The characters of windows-1252 for the bytes 0x80 to 0x9F; blank where there is none.
const HIGH: [char; 32] = [
    '€', ' ', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', ' ', 'Ž', ' ', ' ', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', ' ', 'ž', 'Ÿ',
];

/// Whether a value seems to be encoded twice: all its characters beyond ASCII together are the bytes of UTF-8, and
/// what they say is of a usual script. Of scripts other than Latin, one character is not enough to be sure.
pub fn is_encoded_twice(value: &str) -> bool {
    if value.is_ascii() {
        return false;
    }
    let bytes: Option<Vec<u8>> = value.chars().map(byte).collect();
    let Some(once) = bytes.and_then(|bytes| String::from_utf8(bytes).ok()) else { return false };
    let beyond = || once.chars().filter(|character| !character.is_ascii());
    beyond().all(is_usual) && (beyond().all(is_sure) || beyond().count() > 1)
}

/// The byte that a character was made of.
fn byte(character: char) -> Option<u8> {
    match u8::try_from(u32::from(character)) {
        Ok(byte) => Some(byte),
        Err(_) => {
            let place = HIGH.iter().position(|high| *high == character)?;
            u8::try_from(0x80 + place).ok()
        }
    }
}

/// Letters of Western and Central Europe, and the marks of typography and money.
fn is_sure(character: char) -> bool {
    matches!(character, '\u{a0}'..='\u{17f}' | '\u{2010}'..='\u{203f}' | '\u{20a0}'..='\u{20cf}' | '\u{2100}'..='\u{214f}')
}

/// Characters of the scripts that exports are written in.
fn is_usual(character: char) -> bool {
    is_sure(character)
        || matches!(character,
            '\u{370}'..='\u{45f}' | '\u{5d0}'..='\u{6ff}' | '\u{3000}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'
            | '\u{1f300}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a text whose UTF-8 is taken for windows-1252.
    fn twice(text: &str) -> String {
        let character = |byte: &u8| match byte {
            0x80..=0x9f => Some(HIGH[usize::from(*byte) - 0x80]).filter(|high| *high != ' '),
            byte => Some(char::from(*byte)),
        };
        text.as_bytes().iter().map(|byte| character(byte).unwrap_or(char::from(*byte))).collect()
    }

    #[test]
    fn what_was_encoded_once_more_is_recognised() {
        assert_eq!(twice("Köln"), "KÃ¶ln");
        for text in [
            "Köln",
            "Ærø",
            "Łódź",
            "5 €",
            "it’s",
            "São Paulo – Ávila",
            "Москва",
            "Αθήνα",
            "東京",
            "né Àvila",
        ] {
            assert!(is_encoded_twice(&twice(text)), "{text}");
            assert!(!is_encoded_twice(text), "{text}");
        }
    }

    #[test]
    fn plain_text_with_accents_and_marks_is_not() {
        for text in [
            "",
            "Koln",
            "Ã",
            "São",
            "MANHÃ",
            "Ångström",
            "„MENÜ“",
            "«ÉTÉ»",
            "CAFÉ…",
            "ÀÉÎÕÜ",
            "naïve",
            "Ñandú",
            "Â",
            "50 °C",
            "£5",
            "ÄÖÜ",
            "É–",
        ] {
            assert!(!is_encoded_twice(text), "{text}");
        }
    }
}

//! A text is **encoded twice** if its UTF-8 was taken for windows-1252 and made UTF-8 once more: `KÃ¶ln` for
//! `Köln`, `â‚¬` for `€`.

/// The characters of windows-1252 for the bytes 0x80 to 0x9F; blank for a byte without a character.
const HIGH: [char; 32] = [
    '€', ' ', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', ' ', 'Ž', ' ', ' ', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', ' ', 'ž', 'Ÿ',
];

/// Whether a value seems to be encoded twice: its characters, taken as bytes, are valid UTF-8, and the characters
/// that they decode to belong to a usual script. Of scripts other than Latin, one character is not enough to be sure.
pub fn is_encoded_twice(value: &str) -> bool {
    if value.is_ascii() {
        return false;
    }
    let bytes: Option<Vec<u8>> = value.chars().map(byte).collect();
    let Some(once) = bytes.and_then(|bytes| String::from_utf8(bytes).ok()) else { return false };
    let beyond: Vec<char> = once.chars().filter(|character| !character.is_ascii()).collect();
    let is_each_usual = beyond.iter().all(|character| is_usual(*character));
    let is_each_sure = beyond.iter().all(|character| is_sure(*character));
    is_each_usual && (is_each_sure || beyond.len() > 1)
}

/// The byte that windows-1252 reads as this character.
fn byte(character: char) -> Option<u8> {
    match u8::try_from(u32::from(character)) {
        Ok(byte) => Some(byte),
        Err(_) => {
            let place = HIGH.iter().position(|high| *high == character)?;
            u8::try_from(0x80 + place).ok()
        }
    }
}

/// Whether a character is a letter of Western or Central Europe, or a mark of typography or money.
fn is_sure(character: char) -> bool {
    matches!(character, '\u{a0}'..='\u{17f}' | '\u{2010}'..='\u{203f}' | '\u{20a0}'..='\u{20cf}' | '\u{2100}'..='\u{214f}')
}

/// Whether a character is of a script that exports are written in.
fn is_usual(character: char) -> bool {
    is_sure(character)
        || matches!(character,
            '\u{370}'..='\u{45f}' | '\u{5d0}'..='\u{6ff}' | '\u{3000}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'
            | '\u{1f300}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Encodes a text twice: takes its UTF-8 for windows-1252.
    fn twice(text: &str) -> String {
        text.bytes().map(character).collect()
    }

    fn character(byte: u8) -> char {
        match byte {
            0x80..=0x9f if HIGH[usize::from(byte) - 0x80] != ' ' => HIGH[usize::from(byte) - 0x80],
            byte => char::from(byte),
        }
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

//! A **key fault** is why an object cannot be read, independently of its date: its key would become another key as a
//! path, because a path has no empty parts and no `.` or `..`.

use std::fmt;

use serde::Serialize;

/// Why a key cannot be read as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyFault {
    /// It begins with a slash.
    LeadingSlash,
    /// It ends with a slash.
    TrailingSlash,
    /// It has two slashes side by side.
    DoubleSlash,
    /// A part of it is `.` or `..`.
    DotPart,
    /// It holds a control character, such as a line break.
    ControlCharacter,
    /// It begins or ends with a blank, and is in a bucket: the store's client drops the blank.
    OuterBlank,
    /// The name of the file is not UTF-8.
    NotText,
    /// It ends with `#` and digits, as the names of unfinished writes to a folder do.
    UnfinishedWrite,
}

impl KeyFault {
    /// What is wrong with a key; `None` if it can be read.
    pub fn of(key: &str) -> Option<Self> {
        if key.bytes().any(|byte| byte.is_ascii_control()) {
            return Some(Self::ControlCharacter);
        }
        if key.split('/').any(|part| part == "." || part == "..") {
            return Some(Self::DotPart);
        }
        match () {
            () if key.starts_with('/') => Some(Self::LeadingSlash),
            () if key.contains("//") => Some(Self::DoubleSlash),
            () if key.ends_with('/') => Some(Self::TrailingSlash),
            () => None,
        }
    }
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LeadingSlash => "the key begins with a slash",
            Self::TrailingSlash => "the key ends with a slash",
            Self::DoubleSlash => "the key has two slashes in a row",
            Self::DotPart => "a part of the key is `.` or `..`",
            Self::ControlCharacter => "the key has a control character",
            Self::OuterBlank => "the key begins or ends with a blank",
            Self::NotText => "the file's name is not UTF-8",
            Self::UnfinishedWrite => {
                "the file's name ends with # and digits, like that of an unfinished write"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_a_path_would_change_or_refuse_have_a_fault() {
        for (key, fault) in [
            ("/x/r.csv", KeyFault::LeadingSlash),
            ("//x/r.csv", KeyFault::LeadingSlash),
            ("x//r.csv", KeyFault::DoubleSlash),
            ("x/./r.csv", KeyFault::DotPart),
            ("../r.csv", KeyFault::DotPart),
            ("x/r.csv/", KeyFault::TrailingSlash),
            ("x/r\n.csv", KeyFault::ControlCharacter),
            ("x/r\u{7f}.csv", KeyFault::ControlCharacter),
        ] {
            assert_eq!(KeyFault::of(key), Some(fault), "{key:?}");
        }
        for key in ["x/r.csv", ".x/..y/r..csv", "x/r 1+2%20é.csv", "x"] {
            assert_eq!(KeyFault::of(key), None, "{key:?}");
        }
    }
}

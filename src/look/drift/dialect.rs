//! The **dialect** of a format, in parts that can change independently.

use super::glimpse::Format;
use crate::domain::DriftKind;

/// A part of a dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The character between fields.
    Delimiter,
    /// The quote around fields.
    Quote,
    /// How lines end.
    LineEnding,
    /// The encoding of the text.
    Encoding,
    /// Whether the file starts with a byte order mark.
    ByteOrderMark,
    /// How the file is compressed.
    Compression,
}

impl Part {
    /// Every part.
    pub(super) const ALL: [Self; 6] = [
        Self::Delimiter,
        Self::Quote,
        Self::LineEnding,
        Self::Encoding,
        Self::ByteOrderMark,
        Self::Compression,
    ];

    /// Returns its name, for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Delimiter => "delimiter",
            Self::Quote => "quote",
            Self::LineEnding => "line ending",
            Self::Encoding => "encoding",
            Self::ByteOrderMark => "byte order mark",
            Self::Compression => "compression",
        }
    }

    /// Returns the kind of drift if a file differs from most files in it.
    pub(super) fn kind(self) -> DriftKind {
        match self {
            Self::Delimiter => DriftKind::OtherDelimiter,
            Self::Quote => DriftKind::OtherQuote,
            Self::LineEnding => DriftKind::OtherLineEnding,
            Self::Encoding => DriftKind::OtherEncoding,
            Self::ByteOrderMark => DriftKind::ByteOrderMark,
            Self::Compression => DriftKind::OtherCompression,
        }
    }

    /// Returns what a format has there, for people.
    pub(super) fn of(self, format: &Format) -> String {
        match self {
            Self::Delimiter => format!("`{}`", format.delimiter.escape_default()),
            Self::Quote if format.quote.is_empty() => "none".to_owned(),
            Self::Quote => format!("`{}`", format.quote),
            Self::LineEnding => format.line_end.clone(),
            Self::Encoding => format.encoding.clone(),
            Self::ByteOrderMark if format.byte_order_mark => "yes".to_owned(),
            Self::ByteOrderMark => "no".to_owned(),
            Self::Compression => format.compression.clone(),
        }
    }
}

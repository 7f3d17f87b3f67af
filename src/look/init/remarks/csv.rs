//! Remarks on how the files of a new dataset are written: delimiter, encoding, lines around the tables, names of
//! columns, and the settings of **`csv`** for these.

use std::collections::{BTreeMap, BTreeSet};

use backfill_csv::{Around, Dialect, Encodings, UnusableNames};

use crate::look::drift::calendar::Oddity;
use crate::look::drift::{self, Drift};
use crate::look::init::findings::{Findings, Seen};
use crate::printable::{few, grouped};

/// Collects the remarks on how the files are written, and on the settings of `csv` for it.
pub(super) fn about_csv(findings: &Findings<'_>) -> Vec<String> {
    let mut remarks = vec![about_delimiter(findings)];
    remarks.extend(about_encoding(findings));
    remarks.extend(about_lines(findings));
    remarks.extend(about_unusable_names(findings));
    remarks.extend(about_aliases(findings));
    remarks
}

/// How many files can be read, for people.
fn readable(seen: &Seen) -> String {
    grouped(seen.readable as u64)
}

fn about_delimiter(findings: &Findings<'_>) -> String {
    let formats = findings.drift.formats.iter();
    let delimiters: BTreeSet<&str> = formats.map(|format| format.delimiter.as_str()).collect();
    let written: Vec<String> = delimiters.into_iter().map(|text| format!("{text:?}")).collect();
    format!(
        "delimiter {} in {} file(s), because it splits the header and the first records into the same number of fields",
        written.join(" or "),
        readable(findings.seen)
    )
}

fn about_encoding(findings: &Findings<'_>) -> Option<String> {
    let seen = findings.seen;
    (findings.dataset.dialect.encoding != Encodings::default()).then(|| {
        format!(
            "csv.encoding: {} of {} file(s) are not UTF-8 and are read as windows-1252, which is a \
             guess: {}; the others are read as UTF-8",
            grouped(seen.decoded.len() as u64),
            readable(seen),
            few(&seen.decoded)
        )
    })
}

fn about_unusable_names(findings: &Findings<'_>) -> Option<String> {
    let (seen, dialect) = (findings.seen, &findings.dataset.dialect);
    let names = format!(
        "column names of {} file(s) are blank or duplicate: {}",
        grouped(seen.unusable_names.len() as u64),
        few(&seen.unusable_names)
    );
    match dialect.unusable_names {
        UnusableNames::Suffix => Some(format!(
            "csv.unusable_names = \"suffix\", because {names}; such columns are named {}",
            suffixed(findings.drift, &dialect.aliases).join(", ")
        )),
        UnusableNames::Refuse if seen.unusable_names.is_empty() => None,
        UnusableNames::Refuse => {
            Some(format!("{names}; csv.unusable_names = \"suffix\" reads such files"))
        }
    }
}

fn about_aliases(findings: &Findings<'_>) -> impl Iterator<Item = String> {
    let seen = findings.seen;
    findings.dataset.dialect.aliases.iter().map(|(name, others)| {
        let otherwise = seen.written_otherwise.get(name).copied().unwrap_or_default();
        format!(
            "csv.aliases: {name} is the same column as {}, which is its name in {} of {} file(s)",
            few(others),
            grouped(otherwise as u64),
            readable(seen),
        )
    })
}

/// The columns whose name is not what the files write, each with what they write; columns with other names (aliases)
/// are left out.
fn suffixed(drift: &Drift, aliases: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for epoch in &drift.epochs {
        let Some(format) = drift.formats.get(epoch.format - 1) else { continue };
        for (written, name) in format.header.iter().zip(epoch.names.iter()) {
            let text = match written.trim().is_empty() {
                true => format!("{name} (without a name)"),
                false => format!("{name} ({written:?})"),
            };
            if written != name && !aliases.contains_key(name) && !found.contains(&text) {
                found.push(text);
            }
        }
    }
    found
}

/// The settings for lines around the tables, and such lines in single files.
fn about_lines(findings: &Findings<'_>) -> Vec<String> {
    let mut remarks: Vec<String> = guessed_settings(&findings.dataset.dialect)
        .iter()
        .map(|setting| setting.remark(findings))
        .collect();
    remarks.extend(findings.drift.oddities.iter().filter_map(|oddity| match oddity {
        Oddity::Seen(lines @ drift::calendar::Seen::LinesAround { .. }) => {
            Some(Oddity::Seen(lines.clone()).to_string())
        }
        _ => None,
    }));
    remarks
}

/// The settings for lines around the tables that a dialect has.
fn guessed_settings(dialect: &Dialect) -> Vec<GuessedSetting> {
    let mut settings = Vec::new();
    if !dialect.header_names.is_empty() || dialect.header_pattern.is_some() {
        settings.push(GuessedSetting {
            setting: "csv.header_names or csv.header_pattern",
            lines: "lines above it",
            has_lines: |around| around.lines_above > 0,
        });
    } else if dialect.names.is_some() {
        settings.push(GuessedSetting {
            setting: "csv.names and csv.comment",
            lines: "the names in a comment",
            has_lines: |around| !around.names.is_empty(),
        });
    } else if dialect.comment.is_some() {
        settings.push(GuessedSetting {
            setting: "csv.comment",
            lines: "lines above the header that begin with the same character",
            has_lines: |around| around.comment.is_some(),
        });
    }
    if !dialect.skip_records.is_empty() {
        settings.push(GuessedSetting {
            setting: "csv.skip_records",
            lines: "a first or last line that differs from all others, such as units or totals",
            has_lines: |around| around.units.is_some() || !around.last.is_empty(),
        });
    }
    settings
}

/// A setting that was guessed from lines around the tables.
struct GuessedSetting {
    setting: &'static str,
    /// What these lines are.
    lines: &'static str,
    /// Whether a file has such lines.
    has_lines: fn(&Around) -> bool,
}

impl GuessedSetting {
    fn remark(&self, findings: &Findings<'_>) -> String {
        let having = findings.seen.around.iter().filter(|file| (self.has_lines)(&file.around));
        let keys: Vec<&String> = having.map(|file| &file.key).collect();
        format!(
            "{}, which is a guess: {} of {} file(s) have {}: {}",
            self.setting,
            grouped(keys.len() as u64),
            grouped((findings.seen.readable + findings.drift.unreadable()) as u64),
            self.lines,
            few(&keys)
        )
    }
}

//! **Drift** as text: the epochs, what changed between them, odd days and files, and whether the SQL fits.

use std::fmt::Write;

use super::table;
use crate::look::drift::calendar::{Oddity, Seen};
use crate::look::drift::content::{DateContradiction, Finding, Reference};
use crate::look::drift::{Content, Drift, Epoch, Fit, TargetSeen, spans};
use crate::mirror::Rejected;
use crate::printable::{cut, grouped};

/// The most names of a list that are shown; JSON has them all.
const NAMES: usize = 12;
/// The most characters of a name that are shown.
const NAME: usize = 100;

/// Writes the drift of one dataset, and with `propose` the proposed lines for stage.sql.
pub fn drift(drift: &Drift, propose: bool) -> String {
    let mut text = format!(
        "{} ({}), {}: {} files, {} format(s) in {} epoch(s)\n",
        drift.dataset,
        drift.prefix,
        drift.range,
        drift.files,
        drift.formats.len(),
        drift.epochs.len()
    );
    text.push_str(&epochs(drift));
    text.push_str(&changes(drift));
    text.push_str(&oddities(drift));
    if drift.content.is_none() && !drift.rejects.is_empty() {
        let title = if drift.are_all_read {
            "rejected"
        } else {
            "rejected among the first records (--deep reads all)"
        };
        // Writing to a text cannot fail.
        let _ = writeln!(text, "\n{title}");
        text.push_str(&rejects(&drift.rejects));
    }
    if !drift.refusals.is_empty() {
        let _ = writeln!(text, "\na run over these days is refused");
    }
    for refusal in &drift.refusals {
        let _ = writeln!(text, "  {refusal}");
    }
    if let Some(content) = &drift.content {
        text.push_str(&self::content(content));
    }
    match &drift.fit {
        Some(fit) => text.push_str(&self::fit(fit, &drift.epochs)),
        None if drift.epochs.is_empty() => {}
        None => text.push_str("\nUNVERIFIED: the dataset has no SQL yet to compare this with\n"),
    }
    if propose {
        text.push_str(&proposal(drift));
    }
    text
}

/// Writes what changed from each epoch to the next.
fn changes(drift: &Drift) -> String {
    let mut text = String::new();
    for (place, epoch) in drift.epochs.iter().enumerate() {
        if drift.epochs[..place].iter().any(|earlier| earlier.format == epoch.format) {
            let _ = writeln!(text, "  {}  back to format {}", epoch.from, epoch.format);
            continue;
        }
        for change in &epoch.changes {
            let _ = writeln!(text, "  {}  {}", epoch.from, shortened(&change.to_string()));
        }
    }
    text
}

fn oddities(drift: &Drift) -> String {
    let mut text = String::new();
    if !drift.oddities.is_empty() {
        let _ = writeln!(text, "\nodd days and files");
    }
    for oddity in &drift.oddities {
        let _ = writeln!(text, "  {oddity}");
    }
    for hint in hints(drift) {
        let _ = writeln!(text, "  hint: {hint}");
    }
    text
}

/// Writes the proposed lines for stage.sql.
fn proposal(drift: &Drift) -> String {
    let mut text = String::from("\nlines for stage.sql\n");
    if drift.proposal.is_empty() {
        text.push_str("  -- nothing to change\n");
    }
    for line in &drift.proposal {
        let _ = writeln!(text, "    {line}");
    }
    text
}

fn epochs(drift: &Drift) -> String {
    if drift.epochs.is_empty() {
        return String::new();
    }
    let heads = [
        "from",
        "to",
        "files",
        "format",
        "columns",
        "delimiter",
        "line ending",
        "encoding",
        "compression",
    ];
    let mut table = table(&heads, &[2, 3, 4]);
    for epoch in &drift.epochs {
        let format = &drift.formats[epoch.format - 1];
        let mark = if format.byte_order_mark { " with mark" } else { "" };
        table.add_row(vec![
            epoch.from.to_string(),
            epoch.to.to_string(),
            epoch.keys.len().to_string(),
            epoch.format.to_string(),
            epoch.columns.to_string(),
            format.delimiter.escape_default().to_string(),
            format.line_end.clone(),
            format!("{}{mark}", format.encoding),
            format.compression.clone(),
        ]);
    }
    format!("{table}\n")
}

/// Returns what to do about files that cannot be read, each hint once.
fn hints(drift: &Drift) -> Vec<&str> {
    let mut hints: Vec<&str> = Vec::new();
    for oddity in &drift.oddities {
        if let Oddity::Seen(Seen::Unreadable { hint: Some(hint), .. }) = oddity
            && !hints.contains(&hint.as_str())
        {
            hints.push(hint);
        }
    }
    hints
}

fn rejects(rejects: &[Rejected]) -> String {
    rejects.iter().map(rejects_of_file).collect()
}

fn rejects_of_file(reject: &Rejected) -> String {
    let Rejected { key, date, reason, records, first_line } = reject;
    format!("  {date}  {records} record(s) rejected: {reason} ({key}:{first_line})\n")
}

fn content(content: &Content) -> String {
    let Reference { from, to, files, rows } = &content.reference;
    let rows = grouped(*rows);
    let mut text =
        format!("\ncontent, compared with {from} to {to} ({files} files, {rows} rows)\n");
    text.push_str(&rejects(&content.rejects));
    for contradiction in &content.contradictions {
        let DateContradiction { column, text: formats, .. } = contradiction;
        let _ = writeln!(text, "  {column}: contradicting date formats: {formats}");
    }
    for finding in &content.findings {
        let Finding { column, difference, from, to, files } = finding;
        let days = if from == to { String::new() } else { format!(" to {to}, {files} files") };
        let _ = writeln!(text, "  {from}{days}  {column}: {}: {difference}", difference.name());
    }
    if content.columns_compared == 0 {
        let _ = writeln!(text, "  UNVERIFIED: the reference has none of the files' columns");
    } else if content.findings.is_empty() && content.contradictions.is_empty() {
        let _ = writeln!(text, "  no column differs");
    }
    let _ = writeln!(text, "  {}", content.measure);
    text
}

fn fit(fit: &Fit, epochs: &[Epoch]) -> String {
    let mut text = String::from("\nSQL and target\n");
    for failure in &fit.failures {
        let _ = writeln!(text, "  FAILS  {}: {}", failure.place, failure.reason);
    }
    for absent in &fit.absent {
        let _ = writeln!(text, "  UNVERIFIED: {absent} does not exist yet");
    }
    if !fit.not_given.is_empty() {
        let columns = shortened(&fit.not_given.join(", "));
        let _ = writeln!(text, "  stage.sql does not return: {columns}");
    }
    for (sentence, places) in sentences(fit) {
        let _ = writeln!(text, "  {sentence} ({})", spans(epochs, &places));
    }
    let target = match fit.target {
        TargetSeen::Found if fit.failures.is_empty() && fit.has_stage() => {
            "  the target accepts what stage.sql returns"
        }
        TargetSeen::Found => "  the target exists",
        TargetSeen::Missing => "  the target is missing; a run creates it from target.sql",
        TargetSeen::Unverified => {
            "  UNVERIFIED: no database is configured, so the target is not known"
        }
    };
    let _ = writeln!(text, "{target}");
    text
}

/// Returns which columns are NULL or not loaded, each sentence with the places of the epochs for which it holds.
fn sentences(fit: &Fit) -> Vec<(String, Vec<usize>)> {
    let mut sentences: Vec<(String, Vec<usize>)> = Vec::new();
    for (place, epoch) in fit.epochs.iter().enumerate() {
        for (what, columns) in [("NULL", &epoch.read_as_null), ("not loaded", &epoch.not_loaded)] {
            if columns.is_empty() {
                continue;
            }
            let sentence = format!("{what}: {}", shortened(&columns.join(", ")));
            match sentences.iter_mut().find(|(other, _)| *other == sentence) {
                Some((_, places)) => places.push(place),
                None => sentences.push((sentence, vec![place])),
            }
        }
    }
    sentences
}

/// Shortens a sentence to the first names of its list.
fn shortened(sentence: &str) -> String {
    let (start, list) = match sentence.split_once(": ") {
        Some((start, list)) => (format!("{start}: "), list),
        None => (String::new(), sentence),
    };
    let names: Vec<_> = list.split(", ").map(|name| cut(name, NAME)).collect();
    let shown = names[..names.len().min(NAMES)].join(", ");
    match names.len().checked_sub(NAMES) {
        Some(more @ 1..) => format!("{start}{shown} and {more} more"),
        _ => format!("{start}{shown}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::drift::EpochFit;

    #[test]
    fn long_lists_are_shortened_and_counted() {
        let names: Vec<String> = (1..=14).map(|number| format!("c{number}")).collect();
        let sentence = format!("new columns: {}", names.join(", "));
        let shown = "new columns: c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12 and 2 more";
        assert_eq!(shortened(&sentence), shown);
        assert_eq!(shortened("new columns: a, b"), "new columns: a, b");
        assert_eq!(shortened("a, b"), "a, b");
    }

    #[test]
    fn the_same_sentence_of_several_epochs_is_said_once() {
        let columns = vec!["a".to_owned()];
        let epoch = EpochFit { read_as_null: columns.clone(), ..EpochFit::default() };
        let other = EpochFit { not_loaded: columns, ..EpochFit::default() };
        let fit = Fit { epochs: vec![epoch.clone(), other, epoch], ..Fit::default() };
        let expected = [("NULL: a".to_owned(), vec![0, 2]), ("not loaded: a".to_owned(), vec![1])];
        assert_eq!(sentences(&fit), expected);
    }
}

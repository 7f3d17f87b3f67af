//! Drift as text: the epochs, what changed between them, what is odd, and what the SQL makes of it.

use std::fmt::Write;

use super::table;
use crate::look::drift::calendar::{Oddity, Seen};
use crate::look::drift::content::{DateContradiction, Finding, Reference};
use crate::look::drift::{Content, Drift, Epoch, Fit, TargetSeen, spans};
use crate::mirror::Rejected;
use crate::printable::{cut, grouped};

/// So many names are told of a list; JSON has them all.
const NAMES: usize = 12;
/// So many characters are told of a name.
const NAME: usize = 100;

/// The drift of one dataset; with what is proposed where that is asked for.
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
    // Writing to a text cannot fail.
    for (place, epoch) in drift.epochs.iter().enumerate() {
        if drift.epochs[..place].iter().any(|earlier| earlier.format == epoch.format) {
            let _ = writeln!(text, "  {}  back to format {}", epoch.from, epoch.format);
            continue;
        }
        for change in &epoch.changes {
            let _ = writeln!(text, "  {}  {}", epoch.from, shortened(&change.to_string()));
        }
    }
    if !drift.oddities.is_empty() {
        let _ = writeln!(text, "\nodd days and files");
    }
    for oddity in &drift.oddities {
        let _ = writeln!(text, "  {oddity}");
    }
    for hint in hints(drift) {
        let _ = writeln!(text, "  hint: {hint}");
    }
    if drift.content.is_none() && !drift.rejects.is_empty() {
        let title = match drift.are_all_read {
            true => "rejected",
            false => "rejected among the first records (--deep reads all)",
        };
        let _ = writeln!(text, "\n{title}");
        text.push_str(&rejects(&drift.rejects));
    }
    if !drift.refusals.is_empty() {
        let _ = writeln!(text, "\na run over these days refuses");
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
        None => text.push_str("\nUNVERIFIED: the dataset has no SQL yet to hold this against\n"),
    }
    if propose {
        let _ = writeln!(text, "\nlines for stage.sql");
        let none = ["  -- nothing to bring together".to_owned()];
        let lines = drift.proposal.iter().map(|line| format!("    {line}"));
        let lines: Vec<String> = lines.collect();
        let lines = if lines.is_empty() { none.to_vec() } else { lines };
        let _ = writeln!(text, "{}", lines.join("\n"));
    }
    text
}

fn epochs(drift: &Drift) -> String {
    if drift.epochs.is_empty() {
        return String::new();
    }
    let heads =
        ["from", "to", "files", "format", "columns", "between", "line end", "encoding", "in"];
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

/// What to do about files that cannot be read, each once.
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
    let mut text = format!("\ncontent, against {from} to {to} ({files} files, {rows} rows)\n");
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
    if !fit.not_given.is_empty() {
        let columns = shortened(&fit.not_given.join(", "));
        let _ = writeln!(text, "  stage.sql does not give: {columns}");
    }
    let mut said: Vec<(String, Vec<usize>)> = Vec::new();
    for (place, fit) in fit.epochs.iter().enumerate() {
        let sentences = [("NULL", &fit.read_as_null), ("not loaded", &fit.not_loaded)];
        for (what, columns) in sentences.into_iter().filter(|(_, columns)| !columns.is_empty()) {
            let sentence = format!("{what}: {}", shortened(&columns.join(", ")));
            match said.iter_mut().find(|(other, _)| *other == sentence) {
                Some((_, places)) => places.push(place),
                None => said.push((sentence, vec![place])),
            }
        }
    }
    for (sentence, places) in said {
        let _ = writeln!(text, "  {sentence} ({})", spans(epochs, &places));
    }
    let target = match fit.target {
        TargetSeen::Found if fit.failures.is_empty() => "  the target takes what stage.sql gives",
        TargetSeen::Found => "  the target is there",
        TargetSeen::Missing => "  the target is missing; a run makes it from target.sql",
        TargetSeen::Unverified => "  UNVERIFIED: no database is named, so the target is not known",
    };
    let _ = writeln!(text, "{target}");
    text
}

/// A sentence with the first names of its list.
fn shortened(sentence: &str) -> String {
    let (start, list) = sentence.split_once(": ").map_or(("", sentence), |(a, b)| (a, b));
    let names: Vec<_> = list.split(", ").map(|name| cut(name, NAME)).collect();
    let start = if start.is_empty() { String::new() } else { format!("{start}: ") };
    let told = names[..names.len().min(NAMES)].join(", ");
    match names.len().checked_sub(NAMES) {
        Some(more @ 1..) => format!("{start}{told} and {more} more"),
        _ => format!("{start}{told}"),
    }
}

//! `backfill sample`.

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::Args;

use backfill_sample::{Options, Summary, WrittenFile};

use super::Context;
use crate::error::{Error, Exit};
use crate::printable;
use crate::progress::Total;

/// Writes synthetic exports in the format of Sticky.io: 129 columns, invented people, the same bytes for
/// the same seed.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder to write to; it becomes the bucket
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// How many days
    #[arg(long, default_value_t = 28, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,
    /// About how many rows per file
    #[arg(long, default_value_t = 1000)]
    rows: u32,
    /// First file date
    #[arg(long, value_name = "YYYY-MM-DD", default_value = "2025-09-22")]
    start: NaiveDate,
    /// Another seed gives other rows
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Share of rows that a later file repeats with changes: 0 to 1
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    resend: f64,
    /// Add faults: missing and renamed columns, bad records, a missing day …
    #[arg(long)]
    quirks: bool,
    /// Which prefixes to write; may be given several times
    #[arg(long = "prefix", value_name = "PREFIX",
          default_values_t = ["orders-create".to_owned(), "orders-update".to_owned()])]
    prefixes: Vec<String>,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "a share is a number from 0 to 1".to_owned())
}

#[derive(serde::Serialize)]
struct Written {
    folder: String,
    files: Vec<File>,
    missing_days: Vec<String>,
}

#[derive(serde::Serialize)]
struct File {
    key: String,
    rows: u64,
    bytes: u64,
    quirks: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// [`Error::Sample`].
pub(super) fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    let prefixes = arguments.prefixes.iter().map(|prefix| prefix.trim_end_matches('/').to_owned());
    let options = Options {
        days: arguments.days,
        rows: arguments.rows,
        start: arguments.start,
        seed: arguments.seed,
        resend: arguments.resend,
        quirks: arguments.quirks,
        prefixes: prefixes.collect(),
    };
    let files = u64::from(options.days) * options.prefixes.len() as u64;
    context.progress.begin("sample", Total { files, bytes: 0 });
    let progress = &context.progress;
    let summary = backfill_sample::write(&arguments.folder, &options, &mut |file| {
        progress.advance(1, file.bytes, file.rows);
    });
    progress.end();
    let written = written(&arguments, &summary?);
    context.output.print(&written, render)?;
    Ok(Exit::Done)
}

impl File {
    fn of(file: &WrittenFile) -> Self {
        Self {
            key: file.path.display().to_string(),
            rows: file.rows,
            bytes: file.bytes,
            quirks: file.quirks.iter().map(ToString::to_string).collect(),
        }
    }
}

fn written(arguments: &Arguments, summary: &Summary) -> Written {
    let missing = summary.missing_days.iter();
    Written {
        folder: arguments.folder.display().to_string(),
        files: summary.files.iter().map(File::of).collect(),
        missing_days: missing.map(|(prefix, day)| format!("{prefix}/ {day}")).collect(),
    }
}

fn render(written: &Written) -> String {
    let (mut rows, mut bytes) = (0, 0);
    let mut text = String::new();
    for file in &written.files {
        rows += file.rows;
        bytes += file.bytes;
        for quirk in &file.quirks {
            text.push_str(&format!("{} {quirk}\n", file.key));
        }
    }
    for day in &written.missing_days {
        text.push_str(&format!("{day} has no file\n"));
    }
    text.push_str(&format!(
        "{} files, {} rows, {} in {}\n",
        written.files.len(),
        printable::grouped(rows),
        printable::bytes(bytes),
        written.folder
    ));
    text
}

//! `backfill verify`.

use clap::Args;

use super::Context;
use super::range::RangeArguments;
use crate::error::{Error, Exit};
use crate::life::{self, DeepOptions, Verification};
use crate::show;

/// Verifies, at any time after a load, that the target still holds what was loaded.
///
/// Counts the rows of each file and compares them with the ledger, and with the staged rows if they still exist. Files
/// that no longer exist in the source are included. With --deep, every cell is compared with what was loaded: with the
/// staged rows if they still exist, otherwise with rows that are staged again. Of values that differ, only the shapes
/// are shown: 9 for a digit, A for a letter. Nothing is written to the database.
///
/// Columns that were not loaded are not compared. A column that was loaded and has been dropped since is WRONG.
///
/// What cannot be verified is UNVERIFIED, and so are rows that neither the source, nor the ledger, nor dlt knows. The
/// exit code is 3 if anything is WRONG, and with --strict also if anything is UNVERIFIED.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    range: RangeArguments,
    /// Compare every cell
    #[arg(long)]
    deep: bool,
    /// End with exit code 3 also if anything is UNVERIFIED
    #[arg(long)]
    strict: bool,
    /// How many connections read at once, with --deep
    #[arg(long, value_name = "N", default_value_t = 2, requires = "deep",
          value_parser = clap::value_parser!(u16).range(1..=16))]
    connections: u16,
}

/// Runs the command.
///
/// # Errors
/// [`Error`]; [`Error::NoFiles`] if no dataset has a file in the range, neither in the source nor in the ledger.
pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    arguments.range.refuse_backward()?;
    let project = context.open(context.configured(&arguments.range.prefixes)?)?;
    let ranges = arguments.range.ranges(&project).await?;
    let options = DeepOptions { connections: usize::from(arguments.connections) };
    let mut verifications = Vec::new();
    for dataset in &project.config.datasets {
        let Some(range) = ranges.of(dataset) else { continue };
        verifications.push(match arguments.deep {
            true => life::verify_deep(&project, dataset, range, options).await?,
            false => life::verify_counts(&project, dataset, range).await?,
        });
    }
    if verifications.iter().all(|found| found.files.is_empty() && found.not_loaded == 0) {
        return ranges.without_files(&project.config);
    }
    let is_wrong = verifications.iter().any(|verification| verification.totals.wrong > 0);
    let is_unverified = verifications.iter().any(Verification::has_unverified);
    context.output.print(&verifications, |verifications| {
        let texts: Vec<String> = verifications.iter().map(show::verification).collect();
        let passes = is_unverified && !is_wrong && !arguments.strict;
        texts.join("\n") + if passes { PASSES } else { "" }
    })?;
    match is_wrong || is_unverified && arguments.strict {
        true => Ok(Exit::Refused),
        false => Ok(Exit::Done),
    }
}

/// The line that is printed if something could not be verified and the exit code is 0.
const PASSES: &str = "\
what is UNVERIFIED was not compared, and the exit code is still 0; with --strict it is 3\n";

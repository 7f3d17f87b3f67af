//! `backfill verify`.

use clap::Args;

use super::Context;
use super::range::RangeArguments;
use crate::error::{Error, Exit};
use crate::life::{self, DeepOptions, Verification};
use crate::show;

/// Verifies, at any time after a load, that the target still holds what was loaded.
///
/// The rows of each file are counted and compared with the ledger, and with staging as far as it is still
/// there; files that are gone from the source count too. With --deep every cell is compared with what was
/// loaded: with the staged rows if they are still there, otherwise with rows that are staged again. Of values
/// that differ only the shapes are shown: 9 for a digit, A for a letter. Nothing is written to the database.
///
/// Columns that the load did not give are not compared; a column that it gave and that was dropped since is WRONG.
///
/// What cannot be verified says UNVERIFIED; so do rows that neither the source, nor the ledger, nor dlt knows. Ends
/// with exit code 3 if anything is WRONG, and with --strict also if anything is UNVERIFIED.
#[derive(Debug, Args)]
pub struct Arguments {
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
pub async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
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
    let is_empty = |v: &Verification| v.files.is_empty() && v.not_loaded == 0;
    if verifications.iter().all(is_empty) {
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

/// What is said if something could not be verified and the exit code does not say so.
const PASSES: &str = "\
what is UNVERIFIED was not compared, and the exit code is 0 all the same: with --strict it is 3\n";

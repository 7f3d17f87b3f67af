//! `backfill drift`.

use clap::{Args, ValueEnum};

use super::Context;
use super::days::Days;
use super::range::{RangeArguments, today};
use crate::domain::Notice;
use crate::error::{Error, Exit};
use crate::look::drift::Drift;
use crate::{look, show};

/// Shows how the files of a range differ in format, from their first bytes, and with --deep in content.
///
/// Days of one format make an epoch. Said are what changed between epochs, what is odd about days and
/// sizes, and what the dataset's SQL and its target make of each epoch. Without --deep, nothing is
/// written anywhere. Exit code 3 where a run over the range would fail, or where --fail-on says so.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    range: RangeArguments,
    /// Print the lines of stage.sql that would bring the epochs together
    #[arg(long)]
    propose: bool,
    /// Compare the values of every column in every file with those of a reference as well; mirrors and
    /// profiles that are missing are written to staging
    #[arg(long)]
    deep: bool,
    /// The days that are taken to be right; the newest epoch where none are named
    #[arg(long, value_name = "START..END", requires = "deep")]
    reference: Option<Days>,
    /// What ends with exit code 3
    #[arg(long, value_name = "WHAT", default_value = "failure")]
    fail_on: FailOn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// What would make a run fail
    Failure,
    /// Any change of format as well, and with --deep any difference of content
    Change,
}

#[derive(serde::Serialize)]
struct Looked {
    #[serde(flatten)]
    drift: Drift,
    notices: Vec<Notice>,
}

/// Runs the command.
///
/// # Errors
/// [`Error`].
pub async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    arguments.range.refuse_backward()?;
    let project = context.open(context.configured(&arguments.range.prefixes)?)?;
    let ranges = arguments.range.ranges(&project).await?;
    let mut looked = Vec::new();
    for dataset in &project.config.datasets {
        let Some(range) = ranges.of(dataset) else { continue };
        let drift = match arguments.deep {
            true => {
                let reference = match arguments.reference {
                    Some(days) => days.of(&project, dataset, today()).await?.range(dataset)?,
                    None => None,
                };
                look::deep_drift(&project, dataset, range, reference).await?
            }
            false => look::drift(&project, dataset, range).await?,
        };
        looked.push(Looked { drift, notices: project.notices(dataset) });
    }
    context.output.print(&looked, |looked| {
        let texts = looked.iter().map(|Looked { drift, .. }| show::drift(drift, arguments.propose));
        texts.collect::<Vec<_>>().join("\n")
    })?;
    if looked.iter().any(|Looked { drift, .. }| fails(drift, arguments.fail_on)) {
        return Ok(Exit::Refused);
    }
    if looked.iter().all(|Looked { drift, .. }| drift.files == 0) {
        return ranges.without_files(&project.config);
    }
    Ok(Exit::Done)
}

fn fails(drift: &Drift, fail_on: FailOn) -> bool {
    drift.stops_a_run() || fail_on == FailOn::Change && drift.has_changed()
}

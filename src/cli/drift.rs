//! `backfill drift`.

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use super::Context;
use super::days::Days;
use super::range::{RangeArguments, today};
use crate::domain::{ANY_DRIFT, DriftKind, DriftKinds, Notice};
use crate::error::{Error, Exit};
use crate::look::Depth;
use crate::look::drift::Drift;
use crate::{look, show};

/// Shows how the files of a range differ in format, from their first bytes, and with --deep in content.
///
/// Days with the same format form an epoch. Reports what changed between epochs; missing days, unusual row counts and
/// copies; rejected records; and whether the dataset's SQL and target can take each epoch. Mirrors and profiles are
/// written to staging only if all records are read: with --deep, or if a kind of --fail-on needs them. The exit code is
/// 3 if a run over the range would fail, as far as the bytes that were read show it, or if there is drift of the kinds
/// of --fail-on: the error names the files and days.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    range: RangeArguments,
    /// Print lines for stage.sql that make the rows of all epochs alike
    #[arg(long)]
    propose: bool,
    /// Also compare the values of every column in every file with those of the reference days; missing mirrors and
    /// profiles are written to staging
    #[arg(long)]
    deep: bool,
    /// The days to compare with; by default the newest files with the same columns, at least a week of them
    #[arg(long, value_name = "START..END")]
    reference: Option<Days>,
    /// The kinds of drift that lead to exit code 3, separated by commas, besides those that make a run fail
    #[arg(long, value_name = "KINDS", value_delimiter = ',', default_value = "failure")]
    fail_on: Vec<FailOn>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FailOn {
    /// Nothing but what makes a run fail.
    Failure,
    /// Any change of format, and with --deep any difference of content.
    Change,
    /// Every kind of drift.
    Any,
    /// A kind of drift.
    Kind(DriftKind),
}

impl ValueEnum for FailOn {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [FailOn; DriftKind::ALL.len() + 3] = {
            let mut all = [FailOn::Any; DriftKind::ALL.len() + 3];
            all[0] = FailOn::Failure;
            all[1] = FailOn::Change;
            let mut place = 0;
            while place < DriftKind::ALL.len() {
                all[place + 3] = FailOn::Kind(DriftKind::ALL[place]);
                place += 1;
            }
            all
        };
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Failure => PossibleValue::new("failure").help("Only what makes a run fail"),
            Self::Change => PossibleValue::new("change")
                .help("Any change of format, and with --deep any difference of content"),
            Self::Any => PossibleValue::new(ANY_DRIFT).help("Every kind below (reads all records)"),
            Self::Kind(kind) => PossibleValue::new(kind.name()).help(kind.meaning()),
        })
    }
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
pub(super) async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    arguments.range.refuse_backward()?;
    let project = context.open(context.configured(&arguments.range.prefixes)?)?;
    let ranges = arguments.range.ranges(&project).await?;
    let kinds = kinds(&arguments.fail_on);
    let depth = depth(&arguments, &kinds)?;
    let mut looked = Vec::new();
    for dataset in &project.config.datasets {
        let Some(range) = ranges.of(dataset) else { continue };
        let reference = match arguments.reference {
            Some(days) => days.of(&project, dataset, today()).await?.range(dataset)?,
            None => None,
        };
        let drift = look::drift(&project, dataset, range, depth, reference, &kinds).await?;
        looked.push(Looked { drift, notices: project.notices(dataset) });
    }
    context.output.print(&looked, |looked| {
        let texts = looked.iter().map(|Looked { drift, .. }| show::drift(drift, arguments.propose));
        texts.collect::<Vec<_>>().join("\n")
    })?;
    for Looked { drift, .. } in &looked {
        look::refuse_drift(&drift.dataset, drift.instances.as_deref().unwrap_or_default())?;
    }
    if looked.iter().any(|Looked { drift, .. }| fails(drift, &arguments.fail_on)) {
        return Ok(Exit::Refused);
    }
    if looked.iter().all(|Looked { drift, .. }| drift.files == 0) {
        return ranges.without_files(&project.config);
    }
    Ok(Exit::Done)
}

fn fails(drift: &Drift, fail_on: &[FailOn]) -> bool {
    drift.stops_a_run() || fail_on.contains(&FailOn::Change) && drift.has_changed()
}

/// Returns the kinds of drift that `--fail-on` names.
fn kinds(fail_on: &[FailOn]) -> DriftKinds {
    if fail_on.contains(&FailOn::Any) {
        return DriftKinds::all();
    }
    fail_on.iter().filter_map(FailOn::kind).collect()
}

impl FailOn {
    fn kind(&self) -> Option<DriftKind> {
        match self {
            Self::Kind(kind) => Some(*kind),
            Self::Failure | Self::Change | Self::Any => None,
        }
    }
}

/// Returns how much of the files is read: as much as the options or the kinds of drift need.
///
/// # Errors
/// [`Error::Usage`] if a reference is given but no values are compared.
fn depth(arguments: &Arguments, kinds: &DriftKinds) -> Result<Depth, Error> {
    if arguments.deep || kinds.any(DriftKind::needs_values) {
        return Ok(Depth::Values);
    }
    if arguments.reference.is_some() {
        return Err(Error::Usage("--reference compares values: add --deep".to_owned()));
    }
    Ok(match kinds.any(DriftKind::needs_records) {
        true => Depth::Records,
        false => Depth::FirstBytes,
    })
}

//! `backfill gaps`.

use clap::Args;
use serde::Serialize;

use super::Context;
use super::ranges::no_files;
use crate::domain::{DateRange, FileDate, Notice};
use crate::error::{Error, Exit};
use crate::look::estimate::{Compute, Estimate, Room};
use crate::look::{Choice, Scope, Surveyed};
use crate::state::Gaps;
use crate::{look, show};

/// Shows what S3 holds, what the database holds, and what is missing there, as ranges of days.
///
/// A gap before the live loader's first day is historical: that is what a backfill loads. From that day on
/// it is forward: the live loader's own work. With --options, ways to close the historical gaps are
/// compared: rows, time, growth of the database and cost, each with where it comes from. Nothing is
/// written; without a database, only what S3 holds is shown. Exit code 3 if the historical gaps do not fit
/// into the database or onto its disk, as far as limits.database, limits.disk or --compute tell of them;
/// with --options, if no option fits.
#[derive(Debug, Args)]
pub struct Arguments {
    /// First file date; the first that there is if none is given
    #[arg(long, value_name = "YYYY-MM-DD")]
    start: Option<FileDate>,
    /// Last file date, inclusive; the last that there is if none is given
    #[arg(long, value_name = "YYYY-MM-DD")]
    end: Option<FileDate>,
    /// Only the dataset of this prefix; may be given several times
    #[arg(long = "prefix", value_name = "PREFIX")]
    prefixes: Vec<String>,
    /// Compare ways to close the historical gaps: everything, from each --from on, nothing
    #[arg(long)]
    options: bool,
    /// An option that leaves out earlier days; may be given several times
    #[arg(long, value_name = "YYYY-MM-DD", requires = "options")]
    from: Vec<FileDate>,
    /// The Supabase compute size of the database: free, nano, micro, small, medium, large, xl, 2xl …
    #[arg(long, value_name = "SIZE")]
    compute: Option<Compute>,
}

/// Everything that was found out.
#[derive(Serialize)]
struct Found {
    datasets: Vec<FoundOf>,
    /// The historical gaps of all datasets together.
    estimate: Option<Estimate>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    options: Vec<Choice>,
    /// Why the historical gaps do not fit.
    refusal: Option<String>,
}

/// What was found out about one dataset.
#[derive(Serialize)]
struct FoundOf {
    #[serde(flatten)]
    gaps: Gaps,
    estimate: Option<Estimate>,
    notices: Vec<Notice>,
}

/// Runs the command.
///
/// # Errors
/// [`Error`]; [`Error::NoFiles`] if no dataset has a file.
pub async fn run(arguments: Arguments, context: &Context) -> Result<Exit, Error> {
    let range = DateRange::open(arguments.start, arguments.end);
    let range = range.map_err(|error| Error::Usage(error.to_string()))?;
    let project = context.open(context.configured(&arguments.prefixes)?)?;
    let mut surveyed = Vec::new();
    for dataset in &project.config.datasets {
        surveyed.push(look::gaps(&project, dataset, arguments.start, arguments.end).await?);
    }
    let compute = arguments.compute;
    let room = Room::of(project.config.limits, compute);
    let all = judged(&surveyed, Scope::Everything, room, compute);
    let choices = match arguments.options {
        true => choices(&surveyed, &arguments.from, room, compute),
        false => Vec::new(),
    };
    let fits = fits(&all, &choices);
    let is_empty = surveyed.iter().all(|one| one.gaps.source.files == 0);
    let datasets = project.config.datasets.iter().zip(surveyed).map(|(dataset, one)| FoundOf {
        estimate: one.estimate(Scope::Everything, compute),
        gaps: one.gaps,
        notices: project.notices(dataset),
    });
    let (datasets, Choice { estimate, refusal, .. }) = (datasets.collect(), all);
    let found = Found { datasets, estimate, options: choices, refusal };
    context.output.print(&found, render)?;
    match (is_empty, fits) {
        (true, _) => Err(no_files(&project.config, range)),
        (false, true) => Ok(Exit::Done),
        (false, false) => Ok(Exit::Refused),
    }
}

/// Whether the gaps fit, or one of the choices does; without a gap everything does.
fn fits(all: &Choice, choices: &[Choice]) -> bool {
    let one_fits = choices.iter().any(|choice| choice.refusal.is_none() && has_work(choice));
    all.refusal.is_none() || one_fits || !has_work(all)
}

fn has_work(choice: &Choice) -> bool {
    choice.estimate.as_ref().is_some_and(|estimate| estimate.files > 0)
}

/// Everything, from each day on, nothing.
fn choices(
    surveyed: &[Surveyed],
    from: &[FileDate],
    room: Room,
    compute: Option<Compute>,
) -> Vec<Choice> {
    let mut from = from.to_vec();
    from.sort_unstable();
    from.dedup();
    let scopes = [Scope::Everything]
        .into_iter()
        .chain(from.into_iter().map(Scope::From))
        .chain([Scope::Nothing]);
    scopes.map(|scope| judged(surveyed, scope, room, compute)).collect()
}

/// What a scope comes to, and whether it fits.
fn judged(surveyed: &[Surveyed], scope: Scope, room: Room, compute: Option<Compute>) -> Choice {
    let choice = look::choice(surveyed, scope, compute);
    let database = surveyed.iter().find_map(Surveyed::database_bytes);
    let growth = choice.estimate.as_ref().and_then(|estimate| estimate.growth.value);
    let refusal = room.refuse(database, growth).filter(|_| scope != Scope::Nothing);
    Choice { refusal: refusal.map(|refusal| refusal.to_string()), ..choice }
}

fn render(found: &Found) -> String {
    let gaps: Vec<&Gaps> = found.datasets.iter().map(|dataset| &dataset.gaps).collect();
    let mut text = show::gaps(&gaps);
    match (found.options.is_empty(), &found.estimate) {
        (false, _) => text.push_str(&format!("\n{}", show::choices(&found.options))),
        (true, Some(estimate)) if estimate.files > 0 => {
            let is_known = gaps.iter().any(|gaps| gaps.held.is_some());
            let what = if is_known { "The historical gaps" } else { "Everything" };
            text.push_str(&format!("\n{what}\n{}", show::estimate(estimate)));
        }
        _ => {}
    }
    if let (true, Some(refusal)) = (found.options.is_empty(), &found.refusal) {
        text.push_str(&format!("does not fit: {refusal}\n"));
    }
    text
}
